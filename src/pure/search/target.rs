//! The query as blocks are compared with it.

use crate::block::Layout;
use crate::code::{Base, Query};
use crate::distance::norm;
use crate::fault::{Fault, Result, state};
use crate::graph::Metric;
use crate::own::Own;
use crate::rotation::Rotation;

/// A query, rotated, with its tables.
#[derive(Debug)]
pub(super) struct Target {
    metric: Metric,
    scaled: Vec<f32>,
    rotated: Vec<f32>,
    pub(super) codes: Query,
}

impl Target {
    pub(super) fn new(layout: &Layout) -> Self {
        let rotated = vec![0.0; layout.padded()];
        let codes = Query::new(layout.shape(), &rotated);
        Self { metric: layout.metric(), scaled: vec![0.0; layout.dim()], rotated, codes }
    }

    /// Another query. A zero vector has no direction: under the cosine, all are at the same distance of it.
    pub(super) fn set(&mut self, rotation: &Rotation, vector: &[f32]) -> Result<()> {
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
        self.codes.set(&self.rotated);
        Ok(())
    }

    /// Squared Euclidean distance, of unit vectors for the cosine, or negative inner product; infinite where
    /// an overflow gives NaN.
    #[inline]
    pub(super) fn distance(&self, own: &Own<'_>) -> f32 {
        let distance = match self.metric {
            Metric::L2 | Metric::Cosine => own.l2_squared(&self.rotated),
            Metric::InnerProduct => -own.inner_product(&self.rotated),
        };
        if distance.is_nan() { f32::INFINITY } else { distance }
    }

    /// What the estimates of a block at that distance start from.
    #[inline]
    pub(super) fn base(&self, distance: f32, norm_squared: f32) -> Base {
        match self.metric {
            Metric::L2 | Metric::Cosine => Base::l2(distance),
            Metric::InnerProduct => Base::inner_product(distance, norm_squared),
        }
    }
}
