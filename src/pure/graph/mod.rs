//! The graph of the index, built in memory.
#![allow(missing_docs)]

mod beam;
mod build;
mod control;
mod duplicates;
mod fill;
mod links;
mod order;
mod prefetch;
mod prune;
mod repair;
mod result;
mod rows;
mod shadow;
#[cfg(test)]
mod tests;

pub use beam::{Beam, Candidate, Effort};
pub use build::build;
pub use control::{Control, Phase};
pub use duplicates::{Folding, Members};
pub use links::NONE;
pub use result::Graph;
pub use rows::{Arena, Rows, Space};
pub use shadow::Shadow;

/// How vectors are compared; see [`Arena`] for how each becomes a Euclidean distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    L2,
    InnerProduct,
    Cosine,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Params {
    pub m: usize,
    pub lanes: usize,
    pub ef_construction: usize,
    pub seed: u64,
    pub full_lists: bool,
    pub fill: Fill,
    pub refine: Refine,
    pub batch_div: usize,
}

impl Default for Params {
    fn default() -> Self {
        Self { m: 16, lanes: 32, ef_construction: 64, seed: 1, full_lists: false, fill: Fill::Angle { pool: 128 }, refine: Refine::None, batch_div: 16 }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    None,
    Nearest,
    Angle { pool: usize },
    Threshold { pool: usize },
}
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Refine { None, Search{ef:usize}, Hops{pool:usize} }

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stopped {
    Cancelled,
    Panicked(String),
}
