//! Registers of bytes of x86-64: SSSE3, AVX2, AVX-512 with its byte instructions.
#![allow(unsafe_code)]

use super::fastscan::Bytes;
use std::arch::x86_64::*;

/// 16 bytes; proof of `ssse3`.
#[derive(Clone, Copy)]
pub(super) struct Ssse3(());

/// 32 bytes; proof of `avx2`.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

/// 64 bytes; proof of `avx512f` and `avx512bw`.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

/// The methods of [`Bytes`], from the names of the intrinsics.
macro_rules! bytes {
    ($name:ident, $v:ty, $groups:literal, $zero:ident, $set:ident, $and:ident, $shuffle:ident, $add:ident,
     $sub:ident, $right:ident, $left:ident, $low:ident, $high:ident,
     load |$p:ident| $load:expr, broadcast |$q:ident| $broadcast:expr, pair |$r:ident, $s:ident| $pair:expr) => {
        impl Bytes for $name {
            type V = $v;
            const GROUPS: usize = $groups;

            #[inline(always)]
            unsafe fn new() -> Self {
                Self(())
            }
            #[inline(always)]
            fn zero(self) -> $v {
                // SAFETY: here and below, self proves the instructions, which touch no memory.
                unsafe { $zero() }
            }
            #[inline(always)]
            fn low(self, x: $v) -> $v {
                // SAFETY: as in zero.
                unsafe { $and(x, $set(15)) }
            }
            #[inline(always)]
            fn high(self, x: $v) -> $v {
                // SAFETY: as in zero.
                unsafe { $and($right::<4>(x), $set(15)) }
            }
            #[inline(always)]
            fn look_up(self, table: $v, index: $v) -> $v {
                // SAFETY: as in zero.
                unsafe { $shuffle(table, index) }
            }
            #[inline(always)]
            fn add(self, x: $v, y: $v) -> $v {
                // SAFETY: as in zero.
                unsafe { $add(x, y) }
            }
            #[inline(always)]
            fn upper(self, x: $v) -> $v {
                // SAFETY: as in zero.
                unsafe { $right::<8>(x) }
            }
            #[inline(always)]
            fn zip_low(self, x: $v, y: $v) -> $v {
                // SAFETY: as in zero.
                unsafe { $low(x, y) }
            }
            #[inline(always)]
            fn zip_high(self, x: $v, y: $v) -> $v {
                // SAFETY: as in zero.
                unsafe { $high(x, y) }
            }
            #[inline(always)]
            fn sums(self, whole: $v, odd: $v) -> [[u16; 16]; 4] {
                // SAFETY: as in zero; the registers are taken apart into as many bytes as they have.
                let even: [[u16; 8]; $groups] = unsafe { std::mem::transmute($sub(whole, $left::<8>(odd))) };
                // SAFETY: likewise.
                let odd: [[u16; 8]; $groups] = unsafe { std::mem::transmute(odd) };
                let mut sums = [[0; 16]; 4];
                for ((sums, even), odd) in sums.iter_mut().zip(even).zip(odd) {
                    *sums = std::array::from_fn(|i| if i % 2 == 0 { even[i / 2] } else { odd[i / 2] });
                }
                sums
            }
            #[inline(always)]
            unsafe fn load(self, $p: *const u8) -> $v {
                // SAFETY: self proves the instructions, the caller vouches for the bytes; so below.
                unsafe { $load }
            }
            #[inline(always)]
            unsafe fn broadcast(self, $q: *const u8) -> $v {
                // SAFETY: as in load.
                unsafe { $broadcast }
            }
            #[inline(always)]
            unsafe fn pair(self, $r: *const u8, $s: *const u8) -> $v {
                // SAFETY: as in load.
                unsafe { $pair }
            }
        }
    };
}

bytes!(
    Ssse3,
    __m128i,
    1,
    _mm_setzero_si128,
    _mm_set1_epi8,
    _mm_and_si128,
    _mm_shuffle_epi8,
    _mm_add_epi16,
    _mm_sub_epi16,
    _mm_srli_epi16,
    _mm_slli_epi16,
    _mm_unpacklo_epi8,
    _mm_unpackhi_epi8,
    load | p | _mm_loadu_si128(p.cast()),
    broadcast | p | _mm_loadu_si128(p.cast()),
    pair | p,
    _q | _mm_loadu_si128(p.cast())
);

bytes!(
    Avx2,
    __m256i,
    2,
    _mm256_setzero_si256,
    _mm256_set1_epi8,
    _mm256_and_si256,
    _mm256_shuffle_epi8,
    _mm256_add_epi16,
    _mm256_sub_epi16,
    _mm256_srli_epi16,
    _mm256_slli_epi16,
    _mm256_unpacklo_epi8,
    _mm256_unpackhi_epi8,
    load | p | _mm256_loadu_si256(p.cast()),
    broadcast | p | _mm256_broadcastsi128_si256(_mm_loadu_si128(p.cast())),
    pair | p,
    q | _mm256_loadu2_m128i(q.cast(), p.cast())
);

bytes!(
    Avx512,
    __m512i,
    4,
    _mm512_setzero_si512,
    _mm512_set1_epi8,
    _mm512_and_si512,
    _mm512_shuffle_epi8,
    _mm512_add_epi16,
    _mm512_sub_epi16,
    _mm512_srli_epi16,
    _mm512_slli_epi16,
    _mm512_unpacklo_epi8,
    _mm512_unpackhi_epi8,
    load | p | _mm512_loadu_si512(p.cast()),
    broadcast | p | _mm512_broadcast_i32x4(_mm_loadu_si128(p.cast())),
    pair | p,
    q | {
        let (p, q) = (_mm_loadu_si128(p.cast()), _mm_loadu_si128(q.cast()));
        _mm512_inserti32x4::<0>(_mm512_broadcast_i32x4(q), p)
    }
);
