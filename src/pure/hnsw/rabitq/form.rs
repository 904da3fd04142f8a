//! Where the bits of a code lie. Two forms with the same bits: one is scanned faster, the other changes
//! fewer bytes when a single neighbour does.
//!
//! The code of one neighbour on its own, a *row*, is its bit planes one after the other, the plane of the
//! lowest bits first; coordinate i is bit i % 8, from the lowest, of byte i / 8 of a plane.

use super::{BATCH, Shape};

/// How a block of 32 rows lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Plane after plane; in a plane, 16 bytes for every four coordinates: byte j holds those of lane j in its
    /// low half and those of lane j + 16 in its high half.
    Interleaved,
    /// Row after row, the first bytes of lanes `stride` bytes apart: `stride` is
    /// [`lane_bytes`](Shape::lane_bytes), or more where other things lie between the rows.
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

    /// Bytes from the first of the codes to the last.
    pub fn bytes(self, shape: Shape) -> usize {
        match self {
            Self::Interleaved => shape.codes_bytes(),
            Self::Rows { stride } => (BATCH - 1) * stride + shape.code_bytes(),
        }
    }

    /// Writes a row into lane `lane`.
    ///
    /// # Panics
    /// If `lane` is no lane, `row` is not [`lane_bytes`](Shape::lane_bytes) long, or `block` too short.
    pub fn put(self, shape: Shape, codes: &mut [u8], slot: usize, row: &[u8]) {
        assert!(slot < BATCH && row.len() == shape.code_bytes(), "a lane and its row");
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

    /// Reads lane `lane` into a row.
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub fn get(self, shape: Shape, codes: &[u8], slot: usize, row: &mut [u8]) {
        assert!(slot < BATCH && row.len() == shape.code_bytes(), "a lane and its row");
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

    /// Zeroes lane `lane`, as an unused one is left.
    ///
    /// # Panics
    /// As [`put`](Self::put).
    pub fn clear(self, shape: Shape, codes: &mut [u8], slot: usize) {
        assert!(slot < BATCH, "a lane");
        match self {
            Self::Interleaved => {
                let keep = if slot < 16 { 0xf0 } else { 0x0f };
                let column = codes[..shape.codes_bytes()].iter_mut().skip(slot % 16).step_by(16);
                column.for_each(|byte| *byte &= keep);
            }
            Self::Rows { stride } => codes[slot * stride..][..shape.code_bytes()].fill(0),
        }
    }

    /// Copies all lanes from `block`, which has this form, into `other` of the form `to`. Nothing is lost;
    /// what lies between rows is left alone.
    ///
    /// # Panics
    /// If either is too short.
    pub fn convert(self, shape: Shape, codes: &[u8], to: Self, other: &mut [u8]) {
        let mut row = vec![0; shape.code_bytes()];
        for slot in 0..BATCH {
            self.get(shape, codes, slot, &mut row);
            to.put(shape, other, slot, &row);
        }
    }
}
