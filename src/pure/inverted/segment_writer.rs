//! Writes a segment, key by key in ascending order: first the rows of a key, then their postings, ascending by
//! dimension and row.

use super::block::{BLOCK, MAX_BYTES, Postings};
use super::dictionary::{self, Name, Place, Term};
use super::docs;
use super::map;
use super::page::{Draft, Kind, Owner};
use super::root::Segment;
use super::skip::Skip;
use super::storage::PagesMut;
use crate::fault::{Fault, Result, state};
use crate::hnsw::node::Tid;
use crate::memory::allocation::{filled, push};

/// A segment that is being written. Nothing leads to its pages before it is in a root.
#[derive(Debug)]
pub struct SegmentWriter {
    owner: Owner,
    /// All pages so far.
    pages: Vec<u32>,
    rows: u32,
    /// The key whose rows and postings come, and its first row.
    key: Option<(u32, u32)>,
    /// Whether the term of the key's rows was written.
    begun: bool,
    keys: u32,
    docs: Option<Draft>,
    /// Leaves of the tree of TIDs.
    docs_leaves: Vec<[u8; 4]>,
    terms: u32,
    leaf: Option<Draft>,
    /// Leaves of the tree of terms.
    term_leaves: Vec<[u8; dictionary::INNER]>,
    postings: u64,
    skips: Option<Draft>,
    blocks: Option<Draft>,
    /// The term whose postings come: `place` is that of its first skip, if it has one.
    term: Option<Term>,
    block: Box<Postings>,
    bytes: Box<[u8; MAX_BYTES]>,
}

impl SegmentWriter {
    /// A segment without rows.
    ///
    /// # Errors
    /// `53200`.
    pub fn new(owner: Owner) -> Result<Self> {
        Ok(Self {
            owner,
            pages: filled(0, 0)?,
            rows: 0,
            key: None,
            begun: false,
            keys: 0,
            docs: None,
            docs_leaves: Vec::new(),
            terms: 0,
            leaf: None,
            term_leaves: Vec::new(),
            postings: 0,
            skips: None,
            blocks: None,
            term: None,
            block: Box::default(),
            bytes: Box::new([0; MAX_BYTES]),
        })
    }

    fn allocate(&mut self, pages: &mut impl PagesMut) -> Result<u32> {
        pages.check_interrupts()?;
        let page = pages.allocate(self.owner)?;
        push(&mut self.pages, page)?;
        Ok(page)
    }

    fn draft(&mut self, pages: &mut impl PagesMut, kind: Kind, level: u8) -> Result<Draft> {
        let page = self.allocate(pages)?;
        Draft::new(page, self.owner, kind, level)
    }

    /// Rows so far.
    pub fn rows(&self) -> u32 {
        self.rows
    }

    /// Adds a row of the key, or of a larger one.
    ///
    /// # Errors
    /// `54000` for too many rows; those of the pages.
    pub fn row(&mut self, pages: &mut impl PagesMut, key: u32, tid: Tid) -> Result<()> {
        if self.rows >= u32::MAX - 1 {
            return Err(Fault::new(state::PROGRAM_LIMIT_EXCEEDED, "too many rows in an inverted index"));
        }
        if self.key.is_none_or(|(now, _)| now != key) {
            self.end_key(pages)?;
            self.key = Some((key, self.rows));
        }
        let mut leaf = match self.docs.take() {
            Some(leaf) if leaf.left() >= Tid::BYTES => leaf,
            full => {
                if let Some(mut full) = full {
                    pages.write(full.page, full.sealed(0))?;
                }
                let new = self.draft(pages, Kind::Docs, 0)?;
                push(&mut self.docs_leaves, new.page.to_le_bytes())?;
                new
            }
        };
        leaf.add(&docs::bytes(tid));
        self.docs = Some(leaf);
        self.rows += 1;
        Ok(())
    }

    /// Writes the term of the key's rows, once.
    fn end_rows(&mut self, pages: &mut impl PagesMut) -> Result<()> {
        if let Some((key, first)) = self.key.filter(|_| !self.begun) {
            let place = Place { page: first, offset: 0 };
            let term = Term { name: Name::rows(key), count: self.rows - first, max: 0.0, min: 0.0, place };
            self.begun = true;
            self.keys += 1;
            self.entry(pages, &term)?;
        }
        Ok(())
    }

    fn end_key(&mut self, pages: &mut impl PagesMut) -> Result<()> {
        self.end_rows(pages)?;
        self.end_term(pages)?;
        (self.key, self.begun) = (None, false);
        Ok(())
    }

    /// Adds a posting of the key's. Dimensions, from 0 on, do not descend; rows of one dimension ascend; weights are
    /// finite.
    ///
    /// # Errors
    /// Those of the pages.
    pub fn posting(&mut self, pages: &mut impl PagesMut, dim: u32, row: u32, weight: f32) -> Result<()> {
        let name = Name::dim(self.key.map_or(0, |(key, _)| key), dim);
        if self.term.is_none_or(|term| term.name != name) {
            self.end_rows(pages)?;
            self.end_term(pages)?;
            self.term = Some(Term { name, count: 0, max: weight, min: weight, place: Place::default() });
        }
        if self.block.len == BLOCK {
            self.end_block(pages, true)?;
        }
        if let Some(term) = &mut self.term {
            term.count += 1;
            (term.max, term.min) = (term.max.max(weight), term.min.min(weight));
        }
        let at = self.block.len;
        (self.block.docs[at], self.block.weights[at]) = (row, weight);
        self.block.len += 1;
        self.postings += 1;
        Ok(())
    }

    /// Writes the block that is full, or the last of its term, with its entry of skips if the term has several.
    fn end_block(&mut self, pages: &mut impl PagesMut, several: bool) -> Result<()> {
        let size = self.block.write(&mut self.bytes);
        let mut blocks = match self.blocks.take() {
            Some(blocks) if blocks.left() >= size => blocks,
            full => {
                if let Some(mut full) = full {
                    pages.write(full.page, full.sealed(0))?;
                }
                self.draft(pages, Kind::Blocks, 0)?
            }
        };
        let place = Place { page: blocks.page, offset: blocks.used() as u16 };
        blocks.add(&self.bytes[..size]);
        self.blocks = Some(blocks);
        let first = if several { self.skip(pages, place)? } else { place };
        if let Some(term) = self.term.as_mut().filter(|term| term.place == Place::default()) {
            term.place = first;
        }
        self.block.len = 0;
        Ok(())
    }

    /// Adds the entry of the block to the skips, and returns where it is.
    fn skip(&mut self, pages: &mut impl PagesMut, place: Place) -> Result<Place> {
        let (max, min) = self.block.bounds();
        let last = self.block.docs().last().copied().unwrap_or_default();
        let mut skips = match self.skips.take() {
            Some(skips) if skips.left() >= Skip::BYTES => skips,
            full => {
                let new = self.draft(pages, Kind::Skips, 0)?;
                if let Some(mut full) = full {
                    pages.write(full.page, full.sealed(new.page))?;
                }
                new
            }
        };
        let here = Place { page: skips.page, offset: skips.used() as u16 };
        skips.add(&Skip { last, max, min, place }.bytes());
        self.skips = Some(skips);
        Ok(here)
    }

    fn end_term(&mut self, pages: &mut impl PagesMut) -> Result<()> {
        let Some(count) = self.term.map(|term| term.count) else { return Ok(()) };
        if count > 1 {
            self.end_block(pages, count as usize > BLOCK)?;
        }
        let Some(mut term) = self.term.take() else { return Ok(()) };
        if count == 1 {
            term.place = Place { page: self.block.docs[0], offset: 0 };
            self.block.len = 0;
        }
        self.entry(pages, &term)
    }

    /// Adds an entry to the terms.
    fn entry(&mut self, pages: &mut impl PagesMut, term: &Term) -> Result<()> {
        let mut leaf = match self.leaf.take() {
            Some(leaf) if leaf.left() >= Term::BYTES => leaf,
            full => {
                let new = self.draft(pages, Kind::Terms, 0)?;
                let mut entry = [0; dictionary::INNER];
                term.name.write(&mut entry);
                entry[dictionary::INNER - 4..].copy_from_slice(&new.page.to_le_bytes());
                push(&mut self.term_leaves, entry)?;
                if let Some(mut full) = full {
                    pages.write(full.page, full.sealed(new.page))?;
                }
                new
            }
        };
        leaf.add(&term.bytes());
        self.leaf = Some(leaf);
        self.terms += 1;
        Ok(())
    }

    /// Writes the pages above `below`, entries of one level that end with their pages, and returns the root and its
    /// level.
    fn tree<const N: usize>(
        &mut self,
        pages: &mut impl PagesMut,
        kind: Kind,
        mut below: Vec<[u8; N]>,
    ) -> Result<(u32, u8)> {
        let mut level = 0;
        loop {
            if let [only] = &below[..] {
                let page = only.last_chunk().map_or(0, |page| u32::from_le_bytes(*page));
                return Ok((page, level));
            }
            if below.is_empty() {
                return Ok((0, 0));
            }
            level += 1;
            let mut above = Vec::new();
            for some in below.chunks(super::page::CONTENT / N) {
                let mut draft = self.draft(pages, kind, level)?;
                some.iter().for_each(|entry| draft.add(entry));
                let mut entry = some[0];
                entry[N - 4..].copy_from_slice(&draft.page.to_le_bytes());
                push(&mut above, entry)?;
                pages.write(draft.page, draft.sealed(0))?;
            }
            below = above;
        }
    }

    /// Writes what is left; `None` of a segment without rows.
    ///
    /// # Errors
    /// Those of the pages.
    pub fn finish(mut self, pages: &mut impl PagesMut) -> Result<Option<Segment>> {
        if self.rows == 0 {
            return Ok(None);
        }
        self.end_key(pages)?;
        let drafts = [self.docs.take(), self.leaf.take(), self.skips.take(), self.blocks.take()];
        for mut draft in drafts.into_iter().flatten() {
            pages.write(draft.page, draft.sealed(0))?;
        }
        let (docs, terms) = (std::mem::take(&mut self.docs_leaves), std::mem::take(&mut self.term_leaves));
        let docs_root = self.tree(pages, Kind::DocsInner, docs)?;
        let terms_root = self.tree(pages, Kind::TermsInner, terms)?;
        let (map, own) = map::write(pages, self.owner, &self.pages)?;
        Ok(Some(Segment {
            number: self.owner.number,
            docs: self.rows,
            dead: 0,
            map,
            pages: self.pages.len() as u32 + own,
            docs_root,
            terms_root,
            postings: self.postings,
            terms: self.terms,
            keys: self.keys,
        }))
    }
}
