//! The memory for vectors and edges of a construction: the heap, or a memory of the caller's with more room.

use super::memory_budget::Loan;
use crate::fault::Result;
use crate::hnsw::node::Buffer;
use crate::hnsw::stored_vector::{cells, u32s, u32s_mut};
use std::sync::atomic::AtomicU32;

/// Bytes outside of the heap that a [`Memory`] has made, from the start of a cache line on.
pub trait Region: Send + Sync + std::fmt::Debug {
    /// All bytes.
    fn bytes(&self) -> &[u8];
    /// All bytes, writable.
    fn bytes_mut(&mut self) -> &mut [u8];
}

/// Bytes from the start of a cache line on, zeros at first. Pages that were never written need not exist.
#[derive(Debug)]
pub enum Room {
    /// In the heap; with a loan if a budget counts the bytes.
    Heap(Buffer, Option<Loan>),
    /// Outside of the heap.
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

    /// The bytes, writable.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(buffer, _) => buffer.bytes_mut(),
            Self::Region(region) => region.bytes_mut(),
        }
    }
}

/// A source of rooms.
pub trait Memory {
    /// A room of `bytes` bytes, all zeros.
    ///
    /// # Errors
    /// If there is no memory.
    fn room(&mut self, bytes: usize) -> Result<Room>;
}

/// The heap, without a limit.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heap;

impl Memory for Heap {
    fn room(&mut self, bytes: usize) -> Result<Room> {
        Ok(Room::Heap(Buffer::new(bytes)?, None))
    }
}

/// 32-bit numbers in a room.
#[derive(Debug)]
pub struct Words(Room);

impl Words {
    /// `len` zeros in the heap.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new(len: usize) -> Result<Self> {
        Self::new_in(len, &mut Heap)
    }

    /// `len` zeros in `memory`.
    ///
    /// # Errors
    /// If there is no memory.
    pub fn new_in(len: usize, memory: &mut dyn Memory) -> Result<Self> {
        memory.room(len * size_of::<u32>()).map(Self)
    }

    /// The numbers.
    #[inline]
    pub fn all(&self) -> &[u32] {
        // Aligned, as rooms are.
        u32s(self.0.bytes()).unwrap_or(&[])
    }

    /// The numbers, writable.
    #[inline]
    pub fn all_mut(&mut self) -> &mut [u32] {
        u32s_mut(self.0.bytes_mut()).unwrap_or(&mut [])
    }

    /// The numbers, writable by several threads.
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
