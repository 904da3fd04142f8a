//! Dimensions, parts, concatenation and signs of a vector.
#![allow(unsafe_code)]

use super::elements::of_vectors;
use super::{Dense, HalfVec, Vector};
use crate::pg::error::OrRaise;
use crate::pg::fmgr::{export, export_of};
use crate::pg::returned::Bits;
use conifer_pure::types::element::Element;
use conifer_pure::types::vector::{bits, slice};
use pgrx::prelude::*;

of_vectors! {
    /// Number of dimensions.
    fn vector_dims, halfvec_vector_dims(v) -> i32 {
        v.len() as i32
    }

    /// The elements of `a`, then those of `b`; operator `||`.
    fn vector_concat, halfvec_concat(a, b) -> Dense<T> {
        T::KIND.check_dim((a.len() + b.len()) as i64).or_raise();
        let mut result = Dense::zeroed(a.len() + b.len());
        let (left, right) = result.as_mut_slice().split_at_mut(a.len());
        left.copy_from_slice(a);
        right.copy_from_slice(b);
        result
    }

    /// A bit for each element, 1 where it is above 0.
    fn binary_quantize, halfvec_binary_quantize(v) -> Bits {
        Bits::new(v.len(), |out| bits::quantize(v, out))
    }
}

/// `count` elements from the 1-based `start` on, clipped like `substring`.
fn part<T: Element>(v: Dense<T>, start: i32, count: i32) -> Dense<T> {
    let x = v.as_slice();
    Dense::from_slice(&x[slice::subvector(T::KIND, x.len(), start, count).or_raise()])
}

#[pg_extern(sql = false)]
fn subvector(v: Vector, start: i32, count: i32) -> Vector {
    part(v, start, count)
}

#[pg_extern(sql = false)]
fn halfvec_subvector(v: HalfVec, start: i32, count: i32) -> HalfVec {
    part(v, start, count)
}
