//! A page of the index: Postgres' header, the room that the pure parts fill, and the page's kind.
//!
//! The last eight bytes hold four zeros and `0xC0410000` plus the kind. A page of zeros, which a crash can leave
//! behind, holds free node records.

use conifer_pure::Result;
use conifer_pure::fault::Fault;
use conifer_pure::hnsw::node::{PAGE, ROOM, corrupted_part};

/// Bytes of Postgres' header.
pub const HEADER: usize = 24;
/// Where the room starts.
pub const FRONT: usize = PAGE - ROOM - TAIL;
/// Bytes behind the room.
pub const TAIL: usize = 8;
const MARK: u32 = 0xC041_0000;

/// The kind of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    /// A page of zeros: node records that are all free.
    New,
    /// The first page.
    Meta,
    /// A node page: node records, or the first piece of one.
    Nodes,
    /// A branch of the directory.
    Branch,
    /// A leaf of the directory.
    Leaf,
    /// A further piece of a node record.
    Piece,
}

/// The kind of a page, from its bytes.
///
/// # Errors
/// Bytes that no page of an index has.
#[inline]
pub fn kind(page: &[u8]) -> Result<Kind> {
    let tail = page.last_chunk().map_or(u32::MAX, |tail| u32::from_le_bytes(*tail));
    match tail.wrapping_sub(MARK) {
        1 => Ok(Kind::Meta),
        2 => Ok(Kind::Nodes),
        3 => Ok(Kind::Branch),
        4 => Ok(Kind::Leaf),
        5 => Ok(Kind::Piece),
        _ if page.iter().all(|byte| *byte == 0) => Ok(Kind::New),
        _ => Err(corrupted("a page is not of an hnsw index")),
    }
}

/// Refuses a page that is not of the kind `wanted`; a new page is taken for a node page or a piece.
///
/// # Errors
/// If it is of another kind.
#[inline]
pub fn check(page: &[u8], wanted: Kind) -> Result<()> {
    let found = kind(page)?;
    if found == wanted || (matches!(wanted, Kind::Nodes | Kind::Piece) && found == Kind::New) {
        Ok(())
    } else {
        Err(corrupted(format!("a page is {found:?}, not {wanted:?}")))
    }
}

/// The room of a page.
#[inline]
pub fn room(page: &[u8]) -> &[u8] {
    &page[FRONT..PAGE - TAIL]
}

/// The room of a page, to be written.
#[inline]
pub fn room_mut(page: &mut [u8]) -> &mut [u8] {
    &mut page[FRONT..PAGE - TAIL]
}

/// Marks an initialised page.
pub fn mark(page: &mut [u8], kind: Kind) {
    page[PAGE - TAIL..].fill(0);
    page[PAGE - 4..].copy_from_slice(&(MARK + kind as u32).to_le_bytes());
}

/// Sets how many bytes of the room are in use (`pd_lower`): the WAL leaves out the bytes behind.
pub fn use_room(page: &mut [u8], used: usize) {
    page[12..14].copy_from_slice(&((FRONT + used.min(ROOM)) as u16).to_ne_bytes());
}

/// How many bytes of the room are in use.
pub fn used_room(page: &[u8]) -> usize {
    usize::from(u16::from_ne_bytes([page[12], page[13]])).saturating_sub(FRONT).min(ROOM)
}

#[cold]
fn corrupted(what: impl std::fmt::Display) -> Fault {
    corrupted_part("index", what)
}
