//! The metrics compiled for each set of CPU instructions, and the choice among them at run time.
#![allow(unsafe_code)]

use super::cosine::cosine_of_sums;
use super::formulas::{CosineSums, InnerProduct, L1, L2Squared, NormSquared, fold};
use crate::simd::dispatch::dispatch;
#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
use crate::simd::registers::Portable;
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512, Sse2};
use half::f16;

/// One kernel for each metric over elements of type `T`, for the instruction set of this CPU.
///
/// Only [`kernels`] and [`variants`] give a reference to kernels, and both look at the CPU first.
#[derive(Debug)]
pub struct Kernels<T: 'static> {
    name: &'static str,
    l2_squared: unsafe fn(&[T], &[T]) -> f32,
    inner_product: unsafe fn(&[T], &[T]) -> f32,
    cosine_similarity: unsafe fn(&[T], &[T]) -> f64,
    l1: unsafe fn(&[T], &[T]) -> f32,
    norm: unsafe fn(&[T]) -> f64,
}

impl<T> Kernels<T> {
    /// The instruction set, for reports: `avx2`, `neon`, …
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// See [`l2_squared`](super::l2_squared).
    #[inline]
    pub fn l2_squared(&self, a: &[T], b: &[T]) -> f32 {
        // SAFETY: a reference to self is only given out on a CPU that has the instructions.
        unsafe { (self.l2_squared)(a, b) }
    }

    /// See [`inner_product`](super::inner_product).
    #[inline]
    pub fn inner_product(&self, a: &[T], b: &[T]) -> f32 {
        // SAFETY: as in l2_squared.
        unsafe { (self.inner_product)(a, b) }
    }

    /// See [`cosine_similarity`](super::cosine_similarity).
    #[inline]
    pub fn cosine_similarity(&self, a: &[T], b: &[T]) -> f64 {
        // SAFETY: as in l2_squared.
        unsafe { (self.cosine_similarity)(a, b) }
    }

    /// See [`l1`](super::l1).
    #[inline]
    pub fn l1(&self, a: &[T], b: &[T]) -> f32 {
        // SAFETY: as in l2_squared.
        unsafe { (self.l1)(a, b) }
    }

    /// See [`norm`](super::norm).
    #[inline]
    pub fn norm(&self, a: &[T]) -> f64 {
        // SAFETY: as in l2_squared.
        unsafe { (self.norm)(a) }
    }
}

/// Compiles all metrics for one instruction set. The numbers are the accumulators of each metric: enough to hide the
/// latency of an addition, and no more, as accumulators have to be summed up at the end.
macro_rules! compile {
    (
        $name:literal [$($feature:tt)*] (
            $element:ty, $lanes:ty,
            l2 $l2:literal, ip $ip:literal, cosine $cosine:literal, l1 $l1:literal, norm $norm:literal
        )
    ) => {
        // Each function is unsafe for one reason: the CPU must have the features. `variants` looks before it gives a
        // TABLE away.
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn l2_squared(a: &[$element], b: &[$element]) -> f32 {
            // SAFETY: the caller vouches for the instructions.
            unsafe { fold::<_, _, _, $lanes, $l2>(L2Squared, a, b) }
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn inner_product(a: &[$element], b: &[$element]) -> f32 {
            // SAFETY: the caller vouches for the instructions.
            unsafe { fold::<_, _, _, $lanes, $ip>(InnerProduct, a, b) }
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn cosine_similarity(a: &[$element], b: &[$element]) -> f64 {
            // SAFETY: the caller vouches for the instructions.
            let (dot, aa, bb) = unsafe { fold::<_, _, _, $lanes, $cosine>(CosineSums, a, b) };
            cosine_of_sums(dot, aa, bb)
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn l1(a: &[$element], b: &[$element]) -> f32 {
            // SAFETY: the caller vouches for the instructions.
            unsafe { fold::<_, _, _, $lanes, $l1>(L1, a, b) }
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn norm(a: &[$element]) -> f64 {
            // SAFETY: the caller vouches for the instructions.
            unsafe { fold::<_, _, _, $lanes, $norm>(NormSquared, a, a) }.sqrt()
        }

        pub(super) static TABLE: Kernels<$element> =
            Kernels { name: $name, l2_squared, inner_product, cosine_similarity, l1, norm };
    };
}

/// A type of element with kernels.
pub trait Operand: Copy + 'static {
    /// All variants that this CPU can run, the portable one first, each with all kernels; for tests and benchmarks.
    fn variants() -> Vec<&'static Kernels<Self>>;

    /// The fastest kernels for this CPU. The first call looks at the CPU, later calls cost a load; a loop can
    /// keep the reference.
    fn kernels() -> &'static Kernels<Self>;
}

/// Compiles all metrics for one type of element, into a module with a module for each instruction set. A CPU
/// with AVX-512 gets `widest`.
macro_rules! operand {
    ($module:ident, $element:ty, widest $widest:expr) => {
        mod $module {
            use super::*;

            dispatch! {
                pub(super) Kernels<$element>, compile:
                portable($element, Portable, l2 2, ip 2, cosine 2, l1 2, norm 2),
                sse2($element, Sse2, l2 4, ip 4, cosine 4, l1 4, norm 2),
                avx2($element, Avx2, l2 4, ip 8, cosine 4, l1 4, norm 4),
                avx512($element, Avx512, l2 4, ip 4, cosine 2, l1 4, norm 2),
                neon($element, Neon, l2 8, ip 8, cosine 4, l1 8, norm 4);
                fastest fastest
            }

            fn fastest(mut all: Vec<&'static Kernels<$element>>) -> Option<&'static Kernels<$element>> {
                let best = all.pop()?;
                #[cfg(target_arch = "x86_64")]
                if std::ptr::eq(best, &avx512::TABLE) {
                    static WIDEST: Kernels<$element> = $widest;
                    return Some(&WIDEST);
                }
                Some(best)
            }

            impl Operand for $element {
                fn variants() -> Vec<&'static Kernels<Self>> {
                    variants()
                }

                #[inline]
                fn kernels() -> &'static Kernels<Self> {
                    kernels()
                }
            }
        }
    };
}

// AVX-512 where measured faster, AVX2 elsewhere; the numbers are in `super`.
operand!(singles, f32, widest Kernels {
    name: "avx2 and avx512",
    l2_squared: avx2::l2_squared,
    inner_product: avx2::inner_product,
    cosine_similarity: avx512::cosine_similarity,
    l1: avx2::l1,
    norm: avx2::norm,
});
operand!(halves, f16, widest Kernels { ..avx2::TABLE });

/// See [`Operand::variants`].
pub fn variants<T: Operand>() -> Vec<&'static Kernels<T>> {
    T::variants()
}

/// See [`Operand::kernels`].
#[inline]
pub fn kernels<T: Operand>() -> &'static Kernels<T> {
    T::kernels()
}
