//! Distances from an `f32` query to `f16` elements, compiled for each set of CPU instructions.
//!
//! Times on an AMD EPYC of the Zen 4 generation are in the table that `benches/codes.rs` prints.
#![allow(unsafe_code)]

use crate::distance::formulas::{InnerProduct, Metric, fold};
use crate::simd::dispatch::dispatch;
#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
use crate::simd::registers::{Lanes, Load, Portable, Store};
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512, Sse2};
use half::f16;

/// Σ (x − scale · y)². The product is exact as long as scale is a power of two.
#[derive(Clone, Copy)]
struct ScaledL2(f32);

impl Metric for ScaledL2 {
    type Acc<L: Lanes> = L::V;
    type Out = f32;

    #[inline(always)]
    fn start<L: Lanes>(l: L) -> L::V {
        l.zero()
    }
    #[inline(always)]
    fn step<L: Lanes>(self, l: L, s: L::V, x: L::V, y: L::V) -> L::V {
        let d = l.neg_mul_add(l.splat(self.0), y, x);
        l.mul_add(d, d, s)
    }
    #[inline(always)]
    fn join<L: Lanes>(l: L, s: L::V, t: L::V) -> L::V {
        l.add(s, t)
    }
    #[inline(always)]
    fn finish<L: Lanes>(l: L, s: L::V) -> f32 {
        l.sum(s)
    }
}

/// Writes scale · element; both slices have the same length.
///
/// # Safety
/// The CPU must have the instructions.
#[inline(always)]
unsafe fn spread<L: Load<f16> + Store>(elements: &[f16], scale: f32, out: &mut [f32]) {
    // SAFETY: the caller vouches for the instructions.
    let l = unsafe { L::new() };
    let whole = elements.len().min(out.len()) / L::N * L::N;
    for at in (0..whole).step_by(L::N) {
        // SAFETY: from `at` on, both have N elements.
        unsafe {
            let x = l.mul(l.load(elements.as_ptr().add(at)), l.splat(scale));
            l.store(out.as_mut_ptr().add(at), x);
        }
    }
    for (out, x) in out[whole..].iter_mut().zip(&elements[whole..]) {
        *out = x.to_f32() * scale;
    }
}

/// The kernels of one instruction set.
///
/// Only [`kernels`] and [`variants`] give a reference to kernels, and both look at the CPU first.
#[derive(Debug)]
pub struct Kernels {
    name: &'static str,
    l2_squared: unsafe fn(&[f32], &[f16], f32) -> f32,
    inner_product: unsafe fn(&[f32], &[f16]) -> f32,
    decode: unsafe fn(&[f16], f32, &mut [f32]),
}

impl Kernels {
    /// The instruction set, for reports.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// See [`l2_squared`].
    #[inline]
    pub fn l2_squared(&self, query: &[f32], elements: &[f16], scale: f32) -> f32 {
        // SAFETY: a reference to self is only given out on a CPU that has the instructions.
        unsafe { (self.l2_squared)(query, elements, scale) }
    }

    /// See [`inner_product`].
    #[inline]
    pub fn inner_product(&self, query: &[f32], elements: &[f16]) -> f32 {
        // SAFETY: as in l2_squared.
        unsafe { (self.inner_product)(query, elements) }
    }

    /// Writes scale · element; both slices have the same length.
    #[inline]
    pub fn decode(&self, elements: &[f16], scale: f32, out: &mut [f32]) {
        // SAFETY: as in l2_squared.
        unsafe { (self.decode)(elements, scale, out) }
    }
}

/// `$k` is the number of accumulators, as in `distance`.
macro_rules! compile {
    ($name:literal [$($feature:tt)*] ($lanes:ty, $k:literal)) => {
        // Each function is unsafe for one reason: the CPU must have the features.
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn l2_squared(query: &[f32], elements: &[f16], scale: f32) -> f32 {
            // SAFETY: the caller vouches for the instructions.
            unsafe { fold::<_, _, _, $lanes, $k>(ScaledL2(scale), query, elements) }
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn inner_product(query: &[f32], elements: &[f16]) -> f32 {
            // SAFETY: the caller vouches for the instructions.
            unsafe { fold::<_, _, _, $lanes, $k>(InnerProduct, query, elements) }
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn decode(elements: &[f16], scale: f32, out: &mut [f32]) {
            // SAFETY: the caller vouches for the instructions.
            unsafe { spread::<$lanes>(elements, scale, out) }
        }

        pub(super) static TABLE: Kernels = Kernels { name: $name, l2_squared, inner_product, decode };
    };
}

dispatch! {
    pub Kernels, compile:
    portable(Portable, 2), sse2(Sse2, 2), avx2(Avx2, 4), avx512(Avx512, 4), neon(Neon, 4)
}

/// Σ (query − scale · element)², accumulated in `f32`; `scale` is a power of two. If the lengths differ,
/// the tail of the longer slice is ignored.
#[inline]
pub fn l2_squared(query: &[f32], elements: &[f16], scale: f32) -> f32 {
    kernels().l2_squared(query, elements, scale)
}

/// Σ query · element, accumulated in `f32`, lengths as for [`l2_squared`].
#[inline]
pub fn inner_product(query: &[f32], elements: &[f16]) -> f32 {
    kernels().inner_product(query, elements)
}
