//! Pinecone's rules: who may do what, and what an index, a namespace and a record may be called and hold.

pub mod access;
pub mod index;
pub mod record;
