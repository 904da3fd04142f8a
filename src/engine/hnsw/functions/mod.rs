//! SQL functions for the operator of an index.
//!
//! - `stats`: `hnsw_stats` and `hnsw_size`. `check`: `hnsw_check`. `recall`: `hnsw_recall`.
//! - `library_changed`: the library that serves an index, for scripts that move a database from pgvector and back.

mod check;
mod library_changed;
mod recall;
mod stats;
