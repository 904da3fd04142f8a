//! Copies of blocks, so that threads can look at many at once and whoever owns the pages need not hold them.

use crate::fault::Result;
use crate::hnsw::node::{Buffer, HEADER, Header, Layout, NONE, NodeRef, State};
use crate::hnsw::stored_vector::StoredVector;
use crate::memory::allocation::{Reserve, filled};
use rayon::prelude::*;

/// Bytes at which a vector may begin: any number in it is aligned.
const ALIGN: usize = 8;

/// Whole blocks, with their numbers.
#[derive(Debug)]
pub struct Batch {
    stride: usize,
    numbers: Vec<u32>,
    bytes: Buffer,
    max: usize,
}

impl Batch {
    /// With room for as many blocks as fit so many bytes, at least for those of a page.
    ///
    /// # Errors
    /// `53200`.
    pub fn new(layout: &Layout, bytes: usize) -> Result<Self> {
        let stride = layout.node_bytes().next_multiple_of(ALIGN);
        let max = (bytes / stride).max(layout.per_page());
        let mut numbers = vec![];
        numbers.room_for(max)?;
        Ok(Self { stride, numbers, bytes: Buffer::new(max * stride)?, max })
    }

    /// Blocks that there is room for.
    pub fn room(&self) -> usize {
        self.max - self.numbers.len()
    }

    /// Blocks that are there.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Adds a copy of a block.
    ///
    /// # Panics
    /// If there is no room.
    pub fn push(&mut self, number: u32, record: &[u8]) {
        assert!(self.room() > 0, "room for a node");
        let room = &mut self.bytes.bytes_mut()[self.numbers.len() * self.stride..][..self.stride];
        let len = record.len().min(self.stride);
        room[..len].copy_from_slice(&record[..len]);
        self.numbers.push(number);
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.numbers.clear();
    }

    /// The blocks, one after the other.
    pub(super) fn records(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.numbers.iter().copied().zip(self.bytes.bytes().chunks_exact(self.stride))
    }

    /// The blocks, for threads.
    pub(super) fn shared(&self) -> impl IndexedParallelIterator<Item = (u32, &[u8])> {
        self.numbers.par_iter().copied().zip(self.bytes.bytes().par_chunks_exact(self.stride))
    }
}

/// Vectors of some nodes' blocks, by the blocks' numbers.
#[derive(Debug)]
pub(super) struct Vectors {
    /// For each number, where its vector is, or none.
    at: Vec<u32>,
    rows: Buffer,
    stride: usize,
    len: usize,
}

impl Vectors {
    /// For numbers below `blocks`, with room for so many bytes, at least for one vector.
    pub(super) fn new(layout: &Layout, records: u32, bytes: usize) -> Result<Self> {
        let stride = (HEADER + layout.stored_bytes()).next_multiple_of(ALIGN);
        let max = (bytes / stride).clamp(1, (records as usize).max(1));
        let at = filled(NONE, records as usize)?;
        Ok(Self { at, rows: Buffer::new(max * stride)?, stride, len: 0 })
    }

    /// Vectors that there is room for.
    pub(super) fn max(&self) -> usize {
        self.rows.bytes().len() / self.stride
    }

    /// Takes all out.
    pub(super) fn clear(&mut self) {
        self.at.fill(NONE);
        self.len = 0;
    }

    /// Keeps a block's vector if it has one; `false` if there is no room for it.
    pub(super) fn keep(&mut self, layout: &Layout, number: u32, record: &[u8]) -> bool {
        let head = record.first_chunk().and_then(|head| Header::read(head, layout.slots()).ok());
        if !head.is_some_and(|head| matches!(head.state, State::Live | State::Dead)) {
            return true;
        }
        let (Some(at), Some(row)) =
            (self.at.get_mut(number as usize), record.get(..HEADER + layout.stored_bytes()))
        else {
            return true;
        };
        let start = self.len * self.stride;
        let Some(room) = self.rows.bytes_mut().get_mut(start..start + row.len()) else { return false };
        room.copy_from_slice(row);
        *at = self.len as u32;
        self.len += 1;
        true
    }

    /// The header and the vector of a block, if they were kept.
    pub(super) fn get<'a>(
        &'a self,
        layout: &'a Layout,
        number: u32,
    ) -> Option<Result<(Header, StoredVector<'a>)>> {
        let at = self.at.get(number as usize).copied().filter(|at| *at != NONE)?;
        let row = &self.rows.bytes()[at as usize * self.stride..][..HEADER + layout.stored_bytes()];
        Some(NodeRef::front(layout, row))
    }
}
