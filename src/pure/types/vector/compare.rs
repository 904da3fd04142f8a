//! Order of vectors: element by element, then by number of dimensions, as arrays.

use crate::types::element::Element;
use std::cmp::Ordering;

/// The order of `a` and `b`, which is total as elements are finite; -0 equals 0.
#[must_use]
pub fn compare<T: Element>(a: &[T], b: &[T]) -> Ordering {
    for (x, y) in a.iter().zip(b) {
        if x < y {
            return Ordering::Less;
        }
        if x > y {
            return Ordering::Greater;
        }
    }
    a.len().cmp(&b.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::element::f16;
    use proptest::prelude::*;

    #[test]
    fn elements_before_dimensions() {
        assert_eq!(compare(&[1f32, 2.0], &[1.0, 2.0]), Ordering::Equal);
        assert_eq!(compare(&[1f32, 2.0], &[1.0, 2.0, 0.0]), Ordering::Less);
        assert_eq!(compare(&[3f32], &[1.0, 2.0]), Ordering::Greater);
        assert_eq!(compare(&[0f32], &[-0.0]), Ordering::Equal);
    }

    proptest! {
        #[test]
        fn antisymmetric(a in prop::collection::vec(-2i8..2, 1..6), b in prop::collection::vec(-2i8..2, 1..6)) {
            let f = |v: &[i8]| v.iter().map(|&x| f32::from(x)).collect::<Vec<_>>();
            prop_assert_eq!(compare(&f(&a), &f(&b)), compare(&f(&b), &f(&a)).reverse());
            prop_assert_eq!(compare(&f(&a), &f(&b)), a.cmp(&b)); // slices compare the same way
            let h = |v: &[i8]| v.iter().map(|&x| f16::from(x)).collect::<Vec<_>>();
            prop_assert_eq!(compare(&h(&a), &h(&b)), a.cmp(&b));
        }
    }
}
