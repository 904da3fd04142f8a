//! The terms of a segment: its dimensions, ascending, each with its posting list. A tree of pages, written once.
//!
//! Entry of a leaf (`Terms`), which leads to the next leaf of the chain:
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `dim` | the dimension, from 0 on |
//! | 4 | 4 | `count` | postings |
//! | 8 | 4 | `max` | largest weight |
//! | 12 | 4 | `min` | smallest weight |
//! | 16 | 4 | `page` | of the block; above 128 postings, of the first entry of skips; of a single one, its row |
//! | 20 | 2 | `offset` | there, from the start of the page's room |
//! | 22 | 2 | | 0 |
//!
//! Entry of an inner page (`TermsInner`): the first dimension below a page (4 bytes), the page (4). The pages are
//! leaves if the page's level is 1.

use super::page::{Kind, Owner, corrupted, float, half, put, word};
use super::root::Segment;
use super::storage::{Pages, view};
use super::trouble::Reading;
use crate::fault::Result;

/// A place on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The page.
    pub page: u32,
    /// Offset from the start of the page's room.
    pub offset: u16,
}

/// A dimension that rows of the segment have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// The dimension, from 0 on.
    pub dim: u32,
    /// Number of postings, at least 1.
    pub count: u32,
    /// Largest weight.
    pub max: f32,
    /// Smallest weight.
    pub min: f32,
    /// The block; the first entry of skips of more than one block; the row as `page` of a single posting.
    pub place: Place,
}

/// Bytes of an entry of an inner page.
pub const INNER: usize = 8;
/// Maximum level of a tree.
pub const MAX_LEVEL: u8 = 8;

impl Term {
    /// Bytes on a page.
    pub const BYTES: usize = 24;

    /// Reads and checks an entry of a segment with so many rows.
    ///
    /// # Errors
    /// Bytes that cannot have been written.
    pub fn read(bytes: &[u8; Self::BYTES], docs: u32) -> Result<Self> {
        let term = Self {
            dim: word(bytes, 0),
            count: word(bytes, 4),
            max: float(bytes, 8),
            min: float(bytes, 12),
            place: Place { page: word(bytes, 16), offset: half(bytes, 20) },
        };
        let one = term.count == 1;
        if term.count == 0
            || term.count > docs
            || !(term.max.is_finite() && term.min.is_finite() && term.min <= term.max)
            || (one && (term.place.page >= docs || term.max.to_bits() != term.min.to_bits()))
        {
            return Err(corrupted(format_args!("term {} of {} rows, {docs} in all", term.dim, term.count)));
        }
        Ok(term)
    }

    /// The entry as bytes.
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        put(&mut bytes, 0, &self.dim.to_le_bytes());
        put(&mut bytes, 4, &self.count.to_le_bytes());
        put(&mut bytes, 8, &self.max.to_le_bytes());
        put(&mut bytes, 12, &self.min.to_le_bytes());
        put(&mut bytes, 16, &self.place.page.to_le_bytes());
        put(&mut bytes, 20, &self.place.offset.to_le_bytes());
        bytes
    }
}

/// The leaf of a segment on which a dimension is, if it is anywhere: its page; of no dimension, the first leaf.
/// `None` if the segment has no terms, or only larger ones.
///
/// # Errors
/// As `page::open`; entries that cannot have been written.
pub fn leaf(
    pages: &mut impl Pages,
    segment: &Segment,
    owner: Owner,
    dim: Option<u32>,
) -> Reading<Option<u32>> {
    let (mut page, mut level) = segment.terms_root;
    if page == 0 {
        return Ok(None);
    }
    if level > MAX_LEVEL {
        return Err(corrupted(format_args!("tree of {level} levels")).into());
    }
    while level > 0 {
        let below = view(pages, page, owner, Kind::TermsInner, |view| {
            if view.level != level {
                return Err(
                    corrupted(format_args!("page {page} is of level {}, not {level}", view.level)).into()
                );
            }
            let entries = view.content.as_chunks::<INNER>().0;
            let after = dim.map_or(1, |dim| entries.partition_point(|entry| word(entry, 0) <= dim));
            Ok(after.checked_sub(1).and_then(|at| entries.get(at)).map(|entry| word(entry, 4)))
        })?;
        let Some(below) = below else { return Ok(None) };
        (page, level) = (below, level - 1);
    }
    Ok(Some(page))
}

/// Looks a dimension up.
///
/// # Errors
/// As [`leaf`].
pub fn find(pages: &mut impl Pages, segment: &Segment, owner: Owner, dim: u32) -> Reading<Option<Term>> {
    let Some(page) = leaf(pages, segment, owner, Some(dim))? else { return Ok(None) };
    view(pages, page, owner, Kind::Terms, |view| {
        let entries = view.content.as_chunks::<{ Term::BYTES }>().0;
        let at = entries.partition_point(|entry| word(entry, 0) < dim);
        match entries.get(at).filter(|entry| word(*entry, 0) == dim) {
            Some(entry) => Ok(Some(Term::read(entry, segment.docs)?)),
            None => Ok(None),
        }
    })
}
