//! Order and equality, for the comparison operators and the btree class.
#![allow(unsafe_code)]

use super::SparseVec;
use crate::pg::fmgr::{export, export_of, of_values};
use conifer_pure::types::sparsevec::compare::compare;

of_values! { SparseVec;
    /// Operator `<`.
    fn sparsevec_lt(a, b) -> bool {
        compare(a, b).is_lt()
    }

    /// Operator `<=`.
    fn sparsevec_le(a, b) -> bool {
        compare(a, b).is_le()
    }

    /// Operator `=`.
    fn sparsevec_eq(a, b) -> bool {
        compare(a, b).is_eq()
    }

    /// Operator `<>`.
    fn sparsevec_ne(a, b) -> bool {
        compare(a, b).is_ne()
    }

    /// Operator `>=`.
    fn sparsevec_ge(a, b) -> bool {
        compare(a, b).is_ge()
    }

    /// Operator `>`.
    fn sparsevec_gt(a, b) -> bool {
        compare(a, b).is_gt()
    }

    /// -1, 0 or 1 as `a` sorts before, with or behind `b`.
    fn sparsevec_cmp(a, b) -> i32 {
        compare(a, b) as i32
    }
}
