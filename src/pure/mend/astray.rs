//! Nodes that a search no longer comes to.
//!
//! Edges between clusters that lie apart are few, and most are those of nodes that came early. When these die, the mending
//! finds edges near the nodes that are left, which are of their own clusters: the anchors still lead to each of them, but by
//! ways that no search takes. Whoever is not found goes onto level 1, so that its cluster is entered there. If that does not
//! help, it gets an anchor from where the search for it ends.

use crate::block::{BlockRef, Layout, Root, State};
use crate::fault::Result;
use crate::insert::find::Reach;
use crate::insert::{Finder, Stored};
use crate::search::Pages;

/// Looks for nodes as searches do; keeps its memory.
#[derive(Debug)]
pub struct Astray {
    layout: Layout,
    vector: Stored,
    finder: Finder,
    /// What the last search has found instead, by distance, the nearest last.
    ends: Vec<(f32, u32)>,
}

/// Width of the searches that have to come to a node: less than the default of `hnsw.ef_search`.
const WIDTH: usize = 32;

impl Astray {
    /// For the blocks of a layout.
    pub fn new(layout: Layout) -> Self {
        Self { vector: Stored::default(), finder: Finder::new(layout), ends: vec![], layout }
    }

    /// Whether a node on level 0 cannot be found by its vector. False if the block is no living one.
    ///
    /// # Errors
    /// Corrupted blocks, and whatever comes from the pages.
    pub fn is(&mut self, pages: &mut impl Pages, root: Root, number: u32) -> Result<bool> {
        let Self { layout, vector, finder, ends } = self;
        ends.clear();
        let there = pages.read(number, |bytes| -> Result<bool> {
            let block = BlockRef::new(layout, bytes)?;
            let header = block.header();
            vector.copy(layout, header, &block.own());
            Ok(header.state == State::Live && header.level == 0 && header.graph == root.graph)
        })??;
        if !there {
            return Ok(false);
        }
        finder.start(vector, root.graph);
        finder.descend(pages, vector, root, 0)?;
        finder.level(pages, vector, 0, Reach { pool: WIDTH, least: 0, most: usize::MAX })?;
        if finder.near.seen.iter().any(|seen| seen.number == number) {
            return Ok(false);
        }
        let mut found = vec![];
        finder.candidates(vector, &mut found);
        ends.extend(found.iter().rev().map(|c| (c.distance, finder.near.seen[c.node as usize].number)));
        Ok(true)
    }

    /// The vector that the last search was for.
    pub fn vector(&self) -> &Stored {
        &self.vector
    }

    /// Where the last search has ended: distances and nodes, the nearest last.
    pub fn ends(&self) -> &[(f32, u32)] {
        &self.ends
    }
}
