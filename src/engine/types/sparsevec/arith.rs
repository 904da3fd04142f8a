//! Normalization.
#![allow(unsafe_code)]

use super::SparseVec;
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{export, export_of, of_values};
use conifer_pure::types::sparsevec::{arith, distance};

of_values! { SparseVec;
    /// The vector divided by its norm; zeros stay zeros, and elements that become zero are left out.
    fn sparsevec_l2_normalize(v) -> SparseVec {
        let values = arith::normalized(v, distance::norm(v)).or_raise();
        SparseVec::from_elements(v.dim, v.indices.iter().copied().zip(values.iter().copied()))
    }
}
