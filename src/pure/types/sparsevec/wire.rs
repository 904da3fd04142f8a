//! The binary form, as in `COPY … (FORMAT binary)` and the extended protocol.
//!
//! ```text
//! dim i32 | nnz i32 | unused i32, 0 | nnz × index i32 | nnz × value f32      all big-endian
//! ```
//!
//! Indices count from 0, unlike in the text form.

use super::Sparse;
use super::limits::{KIND, check_dim, check_index, check_nnz};
use crate::fault::{Fault, Result, state};
use crate::types::vector::check_expected_dim;
use crate::types::vector::wire::{check_unused, insufficient};

/// Bytes before the elements.
pub const HEADER: usize = 12;

/// Bytes of a sparse vector of `nnz` elements.
#[must_use]
pub const fn size(nnz: usize) -> usize {
    HEADER + 8 * nnz
}

/// Reads the header at the start of `bytes` and returns the numbers of dimensions and of elements.
///
/// # Errors
/// `08P01` when `bytes` is too short, `22000` or `54000` for dimensions or elements out of bounds,
/// `22000` for dimensions other than `typmod` and an unused field that is not 0.
pub fn decode_header(bytes: &[u8], typmod: i32) -> Result<(i32, usize)> {
    let [dim, nnz, unused] = match bytes.as_chunks::<4>().0 {
        [dim, nnz, unused, ..] => [dim, nnz, unused].map(|b| i32::from_be_bytes(*b)),
        _ => return Err(insufficient()),
    };
    check_dim(dim)?;
    let nnz = check_nnz(nnz, dim)?;
    check_expected_dim(typmod, dim as usize)?;
    check_unused(unused)?;
    Ok((dim, nnz))
}

/// Reads the elements of a sparse vector of `dim` dimensions from `bytes`, which starts behind the
/// header; `indices` and `values` are as long as the header says.
///
/// # Errors
/// `22000` for indices out of bounds, unordered or duplicate and for values that are NaN, infinite or
/// 0; `08P01` when `bytes` is too short.
pub fn decode_elements(bytes: &[u8], dim: i32, indices: &mut [i32], values: &mut [f32]) -> Result<()> {
    let mut words = bytes.as_chunks::<4>().0.iter();
    let mut before = None;
    for index in indices {
        *index = i32::from_be_bytes(*words.next().ok_or_else(insufficient)?);
        check_index(before, *index, dim)?;
        before = Some(*index);
    }
    for value in values {
        *value = f32::from_be_bytes(*words.next().ok_or_else(insufficient)?);
        KIND.check_element(*value)?;
        if *value == 0.0 {
            return Err(zero_value());
        }
    }
    Ok(())
}

/// Writes `v` to `out`, of [`size`] bytes.
pub fn encode(v: Sparse, out: &mut [u8]) {
    let header = [v.dim, v.indices.len() as i32, 0];
    let integers = header.iter().chain(v.indices).map(|i| i.to_be_bytes());
    let words = integers.chain(v.values.iter().map(|x| x.to_be_bytes()));
    out.as_chunks_mut().0.iter_mut().zip(words).for_each(|(o, word)| *o = word);
}

#[cold]
fn zero_value() -> Fault {
    Fault::new(state::DATA_EXCEPTION, "binary representation of sparsevec cannot contain zero values")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::sparsevec::MAX_NNZ;
    use proptest::prelude::*;

    type Decoded = (i32, Vec<i32>, Vec<f32>);

    fn decode(bytes: &[u8], typmod: i32) -> Result<Decoded> {
        let (dim, nnz) = decode_header(bytes, typmod)?;
        let (mut indices, mut values) = (vec![0; nnz], vec![0.0; nnz]);
        decode_elements(&bytes[HEADER..], dim, &mut indices, &mut values)?;
        Ok((dim, indices, values))
    }

    fn encoded((dim, indices, values): &Decoded) -> Vec<u8> {
        let mut out = vec![0xAA; size(indices.len())];
        encode(Sparse { dim: *dim, indices, values }, &mut out);
        out
    }

    /// The wire form of any numbers, right or wrong.
    fn raw(header: [i32; 3], indices: &[i32], values: &[f32]) -> Vec<u8> {
        let integers = header.iter().chain(indices).flat_map(|i| i.to_be_bytes());
        integers.chain(values.iter().flat_map(|x| x.to_be_bytes())).collect()
    }

    #[test]
    fn layout() {
        let bytes =
            [[0, 0, 0, 5], [0, 0, 0, 2], [0; 4], [0; 4], [0, 0, 0, 2], [0x3f, 0, 0, 0], [0x40, 0, 0, 0]]
                .concat();
        let v = (5, vec![0, 2], vec![0.5, 2.0]);
        assert_eq!(encoded(&v), bytes);
        assert_eq!(decode(&bytes, -1).as_ref(), Ok(&v));
        assert_eq!(decode(&bytes, 5).as_ref(), Ok(&v));
        let none = (1_000_000_000, vec![], vec![]);
        assert_eq!(decode(&encoded(&none), -1), Ok(none));
    }

    #[test]
    fn refusals() {
        let (nan, inf) = (f32::NAN, f32::NEG_INFINITY);
        for (bytes, typmod, state, message) in [
            (raw([0, 0, 0], &[], &[]), -1, "22000", "sparsevec must have at least 1 dimension"),
            (raw([-1, 0, 0], &[], &[]), -1, "22000", "sparsevec must have at least 1 dimension"),
            (
                raw([1_000_000_001, -1, 1], &[], &[]),
                3,
                "54000",
                "sparsevec cannot have more than 1000000000 dimensions",
            ),
            (raw([5, -1, 1], &[], &[]), 3, "22000", "sparsevec cannot have negative number of elements"),
            (raw([5, 6, 1], &[], &[]), 3, "54000", "sparsevec cannot have more elements than dimensions"),
            (
                raw([5, 16_001, 1], &[], &[]),
                3,
                "54000",
                "sparsevec cannot have more than 16000 non-zero elements",
            ),
            (raw([5, 0, 1], &[], &[]), 3, "22000", "expected 3 dimensions, not 5"),
            (raw([5, 0, 1], &[], &[]), -1, "22000", "expected unused to be 0, not 1"),
            (raw([5, 0, i32::MIN], &[], &[]), -1, "22000", "expected unused to be 0, not -2147483648"),
            (
                raw([5, 2, 0], &[2, 0], &[1.0, 1.0]),
                -1,
                "22000",
                "sparsevec indices must be in ascending order",
            ),
            (
                raw([5, 2, 0], &[2, 2], &[1.0, 1.0]),
                -1,
                "22000",
                "sparsevec indices must not contain duplicates",
            ),
            (raw([5, 2, 0], &[2, 5], &[nan, 1.0]), -1, "22000", "sparsevec index out of bounds"),
            (raw([5, 2, 0], &[2, -1], &[]), -1, "22000", "sparsevec index out of bounds"),
            (raw([5, 2, 0], &[0, 2], &[0.0, nan]), -1, "22000", ZERO),
            (raw([5, 2, 0], &[0, 2], &[-0.0]), -1, "22000", ZERO),
            (raw([5, 2, 0], &[0, 2], &[nan, 0.0]), -1, "22000", "NaN not allowed in sparsevec"),
            (raw([5, 2, 0], &[0, 2], &[1.0, inf]), -1, "22000", "infinite value not allowed in sparsevec"),
        ] {
            let fault = decode(&bytes, typmod).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), (state, message));
        }
    }
    const ZERO: &str = "binary representation of sparsevec cannot contain zero values";

    #[test]
    fn too_short() {
        let bytes = raw([5, 2, 0], &[0, 2], &[0.5, 2.0]);
        for length in 0..bytes.len() {
            let fault = decode(&bytes[..length], -1).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), ("08P01", "insufficient data left in message"));
        }
        assert!(decode(&bytes, -1).is_ok());
    }

    #[test]
    fn largest() {
        let v = (1_000_000_000, (0..MAX_NNZ as i32).map(|i| i * 62_500).collect(), vec![f32::MAX; MAX_NNZ]);
        assert_eq!(decode(&encoded(&v), -1), Ok(v));
    }

    proptest! {
        #[test]
        fn round_trip(
            elements in prop::collection::btree_map(0i32..1000, any::<u32>(), 0..100),
            more in 0i32..999_999_000,
        ) {
            let mut v = (1000 + more, vec![], vec![]);
            for (i, x) in elements.into_iter().map(|(i, bits)| (i, f32::from_bits(bits))) {
                if x.is_finite() && x != 0.0 {
                    v.1.push(i);
                    v.2.push(x);
                }
            }
            prop_assert_eq!(decode(&encoded(&v), -1), Ok(v));
        }

        #[test]
        fn likely_bytes(
            header in (0i32..9, 0i32..6, 0i32..2),
            words in prop::collection::vec(prop_oneof![0i32..9, any::<i32>(), Just(0x3f80_0000)], 0..12),
            cut in 0usize..60,
        ) {
            let mut bytes = raw([header.0, header.1, header.2], &words, &[]);
            bytes.truncate(cut);
            match decode(&bytes, -1) {
                Ok(v) => prop_assert_eq!(encoded(&v), &bytes[..size(v.1.len())]),
                Err(fault) => prop_assert!(["08P01", "22000", "54000"].contains(&fault.state)),
            }
        }

        #[test]
        fn wild_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64), typmod in -1i32..5) {
            if let Err(fault) = decode(&bytes, typmod) {
                prop_assert!(["08P01", "22000", "54000"].contains(&fault.state));
            }
        }
    }
}
