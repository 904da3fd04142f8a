//! A search from its start to its last row.

use super::hop::Hop;
use super::pages::Pages;
use super::pool::{Candidate, Pool};
use super::target::Target;
use super::visited::Visited;
use crate::block::{ChainRef, Layout, NONE, Root, State, Tid, corrupted};
use crate::fault::Result;
use crate::rotation::Rotation;

/// How far a search looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// Places of the pool.
    pub pool: usize,
    /// Nodes with rows that the first batch shall have; if the pool gives fewer, the search goes on.
    pub least: usize,
}

impl Width {
    /// For pgvector's `hnsw.ef_search`, and the rows that are wanted if that is known: a pool of 1.6 times as
    /// many places, as nodes take more than one each, and of 2.5 times the rows.
    pub fn for_ef(ef: usize, rows: Option<usize>) -> Self {
        let pool = (ef * 8).div_ceil(5).max((rows.unwrap_or(0) * 5).div_ceil(2));
        Self { pool: pool.max(1), least: ef }
    }

    /// As [`for_ef`](Self::for_ef), for blocks of that layout. Without codes, no node takes two places.
    pub fn of(layout: &Layout, ef: usize, rows: Option<usize>) -> Self {
        match layout.plain() {
            None => Self::for_ef(ef, rows),
            Some(_) => Self { pool: ef.max(rows.unwrap_or(0)).max(1), least: ef },
        }
    }
}

/// How many nodes a search looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All nodes of the graph, for small ones.
    All,
    /// Those near the query.
    Near(Width),
}

/// What comes after the first batch of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Nothing.
    Once,
    /// More batches, each in the order of distance.
    Relaxed,
    /// More batches, without the rows that are nearer than one before.
    Strict,
}

/// A row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// Where it is.
    pub tid: Tid,
    /// Its distance as the index has it: squared for L2; of the unit vectors, squared, for the cosine; the
    /// negative inner product. See [`Search::shown`].
    pub distance: f32,
    /// Its node's block.
    pub number: u32,
    /// That block's version.
    pub version: u16,
    /// Whether it certainly comes before all that follow in its batch and after all that came before: own vectors
    /// are rounded, so the order of rows at nearly the same distance may be another one.
    pub certain: bool,
    /// No distance that SQL shows, of it or of what follows in its batch, is less.
    pub floor: f64,
    /// Squared norm of its node's own vector.
    norm: f32,
}

/// When a search makes no more batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Once so many blocks of level 0 were read.
    pub hops: u64,
    /// Once it takes more [`memory`](Search::memory).
    pub bytes: usize,
}

impl Default for Limit {
    fn default() -> Self {
        Self { hops: u64::MAX, bytes: usize::MAX }
    }
}

/// What a search has cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Effort {
    /// Blocks read above level 0.
    pub upper: u64,
    /// Blocks read on level 0.
    pub hops: u64,
    /// Blocks with more rows of a node that were read.
    pub chains: u64,
}

/// A node that was read.
#[derive(Debug, Clone, Copy)]
struct Found {
    distance: f32,
    number: u32,
    /// On level 0, the node's rows; above, only `chain` is used, for the block one level lower.
    tid: Tid,
    version: u16,
    chain: u32,
    norm: f32,
    certain: bool,
    floor: f64,
}

impl Found {
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.distance.total_cmp(&other.distance).then(self.number.cmp(&other.number))
    }
}

/// A search, and the memory for the next one.
#[derive(Debug)]
pub struct Search {
    layout: Layout,
    target: Target,
    width: Width,
    order: Order,
    /// Where to start, until it has.
    root: Option<Root>,
    graph: u32,
    /// Look at all nodes.
    all: bool,
    /// The graph's origin, until the walk had to start again from there.
    origin: u32,
    hop: Hop,
    visited: Visited,
    pool: Pool,
    /// Candidates that the pool had no place for.
    spare: Vec<Candidate>,
    /// Nodes of the batch, ascending once it is complete, and how many of them were given out.
    batch: Vec<Found>,
    given: usize,
    /// Further rows of the last of these, the last first.
    rows: Vec<Tid>,
    /// Distance of the last row that was given out.
    farthest: f32,
    /// No row that its reader has seen is shown to be farther.
    last: f64,
    /// No row that was given out is.
    highest: f64,
    limit: Limit,
    /// What this search has cost so far.
    pub effort: Effort,
}

impl Search {
    /// For blocks of a layout.
    pub fn new(layout: Layout) -> Self {
        Self {
            target: Target::new(&layout),
            hop: Hop::new(&layout),
            layout,
            width: Width::for_ef(40, None),
            order: Order::Once,
            root: None,
            graph: 0,
            all: false,
            origin: NONE,
            visited: Visited::new(),
            pool: Pool::default(),
            spare: vec![],
            batch: vec![],
            given: 0,
            rows: vec![],
            farthest: f32::NEG_INFINITY,
            last: f64::NEG_INFINITY,
            highest: f64::NEG_INFINITY,
            limit: Limit::default(),
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
        root: Option<Root>,
        reach: Reach,
        order: Order,
    ) -> Result<()> {
        self.target.set(rotation, vector)?;
        (self.root, self.order, self.all) = (root, order, reach == Reach::All);
        if let Reach::Near(width) = reach {
            self.width = width;
        }
        (self.graph, self.origin) = root.map_or((0, NONE), |root| (root.graph, root.origin));
        self.visited.clear();
        self.pool.start(0);
        self.spare.clear();
        self.batch.clear();
        self.rows.clear();
        (self.given, self.last, self.highest) = (0, f64::NEG_INFINITY, f64::NEG_INFINITY);
        (self.farthest, self.effort) = (f32::NEG_INFINITY, Effort::default());
        self.limit = Limit::default();
        Ok(())
    }

    /// Limits the search that was started last.
    pub fn limit(&mut self, limit: Limit) {
        self.limit = limit;
    }

    fn is_over(&self) -> bool {
        self.effort.hops >= self.limit.hops || self.memory() > self.limit.bytes
    }

    /// A distance as SQL shows it: of L2, the root; of the cosine, half; else itself.
    pub fn shown(&self, distance: f32) -> f64 {
        self.target.shown(distance)
    }

    /// Between what numbers the distance that SQL shows of a row lies. See [`shown`](Self::shown).
    pub fn bounds(&self, hit: &Hit) -> (f64, f64) {
        self.target.bounds(self.layout.own(), hit.distance, hit.norm)
    }

    /// Whether a row of the batch is given out. Where the order is strict, a row that may be nearer than what its
    /// reader has seen is not.
    fn keeps(&mut self, found: &Found) -> bool {
        if self.order != Order::Strict {
            return true;
        }
        let (low, high) = self.target.bounds(self.layout.own(), found.distance, found.norm);
        let keeps = found.distance >= self.farthest && low >= self.last;
        if keeps {
            self.farthest = found.distance;
            self.last = self.last.max(if found.certain { high } else { found.floor });
        }
        keeps
    }

    /// Notes which of the batch certainly are in the right order.
    fn sort(&mut self) {
        let Self { batch, target, layout, order, last, highest, .. } = self;
        batch.sort_unstable_by(Found::order);
        let strict = *order == Order::Strict;
        let mut last = if strict { highest.max(*last) } else { f64::NEG_INFINITY };
        for found in batch.iter_mut() {
            let (low, high) = target.bounds(layout.own(), found.distance, found.norm);
            // Rows with vectors that differ may have become one node by the rounding.
            let exact = low == high;
            found.certain = (low > last || low == last && exact) && (exact || found.chain == NONE);
            last = last.max(high);
        }
        *highest = last;
        // The next batch starts about where this one ends.
        let end = batch.last().filter(|_| strict);
        let mut next = end.map_or(f64::INFINITY, |end| target.bounds(layout.own(), end.distance, end.norm).0);
        for found in batch.iter_mut().rev() {
            let (low, high) = target.bounds(layout.own(), found.distance, found.norm);
            found.certain &= high < next || high == next && low == high;
            next = next.min(low);
            found.floor = next;
        }
    }

    /// Bytes that grow while a search goes on.
    pub fn memory(&self) -> usize {
        self.visited.bytes()
            + self.target.bytes()
            + self.spare.capacity() * size_of::<Candidate>()
            + self.batch.capacity() * size_of::<Found>()
    }

    /// The next row; none if there are no more, or [`Order::Once`] and the first batch is used up.
    ///
    /// # Errors
    /// Corrupted blocks, and whatever comes from the pages. The search is over then.
    pub fn next(&mut self, pages: &mut impl Pages) -> Result<Option<Hit>> {
        loop {
            if let Some(tid) = self.rows.pop() {
                let Found { distance, number, version, certain, floor, norm, .. } =
                    self.batch[self.given - 1];
                return Ok(Some(Hit { tid, distance, number, version, certain, floor, norm }));
            }
            if let Some(found) = self.batch.get(self.given).copied() {
                self.given += 1;
                if self.keeps(&found) {
                    self.unfold(pages, found)?;
                }
                continue;
            }
            let root = self.root.take();
            if root.is_none() && (self.order == Order::Once || self.is_over()) {
                return Ok(None);
            }
            self.batch.clear();
            self.given = 0;
            if let Some(root) = root.filter(|_| self.all) {
                self.sweep(pages, root.origin)?;
            } else if let Some(root) = root {
                self.descend(pages, root)?;
                self.walk(pages, 0, usize::MAX)?;
                while self.batch.len() < self.width.least && self.refill(pages)? {
                    self.walk(pages, 0, self.width.least)?;
                }
            } else {
                // A batch of dead nodes is none.
                while self.batch.is_empty() {
                    if self.is_over() || !self.refill(pages)? {
                        return Ok(None);
                    }
                    self.walk(pages, 0, usize::MAX)?;
                }
            }
            self.sort();
            if self.batch.is_empty() && self.order == Order::Once {
                return Ok(None);
            }
        }
    }

    /// Puts the rows of a node into `rows`.
    fn unfold(&mut self, pages: &mut impl Pages, found: Found) -> Result<()> {
        let mut next = found.chain;
        while next != NONE {
            if !self.meet(pages, next)? {
                return Err(corrupted(format_args!("block {next} is in a chain twice")));
            }
            self.effort.chains += 1;
            let Self { layout, rows, graph, .. } = self;
            next = pages.read(next, |bytes| -> Result<u32> {
                let ours = |chain: &ChainRef<'_>| (chain.graph, chain.owner) == (*graph, found.number);
                match ChainRef::new(layout, bytes)?.filter(ours) {
                    Some(chain) => {
                        rows.extend(chain.tids().filter(|tid| tid.is_some()));
                        Ok(chain.next)
                    }
                    // The node has lost these rows since it was read, and the block is someone else's.
                    None => Ok(NONE),
                }
            })??;
        }
        self.rows.extend(Some(found.tid).filter(|tid| tid.is_some()));
        Ok(())
    }

    /// Marks a block as read; false if it was.
    fn meet(&mut self, pages: &impl Pages, number: u32) -> Result<bool> {
        if !pages.has(number) {
            return Err(corrupted(format_args!("link to {number} of {}", pages.blocks())));
        }
        Ok(self.visited.insert(number, ()))
    }

    /// Looks at all nodes that can be reached, in no order.
    fn sweep(&mut self, pages: &mut impl Pages, origin: u32) -> Result<()> {
        self.meet(pages, origin)?;
        self.spare.push(Candidate { distance: 0.0, number: origin });
        while let Some(next) = self.spare.pop() {
            if !self.read(pages, next.number, Some(0))? {
                continue;
            }
            self.found(next.number, true);
            for (number, distance) in self.hop.lanes() {
                if number == NONE {
                    continue;
                }
                if !pages.has(number) {
                    return Err(corrupted(format_args!("lane to {number} of {}", pages.blocks())));
                }
                if self.visited.insert(number, ()) {
                    self.spare.push(Candidate { distance, number });
                }
            }
        }
        self.origin = NONE;
        Ok(())
    }

    /// Goes down from the entry point; leaves the start on level 0 in the pool.
    fn descend(&mut self, pages: &mut impl Pages, root: Root) -> Result<()> {
        let entry = root.entry;
        // What the entry point's level is, its block says.
        self.meet(pages, entry)?;
        self.target.meet(entry, f32::INFINITY);
        if !self.read(pages, entry, None)? {
            return Ok(());
        }
        let mut level = self.hop.header.level;
        self.pool.start(self.places(level));
        self.take(pages, entry, level)?;
        while level > 0 {
            self.walk(pages, level, usize::MAX)?;
            self.batch.sort_unstable_by(Found::order);
            level -= 1;
            self.pool.start(self.places(level));
            // From the nearest four it would be the same number of pages for the same recall.
            if let Some(best) = self.batch.iter().find(|found| found.chain != NONE) {
                self.target.meet(best.chain, best.distance);
                self.pool.offer(Candidate { distance: best.distance, number: best.chain });
            }
            self.batch.clear();
        }
        Ok(())
    }

    /// Places of the pool on a level: above the lowest 2 to 4, more for a search that looks far. On 86,652 x
    /// 384 real embeddings 2 instead of 4 save 6 of 53 pages at recall 0.95 and cost 2 of 190 at 0.99. Without codes, 1: no
    /// distance is off.
    fn places(&self, level: u8) -> usize {
        let pool = self.width.pool.max(1);
        match self.layout.plain() {
            _ if level == 0 => pool,
            None => (pool / 32).clamp(2, 4),
            Some(_) => 1,
        }
    }

    /// Reads blocks of a level until the pool has no more, or there are `enough` nodes.
    fn walk(&mut self, pages: &mut impl Pages, level: u8, enough: usize) -> Result<()> {
        while self.batch.len() < enough
            && let Some(number) = self.pool.take()
        {
            if self.meet(pages, number)? && self.read(pages, number, Some(level))? {
                self.take(pages, number, level)?;
            }
        }
        Ok(())
    }

    /// Reads a block; false if it is no node on that level.
    #[inline]
    fn read(&mut self, pages: &mut impl Pages, number: u32, level: Option<u8>) -> Result<bool> {
        let Self { layout, target, hop, effort, graph, .. } = self;
        let node = pages.read(number, |bytes| hop.read(layout, target, *graph, level, bytes))??;
        *(if hop.header.level == 0 { &mut effort.hops } else { &mut effort.upper }) += 1;
        Ok(node)
    }

    /// Takes the node that was just read into the batch and its neighbours into the pool.
    #[inline]
    fn take(&mut self, pages: &mut impl Pages, number: u32, level: u8) -> Result<()> {
        let lowest = level == 0;
        self.found(number, lowest);
        let Self { layout, target, hop, effort, .. } = self;
        *(if lowest { &mut effort.hops } else { &mut effort.upper }) += hop.measure(layout, target, pages)?;
        for (number, estimate) in self.hop.lanes() {
            // NaN comes from infinities.
            let distance = if estimate.is_nan() { f32::INFINITY } else { estimate };
            if number == NONE || !lowest && distance >= self.pool.limit() {
                continue;
            }
            if !pages.has(number) {
                return Err(corrupted(format_args!("lane to {number} of {}", pages.blocks())));
            }
            if !self.visited.contains(number) {
                let lost = self.pool.offer(Candidate { distance, number });
                if lowest {
                    self.spare.extend(lost);
                }
            }
        }
        Ok(())
    }

    /// Takes the node that was just read into the batch.
    #[inline]
    fn found(&mut self, number: u32, lowest: bool) {
        let header = self.hop.header;
        // On the levels above, dead or not does not matter.
        if !lowest || header.state == State::Live {
            self.batch.push(Found {
                distance: self.hop.distance,
                number,
                tid: header.tid,
                version: header.version,
                chain: if lowest { header.chain } else { header.down },
                norm: header.norm,
                certain: true,
                floor: f64::NEG_INFINITY,
            });
        }
    }

    /// Fills the pool with the nearest of the candidates that had no place; false if there are none.
    fn refill(&mut self, pages: &mut impl Pages) -> Result<bool> {
        let Self { spare, pool, visited, .. } = self;
        spare.extend(pool.open());
        spare.retain(|c| !visited.contains(c.number));
        if spare.is_empty() {
            let origin = self.origin(pages)?;
            self.spare.extend(origin);
        }
        let most = self.places(0);
        let Self { spare, pool, .. } = self;
        if spare.len() > most {
            spare.select_nth_unstable_by(most, |a, b| a.distance.total_cmp(&b.distance));
        }
        pool.start(most);
        let most = most.min(spare.len());
        for candidate in spare.drain(..most) {
            pool.offer(candidate);
        }
        Ok(most > 0)
    }

    /// The graph's origin, if it was not read: the walk has started near the query, from where some nodes may be
    /// out of reach.
    fn origin(&mut self, pages: &impl Pages) -> Result<Option<Candidate>> {
        let number = std::mem::replace(&mut self.origin, NONE);
        if number != NONE && !pages.has(number) {
            return Err(corrupted(format_args!("link to {number} of {}", pages.blocks())));
        }
        let new = number != NONE && !self.visited.contains(number);
        Ok(new.then_some(Candidate { distance: f32::INFINITY, number }))
    }
}
