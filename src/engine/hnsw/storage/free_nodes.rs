//! Free node records.
//!
//! A number is proposed without a lock; the caller locks its page, looks whether the node record is still free, and asks
//! again if not. The first page remembers some pages that had room (its *hints*); each process uses one of them, so
//! that few meet on a page. Then come the pages that a vacuum has entered into the free space map, then new pages.
#![allow(unsafe_code)] // a variable of the process

use super::meta_cache::META;
use super::page::{self, Kind};
use crate::engine::storage::buffer::{Index, Mode};
use crate::pg::error::OrRaise;
use conifer_pure::hnsw::node::{Header, Layout, NodeRef, State};
use conifer_pure::hnsw::pages::Meta;
use pgrx::pg_sys;

/// The number of a node record that was free a moment ago, and is not in `taken`.
pub fn propose(index: Index, layout: &Layout, taken: &[u32]) -> u32 {
    let first = index.page(META, Mode::Share);
    let hint = Meta::hint(page::room(first.bytes()), spread());
    drop(first);
    // The page may be missing: a page that was added without WAL does not come to a standby.
    if hint != 0
        && hint < index.pages()
        && let Some(number) = free_on(index, layout, hint, taken)
    {
        return number;
    }
    while let Some(page) = listed(index) {
        if page >= index.pages() {
            continue;
        }
        if let Some(number) = free_on(index, layout, page, taken) {
            remember(index, page);
            return number;
        }
    }
    let page = extend(index, layout);
    remember(index, page);
    layout.first_on(page)
}

/// Whether `bytes` are a free node record.
pub fn is_free(layout: &Layout, bytes: &[u8]) -> bool {
    NodeRef::new(layout, bytes).or_raise().header().state == State::Free
}

/// The process' number, by which insertions are spread over the hints.
fn spread() -> usize {
    // SAFETY: a variable of this process.
    unsafe { pg_sys::MyProcPid as usize }
}

fn free_on(index: Index, layout: &Layout, number: u32, taken: &[u32]) -> Option<u32> {
    let page = index.page(number, Mode::Share);
    if !matches!(page::kind(page.bytes()).or_raise(), Kind::Nodes | Kind::New) {
        return None;
    }
    let room = page::room(page.bytes());
    (0..layout.per_page() as u32).map(|position| layout.first_on(number) + position).find(|record| {
        let offset = layout.place(*record).or_raise().offset;
        // A node record on several pages has its state on the first; the others do not matter.
        !taken.contains(record) && room.get(offset + Header::STATE_AT) == Some(&(State::Free as u8))
    })
}

/// Takes a page out of the free space map.
#[allow(unsafe_code)]
fn listed(index: Index) -> Option<u32> {
    // SAFETY: the relation is open.
    let page = unsafe { pg_sys::GetFreeIndexPage(index.0) };
    (page != pg_sys::InvalidBlockNumber).then_some(page)
}

/// Adds the pages of a unit to the end; returns the first. The pages are zeros: free node records for any process.
#[allow(unsafe_code)]
fn extend(index: Index, layout: &Layout) -> u32 {
    let lock = pg_sys::ExclusiveLock as i32;
    // SAFETY: the relation is open. Pages of a unit lie together, so the lock is held for all of them.
    unsafe { pg_sys::LockRelationForExtension(index.0, lock) };
    let mut first = None;
    for _ in 0..layout.unit_pages() {
        let page = index.extend(pg_sys::ForkNumber::MAIN_FORKNUM, true);
        first.get_or_insert(page.number());
    }
    // SAFETY: locked above.
    unsafe { pg_sys::UnlockRelationForExtension(index.0, lock) };
    first.unwrap_or_default()
}

/// Makes a page this process' hint.
fn remember(index: Index, hint: u32) {
    // A hint: a lock for reading is enough, and a crash may lose it.
    let mut first = index.page(META, Mode::Share);
    Meta::set_hint(page::room_mut(first.bytes_mut()), spread(), hint);
    first.mark_hint();
}
