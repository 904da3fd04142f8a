//! Who can become the parent of a new node, the best first.

use super::link::{FEW, Parent, same};
use super::near::Seen;
use super::parent_deeper::Below;
use super::parent_walk::Tree;
use crate::fault::Result;
use crate::hnsw::node::Layout;
use crate::hnsw::search::Pages;

/// Nodes that a search has found, if they have few anchors; then those of few anchors below them; then the found ones in
/// any case; and then whoever has room.
#[derive(Debug)]
pub struct Parents {
    found: Vec<Seen>,
    few: usize,
    below: Below,
    any: usize,
    tree: Tree,
}

/// Whether a node is what it was and has few anchors.
fn takes(layout: &Layout, bytes: &[u8], to: &Seen) -> Result<bool> {
    Ok(same(layout, bytes, to)?.is_some_and(|record| record.children().count() <= FEW))
}

impl Parents {
    pub(super) fn new(found: Vec<Seen>, below: Below, tree: Tree) -> Self {
        Self { found, few: 0, below, any: 0, tree }
    }

    /// The next one, as if the last had refused; none if there are no more.
    ///
    /// # Errors
    /// Corrupted blocks, and whatever comes from the pages.
    pub fn next(&mut self, pages: &mut impl Pages, layout: &Layout) -> Result<Option<Parent>> {
        while let Some(to) = self.found.get(self.few).copied() {
            self.few += 1;
            // Most often the first takes it. After that, none is locked in vain.
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
