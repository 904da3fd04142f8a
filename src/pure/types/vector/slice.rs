//! The elements of `subvector(v, start, count)`.

use crate::fault::Result;
use crate::types::kind::Kind;
use std::ops::Range;

/// Zero-based range of `count` elements from the 1-based `start`, clipped to the `dim` elements of a vector
/// of a `kind` the way `substring` clips.
///
/// # Errors
/// `22000` when `count` is below 1 or nothing is left.
pub fn subvector(kind: Kind, dim: usize, start: i32, count: i32) -> Result<Range<usize>> {
    if count < 1 {
        return Err(kind.no_dimension());
    }
    // In i64, so that start + count cannot overflow.
    let end = (i64::from(start) + i64::from(count)).min(dim as i64 + 1);
    let start = i64::from(start).max(1);
    if start >= end {
        return Err(kind.no_dimension());
    }
    Ok((start - 1) as usize..(end - 1) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::element::Element;
    use proptest::prelude::*;

    const KIND: Kind = f32::KIND;

    #[test]
    fn ranges() {
        assert_eq!(subvector(KIND, 5, 1, 3), Ok(0..3));
        assert_eq!(subvector(KIND, 5, 3, 2), Ok(2..4));
        assert_eq!(subvector(KIND, 5, -1, 3), Ok(0..1));
        assert_eq!(subvector(KIND, 5, 3, 9), Ok(2..5));
        assert_eq!(subvector(KIND, 5, i32::MIN, i32::MAX).unwrap_err().state, "22000");
        assert_eq!(subvector(KIND, 5, 2, i32::MAX), Ok(1..5));
        assert!(
            subvector(KIND, 5, 6, 1).is_err()
                && subvector(KIND, 5, 1, 0).is_err()
                && subvector(KIND, 5, i32::MAX, 5).is_err()
        );
    }

    proptest! {
        #[test]
        fn within(dim in 1usize..=16_000, start: i32, count: i32) {
            if let Ok(range) = subvector(KIND, dim, start, count) {
                prop_assert!(range.start < range.end && range.end <= dim);
                prop_assert!(range.len() <= count as usize);
            }
        }
    }
}
