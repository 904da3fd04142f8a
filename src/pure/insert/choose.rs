//! Which of the nodes that were found a node gets edges to.

use super::near::Near;
use crate::graph::fill::angles;
use crate::graph::prune::{select, split};
use crate::graph::{Candidate, Fill, Lists, Params};

/// Chooses by the rules of the build; keeps its memory.
#[derive(Debug, Default)]
pub(crate) struct Choice {
    /// Those chosen: first those that the pruning keeps, ascending, then those that fill, the first to give way
    /// in front.
    pub(crate) edges: Vec<Candidate>,
    /// How many were kept.
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
        let full = level > 0 || params.lists == Lists::Full;
        let width = if level > 0 { params.m } else { params.lanes };
        if full {
            select(near, candidates, width, full, &mut self.edges);
            self.kept = self.edges.len();
            return;
        }
        let Self { edges, kept, rest } = self;
        edges.clear();
        rest.clear();
        split(near, candidates, width, edges, rest);
        *kept = edges.len();
        if params.fill == Fill::None || *kept == width {
            return;
        }
        if params.fill == Fill::Nearest || rest.len() <= width - *kept {
            edges.extend(rest.iter().take(width - *kept).map(|(c, _)| *c));
        } else {
            angles(near, rest, width, edges);
        }
        edges[*kept..].reverse();
    }
}
