//! Distances between vectors: the hot loops of builds, searches and SQL.
//!
//! - [`scalar`]: the scalar twin of every kernel, the reference.
//! - `formulas`: each metric once, generic over the registers of the CPU (`crate::simd`), and the loop that runs them.
//! - `dispatch`: the metrics compiled for each instruction set, and the choice at run time.
//!
//! Another element type (int8) needs a `Load` for each kind of register and a line of
//! `operand!`; the metrics stay as they are.
//!
//! # The choice of variants
//!
//! Times of `benches/kernels.rs` on an AMD EPYC of the Zen 4 generation, at 100, 384 and 1536 dimensions: how
//! many times as long as the chosen variant the scalar twin takes, simsimd 6.5, and the variant not chosen.
//!
//! | kernel | with AVX-512 | else | scalar twin | simsimd | not chosen |
//! |---|---|---|---|---|---|
//! | `l2_squared` | AVX2 | AVX2 | 6.0, 14.8, 16.9 | 1.1, 1.3, 1.3 | AVX-512: 1.2, 1.1, 1.04 |
//! | `inner_product` | AVX2 | AVX2 | 6.0, 13.6, 16.7 | 1.3, 1.2, 1.2 | AVX-512: 1.5, 1.1, 1.03 |
//! | `cosine_similarity` | AVX-512 | AVX2 | 5.9, 11.1, 14.1 | 1.2, 1.2, 1.3 | AVX2: 1.0, 1.15, 1.05 |
//! | `l1` | AVX2 | AVX2 | 6.6, 14.4, 16.5 | none there | AVX-512: 1.4, 1.1, 1.01 |
//! | `norm` | AVX2 | AVX2 | 5.3, 12.4, 18.3 | none there | AVX-512: 1.1, 1.3, 1.5 |
//!
//! Loads limit the kernels, and a 64-byte load of AVX-512 from an unaligned address always spans two cache
//! lines; so AVX-512 is faster for the cosine only, with three multiplications a pair.
//! At three dimensions the scalar twin is 1 to 2 ns ahead, from eight on it is not. CPUs of Intel: not measured.
//!
//! Halves go to AVX2 everywhere, where AVX-512 takes 1.2 to 1.3 times as long for `l2_squared` and 1.1 to 1.3
//! times for `cosine_similarity`, and for the others 1.0 to 1.2 times. The scalar twin takes 33, 58 and 63 times
//! as long for `l2_squared`, 21, 36 and 53 times for `cosine_similarity`. At 1536 dimensions halves take 1.1 to
//! 1.4 times as long as singles in the cache (the norm 2.2 times), and half the memory.
//!
//! 64-bit ARM gets NEON, checked under QEMU (`make arm`) and Miri (`make miri`), not measured.
//!
//! # Why simsimd is a contender only
//!
//! Under a hypervisor that hides AVX-512 from such a CPU, simsimd 6.5 takes its kernels for AVX2. How many times as long as
//! the chosen variant they take, at 3, 100, 384 and 1536 dimensions:
//!
//! | kernel | `f32` | `f16` |
//! |---|---|---|
//! | `l2_squared` | 1.4, 1.3, 1.9, 2.5 | 5.5, 3.6, 2.2, 2.6 |
//! | `inner_product` | 1.3, 1.3, 1.9, 2.5 | 5.6, 3.3, 2.2, 2.5 |
//! | `cosine_similarity` | 1.6, 1.7, 1.7, 2.3 | 3.7, 2.7, 1.8, 2.3 |
//!
//! simsimd has one accumulator a sum and so waits for every addition. Its sums are as exact as those here, but its cosine is
//! not fit for SQL: a distance of at least 0 by approximate square roots, of `f32`, and for zero vectors a number. The
//! benchmark shows the errors. The tables for [bits](crate::types::bit), for the
//! [bytes of a build](crate::hnsw::build::ByteDistance) and for [sparse vectors](crate::types::sparsevec::distance) are in
//! their modules.
//!
//! Read in its source, not run: with AVX-512 FP16 and with SVE simsimd adds up halves in `f16`, which ends at 65504 and has
//! three digits; with NEON it has one accumulator, too; with SVE it sums up lanes that its last step leaves undefined. simsimd
//! trusts CPUID and does not ask whether the operating system saves the registers, where an illegal
//! instruction would end the server; on ARM its first call replaces the process's handler for that
//! signal and jumps out of its own. Without AVX2 simsimd goes byte by byte and number by number.

mod cosine;
mod dispatch;
pub(crate) mod formulas;
pub mod metric;
pub mod scalar;
#[cfg(test)]
mod tests;

pub use cosine::cosine_of_sums;
pub use dispatch::{Kernels, Operand, kernels, variants};

/// Squared Euclidean distance Σ (a − b)², accumulated in `f32`; overflow gives infinity.
///
/// The caller keeps the lengths equal, here and below: if they differ, the tail of the longer slice is ignored.
#[inline]
pub fn l2_squared<T: Operand>(a: &[T], b: &[T]) -> f32 {
    kernels().l2_squared(a, b)
}

/// Inner product Σ a·b, accumulated in `f32`; overflow gives an infinity, overflow in both directions NaN or an infinity.
#[inline]
pub fn inner_product<T: Operand>(a: &[T], b: &[T]) -> f32 {
    kernels().inner_product(a, b)
}

/// Cosine of the angle between `a` and `b`, in [-1, 1], by [`cosine_of_sums`]. NaN for a zero vector.
#[inline]
pub fn cosine_similarity<T: Operand>(a: &[T], b: &[T]) -> f64 {
    kernels().cosine_similarity(a, b)
}

/// Taxicab distance Σ |a − b|, accumulated in `f32`; overflow gives infinity.
#[inline]
pub fn l1<T: Operand>(a: &[T], b: &[T]) -> f32 {
    kernels().l1(a, b)
}

/// Euclidean norm √ Σ a², accumulated in `f64`: neither overflows nor vanishes for any finite `f32`.
#[inline]
pub fn norm<T: Operand>(a: &[T]) -> f64 {
    kernels().norm(a)
}
