//! Casts: to a given number of dimensions, from arrays, to `real[]`, between `vector` and `halfvec`.
#![allow(unsafe_code)]

use super::{Dense, HalfVec, Vector};
use crate::engine::types::narrow::narrow;
use crate::pg::array::{Array, Numeric, Single};
use crate::pg::error::OrRaise;
use conifer_pure::types::element::Element;
use conifer_pure::types::vector::{check_elements, check_expected_dim};
use pgrx::prelude::*;

/// A new vector of `elements`. Elements that the type cannot hold are refused, then NaN and infinities.
fn converted<T: Element>(elements: impl ExactSizeIterator<Item = f32>, typmod: i32) -> Dense<T> {
    T::KIND.check_dim(elements.len() as i64).or_raise();
    check_expected_dim(typmod, elements.len()).or_raise();
    let mut result = Dense::zeroed(elements.len());
    result.as_mut_slice().iter_mut().zip(elements).for_each(|(x, e)| *x = narrow(e).or_raise());
    check_elements(result.as_slice()).or_raise();
    result
}

/// A vector's elements in single precision.
fn singles<T: Element>(v: &Dense<T>) -> impl ExactSizeIterator<Item = f32> {
    v.as_slice().iter().map(|x| x.to_f32())
}

/// The same vector: the dimensions are checked, never changed.
fn of_dim<T: Element>(v: Dense<T>, typmod: i32) -> Dense<T> {
    check_expected_dim(typmod, v.dim()).or_raise();
    v
}

/// A new array of a vector's elements.
fn array<T: Element>(v: &Dense<T>) -> Array<f32> {
    let mut array = Array::zeroed(v.dim());
    array.elements_mut().iter_mut().zip(singles(v)).for_each(|(e, x)| *e = x);
    array
}

#[pg_extern(sql = false)]
fn vector(v: Vector, typmod: i32, _explicit: bool) -> Vector {
    of_dim(v, typmod)
}

#[pg_extern(sql = false)]
fn halfvec(v: HalfVec, typmod: i32, _explicit: bool) -> HalfVec {
    of_dim(v, typmod)
}

#[pg_extern(sql = false)]
fn vector_to_float4(v: Vector, _typmod: i32, _explicit: bool) -> Array<f32> {
    array(&v)
}

#[pg_extern(sql = false)]
fn halfvec_to_float4(v: HalfVec, _typmod: i32, _explicit: bool) -> Array<f32> {
    array(&v)
}

#[pg_extern(sql = false)]
fn vector_to_halfvec(v: Vector, typmod: i32, _explicit: bool) -> HalfVec {
    converted(singles(&v), typmod)
}

#[pg_extern(sql = false)]
fn halfvec_to_vector(v: HalfVec, typmod: i32, _explicit: bool) -> Vector {
    converted(singles(&v), typmod)
}

/// Casts from arrays. Numbers beyond float4 are refused: as infinite, or by the server's own conversion of a
/// `numeric`.
macro_rules! array_casts {
    ($($name:ident: $element:ty => $vector:ty;)*) => {$(
        #[pg_extern(sql = false)]
        fn $name(array: Array<$element>, typmod: i32, _explicit: bool) -> $vector {
            converted(Single::singles(&array), typmod)
        }
    )*};
}
array_casts! {
    array_to_vector_int4: i32 => Vector;
    array_to_vector_float4: f32 => Vector;
    array_to_vector_float8: f64 => Vector;
    array_to_vector_numeric: Numeric => Vector;
    array_to_halfvec_int4: i32 => HalfVec;
    array_to_halfvec_float4: f32 => HalfVec;
    array_to_halfvec_float8: f64 => HalfVec;
    array_to_halfvec_numeric: Numeric => HalfVec;
}
