//! The nodes that can become the parent of a new node, the best first.

use super::link::{FEW, Parent, same};
use super::near::Seen;
use super::parent_deeper::Below;
use super::parent_walk::Tree;
use crate::fault::Result;
use crate::hnsw::node::Layout;
use crate::hnsw::search::Pages;

/// Nodes that the search has found, if they have few tree edges; then nodes with few tree edges deeper in the tree; then the
/// nodes found in any case; and then any node with room.
#[derive(Debug)]
pub struct Parents {
    found: Vec<Seen>,
    few: usize,
    below: Below,
    any: usize,
    tree: Tree,
}

/// Whether a node is still the one seen and has few tree edges.
fn takes(layout: &Layout, bytes: &[u8], to: &Seen) -> Result<bool> {
    Ok(same(layout, bytes, to)?.is_some_and(|record| record.children().count() <= FEW))
}

impl Parents {
    pub(super) fn new(found: Vec<Seen>, below: Below, tree: Tree) -> Self {
        Self { found, few: 0, below, any: 0, tree }
    }

    /// The next node, for the case that the last one has refused; none if there are no more.
    ///
    /// # Errors
    /// Corrupted node records, and those of the pages.
    pub fn next(&mut self, pages: &mut impl Pages, layout: &Layout) -> Result<Option<Parent>> {
        while let Some(to) = self.found.get(self.few).copied() {
            self.few += 1;
            // Most often the first takes the child. After that, no record is locked in vain.
            if self.few == 1 || pages.read(to.number, |bytes| takes(layout, bytes, &to))?? {
                return Ok(Some(Parent { to, tree_edges: FEW, instead: None }));
            }
        }
        if let Some(parent) = self.below.next(pages, layout)? {
            return Ok(Some(parent));
        }
        if let Some(to) = self.found.get(self.any) {
            self.any += 1;
            return Ok(Some(Parent { to: *to, tree_edges: usize::MAX, instead: None }));
        }
        self.tree.next(pages, layout)
    }
}
