//! All rows of an index in the order of their scores, as many as are asked for.
//!
//! Rows are found in batches, each of which reads the index anew from its root; a batch that finds the root's
//! segments changed begins again. The next batch knows what was returned by score and TID, whatever segments the rows
//! are in by then. Rows of positive scores come first, found by bounds; then the others, for which all rows are
//! looked at.

use super::docs::Living;
use super::pending::{Step, walk};
use super::query::Query;
use super::root::{self, Root};
use super::search::{Best, Rank, Wanted, search};
use super::storage::Pages;
use super::trouble::{Reading, Trouble};
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::{Reserve, push};
use std::collections::HashSet;

/// How much larger each batch is than the one before.
const GROWTH: usize = 8;
/// Maximum rows of a batch.
const MAX_BATCH: usize = 1 << 19;

/// A row with its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Hit {
    /// The row.
    pub tid: Tid,
    /// The inner product with the query, as the operator computes it; 0 is never negative.
    pub score: f32,
}

/// A scan under way.
#[derive(Debug)]
pub struct Scan {
    root: u32,
    /// Ascending, each once.
    keys: Vec<u32>,
    query: Query,
    /// Rows of the next batch.
    batch: usize,
    phase: Phase,
    /// The rows found, the best one last.
    found: Vec<Rank>,
    /// The last row of positive score that was found, and those with the same score.
    last: Option<Rank>,
    tied: HashSet<Tid>,
    /// Batches that were searched for.
    batches: u64,
}

#[derive(Debug, Clone, Copy)]
enum Phase {
    Positive,
    /// Behind this place.
    Rest(Option<Rank>),
    Done,
}

impl Scan {
    /// Of the rows with one of these keys, of what hangs below a root; where there are no keys, all rows have 0.
    /// `first`: how many rows will probably be asked for.
    pub fn new(root: u32, mut keys: Vec<u32>, query: Query, first: usize) -> Self {
        keys.sort_unstable();
        keys.dedup();
        Self {
            root,
            keys,
            query,
            batch: first.clamp(1, MAX_BATCH),
            phase: Phase::Positive,
            found: Vec::new(),
            last: None,
            tied: HashSet::new(),
            batches: 0,
        }
    }

    /// Batches that were searched for so far.
    pub fn batches(&self) -> u64 {
        self.batches
    }

    /// The next row.
    ///
    /// # Errors
    /// An index whose bytes cannot have been written; `53200`; those of the pages.
    pub fn next(&mut self, pages: &mut impl Pages) -> Result<Option<Hit>> {
        loop {
            if let Some(rank) = self.found.pop() {
                return Ok(Some(Hit { tid: rank.tid(), score: rank.score() }));
            }
            match self.phase {
                Phase::Positive => self.positive(pages)?,
                Phase::Rest(after) => self.rest(pages, after)?,
                Phase::Done => return Ok(None),
            }
        }
    }

    fn positive(&mut self, pages: &mut impl Pages) -> Result<()> {
        let limit = self.last.map(|last| (last.score(), &self.tied));
        self.found = find(
            pages,
            self.root,
            (&self.keys, &self.query),
            Best::new(Wanted::Positive(limit), self.batch),
        )?;
        self.batches += 1;
        if self.found.len() < self.batch {
            self.phase = Phase::Rest(None);
            (self.last, self.tied) = (None, HashSet::new());
            return Ok(());
        }
        if let Some(worst) = self.found.first().copied() {
            if self.last.is_none_or(|last| !last.ties(worst)) {
                self.tied.clear();
            }
            let ties = self.found.iter().take_while(|rank| rank.ties(worst));
            self.tied.room_for(ties.clone().count())?;
            self.tied.extend(ties.map(|rank| rank.tid()));
            self.last = Some(worst);
        }
        self.grow();
        Ok(())
    }

    fn rest(&mut self, pages: &mut impl Pages, after: Option<Rank>) -> Result<()> {
        self.found =
            find(pages, self.root, (&self.keys, &self.query), Best::new(Wanted::Rest(after), self.batch))?;
        self.batches += 1;
        self.phase = match self.found.first() {
            Some(worst) if self.found.len() >= self.batch => Phase::Rest(Some(*worst)),
            _ => Phase::Done,
        };
        self.grow();
        Ok(())
    }

    fn grow(&mut self) {
        self.batch = self.batch.saturating_mul(GROWTH).min(MAX_BATCH);
    }
}

/// The best rows, the best one last.
fn find(pages: &mut impl Pages, page: u32, asked: (&[u32], &Query), mut best: Best<'_>) -> Result<Vec<Rank>> {
    at_once(pages, page, |pages, root| search(pages, (page, root), asked, &mut best))?;
    Ok(best.into_worst_first())
}

/// Reads what hangs below a root, again if that has changed meanwhile.
fn at_once<P: Pages, T>(
    pages: &mut P,
    page: u32,
    mut read: impl FnMut(&mut P, &Root) -> Reading<T>,
) -> Result<T> {
    let mut root = root::read(pages, page)?;
    loop {
        match read(pages, &root) {
            Ok(result) => return Ok(result),
            Err(Trouble::Fault(fault)) => return Err(fault),
            Err(gone) => {
                // A page goes only after the root has changed.
                let now = root::read(pages, page)?;
                if now.changes == root.changes {
                    return Err(gone.into_fault());
                }
                root = now;
            }
        }
    }
}

/// The TIDs of all rows, of all keys, in no order.
///
/// # Errors
/// An index whose bytes cannot have been written; `53200`; those of the pages.
pub fn all_rows(pages: &mut impl Pages, page: u32) -> Result<Vec<Tid>> {
    at_once(pages, page, |pages, root| {
        let mut all: Vec<Tid> = Vec::new();
        for list in [&root.pending, &root.frozen] {
            walk(pages, list, page, |step| {
                if let Step::Entry(entry) = step
                    && !entry.continues
                {
                    push(&mut all, entry.tid)?;
                }
                Ok(true)
            })?;
        }
        for segment in &root.segments {
            Living::read(pages, segment, segment.owner(page), |tid| push(&mut all, tid))?;
        }
        Ok(all)
    })
}
