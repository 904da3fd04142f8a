//! Where a construction keeps vectors: in the heap, or wherever its owner has more room.

use crate::block::Buffer;
use crate::fault::Result;

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
    /// In the heap.
    Heap(Buffer),
    /// Somewhere else.
    Region(Box<dyn Region>),
}

impl Room {
    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Heap(buffer) => buffer.bytes(),
            Self::Region(region) => region.bytes(),
        }
    }

    /// The bytes, to be written.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(buffer) => buffer.bytes_mut(),
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
        Ok(Room::Heap(Buffer::new(bytes)))
    }
}
