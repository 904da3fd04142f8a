//! Reads a segment's terms and postings in order, and compares all that is written twice: for merges and the check.

use super::block::{BLOCK, Postings};
use super::dictionary::{self, Name, Place, Term};
use super::page::{HEADER, Kind, Owner, corrupted};
use super::root::Segment;
use super::skip::Skip;
use super::storage::{Copied, Pages};
use super::trouble::Reading;
use crate::fault::Result;

/// A place among the terms of a segment.
#[derive(Debug)]
pub struct TermReader {
    segment: Segment,
    owner: Owner,
    leaf: Copied,
    /// Entries of the leaf that were read.
    at: usize,
    /// The next leaf, or 0.
    next: u32,
    /// Terms and postings that were read, and keys among the terms.
    seen: (u32, u64, u32),
    /// The rows of the key: the first, and the first of the next key.
    rows: (u32, u32),
    /// The term that was read last; `None` behind the last one.
    pub term: Option<Term>,
    skips: Copied,
    blocks: Copied,
    block: Box<Postings>,
}

impl TermReader {
    /// At the first term.
    ///
    /// # Errors
    /// As [`advance`](Self::advance).
    pub fn new(pages: &mut impl Pages, segment: &Segment, owner: Owner) -> Reading<Self> {
        let next = dictionary::leaf(pages, segment, owner, None)?.unwrap_or(0);
        let mut new = Self {
            segment: *segment,
            owner,
            leaf: Copied::default(),
            at: 0,
            next,
            seen: (0, 0, 0),
            rows: (0, 0),
            term: None,
            skips: Copied::default(),
            blocks: Copied::default(),
            block: Box::default(),
        };
        new.advance(pages)?;
        Ok(new)
    }

    /// Goes to the next term.
    ///
    /// # Errors
    /// As `page::open_whole`; terms that cannot have been written.
    pub fn advance(&mut self, pages: &mut impl Pages) -> Reading<()> {
        let before = self.term.take();
        let entry = loop {
            if let Some(entry) = self.leaf.content.as_chunks::<{ Term::BYTES }>().0.get(self.at) {
                break entry;
            }
            if self.next == 0 {
                let Segment { terms, postings, keys, docs, .. } = self.segment;
                if (self.seen, self.rows.1) != ((terms, postings, keys), docs) {
                    let what = "terms, postings and keys, then rows";
                    let text = format_args!("{what}: {:?}, not {:?}", (self.seen, self.rows.1), self.segment);
                    return Err(corrupted(text).into());
                }
                return Ok(());
            }
            pages.check_interrupts()?;
            self.leaf.read(pages, self.next, self.owner, Kind::Terms)?;
            if self.leaf.content.is_empty() {
                return Err(corrupted(format_args!("page {} has no terms", self.leaf.page)).into());
            }
            (self.at, self.next) = (0, self.leaf.next);
        };
        let term = Term::read(entry, self.segment.docs)?;
        let (name, is_rows) = (term.name, term.name.is_rows());
        let new_key = before.is_none_or(|before| before.name.key != name.key);
        let out_of_order = before.is_some_and(|before| before.name >= name) || new_key != is_rows;
        if out_of_order || self.seen.0 == self.segment.terms || (is_rows && term.place.page != self.rows.1) {
            return Err(corrupted(format_args!("{name} is out of order")).into());
        }
        self.at += 1;
        self.seen.0 += 1;
        if is_rows {
            self.rows = (term.place.page, term.place.page + term.count);
            self.seen.2 += 1;
        } else {
            self.seen.1 += u64::from(term.count);
        }
        self.term = Some(term);
        Ok(())
    }

    /// Calls `each` with the rows and weights of the term's blocks; of the term of a key's rows, with none.
    ///
    /// # Errors
    /// As `page::open_whole`; postings that cannot have been written; those of `each`.
    pub fn postings<P: Pages>(
        &mut self,
        pages: &mut P,
        mut each: impl FnMut(&mut P, &[u32], &[f32]) -> Result<()>,
    ) -> Reading<()> {
        let Some(term) = self.term.filter(|term| !term.name.is_rows()) else { return Ok(()) };
        let (start, end) = self.rows;
        if term.count == 1 {
            if !(start..end).contains(&term.place.page) {
                return Err(corrupted(format_args!("{} has row {}", term.name, term.place.page)).into());
            }
            return Ok(each(pages, &[term.place.page], &[term.max])?);
        }
        if term.count as usize <= BLOCK {
            self.block(pages, term.place)?;
            let block = &self.block;
            if block.len != term.count as usize
                || block.bounds() != (term.max, term.min)
                || block.docs[0] < start
            {
                return Err(corrupted(format_args!("{}: its block is another", term.name)).into());
            }
            return Ok(each(pages, block.docs(), block.weights())?);
        }
        let (mut left, mut before) = (term.count as usize, start.checked_sub(1));
        let Place { mut page, offset } = term.place;
        let mut at = usize::from(offset).wrapping_sub(HEADER);
        let mut bounds: Option<(f32, f32)> = None;
        while left > 0 {
            pages.check_interrupts()?;
            self.skips.read(pages, page, self.owner, Kind::Skips)?;
            let Some(skip) = self.skips.content.get(at..).and_then(|rest| rest.first_chunk()).map(Skip::read)
            else {
                if at == 0 || self.skips.next == 0 {
                    return Err(corrupted(format_args!("{}: its blocks end early", term.name)).into());
                }
                (page, at) = (self.skips.next, 0);
                continue;
            };
            at += Skip::BYTES;
            self.block(pages, skip.place)?;
            let block = &self.block;
            let (len, first, last) = (block.len, block.docs[0], block.docs().last().copied());
            if len != left.min(BLOCK)
                || before.is_some_and(|before| first <= before)
                || last != Some(skip.last)
                || block.bounds() != (skip.max, skip.min)
            {
                return Err(corrupted(format_args!("{}: a block is another", term.name)).into());
            }
            let (max, min) = bounds.unwrap_or((skip.max, skip.min));
            bounds = Some((max.max(skip.max), min.min(skip.min)));
            each(pages, block.docs(), block.weights())?;
            (left, before) = (left - len, last);
        }
        if bounds != Some((term.max, term.min)) {
            return Err(corrupted(format_args!("{} has other bounds than its blocks", term.name)).into());
        }
        Ok(())
    }

    fn block(&mut self, pages: &mut impl Pages, place: Place) -> Reading<()> {
        self.blocks.read(pages, place.page, self.owner, Kind::Blocks)?;
        let bytes = self.blocks.content.get(usize::from(place.offset).wrapping_sub(HEADER)..);
        Ok(self.block.read(bytes.unwrap_or_default(), self.rows.1)?)
    }

    /// The name of the term and its leaf, if it is the first there.
    pub fn leaf_start(&self) -> Option<(Name, u32)> {
        self.term.filter(|_| self.at == 1).map(|term| (term.name, self.leaf.page))
    }
}
