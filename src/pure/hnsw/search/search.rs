//! A search from its start to its last row.

use super::bounds::Bounds;
use super::certainty::{Returned, mark};
use super::deferred::Deferred;
use super::expand::Expanded;
use super::found::Found;
use super::frontier::Frontier;
use super::graphs::Graphs;
use super::hit::Hit;
use super::limit::{Effort, Limit, Order};
use super::node_reader::Pages;
use super::pool::{Candidate, Pool};
use super::query::Target;
use super::start::Start;
use super::visited::Visited;
use super::width::{Reach, Width};
use crate::fault::Result;
use crate::hnsw::node::{EntryPoint, Layout, NONE, State, Tid, corrupted};
use crate::hnsw::rotation::Rotation;
use crate::memory::allocation::{Reserve, push};

/// A search, and the memory for the next one.
#[derive(Debug)]
pub struct Search {
    pub(super) layout: Layout,
    pub(super) target: Target,
    pub(super) width: Width,
    pub(super) order: Order,
    /// Where to start, until it has.
    pub(super) starts: Vec<Start>,
    pub(super) graphs: Graphs,
    /// All nodes of all graphs are looked at.
    pub(super) all: bool,
    /// The roots of the graphs' trees, until the walk has started again from there.
    pub(super) origins: Vec<u32>,
    pub(super) expanded: Expanded,
    pub(super) visited: Visited,
    pool: Pool,
    pub(super) frontier: Frontier,
    /// Nodes of the batch, ascending once it is complete.
    pub(super) batch: Vec<Found>,
    /// Nodes of the batch that were returned, or left out.
    pub(super) given: usize,
    /// Nodes that were read and wait for the next batch.
    pub(super) deferred: Deferred,
    /// TIDs of `batch[given - 1]` that are still to be returned, the last first.
    pub(super) tids: Vec<Tid>,
    /// The rows returned so far, if the order is strict.
    pub(super) returned: Returned,
    pub(super) limit: Limit,
    /// Node records of level 0 that may be read in vain until the first batch is complete.
    pub(super) patience: u64,
    /// Node records of level 0 that were read in vain: of nodes without rows, and the records read for their neighbours.
    vain: u64,
    /// Bytes that the caller keeps for this search.
    beside: usize,
    /// What this search has cost so far.
    pub effort: Effort,
}

impl Search {
    /// For node records of a layout.
    pub fn new(layout: Layout) -> Self {
        Self {
            target: Target::new(&layout),
            expanded: Expanded::new(&layout),
            layout,
            width: Width::of(&layout, 40, None),
            order: Order::Once,
            starts: vec![],
            graphs: Graphs::default(),
            all: false,
            origins: vec![],
            visited: Visited::new(),
            pool: Pool::default(),
            frontier: Frontier::default(),
            batch: vec![],
            given: 0,
            deferred: Deferred::new(),
            tids: vec![],
            returned: Returned::NONE,
            limit: Limit::default(),
            patience: 0,
            vain: 0,
            beside: 0,
            effort: Effort::default(),
        }
    }

    /// Starts another search, of the graph with entry point `root`; none if the graph has no nodes.
    ///
    /// # Errors
    /// A vector of other dimensions.
    pub fn start(
        &mut self,
        rotation: &Rotation,
        vector: &[f32],
        root: Option<EntryPoint>,
        reach: Reach,
        order: Order,
    ) -> Result<()> {
        let start = root.map(|root| Start { root, all: reach == Reach::All });
        self.start_several(rotation, vector, start.as_slice(), reach, order)
    }

    /// As [`start`](Self::start), of several graphs at once: rows come as if all were one graph. `reach` applies to graphs
    /// that are not looked at as a whole.
    ///
    /// # Errors
    /// A vector of other dimensions; `53200`.
    pub fn start_several(
        &mut self,
        rotation: &Rotation,
        vector: &[f32],
        starts: &[Start],
        reach: Reach,
        order: Order,
    ) -> Result<()> {
        self.target.set(rotation, vector)?;
        self.restart(starts, reach, order)
    }

    /// As [`start`](Self::start), with a stored vector, decoded.
    pub(crate) fn start_stored(
        &mut self,
        rotated: &[f32],
        root: EntryPoint,
        reach: Reach,
        order: Order,
    ) -> Result<()> {
        self.target.set_stored(rotated);
        self.restart(&[Start { root, all: reach == Reach::All }], reach, order)
    }

    fn restart(&mut self, starts: &[Start], reach: Reach, order: Order) -> Result<()> {
        (self.order, self.all) = (order, starts.iter().all(|start| start.all));
        self.expanded.blind = false;
        if let Reach::Near(width) = reach {
            self.width = width;
        }
        self.starts.clear();
        self.starts.room_for(starts.len())?;
        self.starts.extend_from_slice(starts);
        self.graphs.set(starts.iter().map(|start| start.root.graph))?;
        self.origins.clear();
        self.origins.room_for(starts.len())?;
        self.visited.clear();
        self.pool.start(0);
        self.frontier.start(self.width.nodes);
        self.batch.clear();
        self.deferred.clear();
        self.tids.clear();
        (self.given, self.returned, self.effort) = (0, Returned::NONE, Effort::default());
        (self.limit, self.beside, self.vain) = (Limit::default(), 0, 0);
        Ok(())
    }

    /// Limits the search that was started last.
    pub fn limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    /// Counts bytes that the caller keeps for rows of this search towards its limit.
    pub fn keeps_beside(&mut self, bytes: usize) {
        self.beside = bytes;
    }

    fn is_over(&self) -> bool {
        let (effort, limit) = (&self.effort, &self.limit);
        effort.hops >= limit.hops
            || effort.nodes.max(self.vain) >= limit.nodes
            || self.memory() + self.beside > limit.bytes
    }

    /// A distance as SQL shows it: for L2, the root of the index's; for the cosine, half of it; else the index's itself.
    pub fn shown(&self, distance: f32) -> f64 {
        self.target.shown(distance)
    }

    /// Puts the batch in order and marks the rows that are certain to be in it. With a limit, nodes beyond it are deferred,
    /// but for the first `min`, and deferred nodes within it join the batch; with none, all deferred nodes do.
    pub(super) fn sort(&mut self, within: Option<f32>, min: usize) -> Result<()> {
        let Self { batch, deferred, returned, target, order, .. } = self;
        match within {
            Some(limit) => {
                batch.sort_unstable_by(Found::order);
                deferred.exchange(batch, limit, min, returned.told(), |distance| target.shown(distance))?;
            }
            None => {
                batch.room_for(deferred.len())?;
                batch.extend(deferred.all());
            }
        }
        batch.sort_unstable_by(Found::order);
        let shown = |distance| target.shown(distance);
        if *order == Order::Strict {
            returned.mark(batch, deferred, shown);
        } else {
            mark(batch, f64::NEG_INFINITY, deferred.floor(shown));
        }
        Ok(())
    }

    /// Bytes that grow while a search goes on.
    pub fn memory(&self) -> usize {
        self.visited.bytes()
            + self.target.bytes()
            + self.frontier.bytes()
            + self.deferred.bytes()
            + self.batch.capacity() * size_of::<Found>()
            + self.starts.capacity() * size_of::<Start>()
            + self.origins.capacity() * size_of::<u32>()
            + self.graphs.bytes()
    }

    /// The next row; none if there are no more, or [`Order::Once`] and the first batch is used up.
    ///
    /// # Errors
    /// Corrupted node records, and those of the pages. The search is over then.
    pub fn next(&mut self, pages: &mut impl Pages) -> Result<Option<Hit>> {
        self.hit(pages, true)
    }

    /// As [`next`](Self::next), but each node once, however many rows it has; the hit's TID means nothing.
    pub(crate) fn next_node(&mut self, pages: &mut impl Pages) -> Result<Option<Hit>> {
        self.hit(pages, false)
    }

    fn hit(&mut self, pages: &mut impl Pages, all_rows: bool) -> Result<Option<Hit>> {
        loop {
            if let Some(tid) = self.tids.pop() {
                let Found { distance, number, version, certain, floor, bounds, .. } =
                    self.batch[self.given - 1];
                return Ok(Some(Hit { tid, distance, number, version, certain, floor, bounds }));
            }
            if let Some(found) = self.batch.get(self.given).copied() {
                self.given += 1;
                if self.order == Order::Strict && !self.returned.admit(&found) {
                    continue;
                }
                if all_rows {
                    self.read_tids(pages, found)?;
                } else {
                    push(&mut self.tids, found.tid)?;
                }
                continue;
            }
            let is_first = !self.starts.is_empty();
            if !is_first && self.order == Order::Once {
                return Ok(None);
            }
            self.batch.clear();
            self.given = 0;
            let min = if is_first { self.width.min } else { 0 };
            if is_first {
                self.first(pages)?;
            } else {
                if !self.is_over() {
                    let Self { frontier, visited, .. } = self;
                    frontier.next(|number| !visited.contains(number))?;
                    self.walk(pages, true)?;
                }
                if self.batch.is_empty() && self.deferred.is_empty() {
                    return Ok(None);
                }
            }
            let more = self.order == Order::Strict && !self.all && !self.batch.is_empty();
            self.sort(more.then(|| self.frontier.reach()), min)?;
            if self.batch.is_empty() && self.order == Order::Once {
                return Ok(None);
            }
        }
    }

    /// Marks a node record as read; false if it was read before.
    pub(super) fn meet(&mut self, pages: &impl Pages, number: u32) -> Result<bool> {
        if !pages.has(number) {
            return Err(corrupted(format_args!("link to {number} of {}", pages.records())));
        }
        self.visited.insert(number, ())
    }

    /// Goes down from the entry point; leaves the start on level 0 in the frontier.
    pub(super) fn descend(&mut self, pages: &mut impl Pages, root: EntryPoint) -> Result<()> {
        let entry = root.entry;
        // The entry point's level is in its record.
        self.meet(pages, entry)?;
        self.target.meet(entry, f32::INFINITY)?;
        if !self.read(pages, entry, None)? {
            return Ok(());
        }
        let mut level = self.expanded.header.level;
        self.pool.start(self.places());
        self.take(pages, entry, level)?;
        while level > 0 {
            self.pass(pages, level)?;
            self.batch.sort_unstable_by(Found::order);
            level -= 1;
            self.pool.start(self.places());
            // From the nearest four it would be the same number of pages for the same recall.
            if let Some(best) = self.batch.iter().find(|found| found.tid_list != NONE) {
                let (distance, number) = (best.distance, best.tid_list);
                self.target.meet(number, distance)?;
                let candidate = Candidate { distance, number };
                if level > 0 {
                    self.pool.offer(candidate);
                } else {
                    self.frontier.room_for(1)?;
                    self.frontier.offer(candidate);
                }
            }
            self.batch.clear();
        }
        Ok(())
    }

    /// Places of the pool above level 0: 1 to 4, more for a search that looks far. On 86,652 x 384 real embeddings 1
    /// instead of 2 saves 4 of 48 pages at recall 0.95, 2 instead of 4 as many; at 0.99 the number makes no difference.
    /// Without codes, 1: no distance is off.
    fn places(&self) -> usize {
        match self.layout.uncoded() {
            None => (self.width.nodes / 20).clamp(1, 4),
            Some(_) => 1,
        }
    }

    /// Reads node records of a level above 0 until the pool has no more.
    fn pass(&mut self, pages: &mut impl Pages, level: u8) -> Result<()> {
        while let Some(number) = self.pool.take() {
            if self.meet(pages, number)? && self.read(pages, number, Some(level))? {
                self.take(pages, number, level)?;
            }
        }
        Ok(())
    }

    /// Reads node records of level 0 as far as the width and a limit allow: if `limited`, the search's limit, else the one on
    /// records read in vain. A walk that starts near the query and finds too few nodes goes on from the root of the graph's
    /// tree, from where all nodes can be reached.
    pub(super) fn walk(&mut self, pages: &mut impl Pages, limited: bool) -> Result<()> {
        let last = self.effort.hops.saturating_add(self.width.hops as u64);
        let vain = self.vain.saturating_add(self.patience);
        loop {
            let enough = self.batch.len() >= self.width.min;
            let over = if limited { self.is_over() } else { self.vain >= vain };
            if enough && self.effort.hops >= last || over {
                return Ok(());
            }
            let next = match self.frontier.take() {
                // The tree's root only once nothing else is left: it is asked for once.
                None if !enough => match self.frontier.take_any()? {
                    None => self.origin(pages)?,
                    any => any,
                },
                within => within,
            };
            let Some(number) = next else { return Ok(()) };
            let before = self.effort;
            if self.meet(pages, number)? && self.read(pages, number, Some(0))? {
                self.take(pages, number, 0)?;
            }
            if self.effort.nodes == before.nodes {
                self.vain += self.effort.hops - before.hops;
            }
        }
    }

    /// Reads a node record; false if it is none of the graphs' nodes on `level`.
    #[inline]
    pub(super) fn read(&mut self, pages: &mut impl Pages, number: u32, level: Option<u8>) -> Result<bool> {
        let Self { layout, target, expanded, effort, graphs, .. } = self;
        let node = pages.read(number, |bytes| expanded.read(layout, target, graphs, level, bytes))??;
        *(if expanded.header.level == 0 { &mut effort.hops } else { &mut effort.upper }) += 1;
        Ok(node)
    }

    /// Takes the node that was just read into the batch, and its neighbours into the frontier or the pool.
    #[inline]
    fn take(&mut self, pages: &mut impl Pages, number: u32, level: u8) -> Result<()> {
        let lowest = level == 0;
        self.found(number, lowest)?;
        self.spread(pages, lowest)
    }

    /// Takes the neighbours of the node that was just read into the frontier or the pool.
    #[inline]
    pub(super) fn spread(&mut self, pages: &mut impl Pages, lowest: bool) -> Result<()> {
        let Self { layout, target, expanded, effort, .. } = self;
        *(if lowest { &mut effort.hops } else { &mut effort.upper }) +=
            expanded.measure(layout, target, pages)?;
        let Self { expanded, pool, frontier, visited, .. } = self;
        if lowest {
            frontier.room_for(expanded.header.used.into())?;
        }
        for (number, estimate) in expanded.slots() {
            // NaN comes from infinities.
            let distance = if estimate.is_nan() { f32::INFINITY } else { estimate };
            if number == NONE || !lowest && distance >= pool.limit() {
                continue;
            }
            if !pages.has(number) {
                return Err(corrupted(format_args!("edge to {number} of {}", pages.records())));
            }
            if !visited.contains(number) {
                let candidate = Candidate { distance, number };
                if lowest {
                    frontier.offer(candidate);
                } else {
                    pool.offer(candidate);
                }
            }
        }
        Ok(())
    }

    /// Takes the node that was just read into the batch.
    #[inline]
    pub(super) fn found(&mut self, number: u32, lowest: bool) -> Result<()> {
        let header = self.expanded.header;
        // On the levels above, dead nodes are as good.
        if !lowest || header.state == State::Live {
            if lowest {
                self.frontier.found(self.expanded.distance, self.expanded.estimate_error)?;
                self.effort.nodes += 1;
            }
            self.batch.room_for(1)?;
            self.batch.push(self.node(number, lowest));
        }
        Ok(())
    }

    /// The node that was just read.
    #[inline]
    pub(super) fn node(&self, number: u32, lowest: bool) -> Found {
        let header = &self.expanded.header;
        let bounds = match lowest {
            true => self.target.bounds(self.layout.stored(), self.expanded.distance, header.norm),
            false => Bounds::ALL,
        };
        Found {
            distance: self.expanded.distance,
            number,
            tid: header.tid,
            version: header.version,
            tid_list: if lowest { header.tid_list } else { header.down },
            bounds,
            certain: true,
            floor: f64::NEG_INFINITY,
        }
    }

    /// The root of a graph's tree that was not read: some nodes may be out of reach from near the query, where the walk has
    /// started.
    pub(super) fn origin(&mut self, pages: &impl Pages) -> Result<Option<u32>> {
        while let Some(number) = self.origins.pop() {
            if !pages.has(number) {
                return Err(corrupted(format_args!("link to {number} of {}", pages.records())));
            }
            if !self.visited.contains(number) {
                return Ok(Some(number));
            }
        }
        Ok(None)
    }
}
