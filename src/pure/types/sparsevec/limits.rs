//! The limits of sparse vectors, checked on every input.

use crate::fault::{Fault, Result, state};
use crate::types::kind::Kind;

/// Maximum dimensions of a sparse vector.
pub const MAX_DIM: usize = 1_000_000_000;

/// Maximum number of elements that are not 0.
pub const MAX_NNZ: usize = 16_000;

/// The type `sparsevec`.
pub const KIND: Kind = Kind { name: "sparsevec", max_dim: MAX_DIM };

/// Refuses a number of dimensions outside 1..=[`MAX_DIM`]. Input may be negative.
///
/// # Errors
/// `22000` below 1, `54000` above [`MAX_DIM`].
#[inline]
pub fn check_dim(dim: i32) -> Result<()> {
    KIND.check_dim(i64::from(dim))
}

/// Refuses a number of elements outside 0..=[`MAX_NNZ`] or above `dim`, and returns it.
///
/// # Errors
/// `22000` below 0, `54000` above.
#[inline]
pub fn check_nnz(nnz: i32, dim: i32) -> Result<usize> {
    match usize::try_from(nnz) {
        Err(_) => Err(negative_elements()),
        Ok(nnz) if nnz > MAX_NNZ => Err(too_many_elements()),
        Ok(_) if nnz > dim => Err(more_elements_than_dimensions()),
        Ok(nnz) => Ok(nnz),
    }
}

/// Refuses an index outside 0..`dim`, and an index that is not above the index before it.
///
/// # Errors
/// `22000` naming the violation.
#[inline]
pub fn check_index(before: Option<i32>, index: i32, dim: i32) -> Result<()> {
    if index < 0 || index >= dim {
        return Err(out_of_bounds());
    }
    match before {
        Some(before) if index < before => Err(unordered()),
        Some(before) if index == before => Err(duplicate()),
        _ => Ok(()),
    }
}

#[cold]
pub(super) fn too_many_elements() -> Fault {
    let message = format!("sparsevec cannot have more than {MAX_NNZ} non-zero elements");
    Fault::new(state::PROGRAM_LIMIT_EXCEEDED, message)
}

#[cold]
fn more_elements_than_dimensions() -> Fault {
    Fault::new(state::PROGRAM_LIMIT_EXCEEDED, "sparsevec cannot have more elements than dimensions")
}

#[cold]
fn negative_elements() -> Fault {
    Fault::new(state::DATA_EXCEPTION, "sparsevec cannot have negative number of elements")
}

#[cold]
fn out_of_bounds() -> Fault {
    Fault::new(state::DATA_EXCEPTION, "sparsevec index out of bounds")
}

#[cold]
fn unordered() -> Fault {
    Fault::new(state::DATA_EXCEPTION, "sparsevec indices must be in ascending order")
}

#[cold]
fn duplicate() -> Fault {
    Fault::new(state::DATA_EXCEPTION, "sparsevec indices must not contain duplicates")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions() {
        assert!(check_dim(1).is_ok() && check_dim(1_000_000_000).is_ok());
        for (dim, state, message) in [
            (0, "22000", "sparsevec must have at least 1 dimension"),
            (i32::MIN, "22000", "sparsevec must have at least 1 dimension"),
            (1_000_000_001, "54000", "sparsevec cannot have more than 1000000000 dimensions"),
        ] {
            let fault = check_dim(dim).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), (state, message));
        }
    }

    #[test]
    fn elements() {
        assert_eq!((check_nnz(0, 1), check_nnz(3, 3), check_nnz(16_000, 16_000)), (Ok(0), Ok(3), Ok(16_000)));
        for (nnz, dim, state, message) in [
            (-1, 5, "22000", "sparsevec cannot have negative number of elements"),
            (6, 5, "54000", "sparsevec cannot have more elements than dimensions"),
            (16_001, 5, "54000", "sparsevec cannot have more than 16000 non-zero elements"),
            (i32::MAX, i32::MAX, "54000", "sparsevec cannot have more than 16000 non-zero elements"),
        ] {
            let fault = check_nnz(nnz, dim).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), (state, message));
        }
    }

    #[test]
    fn indices() {
        assert!(check_index(None, 0, 1).is_ok() && check_index(Some(3), 4, 5).is_ok());
        for (before, index, message) in [
            (None, -1, "sparsevec index out of bounds"),
            (None, 5, "sparsevec index out of bounds"),
            (Some(3), -1, "sparsevec index out of bounds"),
            (Some(7), 7, "sparsevec index out of bounds"),
            (Some(3), 2, "sparsevec indices must be in ascending order"),
            (Some(3), 3, "sparsevec indices must not contain duplicates"),
        ] {
            let fault = check_index(before, index, 5).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), ("22000", message));
        }
    }

    #[test]
    fn type_modifiers() {
        assert_eq!(KIND.check_typmod(&[1_000_000_000]), Ok(1_000_000_000));
        for (mods, message) in [
            (&[0][..], "dimensions for type sparsevec must be at least 1"),
            (&[-1], "dimensions for type sparsevec must be at least 1"),
            (&[1_000_000_001], "dimensions for type sparsevec cannot exceed 1000000000"),
            (&[], "invalid type modifier"),
            (&[1, 2], "invalid type modifier"),
        ] {
            let fault = KIND.check_typmod(mods).unwrap_err();
            assert_eq!((fault.state, fault.message.as_str()), ("22023", message));
        }
    }
}
