//! Nodes that a search no longer comes to.
//!
//! Edges between clusters that lie apart are few, and most belong to nodes that came early. When these nodes die, the repair
//! finds edges near the nodes that are left, within their own clusters: tree edges still lead to each of them, but by
//! ways that no search takes. An unreachable node goes onto level 1, so that searches enter its cluster there. If that does
//! not help, the node gets a tree edge from where the search for it ends.
//!
//! The search is as narrow as with `hnsw.ef_search` 10. Users of the default may miss nodes that only a wider one comes to.

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
    /// The node's nearest neighbours, by the distances that its edges tell.
    near: Vec<(f32, u32)>,
    search: Search,
    /// The nodes that the last search has found instead, by distance, the nearest last.
    ends: Vec<(f32, u32)>,
}

/// The `hnsw.ef_search` of a search that has to come to a node.
const EF: usize = 10;
/// Number of neighbours that are as good to find as the node: then the search has come to the right place, and where vectors
/// hardly differ no search does better.
const NEAR: usize = 8;

impl Unreachable {
    /// For the node records of a layout.
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
    /// False if the record is no living node's.
    ///
    /// # Errors
    /// Corrupted node records, and those of the pages.
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
        let Some(to_itself) = there else { return Ok(false) };
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
        // Under the inner product, other nodes may be nearer to the node than it is to itself and than its neighbours: then
        // the search is right, and tells nothing about the graph.
        let nearest = near.first().map_or(to_itself, |near| near.0.min(to_itself));
        Ok(ends.last().is_none_or(|end| nearest < end.0))
    }

    /// The vector that the last search was for.
    pub fn vector(&self) -> &Stored {
        &self.vector
    }

    /// The nodes where the last search has ended, with distances, the nearest last.
    pub fn ends(&self) -> &[(f32, u32)] {
        &self.ends
    }
}
