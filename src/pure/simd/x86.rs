//! The registers of x86-64: SSE2 (always there), AVX2 with FMA, AVX-512.
#![allow(unsafe_code)]

use super::registers::{Lanes, Load, Store, lane_ops};
use std::arch::x86_64::*;

/// Four lanes without FMA, the baseline; needs no proof.
#[derive(Clone, Copy)]
pub(crate) struct Sse2(());

/// Eight lanes; proof of `avx2`, `fma` and `f16c`.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// Sixteen lanes; proof of `avx512f`.
#[derive(Clone, Copy)]
pub(crate) struct Avx512(());

impl Lanes for Sse2 {
    type V = __m128;
    type W = (__m128d, __m128d);
    const N: usize = 4;

    #[inline(always)]
    #[allow(unused_unsafe)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: self proves the instruction, which touches no memory.
        unsafe { _mm_set1_ps(x) }
    }

    lane_ops! {
        fn zero() -> Self::V = _mm_setzero_ps();
        fn add(x: V, y: V) -> Self::V = _mm_add_ps(x, y);
        fn sub(x: V, y: V) -> Self::V = _mm_sub_ps(x, y);
        fn abs(x: V) -> Self::V = _mm_andnot_ps(_mm_set1_ps(-0.0), x);
        fn mul(x: V, y: V) -> Self::V = _mm_mul_ps(x, y);
        fn mul_add(x: V, y: V, s: V) -> Self::V = _mm_add_ps(_mm_mul_ps(x, y), s);
        fn neg_mul_add(x: V, y: V, s: V) -> Self::V = _mm_sub_ps(s, _mm_mul_ps(x, y));
        fn sum(x: V) -> f32 = {
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_shuffle_ps::<1>(x, x)))
        };
        fn wide_zero() -> Self::W = (_mm_setzero_pd(), _mm_setzero_pd());
        fn wide_add(x: W, y: W) -> Self::W = (_mm_add_pd(x.0, y.0), _mm_add_pd(x.1, y.1));
        fn wide_square_add(x: V, s: W) -> Self::W = {
            let (lo, hi) = (_mm_cvtps_pd(x), _mm_cvtps_pd(_mm_movehl_ps(x, x)));
            (_mm_add_pd(_mm_mul_pd(lo, lo), s.0), _mm_add_pd(_mm_mul_pd(hi, hi), s.1))
        };
        fn wide_sum(x: W) -> f64 = {
            let x = _mm_add_pd(x.0, x.1);
            _mm_cvtsd_f64(_mm_add_sd(x, _mm_unpackhi_pd(x, x)))
        };
    }
}

impl Store for Sse2 {
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: Self::V) {
        // SAFETY: self proves the instruction, the caller vouches for four elements.
        unsafe { _mm_storeu_ps(p, x) }
    }
}

impl Load<f32> for Sse2 {
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: the caller vouches for four elements.
        unsafe { _mm_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::V {
        debug_assert!(0 < n && n < 4);
        // SAFETY: the caller vouches for n elements, and n of them are read: 1, 2, or 2 and 1.
        unsafe {
            let first = if n == 1 { _mm_load_ss(p) } else { _mm_castsi128_ps(_mm_loadu_si64(p.cast())) };
            if n == 3 { _mm_movelh_ps(first, _mm_load_ss(p.add(2))) } else { first }
        }
    }
}

impl Lanes for Avx2 {
    type V = __m256;
    type W = (__m256d, __m256d);
    const N: usize = 8;

    #[inline(always)]
    #[allow(unused_unsafe)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: self proves the instruction, which touches no memory.
        unsafe { _mm256_set1_ps(x) }
    }

    lane_ops! {
        fn zero() -> Self::V = _mm256_setzero_ps();
        fn add(x: V, y: V) -> Self::V = _mm256_add_ps(x, y);
        fn sub(x: V, y: V) -> Self::V = _mm256_sub_ps(x, y);
        fn abs(x: V) -> Self::V = _mm256_andnot_ps(_mm256_set1_ps(-0.0), x);
        fn mul(x: V, y: V) -> Self::V = _mm256_mul_ps(x, y);
        fn mul_add(x: V, y: V, s: V) -> Self::V = _mm256_fmadd_ps(x, y, s);
        fn neg_mul_add(x: V, y: V, s: V) -> Self::V = _mm256_fnmadd_ps(x, y, s);
        fn sum(x: V) -> f32 =
            Sse2::new().sum(_mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x)));
        fn wide_zero() -> Self::W = (_mm256_setzero_pd(), _mm256_setzero_pd());
        fn wide_add(x: W, y: W) -> Self::W = (_mm256_add_pd(x.0, y.0), _mm256_add_pd(x.1, y.1));
        fn wide_square_add(x: V, s: W) -> Self::W = {
            let lo = _mm256_cvtps_pd(_mm256_castps256_ps128(x));
            let hi = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(x));
            (_mm256_fmadd_pd(lo, lo, s.0), _mm256_fmadd_pd(hi, hi, s.1))
        };
        fn wide_sum(x: W) -> f64 = {
            let x = _mm256_add_pd(x.0, x.1);
            Sse2::new().wide_sum((_mm256_castpd256_pd128(x), _mm256_extractf128_pd::<1>(x)))
        };
    }
}

/// A window of lane masks: of the eight words from index `8 - n` on, the first `n` are set.
static FIRST: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

impl Store for Avx2 {
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: Self::V) {
        // SAFETY: self proves the instruction, the caller vouches for eight elements.
        unsafe { _mm256_storeu_ps(p, x) }
    }
}

impl Load<f32> for Avx2 {
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: self proves the instruction, the caller vouches for eight elements.
        unsafe { _mm256_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::V {
        debug_assert!(0 < n && n < 8);
        // SAFETY: self proves the instructions. With 0 < n < 8 the window lies within FIRST. Lanes that are
        // masked out are not read, only the n elements that the caller vouches for.
        unsafe {
            let mask = _mm256_loadu_si256(FIRST.as_ptr().add(8 - n).cast());
            _mm256_maskload_ps(p, mask)
        }
    }
}

/// The upper half of sixteen lanes, with no more than AVX-512F.
///
/// # Safety
/// The CPU must have `avx512f`.
#[inline(always)]
unsafe fn upper(x: __m512) -> __m256 {
    // SAFETY: the caller vouches for the instruction.
    unsafe { _mm256_castpd_ps(_mm512_extractf64x4_pd::<1>(_mm512_castps_pd(x))) }
}

impl Lanes for Avx512 {
    type V = __m512;
    type W = (__m512d, __m512d);
    const N: usize = 16;

    #[inline(always)]
    #[allow(unused_unsafe)]
    fn splat(self, x: f32) -> Self::V {
        // SAFETY: self proves the instruction, which touches no memory.
        unsafe { _mm512_set1_ps(x) }
    }

    lane_ops! {
        fn zero() -> Self::V = _mm512_setzero_ps();
        fn add(x: V, y: V) -> Self::V = _mm512_add_ps(x, y);
        fn sub(x: V, y: V) -> Self::V = _mm512_sub_ps(x, y);
        fn abs(x: V) -> Self::V = _mm512_abs_ps(x);
        fn mul(x: V, y: V) -> Self::V = _mm512_mul_ps(x, y);
        fn mul_add(x: V, y: V, s: V) -> Self::V = _mm512_fmadd_ps(x, y, s);
        fn neg_mul_add(x: V, y: V, s: V) -> Self::V = _mm512_fnmadd_ps(x, y, s);
        // avx512f implies avx2, fma and f16c, of which Avx2 is the proof.
        fn sum(x: V) -> f32 = Avx2::new().sum(_mm256_add_ps(_mm512_castps512_ps256(x), upper(x)));
        fn wide_zero() -> Self::W = (_mm512_setzero_pd(), _mm512_setzero_pd());
        fn wide_add(x: W, y: W) -> Self::W = (_mm512_add_pd(x.0, y.0), _mm512_add_pd(x.1, y.1));
        fn wide_square_add(x: V, s: W) -> Self::W = {
            let (lo, hi) = (_mm512_cvtps_pd(_mm512_castps512_ps256(x)), _mm512_cvtps_pd(upper(x)));
            (_mm512_fmadd_pd(lo, lo, s.0), _mm512_fmadd_pd(hi, hi, s.1))
        };
        fn wide_sum(x: W) -> f64 = {
            let x = _mm512_add_pd(x.0, x.1);
            Avx2::new().wide_sum((_mm512_castpd512_pd256(x), _mm512_extractf64x4_pd::<1>(x)))
        };
    }
}

impl Store for Avx512 {
    #[inline(always)]
    unsafe fn store(self, p: *mut f32, x: Self::V) {
        // SAFETY: self proves the instruction, the caller vouches for sixteen elements.
        unsafe { _mm512_storeu_ps(p, x) }
    }
}

impl Load<f32> for Avx512 {
    #[inline(always)]
    unsafe fn load(self, p: *const f32) -> Self::V {
        // SAFETY: self proves the instruction, the caller vouches for sixteen elements.
        unsafe { _mm512_loadu_ps(p) }
    }

    #[inline(always)]
    unsafe fn load_part(self, p: *const f32, n: usize) -> Self::V {
        debug_assert!(0 < n && n < 16);
        // SAFETY: self proves the instruction. Lanes that are masked out are not read, only the n elements
        // that the caller vouches for.
        unsafe { _mm512_maskz_loadu_ps((1u16 << n) - 1, p) }
    }
}
