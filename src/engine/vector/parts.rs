//! What a vector is made of: dimensions, parts, concatenation, signs.
#![allow(unsafe_code)]

use super::Vector;
use crate::engine::call::called_often;
use crate::engine::result::Bits;
use crate::raise::OrRaise;
use conifer_pure::vector::{bits, check_dim, slice};
use pgrx::prelude::*;

called_often! {
    /// Number of dimensions.
    fn vector_dims(v: Vector) -> i32 {
        v.len() as i32
    }
}

/// `count` elements from the 1-based `start` on, clipped like `substring`.
#[pg_extern(sql = false)]
fn subvector(v: Vector, start: i32, count: i32) -> Vector {
    let x = v.as_slice();
    Vector::from_slice(&x[slice::subvector(x.len(), start, count).or_raise()])
}

/// The elements of `a`, then those of `b`; operator `||`.
#[pg_extern(sql = false)]
fn vector_concat(a: Vector, b: Vector) -> Vector {
    let (a, b) = (a.as_slice(), b.as_slice());
    check_dim((a.len() + b.len()) as i64).or_raise();
    let mut result = Vector::zeroed(a.len() + b.len());
    let (left, right) = result.as_mut_slice().split_at_mut(a.len());
    left.copy_from_slice(a);
    right.copy_from_slice(b);
    result
}

/// A bit for each element, 1 where it is above 0.
#[pg_extern(sql = false)]
fn binary_quantize(v: Vector) -> Bits {
    Bits::new(v.dim(), |out| bits::quantize(v.as_slice(), out))
}
