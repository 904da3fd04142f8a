//! Distances and norms: float8 results of float4 kernels.

use super::Vector;
use crate::raise::OrRaise;
use conifer_pure::distance;
use conifer_pure::vector::check_same_dims;
use pgrx::prelude::*;

/// The elements of two vectors of the same dimensions, or an error.
#[inline]
fn pair<'a>(a: &'a Vector, b: &'a Vector) -> (&'a [f32], &'a [f32]) {
    let (a, b) = (a.as_slice(), b.as_slice());
    check_same_dims(a, b).or_raise();
    (a, b)
}

/// Euclidean distance, operator `<->`.
#[pg_extern(sql = false)]
fn l2_distance(a: Vector, b: Vector) -> f64 {
    let (a, b) = pair(&a, &b);
    f64::from(distance::l2_squared(a, b)).sqrt()
}

/// Squared Euclidean distance: orders as the distance, without the root.
#[pg_extern(sql = false)]
fn vector_l2_squared_distance(a: Vector, b: Vector) -> f64 {
    let (a, b) = pair(&a, &b);
    f64::from(distance::l2_squared(a, b))
}

/// Inner product.
#[pg_extern(sql = false)]
fn inner_product(a: Vector, b: Vector) -> f64 {
    let (a, b) = pair(&a, &b);
    f64::from(distance::inner_product(a, b))
}

/// Negative inner product, operator `<#>`: smaller is nearer, as the server sorts.
#[pg_extern(sql = false)]
fn vector_negative_inner_product(a: Vector, b: Vector) -> f64 {
    let (a, b) = pair(&a, &b);
    f64::from(-distance::inner_product(a, b))
}

/// Cosine distance, 0 to 2, operator `<=>`; NaN if one vector is all zeros.
#[pg_extern(sql = false)]
fn cosine_distance(a: Vector, b: Vector) -> f64 {
    let (a, b) = pair(&a, &b);
    1.0 - distance::cosine_similarity(a, b)
}

/// Angle between two vectors of norm 1, as a fraction of a half turn.
#[pg_extern(sql = false)]
fn vector_spherical_distance(a: Vector, b: Vector) -> f64 {
    let (a, b) = pair(&a, &b);
    f64::from(distance::inner_product(a, b)).clamp(-1.0, 1.0).acos() / std::f64::consts::PI
}

/// Manhattan distance, operator `<+>`.
#[pg_extern(sql = false)]
fn l1_distance(a: Vector, b: Vector) -> f64 {
    let (a, b) = pair(&a, &b);
    f64::from(distance::l1(a, b))
}

/// Euclidean norm.
#[pg_extern(sql = false)]
fn vector_norm(v: Vector) -> f64 {
    distance::norm(v.as_slice())
}
