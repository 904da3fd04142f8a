//! What an index of Pinecone's may be called, how it compares, and its tags.

pub mod metric;
pub mod spec;
pub mod tags;
