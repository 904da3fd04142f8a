//! Normalization.
#![allow(unsafe_code)]

use super::SparseVec;
use crate::engine::call::{export, export_of, of_values};
use crate::raise::OrRaise;
use conifer_pure::types::sparsevec::{arith, distance};

of_values! { SparseVec;
    /// The vector divided by its norm; zeros stay zeros, and what becomes one is left out.
    fn sparsevec_l2_normalize(v) -> SparseVec {
        let values = arith::normalized(v, distance::norm(v)).or_raise();
        SparseVec::from_elements(v.dim, v.indices.iter().copied().zip(values.iter().copied()))
    }
}
