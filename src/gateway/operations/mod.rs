//! What both APIs do: a request in the terms of Conifer's functions, and the rows that come back in those of Pinecone. Whatever
//! decides anything is in the database.

pub mod delete;
pub mod describe;
pub mod fetch;
pub mod indexes;
pub mod list;
pub mod namespaces;
pub mod query;
pub mod record;
pub mod stats;
pub mod update;
pub mod upsert;

/// A namespace as the vectors API answers it: the default one has no name there.
pub fn plain_namespace(name: &str) -> &str {
    if name == "__default__" { "" } else { name }
}
