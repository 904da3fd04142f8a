//! The registers of 64-bit ARM: NEON, with FMA, part of the baseline.
#![allow(unsafe_code)]

use super::registers::{Lanes, Load, Store, lane_ops};
use std::arch::aarch64::*;

/// Four lanes.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

impl Lanes for Neon {
    type V = float32x4_t;
    type W = (float64x2_t, float64x2_t);
    const N: usize = 4;

    #[inline(always)]
    #[allow(unused_unsafe)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: self proves the instruction, which touches no memory.
        unsafe { vdupq_n_f32(x) }
    }

    lane_ops! {
        fn zero() -> Self::V = vdupq_n_f32(0.0);
        fn add(x: V, y: V) -> Self::V = vaddq_f32(x, y);
        fn sub(x: V, y: V) -> Self::V = vsubq_f32(x, y);
        fn abs(x: V) -> Self::V = vabsq_f32(x);
        fn mul(x: V, y: V) -> Self::V = vmulq_f32(x, y);
        fn mul_add(x: V, y: V, s: V) -> Self::V = vfmaq_f32(s, x, y);
        fn neg_mul_add(x: V, y: V, s: V) -> Self::V = vfmsq_f32(s, x, y);
        fn sum(x: V) -> f32 = {
            let x = vadd_f32(vget_low_f32(x), vget_high_f32(x));
            vget_lane_f32::<0>(x) + vget_lane_f32::<1>(x)
        };
        fn wide_zero() -> Self::W = (vdupq_n_f64(0.0), vdupq_n_f64(0.0));
        fn wide_add(x: W, y: W) -> Self::W = (vaddq_f64(x.0, y.0), vaddq_f64(x.1, y.1));
        fn wide_square_add(x: V, s: W) -> Self::W = {
            let (lo, hi) = (vcvt_f64_f32(vget_low_f32(x)), vcvt_high_f64_f32(x));
            (vfmaq_f64(s.0, lo, lo), vfmaq_f64(s.1, hi, hi))
        };
        fn wide_sum(x: W) -> f64 = {
            let x = vaddq_f64(x.0, x.1);
            vgetq_lane_f64::<0>(x) + vgetq_lane_f64::<1>(x)
        };
    }
}

impl Store for Neon {
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: Self::V) {
        // SAFETY: self proves the instruction, the caller vouches for four elements.
        unsafe { vst1q_f32(p, x) }
    }
}

impl Load<f32> for Neon {
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller vouches for four elements.
        unsafe { vld1q_f32(p) }
    }

    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::V {
        debug_assert!(0 < n && n < 4);
        // SAFETY: the caller vouches for n elements, and n of them are read: 1, 2, or 2 and 1.
        unsafe {
            let zero = vdup_n_f32(0.0);
            let low = if n == 1 { vld1_lane_f32::<0>(p, zero) } else { vld1_f32(p) };
            vcombine_f32(low, if n == 3 { vld1_lane_f32::<0>(p.add(2), zero) } else { zero })
        }
    }
}
