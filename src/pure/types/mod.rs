//! The types of SQL that hold vectors: their elements, limits, text, binary format and arithmetic.

pub mod bit;
pub mod element;
pub mod kind;
pub mod sparsevec;
pub mod vector;
