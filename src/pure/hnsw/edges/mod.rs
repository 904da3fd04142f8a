//! The choice of a node's edges, for constructions and insertions alike.
//!
//! - `space`: points with a distance ([`Space`]). `candidate`: a node and its distance.
//! - `prune`: HNSW's choice among candidates. `fill`: edges for edge slots that are still free.

mod candidate;
pub(crate) mod fill;
pub(crate) mod prune;
mod space;

pub use candidate::Candidate;
pub use space::{QuerySpace, Space};
