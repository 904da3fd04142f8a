//! Filling registers of `f32` from `f16` in memory.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
use super::neon::Neon;
use super::registers::{Lanes, Load, Portable};
#[cfg(target_arch = "x86_64")]
use super::x86::{Avx2, Avx512, Sse2};
use half::f16;
#[cfg(target_arch = "x86_64")]
use std::arch::x86_64::*;

/// The `n` < 16 elements at `p`, and zeros, in words of four elements. Put together in registers: memory that was
/// written in parts cannot be read as a whole until much later.
///
/// # Safety
/// The elements must be readable.
#[inline(always)]
unsafe fn part(p: *const f16, n: usize) -> [u64; 4] {
    // The last word is made up of one element or none and a pair or none.
    let (whole, rest) = (n & !3, n & 3);
    let (mut last, mut words) = (0u64, [0; 4]);
    // SAFETY: the caller vouches for n elements: those before `whole`, then a pair if rest is 2 or 3, then one
    // if rest is odd.
    unsafe {
        if rest & 1 != 0 {
            last = u64::from(u16::from_le(p.add(n - 1).cast::<u16>().read()));
        }
        if rest & 2 != 0 {
            last = last << 32 | u64::from(u32::from_le(p.add(whole).cast::<u32>().read_unaligned()));
        }
        for (k, word) in words.iter_mut().enumerate() {
            if whole > 4 * k {
                *word = p.add(4 * k).cast::<u64>().read_unaligned();
            } else if whole == 4 * k {
                *word = last.to_le();
            }
        }
    }
    words
}

macro_rules! load {
    ($lanes:ty, |$p:ident| $load:expr) => {
        impl Load<f16> for $lanes {
            #[inline(always)]
            #[allow(unused_unsafe)]
            unsafe fn load(self, $p: *const f16) -> Self::V {
                // SAFETY: self proves the instructions, the caller vouches for the elements of a register.
                unsafe { $load }
            }

            #[inline(always)]
            unsafe fn load_part(self, p: *const f16, n: usize) -> Self::V {
                debug_assert!(0 < n && n < <Self as Lanes>::N);
                // SAFETY: the caller vouches for n elements; the copy has 16, as many as any register.
                unsafe { self.load(part(p, n).as_ptr().cast::<f16>()) }
            }
        }
    };
}

load!(Portable, |p| p.cast::<[f16; 4]>().read().map(f16::to_f32_const));

// F16C is no part of the baseline: the bits are moved to their places in an f32, and a multiplication corrects the
// exponent's bias, which is exact and handles subnormal numbers.
#[cfg(target_arch = "x86_64")]
load!(Sse2, |p| {
    let x = _mm_unpacklo_epi16(_mm_setzero_si128(), _mm_loadu_si64(p.cast()));
    let sign = _mm_and_si128(x, _mm_set1_epi32(i32::MIN));
    let size = _mm_srli_epi32::<3>(_mm_andnot_si128(_mm_set1_epi32(i32::MIN), x));
    let special = _mm_cmpgt_epi32(size, _mm_set1_epi32((0x7c00 << 13) - 1));
    let bits = _mm_castps_si128(_mm_mul_ps(_mm_castsi128_ps(size), _mm_set1_ps(f32::from_bits(239 << 23))));
    let bits = _mm_or_si128(bits, _mm_and_si128(special, _mm_set1_epi32(0xff << 23)));
    _mm_castsi128_ps(_mm_or_si128(bits, sign))
});

#[cfg(target_arch = "x86_64")]
load!(Avx2, |p| _mm256_cvtph_ps(_mm_loadu_si128(p.cast())));

#[cfg(target_arch = "x86_64")]
load!(Avx512, |p| _mm512_cvtph_ps(_mm256_loadu_si256(p.cast())));

// The conversion's intrinsic is not stable in all versions of the compiler; as for SSE2.
#[cfg(target_arch = "aarch64")]
load!(Neon, |p| {
    use std::arch::aarch64::*;
    let x = vshll_n_u16::<13>(vld1_u16(p.cast()));
    let sign = vshlq_n_u32::<3>(vandq_u32(x, vdupq_n_u32(0x8000 << 13)));
    let size = vandq_u32(x, vdupq_n_u32(0x7fff << 13));
    let special = vcgeq_u32(size, vdupq_n_u32(0x7c00 << 13));
    let bits = vmulq_n_f32(vreinterpretq_f32_u32(size), f32::from_bits(239 << 23));
    let bits = vorrq_u32(vreinterpretq_u32_f32(bits), vandq_u32(special, vdupq_n_u32(0xff << 23)));
    vreinterpretq_f32_u32(vorrq_u32(bits, sign))
});
