//! Where a construction keeps vectors and edges: in the heap, or wherever its owner has more room.

use super::budget::Loan;
use crate::fault::Result;
use crate::hnsw::node::Buffer;
use crate::hnsw::stored_vector::{cells, u32s, u32s_mut};
use std::sync::atomic::AtomicU32;

/// Bytes that someone else has made room for, on cache lines of their own.
pub trait Region: Send + Sync + std::fmt::Debug {
    /// All of them.
    fn bytes(&self) -> &[u8];
    /// All of them, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];
}

/// Zeros, on cache lines of their own. What was not written to need not exist.
#[derive(Debug)]
pub enum Room {
    /// In the heap, on loan if someone counts.
    Heap(Buffer, Option<Loan>),
    /// Somewhere else.
    Region(Box<dyn Region>),
}

impl Room {
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Heap(buffer, _) => buffer.bytes(),
            Self::Region(region) => region.bytes(),
        }
    }

    /// The bytes, to be written.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(buffer, _) => buffer.bytes_mut(),
            Self::Region(region) => region.bytes_mut(),
        }
    }
}

/// Whoever gives room.
pub trait Memory {
    /// Room for that many bytes, all zeros.
    ///
    /// # Errors
    /// If there is none.
    fn room(&mut self, bytes: usize) -> Result<Room>;
}

/// Room in the heap, as much as there is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heap;

impl Memory for Heap {
    fn room(&mut self, bytes: usize) -> Result<Room> {
        Ok(Room::Heap(Buffer::new(bytes)?, None))
    }
}

/// Whole numbers in such room.
#[derive(Debug)]
pub struct Words(Room);

impl Words {
    /// So many zeros in the heap.
    ///
    /// # Errors
    /// If there is none.
    pub fn new(len: usize) -> Result<Self> {
        Self::new_in(len, &mut Heap)
    }

    /// So many zeros in somebody's memory.
    ///
    /// # Errors
    /// If there is none.
    pub fn new_in(len: usize, memory: &mut dyn Memory) -> Result<Self> {
        memory.room(len * size_of::<u32>()).map(Self)
    }

    /// The numbers.
    #[inline]
    pub fn all(&self) -> &[u32] {
        // Aligned, as room is.
        u32s(self.0.bytes()).unwrap_or(&[])
    }

    /// The numbers, to be changed.
    #[inline]
    pub fn all_mut(&mut self) -> &mut [u32] {
        u32s_mut(self.0.bytes_mut()).unwrap_or(&mut [])
    }

    /// The numbers, to be changed by several threads.
    pub(super) fn cells(&mut self) -> &[AtomicU32] {
        cells(self.all_mut())
    }
}

impl PartialEq for Words {
    fn eq(&self, other: &Self) -> bool {
        self.all() == other.all()
    }
}

impl Eq for Words {}
