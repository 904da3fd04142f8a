//! Normalization of sparse vectors.

use super::Sparse;
use crate::fault::Result;
use crate::types::vector::arith;

/// The values divided by `norm`, the Euclidean norm of `v` in double precision. Some may become 0.
///
/// # Errors
/// `22003` on overflow.
pub fn normalized(v: Sparse, norm: f64) -> Result<Vec<f32>> {
    let mut values = vec![0.0; v.values.len()];
    arith::normalize(v.values, norm, &mut values).map(|()| values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::sparsevec::distance::norm;
    use crate::types::sparsevec::tests::Owned;

    #[test]
    fn values() {
        let normal = |elements: &[(i32, f32)]| {
            let v = Owned::of(10, elements);
            normalized(v.get(), norm(v.get())).unwrap()
        };
        assert_eq!(normal(&[(1, 3.0), (7, 4.0)]), [0.6, 0.8]);
        assert_eq!(normal(&[(1, 3e38), (7, 1e-10)]), [1.0, 0.0]);
        assert!(normal(&[]).is_empty());
    }
}
