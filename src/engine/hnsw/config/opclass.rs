//! The operator classes, told apart by their support functions.
#![allow(unsafe_code)]

use super::method::Method;
use crate::engine::keys::key_type::KeyType;
use crate::engine::storage::buffer::Index;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::distance::metric::Metric;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::pages::Element;
use pgrx::pg_sys;
use std::ffi::CStr;

unsafe extern "C-unwind" {
    fn vector_l2_squared_distance_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn vector_negative_inner_product_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn halfvec_l2_squared_distance_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn halfvec_negative_inner_product_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn l1_distance_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn halfvec_l1_distance_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn hamming_distance_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn jaccard_distance_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn sparsevec_l2_squared_distance_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn sparsevec_negative_inner_product_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    fn sparsevec_l1_distance_wrapper(fcinfo: pg_sys::FunctionCallInfo) -> pg_sys::Datum;
}

/// Support function 1: a distance with the order of the operator's.
const DISTANCE: u16 = 1;
/// Support function 2: the norm, for the cosine.
pub const NORM: u16 = 2;

/// The words for an index, in messages about columns.
const HNSW: &str = "an hnsw index";
/// The strategy of a filter's operator.
const FILTER: i16 = 1;

/// The indexed type and its comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Class {
    /// The type of the column.
    pub element: Element,
    /// How vectors are compared.
    pub metric: Metric,
}

/// The columns of an index: the key's, and the vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The leading columns.
    pub key: Vec<KeyType>,
    /// The class of the vector's column.
    pub class: Class,
    /// Columns behind the vector, which filter and of which the index keeps nothing.
    pub filters: usize,
}

impl Columns {
    /// The columns of an index.
    ///
    /// Raises `0A000` for columns that are no key, a vector that is not the last column but for filters, or an operator class
    /// that is not ours.
    pub fn of(index: Index) -> Self {
        // SAFETY: the relation is open.
        let columns = unsafe { (*(*index.0).rd_index).indnkeyatts } as usize;
        let filters = (1..columns).rev().take_while(|column| is_filter(index, *column)).count();
        let last = columns - filters - 1;
        let mut key = vec![];
        for i in 0..last {
            if class(index, i + 1).is_some() {
                raise(misplaced(index, last));
            }
            let column = KeyType::of(index, i, HNSW).map_err(|fault| match is_filter(index, i) {
                true => {
                    fault.hint("Put the column behind the vector, where its operator class filters, or index an expression of another type.")
                }
                false => fault,
            });
            key.push(column.or_raise());
        }
        let class = class(index, last + 1).unwrap_or_else(|| {
            let no_vector = "last column of an hnsw index must be a vector";
            let fault = |text: String| Fault::new(state::FEATURE_NOT_SUPPORTED, text);
            raise(if is_filter(index, last) {
                fault(no_vector.to_owned()).hint("Columns of operator classes for filters stand behind it.")
            } else if KeyType::of(index, last, HNSW).is_ok() {
                fault(no_vector.to_owned())
            } else {
                fault(format!("operator class is not supported by {}", Method::of(index).name()))
            })
        });
        Self { key, class, filters }
    }
}

/// The words for a column behind the vector whose operator class is none for filters.
fn misplaced(index: Index, column: usize) -> Fault {
    if class(index, column + 1).is_some() || KeyType::of(index, column, HNSW).is_ok() {
        return Fault::new(state::FEATURE_NOT_SUPPORTED, "vector must be the last column of an hnsw index")
            .hint("Only columns of operator classes for filters may stand behind it.");
    }
    // SAFETY: the relation is open and has that column, so the server has a name for it.
    let name = unsafe {
        let name = pg_sys::get_attname((*index.0).rd_id, column as i16 + 1, false);
        CStr::from_ptr(name).to_string_lossy()
    };
    let text = format!("column \"{name}\" behind the vector has an operator class that is none for filters");
    Fault::new(state::FEATURE_NOT_SUPPORTED, text)
        .detail("An operator class for filters has its operator as strategy 1, and neither support functions nor the type's equality.")
}

/// Whether a column, counted from 0, has an operator class for filters: one without support functions and without an equality.
fn is_filter(index: Index, column: usize) -> bool {
    // SAFETY: the relation is open and has that column; the rest are lookups.
    unsafe {
        let attribute = column as i16 + 1;
        let functions = (*(*index.0).rd_indam).amsupport;
        let (family, kind) = (*(*index.0).rd_opfamily.add(column), *(*index.0).rd_opcintype.add(column));
        let operator = pg_sys::get_opfamily_member(family, kind, kind, FILTER);
        (1..=functions)
            .all(|function| pg_sys::index_getprocid(index.0, attribute, function) == pg_sys::InvalidOid)
            && operator != pg_sys::InvalidOid
            && pg_sys::get_op_opfamily_sortfamily(operator, family) == pg_sys::InvalidOid
            && !pg_sys::op_hashjoinable(operator, kind)
            && !pg_sys::op_mergejoinable(operator, kind)
    }
}

/// The class of a column, counted from 1; none if it has no distance function, or one that is not ours.
fn class(index: Index, column: usize) -> Option<Class> {
    // SAFETY: the relation is open and has that column; functions have been looked up when it was opened.
    let (distance, norm) = unsafe {
        let column = column as i16;
        if pg_sys::index_getprocid(index.0, column, DISTANCE) == pg_sys::InvalidOid {
            return None;
        }
        let norm = pg_sys::index_getprocid(index.0, column, NORM) != pg_sys::InvalidOid;
        ((*pg_sys::index_getprocinfo(index.0, column, DISTANCE)).fn_addr?, norm)
    };
    type Function = unsafe extern "C-unwind" fn(pg_sys::FunctionCallInfo) -> pg_sys::Datum;
    let known: [(Function, Element, Metric); 11] = [
        (vector_l2_squared_distance_wrapper, Element::F32, Metric::L2),
        (vector_negative_inner_product_wrapper, Element::F32, Metric::InnerProduct),
        (halfvec_l2_squared_distance_wrapper, Element::F16, Metric::L2),
        (halfvec_negative_inner_product_wrapper, Element::F16, Metric::InnerProduct),
        (l1_distance_wrapper, Element::F32, Metric::L1),
        (halfvec_l1_distance_wrapper, Element::F16, Metric::L1),
        (hamming_distance_wrapper, Element::Bits, Metric::Hamming),
        (jaccard_distance_wrapper, Element::Bits, Metric::Jaccard),
        (sparsevec_l2_squared_distance_wrapper, Element::Sparse, Metric::L2),
        (sparsevec_negative_inner_product_wrapper, Element::Sparse, Metric::InnerProduct),
        (sparsevec_l1_distance_wrapper, Element::Sparse, Metric::L1),
    ];
    let (_, element, metric) = known.into_iter().find(|(ours, ..)| std::ptr::fn_addr_eq(*ours, distance))?;
    let metric = if norm { Metric::Cosine } else { metric };
    Some(Class { element, metric })
}
