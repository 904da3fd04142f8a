//! Parents for a new node when all near nodes have many tree edges: down the tree from the nearest of them.
//!
//! Under the inner product, the same few nodes are near to most nodes of data that lies far from zero, and must keep edge
//! slots for each other: see `build/reachability`, which does the same.

use super::decoded::Stored;
use super::link::{FEW, Parent};
use super::near::Seen;
use crate::distance::{Kernels, kernels};
use crate::fault::Result;
use crate::hnsw::node::{Layout, NodeRef, State, corrupted};
use crate::hnsw::search::Pages;
use crate::hnsw::uncoded::Uncoded;

/// Maximum number of steps down.
const DEPTH: usize = 32;

/// A walk down the tree edges, from each node to the child nearest to the new node, by the Euclidean distance where the
/// inner product would lead to the same nodes again.
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
    /// A walk for a vector, down from a node if there is one.
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

    /// The next node that has few tree edges; none if there are no more, or the walk went too far down.
    ///
    /// # Errors
    /// Corrupted node records, and those of the pages.
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

    /// The distance of a child, and whether it has few tree edges; none if the node is no child of `from`.
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
