//! The forms of a sparse vector: text, wire, limits, and the operations on it.
//!
//! Only elements that are not 0 are stored, each with its index. Messages and SQLSTATEs are pgvector's,
//! byte for byte: clients' tests match them.

pub mod arith;
pub mod compare;
pub mod distance;
pub mod limits;
pub mod text;
pub mod wire;

pub use limits::{KIND, MAX_DIM, MAX_NNZ, check_dim, check_nnz};

/// A sparse vector, borrowed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sparse<'a> {
    /// Number of dimensions, 1 to [`MAX_DIM`].
    pub dim: i32,
    /// The index of each element: from 0 on, below `dim`, ascending, none twice; at most [`MAX_NNZ`].
    pub indices: &'a [i32],
    /// The element for each index: finite, not 0.
    pub values: &'a [f32],
}

#[cfg(test)]
mod tests {
    //! Sparse vectors for the tests of this folder.

    use super::Sparse;
    use proptest::prelude::*;

    /// A sparse vector with its elements.
    #[derive(Debug)]
    pub struct Owned {
        dim: i32,
        indices: Vec<i32>,
        values: Vec<f32>,
    }

    impl Owned {
        /// A vector of these elements, in order.
        pub fn of(dim: i32, elements: &[(i32, f32)]) -> Self {
            let (indices, values) = elements.iter().copied().unzip();
            Self { dim, indices, values }
        }

        pub fn get(&self) -> Sparse<'_> {
            Sparse { dim: self.dim, indices: &self.indices, values: &self.values }
        }

        /// The same vector, dense.
        pub fn dense(&self) -> Vec<f32> {
            let mut all = vec![0.0; self.dim as usize];
            self.indices.iter().zip(&self.values).for_each(|(&i, &x)| all[i as usize] = x);
            all
        }
    }

    /// Sparse vectors of `dim` dimensions and small whole numbers.
    pub fn any_sparse(dim: i32) -> impl Strategy<Value = Owned> {
        prop::collection::btree_map(0..dim, prop_oneof![-3i8..0, 1i8..4], 0..=dim as usize).prop_map(
            move |elements| {
                let elements: Vec<_> = elements.into_iter().map(|(i, x)| (i, f32::from(x))).collect();
                Owned::of(dim, &elements)
            },
        )
    }
}
