//! The types and their SQL functions: what the server gives is unpacked here, and computed in the pure parts.

pub mod aggregate;
pub mod bit;
pub mod narrow;
pub mod sparsevec;
pub mod vector;
