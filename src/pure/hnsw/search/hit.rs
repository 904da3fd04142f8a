//! A row that a search gives.

use super::bounds::Bounds;
use crate::hnsw::node::Tid;

/// A row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Where the row is in its table.
    pub tid: Tid,
    /// The row's distance as the index has it: squared for L2; of the unit vectors, squared, for the cosine; the
    /// negative inner product. See [`Search::shown`](super::Search::shown).
    pub distance: f32,
    /// The node's record.
    pub number: u32,
    /// That record's version.
    pub version: u16,
    /// Whether the row certainly comes before all rows that follow in its batch and after all that came before: stored
    /// vectors are rounded, so the order of rows at nearly the same distance may be another one.
    pub certain: bool,
    /// Lower bound of the distances that SQL shows of this row and of the rows that follow in its batch.
    pub floor: f64,
    pub(super) bounds: Bounds,
}

impl Hit {
    /// Between what numbers the distance that SQL shows of the row lies. See [`Search::shown`](super::Search::shown).
    pub fn bounds(&self) -> (f64, f64) {
        (self.bounds.low, self.bounds.high)
    }
}
