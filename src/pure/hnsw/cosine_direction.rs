//! What of a vector counts under the cosine: its direction, and whether SQL computes with it.
//!
//! SQL sums squares up in `f32`. Of lengths out of [`LENGTHS`] such sums are 0, few bits or infinite, and what SQL shows
//! is no cosine any more, but 0, 1, 2 or NaN. An index keeps directions, and must not promise a distance for such rows.
//! So it keeps them on a sphere of their own, [`ODD`] instead of 1 from the origin: near the rows of the same direction,
//! equal to none of them, and known by their norm.

use std::ops::Range;

/// Lengths whose products and squares SQL sums up with no more than rounding errors, up to 16,000 dimensions.
pub const LENGTHS: Range<f64> = 1e-16..1e18;
/// Radius of the sphere of the others.
pub const ODD: f64 = 1.0625;
/// Between the two, farther from both than rounding goes.
const BETWEEN: f64 = 1.03125;

/// What a vector of that length is multiplied with; infinite for 0.
pub fn scale(norm: f64) -> f64 {
    (if LENGTHS.contains(&norm) { 1.0 } else { ODD }) / norm
}

/// Whether a direction, of that length once it was scaled, is of a vector that SQL computes no cosine of.
pub fn is_odd(length: f64) -> bool {
    length > BETWEEN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_tell() {
        for (norm, odd) in [
            (1.0, false),
            (1e-16, false),
            (9e17, false),
            (9e-17, true),
            (1e18, true),
            (1e-45, true),
            (5e38, true),
        ] {
            assert_eq!(is_odd(norm * scale(norm)), odd, "{norm}");
        }
        assert!(scale(0.0).is_infinite());
    }
}
