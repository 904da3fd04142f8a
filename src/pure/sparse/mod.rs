//! The forms of a sparse vector: text, wire, limits.
//!
//! Only elements that are not 0 are kept, each with its index. Messages and SQLSTATEs are pgvector's,
//! byte for byte: clients' tests match them.

pub mod limits;
pub mod text;
pub mod wire;

pub use limits::{MAX_DIM, MAX_NNZ, check_typmod};

/// A sparse vector, wherever its elements lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparse<'a> {
    /// Number of dimensions, 1 to [`MAX_DIM`].
    pub dim: i32,
    /// Where the elements stand: from 0 on, below `dim`, ascending, none twice; at most [`MAX_NNZ`].
    pub indices: &'a [i32],
    /// The element for each index: finite, not 0.
    pub values: &'a [f32],
}
