//! Nodes that a search has found, with their vectors.

use crate::distance::metric::Metric;
use crate::distance::{Kernels, kernels};
use crate::fault::Result;
use crate::hnsw::edges::{Candidate, Space};
use crate::hnsw::node::Layout;
use crate::hnsw::stored_vector::StoredVector;
use crate::hnsw::uncoded::Uncoded;
use crate::memory::allocation::Reserve;

/// A node record as it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// The record's number.
    pub number: u32,
    /// The record's version: if it has changed, the record is another node's.
    pub version: u16,
    /// The node's level.
    pub level: u8,
    /// The node's graph.
    pub graph: u32,
    /// Whether the node was dead.
    pub dead: bool,
}

/// Nodes with their vectors, decoded; the points of a [`Space`].
#[derive(Debug)]
pub(crate) struct Near {
    metric: Metric,
    uncoded: Option<Uncoded>,
    dim: usize,
    vectors: Vec<f32>,
    pub(crate) seen: Vec<Seen>,
    kernels: &'static Kernels<f32>,
}

impl Near {
    /// For the vectors in node records of a layout.
    pub(crate) fn new(layout: &Layout) -> Self {
        Self {
            metric: layout.metric(),
            uncoded: layout.uncoded().copied(),
            dim: layout.padded(),
            vectors: vec![],
            seen: vec![],
            kernels: kernels(),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.seen.clear();
    }

    /// Adds a node. Returns its place here.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn push(&mut self, seen: Seen, stored: &StoredVector<'_>) -> Result<u32> {
        let at = self.seen.len() * self.dim;
        self.seen.room_for(1)?;
        if self.vectors.len() < at + self.dim {
            self.vectors.room_for(at + self.dim - self.vectors.len())?;
            self.vectors.resize(at + self.dim, 0.0);
        }
        stored.decode(&mut self.vectors[at..at + self.dim]);
        self.seen.push(seen);
        Ok((self.seen.len() - 1) as u32)
    }

    #[inline]
    pub(crate) fn vector(&self, node: u32) -> &[f32] {
        &self.vectors[node as usize * self.dim..][..self.dim]
    }

    /// Distance from a vector to a node, not NaN.
    #[inline]
    pub(crate) fn distance(&self, vector: &[f32], node: u32) -> f32 {
        self.compare(vector, self.vector(node))
    }

    #[inline]
    fn compare(&self, a: &[f32], b: &[f32]) -> f32 {
        let distance = match (&self.uncoded, self.metric) {
            (Some(uncoded), _) => return uncoded.distance(a, b),
            (None, Metric::InnerProduct) => -self.kernels.inner_product(a, b),
            (None, _) => self.kernels.l2_squared(a, b),
        };
        if distance.is_nan() { f32::INFINITY } else { distance }
    }

    /// All nodes as candidates for the edges of a vector, ascending.
    pub(crate) fn candidates(&self, vector: &[f32], out: &mut Vec<Candidate>) {
        out.clear();
        let nodes = 0..self.seen.len() as u32;
        out.extend(nodes.map(|node| Candidate { node, distance: self.distance(vector, node) }));
        out.sort_unstable_by(Candidate::order);
    }

    /// Squared Euclidean distance from a vector to the `nodes`-th nearest node; none if there are fewer, and for uncoded
    /// values, whose distances are of other kinds.
    pub(crate) fn reach(&self, vector: &[f32], nodes: usize) -> Option<f32> {
        if self.uncoded.is_some() || self.seen.len() < nodes {
            return None;
        }
        let distance = |node: u32| self.kernels.l2_squared(vector, self.vector(node));
        let mut all: Vec<f32> = (0..self.seen.len() as u32).map(distance).collect();
        Some(*all.select_nth_unstable_by(nodes.checked_sub(1)?, f32::total_cmp).1)
    }

    /// Squared Euclidean distance from a vector to the node `number`; none if it is not here, and for uncoded values.
    pub(crate) fn far(&self, vector: &[f32], number: u32) -> Option<f32> {
        let node = self.seen.iter().position(|seen| seen.number == number)?;
        self.uncoded.is_none().then(|| self.kernels.l2_squared(vector, self.vector(node as u32)))
    }

    /// The candidate nearest to a vector: by the Euclidean distance where candidates are in the order of the inner product;
    /// else the first.
    pub(crate) fn nearest(&self, vector: &[f32], candidates: &[Candidate]) -> Option<u32> {
        if self.metric != Metric::InnerProduct || self.uncoded.is_some() {
            return candidates.first().map(|c| c.node);
        }
        let distance = |c: &&Candidate| self.kernels.l2_squared(vector, self.vector(c.node));
        let nearest = candidates.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
        nearest.map(|c| c.node)
    }
}

impl Space for Near {
    fn len(&self) -> usize {
        self.seen.len()
    }

    #[inline]
    fn between(&self, a: u32, b: u32) -> f32 {
        self.compare(self.vector(a), self.vector(b))
    }
}
