//! Pinecone's rules for what a record, a namespace and an index may be called and hold.

pub mod batch;
pub mod dense;
pub mod id;
pub mod metadata;
pub mod namespace;
