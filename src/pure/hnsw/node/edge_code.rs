//! The content of an edge slot beside the neighbour's number.

use super::layout::{Content, Layout};
use crate::hnsw::rabitq::{Encoder, Factors, Shape, Target};
use crate::hnsw::uncoded::Uncoded;

/// Makes the content of an edge slot beside the number: a code with its factors, or the distance. A coder keeps its memory.
#[derive(Debug)]
pub struct Coder(Kind);

#[derive(Debug)]
enum Kind {
    Codes(Encoder),
    Distances(Uncoded),
}

impl Coder {
    /// A coder for the node records of a layout.
    pub fn new(layout: &Layout) -> Self {
        match layout.content() {
            Content::Codes(shape) => Self::of_codes(*shape, layout.target()),
            Content::Distances(uncoded) => Self(Kind::Distances(*uncoded)),
        }
    }

    /// A coder for codes of that shape.
    pub(crate) fn of_codes(shape: Shape, target: Target) -> Self {
        Self(Kind::Codes(Encoder::new(shape, target)))
    }

    /// Writes the code of `neighbour` relative to `node`, both decoded from their stored form; returns the factors. Without
    /// codes, `add` is the distance.
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
