//! The data plane: the records of an index. A file for each function.

mod arguments;
mod delete;
mod fetch;
mod fetch_by_metadata;
mod filtered;
mod list;
mod namespaces;
mod nearest;
mod query;
mod query_namespaces;
mod stats;
mod update;
mod upsert;

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    filtered::touch();
}
