//! What a lane says of the neighbour.

use super::layout::{Content, Layout};
use crate::hnsw::rabitq::{Encoder, Factors, Shape, Target};
use crate::hnsw::uncoded::Uncoded;

/// Makes what is in a lane beside the number: a code with its factors, or the distance; keeps its memory.
#[derive(Debug)]
pub struct Coder(Kind);

#[derive(Debug)]
enum Kind {
    Codes(Encoder),
    Distances(Uncoded),
}

impl Coder {
    /// For the blocks of a layout.
    pub fn new(layout: &Layout) -> Self {
        match layout.content() {
            Content::Codes(shape) => Self::of_codes(*shape, layout.target()),
            Content::Distances(uncoded) => Self(Kind::Distances(*uncoded)),
        }
    }

    /// For codes of that shape.
    pub(crate) fn of_codes(shape: Shape, target: Target) -> Self {
        Self(Kind::Codes(Encoder::new(shape, target)))
    }

    /// Writes the code of `neighbour` as seen from `node`, both as they are stored, decoded; returns the factors. Without
    /// codes, the first is the distance.
    ///
    /// # Panics
    /// As [`Encoder::encode`].
    pub fn encode(&mut self, node: &[f32], neighbour: &[f32], code: &mut [u8]) -> Factors {
        match &mut self.0 {
            Kind::Codes(encoder) => encoder.encode(node, neighbour, code),
            Kind::Distances(uncoded) => {
                Factors { add: uncoded.distance(node, neighbour).clamp(f32::MIN, f32::MAX), mul: 0.0 }
            }
        }
    }
}
