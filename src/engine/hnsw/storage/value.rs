//! Values of the indexed column, as the pure parts take them.
#![allow(unsafe_code)]

use crate::engine::types::bit::BitString;
use crate::engine::types::sparsevec::SparseVec;
use crate::engine::types::vector::{HalfVec, Vector};
use crate::pg::error::raise;
use crate::pg::fmgr::Argument;
use conifer_pure::distance::metric::Metric;
use conifer_pure::distance::norm;
use conifer_pure::fault::{Fault, state};
use conifer_pure::hnsw::node::Layout;
use conifer_pure::hnsw::pages::Element;
use conifer_pure::hnsw::uncoded;
use conifer_pure::hnsw::uncoded::MAX_ELEMENTS;
use pgrx::pg_sys;

/// A value of the indexed column.
pub struct Value {
    /// Dimensions of the value; bits of a `bit`.
    pub dim: usize,
    /// The elements, or the words if the index is uncoded. None if the value is zero and only directions count.
    pub elements: Option<Vec<f32>>,
}

/// The value of a row.
///
/// Raises `54000` for a sparse one with too many elements.
///
/// # Safety
/// The datum is not null and of the type that belongs to `element`.
pub unsafe fn of(element: Element, metric: Metric, datum: pg_sys::Datum) -> Value {
    if element == Element::Sparse {
        // SAFETY: the caller vouches for the type.
        let value = unsafe { SparseVec::from_raw(datum) };
        if value.as_sparse().indices.len() > MAX_ELEMENTS {
            let message =
                format!("sparsevec cannot have more than {MAX_ELEMENTS} non-zero elements for hnsw index");
            raise(Fault::new(state::PROGRAM_LIMIT_EXCEEDED, message));
        }
    }
    // SAFETY: as above.
    unsafe { query(element, metric, datum) }
}

/// The value of a query, which may have more elements than a row's.
///
/// # Safety
/// The datum is not null and of the type that belongs to `element`.
pub unsafe fn query(element: Element, metric: Metric, datum: pg_sys::Datum) -> Value {
    let coded = !matches!(metric, Metric::L1 | Metric::Hamming | Metric::Jaccard);
    match element {
        Element::F32 => {
            // SAFETY: the caller vouches for the type.
            let value = unsafe { Vector::from_raw(datum) };
            let x = value.as_slice();
            let elements = if coded { directed(metric, x.to_vec()) } else { Some(uncoded::of_f32(x)) };
            Value { dim: x.len(), elements }
        }
        Element::F16 => {
            // SAFETY: as above.
            let value = unsafe { HalfVec::from_raw(datum) };
            let x = value.as_slice();
            let elements = if coded {
                directed(metric, x.iter().map(|x| x.to_f32()).collect())
            } else {
                Some(uncoded::of_f16(x))
            };
            Value { dim: x.len(), elements }
        }
        Element::Bits => {
            // SAFETY: as above; a bit is a varlena.
            let value = unsafe { BitString::from_raw(datum) };
            let (dim, bytes) = value.view();
            Value { dim, elements: Some(uncoded::of_bits(bytes)) }
        }
        Element::Sparse => {
            // SAFETY: as above.
            let value = unsafe { SparseVec::from_raw(datum) };
            let x = value.as_sparse();
            Value { dim: x.dim as usize, elements: uncoded::of_sparse(x, metric) }
        }
    }
}

/// Writes the elements of a dense vector; false if it has others than `out` has room for, or is none.
///
/// # Safety
/// The datum is not null and of the type that belongs to `element`.
pub unsafe fn copy(element: Element, datum: pg_sys::Datum, out: &mut [f32]) -> bool {
    match element {
        Element::F32 => {
            // SAFETY: the caller vouches for the type.
            let value = unsafe { Vector::from_raw(datum) };
            let x = value.as_slice();
            let fits = x.len() == out.len();
            if fits {
                out.copy_from_slice(x);
            }
            fits
        }
        Element::F16 => {
            // SAFETY: as above.
            let value = unsafe { HalfVec::from_raw(datum) };
            let x = value.as_slice();
            out.iter_mut().zip(x).for_each(|(out, x)| *out = x.to_f32());
            x.len() == out.len()
        }
        Element::Bits | Element::Sparse => false,
    }
}

fn directed(metric: Metric, x: Vec<f32>) -> Option<Vec<f32>> {
    (metric != Metric::Cosine || norm(&x) != 0.0).then_some(x)
}

/// A query at the same distance from every row, in the place of a query that is null or has no direction.
pub fn nothing(layout: &Layout) -> Vec<f32> {
    match layout.uncoded() {
        None => vec![0.0; layout.dim()],
        Some(uncoded) => vec![0.0; uncoded.words().unwrap_or(1)],
    }
}

/// The error for a query of other dimensions than the index's, in pgvector's words.
pub fn other_dimensions(element: Element, a: usize, b: usize) -> Fault {
    let what = match element {
        Element::F32 => "vector dimensions",
        Element::F16 => "halfvec dimensions",
        Element::Bits => "bit lengths",
        Element::Sparse => "sparsevec dimensions",
    };
    Fault::new(state::DATA_EXCEPTION, format!("different {what} {a} and {b}"))
}
