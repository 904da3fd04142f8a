//! Copies of node records, so that threads can look at many at once while their pages are not held.

use crate::fault::Result;
use crate::hnsw::node::{Buffer, HEADER, Header, Layout, NONE, NodeRef, State};
use crate::hnsw::stored_vector::StoredVector;
use crate::memory::allocation::{Reserve, filled};
use rayon::prelude::*;

/// Vectors begin at multiples of this number of bytes, so that all numbers in them are aligned.
const ALIGN: usize = 8;

/// Whole node records, with their numbers.
#[derive(Debug)]
pub struct Batch {
    stride: usize,
    numbers: Vec<u32>,
    bytes: Buffer,
    max: usize,
}

impl Batch {
    /// With room for as many node records as fit `bytes`, at least for those of a page.
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

    /// Number of node records that there is room for.
    pub fn room(&self) -> usize {
        self.max - self.numbers.len()
    }

    /// Number of node records.
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    /// Whether there are no node records.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// Adds a copy of a node record.
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

    /// Takes out all node records.
    pub fn clear(&mut self) {
        self.numbers.clear();
    }

    /// The node records, one after the other.
    pub(super) fn records(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.numbers.iter().copied().zip(self.bytes.bytes().chunks_exact(self.stride))
    }

    /// The node records, for threads.
    pub(super) fn shared(&self) -> impl IndexedParallelIterator<Item = (u32, &[u8])> {
        self.numbers.par_iter().copied().zip(self.bytes.bytes().par_chunks_exact(self.stride))
    }
}

/// Vectors of some node records, by the records' numbers.
#[derive(Debug)]
pub(super) struct Vectors {
    /// For each number, the place of its vector, or none.
    at: Vec<u32>,
    rows: Buffer,
    stride: usize,
    len: usize,
}

impl Vectors {
    /// For numbers below `records`, with room for `bytes`, at least for one vector.
    pub(super) fn new(layout: &Layout, records: u32, bytes: usize) -> Result<Self> {
        let stride = (HEADER + layout.stored_bytes()).next_multiple_of(ALIGN);
        let max = (bytes / stride).clamp(1, (records as usize).max(1));
        let at = filled(NONE, records as usize)?;
        Ok(Self { at, rows: Buffer::new(max * stride)?, stride, len: 0 })
    }

    /// Number of vectors that there is room for.
    pub(super) fn max(&self) -> usize {
        self.rows.bytes().len() / self.stride
    }

    /// Takes out all vectors.
    pub(super) fn clear(&mut self) {
        self.at.fill(NONE);
        self.len = 0;
    }

    /// Keeps a record's vector if it has one; `false` if there is no room for it.
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

    /// The header and the vector of a node record, if they were kept.
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
