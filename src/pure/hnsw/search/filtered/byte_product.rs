//! The product of an `f32` query with a vector in bytes, compiled for each set of CPU instructions.
#![allow(unsafe_code)]

use crate::distance::formulas::{InnerProduct, fold};
use crate::simd::dispatch::dispatch;
#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
use crate::simd::registers::Portable;
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512, Sse2};

/// The kernel of one instruction set.
///
/// Only [`kernels`] and [`variants`] give a reference to kernels, and both look at the CPU first.
#[derive(Debug)]
pub struct Kernels {
    name: &'static str,
    product: unsafe fn(&[f32], &[i8]) -> f32,
}

impl Kernels {
    /// The instruction set, for reports.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Σ query · byte, accumulated in `f32`, in eight sums or more. If the lengths differ, the tail of the longer slice is ignored.
    #[inline]
    pub fn product(&self, query: &[f32], bytes: &[i8]) -> f32 {
        // SAFETY: a reference to self is only given out on a CPU that has the instructions.
        unsafe { (self.product)(query, bytes) }
    }
}

/// `$k` is the number of accumulators, as in `distance`.
macro_rules! compile {
    ($name:literal [$($feature:tt)*] ($lanes:ty, $k:literal)) => {
        // The function is unsafe for one reason: the CPU must have the features.
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn product(query: &[f32], bytes: &[i8]) -> f32 {
            // SAFETY: the caller vouches for the instructions.
            unsafe { fold::<_, _, _, $lanes, $k>(InnerProduct, query, bytes) }
        }

        pub(super) static TABLE: Kernels = Kernels { name: $name, product };
    };
}

dispatch! {
    pub Kernels, compile:
    portable(Portable, 2), sse2(Sse2, 2), avx2(Avx2, 4), avx512(Avx512, 4), neon(Neon, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 4 } else { 256 }, failure_persistence: None, ..ProptestConfig::default()
        })]

        /// Of small whole numbers, every variant gives the product without an error.
        #[test]
        fn as_in_whole_numbers(
            pairs in prop::collection::vec((-100..100i16, any::<i8>()), 1..if cfg!(miri) { 70 } else { 700 })
        ) {
            let (query, bytes): (Vec<f32>, Vec<i8>) = pairs.iter().map(|(x, y)| (f32::from(*x), *y)).unzip();
            let exact: i64 = pairs.iter().map(|(x, y)| i64::from(*x) * i64::from(*y)).sum();
            for kernels in variants() {
                prop_assert_eq!(kernels.product(&query, &bytes), exact as f32, "{}", kernels.name());
            }
            prop_assert_eq!(kernels().product(&query, &bytes), exact as f32);
        }
    }
}
