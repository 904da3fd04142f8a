//! The data plane: a file for each operation.

pub mod delete;
pub mod fetch;
pub mod list;
pub mod namespaces;
pub mod query;
pub mod search;
mod sparse;
pub mod stats;
pub mod update;
pub mod upsert;
mod write;
