//! How many batches a search makes, what ends it, and what it has cost.

/// What comes after the first batch of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing.
    Once,
    /// More batches, each in the order of distance.
    Relaxed,
    /// More batches, without rows that are nearer than a row before them. To leave out few rows, a batch ends where the
    /// search has looked, and nodes that were read farther out are deferred to the next one.
    Strict,
}

/// When a search makes no more batches. The first one is made in any case, but of node records that lead to no rows it reads
/// no more than the limit of the whole search: while a vacuum is at work, all nodes near the query may be dead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Once so many node records of level 0 were read.
    pub hops: u64,
    /// Once so many nodes with rows were found, or as many node records read in vain.
    pub nodes: u64,
    /// Once the search takes more bytes of [`memory`](super::Search::memory).
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
    /// Node records read above level 0.
    pub upper: u64,
    /// Node records read on level 0.
    pub hops: u64,
    /// Nodes with rows that were found on level 0.
    pub nodes: u64,
    /// Records of TID lists that were read.
    pub tid_lists: u64,
}
