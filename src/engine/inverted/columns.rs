//! The indexed columns: those of the key, if there are any, and a sparse vector, with the inner product.
#![allow(unsafe_code)]

use crate::engine::column_dims;
use crate::engine::keys::key;
use crate::engine::keys::key::{Asked, of_conditions};
use crate::engine::keys::key_type::KeyType;
use crate::engine::storage::buffer::Index;
use crate::engine::types::sparsevec::SparseVec;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::Result;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::pages::Key;
use conifer_pure::memory::allocation::push;
use conifer_pure::types::sparsevec::Sparse;
use conifer_pure::types::sparsevec::distance::check_same_dims;
use pgrx::pg_sys;

unsafe extern "C-unwind" {
    fn sparsevec_negative_inner_product_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    /// The server's hash of bytes.
    fn hash_bytes_extended(bytes: *const u8, len: i32, seed: u64) -> u64;
}

/// Support function 1: the distance of the operator.
const DISTANCE: u16 = 1;
/// The words for an index, in messages about columns.
const INVERTED: &str = "an inverted index";
/// The key of all rows of an index without leading columns.
const NO_KEY: u32 = 0;

/// The leading columns of an index.
#[derive(Debug, Clone)]
pub struct KeyColumns {
    columns: Vec<KeyType>,
    /// Salt of the hash of keys.
    salt: u64,
}

/// Number of the leading columns: the vector comes last.
fn leading(index: Index) -> usize {
    // SAFETY: the relation is open, and has one column at least.
    unsafe { (*(*index.0).rd_index).indnkeyatts as usize - 1 }
}

impl KeyColumns {
    /// The leading columns of an index; `salt` is that of its first page.
    ///
    /// Raises `0A000` for columns that are no key.
    pub fn of(index: Index, salt: u64) -> Self {
        let columns = (0..leading(index)).map(|at| KeyType::of(index, at, INVERTED).or_raise()).collect();
        Self { columns, salt }
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// The number of a key: the server's hash of its bytes. Keys with equal numbers are told apart by the executor.
    fn number(&self, key: &Key) -> u32 {
        let bytes = key.bytes();
        // SAFETY: reads that many bytes.
        let hash = unsafe { hash_bytes_extended(bytes.as_ptr(), bytes.len() as i32, self.salt) };
        (hash >> 32) as u32
    }

    /// The number of a row's key.
    ///
    /// # Safety
    /// `values` and `nulls` have as many elements as there are columns, of their types; `index` is the index.
    pub unsafe fn of_row(&self, index: Index, values: *const pg_sys::Datum, nulls: *const bool) -> u32 {
        if self.columns.is_empty() {
            return NO_KEY;
        }
        // SAFETY: the caller vouches for the arrays.
        self.number(&unsafe { key::of_row(index, &self.columns, values, nulls) })
    }

    /// The numbers of the keys that conditions ask for.
    ///
    /// # Errors
    /// `0A000` for conditions that leave a column open: the planner makes no such plan, as its cost is infinite;
    /// `53200`.
    ///
    /// # Safety
    /// The conditions are equalities of the index's operator classes, or of nulls; their arguments live on.
    pub unsafe fn asked(&self, index: Index, conditions: &[pg_sys::ScanKeyData]) -> Result<Vec<u32>> {
        // SAFETY: the caller vouches for the conditions.
        match unsafe { of_conditions(index, &self.columns, conditions)? } {
            Asked::Nothing => Ok(vec![]),
            Asked::Open => {
                let message = format!("index \"{}\" cannot be scanned without its key", index.name());
                Err(Fault::new(state::FEATURE_NOT_SUPPORTED, message))
            }
            Asked::Keys(_) if self.columns.is_empty() => Ok(vec![NO_KEY]),
            Asked::Keys(keys) => {
                let mut numbers = vec![];
                for key in keys {
                    pgrx::check_for_interrupts!();
                    push(&mut numbers, self.number(&key))?;
                }
                Ok(numbers)
            }
        }
    }
}

/// Whether a column, counted from 0, has our class for vectors.
fn is_vector(index: Index, at: usize) -> bool {
    type Function = unsafe extern "C-unwind" fn(pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    let column = at as i16 + 1;
    // SAFETY: the relation is open and has the column; its functions have been looked up when it was opened.
    let distance = unsafe {
        match pg_sys::index_getprocid(index.0, column, DISTANCE) {
            pg_sys::InvalidOid => None,
            _ => (*pg_sys::index_getprocinfo(index.0, column, DISTANCE)).fn_addr,
        }
    };
    distance.is_some_and(|distance| {
        std::ptr::fn_addr_eq(sparsevec_negative_inner_product_wrapper as Function, distance)
    })
}

/// Dimensions of the vectors of an index that is made.
///
/// Raises `0A000` for columns that are no key, a vector that is not the last column or an operator class that is not
/// ours, `22023` for a vector without dimensions.
pub fn dims(index: Index) -> u32 {
    let last = leading(index);
    let refuse = |text: &str| raise(Fault::new(state::FEATURE_NOT_SUPPORTED, text));
    if (0..last).any(|at| is_vector(index, at)) {
        refuse("the sparse vector must be the last column of an inverted index");
    }
    if !is_vector(index, last) {
        refuse(match KeyType::of(index, last, INVERTED) {
            Ok(_) => "last column of an inverted index must be a sparse vector",
            Err(_) => "operator class is not supported by inverted",
        });
    }
    // SAFETY: the column has our class, so a value is a sparse vector.
    let of_value = |value| unsafe { SparseVec::from_raw(value).dim() as usize };
    let Some(dims) = column_dims::of(index, last, &of_value).dims else {
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
