//! The operand of `$eq` and `$ne`.

use super::metadata::Scalar;

/// What a field is compared with.
#[derive(Debug)]
pub(super) enum Operand {
    Text(Vec<u8>),
    Number(f64),
    Bool(bool),
}

impl Operand {
    /// The value of metadata that equals this.
    pub fn scalar(&self) -> Scalar<'_> {
        match self {
            Self::Text(text) => Scalar::Text(text),
            Self::Number(number) => Scalar::Number(*number),
            Self::Bool(value) => Scalar::Bool(*value),
        }
    }

    /// Whether a value is of the same type, and equal.
    #[inline]
    pub fn equals(&self, value: Scalar<'_>) -> bool {
        match (self, value) {
            (Self::Text(a), Scalar::Text(b)) => a == b,
            (Self::Number(a), Scalar::Number(b)) => *a == b,
            (Self::Bool(a), Scalar::Bool(b)) => *a == b,
            _ => false,
        }
    }
}
