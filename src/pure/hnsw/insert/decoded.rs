//! A vector as the records of its node hold it.

use crate::distance::kernels;
use crate::distance::metric::Metric;
use crate::fault::{Fault, Result, state};
use crate::hnsw::cosine_direction;
use crate::hnsw::node::write::{load, store};
use crate::hnsw::node::{Header, Layout, NONE, State, Tid};
use crate::hnsw::rotation::Rotation;
use crate::hnsw::stored_vector::StoredVector;
use crate::hnsw::uncoded::fit;

/// A vector, rotated and rounded.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    bytes: Vec<u8>,
    decoded: Vec<f32>,
    scale: f32,
    norm: f32,
}

impl Stored {
    /// Stores a finite vector, or the words of an uncoded value, which has no use for the rotation. A build of the whole index
    /// gives an equal vector the same bytes.
    ///
    /// # Errors
    /// Other dimensions than the layout's; a zero vector under the cosine.
    pub fn of(layout: &Layout, rotation: &Rotation, vector: &[f32]) -> Result<Self> {
        if let Some(uncoded) = layout.uncoded() {
            let words = uncoded.words().unwrap_or(vector.len());
            if vector.len() != words {
                let message = format!("a value of {} words instead of {words}", vector.len());
                return Err(Fault::new(state::DATA_EXCEPTION, message));
            }
            let (decoded, norm) = fit(uncoded, vector, layout.padded());
            let mut bytes = vec![0; layout.stored_bytes()];
            let (scale, _) = store(layout, &decoded, &mut bytes);
            return Ok(Self { bytes, decoded, scale, norm });
        }
        let dim = layout.dim();
        if vector.len() != dim || (rotation.dim(), rotation.padded()) != (dim, layout.padded()) {
            let message = format!("expected {dim} dimensions, not {}", vector.len());
            return Err(Fault::new(state::DATA_EXCEPTION, message));
        }
        let scale = match layout.metric() {
            Metric::Cosine => cosine_direction::scale(kernels().norm(vector)),
            _ => 1.0,
        };
        if scale.is_infinite() {
            return Err(Fault::new(state::DATA_EXCEPTION, "zero vector has no direction"));
        }
        let scaled: Vec<f32> = vector.iter().map(|x| (f64::from(*x) * scale) as f32 + 0.0).collect();
        let mut decoded = vec![0.0; layout.padded()];
        rotation.apply(&scaled, &mut decoded);
        let mut bytes = vec![0; layout.stored_bytes()];
        let (scale, norm) = store(layout, &decoded, &mut bytes);
        load(layout, scale, &bytes, &mut decoded);
        Ok(Self { bytes, decoded, scale, norm })
    }

    /// Takes over the vector of a node record.
    pub(crate) fn copy(&mut self, layout: &Layout, header: &Header, stored: &StoredVector<'_>) {
        self.decoded.resize(layout.padded(), 0.0);
        stored.decode(&mut self.decoded);
        self.bytes.clear();
        match stored {
            StoredVector::F32(x) => x.iter().for_each(|x| self.bytes.extend(x.to_le_bytes())),
            StoredVector::F16 { elements, .. } => {
                elements.iter().for_each(|x| self.bytes.extend(x.to_le_bytes()))
            }
        }
        (self.scale, self.norm) = (header.scale, header.norm);
    }

    /// The vector's bytes in a node record.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The numbers that the bytes stand for.
    pub fn decoded(&self) -> &[f32] {
        &self.decoded
    }

    /// The vector's squared length; of an uncoded value, how much is left out.
    pub fn norm(&self) -> f32 {
        self.norm
    }

    /// Whether a node record's vector is this one.
    #[inline]
    pub fn is(&self, header: &Header, stored: &StoredVector<'_>) -> bool {
        if header.norm.to_bits() != self.norm.to_bits() || header.scale != self.scale {
            return false;
        }
        // Bits, not numbers: a zero may be negative.
        match stored {
            StoredVector::F32(x) => {
                x.iter().zip(self.bytes.as_chunks().0).all(|(x, word)| x.to_le_bytes() == *word)
            }
            StoredVector::F16 { elements, .. } => {
                elements.iter().zip(self.bytes.as_chunks().0).all(|(x, word)| x.to_le_bytes() == *word)
            }
        }
    }

    /// Whether another vector is this one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        (&self.bytes, self.scale, self.norm) == (&other.bytes, other.scale, other.norm)
    }

    /// The header of a new node record with this vector, without edges and without a TID list.
    pub fn header(&self, graph: u32, level: u8, version: u16, tid: Tid, down: u32) -> Header {
        Header {
            tid,
            state: State::Live,
            level,
            version,
            kept: 0,
            used: 0,
            norm: self.norm,
            scale: self.scale,
            graph,
            down,
            tid_list: NONE,
        }
    }
}
