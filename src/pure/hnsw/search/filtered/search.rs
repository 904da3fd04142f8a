//! A filtered search from its start to its last row.

use super::super::deferred::Deferred;
use super::super::found::Found;
use super::super::limit::Order;
use super::super::node_reader::Pages;
use super::super::reorder::Known;
use super::super::search::Search;
use super::super::width::Width;
use super::costs::{Costs, Progress, SPARE, WANTED};
use super::rest::Rest;
use super::row_filter::{Listed, RowFilter};
use crate::distance::metric::Metric;
use crate::fault::Result;
use crate::hnsw::node::{NONE, State, Tid};
use crate::memory::allocation::{Reserve, push};

/// More rows are not wanted of a batch: each of its matches is put into its place among them.
const MAX_WANTED: usize = 10_000;
/// The share of matches from which on rows beyond the limit are not tested to learn of them.
const MANY_MATCH: f64 = 0.3;
/// Candidates before they are compacted.
const MANY: usize = 1 << 16;

/// What a filtered search is to give.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// Rows that are wanted, if that is known.
    pub rows: Option<usize>,
    /// `hnsw.ef_search`.
    pub ef: usize,
    /// Nodes of the graphs, roughly.
    pub nodes: f64,
    /// Whether matches that come too late for their place in a strict order come last, out of order; else they do not come.
    pub complete: bool,
    /// Costs of the search's steps.
    pub costs: Costs,
}

/// How a walk has ended.
enum Ended {
    /// There are enough matches for a batch.
    Enough,
    /// All nodes were read.
    Nothing,
    /// It is cheaper to read the matches.
    Rest,
}

/// The bitmap of all matches.
#[derive(Debug, Clone, Copy)]
enum Bitmap {
    /// Not asked for.
    Unasked,
    /// No index gives one.
    Unknown,
    /// There is one, of so many TIDs, since so many node records were read.
    Made { size: u64, asked: u64 },
}

/// The rest of the matches.
#[derive(Debug)]
struct Left {
    rest: Rest,
    /// The matches among them that come too late.
    late: Rest,
    /// The distance before which a row comes too late.
    told: f64,
}

/// The part of a filtered search that goes beyond a [`Search`].
#[derive(Debug)]
pub struct FilteredSearch {
    wish: Wish,
    /// Rows that this batch is to have.
    wanted: usize,
    /// Places where few rows match.
    near: usize,
    /// Places where all do.
    all: usize,
    /// Node records of level 0 that are read for a batch at most where all rows match, if there are enough matches.
    hops: usize,
    progress: Progress,
    /// Matches of this batch.
    matched: usize,
    bitmap: Bitmap,
    /// Costs with the rows that need not be read, once that was asked.
    listing: Option<Costs>,
    /// Nodes that were read, alive, and whose rows were not tested.
    untested: Deferred,
    /// Matches that come too late.
    late: Vec<Found>,
    /// The batch is of those.
    is_late: bool,
    /// All nodes were read.
    is_over: bool,
    /// Rows that were returned, as long as a bitmap may give them again.
    returned: Vec<Tid>,
    /// The rest of the matches, once they were listed.
    rest: Option<Left>,
    /// Candidates after they were compacted last.
    compacted: usize,
    /// All matches are to be listed before anything of the graphs is read.
    at_once: bool,
}

impl FilteredSearch {
    /// Filters a search that was just started, whose order is the wanted one; [`Order::Once`] is for unfiltered ones.
    pub fn new(wish: Wish) -> Self {
        let wanted = wish.rows.unwrap_or(WANTED).clamp(1, MAX_WANTED);
        Self {
            wish,
            wanted,
            near: 0,
            all: 0,
            hops: 0,
            progress: Progress::default(),
            matched: 0,
            bitmap: Bitmap::Unasked,
            listing: None,
            untested: Deferred::new(),
            late: vec![],
            is_late: false,
            is_over: false,
            returned: vec![],
            rest: None,
            compacted: 0,
            at_once: false,
        }
    }

    /// Lists all matches instead of walking to the first: the filter has a list or a bitmap.
    pub fn list_at_once(&mut self) {
        self.at_once = true;
    }

    /// Bytes that grow while the search goes on, beside those of the [`Search`].
    pub fn memory(&self) -> usize {
        let rest = self.rest.as_ref().map_or(0, |left| left.rest.bytes() + left.late.bytes());
        rest + self.untested.bytes()
            + self.late.capacity() * size_of::<Found>()
            + self.returned.capacity() * size_of::<Tid>()
    }

    /// What was tested so far.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// Whether matches are read instead of walked to.
    pub fn reads_rest(&self) -> bool {
        self.rest.is_some()
    }

    /// The next row that matches, and what the index knows of its distance; none if there are no more.
    ///
    /// # Errors
    /// Those of [`Search::next`] and of the filter. The search is over then.
    pub fn next(
        &mut self,
        search: &mut Search,
        pages: &mut impl Pages,
        filter: &mut impl RowFilter,
    ) -> Result<Option<(Tid, Known)>> {
        if std::mem::take(&mut self.at_once) {
            self.read_rest(search, filter)?;
        }
        loop {
            if let Some(left) = &mut self.rest {
                let next = left.next(self.wish.complete, filter)?;
                return Ok(next.map(|(tid, distance)| (tid, Known::Distance(distance))));
            }
            if let Some(tid) = search.tids.pop() {
                let found = search.batch[search.given - 1];
                // A node of one row was tested.
                if found.tid_list != NONE {
                    self.progress.tests += 1;
                    if !filter.matches(tid, None)? {
                        continue;
                    }
                }
                if !matches!(self.bitmap, Bitmap::Unknown) {
                    push(&mut self.returned, tid)?;
                }
                let known = match found.certain || self.is_late {
                    true => Known::Distance(search.shown(found.distance)),
                    false => Known::Floor(found.floor),
                };
                return Ok(Some((tid, known)));
            }
            if let Some(found) = search.batch.get(search.given).copied() {
                search.given += 1;
                if search.order == Order::Strict && !self.is_late && !search.returned.admit(&found) {
                    if self.wish.complete {
                        push(&mut self.late, found)?;
                    }
                    continue;
                }
                search.read_tids(pages, found)?;
                continue;
            }
            search.batch.clear();
            search.given = 0;
            if self.is_over {
                if self.late.is_empty() {
                    return Ok(None);
                }
                search.batch.room_for(self.late.len())?;
                search.batch.append(&mut self.late);
                search.batch.sort_unstable_by(Found::order);
                self.is_late = true;
                continue;
            }
            self.batch(search, pages, filter)?;
        }
    }

    /// Makes the next batch, or reads the rest of the matches.
    fn batch(
        &mut self,
        search: &mut Search,
        pages: &mut impl Pages,
        filter: &mut impl RowFilter,
    ) -> Result<()> {
        let is_first = !search.starts.is_empty();
        if is_first {
            search.approach(pages)?;
            search.batch.drain(..).try_for_each(|found| self.untested.keep(found))?;
        } else {
            self.wanted = (2 * self.wanted).min(MAX_WANTED);
        }
        let width = Width::of(&search.layout, self.wish.ef, Some(self.wanted));
        (self.all, self.hops) = (width.filtered(&search.layout), width.hops);
        // Graphs of inner products lead less straight to what is nearest.
        let near = if search.layout.metric() == Metric::InnerProduct { 2 } else { 1 } * self.wanted;
        self.near = near + SPARE;
        let max = self.all.max(self.near);
        let Search { frontier, visited, deferred, batch, .. } = search;
        frontier.filter(max, |number| !visited.contains(number))?;
        // Matches of batches before that are farther out than those went.
        for found in deferred.all() {
            frontier.matched(found.distance)?;
            push(batch, found)?;
        }
        self.matched = search.batch.len();
        match self.walk(search, pages, filter)? {
            Ended::Rest => return self.read_rest(search, filter),
            Ended::Nothing => self.is_over = true,
            Ended::Enough => {}
        }
        let more = search.order == Order::Strict && !self.is_over;
        search.sort(more.then(|| search.frontier.reach()), self.wanted)
    }

    /// Reads nodes and tests their rows, always what is nearest, as far as matches make the limit.
    fn walk(
        &mut self,
        search: &mut Search,
        pages: &mut impl Pages,
        filter: &mut impl RowFilter,
    ) -> Result<Ended> {
        let start = search.effort.hops;
        loop {
            let places = self.progress.places(self.near, self.all);
            search.frontier.set_places(places);
            if self.is_dear(search, filter, places.saturating_sub(self.matched))? {
                return Ok(Ended::Rest);
            }
            let enough = self.matched >= self.wanted;
            // Where distances tell nothing, an unfiltered search ends after so many records; this one reads as many of matches.
            let hops = (search.effort.hops - start) as f64 * self.progress.share();
            let stop = enough && hops >= self.hops as f64;
            let reach = search.frontier.reach();
            let untested = self.untested.distance().filter(|distance| *distance < reach);
            search.frontier.put_off(|number| filter.is_known_not_to_match(number))?;
            let candidate = if stop { None } else { search.frontier.distance() };
            let (test, number) = match (untested, candidate) {
                (Some(untested), candidate) if candidate.is_none_or(|candidate| untested <= candidate) => {
                    (self.untested.pop(), None)
                }
                (_, Some(_)) => (None, search.frontier.take()),
                _ if enough => return Ok(Ended::Enough),
                // Nodes at no finite distance, then those that nothing near the query leads to.
                _ => match (self.untested.pop(), search.frontier.take_any()?) {
                    (None, None) => (None, search.origin(pages)?),
                    next => next,
                },
            };
            if test.is_none() && number.is_none() {
                return Ok(Ended::Nothing);
            }
            if let Some(found) = test {
                self.test(search, pages, filter, found)?;
            }
            if let Some(number) = number {
                self.read(search, pages, filter, number)?;
            }
        }
    }

    /// Reads a node's record, unless that was read before.
    fn read(
        &mut self,
        search: &mut Search,
        pages: &mut impl Pages,
        filter: &mut impl RowFilter,
        number: u32,
    ) -> Result<()> {
        if !search.meet(pages, number)? || !search.read(pages, number, Some(0))? {
            return Ok(());
        }
        if search.expanded.header.state == State::Live {
            search.frontier.passed(search.expanded.estimate_error, self.progress.reads == 0);
            search.effort.nodes += 1;
            let found = search.node(number, true);
            self.untested.keep(found)?;
            // Where many match, little is spared by what is known of the others.
            let few = self.progress.share() < MANY_MATCH;
            if few && found.tid_list == NONE && found.tid.is_some() && filter.learns(number)? {
                filter.matches(found.tid, Some(number))?;
            }
        }
        search.spread(pages, true)?;
        if search.frontier.len() > MANY.max(2 * self.compacted) {
            let Search { frontier, visited, .. } = search;
            frontier.compact(|number| !visited.contains(number))?;
            self.compacted = frontier.len();
        }
        Ok(())
    }

    /// Tests the rows of a node, until one matches.
    fn test(
        &mut self,
        search: &mut Search,
        pages: &mut impl Pages,
        filter: &mut impl RowFilter,
        found: Found,
    ) -> Result<()> {
        self.progress.tested += 1;
        let mut matches = false;
        let only = (found.tid_list == NONE).then_some(found.number);
        // What is known costs no test.
        if found.tid.is_some() && !only.is_some_and(|number| filter.is_known_not_to_match(number)) {
            self.progress.tests += 1;
            matches = filter.matches(found.tid, only)?;
        }
        if !matches && found.tid_list != NONE {
            search.read_tids(pages, found)?;
            while !matches && let Some(tid) = search.tids.pop() {
                if tid != found.tid {
                    self.progress.tests += 1;
                    matches = filter.matches(tid, None)?;
                }
            }
            search.tids.clear();
        }
        if matches {
            self.progress.matched += 1;
            self.matched += 1;
            search.frontier.matched(found.distance)?;
            push(&mut search.batch, found)?;
        }
        Ok(())
    }

    /// Whether it is cheaper to read all matches than to walk to `more`; for that, the bitmap of all matches may be asked for.
    /// Where a walk takes more memory than it may, reading is taken for cheaper.
    fn is_dear(&mut self, search: &Search, filter: &mut impl RowFilter, more: usize) -> Result<bool> {
        self.progress.reads = search.effort.hops;
        let Self { progress, wish: Wish { costs, nodes, .. }, listing, wanted, .. } = self;
        let share = progress.share().min(1.0);
        let full = search.memory() + self.untested.bytes() > search.limit.bytes;
        let (size, asked) = match self.bitmap {
            Bitmap::Unknown => return Ok(false),
            Bitmap::Made { size, asked } => (size, asked),
            Bitmap::Unasked => {
                let guess = match listing {
                    Some(guess) => *guess,
                    None => *listing.insert(costs.listing(filter.unread(), *wanted)),
                };
                if !full && !guess.asks(progress, more, *nodes * share) {
                    return Ok(false);
                }
                let Some(expected) = filter.expected(share)? else {
                    self.bitmap = Bitmap::Unknown;
                    self.returned = vec![];
                    return Ok(false);
                };
                if !full && !guess.asks(progress, more, expected) {
                    return Ok(false);
                }
                let (size, asked) = (filter.ask()?, progress.reads);
                *listing = Some(costs.listing(filter.unread(), *wanted));
                self.bitmap = Bitmap::Made { size, asked };
                (size, asked)
            }
        };
        let costs = self.listing.unwrap_or(self.wish.costs);
        Ok(full || costs.reads(progress, more, size, asked))
    }

    /// Lists all matches that were not returned.
    fn read_rest(&mut self, search: &mut Search, filter: &mut impl RowFilter) -> Result<()> {
        search.batch.clear();
        search.deferred.clear();
        search.tids.clear();
        search.frontier.start(1);
        self.untested.clear();
        self.late = vec![];
        let mut returned = std::mem::take(&mut self.returned);
        returned.sort_unstable_by_key(|tid| (tid.block, tid.offset));
        let told = match search.order {
            Order::Strict => search.returned.told(),
            Order::Once | Order::Relaxed => f64::NEG_INFINITY,
        };
        let mut rest = Rest::default();
        filter.read(&mut |tid, listed| {
            let place = |tid: &Tid| (tid.block, tid.offset);
            match returned.binary_search_by_key(&place(&tid), place) {
                Ok(_) => Ok(()),
                Err(_) => rest.push(tid, listed),
            }
        })?;
        self.rest = Some(Left { rest, late: Rest::default(), told });
        Ok(())
    }
}

impl Left {
    /// The next match. Those that come too late come last, if `complete`.
    fn next(&mut self, complete: bool, filter: &mut impl RowFilter) -> Result<Option<(Tid, f64)>> {
        while let Some((tid, distance)) = self.rest.pop(|tid| filter.read_one(tid))? {
            match distance < self.told {
                false => return Ok(Some((tid, distance))),
                true if complete => self.late.push(tid, Listed::Match(distance))?,
                true => {}
            }
        }
        self.late.pop(|tid| filter.read_one(tid))
    }
}
