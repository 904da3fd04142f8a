//! The query as blocks are compared with it.

use crate::block::{Layout, OwnForm};
use crate::code::{Base, Query};
use crate::distance::norm;
use crate::fault::{Fault, Result, state};
use crate::graph::Metric;
use crate::own::Own;
use crate::rotation::Rotation;

/// Half a unit in the last place of an `f16`, and a little for elements that are much smaller than the largest.
const OFF: f64 = 1.0 / 2048.0 + 1e-6;
/// What the rotation and sums in `f32` are off, with a wide margin.
const SUM: f64 = 2e-6;
/// What distances are off in any case: squares of smaller numbers are none in `f32`.
const TINY: f64 = 1e-20;
/// Lengths of queries whose cosine SQL computes without overflows of squares in `f32`.
const LENGTHS: std::ops::Range<f64> = 1e-12..1e12;

/// A query, rotated, with its tables.
#[derive(Debug)]
pub(crate) struct Target {
    metric: Metric,
    scaled: Vec<f32>,
    rotated: Vec<f32>,
    /// Length of the query, scaled; infinite if nothing is known of the distances that SQL shows.
    length: f64,
    pub(crate) codes: Query,
}

impl Target {
    pub(crate) fn new(layout: &Layout) -> Self {
        let rotated = vec![0.0; layout.padded()];
        let codes = Query::new(layout.shape(), &rotated);
        Self { metric: layout.metric(), scaled: vec![0.0; layout.dim()], rotated, length: 0.0, codes }
    }

    /// Another query. A zero vector has no direction: under the cosine, all are at the same distance of it.
    pub(crate) fn set(&mut self, rotation: &Rotation, vector: &[f32]) -> Result<()> {
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
        let sane = self.metric != Metric::Cosine || LENGTHS.contains(&norm(vector));
        self.length = if sane { norm(&self.rotated) } else { f64::INFINITY };
        self.codes.set(&self.rotated);
        Ok(())
    }

    /// A query that is rotated and scaled already: a stored vector, decoded.
    pub(crate) fn set_stored(&mut self, rotated: &[f32]) {
        self.rotated.copy_from_slice(rotated);
        self.length = norm(&self.rotated);
        self.codes.set(&self.rotated);
    }

    /// Squared Euclidean distance, of unit vectors for the cosine, or negative inner product; infinite where
    /// an overflow gives NaN.
    #[inline]
    pub(crate) fn distance(&self, own: &Own<'_>) -> f32 {
        let distance = match self.metric {
            Metric::L2 | Metric::Cosine => own.l2_squared(&self.rotated),
            Metric::InnerProduct => -own.inner_product(&self.rotated),
        };
        if distance.is_nan() { f32::INFINITY } else { distance }
    }

    /// Between what numbers the distance that SQL shows lies, of a node at `distance` whose vector has that squared
    /// norm. The stored vector is off by at most `OFF` of its length, and sums of products by `SUM` of the lengths.
    pub(crate) fn bounds(&self, own: OwnForm, distance: f32, norm_squared: f32) -> (f64, f64) {
        let off = match own {
            OwnForm::F32 => SUM,
            OwnForm::F16 => OFF + SUM,
        };
        let (distance, length) = (f64::from(distance), f64::from(norm_squared).sqrt());
        if !distance.is_finite() || !length.is_finite() || !self.length.is_finite() {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        match self.metric {
            Metric::L2 | Metric::Cosine => {
                let off = off * length + SUM * self.length + TINY;
                let distance = distance.max(0.0).sqrt();
                let (low, high) = ((distance - off).max(0.0), distance + off);
                match self.metric {
                    Metric::Cosine => ((low * low / 2.0 - SUM).max(0.0), (high * high / 2.0 + SUM).min(2.0)),
                    _ => (low, high),
                }
            }
            Metric::InnerProduct => {
                let off = off * length * self.length + TINY;
                (distance - off, distance + off)
            }
        }
    }

    /// What the estimates of a block at that distance start from.
    #[inline]
    pub(crate) fn base(&self, distance: f32, norm_squared: f32) -> Base {
        match self.metric {
            Metric::L2 | Metric::Cosine => Base::l2(distance),
            Metric::InnerProduct => Base::inner_product(distance, norm_squared),
        }
    }
}
