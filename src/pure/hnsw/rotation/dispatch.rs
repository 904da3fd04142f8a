//! The loops of a rotation compiled for each set of CPU instructions, and the choice among them at run time.
#![allow(unsafe_code)]

use super::loops;
use crate::simd::dispatch::dispatch;
#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
use crate::simd::registers::{Lanes, Portable};
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512, Sse2};

/// The loops of a rotation, for the instruction set of this CPU.
///
/// Only [`kernels`] and [`variants`] give a reference to kernels, and both look at the CPU first.
#[derive(Debug)]
pub struct Kernels {
    name: &'static str,
    scale: unsafe fn(&[f32], &mut [f32]),
    halves: unsafe fn(&mut [f32]),
    walsh_hadamard: unsafe fn(&mut [f32]),
    combine: unsafe fn(&[f32], &[f32], &mut [f32]),
}

impl Kernels {
    /// The instruction set, for reports.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// `x[i] *= factors[i]`
    pub(super) fn scale(&self, factors: &[f32], x: &mut [f32]) {
        // SAFETY: a reference to self is only given out on a CPU that has the instructions.
        unsafe { (self.scale)(factors, x) }
    }

    /// `(a, b) ← (a + b, a − b)` over the halves of `x`.
    pub(super) fn halves(&self, x: &mut [f32]) {
        // SAFETY: as in scale.
        unsafe { (self.halves)(x) }
    }

    /// The unnormalised transform of 64 elements or a larger power of two.
    pub(super) fn walsh_hadamard(&self, x: &mut [f32]) {
        // SAFETY: as in scale.
        unsafe { (self.walsh_hadamard)(x) }
    }

    /// `out = Σ_j x_j · column_j`
    pub(super) fn combine(&self, columns: &[f32], x: &[f32], out: &mut [f32]) {
        // SAFETY: as in scale.
        unsafe { (self.combine)(columns, x, out) }
    }
}

macro_rules! compile {
    ($name:literal [$($feature:tt)*] ($lanes:ty)) => {
        // Each function is unsafe for one reason: the CPU must have the features.
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn scale(factors: &[f32], x: &mut [f32]) {
            // SAFETY: the caller vouches for the instructions.
            loops::scale(unsafe { <$lanes>::new() }, factors, x)
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn halves(x: &mut [f32]) {
            // SAFETY: the caller vouches for the instructions.
            loops::halves(unsafe { <$lanes>::new() }, x)
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn walsh_hadamard(x: &mut [f32]) {
            // SAFETY: the caller vouches for the instructions.
            loops::walsh_hadamard(unsafe { <$lanes>::new() }, x)
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn combine(columns: &[f32], x: &[f32], out: &mut [f32]) {
            // SAFETY: the caller vouches for the instructions.
            loops::combine(unsafe { <$lanes>::new() }, columns, x, out)
        }

        pub(super) static TABLE: Kernels =
            Kernels { name: $name, scale, halves, walsh_hadamard, combine };
    };
}

// AVX2 is the fastest even where there is AVX-512, which takes 1.1 to 1.4 times as long on an AMD EPYC of the Zen 4
// generation, from 64 dimensions up, because of the shuffles within its registers.
dispatch! {
    pub Kernels, compile: portable(Portable), sse2(Sse2), avx2(Avx2), avx512(Avx512), neon(Neon);
    fastest |all: Vec<&'static Kernels>| all.into_iter().rfind(|k| k.name() != "avx512")
}
