//! A page of an index: Postgres' header, the room that the pure parts fill, and the page's mark.
//!
//! The last eight bytes hold four zeros and the mark, a number by which an access method tells its pages and their
//! kinds.

use conifer_pure::hnsw::node::{PAGE, ROOM};

/// Bytes of Postgres' header.
pub const HEADER: usize = 24;
/// Where the room starts.
pub const FRONT: usize = PAGE - ROOM - TAIL;
/// Bytes behind the room.
pub const TAIL: usize = 8;

/// The mark of a page.
#[inline]
pub fn marked(page: &[u8]) -> u32 {
    page.last_chunk().map_or(u32::MAX, |tail| u32::from_le_bytes(*tail))
}

/// Marks an initialised page.
pub fn set_mark(page: &mut [u8], mark: u32) {
    page[PAGE - TAIL..].fill(0);
    page[PAGE - 4..].copy_from_slice(&mark.to_le_bytes());
}

/// Whether a page holds nothing but zeros, as one that a crash has left behind.
pub fn is_zeros(page: &[u8]) -> bool {
    page.iter().all(|byte| *byte == 0)
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

/// Sets how many bytes of the room are in use (`pd_lower`): the WAL leaves out the bytes behind.
pub fn use_room(page: &mut [u8], used: usize) {
    page[12..14].copy_from_slice(&((FRONT + used.min(ROOM)) as u16).to_ne_bytes());
}

/// How many bytes of the room are in use.
pub fn used_room(page: &[u8]) -> usize {
    usize::from(u16::from_ne_bytes([page[12], page[13]])).saturating_sub(FRONT).min(ROOM)
}
