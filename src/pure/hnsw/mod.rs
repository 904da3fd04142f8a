//! The index on bytes: the content of its pages, and how a graph is built, searched, inserted into, vacuumed and checked.
//!
//! The folders stand on one another in this order: `params` and `edges`; `rotation`, `rabitq`, `stored_vector` and
//! `uncoded`, the forms of a vector; `node` and `pages`, the bytes; `build`, `search`, `insert`, `vacuum` and `check`.
//! `test_index` is an index in memory, for tests and benchmarks.

pub mod build;
pub mod check;
pub mod cosine_direction;
pub mod edges;
#[cfg(test)]
mod golden;
pub mod insert;
pub mod level;
pub mod node;
pub mod pages;
pub mod params;
pub mod rabitq;
pub mod rotation;
pub mod search;
pub mod stored_vector;
pub mod test_index;
pub mod uncoded;
pub mod vacuum;
