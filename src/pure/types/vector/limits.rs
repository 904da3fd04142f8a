//! The limits of vectors, checked on every input.

use crate::fault::{Fault, Result, state};
use crate::types::element::Element;

/// Refuses a vector of `dim` dimensions for a column declared `vector(typmod)`; -1 takes any dimensions.
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
pub fn check_same_dims<T: Element>(a: &[T], b: &[T]) -> Result<()> {
    if a.len() == b.len() { Ok(()) } else { Err(T::KIND.different_dims(a.len(), b.len())) }
}

/// Refuses NaN and infinities; the first bad element decides the message.
///
/// # Errors
/// `22000` naming the value, NaN or infinite.
#[inline]
pub fn check_elements<T: Element>(x: &[T]) -> Result<()> {
    // Without an early exit the pass vectorises; the search for the element follows only if there is a bad one.
    if x.iter().fold(true, |ok, v| ok & v.to_f32().is_finite()) {
        Ok(())
    } else {
        x.iter().try_for_each(|&v| check_element(v))
    }
}

/// Refuses NaN and infinities.
///
/// # Errors
/// `22000` naming the value, NaN or infinite.
#[inline]
pub fn check_element<T: Element>(x: T) -> Result<()> {
    T::KIND.check_element(x.to_f32())
}

#[cold]
pub(crate) fn unexpected_dim(expected: impl std::fmt::Display, dim: usize) -> Fault {
    Fault::new(state::DATA_EXCEPTION, format!("expected {expected} dimensions, not {dim}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::element::f16;
    use crate::types::kind::Kind;

    const KINDS: [(Kind, &str); 2] = [(f32::KIND, "vector"), (f16::KIND, "halfvec")];

    #[test]
    fn dimensions() {
        for (kind, name) in KINDS {
            assert!(kind.check_dim(1).is_ok() && kind.check_dim(16_000).is_ok());
            assert_eq!(kind.check_dim(0).unwrap_err().state, "22000");
            assert_eq!(
                kind.check_dim(-5).unwrap_err().message,
                format!("{name} must have at least 1 dimension")
            );
            let fault = kind.check_dim(16_001).unwrap_err();
            let message = format!("{name} cannot have more than 16000 dimensions");
            assert_eq!((fault.state, fault.message), ("54000", message));
        }
        assert!(check_expected_dim(-1, 7).is_ok() && check_expected_dim(7, 7).is_ok());
        assert_eq!(check_expected_dim(3, 2).unwrap_err().message, "expected 3 dimensions, not 2");
        let message = |fault: Result<()>| fault.unwrap_err().message;
        assert_eq!(message(check_same_dims(&[1f32], &[1.0, 2.0])), "different vector dimensions 1 and 2");
        assert_eq!(
            message(check_same_dims(&[f16::ONE; 3], &[f16::ONE])),
            "different halfvec dimensions 3 and 1"
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
                let halves = x.map(f16::from_f32_const);
                assert_eq!(
                    check_elements(&halves).unwrap_err().message,
                    message.replace("vector", "halfvec")
                );
            }
        }
    }

    #[test]
    fn type_modifiers() {
        for (kind, name) in KINDS {
            assert_eq!(kind.check_typmod(&[3]), Ok(3));
            for (mods, message) in [
                (&[0][..], format!("dimensions for type {name} must be at least 1")),
                (&[-1], format!("dimensions for type {name} must be at least 1")),
                (&[16_001], format!("dimensions for type {name} cannot exceed 16000")),
                (&[], "invalid type modifier".into()),
                (&[1, 2], "invalid type modifier".into()),
            ] {
                let fault = kind.check_typmod(mods).unwrap_err();
                assert_eq!((fault.state, fault.message), ("22023", message));
            }
        }
    }
}
