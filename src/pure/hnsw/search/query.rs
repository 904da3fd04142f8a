//! The query as node records are compared with it.

use super::bounds::Bounds;
use super::visited::Table;
use crate::distance::metric::Metric;
use crate::distance::norm;
use crate::fault::{Fault, Result, state};
use crate::hnsw::cosine_direction;
use crate::hnsw::node::{Content, Layout, StoredForm};
use crate::hnsw::rabitq::{Base, Query};
use crate::hnsw::rotation::Rotation;
use crate::hnsw::stored_vector::StoredVector;
use crate::hnsw::uncoded::Uncoded;

/// Half a unit in the last place of an `f16`, and a little for elements that are much smaller than the largest.
const OFF: f64 = 1.0 / 2048.0 + 1e-6;
/// How much of that error a product with another vector sees, times the root of the dimensions. The direction in which an
/// element is rounded says nothing of the element of a vector that was rotated alike, so the sum of the products is of the
/// order of their root mean square, which is 0.4 of the bound; and this factor is 15 times as much.
const SEEN: f64 = 6.0;
/// Bounds of any cosine distance; it may be NaN, which comes last.
pub(crate) const NOTHING: (f64, f64) = (0.0, f64::INFINITY);
/// Error of the rotation and of sums in `f32`, with a wide margin.
const SUM: f64 = 2e-6;
/// Error of any distance: squares of smaller numbers are zero in `f32`.
const TINY: f64 = 1e-20;
/// A length that bounds the error of all smaller lengths: their squares are zero in `f32`, or have few bits.
const SHORT: f64 = 1e-18;
/// The same of a query, whose elements lose bits below 1e-38.
const FAINT: f64 = 1e-36;

/// A query, rotated, with its tables.
#[derive(Debug)]
pub(crate) struct Target {
    metric: Metric,
    scaled: Vec<f32>,
    rotated: Vec<f32>,
    /// Length of the query, scaled; infinite if nothing is known of the distances that SQL shows.
    length: f64,
    compare: Compare,
    /// See [`estimate_error`](Self::estimate_error).
    part: f32,
}

/// How a node record is compared with the query.
#[derive(Debug)]
pub(crate) enum Compare {
    /// By its codes.
    Codes(Query),
    /// By its value, with the distances of the node records that were looked at so far.
    Distances(Uncoded, Table<f32>),
}

impl Target {
    pub(crate) fn new(layout: &Layout) -> Self {
        let rotated = vec![0.0; layout.padded()];
        let (compare, dim) = match layout.content() {
            Content::Codes(shape) => (Compare::Codes(Query::new(*shape, &rotated)), layout.dim()),
            Content::Distances(uncoded) => (Compare::Distances(*uncoded, Table::new()), 0),
        };
        // The standard deviation of the product that the code head gives, by |mul| = 2s instead of |r|.
        let part = layout.shape().map_or(0.0, |shape| {
            let coded = shape.dims() as f32 / layout.padded() as f32;
            0.2 * (std::f32::consts::FRAC_PI_2 - coded).sqrt()
        });
        Self { metric: layout.metric(), scaled: vec![0.0; dim], rotated, length: 0.0, compare, part }
    }

    /// Sets another query. A zero vector has no direction: under the cosine, all nodes are at the same distance from it.
    pub(crate) fn set(&mut self, rotation: &Rotation, vector: &[f32]) -> Result<()> {
        if let Compare::Distances(uncoded, _) = &self.compare {
            let words = uncoded.words().unwrap_or(vector.len());
            if vector.len() != words {
                let message = format!("a query of {} words instead of {words}", vector.len());
                return Err(Fault::new(state::DATA_EXCEPTION, message));
            }
            self.set_stored(vector);
            return Ok(());
        }
        let (dim, padded) = (self.scaled.len(), self.rotated.len());
        if vector.len() != dim || (rotation.dim(), rotation.padded()) != (dim, padded) {
            let message = format!("different vector dimensions {} and {dim}", vector.len());
            return Err(Fault::new(state::DATA_EXCEPTION, message));
        }
        let scale = match self.metric {
            Metric::Cosine => 1.0 / norm(vector).max(f64::MIN_POSITIVE),
            _ => 1.0,
        };
        for (scaled, x) in self.scaled.iter_mut().zip(vector) {
            *scaled = (f64::from(*x) * scale) as f32;
        }
        rotation.apply(&self.scaled, &mut self.rotated);
        self.ready();
        if self.metric == Metric::Cosine && !cosine_direction::LENGTHS.contains(&norm(vector)) {
            self.length = f64::INFINITY;
        }
        Ok(())
    }

    /// Sets a query that is rotated and scaled already: a stored vector, decoded.
    pub(crate) fn set_stored(&mut self, rotated: &[f32]) {
        self.rotated.clear();
        self.rotated.extend_from_slice(rotated);
        self.ready();
    }

    fn ready(&mut self) {
        match &mut self.compare {
            Compare::Codes(codes) => {
                self.length = norm(&self.rotated);
                codes.set(&self.rotated);
            }
            Compare::Distances(uncoded, met) => {
                self.length = uncoded.length(&self.rotated);
                met.clear();
            }
        }
    }

    /// How a node record is compared with the query.
    #[inline]
    pub(crate) fn compare(&self) -> &Compare {
        &self.compare
    }

    /// Notes the distance of a node record that was looked at, if there are no codes.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn meet(&mut self, number: u32, distance: f32) -> Result<()> {
        if let Compare::Distances(_, met) = &mut self.compare {
            met.insert(number, distance)?;
        }
        Ok(())
    }

    /// Whether a distance was noted.
    #[inline]
    pub(crate) fn has_met(&self, number: u32) -> bool {
        match &self.compare {
            Compare::Codes(_) => false,
            Compare::Distances(_, met) => met.contains(number),
        }
    }

    /// Bytes that grow while node records are looked at.
    pub(crate) fn bytes(&self) -> usize {
        match &self.compare {
            Compare::Codes(_) => 0,
            Compare::Distances(_, met) => met.bytes(),
        }
    }

    /// Squared Euclidean distance, of unit vectors for the cosine, or negative inner product; infinite where
    /// an overflow gives NaN.
    #[inline]
    pub(crate) fn distance(&self, stored: &StoredVector<'_>) -> f32 {
        let distance = match (&self.compare, stored, self.metric) {
            (Compare::Distances(uncoded, _), StoredVector::F32(words), _) => {
                return uncoded.distance(&self.rotated, words);
            }
            (_, _, Metric::InnerProduct) => -stored.inner_product(&self.rotated),
            _ => stored.l2_squared(&self.rotated),
        };
        if distance.is_nan() { f32::INFINITY } else { distance }
    }

    /// Bounds of the distance that SQL shows, of a node at `distance` whose vector has that squared norm. The stored vector
    /// is off by at most `OFF` of its length, and sums of products by `SUM` of the lengths.
    ///
    /// With e the error of the stored vector o, |q−o−e|² = |q−o|² − 2⟨q−o,e⟩ + |e|², whose product is at most
    /// [`SEEN`] of what the lengths allow. Equal vectors show all of e.
    pub(super) fn bounds(&self, stored: StoredForm, distance: f32, norm_squared: f32) -> Bounds {
        let (low, high) = self.interval(stored, distance, norm_squared);
        Bounds { low, high }
    }

    fn interval(&self, stored: StoredForm, distance: f32, norm_squared: f32) -> (f64, f64) {
        if let Compare::Distances(uncoded, _) = &self.compare {
            return uncoded.bounds(distance, norm_squared, self.length);
        }
        let off = if stored == StoredForm::F16 { OFF } else { 0.0 };
        let (distance, length) = (f64::from(distance), f64::from(norm_squared).sqrt());
        if self.metric == Metric::Cosine && (cosine_direction::is_odd(length) || self.length.is_infinite()) {
            return NOTHING;
        }
        // The largest number stands for the norm of all longer vectors.
        if !distance.is_finite() || norm_squared >= f32::MAX || !self.length.is_finite() {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let off = off * length.max(SHORT);
        let seen = off * (SEEN / (self.rotated.len() as f64).sqrt()).min(1.0);
        if self.metric == Metric::InnerProduct {
            let off = (seen + SUM * length.max(SHORT)) * self.length.max(FAINT) + TINY;
            return (distance - off, distance + off);
        }
        let squared = distance.max(0.0);
        let sum = SUM * (length + self.length) + TINY;
        let low = ((squared - off * off).max(0.0) + seen * seen).sqrt() - seen - sum;
        let high = (squared + seen * seen).sqrt() + seen + sum;
        let (low, high) = (low.max(0.0), high.min(squared.sqrt() + off + sum));
        match self.metric {
            Metric::Cosine => ((low * low / 2.0 - SUM).max(0.0), (high * high / 2.0 + SUM).min(2.0)),
            _ => (low, high),
        }
    }

    /// A distance as SQL shows it: for L2, the root of the index's; for the cosine, half of it; else the index's itself.
    pub(crate) fn shown(&self, distance: f32) -> f64 {
        match (&self.compare, self.metric) {
            (Compare::Distances(uncoded, _), _) => uncoded.shown(distance),
            (_, Metric::L2) => f64::from(distance).sqrt(),
            (_, Metric::Cosine) => f64::from(distance) / 2.0,
            _ => f64::from(distance),
        }
    }

    /// How far the estimates of a node record's codes are usually off (half a standard deviation), for a factor `mul` of 1;
    /// 0 without codes. The error of ⟨y, q − c⟩ goes with the length of q − c; for the inner product, with that of the part of
    /// q that is orthogonal to c.
    #[inline]
    pub(crate) fn estimate_error(&self, distance: f32, norm_squared: f32) -> f32 {
        let squared = match self.metric {
            Metric::InnerProduct => {
                let length = self.length as f32;
                length * length - distance * distance / norm_squared
            }
            _ => distance,
        };
        self.part * squared.max(0.0).sqrt()
    }

    /// What the estimates of a node record's codes start from, for the node's distance and squared norm.
    #[inline]
    pub(crate) fn base(&self, distance: f32, norm_squared: f32) -> Base {
        match self.metric {
            Metric::InnerProduct => Base::inner_product(distance, norm_squared),
            _ => Base::l2(distance),
        }
    }
}
