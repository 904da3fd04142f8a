//! Pinecone's rules: access, and the names and contents of indexes, namespaces and records.

pub mod access;
pub mod filter;
pub mod index;
pub mod record;
