//! Memory for pages and node records outside of Postgres.

use crate::fault::Result;
use crate::memory::allocation;

/// Bytes that start on a cache line, so that any number at a multiple of its size is aligned.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

const LINE: usize = 64;

impl Buffer {
    /// `len` zeros.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn new(len: usize) -> Result<Self> {
        let bytes = allocation::zeros(len + LINE)?;
        let start = bytes.as_ptr().align_offset(LINE).min(LINE);
        Ok(Self { bytes, start, len })
    }

    /// The bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..][..self.len]
    }

    /// The bytes, writable.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..][..self.len]
    }
}
