//! The types and their SQL functions: arguments are unpacked here, and results computed in the pure parts.

pub mod aggregate;
pub mod bit;
pub mod narrow;
pub mod sparsevec;
pub mod vector;
