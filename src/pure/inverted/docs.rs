//! The rows of a segment: from a row's number to its TID. A tree of pages, of which a vacuum changes the leaves.
//!
//! A leaf (`Docs`) holds 6 bytes a row: the block of the table (4), the line pointer in it (2), or zeros where the
//! row has died. All leaves but the last are full. An inner page (`DocsInner`) holds the pages below it, 4 bytes
//! each; all but the last of a level are full.

use super::page::{self, CONTENT, Kind, Owner, corrupted, half, put, word};
use super::root::Segment;
use super::storage::{Copied, Pages, PagesMut, view};
use super::trouble::{Reading, Trouble};
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::{Reserve, push};

/// Rows of a full leaf.
pub const LEAF: usize = CONTENT / Tid::BYTES;
/// Pages of a full inner page.
pub const INNER: usize = CONTENT / 4;
/// Maximum level of a tree: of 2^32 rows.
const MAX_LEVEL: u8 = 3;

/// A TID as bytes.
pub fn bytes(tid: Tid) -> [u8; Tid::BYTES] {
    let mut bytes = [0; Tid::BYTES];
    put(&mut bytes, 0, &tid.block.to_le_bytes());
    put(&mut bytes, 4, &tid.offset.to_le_bytes());
    bytes
}

/// A TID from its bytes.
pub fn tid(bytes: &[u8]) -> Tid {
    Tid { block: word(bytes, 0), offset: half(bytes, 4) }
}

/// The TIDs of rows from `first` on, as many as one page has, but at most `max`: given to `each`, none left out.
///
/// # Errors
/// As `page::open`; pages that cannot have been written.
pub fn some(
    pages: &mut impl Pages,
    segment: &Segment,
    owner: Owner,
    (first, max): (u32, usize),
    each: &mut impl FnMut(Tid) -> Result<()>,
) -> Reading<usize> {
    let (mut page, mut level) = segment.docs_root;
    check_level(level)?;
    let leaf = first as usize / LEAF;
    while level > 0 {
        let below = INNER.pow(u32::from(level) - 1);
        let at = leaf / below % INNER;
        page = view(pages, page, owner, Kind::DocsInner, |view| {
            check(page, level, view.level)?;
            let pages = view.content.as_chunks::<4>().0;
            let found = pages.get(at).map(|page| u32::from_le_bytes(*page));
            found.ok_or_else(|| corrupted(format_args!("there is no row {first}")).into())
        })?;
        level -= 1;
    }
    view(pages, page, owner, Kind::Docs, |view| {
        let tids = view.content.as_chunks::<{ Tid::BYTES }>().0;
        let found = tids.get(first as usize % LEAF..).unwrap_or_default();
        if found.is_empty() {
            return Err(corrupted(format_args!("there is no row {first}")).into());
        }
        found.iter().take(max).try_for_each(|bytes| each(tid(bytes)))?;
        Ok(found.len().min(max))
    })
}

fn check_level(level: u8) -> Result<()> {
    if level <= MAX_LEVEL { Ok(()) } else { Err(corrupted(format_args!("tree of {level} levels"))) }
}

fn check(page: u32, level: u8, found: u8) -> Result<()> {
    if level == found {
        return Ok(());
    }
    Err(corrupted(format_args!("page {page} is of level {found}, not {level}")))
}

/// The leaves of a segment, in order. Compares checksums.
///
/// # Errors
/// As `page::open_whole`; a tree that cannot have been written; `53200`.
pub fn leaves(pages: &mut impl Pages, segment: &Segment, owner: Owner) -> Reading<Vec<u32>> {
    let (root, level) = segment.docs_root;
    check_level(level)?;
    let wanted = (segment.docs as usize).div_ceil(LEAF);
    let mut all = vec![root];
    let mut copy = Copied::default();
    for level in (1..=level).rev() {
        let mut below = Vec::new();
        for page in all {
            pages.check_interrupts()?;
            copy.read(pages, page, owner, Kind::DocsInner)?;
            check(page, level, copy.level)?;
            let pages = copy.content.as_chunks::<4>().0;
            below.room_for(pages.len())?;
            below.extend(pages.iter().map(|page| u32::from_le_bytes(*page)));
            if below.len() > wanted {
                break;
            }
        }
        all = below;
    }
    if all.len() == wanted {
        return Ok(all);
    }
    Err(corrupted(format_args!("{} pages of rows for {} rows", all.len(), segment.docs)).into())
}

/// The TIDs of a leaf that is number `at` among [`leaves`], copied.
///
/// # Errors
/// As `page::open_whole`; a wrong number of rows; `53200`.
pub fn leaf(
    pages: &mut impl Pages,
    segment: &Segment,
    owner: Owner,
    (at, page): (usize, u32),
    tids: &mut Vec<Tid>,
) -> Reading<()> {
    tids.clear();
    tids.room_for(LEAF)?;
    let wanted = (segment.docs as usize - at * LEAF).min(LEAF);
    pages.read(page, |room| {
        let view = page::open_whole(room, page, owner, Kind::Docs)?;
        if view.content.len() != wanted * Tid::BYTES {
            let found = view.content.len();
            return Err(corrupted(format_args!("page {page} has {found} bytes for {wanted} rows")).into());
        }
        tids.extend(view.content.as_chunks::<{ Tid::BYTES }>().0.iter().map(|bytes| tid(bytes)));
        Reading::Ok(())
    })?
}

/// Takes the rows at some places of a leaf out.
///
/// # Errors
/// As `page::open`; those of the pages.
pub fn kill(pages: &mut impl PagesMut, owner: Owner, page: u32, places: &[usize]) -> Result<()> {
    pages.change(&[page], |rooms| {
        let Some(room) = rooms.first_mut() else { return Err(corrupted("a page is missing")) };
        let content = page::open_whole(room, page, owner, Kind::Docs).map_err(Trouble::into_fault)?.content;
        let used = page::HEADER + content.len();
        for at in places {
            let place = page::HEADER + at * Tid::BYTES;
            if place + Tid::BYTES > used {
                return Err(corrupted(format_args!("page {page} has no row {at}")));
            }
            room[place..place + Tid::BYTES].fill(0);
        }
        page::seal(room, used);
        Ok(((), true))
    })
}

/// Which rows of a segment live, and how many live before each.
#[derive(Debug)]
pub struct Living {
    /// A bit a row; how many live before the word's first.
    words: Vec<(u64, u32)>,
    /// How many live.
    pub count: u32,
}

impl Living {
    /// Reads all TIDs of a segment, and gives those of living rows to `each`.
    ///
    /// # Errors
    /// As [`leaf`]; those of `each`.
    pub fn read(
        pages: &mut impl Pages,
        segment: &Segment,
        owner: Owner,
        mut each: impl FnMut(Tid) -> Result<()>,
    ) -> Reading<Self> {
        let mut new = Self { words: Vec::new(), count: 0 };
        let (mut tids, mut word, mut row) = (Vec::new(), 0u64, 0u32);
        let mut before = 0;
        let leaves = leaves(pages, segment, owner)?;
        new.words.room_for((segment.docs as usize).div_ceil(64) + 1)?;
        for (at, page) in leaves.into_iter().enumerate() {
            pages.check_interrupts()?;
            leaf(pages, segment, owner, (at, page), &mut tids)?;
            for tid in &tids {
                if tid.is_some() {
                    each(*tid)?;
                    word |= 1 << (row % 64);
                    new.count += 1;
                }
                row += 1;
                if row.is_multiple_of(64) {
                    push(&mut new.words, (word, before))?;
                    (word, before) = (0, new.count);
                }
            }
        }
        push(&mut new.words, (word, before))?;
        Ok(new)
    }

    /// How many rows live before one.
    pub fn before(&self, row: u32) -> u32 {
        let (word, before) = self.words.get(row as usize / 64).copied().unwrap_or((0, self.count));
        before + (word & ((1 << (row % 64)) - 1)).count_ones()
    }

    /// The number of a row among those that live, or `None` if it does not.
    #[inline]
    pub fn rank(&self, row: u32) -> Option<u32> {
        let (word, before) = *self.words.get(row as usize / 64)?;
        let bit = row % 64;
        (word >> bit & 1 == 1).then(|| before + (word & ((1 << bit) - 1)).count_ones())
    }
}
