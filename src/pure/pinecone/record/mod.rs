//! Pinecone's rules for the names and contents of records and namespaces.

pub mod batch;
pub mod binary_batch;
pub mod dense;
pub mod id;
pub mod metadata;
pub mod namespace;
pub mod page_token;
pub mod pending_counts;
