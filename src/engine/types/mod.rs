//! The types and their SQL functions: arguments are unpacked here, and results computed in the pure parts.

pub mod aggregate_step;
pub mod bit;
pub mod narrow;
pub mod sparsevec;
pub mod vector;
