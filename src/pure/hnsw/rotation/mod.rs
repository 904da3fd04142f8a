//! A random rotation that is the same for ever. The rotation makes any vector look like one drawn from a sphere, on
//! which the codes of [`rabitq`](crate::hnsw::rabitq) rely, and keeps lengths and inner products.
//!
//! After RaBitQ (Gao and Long, SIGMOD 2024), which rotates before it takes signs, and the FHT-Kac rotation
//! of its library, which rotates in O(d log d): random signs, a Walsh-Hadamard transform over as many
//! coordinates as a power of two allows, and Kac's mixing of pairs by 45 degrees so that the rest takes part.
//!
//! # The definition, to the bit
//!
//! Indexes hold rotated vectors, so nothing below may ever change; `tests::golden` guards it. All arithmetic
//! is IEEE 754 with one rounding an operation, no fused multiply-add, in an order that does not depend on
//! the CPU: every variant gives the same bits.
//!
//! - `padded` is `dim` rounded up to a multiple of 16. Input beyond `dim` is zero.
//! - Random words come from splitmix64: state ← seed; each word adds `9e3779b97f4a7c15` to the state, then
//!   `x = (s ^ s>>30) · bf58476d1ce4e5b9`, `x = (x ^ x>>27) · 94d049bb133111eb`, `x ^ x>>31`, modulo 2^64.
//! - `padded` ≤ 64, **dense**: a `padded` × `padded` matrix, row after row. An element is the sum of the
//!   twelve 16-bit quarters of three words, less 393210, as `f64`. Each row, once drawn, loses its
//!   projections on the rows before it, first to last, the whole twice over, and is divided by its length;
//!   sums run from the first element to the last. A row of which less than 2^-20 of the squared length is
//!   left after that is drawn again. Then all is rounded to `f32`, and the result is
//!   `Σ_j x_j · column_j`, starting from +0, `j` ascending over the first `dim`.
//! - Above, **four rounds** over n = `padded` coordinates, with p the largest power of two ≤ n. Word
//!   `w` of a round's `ceil(n / 64)`, bit `b` from the lowest, set: coordinate `64 w + b` is negated. The
//!   p coordinates in front (rounds 1 and 3) or at the end (2 and 4) are scaled by `f32(√(1/p))` together
//!   with their sign, and all coordinates by 1/2 in round 1 unless p = n. (The factor, sign and 1/2
//!   are one `f32` by which the coordinate is multiplied.) Then the p coordinates go through the
//!   unnormalised Walsh-Hadamard transform, strides 1, 2, 4, …, p/2, `(a, b) ← (a + b, a − b)`; and in rounds
//!   2 and 4, unless p = n, all of them through `(a, b) ← (a + b, a − b)`, a in the first half, b in the second.
//!
//! The factor 1/2 is the 1/√2 of two 45-degree turns, put where it is exact. RaBitQ's library turns after
//! every round; then a coordinate outside of round 1's transform can stay half outside of round 2's, too, and so
//! on: of a unit vector along axis 999 of 1000, a spike of a quarter was left, which signs code badly.

mod dense;
mod dispatch;
mod generator;
mod kac;
mod loops;
#[cfg(test)]
mod tests;

use dense::Dense;
pub use dispatch::{Kernels, kernels, variants};
use kac::Kac;

/// Maximum padded dimensions of the dense matrix: up to `DENSE` the matrix is the faster method, or the only one
/// with randomness enough.
const DENSE: usize = 64;

/// An orthogonal transform of vectors of `dim` dimensions into `padded` ones, given by a seed.
#[derive(Debug, Clone)]
pub struct Rotation {
    dim: usize,
    padded: usize,
    method: Method,
}

#[derive(Debug, Clone)]
enum Method {
    Dense(Dense),
    Kac(Kac),
}

impl Rotation {
    /// The rotation for `dim` ≥ 1 and `seed`: O(dim) of time and memory, 16 bytes a dimension (up to 64 dimensions, at most
    /// 16 KiB).
    pub fn new(dim: usize, seed: u64) -> Self {
        let padded = Self::padded_for(dim);
        let method = if padded <= DENSE {
            Method::Dense(Dense::new(dim, padded, seed))
        } else {
            Method::Kac(Kac::new(padded, seed))
        };
        Self { dim, padded, method }
    }

    /// `dim` rounded up to a multiple of 16 (16 for 0).
    pub fn padded_for(dim: usize) -> usize {
        dim.max(1).next_multiple_of(16)
    }

    /// Dimensions of the input.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Dimensions of the output, a multiple of 16.
    pub fn padded(&self) -> usize {
        self.padded
    }

    /// Rotates `x`, of `dim` elements, into `out`, of `padded`. The norm stays the same but for rounding:
    /// relatively less than 1e-6 in every test up to 16000 dimensions.
    ///
    /// # Panics
    /// If `x` or `out` has another length.
    #[inline]
    pub fn apply(&self, x: &[f32], out: &mut [f32]) {
        self.apply_with(kernels(), x, out);
    }

    /// As [`apply`](Self::apply), with a given variant, for tests and benchmarks.
    pub fn apply_with(&self, kernels: &Kernels, x: &[f32], out: &mut [f32]) {
        assert_eq!((x.len(), out.len()), (self.dim, self.padded), "lengths of a rotation");
        match &self.method {
            Method::Dense(dense) => kernels.combine(dense.columns(), x, out),
            Method::Kac(kac) => {
                out[..x.len()].copy_from_slice(x);
                out[x.len()..].fill(0.0);
                kac.apply(kernels, out);
            }
        }
    }
}
