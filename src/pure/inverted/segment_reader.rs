//! Reads a segment's terms and postings in order, and compares all that is written twice: for merges and the check.

use super::block::{BLOCK, Postings};
use super::dictionary::{self, Place, Term};
use super::page::{HEADER, Kind, Owner, corrupted, word};
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
    /// Terms and postings that were read.
    seen: (u32, u64),
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
            seen: (0, 0),
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
                let Segment { terms, postings, .. } = self.segment;
                if self.seen != (terms, postings) {
                    let seen = self.seen;
                    let what = format_args!("{} terms, {} postings of {terms}, {postings}", seen.0, seen.1);
                    return Err(corrupted(what).into());
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
        if before.is_some_and(|before| before.dim >= term.dim) || self.seen.0 == self.segment.terms {
            return Err(corrupted(format_args!("term {} is out of order", term.dim)).into());
        }
        self.at += 1;
        self.seen = (self.seen.0 + 1, self.seen.1 + u64::from(term.count));
        self.term = Some(term);
        Ok(())
    }

    /// Calls `each` with the rows and weights of the term's blocks.
    ///
    /// # Errors
    /// As `page::open_whole`; postings that cannot have been written; those of `each`.
    pub fn postings<P: Pages>(
        &mut self,
        pages: &mut P,
        mut each: impl FnMut(&mut P, &[u32], &[f32]) -> Result<()>,
    ) -> Reading<()> {
        let Some(term) = self.term else { return Ok(()) };
        if term.count == 1 {
            return Ok(each(pages, &[term.place.page], &[term.max])?);
        }
        if term.count as usize <= BLOCK {
            self.block(pages, term.place)?;
            if self.block.len != term.count as usize || self.block.bounds() != (term.max, term.min) {
                return Err(corrupted(format_args!("the block of term {} is another", term.dim)).into());
            }
            return Ok(each(pages, self.block.docs(), self.block.weights())?);
        }
        let (mut left, mut before) = (term.count as usize, None);
        let Place { mut page, offset } = term.place;
        let mut at = usize::from(offset).wrapping_sub(HEADER);
        let mut bounds: Option<(f32, f32)> = None;
        while left > 0 {
            pages.check_interrupts()?;
            self.skips.read(pages, page, self.owner, Kind::Skips)?;
            let Some(skip) = self.skips.content.get(at..).and_then(|rest| rest.first_chunk()).map(Skip::read)
            else {
                if at == 0 || self.skips.next == 0 {
                    return Err(corrupted(format_args!("the blocks of term {} end early", term.dim)).into());
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
                return Err(corrupted(format_args!("a block of term {} is another", term.dim)).into());
            }
            let (max, min) = bounds.unwrap_or((skip.max, skip.min));
            bounds = Some((max.max(skip.max), min.min(skip.min)));
            each(pages, block.docs(), block.weights())?;
            (left, before) = (left - len, last);
        }
        if bounds != Some((term.max, term.min)) {
            return Err(corrupted(format_args!("term {} has other bounds than its blocks", term.dim)).into());
        }
        Ok(())
    }

    fn block(&mut self, pages: &mut impl Pages, place: Place) -> Reading<()> {
        self.blocks.read(pages, place.page, self.owner, Kind::Blocks)?;
        let bytes = self.blocks.content.get(usize::from(place.offset).wrapping_sub(HEADER)..);
        Ok(self.block.read(bytes.unwrap_or_default(), self.segment.docs)?)
    }

    /// Checks that an inner page of the tree of terms leads to this term's leaf, for terms that are the first of
    /// theirs.
    pub fn leaf_start(&self) -> Option<(u32, u32)> {
        let first = self.leaf.content.first_chunk::<{ Term::BYTES }>()?;
        (self.at == 1).then(|| (word(first, 0), self.leaf.page))
    }
}
