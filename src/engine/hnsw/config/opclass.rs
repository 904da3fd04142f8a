//! The operator classes, told apart by their support functions.
#![allow(unsafe_code)]

use super::method::Method;
use crate::engine::hnsw::storage::buffer::Index;
use crate::engine::hnsw::storage::key_type::KeyType;
use crate::pg::error::{OrRaise, raise};
use conifer_pure::distance::metric::Metric;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::pages::Element;
use pgrx::pg_sys;

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
const NORM: u16 = 2;

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
    /// The class of the last column.
    pub class: Class,
}

impl Columns {
    /// The columns of an index.
    ///
    /// Raises `0A000` for columns that are no key, a vector that is not the last column, or an operator class that is
    /// not ours.
    pub fn of(index: Index) -> Self {
        // SAFETY: the relation is open.
        let last = unsafe { (*(*index.0).rd_index).indnkeyatts } as usize - 1;
        let mut key = vec![];
        for i in 0..last {
            if class(index, i + 1).is_some() {
                let text = "vector must be the last column of an hnsw index";
                raise(Fault::new(state::FEATURE_NOT_SUPPORTED, text));
            }
            key.push(KeyType::of(index, i).or_raise());
        }
        let class = class(index, last + 1).unwrap_or_else(|| {
            let text = if KeyType::of(index, last).is_ok() {
                "last column of an hnsw index must be a vector".to_owned()
            } else {
                format!("operator class is not supported by {}", Method::of(index).name())
            };
            raise(Fault::new(state::FEATURE_NOT_SUPPORTED, text))
        });
        Self { key, class }
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
