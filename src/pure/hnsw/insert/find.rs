//! The search of an insertion, which keeps the nodes that it has found.
//!
//! As [`search`](crate::hnsw::search), but it starts from a stored vector, and keeps the vectors of living nodes, on several
//! levels if need be.

use super::decoded::Stored;
use super::near::{Near, Seen};
use crate::fault::Result;
use crate::hnsw::edges::Candidate;
use crate::hnsw::node::{EntryPoint, Layout, NONE, NodeRef, State, corrupted};
use crate::hnsw::search::Pages;
use crate::hnsw::search::expand::Expanded;
use crate::hnsw::search::graphs::Graphs;
use crate::hnsw::search::pool;
use crate::hnsw::search::pool::Pool;
use crate::hnsw::search::query::Target;
use crate::hnsw::search::visited::Visited;
use crate::memory::allocation::{Reserve, push};

/// How far a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Places of the pool.
    pub(crate) pool: usize,
    /// Minimum number of living nodes; if the pool gives fewer, the search goes on.
    pub(crate) min: usize,
    /// Maximum number of node records to read.
    pub(crate) max: usize,
}

/// Searches, and the memory for the next one.
#[derive(Debug)]
pub(crate) struct Finder {
    layout: Layout,
    target: Target,
    expanded: Expanded,
    visited: Visited,
    pool: Pool,
    spare: Vec<pool::Candidate>,
    graph: u32,
    /// The living nodes of the level.
    pub(crate) near: Near,
    /// The dead nodes of the level.
    pub(crate) dead: Vec<Seen>,
    /// Where to go on one level lower: the records there of the nearest nodes.
    down: Vec<pool::Candidate>,
    /// A living node with the same vector.
    pub(crate) same: Option<Seen>,
    /// Node records read.
    pub(crate) reads: u64,
}

impl Finder {
    pub(crate) fn new(layout: Layout) -> Self {
        Self {
            target: Target::new(&layout),
            expanded: Expanded::new(&layout),
            near: Near::new(&layout),
            layout,
            visited: Visited::new(),
            pool: Pool::default(),
            spare: vec![],
            graph: 0,
            dead: vec![],
            down: vec![],
            same: None,
            reads: 0,
        }
    }

    /// Takes another vector and graph.
    pub(crate) fn start(&mut self, vector: &Stored, graph: u32) {
        self.target.set_stored(vector.decoded());
        self.visited.clear();
        self.clear();
        (self.graph, self.same, self.reads) = (graph, None, 0);
        self.down.clear();
    }

    fn clear(&mut self) {
        self.near.clear();
        self.dead.clear();
        self.spare.clear();
    }

    /// Goes down from the entry point to `level`, where the search is to start.
    pub(crate) fn descend(
        &mut self,
        pages: &mut impl Pages,
        vector: &Stored,
        root: EntryPoint,
        level: u8,
    ) -> Result<()> {
        self.down.clear();
        self.down.push(pool::Candidate { distance: f32::INFINITY, number: root.entry });
        for level in (level + 1..=root.level).rev() {
            let pool = if self.layout.uncoded().is_some() { 1 } else { 4 };
            self.level(pages, vector, level, Reach { pool, min: 0, max: usize::MAX })?;
        }
        Ok(())
    }

    /// Searches a level, from where the search of the level above has ended.
    pub(crate) fn level(
        &mut self,
        pages: &mut impl Pages,
        vector: &Stored,
        level: u8,
        reach: Reach,
    ) -> Result<()> {
        self.clear();
        self.pool.start(reach.pool.max(1));
        for candidate in std::mem::take(&mut self.down) {
            self.target.meet(candidate.number, candidate.distance)?;
            self.offer(pages, candidate)?;
        }
        self.walk(pages, vector, level, reach)
    }

    /// Searches level 0 from the tree's root, when no node was found near the vector.
    pub(crate) fn from(
        &mut self,
        pages: &mut impl Pages,
        vector: &Stored,
        origin: u32,
        reach: Reach,
    ) -> Result<()> {
        self.pool.start(reach.pool.max(1));
        self.offer(pages, pool::Candidate { distance: f32::INFINITY, number: origin })?;
        self.walk(pages, vector, 0, reach)
    }

    /// Searches a level from the node record that holds the vector, given the numbers and distances in its edge slots.
    pub(crate) fn around(
        &mut self,
        pages: &mut impl Pages,
        vector: &Stored,
        number: u32,
        slots: &[pool::Candidate],
        level: u8,
        reach: Reach,
    ) -> Result<()> {
        self.skip(number)?;
        self.pool.start(reach.pool.max(1));
        for slot in slots {
            self.target.meet(slot.number, slot.distance)?;
            self.offer(pages, *slot)?;
        }
        self.walk(pages, vector, level, reach)
    }

    /// Leaves a node record out of the search.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(crate) fn skip(&mut self, number: u32) -> Result<()> {
        self.visited.insert(number, ())?;
        self.target.meet(number, f32::INFINITY)
    }

    /// The vector as node records are compared with it.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Puts a candidate into the pool.
    pub(crate) fn offer(&mut self, pages: &impl Pages, candidate: pool::Candidate) -> Result<()> {
        let Self { visited, pool, spare, .. } = self;
        offer(pages, visited, pool, spare, candidate)
    }

    /// Reads node records of a level until the pool has no more.
    pub(crate) fn walk(
        &mut self,
        pages: &mut impl Pages,
        vector: &Stored,
        level: u8,
        reach: Reach,
    ) -> Result<()> {
        let end = self.reads.saturating_add(reach.max as u64);
        loop {
            while let Some(number) = self.pool.take() {
                if self.reads >= end {
                    return Ok(());
                }
                if self.visited.insert(number, ())? {
                    self.read(pages, vector, number, level)?;
                }
            }
            if self.near.seen.len() >= reach.min || !self.refill(reach.pool.max(1)) {
                return Ok(());
            }
        }
    }

    fn refill(&mut self, max: usize) -> bool {
        let Self { spare, visited, pool, .. } = self;
        spare.retain(|c| !visited.contains(c.number));
        if spare.len() > max {
            spare.select_nth_unstable_by(max, |a, b| a.distance.total_cmp(&b.distance));
        }
        pool.start(max);
        let max = max.min(spare.len());
        for candidate in spare.drain(..max) {
            pool.offer(candidate);
        }
        max > 0
    }

    /// Reads a node record; the node and its neighbours are taken over.
    fn read(&mut self, pages: &mut impl Pages, vector: &Stored, number: u32, level: u8) -> Result<()> {
        let Self { layout, target, expanded, near, dead, graph, same, .. } = self;
        let node = pages.read(number, |bytes| -> Result<bool> {
            if !expanded.read(layout, target, &Graphs::of(*graph), Some(level), bytes)? {
                return Ok(false);
            }
            let header = expanded.header;
            let seen = Seen {
                number,
                version: header.version,
                level,
                graph: *graph,
                dead: header.state == State::Dead,
            };
            if seen.dead {
                push(dead, seen)?;
            } else {
                let stored = NodeRef::new(layout, bytes)?.stored();
                near.push(seen, &stored)?;
                if level == 0 && same.is_none() && vector.is(&header, &stored) {
                    *same = Some(seen);
                }
            }
            Ok(true)
        })??;
        self.reads += 1;
        if !node {
            return Ok(());
        }
        if level > 0 {
            let candidate =
                pool::Candidate { distance: self.expanded.distance, number: self.expanded.header.down };
            let place = self.down.partition_point(|other| other.distance <= candidate.distance);
            self.down.insert(place, candidate);
            self.down.truncate(DOWN);
        }
        let Self { layout, target, expanded, visited, pool, spare, .. } = self;
        expanded.measure(layout, target, pages)?;
        for (number, estimate) in expanded.slots() {
            // NaN comes from infinities.
            let distance = if estimate.is_nan() { f32::INFINITY } else { estimate };
            offer(pages, visited, pool, spare, pool::Candidate { distance, number })?;
        }
        Ok(())
    }

    /// The living nodes of the level, ascending.
    pub(crate) fn candidates(&self, vector: &Stored, out: &mut Vec<Candidate>) {
        self.near.candidates(vector.decoded(), out);
    }
}

/// Number of nodes of a level from which the search goes on one level lower.
const DOWN: usize = 3;

fn offer(
    pages: &impl Pages,
    visited: &Visited,
    pool: &mut Pool,
    spare: &mut Vec<pool::Candidate>,
    candidate: pool::Candidate,
) -> Result<()> {
    if candidate.number == NONE {
        return Ok(());
    }
    if !pages.has(candidate.number) {
        return Err(corrupted(format_args!("link to {} of {}", candidate.number, pages.records())));
    }
    if !visited.contains(candidate.number) {
        spare.room_for(1)?;
        spare.extend(pool.offer(candidate));
    }
    Ok(())
}
