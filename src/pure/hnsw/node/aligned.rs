//! Memory for pages and blocks outside of Postgres.

use crate::fault::Result;
use crate::memory::allocation;

/// Bytes on cache lines of their own, so that any number in them is aligned.
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

    /// The bytes, to be changed.
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..][..self.len]
    }
}
