//! Which of the nodes found become a node's neighbours.

use super::near::Near;
use crate::hnsw::edges::Candidate;
use crate::hnsw::edges::fill::angles;
use crate::hnsw::edges::prune::split;
use crate::hnsw::params::{Fill, Lists, Params};

/// Chooses by the rules of the build; keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// The candidates chosen: first those that pruning keeps, ascending; then the nearest others, if pruning keeps fewer than
    /// the minimum of a list; then candidates that fill, the first to give way in front.
    pub(crate) edges: Vec<Candidate>,
    /// How many of them do not only fill.
    pub(crate) kept: usize,
    rest: Vec<(Candidate, u8)>,
}

impl Choice {
    pub(crate) fn clear(&mut self) {
        self.edges.clear();
        self.kept = 0;
    }

    /// Chooses among candidates, which ascend.
    pub(crate) fn choose(&mut self, near: &Near, candidates: &[Candidate], level: u8, params: &Params) {
        let full = params.lists == Lists::Full;
        let width = if level > 0 { params.m } else { params.slots };
        let Self { edges, kept, rest } = self;
        edges.clear();
        rest.clear();
        split(near, candidates, width, edges, rest);
        if level > 0 {
            // Above level 0, all count as kept, as in a graph that was built.
            if params.fill == Fill::Angle && rest.len() > width - edges.len() {
                angles(near, rest, width, edges);
            } else {
                rest.truncate(width - edges.len());
                edges.extend(rest.iter().map(|(c, _)| *c));
            }
            *kept = edges.len();
            return;
        }
        if !full {
            let more = params.min_edges(level).saturating_sub(edges.len()).min(rest.len());
            edges.extend(rest.drain(..more).map(|(c, _)| c));
        }
        *kept = edges.len();
        if *kept == width || !full && params.fill == Fill::None {
            return;
        }
        if full || params.fill == Fill::Nearest || rest.len() <= width - *kept {
            edges.extend(rest.iter().take(width - *kept).map(|(c, _)| *c));
        } else {
            angles(near, rest, width, edges);
        }
        edges[*kept..].reverse();
    }
}
