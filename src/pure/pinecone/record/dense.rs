//! The values of a dense record: not all zero, and under cosine with a direction that `f32` can hold.

use crate::distance::norm;
use crate::fault::{Fault, Result, state::INVALID_PARAMETER_VALUE};
use std::ops::RangeInclusive;

/// Norms between which the squares that a cosine is made of neither vanish nor overflow in `f32`.
const NORMS: RangeInclusive<f64> = 1e-18..=1e18;

/// Refuses the zero vector.
///
/// # Errors
/// 22023
pub fn not_zero(values: &[f32]) -> Result<()> {
    if values.iter().all(|&x| x == 0.0) {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            "dense vectors must contain at least one non-zero value",
        ));
    }
    Ok(())
}

/// Refuses a vector whose cosine with another could not be computed: zero, or of a norm that is out of range.
///
/// # Errors
/// 22023
pub fn has_direction(values: &[f32]) -> Result<()> {
    not_zero(values)?;
    let norm = norm(values);
    if !NORMS.contains(&norm) {
        return Err(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("vector of norm {norm:.1e} is out of range for metric \"cosine\""),
        )
        .hint("Scale the vector: its length has no influence on the cosine."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::cosine_similarity;

    #[test]
    fn directions() {
        assert!(not_zero(&[0.0, -0.0]).is_err());
        assert!(not_zero(&[0.0, 1e-45]).is_ok());
        for bad in [[0.0, 0.0], [1e-30, 1e-30], [3e38, 1.0], [1e-44, 0.0]] {
            assert_eq!(has_direction(&bad).unwrap_err().state, INVALID_PARAMETER_VALUE);
        }
        let extremes = [[1.0, 0.0], [1.1e-18, 1e-21], [9e17, 0.0], [1.0, 1e-30]];
        for a in extremes {
            assert_eq!(has_direction(&a), Ok(()));
            for b in extremes {
                assert!((cosine_similarity(&a, &b) - 1.0).abs() < 1e-3);
            }
        }
    }
}
