//! What an index of Pinecone's may be called, how it compares, its tags, and how it is described.

pub mod forms;
mod json;
pub mod metric;
pub mod schema;
pub mod spec;
pub mod storage;
pub mod tags;
