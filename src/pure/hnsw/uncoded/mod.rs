//! Uncoded values: values that an index stores and compares as they are, for distances that codes cannot estimate.
//!
//! An [`Uncoded`] value is a sequence of *words* of 4 bytes. Words have the type `f32`, as coordinates, whatever their
//! bits mean, so that graphs, node records and searches handle both alike; copying leaves the bits alone.
//!
//! | form | words |
//! |---|---|
//! | `F32` | the elements |
//! | `F16` | two elements each, the first in the lower half; a zero behind an odd number |
//! | `Bits` | four bytes each, the first lowest; zeros behind the last bit |
//! | `Sparse` | the number of elements n, n indices, n values |
//!
//! - `form`: from a value to its words and back. `truncate`: sparse values that are too long for a node record.
//!
//! # Distances
//!
//! Distances come out of the very functions that SQL has, of the same numbers, so their order is the order of the rows.
//! [`bounds`](Uncoded::bounds) covers the exceptions: the cosine, as vectors of unit length are stored; Jaccard's
//! distance of more than 4096 bits, and sums over an odd number of halves, in their last digit; and elements left out
//! of a sparse value.

mod form;
#[cfg(test)]
mod tests;
mod truncate;

pub use form::{Form, of_bits, of_f16, of_f32, of_sparse};
pub use truncate::{MAX_ELEMENTS, Sizes, fit};

use crate::distance;
use crate::distance::metric::Metric;
use crate::hnsw::cosine_direction;
use crate::types::{bit, sparsevec};
use form::{bytes, f16s, sparse_of};

/// Maximum bits for which an `f32` tells all Jaccard distances apart.
const FEW_BITS: usize = 4096;
/// Bounds of the relative errors of sums in another order and of a rounded quotient, with a margin.
const SUM: f64 = 2e-6;
const QUOTIENT: f64 = 1e-7;

/// The kind of uncoded values and their distance.
#[derive(Clone, Copy)]
pub struct Uncoded {
    form: Form,
    metric: Metric,
    dim: usize,
    between: fn(&[f32], &[f32]) -> f32,
}

impl std::fmt::Debug for Uncoded {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Uncoded({:?}, {:?}, {})", self.form, self.metric, self.dim)
    }
}

impl PartialEq for Uncoded {
    fn eq(&self, other: &Self) -> bool {
        (self.form, self.metric, self.dim) == (other.form, other.metric, other.dim)
    }
}

impl Eq for Uncoded {}

impl Uncoded {
    /// Values of `dim` dimensions under a metric. `None` if the metric is not defined for them, or there are no such values.
    pub fn new(form: Form, metric: Metric, dim: usize) -> Option<Self> {
        let between: fn(&[f32], &[f32]) -> f32 = match (form, metric) {
            (Form::F32, Metric::L1) => |a, b| distance::l1(a, b),
            (Form::F16, Metric::L1) => |a, b| distance::l1(f16s(a), f16s(b)),
            (Form::Bits, Metric::Hamming) => |a, b| bit::hamming(bytes(a), bytes(b)) as f32,
            (Form::Bits, Metric::Jaccard) => |a, b| bit::jaccard(bytes(a), bytes(b)) as f32,
            (Form::Sparse, Metric::L2) => |a, b| sparsevec::distance::l2_squared(sparse_of(a), sparse_of(b)),
            (Form::Sparse, Metric::L1) => |a, b| sparsevec::distance::l1(sparse_of(a), sparse_of(b)),
            (Form::Sparse, Metric::InnerProduct) => {
                |a, b| -sparsevec::distance::inner_product(sparse_of(a), sparse_of(b))
            }
            (Form::Sparse, Metric::Cosine) => {
                |a, b| 1.0 - sparsevec::distance::inner_product(sparse_of(a), sparse_of(b))
            }
            _ => return None,
        };
        (1..=form.max_dims()).contains(&dim).then_some(Self { form, metric, dim, between })
    }

    /// The kind of the words.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The metric of the values.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Dimensions of the values.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Words of a value; `None` if the number differs from value to value.
    pub fn words(&self) -> Option<usize> {
        self.form.words(self.dim)
    }

    /// The distance as the index has it: squared for L2; the negative inner product; one less the cosine. Not NaN.
    /// No words make it panic.
    #[inline]
    pub fn distance(&self, a: &[f32], b: &[f32]) -> f32 {
        let distance = (self.between)(a, b);
        if distance.is_nan() { f32::INFINITY } else { distance }
    }

    /// Checks whether words can be those of a value.
    ///
    /// # Errors
    /// A description of words that cannot.
    pub fn check(&self, words: &[f32]) -> Result<(), &'static str> {
        let right = match self.form {
            Form::F32 => words.iter().all(|x| x.is_finite()),
            Form::F16 => f16s(words).iter().all(|x| x.is_finite()),
            Form::Bits => true,
            Form::Sparse => {
                let n = words.first().map_or(0, |n| n.to_bits() as usize);
                let found = sparse_of(words);
                let max = i32::try_from(self.dim).unwrap_or(i32::MAX);
                found.indices.len() == n
                    && found.indices.iter().all(|i| (0..max).contains(i))
                    && found.indices.is_sorted_by(|a, b| a < b)
                    && found.values.iter().all(|x| x.is_finite())
            }
        };
        if right { Ok(()) } else { Err("its value cannot have been written") }
    }

    /// A distance as SQL shows it: of L2, the root.
    pub fn shown(&self, distance: f32) -> f64 {
        match self.metric {
            Metric::L2 => f64::from(distance).sqrt(),
            _ => f64::from(distance),
        }
    }

    /// The length of a query for [`bounds`](Self::bounds): of a sparse value its norm, else 0.
    pub fn length(&self, query: &[f32]) -> f64 {
        match self.form {
            Form::Sparse => sparsevec::distance::norm(sparse_of(query)),
            _ => 0.0,
        }
    }

    /// Lower and upper bound of the distance that SQL shows, for a value with a left-out part of length `left` (see [`fit`])
    /// and a query of that [`length`](Self::length).
    pub fn bounds(&self, distance: f32, left: f32, length: f64) -> (f64, f64) {
        let shown = self.shown(distance);
        let left = f64::from(left);
        let off = match (self.form, self.metric) {
            (Form::F16, _) if !self.dim.is_multiple_of(2) => SUM * shown,
            (Form::Bits, Metric::Jaccard) if self.dim > FEW_BITS => QUOTIENT * shown,
            (Form::Sparse, Metric::Cosine)
                if left >= f64::from(f32::MAX) || cosine_direction::is_odd(length) =>
            {
                return (0.0, f64::INFINITY);
            }
            (Form::Sparse, Metric::Cosine) => left + SUM,
            // The margin only where elements are left out: else the distance is exact.
            (Form::Sparse, Metric::InnerProduct) => left * length * (1.0 + SUM),
            (Form::Sparse, _) if left > 0.0 => left * (1.0 + SUM) + SUM * shown,
            _ => return (shown, shown),
        };
        if !shown.is_finite() || !off.is_finite() {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        (shown - off, shown + off)
    }
}
