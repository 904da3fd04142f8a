//! A dimension of the query in a segment: its postings, and what they can add to a score.

use super::block::{BLOCK, Postings};
use super::dictionary::{Place, Term};
use super::page::{HEADER, Kind, Owner, View, corrupted};
use super::skip::{self, Skip};
use super::storage::{Pages, view};
use super::trouble::Reading;
use crate::fault::Result;
use crate::memory::allocation::with_room;

/// No block.
const NONE: usize = usize::MAX;

/// Postings of one dimension, with the query's value.
#[derive(Debug)]
pub struct Cursor {
    value: f32,
    term: Term,
    postings: Where,
}

#[derive(Debug)]
enum Where {
    /// All of them, in memory.
    All {
        rows: Vec<u32>,
        weights: Vec<f32>,
        /// The first of the window that was looked at last.
        at: usize,
    },
    /// On pages; the block that was read last.
    Blocks { skips: Vec<Skip>, current: usize, block: Box<Postings> },
}

/// The most that postings with weights between `min` and `max` add to a score, not less than nothing.
#[inline]
pub fn bound(value: f32, max: f32, min: f32) -> f32 {
    (if value > 0.0 { value * max } else { value * min }).max(0.0)
}

/// Decodes a block of a page, of so many postings of rows below `docs`.
fn decode(view: View<'_>, (place, count, docs): (Place, usize, u32), block: &mut Postings) -> Result<()> {
    let bytes = view.content.get(usize::from(place.offset).wrapping_sub(HEADER)..);
    block.read(bytes.unwrap_or_default(), docs)?;
    if block.len == count {
        return Ok(());
    }
    Err(corrupted(format_args!("block of {} postings, not {count}", block.len)))
}

impl Cursor {
    /// Prepares a term. Of terms with at most `few` postings, all are read.
    ///
    /// # Errors
    /// As `page::open`; postings that cannot have been written; `53200`.
    pub fn new(
        pages: &mut impl Pages,
        owner: Owner,
        (term, value): (Term, f32),
        docs: u32,
        few: usize,
    ) -> Reading<Self> {
        let count = term.count as usize;
        if count == 1 {
            let (mut rows, mut weights) = (with_room(1)?, with_room(1)?);
            rows.push(term.place.page);
            weights.push(term.max);
            return Ok(Self { value, term, postings: Where::All { rows, weights, at: 0 } });
        }
        let mut block: Box<Postings> = Box::default();
        let skips = if count > BLOCK { skip::read(pages, owner, &term, docs)? } else { Vec::new() };
        if count > few.max(BLOCK) {
            return Ok(Self { value, term, postings: Where::Blocks { skips, current: NONE, block } });
        }
        let (mut rows, mut weights): (Vec<u32>, Vec<f32>) = (with_room(count)?, with_room(count)?);
        let only = [Skip { last: 0, max: term.max, min: term.min, place: term.place }];
        let mut rest = if skips.is_empty() { &only[..] } else { &skips };
        while let Some(Skip { place: Place { page, .. }, .. }) = rest.first().copied() {
            pages.check_interrupts()?;
            // All blocks of a page at once.
            view(pages, page, owner, Kind::Blocks, |view| {
                while let Some((skip, after)) = rest.split_first().filter(|(skip, _)| skip.place.page == page)
                {
                    decode(view, (skip.place, (count - rows.len()).min(BLOCK), docs), &mut block)?;
                    if rows.last().is_some_and(|before| *before >= block.docs[0]) {
                        return Err(corrupted(format_args!("{}: its blocks overlap", term.name)).into());
                    }
                    rows.extend_from_slice(block.docs());
                    weights.extend_from_slice(block.weights());
                    rest = after;
                }
                Ok(())
            })?;
        }
        Ok(Self { value, term, postings: Where::All { rows, weights, at: 0 } })
    }

    /// Raises, for each window of 2^`shift` rows from `start` on, `most` to the most that a posting there adds to a
    /// score.
    pub fn bounds(&self, start: u32, shift: u32, most: &mut [f32]) {
        // Rows before the first window, which a sound index has none of, are in no window.
        let window = |row: u32| (row.wrapping_sub(start) >> shift) as usize;
        match &self.postings {
            Where::All { rows, weights, .. } => {
                for (row, weight) in rows.iter().zip(weights) {
                    if let Some(most) = most.get_mut(window(*row)) {
                        *most = most.max(self.value * weight);
                    }
                }
            }
            Where::Blocks { skips, .. } => {
                let mut first = start;
                for skip in skips.iter().filter(|skip| skip.last >= start) {
                    let bound = bound(self.value, skip.max, skip.min);
                    let windows = most.get_mut(window(first)..=window(skip.last));
                    windows.unwrap_or_default().iter_mut().for_each(|most| *most = most.max(bound));
                    first = skip.last + 1;
                }
            }
        }
    }

    /// Adds the products of the rows from `first` on to their scores.
    ///
    /// # Errors
    /// As `page::open`; postings that cannot have been written.
    pub fn add(
        &mut self,
        pages: &mut impl Pages,
        owner: Owner,
        docs: u32,
        first: u32,
        scores: &mut [f32],
    ) -> Reading<()> {
        let end = first.saturating_add(scores.len() as u32);
        let value = self.value;
        let mut products = |rows: &[u32], weights: &[f32]| {
            let from = if rows.first().is_some_and(|row| *row < first) {
                rows.partition_point(|row| *row < first)
            } else {
                0
            };
            for (row, weight) in rows.iter().zip(weights).skip(from) {
                match scores.get_mut((row - first) as usize) {
                    Some(score) => *score += value * weight,
                    None => break,
                }
            }
        };
        match &mut self.postings {
            Where::All { rows, weights, at } => {
                // Windows mostly come in order.
                let known =
                    rows.get(*at).is_none_or(|row| *row >= first) && (*at == 0 || rows[*at - 1] < first);
                if !known {
                    let from = if rows.get(*at).is_some_and(|row| *row < first) { *at } else { 0 };
                    let near = rows.get(from..from + 16).is_some_and(|near| near[15] >= first);
                    let to = if near { from + 16 } else { rows.len() };
                    *at = from + rows[from..to].partition_point(|row| *row < first);
                }
                products(&rows[*at..], &weights[*at..]);
            }
            Where::Blocks { skips, current, block } => {
                let mut at = match *current {
                    // Windows mostly come in order.
                    known if known != NONE && (known == 0 || skips[known - 1].last < first) => {
                        known + skips[known..].iter().take_while(|skip| skip.last < first).take(4).count()
                    }
                    _ => 0,
                };
                if skips.get(at).is_some_and(|skip| skip.last < first) {
                    at = skips.partition_point(|skip| skip.last < first);
                }
                while let Some(skip) = skips.get(at) {
                    if *current != at {
                        *current = NONE;
                        let count = (self.term.count as usize - at * BLOCK).min(BLOCK);
                        view(pages, skip.place.page, owner, Kind::Blocks, |view| {
                            Ok(decode(view, (skip.place, count, docs), block)?)
                        })?;
                        let after = at.checked_sub(1).is_none_or(|before| skips[before].last < block.docs[0]);
                        if !after || block.docs().last() != Some(&skip.last) {
                            return Err(
                                corrupted(format_args!("{}: a block is another", self.term.name)).into()
                            );
                        }
                        *current = at;
                    }
                    products(block.docs(), block.weights());
                    if skip.last >= end - 1 {
                        break;
                    }
                    at += 1;
                }
            }
        }
        Ok(())
    }

    /// Whether only some postings are in memory.
    pub fn is_long(&self) -> bool {
        matches!(self.postings, Where::Blocks { .. })
    }

    /// How many postings are in memory.
    pub fn held(&self) -> usize {
        match &self.postings {
            Where::All { rows, .. } => rows.len(),
            Where::Blocks { .. } => BLOCK,
        }
    }
}
