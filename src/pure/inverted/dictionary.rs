//! The terms of a segment, each with its posting list: a key and a dimension, ascending. A tree of pages, written once.
//!
//! The first term of a key has no dimension: it tells which rows are the key's. They follow one another, as rows are
//! in the order of keys.
//!
//! Entry of a leaf (`Terms`), which leads to the next leaf of the chain:
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `key` | |
//! | 4 | 4 | `dim` | the dimension, from 1 on; 0: the rows of the key |
//! | 8 | 4 | `count` | postings, or rows |
//! | 12 | 4 | `max` | largest weight |
//! | 16 | 4 | `min` | smallest weight |
//! | 20 | 4 | `page` | of the block; above 128 postings, of the first skip; of one posting, or of rows, the first row |
//! | 24 | 2 | `offset` | there, from the start of the page's room |
//! | 26 | 2 | | 0 |
//!
//! Entry of an inner page (`TermsInner`): key and dimension of the first term below a page (4 bytes each), the page
//! (4). The pages are leaves if the page's level is 1.

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

/// What a term is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The key.
    pub key: u32,
    /// The dimension, from 1 on; 0 for the rows of the key.
    dim: u32,
}

impl Name {
    /// Of the rows of a key.
    pub fn rows(key: u32) -> Self {
        Self { key, dim: 0 }
    }

    /// Of a dimension, from 0 on, which is not the last that 32 bits have.
    pub fn dim(key: u32, dim: u32) -> Self {
        Self { key, dim: dim.saturating_add(1) }
    }

    /// Whether it is that of the rows of a key.
    pub fn is_rows(self) -> bool {
        self.dim == 0
    }

    /// The dimension, from 0 on; 0 as well for the rows of a key.
    pub fn dim_or_0(self) -> u32 {
        self.dim.saturating_sub(1)
    }

    /// The name that bytes begin with.
    pub fn read(bytes: &[u8]) -> Self {
        Self { key: word(bytes, 0), dim: word(bytes, 4) }
    }

    /// Writes the name to where bytes begin.
    pub fn write(self, bytes: &mut [u8]) {
        put(bytes, 0, &self.key.to_le_bytes());
        put(bytes, 4, &self.dim.to_le_bytes());
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.dim {
            0 => write!(f, "rows of key {}", self.key),
            dim => write!(f, "dimension {dim} of key {}", self.key),
        }
    }
}

/// A dimension that rows of a key have, or the rows of a key.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Term {
    /// Key and dimension.
    pub name: Name,
    /// Number of postings or rows, at least 1.
    pub count: u32,
    /// Largest weight.
    pub max: f32,
    /// Smallest weight.
    pub min: f32,
    /// The block; the first entry of skips of more than one block; as `page`, the row of a single posting, or the first
    /// row.
    pub place: Place,
}

/// Bytes of an entry of an inner page.
pub const INNER: usize = 12;
/// Maximum level of a tree.
pub const MAX_LEVEL: u8 = 8;

impl Term {
    /// Bytes on a page.
    pub const BYTES: usize = 28;

    /// Reads and checks an entry of a segment with so many rows.
    ///
    /// # Errors
    /// Bytes that cannot have been written.
    pub fn read(bytes: &[u8; Self::BYTES], docs: u32) -> Result<Self> {
        let term = Self {
            name: Name::read(bytes),
            count: word(bytes, 8),
            max: float(bytes, 12),
            min: float(bytes, 16),
            place: Place { page: word(bytes, 20), offset: half(bytes, 24) },
        };
        let right = if term.name.is_rows() {
            term.place.page < docs && term.count <= docs - term.place.page
        } else if term.count == 1 {
            term.place.page < docs && term.max.to_bits() == term.min.to_bits()
        } else {
            term.count <= docs
        };
        if term.count == 0
            || !right
            || !(term.max.is_finite() && term.min.is_finite() && term.min <= term.max)
        {
            return Err(corrupted(format_args!("{}: {} of {docs} rows", term.name, term.count)));
        }
        Ok(term)
    }

    /// The entry as bytes.
    pub fn bytes(&self) -> [u8; Self::BYTES] {
        let mut bytes = [0; Self::BYTES];
        self.name.write(&mut bytes);
        put(&mut bytes, 8, &self.count.to_le_bytes());
        put(&mut bytes, 12, &self.max.to_le_bytes());
        put(&mut bytes, 16, &self.min.to_le_bytes());
        put(&mut bytes, 20, &self.place.page.to_le_bytes());
        put(&mut bytes, 24, &self.place.offset.to_le_bytes());
        bytes
    }
}

/// The leaf of a segment on which a term is, if it is anywhere: its page; without a name, the first leaf. `None` if the
/// segment has no terms, or only larger ones.
///
/// # Errors
/// As `page::open`; entries that cannot have been written.
pub fn leaf(
    pages: &mut impl Pages,
    segment: &Segment,
    owner: Owner,
    name: Option<Name>,
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
            let after = name.map_or(1, |name| entries.partition_point(|entry| Name::read(entry) <= name));
            Ok(after.checked_sub(1).and_then(|at| entries.get(at)).map(|entry| word(entry, 8)))
        })?;
        let Some(below) = below else { return Ok(None) };
        (page, level) = (below, level - 1);
    }
    Ok(Some(page))
}

/// Looks a term up.
///
/// # Errors
/// As [`leaf`].
pub fn find(pages: &mut impl Pages, segment: &Segment, owner: Owner, name: Name) -> Reading<Option<Term>> {
    let Some(page) = leaf(pages, segment, owner, Some(name))? else { return Ok(None) };
    view(pages, page, owner, Kind::Terms, |view| {
        let entries = view.content.as_chunks::<{ Term::BYTES }>().0;
        let at = entries.partition_point(|entry| Name::read(entry) < name);
        match entries.get(at).filter(|entry| Name::read(*entry) == name) {
            Some(entry) => Ok(Some(Term::read(entry, segment.docs)?)),
            None => Ok(None),
        }
    })
}
