//! The forms of values, and their words.
#![allow(unsafe_code)]

use crate::distance::metric::Metric;
use crate::hnsw::cosine_direction;
use crate::types::element::{Element, f16};
use crate::types::sparsevec;
use crate::types::sparsevec::Sparse;

/// The kind of the words of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Elements of `vector`.
    F32,
    /// Elements of `halfvec`.
    F16,
    /// Bits of `bit`.
    Bits,
    /// The elements of `sparsevec` that are not 0, with their indices.
    Sparse,
}

impl Form {
    /// Maximum dimensions of a value.
    pub const fn max_dims(self) -> usize {
        match self {
            Self::F32 | Self::F16 => crate::types::element::MAX_DIM,
            Self::Bits => 64_000,
            Self::Sparse => sparsevec::MAX_DIM,
        }
    }

    /// Words of a value; `None` if the number differs from value to value.
    pub fn words(self, dim: usize) -> Option<usize> {
        match self {
            Self::F32 => Some(dim),
            Self::F16 => Some(dim.div_ceil(2)),
            Self::Bits => Some(dim.div_ceil(32)),
            Self::Sparse => None,
        }
    }
}

/// The words of a `vector`. Both zeros become +0, so that equal vectors have equal bits; so for the other types.
pub fn of_f32(x: &[f32]) -> Vec<f32> {
    x.iter().map(|x| x + 0.0).collect()
}

/// The words of a `halfvec`.
pub fn of_f16(x: &[f16]) -> Vec<f32> {
    let bits =
        |x: Option<&f16>| x.filter(|x| Element::to_f32(**x) != 0.0).map_or(0, |x| u32::from(x.to_bits()));
    x.chunks(2).map(|pair| f32::from_bits(bits(pair.first()) | bits(pair.get(1)) << 16)).collect()
}

/// The words of a `bit`, given its bytes, in which all bits behind the last one are 0.
pub fn of_bits(x: &[u8]) -> Vec<f32> {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |word, byte| word << 8 | u32::from(*byte));
    x.chunks(4).map(|bytes| f32::from_bits(word(bytes))).collect()
}

/// The words of a `sparsevec`; for the cosine, of its direction. `None` for a zero vector, which has no direction.
pub fn of_sparse(x: Sparse, metric: Metric) -> Option<Vec<f32>> {
    let scale = match metric {
        Metric::Cosine => cosine_direction::scale(sparsevec::distance::norm(x)),
        _ => 1.0,
    };
    if scale.is_infinite() {
        return None;
    }
    let mut words = Vec::with_capacity(1 + 2 * x.indices.len());
    words.push(f32::from_bits(x.indices.len() as u32));
    words.extend(x.indices.iter().map(|i| f32::from_bits(*i as u32)));
    words.extend(x.values.iter().map(|x| (f64::from(*x) * scale) as f32));
    Some(words)
}

/// The elements in words of halves.
#[inline]
pub(super) fn f16s(words: &[f32]) -> &[f16] {
    // SAFETY: a word is as long as two halves and aligned for them; any bits are halves.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len() * 2) }
}

/// The bytes of words.
#[inline]
pub(super) fn bytes(words: &[f32]) -> &[u8] {
    // SAFETY: any word is four bytes.
    unsafe { std::slice::from_raw_parts(words.as_ptr().cast(), words.len() * 4) }
}

/// The elements in words of a sparse value; no elements if the words cannot be those of one.
#[inline]
pub(super) fn sparse_of(words: &[f32]) -> Sparse<'_> {
    let parts = words.split_first().and_then(|(n, rest)| {
        let (indices, rest) = rest.split_at_checked(n.to_bits() as usize)?;
        Some((indices, rest.get(..indices.len())?))
    });
    let (indices, values) = parts.unwrap_or_default();
    // SAFETY: a word is as long as an index and aligned for it; any bits are an index.
    let indices = unsafe { std::slice::from_raw_parts(indices.as_ptr().cast(), indices.len()) };
    Sparse { dim: 0, indices, values }
}
