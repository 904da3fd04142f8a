//! Distances between sparse vectors, by one walk along both. Sums are in the order of the indices.
//!
//! simsimd 6.5 has no kernel for `f32`: it only counts common indices of 32 bits, which takes 0.7 to 0.75 of the
//! time of a whole [`inner_product`] here, by `benches/kernels.rs`.

use super::Sparse;
use super::limits::KIND;
use crate::distance::cosine_of_sums;
use crate::fault::Result;

/// Refuses two sparse vectors of different dimensions.
///
/// # Errors
/// `22000` when they differ.
#[inline]
pub fn check_same_dims(a: Sparse, b: Sparse) -> Result<()> {
    if a.dim == b.dim { Ok(()) } else { Err(KIND.different_dims(a.dim as usize, b.dim as usize)) }
}

/// Calls `each` with the elements of `a` and `b` at every index of either, up to the end
/// of the vector that ends first; returns the remaining values of both.
///
/// The order of indices makes branches unpredictable, so the loop's condition is the only branch.
#[inline(always)]
fn walk<'a>(a: Sparse<'a>, b: Sparse<'a>, mut each: impl FnMut(f32, f32)) -> (&'a [f32], &'a [f32]) {
    let (mut i, mut j) = (0, 0);
    while let (Some(&ai), Some(&bj)) = (a.indices.get(i), b.indices.get(j)) {
        let (Some(&x), Some(&y)) = (a.values.get(i), b.values.get(j)) else { break };
        each(if ai <= bj { x } else { 0.0 }, if bj <= ai { y } else { 0.0 });
        i += usize::from(ai <= bj);
        j += usize::from(bj <= ai);
    }
    (a.values.get(i..).unwrap_or_default(), b.values.get(j..).unwrap_or_default())
}

/// Squared Euclidean distance Σ (a − b)², accumulated in `f32`; overflow gives infinity. The caller keeps the dimensions
/// equal, here and below.
#[must_use]
pub fn l2_squared(a: Sparse, b: Sparse) -> f32 {
    let mut sum = 0.0;
    let (rest, other) = walk(a, b, |x, y| sum += (x - y) * (x - y));
    rest.iter().chain(other).for_each(|x| sum += x * x);
    sum
}

/// Inner product Σ a·b, accumulated in `f32`.
#[must_use]
pub fn inner_product(a: Sparse, b: Sparse) -> f32 {
    let mut sum = 0.0;
    walk(a, b, |x, y| sum += x * y);
    sum
}

/// Taxicab distance Σ |a − b|, accumulated in `f32`.
#[must_use]
pub fn l1(a: Sparse, b: Sparse) -> f32 {
    let mut sum = 0.0;
    let (rest, other) = walk(a, b, |x, y| sum += (x - y).abs());
    rest.iter().chain(other).for_each(|x| sum += x.abs());
    sum
}

/// Cosine of the angle between `a` and `b`, in [-1, 1], by [`cosine_of_sums`]. NaN for a zero vector.
#[must_use]
pub fn cosine_similarity(a: Sparse, b: Sparse) -> f64 {
    let square = |v: Sparse| v.values.iter().fold(0.0, |sum, x| sum + x * x);
    cosine_of_sums(inner_product(a, b), square(a), square(b))
}

/// Euclidean norm √ Σ a², accumulated in `f64`.
#[must_use]
pub fn norm(a: Sparse) -> f64 {
    // Not `sum`, which is -0 for no elements.
    a.values.iter().fold(0.0, |sum, x| sum + f64::from(*x) * f64::from(*x)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distance::scalar;
    use crate::types::sparsevec::tests::{Owned, any_sparse};
    use proptest::prelude::*;

    #[test]
    fn different_dimensions() {
        let (a, b) = (Owned::of(5, &[]), Owned::of(4, &[(0, 1.0)]));
        assert!(check_same_dims(a.get(), a.get()).is_ok());
        let fault = check_same_dims(a.get(), b.get()).unwrap_err();
        assert_eq!(
            (fault.state, fault.message.as_str()),
            ("22000", "different sparsevec dimensions 5 and 4")
        );
    }

    #[test]
    fn edges() {
        let (none, large) = (Owned::of(3, &[]), Owned::of(3, &[(1, 3e38)]));
        let (none, large) = (none.get(), large.get());
        assert_eq!((l2_squared(none, none), inner_product(none, none), l1(none, none)), (0.0, 0.0, 0.0));
        assert!(cosine_similarity(none, large).is_nan() && cosine_similarity(large, large).is_nan());
        assert_eq!((l2_squared(none, large), l2_squared(large, large)), (f32::INFINITY, 0.0));
        assert_eq!((norm(none).to_bits(), norm(large)), (0, f64::from(3e38f32)));
    }

    proptest! {
        /// With whole numbers nothing rounds: distances are those of the same dense vectors.
        #[test]
        fn as_the_dense_twin(a in any_sparse(40), b in any_sparse(40)) {
            let (x, y) = (a.dense(), b.dense());
            let (a, b) = (a.get(), b.get());
            prop_assert_eq!(l2_squared(a, b), scalar::l2_squared(&x, &y));
            prop_assert_eq!(inner_product(a, b), scalar::inner_product(&x, &y));
            prop_assert_eq!(l1(a, b), scalar::l1(&x, &y));
            prop_assert_eq!(norm(a), scalar::norm(&x));
            let (got, twin) = (cosine_similarity(a, b), scalar::cosine_similarity(&x, &y));
            prop_assert!(got == twin || got.is_nan() && twin.is_nan());
        }
    }
}
