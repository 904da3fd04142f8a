//! How an index stores its vectors.

use crate::fault::{Fault, Result, quoted, state::INVALID_PARAMETER_VALUE};

/// The type of the column `values`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// `vector`: four bytes an element.
    Vector,
    /// `halfvec`: two bytes an element, of less precision and range.
    HalfVec,
}

impl Storage {
    /// Reads the name of a type.
    ///
    /// # Errors
    /// 22023 for any other name.
    pub fn from_name(name: &str) -> Result<Self> {
        match name {
            "vector" => Ok(Self::Vector),
            "halfvec" => Ok(Self::HalfVec),
            other => {
                Err(Fault::new(INVALID_PARAMETER_VALUE, format!("unrecognized storage {}", quoted(other)))
                    .hint("Use \"vector\" or \"halfvec\"."))
            }
        }
    }

    /// The name of the type.
    pub fn name(self) -> &'static str {
        match self {
            Self::Vector => "vector",
            Self::HalfVec => "halfvec",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for storage in [Storage::Vector, Storage::HalfVec] {
            assert_eq!(Storage::from_name(storage.name()), Ok(storage));
        }
        assert!(Storage::from_name("int8").unwrap_err().message.contains("\"int8\""));
    }
}
