//! The vector engine: pgvector's types, operators and functions over the pure parts, and the access method.

pub mod hnsw;
pub mod types;
