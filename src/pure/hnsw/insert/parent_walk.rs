//! Parents for a new node when no near node has room for a child: along the tree edges, from the tree's root down.

use super::link::Parent;
use super::near::Seen;
use crate::fault::Result;
use crate::hnsw::node::{EntryPoint, Layout, NONE, NodeRef, State, corrupted};
use crate::hnsw::search::Pages;
use crate::hnsw::search::visited::Visited;
use crate::memory::allocation::Reserve;
use std::collections::VecDeque;

/// A walk along the tree, depth by depth. A node without children has room, so the walk never ends without a parent unless
/// it is limited.
#[derive(Debug)]
pub struct Tree {
    graph: u32,
    /// Nodes that were not looked at yet, with their parents.
    open: VecDeque<(u32, u32)>,
    met: Visited,
    /// Whether dead nodes can be parents, beside the tree's root.
    dead: bool,
    /// Node records that may still be read.
    left: u64,
}

impl Tree {
    /// A walk in a graph that reads at most `max` node records. `dead`: dead nodes can be parents, too. Only to be set when
    /// no vacuum is at work, which may free them.
    pub fn new(root: &EntryPoint, dead: bool, max: u64) -> Self {
        Self {
            graph: root.graph,
            open: VecDeque::from([(root.origin, NONE)]),
            met: Visited::new(),
            dead,
            left: max,
        }
    }

    /// The next node with room for a child; none if there are no more.
    ///
    /// # Errors
    /// Corrupted node records, and those of the pages.
    pub fn next(&mut self, pages: &mut impl Pages, layout: &Layout) -> Result<Option<Parent>> {
        while let Some((number, parent)) = self.open.pop_front().filter(|_| self.left > 0) {
            if !pages.has(number) {
                return Err(corrupted(format_args!("link to {number} of {}", pages.records())));
            }
            if !self.met.insert(number, ())? {
                continue;
            }
            self.left -= 1;
            let Self { graph, open, dead, .. } = self;
            let found = pages.read(number, |bytes| -> Result<Option<Parent>> {
                let record = NodeRef::new(layout, bytes)?;
                let header = record.header();
                let node = matches!(header.state, State::Live | State::Dead);
                // A node that has another parent by now is found below that parent.
                if !node || (header.graph, header.level, header.down) != (*graph, 0, parent) {
                    return Ok(None);
                }
                let before = open.len();
                open.room_for(layout.slots())?;
                open.extend(record.children().map(|child| (child, number)));
                let is_dead = header.state == State::Dead;
                let can = !is_dead || *dead || parent == NONE;
                let to = Seen { number, version: header.version, level: 0, graph: *graph, dead: is_dead };
                let room = open.len() - before < layout.slots();
                Ok((can && room).then_some(Parent { to, tree_edges: usize::MAX, instead: None }))
            })??;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }
}
