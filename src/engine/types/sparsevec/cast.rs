//! Casts: to a given number of dimensions, from arrays, from and to `vector` and `halfvec`.

use super::SparseVec;
use crate::engine::types::narrow::narrow;
use crate::engine::types::vector::{Dense, HalfVec, Vector};
use crate::pg::array::{Array, Numeric, Single};
use crate::pg::error::OrRaise;
use conifer_pure::memory::allocation::collected;
use conifer_pure::types::element::Element;
use conifer_pure::types::sparsevec::{KIND, check_nnz};
use conifer_pure::types::vector::check_expected_dim;
use pgrx::prelude::*;

/// `sparsevec` to `sparsevec(typmod)`: the dimensions are checked, never changed.
#[pg_extern(sql = false)]
fn sparsevec(v: SparseVec, typmod: i32, _explicit: bool) -> SparseVec {
    check_expected_dim(typmod, v.dim() as usize).or_raise();
    v
}

/// The elements of a vector that are not 0.
fn sparse<T: Element>(v: &Dense<T>, typmod: i32) -> SparseVec {
    check_expected_dim(typmod, v.dim()).or_raise();
    SparseVec::from_elements(v.dim() as i32, (0..).zip(v.as_slice().iter().map(|x| x.to_f32())))
}

/// A vector with its zeros.
fn dense<T: Element>(v: &SparseVec, typmod: i32) -> Dense<T> {
    let v = v.as_sparse();
    T::KIND.check_dim(v.dim.into()).or_raise();
    check_expected_dim(typmod, v.dim as usize).or_raise();
    let mut result = Dense::zeroed(v.dim as usize);
    let elements = result.as_mut_slice();
    for (&i, &x) in v.indices.iter().zip(v.values) {
        // An index is within the dimensions, by the rules of the type.
        if let Some(element) = elements.get_mut(i as usize) {
            *element = narrow(x).or_raise();
        }
    }
    result
}

/// The elements of an array that are not 0.
fn from_array<T: Single>(array: &Array<T>, typmod: i32) -> SparseVec {
    let elements = T::singles(array);
    KIND.check_dim(elements.len() as i64).or_raise();
    check_expected_dim(typmod, elements.len()).or_raise();
    let elements = collected(elements).or_raise();
    let dim = elements.len() as i32;
    let nnz = elements.iter().filter(|x| **x != 0.0).count();
    check_nnz(nnz as i32, dim).or_raise();
    elements.iter().try_for_each(|&x| KIND.check_element(x)).or_raise();
    SparseVec::from_elements(dim, (0..).zip(elements.iter().copied()))
}

#[pg_extern(sql = false)]
fn vector_to_sparsevec(v: Vector, typmod: i32, _explicit: bool) -> SparseVec {
    sparse(&v, typmod)
}

#[pg_extern(sql = false)]
fn halfvec_to_sparsevec(v: HalfVec, typmod: i32, _explicit: bool) -> SparseVec {
    sparse(&v, typmod)
}

#[pg_extern(sql = false)]
fn sparsevec_to_vector(v: SparseVec, typmod: i32, _explicit: bool) -> Vector {
    dense(&v, typmod)
}

#[pg_extern(sql = false)]
fn sparsevec_to_halfvec(v: SparseVec, typmod: i32, _explicit: bool) -> HalfVec {
    dense(&v, typmod)
}

#[pg_extern(sql = false)]
fn array_to_sparsevec_int4(array: Array<i32>, typmod: i32, _explicit: bool) -> SparseVec {
    from_array(&array, typmod)
}

#[pg_extern(sql = false)]
fn array_to_sparsevec_float4(array: Array<f32>, typmod: i32, _explicit: bool) -> SparseVec {
    from_array(&array, typmod)
}

#[pg_extern(sql = false)]
fn array_to_sparsevec_float8(array: Array<f64>, typmod: i32, _explicit: bool) -> SparseVec {
    from_array(&array, typmod)
}

#[pg_extern(sql = false)]
fn array_to_sparsevec_numeric(array: Array<Numeric>, typmod: i32, _explicit: bool) -> SparseVec {
    from_array(&array, typmod)
}
