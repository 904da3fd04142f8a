//! The parts of Conifer that know nothing of PostgreSQL: the kernels, the types of vectors, the index on bytes, and Pinecone's
//! rules. All of them can be tested, fuzzed and benchmarked without a server.

pub mod distance;
pub mod fault;
pub mod hnsw;
pub mod inverted;
pub mod jsonb;
pub mod memory;
#[cfg(test)]
mod noise;
pub mod pinecone;
mod simd;
pub mod types;
pub mod version;

pub use fault::{Fault, Result};
