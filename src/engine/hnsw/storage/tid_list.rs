//! Rows with equal vectors: the TID list of a node, records of TIDs that start at the node record, the youngest first.

use super::free_nodes;
use super::page;
use super::wal::LockedNodes;
use crate::engine::storage::buffer::{Index, Mode, Ring};
use conifer_pure::Result;
use conifer_pure::hnsw::insert::Seen;
use conifer_pure::hnsw::node::{
    Header, Layout, NONE, NodeMut, NodeRef, State, Tid, TidListMut, TidListRef, corrupted,
};
use conifer_pure::memory::allocation::{Reserve, push};
use std::collections::HashSet;

/// Adds a TID to a node. False if the node has gone or changed meanwhile: the caller looks for the node again.
///
/// # Errors
/// Corrupted node records.
pub fn join(index: Index, layout: &Layout, node: &Seen, tid: Tid) -> Result<bool> {
    let place = layout.place(node.number)?;
    let tid_list = {
        let first = index.page(place.page, Mode::Share);
        let room = page::room(first.bytes());
        // The header lies on the first page, whatever the size of a node record.
        match room.get(place.offset..).and_then(|bytes| bytes.first_chunk()) {
            Some(bytes) => Header::read(bytes, layout.slots())?.tid_list,
            None => return Ok(false),
        }
    };
    if tid_list == NONE {
        let new = free_nodes::propose(index, layout, &[]);
        return start(index, layout, node, tid, NONE, new);
    }
    let held = LockedNodes::lock(index, layout, &[node.number, tid_list])?;
    if !is_there(layout, held.node(node.number)?, node, tid_list)? {
        return Ok(false);
    }
    // The node's page is locked, so this is its TID list.
    let Some(rows) = TidListRef::new(layout, held.node(tid_list)?)? else {
        return Err(corrupted(format_args!("node {tid_list} is in a tid list and holds no rows")));
    };
    let version = NodeRef::new(layout, held.node(tid_list)?)?.header().version;
    let (owner, next) = ((rows.graph, rows.owner), rows.next);
    if owner != (node.graph, node.number) {
        return Err(corrupted(format_args!("node {tid_list} is in the tid list of another node")));
    }
    let mut tids: Vec<Tid> = rows.tids().collect();
    if tids.len() == layout.tid_list_capacity() {
        drop(held);
        let new = free_nodes::propose(index, layout, &[]);
        return start(index, layout, node, tid, tid_list, new);
    }
    tids.push(tid);
    let mut change = held.change();
    TidListMut::format(layout, change.node(tid_list)?, version, owner, next, tids.into_iter())?;
    change.finish()?;
    Ok(true)
}

/// Puts a new record of TIDs in front of a node's TID list, which starts at `next`.
fn start(index: Index, layout: &Layout, node: &Seen, tid: Tid, next: u32, new: u32) -> Result<bool> {
    let held = LockedNodes::lock(index, layout, &[node.number, new])?;
    if !is_there(layout, held.node(node.number)?, node, next)?
        || !free_nodes::is_free(layout, held.node(new)?)
    {
        return Ok(false);
    }
    let version = NodeRef::new(layout, held.node(new)?)?.header().version.wrapping_add(1);
    let mut change = held.change();
    let owner = (node.graph, node.number);
    TidListMut::format(layout, change.node(new)?, version, owner, next, std::iter::once(tid))?;
    NodeMut::new(layout, change.node(node.number)?)?.set_tid_list(new);
    change.finish()?;
    Ok(true)
}

/// Whether a node record is still that of the living node, with that TID list.
fn is_there(layout: &Layout, bytes: &[u8], node: &Seen, tid_list: u32) -> Result<bool> {
    let header = *NodeRef::new(layout, bytes)?.header();
    Ok(header.state == State::Live
        && (header.version, header.graph, header.level, header.tid_list)
            == (node.version, node.graph, node.level, tid_list))
}

/// The outcome of a sweep over the TIDs of a node.
#[derive(Debug, Default)]
pub struct Swept {
    /// TIDs that are left; if there are none, the node is dead.
    pub left: u64,
    /// TIDs that were taken out.
    pub removed: u64,
    /// Records of the TID list that were freed.
    pub freed: Vec<u32>,
}

/// The TID of a record that is the last of its TID list and holds no other.
fn only(layout: &Layout, bytes: &[u8]) -> Result<Option<Tid>> {
    let Some(rows) = TidListRef::new(layout, bytes)?.filter(|rows| rows.next == NONE) else {
        return Ok(None);
    };
    let mut tids = rows.tids();
    Ok(tids.next().filter(|tid| tid.is_some() && tids.next().is_none()))
}

/// Takes TIDs out of a node, and marks the node as dead if none are left. If the node record's own TID is gone and one is left
/// in the TID list, that one moves into the node record, and the list's record is freed.
///
/// # Errors
/// Corrupted node records.
pub fn sweep(
    index: Index,
    layout: &Layout,
    ring: Ring,
    number: u32,
    header: &Header,
    gone: &mut impl FnMut(Tid) -> bool,
) -> Result<Swept> {
    let mut swept = Swept::default();
    let mut owner = *header;
    'again: loop {
        swept.left = 0;
        let (mut before, mut next) = (number, owner.tid_list);
        let mut met = HashSet::new();
        while next != NONE {
            pgrx::check_for_interrupts!();
            met.room_for(1)?;
            if !met.insert(next) {
                return Err(corrupted(format_args!("node {next} is in a tid list twice")));
            }
            let held = LockedNodes::lock_by(index, layout, ring, &[before, next])?;
            let now = *NodeRef::new(layout, held.node(before)?)?.header();
            if now.tid_list != next {
                // Only the node record's link can change meanwhile: a younger record was put in front of the list.
                owner = now;
                continue 'again;
            }
            let Some(rows) = TidListRef::new(layout, held.node(next)?)? else {
                return Err(corrupted(format_args!("node {next} is in a tid list and holds no rows")));
            };
            if (rows.graph, rows.owner) != (header.graph, number) {
                return Err(corrupted(format_args!("node {next} is in the tid list of another node")));
            }
            let version = NodeRef::new(layout, held.node(next)?)?.header().version;
            let (all, after, of) = (rows.tids().count(), rows.next, (rows.graph, rows.owner));
            let left: Vec<Tid> = rows.tids().filter(|tid| tid.is_some() && !gone(*tid)).collect();
            swept.left += left.len() as u64;
            swept.removed += (all - left.len()) as u64;
            if left.is_empty() {
                let mut change = held.change();
                NodeMut::new(layout, change.node(before)?)?.set_tid_list(after);
                NodeMut::new(layout, change.node(next)?)?.set_state(State::Free);
                change.finish()?;
                push(&mut swept.freed, next)?;
            } else {
                if left.len() < all {
                    let mut change = held.change();
                    TidListMut::format(layout, change.node(next)?, version, of, after, left.into_iter())?;
                    change.finish()?;
                }
                before = next;
            }
            next = after;
        }
        let last = Some(before).filter(|before| swept.left == 1 && *before != number);
        let held = LockedNodes::lock_by(index, layout, ring, &[number, last.unwrap_or(number)])?;
        let now = *NodeRef::new(layout, held.node(number)?)?.header();
        let own = now.tid.is_some() && !gone(now.tid);
        swept.left += u64::from(own);
        if own {
            return Ok(swept);
        }
        if now.tid_list != NONE && swept.left == 0 {
            owner = now;
            continue 'again;
        }
        swept.removed += u64::from(now.tid.is_some());
        if let Some(last) = last.filter(|last| now.tid_list == *last)
            && let Some(tid) = only(layout, held.node(last)?)?
        {
            let mut change = held.change();
            NodeMut::new(layout, change.node(last)?)?.set_state(State::Free);
            let mut record = NodeMut::new(layout, change.node(number)?)?;
            record.set_tid(tid);
            record.set_tid_list(NONE);
            change.finish()?;
            push(&mut swept.freed, last)?;
            return Ok(swept);
        }
        let mut change = held.change();
        let mut record = NodeMut::new(layout, change.node(number)?)?;
        record.set_tid(Tid::default());
        if swept.left == 0 {
            record.set_state(State::Dead);
        }
        change.finish()?;
        return Ok(swept);
    }
}
