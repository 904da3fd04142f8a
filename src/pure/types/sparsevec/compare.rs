//! Order of sparse vectors: as of the same dense vectors, element by element, then by number of
//! dimensions.

use super::Sparse;
use std::cmp::Ordering;

/// The order of `a` and `b`, which is total as elements are finite.
#[must_use]
pub fn compare(a: Sparse, b: Sparse) -> Ordering {
    let mut i = 0;
    loop {
        // Elements before `i` are equal.
        return match (element(a, i), element(b, i)) {
            (Some((ai, x)), Some((bi, y))) if ai == bi && x == y => {
                i += 1;
                continue;
            }
            (Some((ai, x)), Some((bi, y))) if ai == bi => before(x < y),
            // The element at the lower index stands against a zero.
            (Some((ai, x)), Some((bi, _))) if ai < bi => before(x < 0.0),
            (Some(_), Some((_, y))) => before(y > 0.0),
            // So does an element behind the other vector's last element, unless the other has fewer dimensions.
            (Some((ai, x)), None) if ai < b.dim => before(x < 0.0),
            (None, Some((bi, y))) if bi < a.dim => before(y > 0.0),
            _ => a.dim.cmp(&b.dim),
        };
    }
}

fn element(v: Sparse, i: usize) -> Option<(i32, f32)> {
    v.indices.get(i).copied().zip(v.values.get(i).copied())
}

fn before(less: bool) -> Ordering {
    if less { Ordering::Less } else { Ordering::Greater }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::sparsevec::tests::{Owned, any_sparse};
    use crate::types::vector::compare::compare as dense;
    use proptest::prelude::*;

    #[test]
    fn ends() {
        let order = |a: Owned, b: Owned| compare(a.get(), b.get());
        assert_eq!(order(Owned::of(3, &[]), Owned::of(3, &[])), Ordering::Equal);
        assert_eq!(order(Owned::of(3, &[]), Owned::of(4, &[])), Ordering::Less);
        // Behind its end, the shorter vector has no zero to compare with.
        assert_eq!(order(Owned::of(3, &[]), Owned::of(4, &[(3, -1.0)])), Ordering::Less);
        assert_eq!(order(Owned::of(3, &[]), Owned::of(4, &[(2, -1.0)])), Ordering::Greater);
    }

    proptest! {
        #[test]
        fn as_with_zeros(a in any_sparse(8), b in any_sparse(8), c in any_sparse(5)) {
            for (a, b) in [(&a, &b), (&a, &c), (&c, &a), (&a, &a)] {
                prop_assert_eq!(compare(a.get(), b.get()), dense(&a.dense(), &b.dense()));
            }
        }
    }
}
