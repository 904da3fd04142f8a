//! Filtered searches of a sample.

use super::samples::{Sample, tid};
use crate::distance::metric::Metric;
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::hnsw::search::{
    Costs, FilteredSearch, Known, KnownMatches, Listed, Order, Reach, RowFilter, Search, Start, Width, Wish,
};
use std::cell::RefCell;
use std::collections::HashSet;

/// The row of a TID, and the TID of a row.
type Places = (fn(Tid) -> usize, fn(usize) -> Tid);

/// Rows that match, by a set of them.
pub(crate) struct Matches<'a> {
    pub(crate) rows: &'a HashSet<usize>,
    /// Distances of all rows, as SQL shows them.
    pub(crate) distances: Vec<f64>,
    /// Whether there is an index that gives a bitmap.
    pub(crate) indexed: bool,
    /// Share of matches by the statistics, if larger than the share near the query.
    pub(crate) statistics: f64,
    /// Rows that were tested, in order.
    pub(crate) tested: Vec<usize>,
    pub(crate) asked: u64,
    pub(crate) read: u64,
    /// Which row a TID is of, and the reverse.
    pub(crate) places: Places,
    /// Of rows whose distances have bounds that are known, how far a bound is off; of one in three, if there is such a number.
    pub(crate) unread: Option<f64>,
    /// Rows among them that were read.
    pub(crate) read_later: Vec<usize>,
    /// What is known of nodes, and learned.
    pub(crate) known: Option<&'a RefCell<KnownMatches>>,
}

impl<'a> Matches<'a> {
    pub(crate) fn new(rows: &'a HashSet<usize>, distances: Vec<f64>, indexed: bool) -> Self {
        let places: Places = (|tid| tid.block as usize, tid);
        Self {
            rows,
            distances,
            indexed,
            statistics: 0.0,
            tested: vec![],
            asked: 0,
            read: 0,
            places,
            unread: None,
            read_later: vec![],
            known: None,
        }
    }
}

impl RowFilter for Matches<'_> {
    fn matches(&mut self, tid: Tid, node: Option<u32>) -> Result<bool> {
        let row = self.places.0(tid);
        if self.asked == 0 {
            self.tested.push(row);
        }
        let matches = self.rows.contains(&row);
        if let (Some(known), Some(node)) = (self.known, node) {
            known.borrow_mut().set(node, matches, usize::MAX)?;
        }
        Ok(matches)
    }

    fn is_known_not_to_match(&self, node: u32) -> bool {
        self.known.is_some_and(|known| known.borrow().get(node) == Some(false))
    }

    fn learns(&mut self, node: u32) -> Result<bool> {
        self.known.map_or(Ok(false), |known| known.borrow_mut().meet(node, usize::MAX))
    }

    fn expected(&mut self, share: f64) -> Result<Option<f64>> {
        Ok(self.indexed.then(|| self.distances.len() as f64 * share.max(self.statistics)))
    }

    fn ask(&mut self) -> Result<u64> {
        self.asked += 1;
        Ok(self.rows.len() as u64)
    }

    fn unread(&mut self) -> f64 {
        if self.unread.is_some() { 2.0 / 3.0 } else { 0.0 }
    }

    fn read(&mut self, take: &mut dyn FnMut(Tid, Listed) -> Result<()>) -> Result<()> {
        self.read += 1;
        let all = self.distances.len();
        (0..all)
            .filter(|row| self.rows.contains(row) || self.unread.is_some() && row % 400 == 1)
            .try_for_each(|row| {
                let listed = match self.unread {
                    Some(off) if row % 3 != 0 || !self.rows.contains(&row) => {
                        Listed::Unread(self.distances[row] - off)
                    }
                    _ => Listed::Match(self.distances[row]),
                };
                take(self.places.1(row), listed)
            })
    }

    fn read_one(&mut self, tid: Tid) -> Result<Option<f64>> {
        let row = self.places.0(tid);
        self.read_later.push(row);
        Ok(self.rows.contains(&row).then(|| self.distances[row]))
    }
}

/// What a filtered search has come to.
pub(crate) struct Outcome {
    pub(crate) rows: Vec<usize>,
    pub(crate) known: Vec<Known>,
    /// Node records of level 0 and of TID lists that were read.
    pub(crate) reads: u64,
    /// Rows that were tested without a bitmap.
    pub(crate) tested: Vec<usize>,
    pub(crate) asked: u64,
    pub(crate) read: u64,
    /// Rows that were read after all had been listed.
    pub(crate) read_later: Vec<usize>,
}

/// How to search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) order: Order,
    pub(crate) complete: bool,
    /// Rows that are asked for beforehand.
    pub(crate) wanted: Option<usize>,
    /// Rows that are taken.
    pub(crate) taken: usize,
    pub(crate) whole: bool,
    pub(crate) ef: usize,
}

impl Default for How {
    fn default() -> Self {
        Self { order: Order::Strict, complete: true, wanted: None, taken: 10, whole: false, ef: 40 }
    }
}

impl Sample {
    /// The distances of all rows, as SQL shows them.
    pub(crate) fn distances(&self, query: &[f32]) -> Vec<f64> {
        let square: f64 = query.iter().map(|x| f64::from(*x).powi(2)).sum();
        let shown = |distance: f64| match (self.layout.uncoded(), self.layout.metric()) {
            (Some(uncoded), _) => uncoded.shown(distance as f32),
            (_, Metric::L2) => (distance + square).max(0.0).sqrt(),
            (_, Metric::Cosine) => 1.0 + distance / square.sqrt(),
            _ => distance,
        };
        (0..self.rows.len()).map(|row| shown(self.distance(query, row))).collect()
    }

    /// Rows that match, by a filtered search.
    pub(crate) fn filtered(&mut self, query: &[f32], filter: Matches<'_>, how: How) -> Outcome {
        self.try_filtered(query, filter, how).unwrap()
    }

    /// As [`filtered`](Self::filtered), of pages that may be corrupted.
    pub(crate) fn try_filtered(
        &mut self,
        query: &[f32],
        mut filter: Matches<'_>,
        how: How,
    ) -> Result<Outcome> {
        let width = Width::of(&self.layout, how.ef, how.wanted);
        let mut search = Search::new(self.layout);
        let starts: Vec<Start> =
            self.index.root.iter().map(|root| Start { root: *root, all: how.whole }).collect();
        search.start_several(&self.rotation, query, &starts, Reach::Near(width), how.order).unwrap();
        let wish = Wish {
            rows: how.wanted,
            ef: how.ef,
            nodes: self.there.len() as f64,
            complete: how.complete,
            costs: Costs::INLINE,
        };
        let mut filtered = FilteredSearch::new(wish);
        let (mut rows, mut known) = (vec![], vec![]);
        while rows.len() < how.taken
            && let Some((tid, of)) = filtered.next(&mut search, &mut self.index.memory, &mut filter)?
        {
            rows.push(tid.block as usize);
            known.push(of);
        }
        assert_eq!(filtered.reads_rest(), filter.read > 0);
        assert!(filter.asked <= 1 && filter.read <= filter.asked);
        let Matches { tested, asked, read, read_later, .. } = filter;
        let reads = search.effort.hops + search.effort.tid_lists;
        Ok(Outcome { rows, known, reads, tested, asked, read, read_later })
    }
}
