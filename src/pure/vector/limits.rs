//! What every vector must satisfy, whichever door it comes in by.

use crate::fault::{Fault, Result, state};
use crate::kind::Kind;

/// Most dimensions a vector may have.
pub const MAX_DIM: usize = 16_000;

pub(super) const KIND: Kind = Kind { name: "vector", max_dim: MAX_DIM };

/// Refuses a number of dimensions outside 1..=[`MAX_DIM`]. Negative numbers come from the wire.
///
/// # Errors
/// `22000` below 1, `54000` above [`MAX_DIM`].
#[inline]
pub fn check_dim(dim: i64) -> Result<()> {
    KIND.check_dim(dim)
}

/// Refuses a vector of `dim` dimensions for a column declared `vector(typmod)`; -1 takes any.
///
/// # Errors
/// `22000` when they differ.
#[inline]
pub fn check_expected_dim(typmod: i32, dim: usize) -> Result<()> {
    if typmod == -1 || usize::try_from(typmod) == Ok(dim) { Ok(()) } else { Err(unexpected_dim(typmod, dim)) }
}

/// Refuses two vectors of different dimensions.
///
/// # Errors
/// `22000` when they differ.
#[inline]
pub fn check_same_dims(a: &[f32], b: &[f32]) -> Result<()> {
    if a.len() == b.len() { Ok(()) } else { Err(different_dims(a.len(), b.len())) }
}

/// Refuses NaN and infinities; the first one found decides the message.
///
/// # Errors
/// `22000` naming what is not allowed.
#[inline]
pub fn check_elements(x: &[f32]) -> Result<()> {
    // Without an early exit the pass vectorises; the search follows only if something was found.
    if x.iter().fold(true, |ok, v| ok & v.is_finite()) {
        Ok(())
    } else {
        x.iter().try_for_each(|&v| check_element(v))
    }
}

/// Refuses NaN and infinities.
///
/// # Errors
/// `22000` naming what is not allowed.
#[inline]
pub fn check_element(x: f32) -> Result<()> {
    KIND.check_element(x)
}

/// The number of dimensions in a type modifier such as the 3 of `vector(3)`.
///
/// # Errors
/// `22023` when there is not exactly one, or it is outside 1..=[`MAX_DIM`].
pub fn check_typmod(mods: &[i32]) -> Result<i32> {
    KIND.check_typmod(mods)
}

#[cold]
pub(crate) fn unexpected_dim(expected: impl std::fmt::Display, dim: usize) -> Fault {
    Fault::new(state::DATA_EXCEPTION, format!("expected {expected} dimensions, not {dim}"))
}

#[cold]
fn different_dims(a: usize, b: usize) -> Fault {
    Fault::new(state::DATA_EXCEPTION, format!("different vector dimensions {a} and {b}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions() {
        assert!(check_dim(1).is_ok() && check_dim(16_000).is_ok());
        assert_eq!(check_dim(0).unwrap_err().state, "22000");
        assert_eq!(check_dim(-5).unwrap_err().message, "vector must have at least 1 dimension");
        assert_eq!(check_dim(16_001).unwrap_err().state, "54000");
        assert!(check_expected_dim(-1, 7).is_ok() && check_expected_dim(7, 7).is_ok());
        assert_eq!(check_expected_dim(3, 2).unwrap_err().message, "expected 3 dimensions, not 2");
        assert_eq!(
            check_same_dims(&[1.0], &[1.0, 2.0]).unwrap_err().message,
            "different vector dimensions 1 and 2"
        );
    }

    #[test]
    fn elements() {
        assert!(check_elements(&[f32::MAX, f32::MIN, 0.0, -0.0, f32::from_bits(1)]).is_ok());
        for (bad, message) in [
            (f32::NAN, "NaN not allowed in vector"),
            (f32::INFINITY, "infinite value not allowed in vector"),
            (f32::NEG_INFINITY, "infinite value not allowed in vector"),
        ] {
            for at in 0..9 {
                let mut x = [1.0; 9];
                x[at] = bad;
                assert_eq!(check_elements(&x).unwrap_err().message, message);
            }
        }
    }

    #[test]
    fn type_modifiers() {
        assert_eq!(check_typmod(&[3]), Ok(3));
        for (mods, message) in [
            (&[0][..], "dimensions for type vector must be at least 1"),
            (&[-1], "dimensions for type vector must be at least 1"),
            (&[16_001], "dimensions for type vector cannot exceed 16000"),
            (&[], "invalid type modifier"),
            (&[1, 2], "invalid type modifier"),
        ] {
            let fault = check_typmod(mods).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), ("22023", message));
        }
    }
}
