//! The vector engine: pgvector's types, operators and functions over the pure parts, and the access methods.
//!
//! - `hnsw` and `inverted`: the access methods of these names. `storage`, `keys`, `vacuum`, `planner`,
//!   `build_progress`, `column_dims`,
//!   `index_options` and `scan_start`: what access methods have in common.
//! - `types`: the types and their functions. `start`: what is done when the library is loaded.

mod build_progress;
mod column_dims;
pub mod hnsw;
mod index_options;
mod inverted;
mod keys;
mod planner;
mod scan_start;
pub mod start;
mod storage;
pub mod types;
mod vacuum;
