//! Distances between vectors: the hot loops of everything.
//!
//! - [`scalar`]: the plain twin of every kernel, the reference.
//! - `metric`: each metric once, generic over the registers of the CPU, and the loop that runs them.
//! - `lanes`, `x86`, `neon`: those registers.
//! - `kernels`: the metrics compiled for each instruction set, and the choice at run time.
//!
//! Another element type (half, int8) needs a `Load` for each kind of register, its lines of `compile!` and its
//! own functions here; the metrics stay as they are.

mod kernels;
mod lanes;
mod metric;
#[cfg(target_arch = "aarch64")]
mod neon;
pub mod scalar;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use kernels::{Kernels, kernels, variants};

/// Squared Euclidean distance Σ (a − b)², accumulated in `f32`; overflow gives infinity.
///
/// Equal lengths are the caller's duty, here and below: of slices of different lengths, the tail of the longer
/// one is left out of account.
#[inline]
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    kernels().l2_squared(a, b)
}

/// Inner product Σ a·b, accumulated in `f32`; overflow gives an infinity, or NaN (or still an infinity) if it
/// happens in both directions.
#[inline]
pub fn inner_product(a: &[f32], b: &[f32]) -> f32 {
    kernels().inner_product(a, b)
}

/// Cosine of the angle between `a` and `b`, in [-1, 1], by [`cosine_of_sums`]. NaN for a zero vector.
#[inline]
pub fn cosine_similarity(a: &[f32], b: &[f32]) -> f64 {
    kernels().cosine_similarity(a, b)
}

/// Taxicab distance Σ |a − b|, accumulated in `f32`; overflow gives infinity.
#[inline]
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    kernels().l1(a, b)
}

/// Euclidean norm √ Σ a², accumulated in `f64`: neither overflows nor vanishes for any finite `f32`.
#[inline]
pub fn norm(a: &[f32]) -> f64 {
    kernels().norm(a)
}

/// Σ a·b / √(Σ a² · Σ b²) from sums in `f32`, computed in `f64` and kept within [-1, 1]; pgvector's definition,
/// to its edges: NaN if a vector is zero or a sum has overflowed, ±1 if a norm alone has underflowed to zero.
#[inline(always)]
pub fn cosine_of_sums(dot: f32, aa: f32, bb: f32) -> f64 {
    // clamp lets NaN through.
    (f64::from(dot) / (f64::from(aa) * f64::from(bb)).sqrt()).clamp(-1.0, 1.0)
}
