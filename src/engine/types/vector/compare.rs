//! Order and equality, for the comparison operators and the btree class.
#![allow(unsafe_code)]

use super::elements::of_vectors;
use crate::pg::fmgr::{export, export_of};
use conifer_pure::types::vector::compare::compare;

of_vectors! {
    /// Operator `<`.
    fn vector_lt, halfvec_lt(a, b) -> bool {
        compare(a, b).is_lt()
    }

    /// Operator `<=`.
    fn vector_le, halfvec_le(a, b) -> bool {
        compare(a, b).is_le()
    }

    /// Operator `=`.
    fn vector_eq, halfvec_eq(a, b) -> bool {
        compare(a, b).is_eq()
    }

    /// Operator `<>`.
    fn vector_ne, halfvec_ne(a, b) -> bool {
        compare(a, b).is_ne()
    }

    /// Operator `>=`.
    fn vector_ge, halfvec_ge(a, b) -> bool {
        compare(a, b).is_ge()
    }

    /// Operator `>`.
    fn vector_gt, halfvec_gt(a, b) -> bool {
        compare(a, b).is_gt()
    }

    /// -1, 0 or 1 as `a` sorts before, with or behind `b`.
    fn vector_cmp, halfvec_cmp(a, b) -> i32 {
        compare(a, b) as i32
    }
}
