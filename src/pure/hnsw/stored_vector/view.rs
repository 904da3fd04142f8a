//! Bytes of a page as numbers, without a copy.
#![allow(unsafe_code)]

use half::f16;
use std::sync::atomic::AtomicU32;

/// `bytes` as numbers of half precision; `None` if the bytes are not aligned or one is left over.
pub fn f16s(bytes: &[u8]) -> Option<&[f16]> {
    // SAFETY: any two bytes are an f16.
    let (before, numbers, after) = unsafe { bytes.align_to() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// `bytes` as numbers of single precision; `None` if the bytes are not aligned or some are left over.
pub fn f32s(bytes: &[u8]) -> Option<&[f32]> {
    // SAFETY: any four bytes are an f32.
    let (before, numbers, after) = unsafe { bytes.align_to() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// `bytes` as 32-bit integers; `None` if the bytes are not aligned or some are left over.
pub fn u32s(bytes: &[u8]) -> Option<&[u32]> {
    // SAFETY: any four bytes are a u32.
    let (before, numbers, after) = unsafe { bytes.align_to() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// As [`u32s`], writable.
pub fn u32s_mut(bytes: &mut [u8]) -> Option<&mut [u32]> {
    // SAFETY: any four bytes are a u32.
    let (before, numbers, after) = unsafe { bytes.align_to_mut() };
    (before.is_empty() && after.is_empty()).then_some(numbers)
}

/// The numbers as atomics, which several threads may change.
pub fn cells(numbers: &mut [u32]) -> &[AtomicU32] {
    // SAFETY: the exclusive borrow rules out other access, and an AtomicU32 has the size and the alignment of a u32.
    unsafe { std::slice::from_raw_parts(numbers.as_mut_ptr().cast(), numbers.len()) }
}
