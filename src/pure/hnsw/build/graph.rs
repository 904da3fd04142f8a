//! The finished graph.

use super::adjacency::NONE;
use super::beam::{Beam, Edges, Outside};
use super::memory::Words;
use crate::hnsw::edges::Candidate;
use crate::hnsw::edges::QuerySpace;
use crate::simd::prefetch::{AHEAD, prefetch};

/// A graph as flat arrays, ready to be written into node records.
///
/// Every node has a list of [`slots`](Self::slots) edge slots on level 0 and one of [`m`](Self::m) on each level from 1 to
/// its highest. Edge slots behind the end of a list hold [`NONE`]. All nodes can be reached from the entry point, on
/// level 0 alone.
#[derive(Debug, PartialEq, Eq)]
pub struct Graph {
    pub(super) entry: Option<u32>,
    pub(super) levels: Vec<u8>,
    pub(super) slots: usize,
    pub(super) m: usize,
    /// The lists of level 0, one after the other.
    pub(super) base: Words,
    /// For each list of level 0, the number of edges before those that only fill it.
    pub(super) kept: Vec<u8>,
    /// The lists of the other levels.
    pub(super) upper: Words,
    /// The number of each node's first list in `upper`.
    pub(super) first: Vec<u32>,
}

impl Graph {
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.levels.len()
    }

    /// Whether there are no nodes.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// The node, of the highest level, at which every search starts; `None` if there are no nodes.
    pub fn entry(&self) -> Option<u32> {
        self.entry
    }

    /// The highest level of each node.
    pub fn levels(&self) -> &[u8] {
        &self.levels
    }

    /// Edge slots of a list of level 0.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Edge slots of a list above level 0.
    pub fn m(&self) -> usize {
        self.m
    }

    /// The lists of level 0 one after the other, of [`slots`](Self::slots) each.
    pub fn base(&self) -> &[u32] {
        self.base.all()
    }

    /// The number of a node's edges on level 0 that the pruning has kept. Kept edges come first; the other edges fill
    /// edge slots that would be empty, and give way to later edges.
    pub fn kept(&self, node: u32) -> usize {
        usize::from(self.kept[node as usize])
    }

    /// All edge slots of a node on a level, which is at most its highest.
    #[inline]
    pub fn list(&self, node: u32, level: u8) -> &[u32] {
        let (lists, at, width) = match level {
            0 => (&self.base, node as usize, self.slots),
            _ => (&self.upper, self.first[node as usize] as usize + usize::from(level) - 1, self.m),
        };
        &lists.all()[at * width..][..width]
    }

    /// The neighbours of a node on a level, which is at most its highest.
    #[inline]
    pub fn neighbours(&self, node: u32, level: u8) -> &[u32] {
        let slots = self.list(node, level);
        &slots[..slots.iter().position(|other| *other == NONE).unwrap_or(slots.len())]
    }

    /// The nearest `ef` nodes that a search with exact distances finds, ascending. `query` is in the form
    /// of [`QuerySpace::distance`].
    pub fn search(
        &self,
        space: &impl QuerySpace,
        query: &[f32],
        ef: usize,
        beam: &mut Beam,
    ) -> Vec<Candidate> {
        let Some(entry) = self.entry else { return Vec::new() };
        let target = Outside(space, query);
        let start = beam.descend(self, &target, entry, self.levels[entry as usize], 0);
        beam.search(self, &target, &[start], ef, 0).to_vec()
    }
}

impl Edges for Graph {
    fn nodes(&self) -> usize {
        self.len()
    }

    #[inline]
    fn gather(&self, node: u32, level: u8, take: impl FnMut(u32)) {
        self.neighbours(node, level).iter().copied().for_each(take);
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        prefetch(self.list(node, 0), AHEAD);
    }
}
