//! The forms of a vector: text, wire, limits, and the element-wise operations on it.
//!
//! A vector is a slice of 1 to [`MAX_DIM`] elements (`f32`, or `f16` in a `halfvec`), all finite. Messages and SQLSTATEs are
//! pgvector's, byte for byte: clients' tests match them.

pub mod arith;
pub mod bits;
pub mod compare;
pub mod limits;
pub(crate) mod number;
pub mod slice;
pub mod state;
pub mod text;
pub mod wire;

pub use super::element::MAX_DIM;
pub use limits::{check_elements, check_expected_dim, check_same_dims};
