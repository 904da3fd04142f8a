//! The root page: what the rows lie in.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 24 | | [header](super::page) |
//! | 24 | 8 | `changes` | grows whenever a list or a segment comes or goes |
//! | 32 | 4 | `next` | the number of the next list or segment |
//! | 36 | 4 | `segments` | how many there are, at most [`MAX_SEGMENTS`] |
//! | 40 | 16 | `pending` | the list that new rows go to |
//! | 56 | 16 | `frozen` | the list that is being made segments of, or zeros |
//! | 72 | 48 each | | segments |
//!
//! A list:
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `number` | of the owner; 0: there is no list |
//! | 4 | 4 | `head` | first page, or 0 |
//! | 8 | 4 | `tail` | last page, or 0 |
//! | 12 | 4 | `pages` | |
//!
//! A segment:
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `number` | of the owner |
//! | 4 | 4 | `docs` | rows, dead ones included |
//! | 8 | 4 | `dead` | rows that a vacuum has taken out, or fewer |
//! | 12 | 4 | `map` | first page of the map |
//! | 16 | 4 | `pages` | all pages |
//! | 20 | 4 | `docs_root` | of the tree of TIDs |
//! | 24 | 4 | `terms_root` | of the tree of terms, or 0: there are none |
//! | 28 | 1 | `docs_level` | |
//! | 29 | 1 | `terms_level` | |
//! | 30 | 2 | | 0 |
//! | 32 | 8 | `postings` | |
//! | 40 | 4 | `terms` | those of keys included |
//! | 44 | 4 | `keys` | |

use super::page::{self, HEADER, Kind, Owner, ROOM, corrupted, long, put, word};
use super::storage::{Pages, PagesMut};
use super::trouble::Trouble;
use crate::fault::{Fault, Result, state};
use crate::hnsw::node::Tid;
use crate::memory::allocation::{push, with_room};

const SEGMENTS: usize = 72;
const SEGMENT: usize = 48;
/// Maximum segments of a root.
pub const MAX_SEGMENTS: usize = (ROOM - SEGMENTS) / SEGMENT;

/// Rows that no segment has yet, in a chain of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct List {
    /// Its number as an owner; 0: there is no list.
    pub number: u32,
    /// Its first page, or 0.
    pub head: u32,
    /// Its last page, or 0.
    pub tail: u32,
    /// Number of its pages.
    pub pages: u32,
}

/// Rows of a page of TIDs.
const LEAF: usize = page::CONTENT / Tid::BYTES;

/// Rows with their posting lists, which do not change but for rows that die.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segment {
    /// Its number as an owner.
    pub number: u32,
    /// Its rows, dead ones included.
    pub docs: u32,
    /// Rows that a vacuum has taken out, or fewer.
    pub dead: u32,
    /// First page of the map.
    pub map: u32,
    /// Number of all its pages.
    pub pages: u32,
    /// Root of the tree of TIDs, and its level.
    pub docs_root: (u32, u8),
    /// Root of the tree of terms, and its level; page 0 if there are none.
    pub terms_root: (u32, u8),
    /// Postings, those of dead rows included.
    pub postings: u64,
    /// Terms, those of the rows of keys included.
    pub terms: u32,
    /// Keys.
    pub keys: u32,
}

/// The content of a root page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Grows whenever a list or a segment comes or goes.
    pub changes: u64,
    /// The number of the next list or segment.
    pub next: u32,
    /// The list that new rows go to.
    pub pending: List,
    /// The list that is being made segments of.
    pub frozen: List,
    /// The segments.
    pub segments: Vec<Segment>,
}

/// Makes a page the root of no rows.
///
/// # Errors
/// Fewer bytes than a page has.
pub fn format(room: &mut [u8], page: u32) -> Result<()> {
    page::format_reserved(room, page, Owner { root: page, number: 0 })?;
    room[8] = Kind::Root as u8;
    let pending = List { number: 1, ..List::default() };
    Root { changes: 0, next: 2, pending, frozen: List::default(), segments: Vec::new() }.write(room);
    Ok(())
}

impl List {
    fn read(bytes: &[u8]) -> Self {
        Self { number: word(bytes, 0), head: word(bytes, 4), tail: word(bytes, 8), pages: word(bytes, 12) }
    }

    fn write(&self, bytes: &mut [u8]) {
        for (at, field) in [(0, self.number), (4, self.head), (8, self.tail), (12, self.pages)] {
            put(bytes, at, &field.to_le_bytes());
        }
    }
}

impl Segment {
    /// Whose its pages are.
    pub fn owner(&self, root: u32) -> Owner {
        Owner { root, number: self.number }
    }

    fn read(bytes: &[u8]) -> Self {
        Self {
            number: word(bytes, 0),
            docs: word(bytes, 4),
            dead: word(bytes, 8),
            map: word(bytes, 12),
            pages: word(bytes, 16),
            docs_root: (word(bytes, 20), bytes[28]),
            terms_root: (word(bytes, 24), bytes[29]),
            postings: long(bytes, 32),
            terms: word(bytes, 40),
            keys: word(bytes, 44),
        }
    }

    fn write(&self, bytes: &mut [u8]) {
        bytes[..SEGMENT].fill(0);
        let fields =
            [self.number, self.docs, self.dead, self.map, self.pages, self.docs_root.0, self.terms_root.0];
        for (at, field) in (0..).step_by(4).zip(fields) {
            put(bytes, at, &field.to_le_bytes());
        }
        (bytes[28], bytes[29]) = (self.docs_root.1, self.terms_root.1);
        put(bytes, 32, &self.postings.to_le_bytes());
        put(bytes, 40, &self.terms.to_le_bytes());
        put(bytes, 44, &self.keys.to_le_bytes());
    }
}

impl Root {
    /// Reads and checks a root page.
    ///
    /// # Errors
    /// Bytes that cannot have been written; `53200`.
    pub fn read(room: &[u8], page: u32) -> Result<Self> {
        let owner = Owner { root: page, number: 0 };
        let view = page::open_whole(room, page, owner, Kind::Root).map_err(Trouble::into_fault)?;
        let used = HEADER + view.content.len();
        let count = if used < SEGMENTS { usize::MAX } else { word(room, 36) as usize };
        if count > MAX_SEGMENTS || used != SEGMENTS + count * SEGMENT {
            return Err(corrupted(format_args!("root of {used} bytes for {count} segments")));
        }
        let mut segments = with_room(count + 1)?;
        segments.extend(room[SEGMENTS..used].chunks_exact(SEGMENT).map(Segment::read));
        let root = Self {
            changes: long(room, 24),
            next: word(room, 32),
            pending: List::read(&room[40..]),
            frozen: List::read(&room[56..]),
            segments,
        };
        for list in [root.pending, root.frozen] {
            // Whoever adds a page locks the root and the last page.
            if list.tail == page || list.head == page || (list.head == 0) != (list.tail == 0) {
                return Err(corrupted(format_args!("list from page {} to {}", list.head, list.tail)));
            }
        }
        for segment in &root.segments {
            let Segment { number, docs, dead, pages, .. } = *segment;
            if number == 0 || docs == 0 || dead > docs || (docs as usize).div_ceil(LEAF) > pages as usize {
                return Err(corrupted(format_args!(
                    "segment {number} of {docs} rows, {dead} dead, {pages} pages"
                )));
            }
        }
        Ok(root)
    }

    /// Writes the content into a root page, which has its header.
    pub(super) fn write(&self, room: &mut [u8]) {
        put(room, 24, &self.changes.to_le_bytes());
        put(room, 32, &self.next.to_le_bytes());
        put(room, 36, &(self.segments.len() as u32).to_le_bytes());
        self.pending.write(&mut room[40..]);
        self.frozen.write(&mut room[56..]);
        for (segment, bytes) in self.segments.iter().zip(room[SEGMENTS..].chunks_exact_mut(SEGMENT)) {
            segment.write(bytes);
        }
        let used = SEGMENTS + self.segments.len() * SEGMENT;
        room[used..].fill(0);
        page::seal(room, used);
    }

    /// Adds a segment.
    ///
    /// # Errors
    /// `54000` if there are too many; `53200`.
    pub(super) fn add(&mut self, segment: Segment) -> Result<()> {
        if self.segments.len() >= MAX_SEGMENTS {
            return Err(Fault::new(state::PROGRAM_LIMIT_EXCEEDED, "too many segments in an inverted index")
                .hint("VACUUM the table."));
        }
        push(&mut self.segments, segment)
    }
}

/// Reads a root.
///
/// # Errors
/// As [`Root::read`]; those of the pages.
pub fn read(pages: &mut impl Pages, page: u32) -> Result<Root> {
    pages.read(page, |room| Root::read(room, page))?
}

/// Changes a root alone.
///
/// # Errors
/// As [`Root::read`]; those of the pages and of `change`.
pub(super) fn change<R>(
    pages: &mut impl PagesMut,
    page: u32,
    change: impl FnOnce(&mut Root) -> Result<R>,
) -> Result<R> {
    pages.change(&[page], |rooms| {
        let Some(room) = rooms.first_mut() else { return Err(corrupted("a root is missing")) };
        let mut root = Root::read(room, page)?;
        let result = change(&mut root)?;
        root.changes = root.changes.wrapping_add(1);
        root.write(room);
        Ok((result, true))
    })
}

/// Takes a number for a new segment, which no other ever has, not after a crash either.
///
/// # Errors
/// As [`change`]; `54000` when all numbers are used up.
pub(super) fn take_number(pages: &mut impl PagesMut, page: u32) -> Result<u32> {
    change(pages, page, take)
}

/// As [`take_number`], of a root that is being changed.
///
/// # Errors
/// `54000` when all numbers are used up.
pub(super) fn take(root: &mut Root) -> Result<u32> {
    let number = root.next;
    root.next = number.checked_add(1).ok_or_else(|| {
        Fault::new(state::PROGRAM_LIMIT_EXCEEDED, "an inverted index has used up its numbers")
            .hint(crate::hnsw::node::REINDEX)
    })?;
    Ok(number)
}
