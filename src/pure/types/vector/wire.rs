//! The binary form, as in `COPY … (FORMAT binary)` and the extended protocol.
//!
//! ```text
//! dim i16 | unused i16, 0 | dim × f32 or f16      all big-endian
//! ```

use super::limits::{check_element, check_expected_dim};
use crate::fault::{Fault, Result, state};
use crate::types::element::Element;

/// Bytes before the elements.
pub const HEADER: usize = 4;

/// Bytes of a vector of `dim` dimensions.
#[must_use]
pub const fn size<T>(dim: usize) -> usize {
    HEADER + size_of::<T>() * dim
}

/// Reads the header at the start of `bytes` and returns the number of dimensions.
///
/// # Errors
/// `08P01` when `bytes` is too short, `22000` or `54000` for dimensions out of bounds or other than
/// `typmod`, `22000` when the unused field is not 0.
pub fn decode_header<T: Element>(bytes: &[u8], typmod: i32) -> Result<usize> {
    let &[d0, d1, u0, u1, ..] = bytes else { return Err(insufficient()) };
    let dim = i16::from_be_bytes([d0, d1]);
    T::KIND.check_dim(i64::from(dim))?;
    let dim = usize::from(dim.unsigned_abs());
    check_expected_dim(typmod, dim)?;
    check_unused(i16::from_be_bytes([u0, u1]).into())?;
    Ok(dim)
}

/// Refuses unused bits that are set.
pub(crate) fn check_unused(unused: i32) -> Result<()> {
    match unused {
        0 => Ok(()),
        other => Err(Fault::new(state::DATA_EXCEPTION, format!("expected unused to be 0, not {other}"))),
    }
}

/// Reads `out.len()` elements from `bytes`, which starts behind the header.
///
/// # Errors
/// `22000` for NaN and infinities, `08P01` when `bytes` is too short.
pub fn decode_elements<T: Element>(bytes: &[u8], out: &mut [T]) -> Result<()> {
    let whole = bytes.chunks_exact(size_of::<T>());
    let number = whole.len();
    for (o, b) in out.iter_mut().zip(whole) {
        *o = T::from_be(b);
        check_element(*o)?;
    }
    if number < out.len() { Err(insufficient()) } else { Ok(()) }
}

/// Writes `x` to `out`, of [`size`] bytes.
pub fn encode<T: Element>(x: &[T], out: &mut [u8]) {
    if let Some((header, elements)) = out.split_first_chunk_mut::<HEADER>() {
        let [d0, d1] = (x.len() as i16).to_be_bytes();
        *header = [d0, d1, 0, 0];
        elements.chunks_exact_mut(size_of::<T>()).zip(x).for_each(|(o, x)| x.to_be(o));
    }
}

#[cold]
pub(crate) fn insufficient() -> Fault {
    Fault::new(state::PROTOCOL_VIOLATION, "insufficient data left in message")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::element::MAX_DIM;
    use crate::types::element::f16;
    use proptest::prelude::*;

    fn decode<T: Element>(bytes: &[u8], typmod: i32) -> Result<Vec<T>> {
        let dim = decode_header::<T>(bytes, typmod)?;
        let mut out = vec![T::default(); dim];
        decode_elements(&bytes[HEADER..], &mut out).map(|()| out)
    }

    fn encoded<T: Element>(x: &[T]) -> Vec<u8> {
        let mut out = vec![0xAA; size::<T>(x.len())];
        encode(x, &mut out);
        out
    }

    #[test]
    fn layout() {
        let bytes = encoded(&[1f32, -2.0]);
        assert_eq!(bytes, [0, 2, 0, 0, 0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0]);
        assert_eq!(decode(&bytes, -1), Ok(vec![1.0, -2.0]));
        assert_eq!(decode(&bytes, 2), Ok(vec![1.0, -2.0]));
    }

    #[test]
    fn layout_of_halves() {
        let x = [1.0, -2.0, 6e-8].map(f16::from_f32_const);
        let bytes = encoded(&x);
        assert_eq!(bytes, [0, 3, 0, 0, 0x3c, 0, 0xc0, 0, 0, 1]);
        assert_eq!(decode(&bytes, 3), Ok(x.to_vec()));
        for (bytes, message) in [
            (&bytes[..9], "insufficient data left in message"),
            (&[0, 1, 0, 0, 0x7c, 0], "infinite value not allowed in halfvec"),
            (&[0, 1, 0, 0, 0x7c, 1], "NaN not allowed in halfvec"),
            (&[0, 0, 0, 0], "halfvec must have at least 1 dimension"),
            (&[0x3e, 0x81, 0, 0], "halfvec cannot have more than 16000 dimensions"),
        ] {
            assert_eq!(decode::<f16>(bytes, -1).unwrap_err().message, message);
        }
    }

    #[test]
    fn refusals() {
        let nan = f32::NAN.to_be_bytes();
        let inf = f32::NEG_INFINITY.to_be_bytes();
        for (bytes, typmod, state, message) in [
            (&[][..], -1, "08P01", "insufficient data left in message"),
            (&[0, 1, 0], -1, "08P01", "insufficient data left in message"),
            (&[0, 1, 0, 0, 0, 0, 0], -1, "08P01", "insufficient data left in message"),
            (&[0, 0, 0, 0], -1, "22000", "vector must have at least 1 dimension"),
            (&[0xff, 0xff, 0, 0], -1, "22000", "vector must have at least 1 dimension"),
            (&[0x3e, 0x81, 0, 0], -1, "54000", "vector cannot have more than 16000 dimensions"),
            (&[0, 1, 0, 0, 0, 0, 0, 0], 3, "22000", "expected 3 dimensions, not 1"),
            (&[0, 1, 0, 1, 0, 0, 0, 0], -1, "22000", "expected unused to be 0, not 1"),
            (&[0, 1, 0xff, 0xff], -1, "22000", "expected unused to be 0, not -1"),
            (&[&[0, 2, 0, 0][..], &nan[..]].concat(), -1, "22000", "NaN not allowed in vector"),
            (&[&[0, 1, 0, 0][..], &inf[..]].concat(), -1, "22000", "infinite value not allowed in vector"),
        ] {
            let fault = decode::<f32>(bytes, typmod).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), (state, message), "{bytes:?}");
        }
    }

    #[test]
    fn largest() {
        let x = vec![0.5f32; MAX_DIM];
        assert_eq!(decode(&encoded(&x), -1), Ok(x));
    }

    proptest! {
        #[test]
        fn round_trip(bits in prop::collection::vec(any::<u32>(), 1..200)) {
            let x: Vec<f32> = bits.into_iter().map(f32::from_bits).filter(|x| x.is_finite()).collect();
            prop_assume!(!x.is_empty());
            let back = decode::<f32>(&encoded(&x), -1).unwrap();
            prop_assert!(x.iter().zip(&back).all(|(a, b)| a.to_bits() == b.to_bits()) && x.len() == back.len());
        }

        #[test]
        fn any_bytes(dim in 0u16..40, unused in 0u16..3, rest in prop::collection::vec(any::<u8>(), 0..80), cut in 0usize..84) {
            let mut bytes = [&dim.to_be_bytes()[..], &unused.to_be_bytes(), &rest].concat();
            bytes.truncate(cut);
            match decode::<f32>(&bytes, -1) {
                Ok(x) => prop_assert_eq!(encoded(&x), &bytes[..size::<f32>(x.len())]),
                Err(fault) => prop_assert!(["08P01", "22000", "54000"].contains(&fault.state)),
            }
        }

        #[test]
        fn wild_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), typmod in -1i32..5) {
            if let Err(fault) = decode::<f32>(&bytes, typmod) {
                prop_assert!(["08P01", "22000", "54000"].contains(&fault.state));
            }
        }
    }
}
