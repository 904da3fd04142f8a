//! The stored vector of a node: its form, and its exact distance from a query.
//!
//! Two forms: `f32`, and `f16` with one power of two for the whole vector, so that neither large
//! nor small values leave the range: the largest element lies in [2^14, 2^15), and an element that is not 2^28 times
//! smaller keeps 11 bits. Distances are those of the stored elements, computed in `f32`.

mod dispatch;
#[cfg(test)]
mod tests;
mod view;

pub use dispatch::{Kernels, inner_product, kernels, l2_squared, variants};
pub use half::f16;
pub(crate) use view::{cells, u32s, u32s_mut};
pub use view::{f16s, f32s};

/// A stored vector.
#[derive(Debug, Clone, Copy)]
pub enum StoredVector<'a> {
    /// The elements in `f32`.
    F32(&'a [f32]),
    /// Elements divided by `scale`, a power of two.
    F16 {
        /// The factor of each element.
        scale: f32,
        /// The elements, divided by `scale`.
        elements: &'a [f16],
    },
}

/// The power of two by which the elements of `x` are divided before they become `f16`. 1 for zeros.
pub fn scale_for(x: &[f32]) -> f32 {
    let largest = x.iter().fold(0f32, |m, x| m.max(x.abs()));
    if largest == 0.0 {
        return 1.0;
    }
    // The exponent of the largest becomes 14. Below 2^-112 the scale would no longer be normal; there, the
    // elements come out smaller.
    let exponent = (largest.to_bits() >> 23) as i32 - 127 - 14;
    power_of_two(exponent.clamp(-126, 127))
}

/// 2^`n`, -126 ≤ `n` ≤ 127.
fn power_of_two(n: i32) -> f32 {
    f32::from_bits(((127 + n) as u32) << 23)
}

/// Rounds `x` to `f16`, halves to even, and returns the scale of the result. Elements must be
/// finite.
///
/// # Panics
/// If the lengths differ.
pub fn encode(x: &[f32], out: &mut [f16]) -> f32 {
    assert_eq!(x.len(), out.len(), "lengths of a stored vector");
    let scale = scale_for(x);
    let inverse = 1.0 / scale;
    // The largest f16 below 2^15: rounding up to 2^15 would make an infinity of the largest f32.
    const MAX: f32 = 32752.0;
    for (out, x) in out.iter_mut().zip(x) {
        *out = f16::from_f32((x * inverse).clamp(-MAX, MAX));
    }
    scale
}

impl StoredVector<'_> {
    /// Number of elements.
    #[allow(clippy::len_without_is_empty)] // no vector is empty
    pub fn len(&self) -> usize {
        match self {
            Self::F32(x) => x.len(),
            Self::F16 { elements, .. } => elements.len(),
        }
    }

    /// Writes the elements as `f32`, exactly.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn decode(&self, out: &mut [f32]) {
        assert_eq!(self.len(), out.len(), "lengths of a stored vector");
        match *self {
            Self::F32(x) => out.copy_from_slice(x),
            Self::F16 { scale, elements } => {
                kernels().decode(elements, scale, out);
            }
        }
    }

    /// |query − self|²; the caller keeps the lengths equal.
    #[inline]
    pub fn l2_squared(&self, query: &[f32]) -> f32 {
        match *self {
            Self::F32(x) => crate::distance::l2_squared(query, x),
            Self::F16 { scale, elements } => l2_squared(query, elements, scale),
        }
    }

    /// ⟨query, self⟩; the caller keeps the lengths equal.
    #[inline]
    pub fn inner_product(&self, query: &[f32]) -> f32 {
        match *self {
            Self::F32(x) => crate::distance::inner_product(query, x),
            Self::F16 { scale, elements } => scale * inner_product(query, elements),
        }
    }

    /// |self|².
    pub fn norm_squared(&self) -> f32 {
        let sum: f64 = match *self {
            Self::F32(x) => x.iter().map(|x| f64::from(*x).powi(2)).sum(),
            Self::F16 { scale, elements } => {
                elements.iter().map(|x| x.to_f64().powi(2)).sum::<f64>() * f64::from(scale).powi(2)
            }
        };
        sum as f32
    }
}
