//! How many batches a search makes, what ends it, and what it has cost.

/// What comes after the first batch of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing.
    Once,
    /// More batches, each in the order of distance.
    Relaxed,
    /// More batches, without the rows that are nearer than one before. So that few are, a batch ends where the search
    /// has looked, and what was read farther out waits for the next one.
    Strict,
}

/// When a search makes no more batches. The first one is made in any case, but of blocks that lead to no rows no more are
/// read for it than a search has in all: while a vacuum is at work, all nodes about the query may be dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Once so many blocks of level 0 were read.
    pub hops: u64,
    /// Once so many nodes with rows were found, or as many blocks read for nothing.
    pub nodes: u64,
    /// Once it takes more [`memory`](super::Search::memory).
    pub bytes: usize,
}

impl Default for Limit {
    fn default() -> Self {
        Self { hops: u64::MAX, nodes: u64::MAX, bytes: usize::MAX }
    }
}

/// What a search has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Blocks read above level 0.
    pub upper: u64,
    /// Blocks read on level 0.
    pub hops: u64,
    /// Nodes with rows among them that were found.
    pub nodes: u64,
    /// Blocks with more rows of a node that were read.
    pub tid_lists: u64,
}
