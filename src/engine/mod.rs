//! The vector engine: pgvector's types, operators and functions over the pure parts.

mod aggregate;
mod array;
mod bit;
mod call;
mod datum;
pub mod hnsw;
mod message;
mod narrow;
mod result;
pub mod sparsevec;
mod varlena;
pub mod vector;
mod writer;
