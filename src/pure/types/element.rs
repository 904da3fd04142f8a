//! The elements that a dense vector may have: `f32` in the type `vector`, `f16` in `halfvec`.
//!
//! Code for both types is written once over [`Element`]. Arithmetic is in `f32`, and the
//! conversions are free of branches, so that loops over elements vectorise.

use crate::distance::Operand;
use crate::types::kind::Kind;
pub use half::f16;
use std::fmt::Debug;

/// Maximum dimensions of a vector of either type.
pub const MAX_DIM: usize = 16_000;

/// The type of a dense vector's elements.
pub trait Element: Operand + Default + PartialOrd + Debug {
    /// The type of vectors with these elements.
    const KIND: Kind;

    /// The nearest element, halves to even; infinite if `x` is beyond the largest.
    fn from_f32(x: f32) -> Self;

    /// The same number.
    fn to_f32(self) -> f32;

    /// The element of `size_of::<Self>()` bytes, the most significant first.
    fn from_be(bytes: &[u8]) -> Self;

    /// Writes `size_of::<Self>()` bytes, the most significant first.
    fn to_be(self, bytes: &mut [u8]);
}

impl Element for f32 {
    const KIND: Kind = Kind { name: "vector", max_dim: crate::types::element::MAX_DIM };

    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        x
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }

    #[inline(always)]
    fn from_be(bytes: &[u8]) -> Self {
        bytes.try_into().map_or(f32::NAN, f32::from_be_bytes)
    }

    #[inline(always)]
    fn to_be(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_be_bytes());
    }
}

impl Element for f16 {
    const KIND: Kind = Kind { name: "halfvec", max_dim: crate::types::element::MAX_DIM };

    #[inline(always)]
    fn from_f32(x: f32) -> Self {
        const INFINITY: u32 = 0x7c00;
        const NAN: u32 = 0x7e00;
        /// Half-way from the largest number to the next number if there were one: 65520.
        const OVERFLOW: u32 = 0x477f_f000;
        /// 2^-14, the smallest normal number.
        const NORMAL: u32 = 0x3880_0000;
        let size = x.to_bits() & 0x7fff_ffff;
        // Ties go to even: one less than a half is added, and the last bit that stays.
        let normal = (size.wrapping_add(0xfff + (size >> 13 & 1)) >> 13).wrapping_sub(112 << 10);
        // The last bit of numbers from 0.5 on is 2^-24, as in subnormal halves: the addition rounds.
        let subnormal = (f32::from_bits(size) + 0.5).to_bits().wrapping_sub(0.5f32.to_bits());
        let finite = if size < NORMAL { subnormal } else { normal };
        let special = if size > 0x7f80_0000 { NAN } else { INFINITY };
        let size = if size >= OVERFLOW { special } else { finite };
        Self::from_bits((size | x.to_bits() >> 16 & 0x8000) as u16)
    }

    #[inline(always)]
    fn to_f32(self) -> f32 {
        let bits = u32::from(self.to_bits());
        // Bits at their places in an f32; then an exact multiplication corrects the exponent's bias, and
        // handles subnormal numbers, too.
        let size = (bits & 0x7fff) << 13;
        let special = if size >= 0x7c00 << 13 { 0xff << 23 } else { 0 };
        let scaled = f32::from_bits(size) * f32::from_bits(239 << 23);
        f32::from_bits(scaled.to_bits() | special | (bits & 0x8000) << 16)
    }

    #[inline(always)]
    fn from_be(bytes: &[u8]) -> Self {
        bytes.try_into().map_or(f16::NAN, f16::from_be_bytes)
    }

    #[inline(always)]
    fn to_be(self, bytes: &mut [u8]) {
        bytes.copy_from_slice(&self.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn same(x: f32, y: f32) -> bool {
        x.to_bits() == y.to_bits() || x.is_nan() && y.is_nan()
    }

    #[test]
    fn every_half_there_and_back() {
        for bits in 0..=u16::MAX {
            let x = f16::from_bits(bits);
            let wide = Element::to_f32(x);
            assert!(same(wide, x.to_f32_const()), "{bits:x}");
            let back = <f16 as Element>::from_f32(wide);
            assert!(
                back == x && back.is_sign_negative() == x.is_sign_negative() || x.is_nan() && back.is_nan()
            );
        }
    }

    /// Around every half, and half-way to the next one, where rounding decides.
    #[test]
    fn rounds_to_the_nearest() {
        for bits in 0..0x7c00u16 {
            let (x, next) = (f16::from_bits(bits).to_f64_const(), f16::from_bits(bits + 1).to_f64_const());
            let next = if next.is_infinite() { 65536.0 } else { next };
            let middle = ((x + next) / 2.0) as f32;
            for x in [x as f32, middle.next_down(), middle, middle.next_up()] {
                for x in [x, -x] {
                    let (got, expected) = (<f16 as Element>::from_f32(x), f16::from_f32_const(x));
                    assert_eq!(got.to_bits(), expected.to_bits(), "{x}");
                }
            }
        }
        for x in [f32::MAX, 65520.0, 65519.996, 1e-45, f32::INFINITY, f32::NAN] {
            assert!(same(
                <f16 as Element>::from_f32(x).to_f32_const(),
                f16::from_f32_const(x).to_f32_const()
            ));
        }
    }

    #[test]
    fn bytes() {
        let mut two = [0; 2];
        Element::to_be(f16::from_f32_const(-2.0), &mut two);
        assert_eq!((two, <f16 as Element>::from_be(&two)), ([0xc0, 0], f16::from_f32_const(-2.0)));
        let mut four = [0; 4];
        Element::to_be(-2f32, &mut four);
        assert_eq!((four, <f32 as Element>::from_be(&four)), ([0xc0, 0, 0, 0], -2.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn any_float(bits: u32) {
            let x = f32::from_bits(bits);
            let (got, expected) = (<f16 as Element>::from_f32(x), f16::from_f32_const(x));
            prop_assert!(got.to_bits() == expected.to_bits() || got.is_nan() && expected.is_nan());
        }
    }
}
