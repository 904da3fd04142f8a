//! Free blocks.
//!
//! A number is proposed without a lock; whoever takes it locks its page and looks whether it is still free, and asks
//! again if not. The first page remembers some pages that had room (its *hints*); each process uses one of them, so
//! that few meet on a page. Then come the pages that a vacuum has entered into the free space map, then new ones.
#![allow(unsafe_code)] // a variable of the process

use super::buffer::{Index, Mode};
use super::meta_cache::META;
use super::page::{self, Kind};
use crate::pg::error::OrRaise;
use conifer_pure::hnsw::node::{Header, Layout, NodeRef, State};
use conifer_pure::hnsw::pages::Meta;
use pgrx::pg_sys;

/// The number of a block that was free a moment ago, not one of `taken`.
pub fn propose(index: Index, layout: &Layout, taken: &[u32]) -> u32 {
    let first = index.page(META, Mode::Share);
    let hint = Meta::hint(page::room(first.bytes()), spread());
    drop(first);
    // The page may be missing, where one that was added without log has not come to a standby.
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

/// Whether bytes are those of a free block.
pub fn is_free(layout: &Layout, bytes: &[u8]) -> bool {
    NodeRef::new(layout, bytes).or_raise().header().state == State::Free
}

/// The process' number, to spread inserts by.
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
        // Of a block on several pages, the state is on its first; what else it has does not matter.
        !taken.contains(record) && room.get(offset + Header::STATE_AT) == Some(&(State::Free as u8))
    })
}

/// A page of the free space map, which is taken out of it.
#[allow(unsafe_code)]
fn listed(index: Index) -> Option<u32> {
    // SAFETY: the relation is open.
    let page = unsafe { pg_sys::GetFreeIndexPage(index.0) };
    (page != pg_sys::InvalidBlockNumber).then_some(page)
}

/// Adds the pages of a unit to the end; returns the first. They are zeros, and free blocks for whoever finds them.
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
