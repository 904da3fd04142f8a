//! The mark of a page of an `inverted` index: `0xC0420001`. What a page holds, the pure parts know by their header. A
//! page of zeros is free.

use crate::engine::storage::page::{is_zeros, marked, room_mut, set_mark, use_room};
use conifer_pure::Result;
use conifer_pure::fault::Fault;
use conifer_pure::hnsw::node::corrupted_part;
use conifer_pure::inverted::page;

const MARK: u32 = 0xC042_0001;

/// Refuses a page that is not of an index of this method.
///
/// # Errors
/// `XX002`.
#[inline]
pub fn check(page: &[u8]) -> Result<()> {
    if marked(page) == MARK || is_new(page) { Ok(()) } else { Err(foreign()) }
}

/// Whether a page holds nothing but zeros, as one that a crash has left behind.
pub fn is_new(page: &[u8]) -> bool {
    marked(page) == 0 && is_zeros(page)
}

/// Marks an initialised page.
pub fn set(page: &mut [u8]) {
    set_mark(page, MARK);
}

/// Notes how many bytes of the room are in use, after a change.
pub fn settle(page: &mut [u8]) {
    let used = page::used(room_mut(page));
    use_room(page, used);
}

#[cold]
fn foreign() -> Fault {
    corrupted_part("index", "a page is not of an inverted index")
}
