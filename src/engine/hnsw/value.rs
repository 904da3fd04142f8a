//! Values of the indexed column, as elements.
#![allow(unsafe_code)]

use crate::engine::vector::{HalfVec, Vector};
use conifer_pure::index::Element;
use pgrx::pg_sys;

/// The elements of a value.
///
/// # Safety
/// The datum is not null and of the type that belongs to `element`.
pub unsafe fn elements(element: Element, datum: pg_sys::Datum) -> Vec<f32> {
    match element {
        // SAFETY: the caller vouches for the type.
        Element::F32 => unsafe { Vector::from_raw(datum) }.as_slice().to_vec(),
        // SAFETY: as above.
        Element::F16 => unsafe { HalfVec::from_raw(datum) }.as_slice().iter().map(|x| x.to_f32()).collect(),
    }
}
