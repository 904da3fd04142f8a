//! Points of different lengths.

use super::memory::{Memory, Room};
use crate::fault::Result;
use crate::hnsw::stored_vector::f32s;
use crate::memory::allocation::{Reserve, push};

/// Words of the smallest and of the largest piece of memory, unless a point is longer.
const SMALL: usize = 1 << 14;
const LARGE: usize = 1 << 22;

/// The place of a point: its piece, and first word and length in words.
#[derive(Debug, Clone, Copy)]
struct Place {
    chunk: u32,
    start: u32,
    len: u32,
}

/// Points in pieces of memory, one after the other.
#[derive(Debug, Default)]
pub(super) struct Ragged {
    chunks: Vec<Room>,
    /// Words of all pieces.
    words: usize,
    places: Vec<Place>,
}

impl Ragged {
    /// Adds a point.
    pub(super) fn push(&mut self, point: &[f32], memory: &mut impl Memory) -> Result<()> {
        let word = size_of::<f32>();
        self.places.room_for(1)?;
        let mut start = self.places.last().map_or(0, |last| (last.start + last.len) as usize);
        let room = self.chunks.last().map_or(0, |chunk| chunk.bytes().len() / word);
        if start + point.len() > room {
            // An eighth of the memory in use, so that memory follows the points.
            let words = (self.words / 8).clamp(SMALL, LARGE).max(point.len());
            push(&mut self.chunks, memory.room(words * word)?)?;
            self.words += words;
            start = 0;
        }
        let Some(chunk) = self.chunks.last_mut() else { return Ok(()) };
        let out = chunk.bytes_mut()[start * word..].chunks_exact_mut(word);
        out.zip(point).for_each(|(out, x)| out.copy_from_slice(&x.to_ne_bytes()));
        let chunk = (self.chunks.len() - 1) as u32;
        self.places.push(Place { chunk, start: start as u32, len: point.len() as u32 });
        Ok(())
    }

    /// Removes the last point.
    pub(super) fn pop(&mut self) {
        let last = self.places.pop();
        // The piece of the point before becomes the last piece.
        if let (Some(last), before) = (last, self.places.last())
            && before.is_none_or(|before| before.chunk != last.chunk)
        {
            let chunk = self.chunks.pop();
            self.words -= chunk.map_or(0, |chunk| chunk.bytes().len() / size_of::<f32>());
        }
    }

    /// A point.
    #[inline]
    pub(super) fn point(&self, i: usize) -> &[f32] {
        let Place { chunk, start, len } = self.places[i];
        let (start, size) = (start as usize * size_of::<f32>(), len as usize * size_of::<f32>());
        // Aligned, as pieces are.
        f32s(&self.chunks[chunk as usize].bytes()[start..][..size]).unwrap_or(&[])
    }
}
