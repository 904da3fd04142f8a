//! Pinecone's rules for the names and contents of records and namespaces.

pub mod batch;
pub mod dense;
pub mod id;
pub mod metadata;
pub mod namespace;
