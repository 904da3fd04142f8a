//! Rows with equal vectors: blocks of rows that hang on a node, the youngest first.

use super::alloc;
use super::buffer::{Index, Mode};
use super::log::Held;
use super::page;
use conifer_pure::Result;
use conifer_pure::block::{BlockMut, BlockRef, ChainMut, ChainRef, Layout, NONE, State, Tid};
use conifer_pure::insert::Seen;

/// Adds a row to a node. False if the node has gone or changed meanwhile: the caller looks for it again.
///
/// # Errors
/// Corrupted blocks.
pub fn join(index: Index, layout: &Layout, node: &Seen, tid: Tid) -> Result<bool> {
    let place = layout.place(node.number)?;
    let chain = {
        let first = index.page(place.page, Mode::Share);
        let room = page::room(first.bytes());
        // The header lies on the first page, whatever the size of the block.
        match room.get(place.offset..).and_then(|bytes| bytes.first_chunk()) {
            Some(bytes) => conifer_pure::block::Header::read(bytes, layout.lanes())?.chain,
            None => return Ok(false),
        }
    };
    if chain == NONE {
        let new = alloc::propose(index, layout, &[]);
        return start(index, layout, node, tid, NONE, new);
    }
    let held = Held::lock(index, layout, &[node.number, chain])?;
    if !is_there(layout, held.block(node.number)?, node, chain)? {
        return Ok(false);
    }
    let Some(rows) = ChainRef::new(layout, held.block(chain)?)? else { return Ok(false) };
    let version = BlockRef::new(layout, held.block(chain)?)?.header().version;
    let (owner, next) = ((rows.graph, rows.owner), rows.next);
    if owner != (node.graph, node.number) {
        return Ok(false);
    }
    let mut tids: Vec<Tid> = rows.tids().collect();
    if tids.len() == layout.chain_room() {
        drop(held);
        let new = alloc::propose(index, layout, &[]);
        return start(index, layout, node, tid, chain, new);
    }
    tids.push(tid);
    let mut change = held.change();
    ChainMut::format(layout, change.block(chain)?, version, owner, next, tids.into_iter())?;
    change.finish()?;
    Ok(true)
}

/// Starts a new block of rows, before those that there are.
fn start(index: Index, layout: &Layout, node: &Seen, tid: Tid, next: u32, new: u32) -> Result<bool> {
    let held = Held::lock(index, layout, &[node.number, new])?;
    if !is_there(layout, held.block(node.number)?, node, next)? || !alloc::is_free(layout, held.block(new)?) {
        return Ok(false);
    }
    let version = BlockRef::new(layout, held.block(new)?)?.header().version.wrapping_add(1);
    let mut change = held.change();
    let owner = (node.graph, node.number);
    ChainMut::format(layout, change.block(new)?, version, owner, next, std::iter::once(tid))?;
    BlockMut::new(layout, change.block(node.number)?)?.set_chain(new);
    change.finish()?;
    Ok(true)
}

/// Whether a block is still that of the living node, with that chain.
fn is_there(layout: &Layout, bytes: &[u8], node: &Seen, chain: u32) -> Result<bool> {
    let header = *BlockRef::new(layout, bytes)?.header();
    Ok(header.state == State::Live
        && (header.version, header.graph, header.level, header.chain)
            == (node.version, node.graph, node.level, chain))
}
