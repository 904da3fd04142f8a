//! What a vector is made of: dimensions, parts, concatenation, signs.
#![allow(unsafe_code)]

use super::Vector;
use crate::engine::call::{export, of_vectors};
use crate::engine::result::Bits;
use crate::engine::varlena::Room;
use crate::raise::OrRaise;
use conifer_pure::vector::{bits, check_dim, slice};
use pgrx::prelude::*;

of_vectors! {
    /// Number of dimensions.
    fn vector_dims(v) -> i32 {
        v.len() as i32
    }

    /// The elements of `a`, then those of `b`; operator `||`.
    fn vector_concat(a, b) -> Vector {
        check_dim((a.len() + b.len()) as i64).or_raise();
        let mut result = Vector::zeroed(a.len() + b.len());
        let (left, right) = result.as_mut_slice().split_at_mut(a.len());
        left.copy_from_slice(a);
        right.copy_from_slice(b);
        result
    }

    /// A bit for each element, 1 where it is above 0.
    fn binary_quantize(v) -> Bits {
        Bits::new(v.len(), |out| bits::quantize(v, out))
    }
}

/// `count` elements from the 1-based `start` on, clipped like `substring`.
#[pg_extern(sql = false)]
fn subvector(v: Vector, start: i32, count: i32) -> Vector {
    let x = v.as_slice();
    Vector::from_slice(&x[slice::subvector(x.len(), start, count).or_raise()])
}
