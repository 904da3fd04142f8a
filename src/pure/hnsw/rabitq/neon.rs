//! Registers of bytes of 64-bit ARM: NEON, part of the baseline.
#![allow(unsafe_code)]

use super::fastscan::Bytes;
use std::arch::aarch64::*;

/// 16 bytes.
#[derive(Clone, Copy)]
pub(super) struct Neon(());

/// Methods that are one expression of intrinsics.
macro_rules! methods {
    ($(fn $name:ident($($x:ident),*) = $body:expr;)*) => {
        $(
        #[inline(always)]
        #[allow(unused_unsafe)]
        fn $name(self $(, $x: uint8x16_t)*) -> uint8x16_t {
            // SAFETY: NEON is part of the baseline; no memory is touched.
            unsafe { $body }
        }
        )*
    };
}

impl Bytes for Neon {
    type V = uint8x16_t;
    const GROUPS: usize = 1;

    #[inline(always)]
    unsafe fn new() -> Self {
        Self(())
    }

    methods! {
        fn zero() = vdupq_n_u8(0);
        fn low(x) = vandq_u8(x, vdupq_n_u8(15));
        fn high(x) = vshrq_n_u8::<4>(x);
        fn look_up(table, index) = vqtbl1q_u8(table, index);
        fn add(x, y) = vreinterpretq_u8_u16(vaddq_u16(vreinterpretq_u16_u8(x), vreinterpretq_u16_u8(y)));
        fn upper(x) = vreinterpretq_u8_u16(vshrq_n_u16::<8>(vreinterpretq_u16_u8(x)));
        fn zip_low(x, y) = vzip1q_u8(x, y);
        fn zip_high(x, y) = vzip2q_u8(x, y);
    }

    #[inline(always)]
    #[allow(unused_unsafe)]
    fn sums(self, whole: Self::V, odd: Self::V) -> [[u16; 16]; 4] {
        let mut sums = [[0; 16]; 4];
        // SAFETY: NEON is part of the baseline; the first array has room for two registers.
        unsafe {
            let odd = vreinterpretq_u16_u8(odd);
            let even = vsubq_u16(vreinterpretq_u16_u8(whole), vshlq_n_u16::<8>(odd));
            vst1q_u16(sums[0].as_mut_ptr(), vzip1q_u16(even, odd));
            vst1q_u16(sums[0].as_mut_ptr().add(8), vzip2q_u16(even, odd));
        }
        sums
    }

    #[inline(always)]
    unsafe fn load(self, p: *const u8) -> Self::V {
        // SAFETY: the caller vouches for 16 bytes.
        unsafe { vld1q_u8(p) }
    }

    #[inline(always)]
    unsafe fn broadcast(self, p: *const u8) -> Self::V {
        // SAFETY: the caller vouches for 16 bytes.
        unsafe { vld1q_u8(p) }
    }

    #[inline(always)]
    unsafe fn pair(self, p: *const u8, _: *const u8) -> Self::V {
        // SAFETY: the caller vouches for 16 bytes.
        unsafe { vld1q_u8(p) }
    }
}
