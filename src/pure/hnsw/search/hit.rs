//! A row that a search gives.

use crate::hnsw::node::Tid;

/// A row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Where it is.
    pub tid: Tid,
    /// Its distance as the index has it: squared for L2; of the unit vectors, squared, for the cosine; the
    /// negative inner product. See [`Search::shown`](super::Search::shown).
    pub distance: f32,
    /// Its node's block.
    pub number: u32,
    /// That block's version.
    pub version: u16,
    /// Whether it certainly comes before all that follow in its batch and after all that came before: own vectors
    /// are rounded, so the order of rows at nearly the same distance may be another one.
    pub certain: bool,
    /// No distance that SQL shows, of it or of what follows in its batch, is less.
    pub floor: f64,
    /// Squared norm of its node's own vector.
    pub(super) norm: f32,
}
