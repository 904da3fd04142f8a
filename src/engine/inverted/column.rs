//! The indexed column: a sparse vector, with the inner product.
#![allow(unsafe_code)]

use crate::engine::column_dims;
use crate::engine::storage::buffer::Index;
use crate::engine::types::sparsevec::SparseVec;
use crate::pg::error::raise;
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::types::sparsevec::Sparse;
use conifer_pure::types::sparsevec::distance::check_same_dims;
use pgrx::pg_sys;

unsafe extern "C-unwind" {
    fn sparsevec_negative_inner_product_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
}

/// Support function 1: the distance of the operator.
const DISTANCE: u16 = 1;

/// Dimensions of the column of an index that is made.
///
/// Raises `0A000` for an operator class that is not ours, `22023` for a column without dimensions.
pub fn dims(index: Index) -> u32 {
    type Function = unsafe extern "C-unwind" fn(pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    // SAFETY: the relation is open and has one column; its functions have been looked up when it was opened.
    let distance = unsafe {
        match pg_sys::index_getprocid(index.0, 1, DISTANCE) {
            pg_sys::InvalidOid => None,
            _ => (*pg_sys::index_getprocinfo(index.0, 1, DISTANCE)).fn_addr,
        }
    };
    if !distance.is_some_and(|distance| {
        std::ptr::fn_addr_eq(sparsevec_negative_inner_product_wrapper as Function, distance)
    }) {
        let message = "operator class is not supported by inverted";
        raise(Fault::new(state::FEATURE_NOT_SUPPORTED, message));
    }
    // SAFETY: the column has our class, so a value is a sparse vector.
    let of_value = |value| unsafe { SparseVec::from_raw(value).dim() as usize };
    let Some(dims) = column_dims::of(index, 0, &of_value).dims else {
        raise(Fault::new(state::INVALID_PARAMETER_VALUE, "column does not have dimensions"))
    };
    dims as u32
}

/// The value of a row.
///
/// Raises `22000` if it has other dimensions than the index.
///
/// # Safety
/// The datum is a sparse vector, not null, and lives as long as the result.
pub unsafe fn value(datum: pg_sys::Datum, dims: u32) -> SparseVec {
    // SAFETY: the caller vouches for the datum.
    let value = unsafe { SparseVec::from_raw(datum) };
    if value.dim() as u32 != dims {
        let message = format!("expected {dims} dimensions, not {}", value.dim());
        raise(Fault::new(state::DATA_EXCEPTION, message));
    }
    value
}

/// Refuses a query of other dimensions than the rows', in the operator's words.
///
/// # Errors
/// `22000`.
pub fn check_query(rows: u32, query: u32) -> Result<()> {
    let of = |dim: u32| Sparse { dim: dim as i32, indices: &[], values: &[] };
    check_same_dims(of(rows), of(query))
}
