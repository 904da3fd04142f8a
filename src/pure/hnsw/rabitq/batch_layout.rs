//! Where the bits of a code lie. Two forms with the same bits: the interleaved form is scanned faster, rows change
//! fewer bytes when a single neighbour changes.
//!
//! A *row* is the code of one neighbour in one piece: its bit planes one after the other, the plane of the
//! lowest bits first; coordinate i is bit i % 8, from the lowest, of byte i / 8 of a plane.

use super::{BATCH, Shape};

/// How the codes of a batch of 32 neighbours lie in memory. The position of a code in the batch is its slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Plane after plane; in a plane, 16 bytes for every four coordinates: byte j holds the bits of slot j in its
    /// low half and the bits of slot j + 16 in its high half.
    Interleaved,
    /// Row after row, the first bytes of the rows `stride` bytes apart: `stride` is
    /// [`code_bytes`](Shape::code_bytes), or more where other data lies between the rows.
    Rows {
        /// Bytes from one row to the next.
        stride: usize,
    },
}

impl Form {
    /// Rows without gaps.
    pub fn rows(shape: Shape) -> Self {
        Self::Rows { stride: shape.code_bytes() }
    }

    /// Bytes from the start of the first code to the end of the last.
    pub fn bytes(self, shape: Shape) -> usize {
        match self {
            Self::Interleaved => shape.codes_bytes(),
            Self::Rows { stride } => (BATCH - 1) * stride + shape.code_bytes(),
        }
    }

    /// Writes a row into a slot.
    ///
    /// # Panics
    /// If `slot` is not below 32, `row` is not [`code_bytes`](Shape::code_bytes) long, or `codes` is too short.
    pub fn put(self, shape: Shape, codes: &mut [u8], slot: usize, row: &[u8]) {
        assert!(slot < BATCH && row.len() == shape.code_bytes(), "a slot and its row");
        match self {
            Self::Interleaved => {
                let shift = slot / 16 * 4;
                let column = codes[..shape.codes_bytes()].iter_mut().skip(slot % 16).step_by(16);
                let halves = row.iter().flat_map(|byte| [byte & 15, byte >> 4]);
                for (byte, half) in column.zip(halves) {
                    *byte = *byte & !(15 << shift) | half << shift;
                }
            }
            Self::Rows { stride } => codes[slot * stride..][..row.len()].copy_from_slice(row),
        }
    }

    /// Reads the code in a slot into a row.
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub fn get(self, shape: Shape, codes: &[u8], slot: usize, row: &mut [u8]) {
        assert!(slot < BATCH && row.len() == shape.code_bytes(), "a slot and its row");
        match self {
            Self::Interleaved => {
                let shift = slot / 16 * 4;
                let column = codes[..shape.codes_bytes()].chunks_exact(32);
                for (byte, pair) in row.iter_mut().zip(column) {
                    let half = |at: usize| pair[at + slot % 16] >> shift & 15;
                    *byte = half(0) | half(16) << 4;
                }
            }
            Self::Rows { stride } => row.copy_from_slice(&codes[slot * stride..][..row.len()]),
        }
    }

    /// Fills a slot with zeros, as in an unused slot.
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub fn clear(self, shape: Shape, codes: &mut [u8], slot: usize) {
        assert!(slot < BATCH, "a slot");
        match self {
            Self::Interleaved => {
                let keep = if slot < 16 { 0xf0 } else { 0x0f };
                let column = codes[..shape.codes_bytes()].iter_mut().skip(slot % 16).step_by(16);
                column.for_each(|byte| *byte &= keep);
            }
            Self::Rows { stride } => codes[slot * stride..][..shape.code_bytes()].fill(0),
        }
    }

    /// Copies a batch from `codes`, which has this form, into `other` of the form `to`. All bits are kept;
    /// bytes between rows are left alone.
    ///
    /// # Panics
    /// If `codes` or `other` is too short.
    pub fn convert(self, shape: Shape, codes: &[u8], to: Self, other: &mut [u8]) {
        let mut row = vec![0; shape.code_bytes()];
        for slot in 0..BATCH {
            self.get(shape, codes, slot, &mut row);
            to.put(shape, other, slot, &row);
        }
    }
}
