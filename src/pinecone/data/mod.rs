//! The data plane: the records of an index. A file for each function.

mod arguments;
mod delete;
mod fetch;
mod list;
mod query;
mod stats;
mod upsert;
