//! What all pages of the index begin with.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | `root` | of the owner: the root page that the page hangs below |
//! | 4 | 4 | `number` | of the owner: a list of pending rows or a segment; 0 on the first page and on root pages |
//! | 8 | 1 | `kind` | [`Kind`] |
//! | 9 | 1 | `level` | of a page of a tree, 0 for leaves |
//! | 10 | 2 | `used` | bytes in use, these included |
//! | 12 | 4 | `next` | page of the same chain, or 0 |
//! | 16 | 4 | `checksum` | of all bytes in use but these four |
//! | 20 | 4 | `page` | the page's own number |
//!
//! All numbers of the index are little-endian. A page of zeros, which a crash may leave behind an extension, is free.
//!
//! The checksum is compared where a page is read as a whole: by merges, so that no spoilt byte gets into another
//! segment, by vacuums, and by the check. Searches compare the other fields, and everything that they would follow or
//! count with.

pub use super::trouble::corrupted;
use super::trouble::{Reading, Trouble};
use crate::fault::Result;
use crate::memory::allocation::zeros;

/// Bytes of a page that are the index's to fill: all but PostgreSQL's header and a mark of eight bytes.
pub const ROOM: usize = crate::hnsw::node::ROOM;
/// Bytes before a page's content.
pub const HEADER: usize = 24;
/// Bytes of content that a page has room for.
pub const CONTENT: usize = ROOM - HEADER;

/// What a page holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Nothing: anyone may take it.
    Free = 1,
    /// Nothing yet: its owner is about to write it.
    Reserved,
    /// The first page.
    Meta,
    /// What hangs below it: lists and segments of one key.
    Root,
    /// Rows of a list that no segment has yet.
    Pending,
    /// TIDs of a segment's rows.
    Docs,
    /// Pages of TIDs.
    DocsInner,
    /// Terms of a segment.
    Terms,
    /// Pages of terms.
    TermsInner,
    /// Where the blocks of long posting lists are.
    Skips,
    /// Blocks of postings.
    Blocks,
    /// All pages of a segment.
    Map,
}

/// Whom a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// The root page.
    pub root: u32,
    /// The list or segment below that root: never used for another one.
    pub number: u32,
}

/// The content of a page that was found to be what was expected.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// Bytes in use behind the header.
    pub content: &'a [u8],
    /// Level in a tree.
    pub level: u8,
    /// The next page of the chain, or 0.
    pub next: u32,
}

/// The 16-bit number at an offset that is known to be right.
pub(super) fn half(bytes: &[u8], at: usize) -> u16 {
    bytes[at..].first_chunk().map_or(0, |half| u16::from_le_bytes(*half))
}

/// The 32-bit number at an offset that is known to be right.
pub(super) fn word(bytes: &[u8], at: usize) -> u32 {
    bytes[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word))
}

/// The 64-bit number at an offset that is known to be right.
pub(super) fn long(bytes: &[u8], at: usize) -> u64 {
    bytes[at..].first_chunk().map_or(0, |long| u64::from_le_bytes(*long))
}

/// The number with a fraction at an offset that is known to be right.
pub(super) fn float(bytes: &[u8], at: usize) -> f32 {
    f32::from_bits(word(bytes, at))
}

/// Writes a field.
pub(super) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    bytes[at..][..field.len()].copy_from_slice(field);
}

/// Whether anyone may take the page.
///
/// # Errors
/// Fewer bytes than a page has.
pub fn is_free(room: &[u8]) -> Result<bool> {
    whole(room)?;
    Ok(room[8] == Kind::Free as u8 || room[..HEADER].iter().all(|byte| *byte == 0))
}

/// The owner of a page that is not free.
///
/// # Errors
/// Fewer bytes than a page has.
pub fn owner(room: &[u8]) -> Result<Option<Owner>> {
    Ok((!is_free(room)?).then(|| Owner { root: word(room, 0), number: word(room, 4) }))
}

/// Bytes of the room that are in use; the WAL may leave out those behind.
pub fn used(room: &[u8]) -> usize {
    if room.len() < HEADER { 0 } else { usize::from(half(room, 10)).min(room.len()) }
}

fn whole(room: &[u8]) -> Result<()> {
    if room.len() == ROOM { Ok(()) } else { Err(corrupted(format_args!("it has {} bytes", room.len()))) }
}

fn format(room: &mut [u8], page: u32, owner: Owner, kind: Kind) {
    room.fill(0);
    put(room, 0, &owner.root.to_le_bytes());
    put(room, 4, &owner.number.to_le_bytes());
    room[8] = kind as u8;
    put(room, 20, &page.to_le_bytes());
    seal(room, HEADER);
}

/// Makes a page its owner's, who is about to write it.
///
/// # Errors
/// Fewer bytes than a page has.
pub fn format_reserved(room: &mut [u8], page: u32, owner: Owner) -> Result<()> {
    whole(room)?;
    format(room, page, owner, Kind::Reserved);
    Ok(())
}

/// Makes a page anyone's.
///
/// # Errors
/// Fewer bytes than a page has.
pub fn format_free(room: &mut [u8], page: u32) -> Result<()> {
    whole(room)?;
    format(room, page, Owner { root: 0, number: 0 }, Kind::Free);
    Ok(())
}

/// Writes how many bytes are in use, and their checksum.
pub(super) fn seal(room: &mut [u8], used: usize) {
    put(room, 10, &(used as u16).to_le_bytes());
    let sum = checksum(&room[..used]);
    put(room, 16, &sum.to_le_bytes());
}

/// A checksum of the bytes in use, without the checksum itself. A change of one byte always changes it before it is
/// folded to 32 bits.
fn checksum(used: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut lanes = [1u64, 2, 3, 4];
    let mut add = |lane: usize, bytes: u64| {
        let mixed = (lanes[lane] ^ bytes).wrapping_mul(FACTOR);
        lanes[lane] = mixed ^ (mixed >> 29);
    };
    add(0, long(used, 0));
    add(1, long(used, 8));
    add(2, u64::from(word(used, 20)));
    let (groups, rest) = used[HEADER..].as_chunks::<32>();
    for group in groups {
        for lane in 0..4 {
            add(lane, long(group, lane * 8));
        }
    }
    let (words, tail) = rest.as_chunks::<8>();
    words.iter().for_each(|bytes| add(3, u64::from_le_bytes(*bytes)));
    let mut last = [0; 8];
    last[..tail.len()].copy_from_slice(tail);
    add(0, u64::from_le_bytes(last));
    let sum = lanes.iter().fold(used.len() as u64, |sum, lane| {
        let mixed = (sum ^ lane).wrapping_mul(FACTOR);
        mixed ^ (mixed >> 32)
    });
    sum as u32
}

/// Checks that a page is of a kind and an owner's.
///
/// # Errors
/// [`Trouble::Gone`] for another owner's or a free page; bytes that cannot have been written.
pub(super) fn open(room: &[u8], page: u32, owner: Owner, kind: Kind) -> Reading<View<'_>> {
    whole(room)?;
    let found = Owner { root: word(room, 0), number: word(room, 4) };
    if found != owner || room[8] <= Kind::Reserved as u8 {
        return Err(Trouble::Gone(page));
    }
    if room[8] != kind as u8 {
        return Err(corrupted(format_args!("page {page} is of kind {}, not {kind:?}", room[8])).into());
    }
    if word(room, 20) != page {
        return Err(corrupted(format_args!("page {page} says that it is page {}", word(room, 20))).into());
    }
    let used = usize::from(half(room, 10));
    if !(HEADER..=ROOM).contains(&used) {
        return Err(corrupted(format_args!("page {page} has {used} bytes in use")).into());
    }
    Ok(View { content: &room[HEADER..used], level: room[9], next: word(room, 12) })
}

/// As [`open`], and compares the checksum.
///
/// # Errors
/// As `open`; another checksum.
pub(super) fn open_whole(room: &[u8], page: u32, owner: Owner, kind: Kind) -> Reading<View<'_>> {
    let view = open(room, page, owner, kind)?;
    if checksum(&room[..HEADER + view.content.len()]) != word(room, 16) {
        return Err(corrupted(format_args!("page {page} has another checksum than its bytes")).into());
    }
    Ok(view)
}

/// Whether the checksum of a page is that of its bytes in use.
pub(super) fn is_right(room: &[u8]) -> bool {
    let used = usize::from(half(room, 10));
    (HEADER..=ROOM.min(room.len())).contains(&used) && checksum(&room[..used]) == word(room, 16)
}

/// A page that is being written, in memory.
#[derive(Debug)]
pub(super) struct Draft {
    /// Its number.
    pub page: u32,
    room: Vec<u8>,
    used: usize,
}

impl Draft {
    /// An empty page.
    ///
    /// # Errors
    /// `53200`.
    pub fn new(page: u32, owner: Owner, kind: Kind, level: u8) -> Result<Self> {
        let mut room = zeros(ROOM)?;
        format(&mut room, page, owner, kind);
        room[9] = level;
        Ok(Self { page, room, used: HEADER })
    }

    /// Bytes that are left.
    pub fn left(&self) -> usize {
        ROOM - self.used
    }

    /// Offset behind the bytes in use.
    pub fn used(&self) -> usize {
        self.used
    }

    /// Adds bytes, which the caller has found room for.
    pub fn add(&mut self, bytes: &[u8]) {
        put(&mut self.room, self.used, bytes);
        self.used += bytes.len();
    }

    /// The page as it is written, with the next page of its chain.
    pub fn sealed(&mut self, next: u32) -> &[u8] {
        put(&mut self.room, 12, &next.to_le_bytes());
        seal(&mut self.room, self.used);
        &self.room
    }
}
