//! Nodes that a search no longer comes to.
//!
//! Edges between clusters that lie apart are few, and most are those of nodes that came early. When these die, the mending
//! finds edges near the nodes that are left, which are of their own clusters: the anchors still lead to each of them, but by
//! ways that no search takes. Whoever is not found goes onto level 1, so that its cluster is entered there. If that does not
//! help, it gets an anchor from where the search for it ends.
//!
//! The search is as narrow as those of `hnsw.ef_search` 10. What a wider one comes to, users of the default may still miss.

use crate::fault::Result;
use crate::hnsw::insert::Stored;
use crate::hnsw::insert::link::inner_distances;
use crate::hnsw::node::{EntryPoint, Layout, NodeRef, State};
use crate::hnsw::search::query::Target;
use crate::hnsw::search::{Order, Pages, Reach, Search, Width};

/// Looks for nodes as searches do; keeps its memory.
#[derive(Debug)]
pub struct Unreachable {
    layout: Layout,
    vector: Stored,
    target: Target,
    estimates: Vec<f32>,
    /// The node's nearest neighbours, by what its lanes say.
    near: Vec<(f32, u32)>,
    search: Search,
    /// What the last search has found instead, by distance, the nearest last.
    ends: Vec<(f32, u32)>,
}

/// The `hnsw.ef_search` of a search that has to come to a node.
const EF: usize = 10;
/// So many of its neighbours are as good: then the search has come to the right place, and where vectors tell each other
/// badly apart nobody can ask for more.
const NEAR: usize = 8;

impl Unreachable {
    /// For the blocks of a layout.
    pub fn new(layout: Layout) -> Self {
        Self {
            vector: Stored::default(),
            target: Target::new(&layout),
            estimates: vec![],
            near: vec![],
            search: Search::new(layout),
            ends: vec![],
            layout,
        }
    }

    /// Whether a search for the vector of a node on level 0 comes neither to it nor to any of its nearest neighbours.
    /// False if the block is no living one.
    ///
    /// # Errors
    /// Corrupted blocks, and whatever comes from the pages.
    pub fn is(&mut self, pages: &mut impl Pages, root: EntryPoint, number: u32) -> Result<bool> {
        let Self { layout, vector, target, estimates, near, search, ends } = self;
        ends.clear();
        near.clear();
        let there = pages.read(number, |bytes| -> Result<Option<f32>> {
            let record = NodeRef::new(layout, bytes)?;
            let header = record.header();
            if header.state != State::Live || header.level > 0 || header.graph != root.graph {
                return Ok(None);
            }
            vector.copy(layout, header, &record.stored());
            target.set_stored(vector.decoded());
            inner_distances(&record, target, estimates)?;
            near.extend(record.neighbours().map(|(slot, other)| (estimates[slot], other)));
            Ok(Some(target.distance(&record.stored())))
        })??;
        let Some(own) = there else { return Ok(false) };
        near.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        near.truncate(NEAR);
        let width = Width::of(layout, EF, None);
        search.start_stored(vector.decoded(), root, Reach::Near(width), Order::Once)?;
        while let Some(hit) = search.next_node(pages)? {
            if hit.number == number || near.iter().any(|(_, other)| *other == hit.number) {
                return Ok(false);
            }
            ends.push((hit.distance, hit.number));
        }
        ends.reverse();
        // Under the inner product others may be nearer to it than it is itself, and than whoever it knows: then the search
        // is right, and there is nothing to learn from it.
        let nearest = near.first().map_or(own, |near| near.0.min(own));
        Ok(ends.last().is_none_or(|end| nearest < end.0))
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
