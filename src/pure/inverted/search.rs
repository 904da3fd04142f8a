//! Finds the best rows of an index for a query.
//!
//! The rows of a key in a segment follow one another. They are divided into windows of their numbers. For each
//! window, the bounds of the blocks that reach into it are summed: no score there is larger. Windows are looked at
//! while their bound is above the score of the k-th best row so far, first a few with the largest bounds, so that
//! this score soon is large, then the others in order (block-max pruning; Ding and Suel, SIGIR 2011; windows as in
//! BMP; Mallia, Suel and Tonellotto, SIGIR 2024). Within a window, products of short posting lists are summed first,
//! with the bounds of the long ones (as in MaxScore; Turtle and Flood, 1995); if a row's sum is above that score,
//! blocks of the long lists are read, and all products summed.
//!
//! Scores are what the operator computes, bit for bit: products are added in the order of the dimensions, in `f32`.
//! Bounds are added in the same order, and rounding keeps the order of sums whose terms are in order, so no bound is
//! too small.

use super::dictionary::{self, Name, Term};
use super::docs;
use super::page::Owner;
use super::pending::{Step, walk};
use super::query::Query;
use super::root::{List, Root, Segment};
use super::storage::Pages;
use super::term::{Cursor, bound};
use super::trouble::Reading;
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::{Reserve, filled, push, with_room};
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};

/// Rows of a window, as a power of two, as long as there are not too many windows.
const SHIFT: u32 = 7;
/// Maximum windows of a segment of up to 2^26 rows.
const WINDOWS: u64 = 1 << 14;
/// Windows that are looked at first.
const FIRST: usize = 32;
/// Maximum postings of a term that are all read.
const FEW: usize = 16384;
/// Maximum postings of all terms that are all read.
const ALL: usize = 1 << 20;
/// Maximum terms whose bounds are kept for each window.
const LONG: usize = 64;

/// A place in the order of rows: the better row is the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// Larger for smaller scores; the largest for NaN.
    order: u32,
    /// Among equal scores, the row.
    row: u64,
}

impl Rank {
    /// The place of a row.
    pub fn new(score: f32, tid: Tid) -> Self {
        // Adding 0 makes -0 the same as 0.
        let bits = (score + 0.0).to_bits();
        let ascending = if bits >> 31 == 0 { bits | 1 << 31 } else { !bits };
        let order = if score.is_nan() { u32::MAX } else { !ascending };
        Self { order, row: u64::from(tid.block) << 16 | u64::from(tid.offset) }
    }

    /// The row.
    pub fn tid(self) -> Tid {
        Tid { block: (self.row >> 16) as u32, offset: self.row as u16 }
    }

    /// The score.
    pub fn score(self) -> f32 {
        if self.order == u32::MAX {
            return f32::NAN;
        }
        let ascending = !self.order;
        f32::from_bits(if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending })
    }

    /// Whether the scores are equal.
    pub fn ties(self, other: Self) -> bool {
        self.order == other.order
    }
}

/// Which rows are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// Rows of positive scores: of smaller ones than this, or of an equal one if they are not among these.
    Positive(Option<(f32, &'a HashSet<Tid>)>),
    /// Rows of other scores, behind this place.
    Rest(Option<Rank>),
}

/// The best rows so far.
#[derive(Debug)]
pub struct Best<'a> {
    wanted: Wanted<'a>,
    max: usize,
    /// The worst first.
    heap: BinaryHeap<Rank>,
}

impl<'a> Best<'a> {
    /// At most `max` rows, at least one.
    pub fn new(wanted: Wanted<'a>, max: usize) -> Self {
        Self { wanted, max: max.max(1), heap: BinaryHeap::new() }
    }

    /// Of positive scores: none up to this one is wanted any more.
    fn threshold(&self) -> f32 {
        if self.heap.len() < self.max { 0.0 } else { self.heap.peek().map_or(0.0, |worst| worst.score()) }
    }

    /// Whether a row of that score may be wanted.
    fn may_want(&self, score: f32) -> bool {
        match self.wanted {
            Wanted::Positive(limit) => {
                score > self.threshold() && limit.is_none_or(|(limit, _)| score <= limit)
            }
            Wanted::Rest(after) => {
                let first = Rank::new(score, Tid { block: 0, offset: 0 });
                let full = self.heap.len() >= self.max;
                // NaN is not positive.
                let rest = !matches!(score.partial_cmp(&0.0), Some(Ordering::Greater));
                rest && after.is_none_or(|after| first.order >= after.order)
                    && !(full && self.heap.peek().is_some_and(|worst| first >= *worst))
            }
        }
    }

    /// Takes a row if it is wanted.
    fn offer(&mut self, score: f32, tid: Tid) -> Result<()> {
        if !tid.is_some() || !self.may_want(score) {
            return Ok(());
        }
        let new = Rank::new(score, tid);
        let wanted = match self.wanted {
            Wanted::Positive(Some((limit, returned))) => score < limit || !returned.contains(&tid),
            Wanted::Positive(None) => true,
            Wanted::Rest(after) => after.is_none_or(|after| new > after),
        };
        let full = self.heap.len() >= self.max;
        if !wanted || (full && self.heap.peek().is_some_and(|worst| new >= *worst)) {
            return Ok(());
        }
        if !full {
            self.heap.room_for(1)?;
            self.heap.push(new);
        } else if let Some(mut worst) = self.heap.peek_mut() {
            *worst = new;
        }
        Ok(())
    }

    /// Forgets all rows.
    fn clear(&mut self) {
        self.heap.clear();
    }

    /// The rows, the best one last.
    pub fn into_worst_first(self) -> Vec<Rank> {
        let mut all = self.heap.into_vec();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }
}

/// Looks for the best rows of what hangs below a root, of those with one of the keys, which ascend.
///
/// # Errors
/// [`Gone`](super::trouble::Trouble::Gone) if the root has changed meanwhile; bytes that cannot have been written;
/// those of the pages.
pub fn search(
    pages: &mut impl Pages,
    (page, root): (u32, &Root),
    (keys, query): (&[u32], &Query),
    best: &mut Best<'_>,
) -> Reading<()> {
    best.clear();
    for list in [&root.pending, &root.frozen] {
        pending(pages, (page, list), (keys, query), best)?;
    }
    let mut segments: Vec<&Segment> = with_room(root.segments.len())?;
    segments.extend(&root.segments);
    segments.sort_unstable_by_key(|segment| std::cmp::Reverse(segment.docs));
    for segment in segments {
        let owner = segment.owner(page);
        for key in keys {
            pages.check_interrupts()?;
            if let Some(rows) = dictionary::find(pages, segment, owner, Name::rows(*key))? {
                in_rows(pages, (segment, owner, rows), query, best)?;
            }
        }
    }
    Ok(())
}

/// Looks at the rows of a list.
fn pending(
    pages: &mut impl Pages,
    (page, list): (u32, &List),
    (keys, query): (&[u32], &Query),
    best: &mut Best<'_>,
) -> Reading<()> {
    let (mut score, mut at) = (0.0, 0);
    walk(pages, list, page, |step| {
        let Step::Entry(entry) = step else { return Ok(true) };
        if keys.binary_search(&entry.key).is_err() {
            return Ok(true);
        }
        for (dim, value) in entry.elements() {
            while query.dims.get(at).is_some_and(|wanted| *wanted < dim) {
                at += 1;
            }
            match query.dims.get(at) {
                None => break,
                Some(wanted) if *wanted == dim => score += query.values[at] * value,
                Some(_) => {}
            }
        }
        if !entry.continues {
            best.offer(score, entry.tid)?;
            (score, at) = (0.0, 0);
        }
        Ok(true)
    })
}

/// Looks at the rows of a key in a segment.
fn in_rows(
    pages: &mut impl Pages,
    (segment, owner, rows): (&Segment, Owner, Term),
    query: &Query,
    best: &mut Best<'_>,
) -> Reading<()> {
    let positive = matches!(best.wanted, Wanted::Positive(_));
    let mut terms: Vec<(Term, f32)> = Vec::new();
    let mut most = 0.0;
    for (dim, value) in query.elements() {
        if let Some(term) = dictionary::find(pages, segment, owner, Name::dim(rows.name.key, dim))? {
            most += bound(value, term.max, term.min);
            push(&mut terms, (term, value))?;
        }
    }
    if positive && most <= best.threshold() {
        return Ok(());
    }
    let (start, len) = (rows.place.page, rows.count);
    let (mut cursors, mut left): (Vec<Cursor>, usize) = (with_room(terms.len())?, ALL);
    for term in terms {
        pages.check_interrupts()?;
        let few = if positive { FEW.min(len as usize / 4).min(left) } else { 0 };
        let cursor = Cursor::new(pages, owner, term, start + len, few)?;
        left = left.saturating_sub(cursor.held());
        cursors.push(cursor);
    }
    let mut shift = SHIFT;
    while u64::from(len) >> shift > WINDOWS && shift < 12 {
        shift += 1;
    }
    let count = (len as usize).div_ceil(1 << shift);
    let scores = filled(0.0, 1 << shift)?;
    let mut window = Window {
        owner,
        segment,
        start,
        len,
        cursors,
        shift,
        scores,
        found: Vec::new(),
        tids: Vec::new(),
        long: Vec::new(),
    };
    if !positive {
        return (0..count as u32).try_for_each(|number| window.look(pages, number, best));
    }
    let bounds = window.bounds(count)?;
    let mut above: Vec<u32> = Vec::new();
    for (number, bound) in (0..).zip(&bounds) {
        if *bound > best.threshold() {
            push(&mut above, number)?;
        }
    }
    let by_bound = |a: &u32, b: &u32| bounds[*b as usize].total_cmp(&bounds[*a as usize]).then(a.cmp(b));
    if above.len() > FIRST {
        above.select_nth_unstable_by(FIRST, by_bound);
    }
    let early = above.len().min(FIRST);
    let (first, rest) = above.split_at_mut(early);
    first.sort_unstable_by(by_bound);
    rest.sort_unstable();
    for number in first.iter().chain(rest.iter()) {
        let threshold = best.threshold();
        if bounds[*number as usize] > threshold
            && (window.long.is_empty() || window.may_be_above(pages, *number, threshold)?)
        {
            window.look(pages, *number, best)?;
        }
    }
    Ok(())
}

/// Rows of a key in a segment, as many as are looked at together.
struct Window<'a> {
    owner: Owner,
    segment: &'a Segment,
    /// The key's first row, and how many it has.
    start: u32,
    len: u32,
    /// In the order of dimensions.
    cursors: Vec<Cursor>,
    shift: u32,
    scores: Vec<f32>,
    found: Vec<(f32, u32)>,
    tids: Vec<Tid>,
    /// For each term whose postings are not all in memory, the bounds of all windows; none if there are too many such
    /// terms.
    long: Vec<Vec<f32>>,
}

impl Window<'_> {
    /// For each window, a score that no row there surpasses.
    fn bounds(&mut self, count: usize) -> Result<Vec<f32>> {
        let (mut sums, mut most): (Vec<f32>, Vec<f32>) = (filled(0.0, count)?, filled(0.0, count)?);
        let keep = self.cursors.iter().filter(|cursor| cursor.is_long()).count() <= LONG;
        for cursor in &self.cursors {
            most.fill(0.0);
            cursor.bounds(self.start, self.shift, &mut most);
            sums.iter_mut().zip(&most).for_each(|(sum, most)| *sum += most);
            if cursor.is_long() && keep {
                push(&mut self.long, std::mem::replace(&mut most, filled(0.0, count)?))?;
            }
        }
        Ok(sums)
    }

    /// Whether a row of the window may be above a score, by the postings in memory and the bounds of the others,
    /// which are added in the order of dimensions as well.
    fn may_be_above(&mut self, pages: &mut impl Pages, number: u32, score: f32) -> Reading<bool> {
        pages.check_interrupts()?;
        let (first, len) = self.place(number);
        let scores = &mut self.scores[..len];
        scores.fill(0.0);
        let mut long = self.long.iter();
        for cursor in &mut self.cursors {
            if cursor.is_long() {
                let bound = long.next().and_then(|bounds| bounds.get(number as usize)).copied();
                let bound = bound.unwrap_or(f32::INFINITY);
                scores.iter_mut().for_each(|score| *score += bound);
            } else {
                cursor.add(pages, self.owner, self.start + self.len, first, scores)?;
            }
        }
        Ok(scores.iter().fold(false, |any, sum| any | (*sum > score)))
    }

    /// The first row of a window, and how many it has.
    fn place(&self, number: u32) -> (u32, usize) {
        let from = number << self.shift;
        (self.start + from, (self.len - from).min(1 << self.shift) as usize)
    }

    /// Sums the products of a window and offers its rows.
    fn look(&mut self, pages: &mut impl Pages, number: u32, best: &mut Best<'_>) -> Reading<()> {
        pages.check_interrupts()?;
        let ((first, len), end) = (self.place(number), self.start + self.len);
        let Self { segment, owner, cursors, scores, found, tids, .. } = self;
        let (owner, scores) = (*owner, &mut scores[..len]);
        scores.fill(0.0);
        for cursor in cursors {
            cursor.add(pages, owner, end, first, scores)?;
        }
        if matches!(best.wanted, Wanted::Rest(_)) {
            let mut rest = &*scores;
            while !rest.is_empty() {
                let row = first + (len - rest.len()) as u32;
                tids.clear();
                docs::some(pages, segment, owner, (row, rest.len()), &mut |tid| push(tids, tid))?;
                let (now, after) = rest.split_at(tids.len().min(rest.len()));
                now.iter().zip(&*tids).try_for_each(|(score, tid)| best.offer(*score, *tid))?;
                rest = after;
            }
            return Ok(());
        }
        found.clear();
        let threshold = best.threshold();
        for (row, score) in (first..).zip(scores.iter()) {
            if *score > threshold && best.may_want(*score) {
                push(found, (*score, row))?;
            }
        }
        found.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        for (score, row) in found {
            if *score <= best.threshold() {
                break;
            }
            tids.clear();
            docs::some(pages, segment, owner, (*row, 1), &mut |tid| push(tids, tid))?;
            tids.iter().try_for_each(|tid| best.offer(*score, *tid))?;
        }
        Ok(())
    }
}
