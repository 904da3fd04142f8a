//! Distances and norms: float8 results of float4 kernels.
#![allow(unsafe_code)]

use super::elements::of_vectors;
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{export, export_of};
use conifer_pure::distance;
use conifer_pure::types::vector::check_same_dims;

of_vectors! {
    /// Euclidean distance, operator `<->`.
    fn l2_distance, halfvec_l2_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::l2_squared(a, b)).sqrt()
    }

    /// Squared Euclidean distance: orders as the distance, without the root.
    fn vector_l2_squared_distance, halfvec_l2_squared_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::l2_squared(a, b))
    }

    /// Inner product.
    fn inner_product, halfvec_inner_product(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::inner_product(a, b))
    }

    /// Negative inner product, operator `<#>`: smaller is nearer, as the server sorts.
    fn vector_negative_inner_product, halfvec_negative_inner_product(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(-distance::inner_product(a, b))
    }

    /// Cosine distance, 0 to 2, operator `<=>`; NaN if one vector is all zeros.
    fn cosine_distance, halfvec_cosine_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        1.0 - distance::cosine_similarity(a, b)
    }

    /// Angle between two vectors of norm 1, as a fraction of a half turn.
    fn vector_spherical_distance, halfvec_spherical_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::inner_product(a, b)).clamp(-1.0, 1.0).acos() / std::f64::consts::PI
    }

    /// Manhattan distance, operator `<+>`.
    fn l1_distance, halfvec_l1_distance(a, b) -> f64 {
        check_same_dims(a, b).or_raise();
        f64::from(distance::l1(a, b))
    }

    /// Euclidean norm.
    fn vector_norm, halfvec_l2_norm(v) -> f64 {
        distance::norm(v)
    }
}
