//! The finished graph.

use super::Params;
use super::beam::{Beam, Candidate, Edges, Outside};
use super::links::{Links, NONE};
use super::prefetch::prefetch;
use super::rows::Rows;

/// A graph as flat arrays, ready to be written into blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    pub entry: Option<u32>,
    pub levels: Vec<u8>,
    pub lanes: usize,
    pub m: usize,
    pub base: Vec<u32>,
    pub kept: Vec<u8>,
    pub upper: Vec<u32>,
    pub first: Vec<u32>,
}

impl Graph {
    pub(super) fn new(links: Links, entry: Option<u32>, params: &Params) -> Self {
        let (levels, base, upper, first) = links.into_parts();
        let (base, kept) = base.into_plain();
        let (upper, _) = upper.into_plain();
        Self { entry, levels, lanes: params.lanes, m: params.m, base, kept, upper, first }
    }

    pub fn len(&self) -> usize {
        self.levels.len()
    }
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// All lanes of a list, with `NONE` in those behind its end.
    #[inline]
    fn all_lanes(&self, node: u32, level: u8) -> &[u32] {
        match level {
            0 => &self.base[node as usize * self.lanes..][..self.lanes],
            _ => &self.upper[(self.first[node as usize] as usize + usize::from(level) - 1) * self.m..][..self.m],
        }
    }

    pub fn neighbours(&self, node: u32, level: u8) -> &[u32] {
        let lanes = self.all_lanes(node, level);
        &lanes[..lanes.iter().position(|o| *o == NONE).unwrap_or(lanes.len())]
    }

    pub fn search(&self, rows: &impl Rows, query: &[f32], ef: usize, beam: &mut Beam) -> Vec<Candidate> {
        let Some(entry) = self.entry else { return Vec::new() };
        let target = Outside(rows, query);
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
        prefetch(self.all_lanes(node, 0));
    }
}
