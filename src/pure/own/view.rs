//! Looking at bytes of a page as numbers, without a copy.
#![allow(unsafe_code)]

use half::f16;

/// `bytes` as numbers of half precision; `None` if they are not aligned for that or one is left over.
pub fn f16s(bytes: &[u8]) -> Option<&[f16]> {
    // SAFETY: any two bytes are an f16.
    let (before, numbers, after) = unsafe { bytes.align_to() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// `bytes` as numbers of single precision; `None` if they are not aligned for that or some are left over.
pub fn f32s(bytes: &[u8]) -> Option<&[f32]> {
    // SAFETY: any four bytes are an f32.
    let (before, numbers, after) = unsafe { bytes.align_to() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}
