//! The loops of a rotation, written once over [`Lanes`](crate::simd::registers::Lanes). Multiplications and additions are
//! never fused, so that all variants agree to the bit.
#![allow(unsafe_code)]

#[cfg(target_arch = "aarch64")]
use crate::simd::neon::Neon;
use crate::simd::registers::{Load, Portable, Store};
#[cfg(target_arch = "x86_64")]
use crate::simd::x86::{Avx2, Avx512, Sse2};

/// Butterflies between the lanes of one register, in the order of strides 1, 2, … N/2.
pub(super) trait Within: Load<f32> + Store {
    fn within(self, x: Self::V) -> Self::V;
}

impl Within for Portable {
    #[inline(always)]
    fn within(self, [a, b, c, d]: Self::V) -> Self::V {
        let (a, b, c, d) = (a + b, a - b, c + d, c - d);
        [a + c, b + d, a - c, b - d]
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::{Avx2, Avx512, Sse2, Within};
    use std::arch::x86_64::*;

    // x swapped, plus x with the sign of its upper half turned: a + b below, a - b above.

    impl Within for Sse2 {
        #[inline(always)]
        fn within(self, x: __m128) -> __m128 {
            // SAFETY: SSE2 is part of the baseline; none of the instructions touches memory.
            unsafe {
                let odd = _mm_setr_ps(0.0, -0.0, 0.0, -0.0);
                let upper = _mm_setr_ps(0.0, 0.0, -0.0, -0.0);
                let x = _mm_add_ps(_mm_shuffle_ps::<0b10_11_00_01>(x, x), _mm_xor_ps(x, odd));
                _mm_add_ps(_mm_shuffle_ps::<0b01_00_11_10>(x, x), _mm_xor_ps(x, upper))
            }
        }
    }

    impl Within for Avx2 {
        #[inline(always)]
        fn within(self, x: __m256) -> __m256 {
            // SAFETY: self proves the instructions, none of which touches memory.
            unsafe {
                let mask = |m: __m128, n: __m128| _mm256_set_m128(n, m);
                let odd = _mm_setr_ps(0.0, -0.0, 0.0, -0.0);
                let upper = _mm_setr_ps(0.0, 0.0, -0.0, -0.0);
                let x =
                    _mm256_add_ps(_mm256_permute_ps::<0b10_11_00_01>(x), _mm256_xor_ps(x, mask(odd, odd)));
                let x = _mm256_add_ps(
                    _mm256_permute_ps::<0b01_00_11_10>(x),
                    _mm256_xor_ps(x, mask(upper, upper)),
                );
                let half = mask(_mm_setzero_ps(), _mm_set1_ps(-0.0));
                _mm256_add_ps(_mm256_permute2f128_ps::<1>(x, x), _mm256_xor_ps(x, half))
            }
        }
    }

    impl Within for Avx512 {
        #[inline(always)]
        fn within(self, x: __m512) -> __m512 {
            // SAFETY: self proves the instructions, none of which touches memory.
            unsafe {
                // Lane i is negated where bit i of `lanes` is set; avx512f has xor for integers only.
                let turn = |x: __m512, lanes: __mmask16| {
                    let x = _mm512_castps_si512(x);
                    _mm512_castsi512_ps(_mm512_mask_xor_epi32(x, lanes, x, _mm512_set1_epi32(i32::MIN)))
                };
                let x = _mm512_add_ps(_mm512_permute_ps::<0b10_11_00_01>(x), turn(x, 0xaaaa));
                let x = _mm512_add_ps(_mm512_permute_ps::<0b01_00_11_10>(x), turn(x, 0xcccc));
                let x = _mm512_add_ps(_mm512_shuffle_f32x4::<0b10_11_00_01>(x, x), turn(x, 0xf0f0));
                _mm512_add_ps(_mm512_shuffle_f32x4::<0b01_00_11_10>(x, x), turn(x, 0xff00))
            }
        }
    }
}

#[cfg(target_arch = "aarch64")]
impl Within for Neon {
    #[inline(always)]
    #[allow(unused_unsafe)]
    fn within(self, x: Self::V) -> Self::V {
        use std::arch::aarch64::*;
        let turn = |x: float32x4_t, lanes: [u32; 4]| {
            // SAFETY: NEON is part of the baseline; lanes is an array of four.
            unsafe { vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x), vld1q_u32(lanes.as_ptr()))) }
        };
        const SIGN: u32 = 1 << 31;
        // SAFETY: NEON is part of the baseline.
        unsafe {
            let x = vaddq_f32(vrev64q_f32(x), turn(x, [0, SIGN, 0, SIGN]));
            vaddq_f32(vextq_f32::<2>(x, x), turn(x, [0, 0, SIGN, SIGN]))
        }
    }
}

/// `x[i] *= factors[i]`
#[inline(always)]
pub(super) fn scale<L: Within>(l: L, factors: &[f32], x: &mut [f32]) {
    let n = factors.len().min(x.len());
    let (f, p) = (factors.as_ptr(), x.as_mut_ptr());
    let mut i = 0;
    while n - i >= L::N {
        // SAFETY: i + N <= n, the shorter length.
        unsafe { l.store(p.add(i), l.mul(l.load(p.add(i)), l.load(f.add(i)))) };
        i += L::N;
    }
    while i < n {
        x[i] *= factors[i];
        i += 1;
    }
}

/// `(a, b) ← (a + b, a − b)` with a in the first half and b in the second.
#[inline(always)]
pub(super) fn halves<L: Within>(l: L, x: &mut [f32]) {
    let half = x.len() / 2;
    let (a, b) = x.split_at_mut(half);
    let n = half.min(b.len());
    let (p, q) = (a.as_mut_ptr(), b.as_mut_ptr());
    let mut i = 0;
    while n - i >= L::N {
        // SAFETY: i + N <= n, the shorter half.
        unsafe {
            let (x, y) = (l.load(p.add(i)), l.load(q.add(i)));
            l.store(p.add(i), l.add(x, y));
            l.store(q.add(i), l.sub(x, y));
        }
        i += L::N;
    }
    while i < n {
        (a[i], b[i]) = (a[i] + b[i], a[i] - b[i]);
        i += 1;
    }
}

/// log2(R) stages of butterflies, of strides `h`, `2 h`, …, each value loaded once; if `first`, the butterflies within
/// the registers come before.
///
/// # Safety
/// `n` elements must be valid at `x`, `n` a multiple of `R * h`, `h` a multiple of `N`.
#[inline(always)]
unsafe fn stages<L: Within, const R: usize>(l: L, x: *mut f32, n: usize, h: usize, first: bool) {
    for block in (0..n).step_by(R * h) {
        for at in (block..block + h).step_by(L::N) {
            // Not array::from_fn: a closure would be compiled without the instructions.
            let mut v = [l.zero(); R];
            for (k, v) in v.iter_mut().enumerate() {
                // SAFETY: at + k h + N <= block + R h <= n for k < R.
                *v = unsafe { l.load(x.add(at + k * h)) };
            }
            if first {
                for v in &mut v {
                    *v = l.within(*v);
                }
            }
            let mut stride = 1;
            while stride < R {
                for k in 0..R {
                    if k & stride == 0 {
                        (v[k], v[k + stride]) = (l.add(v[k], v[k + stride]), l.sub(v[k], v[k + stride]));
                    }
                }
                stride *= 2;
            }
            for (k, v) in v.iter().enumerate() {
                // SAFETY: as above.
                unsafe { l.store(x.add(at + k * h), *v) };
            }
        }
    }
}

/// The unnormalised Walsh-Hadamard transform of a power of two of elements, at least 64.
#[inline(always)]
pub(super) fn walsh_hadamard<L: Within>(l: L, x: &mut [f32]) {
    let n = x.len();
    assert!(n.is_power_of_two() && n >= 64 && L::N <= 32);
    let (p, mut h) = (x.as_mut_ptr(), L::N);
    while h < n {
        let first = h == L::N;
        // SAFETY: x has n elements, and R h divides n: both are powers of two.
        unsafe {
            match n / h {
                2 => stages::<L, 2>(l, p, n, h, first),
                4 => stages::<L, 4>(l, p, n, h, first),
                _ => stages::<L, 8>(l, p, n, h, first),
            }
        }
        h *= (n / h).min(8);
    }
}

/// `out = Σ_j x_j · column_j`, at most four registers of `out` at a time.
#[inline(always)]
pub(super) fn combine<L: Within>(l: L, columns: &[f32], x: &[f32], out: &mut [f32]) {
    const K: usize = 4;
    let n = out.len();
    assert!(columns.len() == x.len() * n && n.is_multiple_of(16));
    let (c, o) = (columns.as_ptr(), out.as_mut_ptr());
    let mut i = 0;
    while i < n {
        let k = K.min((n - i) / L::N);
        let mut acc = [l.zero(); K];
        for (j, x) in x.iter().enumerate() {
            let x = l.splat(*x);
            for (k, acc) in acc.iter_mut().enumerate().take(k) {
                // SAFETY: i + (k + 1) N <= n, so within column j.
                let column = unsafe { l.load(c.add(j * n + i + k * L::N)) };
                *acc = l.add(*acc, l.mul(x, column));
            }
        }
        for (k, acc) in acc.iter().enumerate().take(k) {
            // SAFETY: i + (k + 1) N <= n.
            unsafe { l.store(o.add(i + k * L::N), *acc) };
        }
        i += k * L::N;
    }
}
