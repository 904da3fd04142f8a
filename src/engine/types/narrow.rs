//! From single precision to the elements of a type; numbers that these cannot hold are refused.

use crate::pg::text_out::{FLOAT, Writer};
use conifer_pure::fault::{Fault, Result};
use conifer_pure::types::element::Element;
use std::mem::MaybeUninit;

/// `x` as an element. NaN and infinities stay what they are.
///
/// # Errors
/// `22003` for a number that is beyond the largest element.
#[inline]
pub fn narrow<T: Element>(x: f32) -> Result<T> {
    let element = T::from_f32(x);
    if element.to_f32().is_infinite() && !x.is_infinite() { Err(too_large::<T>(x)) } else { Ok(element) }
}

/// `x` as a finite element.
///
/// # Errors
/// As [`narrow`], and `22000` for NaN and infinities.
#[inline]
pub fn narrow_finite<T: Element>(x: f32) -> Result<T> {
    let element = narrow::<T>(x)?;
    T::KIND.check_element(element.to_f32()).map(|()| element)
}

/// The error for a number that is too large, with the server's own text of the number.
#[cold]
fn too_large<T: Element>(x: f32) -> Fault {
    let mut text = [MaybeUninit::uninit(); FLOAT];
    let mut writer = Writer::new(&mut text);
    writer.float(x);
    T::KIND.out_of_range(writer.written())
}
