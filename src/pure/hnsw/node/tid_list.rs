//! Rows with equal vectors are one node. The TID of the first row is in the node record; the further TIDs are in the node's
//! TID list: linked records of the same size, in this format:
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 6 | 1 | `state` | 3 |
//! | 8 | 2 | `version` | as in any node record |
//! | 12 | 4 | `count` | TIDs in this record |
//! | 20 | 4 | `graph` | that of the node |
//! | 24 | 4 | `owner` | the node's record on level 0 |
//! | 28 | 4 | `next` | the next record, or none |
//! | 32 | 6 each | `tid` | block and offset of a row |

use super::corrupted;
use super::header::{HEADER, State, Tid, at, part};
use super::layout::Layout;
use crate::fault::Result;

/// A record of a TID list.
#[derive(Debug, Clone, Copy)]
pub struct TidListRef<'a> {
    /// The node's record on level 0.
    pub owner: u32,
    /// The next record of the TID list, or [`NONE`](super::NONE).
    pub next: u32,
    /// The graph that the node belongs to.
    pub graph: u32,
    tids: &'a [[u8; Tid::BYTES]],
}

impl Layout {
    /// Maximum TIDs in a record of a TID list.
    pub fn tid_list_capacity(&self) -> usize {
        (self.node_bytes() - HEADER) / Tid::BYTES
    }
}

impl<'a> TidListRef<'a> {
    /// The record that starts where `bytes` does; `None` if the record is not part of a TID list (any more).
    ///
    /// # Errors
    /// Too few bytes, or more TIDs than there is room for.
    pub fn new(layout: &Layout, bytes: &'a [u8]) -> Result<Option<Self>> {
        let bytes = bytes.get(..layout.node_bytes()).ok_or_else(|| corrupted("it is cut off"))?;
        let (head, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| corrupted("it is cut off"))?;
        if head[at::STATE] != State::TidList as u8 {
            return Ok(None);
        }
        let word = |at| u32::from_le_bytes(part(head, at));
        let count = word(at::NORM) as usize;
        let tids = rest.as_chunks().0;
        let tids = tids.get(..count).ok_or_else(|| corrupted(format_args!("{count} rows in a tid list")))?;
        Ok(Some(Self { owner: word(at::DOWN), next: word(at::TID_LIST), graph: word(at::GRAPH), tids }))
    }

    /// The TIDs.
    pub fn tids(&self) -> impl Iterator<Item = Tid> + use<'a> {
        self.tids.iter().map(Tid::read)
    }
}

/// A record of a TID list, writable.
#[derive(Debug)]
pub struct TidListMut<'a> {
    bytes: &'a mut [u8],
}

impl<'a> TidListMut<'a> {
    /// Makes the bytes a record of the TID list of node `owner` in `graph`.
    ///
    /// # Errors
    /// Too few bytes, or more TIDs than there is room for.
    pub fn format(
        layout: &Layout,
        bytes: &'a mut [u8],
        version: u16,
        (graph, owner): (u32, u32),
        next: u32,
        tids: impl ExactSizeIterator<Item = Tid>,
    ) -> Result<Self> {
        let bytes = bytes.get_mut(..layout.node_bytes()).ok_or_else(|| corrupted("it is cut off"))?;
        let count = tids.len();
        if count > layout.tid_list_capacity() {
            return Err(corrupted(format_args!("{count} rows for a record of a tid list")));
        }
        bytes.fill(0);
        bytes[at::STATE] = State::TidList as u8;
        for (place, tid) in bytes[HEADER..].chunks_exact_mut(Tid::BYTES).zip(tids) {
            place.copy_from_slice(&tid.bytes());
        }
        let mut new = Self { bytes };
        new.put(at::VERSION, &version.to_le_bytes());
        new.put(at::NORM, &(count as u32).to_le_bytes());
        new.put(at::GRAPH, &graph.to_le_bytes());
        new.put(at::DOWN, &owner.to_le_bytes());
        new.put(at::TID_LIST, &next.to_le_bytes());
        Ok(new)
    }

    fn put(&mut self, at: usize, field: &[u8]) {
        self.bytes[at..][..field.len()].copy_from_slice(field);
    }

    /// Sets the next record of the TID list.
    pub fn set_next(&mut self, next: u32) {
        self.put(at::TID_LIST, &next.to_le_bytes());
    }
}
