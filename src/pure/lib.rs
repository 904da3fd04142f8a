//! The parts of Conifer that know nothing of PostgreSQL: kernels, the forms of a vector, Pinecone's
//! record rules. They can be tested, fuzzed and benchmarked without a server.

pub mod access;
pub mod allocation;
mod allocator;
pub mod alone;
pub mod bit;
pub mod block;
pub mod check;
pub mod code;
pub mod direction;
pub mod distance;
pub mod element;
pub mod fault;
pub mod graph;
pub mod index;
pub mod insert;
pub mod kind;
pub mod mend;
pub mod metric;
pub mod own;
pub mod pack;
pub mod plain;
mod prefetch;
pub mod record;
pub mod rotation;
pub mod search;
pub mod sparse;
pub mod vector;
pub mod version;

pub use fault::{Fault, Result};
