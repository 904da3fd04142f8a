//! A search from its start to its last row.

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
use crate::hnsw::node::{EntryPoint, Layout, NONE, NodeRef, State, Tid, TidListRef, corrupted};
use crate::hnsw::rotation::Rotation;
use crate::memory::allocation::{Reserve, push};
use std::collections::HashSet;

/// Times in a row that a chain may break off at the same block while it is read; then something is wrong with it. A vacuum
/// that frees its blocks one after the other lets it break off at another one each time.
const MAX_BREAKS: usize = 100;

/// A search, and the memory for the next one.
#[derive(Debug)]
pub struct Search {
    pub(super) layout: Layout,
    target: Target,
    pub(super) width: Width,
    order: Order,
    /// Where to start, until it has.
    pub(super) starts: Vec<Start>,
    graphs: Graphs,
    /// All nodes are looked at, of each graph.
    pub(super) all: bool,
    /// The graphs' origins, until the walk had to start again from there.
    pub(super) origins: Vec<u32>,
    pub(super) hop: Expanded,
    pub(super) visited: Visited,
    pool: Pool,
    pub(super) frontier: Frontier,
    /// Nodes of the batch, ascending once it is complete, and how many of them were given out.
    pub(super) batch: Vec<Found>,
    given: usize,
    /// Nodes that were read and wait for the next batch.
    waiting: Deferred,
    /// Further rows of the last of these, the last first.
    rows: Vec<Tid>,
    /// Distance of the last row that was given out.
    farthest: f32,
    /// No row that its reader has seen is shown to be farther.
    last: f64,
    /// No row that was given out is.
    highest: f64,
    pub(super) limit: Limit,
    /// Blocks of level 0 that may be read for nothing until the first batch is complete.
    pub(super) patience: u64,
    /// Blocks of level 0 that were: of nodes without rows, and what was read for these.
    vain: u64,
    /// Bytes that the caller keeps for this search.
    beside: usize,
    /// What this search has cost so far.
    pub effort: Effort,
}

impl Search {
    /// For blocks of a layout.
    pub fn new(layout: Layout) -> Self {
        Self {
            target: Target::new(&layout),
            hop: Expanded::new(&layout),
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
            waiting: Deferred::new(),
            rows: vec![],
            farthest: f32::NEG_INFINITY,
            last: f64::NEG_INFINITY,
            highest: f64::NEG_INFINITY,
            limit: Limit::default(),
            patience: 0,
            vain: 0,
            beside: 0,
            effort: Effort::default(),
        }
    }

    /// Starts another search, of the graph with that root; none, if it has no nodes.
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

    /// As [`start`](Self::start), of several graphs at once: rows come as if all were one graph. `reach` is that of those
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
        self.hop.blind = false;
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
        self.waiting.clear();
        self.rows.clear();
        (self.given, self.last, self.highest) = (0, f64::NEG_INFINITY, f64::NEG_INFINITY);
        (self.farthest, self.effort) = (f32::NEG_INFINITY, Effort::default());
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

    /// A distance as SQL shows it: of L2, the root; of the cosine, half; else itself.
    pub fn shown(&self, distance: f32) -> f64 {
        self.target.shown(distance)
    }

    /// Between what numbers the distance that SQL shows of a row lies. See [`shown`](Self::shown).
    pub fn bounds(&self, hit: &Hit) -> (f64, f64) {
        self.target.bounds(self.layout.stored(), hit.distance, hit.norm)
    }

    /// Whether a row of the batch is given out. Where the order is strict, a row that may be nearer than what its
    /// reader has seen is not.
    fn keeps(&mut self, found: &Found) -> bool {
        if self.order != Order::Strict {
            return true;
        }
        let (low, high) = self.target.bounds(self.layout.stored(), found.distance, found.norm);
        // Of what nothing is known, it does not matter where the search has come upon it.
        let known = high < f64::INFINITY;
        let keeps = low >= self.last && (!known || found.distance >= self.farthest);
        if keeps {
            if known {
                self.farthest = found.distance;
            }
            self.last = self.last.max(if found.certain { high } else { found.floor });
        }
        keeps
    }

    /// Orders the batch, and notes which certainly are in the right order. With a limit, those beyond it wait, but for
    /// the first `least` and those of whose distance nothing is known, and those within it who have waited join the
    /// batch; with none, all do.
    fn sort(&mut self, within: Option<f32>, min: usize) -> Result<()> {
        let Self { batch, waiting, target, layout, order, last, highest, .. } = self;
        let bounds = |found: &Found| target.bounds(layout.stored(), found.distance, found.norm);
        batch.sort_unstable_by(Found::order);
        let joined = batch.len();
        match within {
            Some(limit) => {
                let within = batch.partition_point(|found| found.distance <= limit);
                let (given, mut unknown) = (*last, vec![]);
                for found in batch.drain(within.max(min).min(joined)..) {
                    match bounds(&found) {
                        // To wait would make the bounds of all that wait as wide.
                        (low, f64::INFINITY) if low < given => {}
                        (_, f64::INFINITY) => push(&mut unknown, found)?,
                        (low, _) => waiting.push(found, target.shown(found.distance), low)?,
                    }
                }
                batch.room_for(unknown.len())?;
                batch.append(&mut unknown);
                waiting.within(limit).try_for_each(|found| push(batch, found))?;
            }
            None => {
                batch.room_for(waiting.len())?;
                batch.extend(waiting.all());
            }
        }
        batch.sort_unstable_by(Found::order);
        let strict = *order == Order::Strict;
        let mut last = if strict { highest.max(*last) } else { f64::NEG_INFINITY };
        for found in batch.iter_mut() {
            let (low, high) = bounds(found);
            // Rows with vectors that differ may have become one node by the rounding.
            let exact = low == high;
            found.certain = (low > last || low == last && exact) && (exact || found.tid_list == NONE);
            last = last.max(high);
        }
        *highest = last;
        let mut next = waiting.floor(|distance| target.shown(distance));
        if let Some(end) = batch.iter().rfind(|found| strict && bounds(found).1 < f64::INFINITY) {
            // The next batch starts about where this one ends.
            next = next.min(bounds(end).0);
        }
        for found in batch.iter_mut().rev() {
            let (low, high) = bounds(found);
            found.certain &= high < next || high == next && low == high;
            next = next.min(low);
            found.floor = next;
        }
        Ok(())
    }

    /// Bytes that grow while a search goes on.
    pub fn memory(&self) -> usize {
        self.visited.bytes()
            + self.target.bytes()
            + self.frontier.bytes()
            + self.waiting.bytes()
            + self.batch.capacity() * size_of::<Found>()
            + self.starts.capacity() * size_of::<Start>()
            + self.origins.capacity() * size_of::<u32>()
            + self.graphs.bytes()
    }

    /// The next row; none if there are no more, or [`Order::Once`] and the first batch is used up.
    ///
    /// # Errors
    /// Corrupted blocks, and whatever comes from the pages. The search is over then.
    pub fn next(&mut self, pages: &mut impl Pages) -> Result<Option<Hit>> {
        self.hit(pages, true)
    }

    /// As [`next`](Self::next), but each node once, whatever rows it has; the place of the row means nothing.
    pub(crate) fn next_node(&mut self, pages: &mut impl Pages) -> Result<Option<Hit>> {
        self.hit(pages, false)
    }

    fn hit(&mut self, pages: &mut impl Pages, all_rows: bool) -> Result<Option<Hit>> {
        loop {
            if let Some(tid) = self.rows.pop() {
                let Found { distance, number, version, certain, floor, norm, .. } =
                    self.batch[self.given - 1];
                return Ok(Some(Hit { tid, distance, number, version, certain, floor, norm }));
            }
            if let Some(found) = self.batch.get(self.given).copied() {
                self.given += 1;
                match self.keeps(&found) {
                    true if all_rows => self.unfold(pages, found)?,
                    true => push(&mut self.rows, found.tid)?,
                    false => {}
                }
                continue;
            }
            let fresh = !self.starts.is_empty();
            if !fresh && self.order == Order::Once {
                return Ok(None);
            }
            self.batch.clear();
            self.given = 0;
            let min = if fresh { self.width.min } else { 0 };
            if fresh {
                self.first(pages)?;
            } else {
                if !self.is_over() {
                    let Self { frontier, visited, .. } = self;
                    frontier.next(|number| !visited.contains(number))?;
                    self.walk(pages, true)?;
                }
                if self.batch.is_empty() && self.waiting.is_empty() {
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

    /// Puts the rows of a node into `rows`.
    ///
    /// A vacuum may have freed blocks of its chain since the node was read, and they may be someone else's now, or that
    /// chain's first. Those that are left have kept their rows and their order, so where the way breaks off it is gone
    /// once more from the node. The last row of all may have moved into that.
    fn unfold(&mut self, pages: &mut impl Pages, found: Found) -> Result<()> {
        let mut next = found.tid_list;
        let (mut met, mut again, mut broken) = (HashSet::new(), 0, (NONE, 0));
        while next != NONE {
            if !pages.has(next) {
                return Err(corrupted(format_args!("link to {next} of {}", pages.records())));
            }
            met.room_for(1)?;
            let new = met.insert(next);
            again += usize::from(!new);
            if again > met.len() {
                return Err(corrupted(format_args!("node {next} is in a tid list twice")));
            }
            self.effort.tid_lists += u64::from(new);
            let Self { layout, rows, graphs, .. } = self;
            let after = pages.read(next, |bytes| -> Result<Option<u32>> {
                let ours =
                    |tid_list: &TidListRef<'_>| tid_list.owner == found.number && graphs.has(tid_list.graph);
                let tid_list = TidListRef::new(layout, bytes)?.filter(ours);
                if let Some(tid_list) = tid_list.as_ref().filter(|_| new) {
                    rows.room_for(layout.tid_list_capacity())?;
                    rows.extend(tid_list.tids().filter(|tid| tid.is_some()));
                }
                Ok(tid_list.map(|tid_list| tid_list.next))
            })??;
            next = match after {
                Some(after) => after,
                None if broken == (next, MAX_BREAKS) => {
                    return Err(corrupted(format_args!("node {next} is in a tid list and holds no rows")));
                }
                None => {
                    // It was no block of the chain, or not any more.
                    met.remove(&next);
                    (again, broken) = (0, (next, if broken.0 == next { broken.1 + 1 } else { 1 }));
                    let (tid, tid_list) = self.tid_list(pages, &found)?;
                    if tid.is_some() && tid != found.tid && !self.rows.contains(&tid) {
                        push(&mut self.rows, tid)?;
                    }
                    tid_list
                }
            };
        }
        if found.tid.is_some() {
            push(&mut self.rows, found.tid)?;
        }
        Ok(())
    }

    /// The row of a node and the first block with more of them; none if the node is gone.
    fn tid_list(&self, pages: &mut impl Pages, found: &Found) -> Result<(Tid, u32)> {
        pages.read(found.number, |bytes| {
            let header = *NodeRef::new(&self.layout, bytes)?.header();
            let node = matches!(header.state, State::Live | State::Dead);
            let same = self.graphs.has(header.graph) && header.version == found.version;
            Ok(if node && same { (header.tid, header.tid_list) } else { (Tid::default(), NONE) })
        })?
    }

    /// Marks a block as read; false if it was.
    pub(super) fn meet(&mut self, pages: &impl Pages, number: u32) -> Result<bool> {
        if !pages.has(number) {
            return Err(corrupted(format_args!("link to {number} of {}", pages.records())));
        }
        self.visited.insert(number, ())
    }

    /// Goes down from the entry point; leaves the start on level 0 in the pool.
    pub(super) fn descend(&mut self, pages: &mut impl Pages, root: EntryPoint) -> Result<()> {
        let entry = root.entry;
        // What the entry point's level is, its block says.
        self.meet(pages, entry)?;
        self.target.meet(entry, f32::INFINITY)?;
        if !self.read(pages, entry, None)? {
            return Ok(());
        }
        let mut level = self.hop.header.level;
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
    /// instead of 2 saves 4 of 48 pages at recall 0.95, 2 instead of 4 as many; at 0.99 it makes no difference. Without
    /// codes, 1: no distance is off.
    fn places(&self) -> usize {
        match self.layout.uncoded() {
            None => (self.width.nodes / 20).clamp(1, 4),
            Some(_) => 1,
        }
    }

    /// Reads blocks of a level above 0 until the pool has no more.
    fn pass(&mut self, pages: &mut impl Pages, level: u8) -> Result<()> {
        while let Some(number) = self.pool.take() {
            if self.meet(pages, number)? && self.read(pages, number, Some(level))? {
                self.take(pages, number, level)?;
            }
        }
        Ok(())
    }

    /// Reads blocks of level 0 as far as the width says, and as the limit does: the search's, or if not `limited`, that on
    /// what is read in vain. A walk that finds too few, as it has started near the query, goes
    /// on from the origin, from where all can be reached.
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
                // The origin only once nothing else is left: it is asked for once.
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

    /// Reads a block; false if it is no node on that level.
    #[inline]
    pub(super) fn read(&mut self, pages: &mut impl Pages, number: u32, level: Option<u8>) -> Result<bool> {
        let Self { layout, target, hop, effort, graphs, .. } = self;
        let node = pages.read(number, |bytes| hop.read(layout, target, graphs, level, bytes))??;
        *(if hop.header.level == 0 { &mut effort.hops } else { &mut effort.upper }) += 1;
        Ok(node)
    }

    /// Takes the node that was just read into the batch and its neighbours into the pool.
    #[inline]
    fn take(&mut self, pages: &mut impl Pages, number: u32, level: u8) -> Result<()> {
        let lowest = level == 0;
        self.found(number, lowest)?;
        let Self { layout, target, hop, effort, .. } = self;
        *(if lowest { &mut effort.hops } else { &mut effort.upper }) += hop.measure(layout, target, pages)?;
        let Self { hop, pool, frontier, visited, .. } = self;
        if lowest {
            frontier.room_for(hop.header.used.into())?;
        }
        for (number, estimate) in hop.slots() {
            // NaN comes from infinities.
            let distance = if estimate.is_nan() { f32::INFINITY } else { estimate };
            if number == NONE || !lowest && distance >= pool.limit() {
                continue;
            }
            if !pages.has(number) {
                return Err(corrupted(format_args!("lane to {number} of {}", pages.records())));
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
        let header = self.hop.header;
        // On the levels above, dead or not does not matter.
        if !lowest || header.state == State::Live {
            if lowest {
                self.frontier.found(self.hop.distance, self.hop.off)?;
                self.effort.nodes += 1;
            }
            self.batch.room_for(1)?;
            self.batch.push(Found {
                distance: self.hop.distance,
                number,
                tid: header.tid,
                version: header.version,
                tid_list: if lowest { header.tid_list } else { header.down },
                norm: header.norm,
                certain: true,
                floor: f64::NEG_INFINITY,
            });
        }
        Ok(())
    }

    /// A graph's origin that was not read: the walk has started near the query, from where some nodes may be out of reach.
    fn origin(&mut self, pages: &impl Pages) -> Result<Option<u32>> {
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
