//! A new row: it joins the list of pending rows.

use super::page::{self, Draft, HEADER, Kind, Owner, ROOM, corrupted};
use super::pending::{self, MAX_ELEMENTS};
use super::root::{self, Root};
use super::storage::{PagesMut, free};
use super::trouble::Trouble;
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::{Reserve, push};
use crate::types::sparsevec::Sparse;
use std::cell::Cell;

/// How much is pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingSize {
    /// Pages of the list that new rows go to.
    pub pages: u32,
}

/// The entries of a row, each with its front.
fn entries(key: u32, tid: Tid, vector: Sparse<'_>) -> Result<Vec<Vec<u8>>> {
    let count = vector.values.iter().filter(|value| **value != 0.0).count();
    let mut all: Vec<Vec<u8>> = Vec::new();
    let mut left = count;
    let mut elements = vector.indices.iter().zip(vector.values).filter(|(_, value)| **value != 0.0);
    loop {
        let some = left.min(MAX_ELEMENTS);
        left -= some;
        let mut bytes = Vec::new();
        bytes.room_for(pending::FRONT + some * pending::ELEMENT)?;
        bytes.extend_from_slice(&pending::front(key, tid, some, left > 0));
        for (dim, value) in elements.by_ref().take(some) {
            bytes.extend_from_slice(&pending::element(*dim, *value));
        }
        push(&mut all, bytes)?;
        if left == 0 {
            return Ok(all);
        }
    }
}

/// Adds a row of a key to the list of pending rows; 0 where there are no keys. The caller holds no lock.
///
/// # Errors
/// An index whose bytes cannot have been written; those of the pages.
pub fn insert(
    pages: &mut impl PagesMut,
    root: u32,
    key: u32,
    tid: Tid,
    vector: Sparse<'_>,
) -> Result<PendingSize> {
    let entries = entries(key, tid, vector)?;
    loop {
        pages.check_interrupts()?;
        if let [only] = &entries[..]
            && let Some(size) = append(pages, root, only)?
        {
            return Ok(size);
        }
        if let Some(size) = add_pages(pages, root, &entries)? {
            return Ok(size);
        }
    }
}

/// Adds an entry to the last page, if that has room.
fn append(pages: &mut impl PagesMut, root: u32, entry: &[u8]) -> Result<Option<PendingSize>> {
    let found = Cell::new((0, 0, 0));
    let pick = |room: &[u8]| {
        let list = Root::read(room, root)?.pending;
        found.set((list.number, list.tail, list.pages));
        Ok((list.tail != 0).then_some(list.tail))
    };
    let change = |room: &mut [u8]| {
        let (number, tail, pages) = found.get();
        let owner = Owner { root, number };
        let view = page::open(room, tail, owner, Kind::Pending).map_err(Trouble::into_fault)?;
        let used = HEADER + view.content.len();
        if view.next != 0 {
            return Err(corrupted(format_args!("the last page of pending rows leads to page {}", view.next)));
        }
        if ROOM - used < entry.len() {
            return Ok((None, false));
        }
        page::put(room, used, entry);
        page::seal(room, used + entry.len());
        Ok((Some(PendingSize { pages }), true))
    };
    Ok(pages.change_below(root, pick, change)?.flatten())
}

/// Adds pages with entries behind the last one. `None` if others have changed the list meanwhile.
fn add_pages(pages: &mut impl PagesMut, root: u32, entries: &[Vec<u8>]) -> Result<Option<PendingSize>> {
    let list = root::read(pages, root)?.pending;
    let owner = Owner { root, number: list.number };
    let mut new: Vec<u32> = Vec::new();
    for _ in entries {
        pages.check_interrupts()?;
        let page = pages.allocate(owner)?;
        push(&mut new, page)?;
    }
    let mut whole = true;
    for (i, entry) in entries.iter().enumerate() {
        let mut draft = Draft::new(new[i], owner, Kind::Pending, 0)?;
        draft.add(entry);
        let bytes = draft.sealed(new.get(i + 1).copied().unwrap_or(0));
        // If the list has been merged since it was looked up, a sweep may have taken the page.
        whole &= pages.change(&[new[i]], |rooms| {
            let Some(room) = rooms.first_mut() else { return Err(corrupted("a page is missing")) };
            let mine = page::owner(room)? == Some(owner);
            if mine {
                room.copy_from_slice(bytes);
            }
            Ok((mine, mine))
        })?;
    }
    let (first, last) = (new.first().copied().unwrap_or(0), new.last().copied().unwrap_or(0));
    if whole {
        let locked = [root, list.tail];
        let locked = if list.tail == 0 { &locked[..1] } else { &locked[..] };
        let linked = pages.change(locked, |rooms| {
            let Some((top, tail)) = rooms.split_first_mut() else {
                return Err(corrupted("a root is missing"));
            };
            let mut now = Root::read(top, root)?;
            if (now.pending.number, now.pending.tail) != (list.number, list.tail) {
                return Ok((None, false));
            }
            if let Some(tail) = tail.first_mut() {
                let view = page::open(tail, list.tail, owner, Kind::Pending).map_err(Trouble::into_fault)?;
                let used = HEADER + view.content.len();
                page::put(tail, 12, &first.to_le_bytes());
                page::seal(tail, used);
            } else {
                now.pending.head = first;
            }
            now.pending.tail = last;
            now.pending.pages += new.len() as u32;
            let size = PendingSize { pages: now.pending.pages };
            now.write(top);
            Ok((Some(size), true))
        })?;
        if linked.is_some() {
            return Ok(linked);
        }
    }
    new.into_iter().try_for_each(|page| free(pages, page, owner))?;
    Ok(None)
}
