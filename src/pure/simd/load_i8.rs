//! Filling registers of `f32` from `i8` in memory.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::registers::{Lanes, Load, Portable};
#[cfg(target_arch = "x86_64")]
use super::x86::{Avx2, Avx512, Sse2};
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

macro_rules! load {
    ($lanes:ty, |$p:ident| $load:expr) => {
        impl Load<i8> for $lanes {
            #[inline(always)]
            #[allow(unused_unsafe)]
            unsafe fn load(self, $p: *const i8) -> Self::V {
                // SAFETY: self proves the instructions, the caller vouches for the elements of a register.
                unsafe { $load }
            }

            #[inline(always)]
            unsafe fn load_part(self, p: *const i8, n: usize) -> Self::V {
                debug_assert!(0 < n && n < <Self as Lanes>::N);
                let mut part = [0i8; 16];
                // SAFETY: the caller vouches for n elements, fewer than any register has; the copy has 16.
                unsafe {
                    part.as_mut_ptr().copy_from_nonoverlapping(p, n);
                    self.load(part.as_ptr())
                }
            }
        }
    };
}

load!(Portable, |p| p.cast::<[i8; 4]>().read().map(f32::from));

// Each byte in the highest of a word, moved down with its sign.
#[cfg(target_arch = "x86_64")]
load!(Sse2, |p| {
    let x = _mm_cvtsi32_si128(p.cast::<i32>().read_unaligned());
    let x = _mm_unpacklo_epi8(x, x);
    _mm_cvtepi32_ps(_mm_srai_epi32::<24>(_mm_unpacklo_epi16(x, x)))
});

#[cfg(target_arch = "x86_64")]
load!(Avx2, |p| _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadu_si64(p.cast()))));

#[cfg(target_arch = "x86_64")]
load!(Avx512, |p| _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p.cast()))));

#[cfg(target_arch = "aarch64")]
load!(Neon, |p| {
    use std::arch::aarch64::*;
    let x = vreinterpret_s8_u32(vdup_n_u32(p.cast::<u32>().read_unaligned()));
    vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(x))))
});
