//! The direction of a vector, which is all that counts under the cosine, and whether SQL can compute its cosine.
//!
//! SQL sums squares up in `f32`. For lengths out of [`LENGTHS`] such sums are 0, few bits or infinite, and SQL shows no
//! cosine any more, but 0, 1, 2 or NaN. An index stores directions, and must not promise a distance for such rows.
//! So the index puts the directions of such rows on a second sphere of radius [`ODD`] instead of 1: near the rows of the
//! same direction, equal to none of them, and known by their norm.

use std::ops::Range;

/// Lengths of vectors whose products and squares SQL sums up with no more than rounding errors, up to 16,000 dimensions.
pub const LENGTHS: Range<f64> = 1e-16..1e18;
/// Radius of the sphere of vectors of other lengths.
pub const ODD: f64 = 1.0625;
/// A radius between the two spheres, farther from both than rounding goes.
const BETWEEN: f64 = 1.03125;

/// The factor that takes a vector of length `norm` to its sphere; infinite for 0.
pub fn scale(norm: f64) -> f64 {
    (if LENGTHS.contains(&norm) { 1.0 } else { ODD }) / norm
}

/// Whether a direction of that length after scaling is that of a vector whose cosine SQL cannot compute.
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
