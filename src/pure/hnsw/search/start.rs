//! Where a search enters a graph.

use crate::hnsw::node::EntryPoint;

/// A graph to be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Where the graph is entered.
    pub root: EntryPoint,
    /// All of the graph's nodes are looked at.
    pub all: bool,
}

/// `hnsw.ef_search` of the search in each of several graphs, before they are searched together.
pub const NARROW: usize = 10;
