//! Distances between strings of bits, as bytes whose padding is 0.
//!
//! How many times as long simsimd 6.5 takes, by `benches/kernels.rs` on an AMD EPYC of the Zen 4 generation whose AVX-512 is
//! hidden, at 128, 768, 1536, 3072 and 12288 bits; results of both are exact:
//!
//! | kernel | simsimd |
//! |---|---|
//! | [`hamming`] | 1.3, 1.6, 1.7, 2.3, 2.7 |
//! | [`jaccard`] | 0.95, 1.1, 1.3, 1.3, 1.5 |
//!
//! Where simsimd is ahead, it is by 0.4 ns. Not measured: AVX-512 counts the bits of 64 bytes in one instruction, which
//! simsimd uses and no kernel here; `distance` tells why simsimd's dispatch is not used.
#![allow(unsafe_code)]

use crate::fault::{Fault, Result, state};
use crate::simd::dispatch::dispatch;

/// Refuses two strings of different lengths, in bits.
///
/// # Errors
/// `22000` when they differ.
#[inline]
pub fn check_same_lengths(a: usize, b: usize) -> Result<()> {
    if a == b { Ok(()) } else { Err(different_lengths(a, b)) }
}

#[cold]
fn different_lengths(a: usize, b: usize) -> Fault {
    Fault::new(state::DATA_EXCEPTION, format!("different bit lengths {a} and {b}"))
}

/// The sum of `of` over the words of `a` and `b`, and over the bytes after the last word; if the lengths differ, the tail
/// of the longer slice is ignored.
#[inline(always)]
fn sum<const N: usize>(a: &[u8], b: &[u8], of: impl Fn(u64, u64) -> [u64; N]) -> [u64; N] {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let words = a.iter().zip(b).map(|(x, y)| of(u64::from_ne_bytes(*x), u64::from_ne_bytes(*y)));
    let bytes = a_rest.iter().zip(b_rest).map(|(x, y)| of((*x).into(), (*y).into()));
    words.chain(bytes).fold([0; N], |mut sums, each| {
        sums.iter_mut().zip(each).for_each(|(sum, x)| *sum += x);
        sums
    })
}

#[inline(always)]
fn ones(word: u64) -> u64 {
    word.count_ones().into()
}

/// The counts compiled for one set of CPU instructions.
struct Counts {
    different: unsafe fn(&[u8], &[u8]) -> u64,
    /// Different bits, common bits.
    both: unsafe fn(&[u8], &[u8]) -> [u64; 2],
}

macro_rules! compile {
    ($name:literal [$($feature:tt)*] ()) => {
        // Each function is unsafe for one reason: the CPU must have the features, which `kernels` checks.
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn different(a: &[u8], b: &[u8]) -> u64 {
            let [different] = sum(a, b, |x, y| [ones(x ^ y)]);
            different
        }
        $(#[target_feature(enable = $feature)])*
        pub(super) unsafe fn both(a: &[u8], b: &[u8]) -> [u64; 2] {
            sum(a, b, |x, y| [ones(x ^ y), ones(x & y)])
        }

        pub(super) static TABLE: Counts = Counts { different, both };
    };
}

dispatch! { Counts, compile: portable(), popcnt(), avx2int() }

/// Number of bits in which `a` and `b`, of equal lengths, differ.
#[must_use]
pub fn hamming(a: &[u8], b: &[u8]) -> u64 {
    // SAFETY: `kernels` gives only functions that this CPU can run.
    unsafe { (kernels().different)(a, b) }
}

/// 1 - bits set in both / bits set in one or both, for `a` and `b` of equal lengths; 1 if no bit is set in
/// both.
#[must_use]
pub fn jaccard(a: &[u8], b: &[u8]) -> f64 {
    // SAFETY: `kernels` gives only functions that this CPU can run.
    let [different, common] = unsafe { (kernels().both)(a, b) };
    // As signed words, since no memory has 2⁶³ bits: only AVX-512 converts unsigned words with one instruction.
    if common == 0 { 1.0 } else { 1.0 - common as i64 as f64 / (different + common) as i64 as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values() {
        assert_eq!((hamming(&[0b1100_0000], &[0b1010_0000]), hamming(&[], &[])), (2, 0));
        assert_eq!(jaccard(&[0b1100_0000], &[0b1010_0000]), 1.0 - 1.0 / 3.0);
        assert_eq!((jaccard(&[0], &[0]), jaccard(&[1], &[2]), jaccard(&[3], &[3])), (1.0, 1.0, 0.0));
        assert!(check_same_lengths(9, 9).is_ok());
        assert_eq!(check_same_lengths(9, 8).unwrap_err().message, "different bit lengths 9 and 8");
    }

    proptest! {
        #[test]
        fn bit_by_bit(pairs in prop::collection::vec(any::<(u8, u8)>(), 0..300)) {
            let (a, b): (Vec<u8>, Vec<u8>) = pairs.into_iter().unzip();
            let sum = |f: fn(u8, u8) -> u8| -> u64 {
                let bit = |i: usize| u64::from(f(a[i / 8] >> (i % 8) & 1, b[i / 8] >> (i % 8) & 1));
                (0..8 * a.len()).map(bit).sum()
            };
            let (different, common) = (sum(|x, y| x ^ y), sum(|x, y| x & y));
            for k in variants() {
                // SAFETY: `variants` gives only functions that this CPU can run.
                let got = unsafe { ((k.different)(&a, &b), (k.both)(&a, &b)) };
                prop_assert_eq!(got, (different, [different, common]));
            }
            prop_assert_eq!(hamming(&a, &b), different);
            let union = sum(|x, y| x | y) as f64;
            prop_assert_eq!(jaccard(&a, &b), if common == 0 { 1.0 } else { 1.0 - common as f64 / union });
        }
    }
}
