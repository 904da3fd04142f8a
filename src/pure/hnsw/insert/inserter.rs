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
    /// The neighbour.
    pub to: Seen,
    /// Whether the neighbour is to get an edge back: not if the edge only fills a slot, unless lists are [full](Lists::Full).
    pub back: bool,
    /// The neighbour's distance, as the index has distances.
    pub distance: f32,
}

/// The result of the search before an insertion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A place for a new node.
    Place,
    /// A living node with the same stored vector: the row belongs into its TID list.
    Same(Seen),
}

/// The edges of the new node on one level.
#[derive(Debug)]
struct Plan {
    near: Near,
    choice: Choice,
    edges: Vec<Edge>,
}

/// Inserts rows; keeps its memory from one row to the next. For the order of calls see the module's head.
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
    /// The nodes found, as parents: the neighbours first.
    parents: Vec<Seen>,
    /// The nearest of the nodes found, by the distance that [`Below`] goes by.
    below: Option<Seen>,
    /// Whether the last search has entered level 0 far from the new node.
    far: bool,
}

/// The number of neighbours on level 0 whose distance says whether a new node is far from level 1.
const COVER: usize = 32;
/// A new node is far if level 1 is more than so many times as far as those neighbours, in squared distances.
const FAR: f32 = 4.0;

impl Inserter {
    /// For the node records of a layout, by the parameters of the build: those of
    /// [`Params::for_options`](crate::hnsw::params::Params::for_options).
    pub fn new(layout: Layout, params: &Params) -> Self {
        Self {
            params: params.with_max_slots(layout.slots()),
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

    /// Takes the vector of a living node on level 0, to put the node on more levels; false if the record is no such node of
    /// `graph`.
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

    /// Takes another vector, for [`find`](Self::find) and all calls after it.
    ///
    /// # Errors
    /// As [`Stored::of`].
    pub fn start(&mut self, rotation: &Rotation, vector: &[f32]) -> Result<()> {
        self.vector = Stored::of(&self.layout, rotation, vector)?;
        self.clear();
        Ok(())
    }

    /// As [`start`](Self::start), with the vector of a node that is there, to put the node on more levels.
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

    /// Whether the last search, for level 0 alone, has entered it much farther from the new node than the node's neighbours
    /// are. Then the node belongs on level 1, whatever [`level_for`](crate::hnsw::level::level_for) says: a cluster that came as a whole and has no node
    /// there would be found less and less as nodes that come after it take the edge slots that led to it.
    pub fn is_far(&self) -> bool {
        self.far
    }

    /// Node records that the last search has read.
    pub fn reads(&self) -> u64 {
        self.finder.reads
    }

    /// Searches the graph with entry point `root`, none if the graph has no nodes, and chooses edges on the levels from 0 to
    /// `level`; above the entry point's level there are no edges. Can be called again for the same vector, when too many of
    /// the nodes found are gone.
    ///
    /// # Errors
    /// Corrupted node records, and those of the pages.
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
            // Of the dead nodes, only the tree's root stays in any case.
            let dead = finder.dead.iter().copied().filter(|seen| seen.number == origin);
            parents.extend(near.chain(dead));
        }
    }

    /// The edges of the new node on a level: first the edges that pruning keeps, in ascending order.
    pub fn edges(&self, level: u8) -> &[Edge] {
        self.plans.get(usize::from(level)).map_or(&[], |plan| &plan.edges)
    }

    /// The nodes that can become the new node's parent, in the graph with that entry point. If none of the nodes found can,
    /// a walk along the tree reads at most `max` node records; with `dead`, it gives dead nodes, too, which is only allowed
    /// when no vacuum is at work that may free them.
    pub fn parents(&self, root: &EntryPoint, dead: bool, max: u64) -> Parents {
        let below = Below::new(&self.layout, &self.vector, self.below);
        Parents::new(self.parents.clone(), below, Tree::new(root, dead, max))
    }

    /// Makes the bytes of a record those of the new node on the level of `header`, which [`header`](Self::header) makes.
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

    /// The header of the new node's record on a level, for [`write`](Self::write): `down` is the node's record one level
    /// lower, or the parent.
    pub fn header(&self, graph: u32, level: u8, version: u16, tid: Tid, down: u32) -> Header {
        self.vector.header(graph, level, version, tid, down)
    }

    /// The change that makes the node of a record the parent of the new node, whose record on level 0 is `number`.
    /// [`Verdict::Stay`]: the node cannot be the parent.
    ///
    /// # Errors
    /// Corrupted bytes.
    pub fn attach(&mut self, bytes: &[u8], parent: &Parent, number: u32) -> Result<Verdict> {
        self.decide(bytes, &parent.to, number, Some(parent.tree_edges))
    }

    /// The change that gives a neighbour's record an edge back to the new node, whose record on the same level is `number`.
    /// For edges that are to get an edge [back](Edge::back), but not the edge to the parent.
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

    /// Writes a change into the bytes for which it was decided, which must not have changed since.
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

/// How far to look for the edges of a node on a level. On level 0 about 1.2 node records are read for each candidate
/// that the build takes. A pool of 1.6 instead of twice as many places loses 0.009 of recall 0.92, a pool of 2.4
/// brings nothing. Without codes, a place is a node with its distance.
pub(crate) fn reach(layout: &Layout, params: &Params, level: u8) -> Reach {
    let places = params.ef_construction;
    let wide = if layout.uncoded().is_some() { places } else { 2 * places };
    match level {
        0 => Reach { pool: wide, min: places * 3 / 4, max: 16 * places },
        _ => Reach { pool: places, min: 1, max: 16 * places },
    }
}
