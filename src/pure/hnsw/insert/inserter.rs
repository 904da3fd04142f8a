//! One new row, from the search to the last back-link.

use super::choose_edges::Choice;
use super::decoded::Stored;
use super::find::{Finder, Reach};
use super::link::{Change, Linker, Parent, Verdict, same};
use super::near::{Near, Seen};
use super::parent_deeper::Below;
use super::parent_walk::Tree;
use super::parents::Parents;
use crate::distance::metric::Metric;
use crate::fault::Result;
use crate::hnsw::edges::Candidate;
use crate::hnsw::node::{EntryPoint, Header, Layout, NodeMut, NodeRef, State, Tid};
use crate::hnsw::params::{Lists, Params};
use crate::hnsw::rotation::Rotation;
use crate::hnsw::search::Pages;

/// An edge of the new node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// Where it leads to.
    pub to: Seen,
    /// Whether it is to get an edge back: not if it fills a lane, unless lists are [full](Lists::Full).
    pub back: bool,
    /// How far that is, as the index has distances.
    pub distance: f32,
}

/// What a search before an insertion has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A place for a new node.
    Place,
    /// A living node with the very same stored vector: the row belongs into its chain.
    Same(Seen),
}

/// The edges of the new node on one level.
#[derive(Debug)]
struct Plan {
    near: Near,
    choice: Choice,
    edges: Vec<Edge>,
}

/// What insertions need; keeps its memory from one to the next. For the order of calls see the module's head.
#[derive(Debug)]
pub struct Inserter {
    layout: Layout,
    params: Params,
    vector: Stored,
    finder: Finder,
    linker: Linker,
    candidates: Vec<Candidate>,
    /// By level.
    plans: Vec<Plan>,
    /// Who was found, as parents: the neighbours first.
    parents: Vec<Seen>,
    /// Of those that were found, the nearest by what [`Below`] goes by.
    below: Option<Seen>,
    /// Whether the last search has entered level 0 far away.
    far: bool,
}

/// A new node is far from level 1 if nobody there is near by the side of that many of its neighbours on level 0.
const COVER: usize = 32;
/// So many times as far, as squared distances go.
const FAR: f32 = 4.0;

impl Inserter {
    /// For the blocks of a layout, by the parameters of the build: those of
    /// [`Params::for_options`](crate::hnsw::params::Params::for_options).
    pub fn new(layout: Layout, params: &Params) -> Self {
        Self {
            params: Params {
                slots: params.slots.min(layout.slots()),
                m: params.m.min(layout.slots()),
                ..*params
            },
            vector: Stored::default(),
            finder: Finder::new(layout),
            linker: Linker::new(layout, params.lists),
            candidates: vec![],
            plans: vec![],
            parents: vec![],
            below: None,
            far: false,
            layout,
        }
    }

    /// Takes the vector of a living node on level 0, for more levels of it; false if the block is none of that graph.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn start_again(&mut self, bytes: &[u8], graph: u32) -> Result<bool> {
        let record = NodeRef::new(&self.layout, bytes)?;
        let header = record.header();
        let there = (header.state, header.level, header.graph) == (State::Live, 0, graph);
        if there {
            self.vector.copy(&self.layout, header, &record.stored());
            self.clear();
        }
        Ok(there)
    }

    /// Takes another vector. It is that of [`find`](Self::find), and of all that comes after, until the next.
    ///
    /// # Errors
    /// As [`Stored::of`].
    pub fn start(&mut self, rotation: &Rotation, vector: &[f32]) -> Result<()> {
        self.vector = Stored::of(&self.layout, rotation, vector)?;
        self.clear();
        Ok(())
    }

    /// As [`start`](Self::start), with the vector of a node that is there, for more levels of it.
    pub fn start_stored(&mut self, vector: &Stored) {
        self.vector.clone_from(vector);
        self.clear();
    }

    fn clear(&mut self) {
        self.plans.iter_mut().for_each(Plan::clear);
        self.parents.clear();
        self.below = None;
    }

    /// The vector as it will be stored.
    pub fn vector(&self) -> &Stored {
        &self.vector
    }

    /// Whether the last search, for level 0 alone, has entered it much farther from the new node than its neighbours are.
    /// Then the node belongs on level 1, whatever [`level_for`] says: a cluster that came as a whole and has nobody there
    /// would be found less and less as those that came after it take the lanes that led to it.
    pub fn is_far(&self) -> bool {
        self.far
    }

    /// Blocks that the last search has read.
    pub fn reads(&self) -> u64 {
        self.finder.reads
    }

    /// Searches the graph with that root, which is none if it has no nodes, and chooses edges on the levels from 0 to
    /// `level`; above the root's there are none. Can be called again for the same vector, when too much was gone.
    ///
    /// # Errors
    /// Corrupted blocks, and whatever comes from the pages.
    pub fn find(&mut self, pages: &mut impl Pages, root: Option<EntryPoint>, level: u8) -> Result<Found> {
        self.clear();
        let Some(root) = root else { return Ok(Found::Place) };
        let Self { finder, vector, .. } = self;
        finder.start(vector, root.graph);
        let top = level.min(root.level);
        finder.descend(pages, vector, root, top)?;
        let mut entered = finder.near.reach(vector.decoded(), 1).filter(|_| top == 0 && root.level > 0);
        self.far = false;
        for level in (0..=top).rev() {
            let Self { layout, finder, vector, params, .. } = self;
            let reach = reach(layout, params, level);
            finder.level(pages, vector, level, reach)?;
            if level == 0 && finder.near.seen.is_empty() {
                finder.from(pages, vector, root.origin, reach)?;
            }
            if level == 0
                && let Some(same) = finder.same
            {
                return Ok(Found::Same(same));
            }
            self.plan(level, root.origin);
        }
        let base = self.plans.first().map(|plan| &plan.near);
        if root.level == 0 {
            entered = base.and_then(|near| near.far(self.vector.decoded(), root.entry));
        }
        if let (Some(entered), Some(near)) = (entered, base) {
            let around = match self.layout.metric() {
                Metric::InnerProduct => near.reach(self.vector.decoded(), COVER),
                _ => self.candidates.get(COVER - 1).map(|c| c.distance),
            };
            self.far = around.is_some_and(|around| entered > FAR * around);
        }
        Ok(Found::Place)
    }

    /// Chooses the edges on a level among what the search has found there.
    fn plan(&mut self, level: u8, origin: u32) {
        let at = usize::from(level);
        while self.plans.len() <= at {
            self.plans.push(Plan::new(&self.layout));
        }
        let Self { finder, vector, params, candidates, plans, parents, below, .. } = self;
        finder.candidates(vector, candidates);
        let plan = &mut plans[at];
        std::mem::swap(&mut plan.near, &mut finder.near);
        plan.choice.choose(&plan.near, candidates, level, params);
        let Plan { near, choice, edges } = plan;
        let edge = |(i, c): (usize, &Candidate)| Edge {
            to: near.seen[c.node as usize],
            back: i < choice.kept || params.lists == Lists::Full,
            distance: c.distance,
        };
        edges.extend(choice.edges.iter().enumerate().map(edge));
        if level == 0 {
            let kept = &choice.edges[..choice.kept];
            let rest = candidates.iter().filter(|c| !kept.contains(c));
            *below = near.nearest(vector.decoded(), candidates).map(|node| near.seen[node as usize]);
            let near = kept.iter().chain(rest).map(|c| near.seen[c.node as usize]);
            // Of the dead, only the origin stays in any case.
            let dead = finder.dead.iter().copied().filter(|seen| seen.number == origin);
            parents.extend(near.chain(dead));
        }
    }

    /// The edges of the new node on a level, those to be kept first, in ascending order.
    pub fn edges(&self, level: u8) -> &[Edge] {
        self.plans.get(usize::from(level)).map_or(&[], |plan| &plan.edges)
    }

    /// Who can become its parent in the graph with that root. For `dead` and `most` see [`Tree::new`].
    pub fn parents(&self, root: &EntryPoint, dead: bool, max: u64) -> Parents {
        let below = Below::new(&self.layout, &self.vector, self.below);
        Parents::new(self.parents.clone(), below, Tree::new(root, dead, max))
    }

    /// Makes the bytes of a block that of the new node on a level. Of the header that [`Stored::header`] makes, the
    /// caller knows best.
    ///
    /// # Errors
    /// Too few bytes.
    pub fn write(&mut self, header: &Header, bytes: &mut [u8]) -> Result<()> {
        let Self { layout, vector, plans, linker, .. } = self;
        let mut record = NodeMut::new(layout, bytes)?;
        record.format(header, vector.bytes());
        let Some(Plan { near, choice, edges }) = plans.get(usize::from(header.level)) else { return Ok(()) };
        for (slot, (c, edge)) in choice.edges.iter().zip(edges).enumerate() {
            let other = near.vector(c.node);
            record.encode_edge(slot, edge.to.number, &mut linker.coder, vector.decoded(), other);
        }
        record.set_counts(choice.kept.min(edges.len()), edges.len());
        Ok(())
    }

    /// The header of the new node's block on a level, for [`write`](Self::write): `down` is the block one level
    /// lower, or the parent.
    pub fn header(&self, graph: u32, level: u8, version: u16, tid: Tid, down: u32) -> Header {
        self.vector.header(graph, level, version, tid, down)
    }

    /// What a block's bytes must become so that it is the parent of the new node, whose block on level 0 is `number`.
    /// [`Verdict::Stay`]: it cannot be.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn adopt(&mut self, bytes: &[u8], parent: &Parent, number: u32) -> Result<Verdict> {
        self.decide(bytes, &parent.to, number, Some(parent.tree_edges))
    }

    /// What a neighbour's bytes must become so that it has an edge back to the new node, whose block on the same
    /// level is `number`. For edges that are to get one [back](Edge::back), but not that to the parent.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn link(&mut self, bytes: &[u8], edge: &Edge, number: u32) -> Result<Verdict> {
        self.decide(bytes, &edge.to, number, None)
    }

    fn decide(
        &mut self,
        bytes: &[u8],
        seen: &Seen,
        number: u32,
        tree_edges: Option<usize>,
    ) -> Result<Verdict> {
        let Self { layout, linker, finder, params, plans, .. } = self;
        let Some(record) = same(layout, bytes, seen)? else { return Ok(Verdict::Gone) };
        if seen.level > 0
            && let Some(plan) = plans.get(usize::from(seen.level))
        {
            return linker.decide_above(&record, finder.target(), number, params.m, &plan.near, &|_| false);
        }
        linker.decide(&record, finder.target(), number, layout.slots(), tree_edges, &|_| false)
    }

    /// Writes a change into the bytes it was made for, which must not have changed since.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn apply(&mut self, change: &Change, bytes: &mut [u8]) -> Result<()> {
        self.linker.apply(change, &self.vector, bytes)
    }
}

impl Plan {
    fn new(layout: &Layout) -> Self {
        let near = Near::new(layout);
        Self { near, choice: Choice::default(), edges: vec![] }
    }

    fn clear(&mut self) {
        self.near.clear();
        self.choice.clear();
        self.edges.clear();
    }
}

/// How far to look for the edges of a node on a level. On level 0 that is about 1.2 blocks read for each candidate
/// that the build takes. A pool of 1.6 instead of twice as many places loses 0.009 of recall 0.92, one of 2.4
/// brings nothing. Without codes, a place is a node, and has its distance.
pub(crate) fn reach(layout: &Layout, params: &Params, level: u8) -> Reach {
    let places = params.ef_construction;
    let wide = if layout.uncoded().is_some() { places } else { 2 * places };
    match level {
        0 => Reach { pool: wide, min: places * 3 / 4, max: 16 * places },
        _ => Reach { pool: places, min: 1, max: 16 * places },
    }
}

/// The highest level of a new node, for a number drawn from (0, 1]: one of `step` nodes is on the next one, too.
pub fn level_for(uniform: f64, step: usize) -> u8 {
    (-uniform.max(f64::MIN_POSITIVE).ln() / (step.max(2) as f64).ln()).min(15.0) as u8
}
