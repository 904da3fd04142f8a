//! Distances and the norm.
#![allow(unsafe_code)]

use super::SparseVec;
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{export, export_of, of_values};
use conifer_pure::types::sparsevec::distance;
use conifer_pure::types::sparsevec::distance::check_same_dims;

of_values! { SparseVec;
    /// Euclidean distance, operator `<->`.
    fn sparsevec_l2_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::l2_squared(a, b)).sqrt()
    }

    /// Squared Euclidean distance: orders as the distance, without the root.
    fn sparsevec_l2_squared_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::l2_squared(a, b))
    }

    /// Inner product.
    fn sparsevec_inner_product(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::inner_product(a, b))
    }

    /// Negative inner product, operator `<#>`: smaller is nearer, as the server sorts.
    fn sparsevec_negative_inner_product(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(-distance::inner_product(a, b))
    }

    /// Cosine distance, 0 to 2, operator `<=>`; NaN if one vector is all zeros.
    fn sparsevec_cosine_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        1.0 - distance::cosine_similarity(a, b)
    }

    /// Manhattan distance, operator `<+>`.
    fn sparsevec_l1_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::l1(a, b))
    }

    /// Euclidean norm.
    fn sparsevec_l2_norm(v) -> f64 {
        distance::norm(v)
    }
}
