//! The cast to a given number of dimensions.

use super::SparseVec;
use crate::raise::OrRaise;
use conifer_pure::vector::check_expected_dim;
use pgrx::prelude::*;

/// `sparsevec` to `sparsevec(typmod)`: the dimensions are checked, never changed.
#[pg_extern(sql = false)]
fn sparsevec(v: SparseVec, typmod: i32, _explicit: bool) -> SparseVec {
    check_expected_dim(typmod, v.dim() as usize).or_raise();
    v
}
