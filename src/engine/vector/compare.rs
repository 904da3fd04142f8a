//! Order and equality, for the comparison operators and the btree class.
#![allow(unsafe_code)]

use super::Vector;
use crate::engine::call::called_often;
use conifer_pure::vector::compare::compare;

called_often! {
    /// Operator `<`.
    fn vector_lt(a, b: Vector) -> bool {
        compare(a, b).is_lt()
    }

    /// Operator `<=`.
    fn vector_le(a, b: Vector) -> bool {
        compare(a, b).is_le()
    }

    /// Operator `=`.
    fn vector_eq(a, b: Vector) -> bool {
        compare(a, b).is_eq()
    }

    /// Operator `<>`.
    fn vector_ne(a, b: Vector) -> bool {
        compare(a, b).is_ne()
    }

    /// Operator `>=`.
    fn vector_ge(a, b: Vector) -> bool {
        compare(a, b).is_ge()
    }

    /// Operator `>`.
    fn vector_gt(a, b: Vector) -> bool {
        compare(a, b).is_gt()
    }

    /// -1, 0 or 1 as `a` sorts before, with or behind `b`.
    fn vector_cmp(a, b: Vector) -> i32 {
        compare(a, b) as i32
    }
}
