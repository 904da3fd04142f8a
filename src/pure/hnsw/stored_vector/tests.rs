//! A stored vector is near the original, and every variant computes with exactly the stored elements.

mod golden;

use super::{StoredVector, encode, f16, kernels, scale_for, variants};
use crate::distance::scalar;
use proptest::prelude::*;

fn cases() -> ProptestConfig {
    let cases = if cfg!(miri) { 2 } else { 200 };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn lengths() -> impl Strategy<Value = usize> {
    if cfg!(miri) { (1..40usize).boxed() } else { prop_oneof![1..100usize, 100..2000usize].boxed() }
}

/// Normal, subnormal and zero elements of `f16` with a scale.
fn stored(n: usize) -> impl Strategy<Value = (Vec<f16>, f32)> {
    let element = any::<u16>().prop_map(|bits| f16::from_bits(bits & 0xbfff | 0x0400 & bits >> 1));
    (prop::collection::vec(element, n), (-40..40i32).prop_map(super::power_of_two))
}

proptest! {
    #![proptest_config(cases())]

    /// Each element is off by at most 2^-11 of itself, or by half a unit of the smallest subnormal.
    #[test]
    fn rounds_to_eleven_bits(
        x in lengths().prop_flat_map(|n| prop::collection::vec(-1.0..1.0f32, n)), exponent in -100..120i32
    ) {
        let x: Vec<f32> = x.iter().map(|x| x * x * x * super::power_of_two(exponent)).collect();
        let mut elements = vec![f16::ZERO; x.len()];
        let scale = encode(&x, &mut elements);
        let stored = StoredVector::F16 { scale, elements: &elements };
        let mut back = vec![0.0; x.len()];
        stored.decode(&mut back);
        let largest = x.iter().fold(0f32, |m, x| m.max(x.abs()));
        prop_assert!(largest == 0.0 || (16384.0..32768.0).contains(&(largest / scale)));
        for (x, y) in x.iter().zip(&back) {
            let bound = (x.abs() / 2048.0).max(scale * super::power_of_two(-25));
            prop_assert!((x - y).abs() <= bound, "{x} {y} {scale}");
        }
        // Storing a decoded vector again changes nothing.
        let mut again = vec![f16::ZERO; x.len()];
        prop_assert_eq!(encode(&back, &mut again), scale_for(&back));
        let other = StoredVector::F16 { scale: scale_for(&back), elements: &again };
        let mut twice = vec![0.0; x.len()];
        other.decode(&mut twice);
        prop_assert!(scale_for(&back) != scale || twice == back);
    }

    /// Every variant decodes to the same bits.
    #[test]
    fn decodes_exactly((elements, scale) in lengths().prop_flat_map(stored)) {
        for kernels in variants() {
            let mut out = vec![7.0; elements.len()];
            kernels.decode(&elements, scale, &mut out);
            for (x, out) in elements.iter().zip(&out) {
                prop_assert_eq!((x.to_f32() * scale).to_bits(), out.to_bits(), "{}", kernels.name());
            }
        }
    }

    /// Kernels against the portable twins of `distance` on the decoded elements.
    #[test]
    fn within_error_bounds(
        ((elements, scale), query) in lengths().prop_flat_map(|n| {
            (stored(n), prop::collection::vec(-1e3..1e3f32, n))
        })
    ) {
        let stored = StoredVector::F16 { scale, elements: &elements };
        let n = query.len();
        let mut decoded = vec![0.0; n];
        stored.decode(&mut decoded);
        let gamma = 2.0 * (n as f64 + 4.0) * f64::from(f32::EPSILON);
        let sum = |f: fn(f64, f64) -> f64| -> f64 {
            query.iter().zip(&decoded).map(|(x, y)| f(f64::from(*x), f64::from(*y))).sum()
        };
        let (l2, ip) = (sum(|x, y| (x - y) * (x - y)), sum(|x, y| (x * y).abs()));
        let twin = scalar::l2_squared(&query, &decoded);
        let product = scalar::inner_product(&query, &decoded);
        for k in variants() {
            let got = k.l2_squared(&query, &elements, scale);
            prop_assert!(f64::from((got - twin).abs()) <= gamma * l2, "{} {got} {twin}", k.name());
            let got = scale * k.inner_product(&query, &elements);
            prop_assert!(f64::from((got - product).abs()) <= gamma * ip, "{} {got} {product}", k.name());
        }
        prop_assert_eq!(stored.l2_squared(&query), kernels().l2_squared(&query, &elements, scale));
        prop_assert_eq!(stored.inner_product(&query), scale * kernels().inner_product(&query, &elements));
        let norm = scalar::norm(&decoded).powi(2);
        prop_assert!((f64::from(stored.norm_squared()) - norm).abs() <= 1e-6 * norm);
        prop_assert_eq!(StoredVector::F32(&decoded).l2_squared(&query), crate::distance::l2_squared(&query, &decoded));
        prop_assert_eq!(stored.l2_squared(&decoded), 0.0);
    }
}

/// Every variant loads every `f16` exactly.
#[test]
fn loads_every_number() {
    let step = if cfg!(miri) { 257 } else { 1 };
    for bits in (0..=u16::MAX).step_by(step) {
        let x = f16::from_bits(bits);
        for k in variants() {
            for n in if bits % 64 == 0 { vec![1, 4, 8, 16, 21] } else { vec![3] } {
                let mut elements = vec![f16::ZERO; n];
                elements[n - 1] = x;
                let got = k.inner_product(&vec![1.0; n], &elements);
                let exact = x.to_f32();
                assert!(got == exact || got.is_nan() && exact.is_nan(), "{} {bits:x} {n} {got}", k.name());
            }
        }
    }
}

#[test]
fn scales_at_the_edges() {
    for x in [f32::MAX, 1.0, 65504.0, 1e-20, f32::MIN_POSITIVE, f32::from_bits(1)] {
        let mut elements = [f16::ZERO; 2];
        let scale = encode(&[x, -x / 2.0], &mut elements);
        assert!(scale.is_normal() && elements[0].is_finite(), "{x} {scale}");
        let mut back = [0.0; 2];
        StoredVector::F16 { scale, elements: &elements }.decode(&mut back);
        assert!((back[0] - x).abs() <= x / 2048.0, "{x} {}", back[0]);
    }
    assert_eq!(scale_for(&[0.0, -0.0]), 1.0);
    assert_eq!(scale_for(&[1.0]), 1.0 / 16384.0);
}

/// Bytes are viewed as numbers only where they are aligned.
#[test]
fn views() {
    let number = |k: u8| [k, 0, 0x80, 0x3f];
    for shift in 0..4 {
        let mut buffer = vec![0; shift];
        buffer.extend((0..5).flat_map(number));
        let bytes = &buffer[shift..];
        let at = bytes.as_ptr().addr();
        if let Some(x) = super::f32s(bytes) {
            assert!(at.is_multiple_of(4) && x[3].to_bits() == 0x3f80_0003 && x.len() == 5);
        } else {
            assert!(!at.is_multiple_of(4));
        }
        if let Some(x) = super::f16s(bytes) {
            assert!(at.is_multiple_of(2) && x[7].to_bits() == 0x3f80 && x.len() == 10);
        } else {
            assert!(!at.is_multiple_of(2));
        }
        assert!(super::f32s(&bytes[..6]).is_none() && super::f16s(&bytes[..5]).is_none());
    }
}
