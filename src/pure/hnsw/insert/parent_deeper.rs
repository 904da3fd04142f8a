//! Parents for a new node when all that are near have many anchors: down the tree from the nearest of them.
//!
//! Under the inner product, near to most nodes of data that lies far from the origin are the same few, which must keep
//! lanes for each other: see `graph/repair`, which does the same.

use super::decoded::Stored;
use super::link::{FEW, Parent};
use super::near::Seen;
use crate::distance::{Kernels, kernels};
use crate::fault::Result;
use crate::hnsw::node::{Layout, NodeRef, State, corrupted};
use crate::hnsw::search::Pages;
use crate::hnsw::uncoded::Uncoded;

/// So far down at most.
const DEPTH: usize = 32;

/// A walk down the anchors, at each node to the child that is nearest to the new node, by the Euclidean distance where
/// the inner product would lead to the same ones again.
#[derive(Debug)]
pub struct Below {
    vector: Vec<f32>,
    uncoded: Option<Uncoded>,
    kernels: &'static Kernels<f32>,
    at: Option<Seen>,
    left: usize,
    children: Vec<u32>,
    child: Vec<f32>,
}

impl Below {
    /// For a vector, from a node down, if there is one.
    pub(crate) fn new(layout: &Layout, vector: &Stored, from: Option<Seen>) -> Self {
        Self {
            vector: vector.decoded().to_vec(),
            uncoded: layout.uncoded().copied(),
            kernels: kernels(),
            at: from,
            left: DEPTH,
            children: vec![],
            child: vec![0.0; layout.padded()],
        }
    }

    /// The next node that has few anchors; none if there are no more, or it is too far down.
    ///
    /// # Errors
    /// Corrupted blocks, and whatever comes from the pages.
    pub fn next(&mut self, pages: &mut impl Pages, layout: &Layout) -> Result<Option<Parent>> {
        while let Some(from) = self.at.take().filter(|_| self.left > 0) {
            self.left -= 1;
            self.look(pages, layout, &from)?;
            let mut nearest: Option<(f32, Seen, bool)> = None;
            for number in std::mem::take(&mut self.children) {
                let Some(child) = self.measure(pages, layout, &from, number)? else { continue };
                if nearest.is_none_or(|(distance, ..)| child.0 < distance) {
                    nearest = Some(child);
                }
            }
            let Some((_, to, few)) = nearest else { return Ok(None) };
            self.at = Some(to);
            if few && !to.dead {
                return Ok(Some(Parent { to, tree_edges: FEW, instead: None }));
            }
        }
        Ok(None)
    }

    /// Notes the children of a node.
    fn look(&mut self, pages: &mut impl Pages, layout: &Layout, from: &Seen) -> Result<()> {
        let children = &mut self.children;
        children.clear();
        pages.read(from.number, |bytes| -> Result<()> {
            let record = NodeRef::new(layout, bytes)?;
            children.extend(record.children());
            Ok(())
        })?
    }

    /// How far a child is, and whether it has few anchors; none if it is no child.
    fn measure(
        &mut self,
        pages: &mut impl Pages,
        layout: &Layout,
        from: &Seen,
        number: u32,
    ) -> Result<Option<(f32, Seen, bool)>> {
        if !pages.has(number) {
            return Err(corrupted(format_args!("link to {number} of {}", pages.records())));
        }
        let Self { vector, uncoded, kernels, child, .. } = self;
        pages.read(number, |bytes| {
            let record = NodeRef::new(layout, bytes)?;
            let header = record.header();
            let node = matches!(header.state, State::Live | State::Dead);
            if !node || (header.graph, header.level, header.down) != (from.graph, 0, from.number) {
                return Ok(None);
            }
            record.stored().decode(child);
            let distance = match uncoded {
                Some(uncoded) => uncoded.distance(vector, child),
                None => kernels.l2_squared(vector, child),
            };
            let few = record.children().count() <= FEW;
            let dead = header.state == State::Dead;
            let seen = Seen { number, version: header.version, level: 0, graph: from.graph, dead };
            Ok(Some((if distance.is_nan() { f32::INFINITY } else { distance }, seen, few)))
        })?
    }
}
