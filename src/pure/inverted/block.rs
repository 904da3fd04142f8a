//! A block of postings: up to 128 rows of one dimension, by their numbers in the segment, each with its weight.
//!
//! | offset | bytes | field | |
//! |---|---|---|---|
//! | 0 | 1 | `last` | number of postings − 1 |
//! | 1 | 1 | `bits` | of a packed difference, 0 to 32 |
//! | 2 | 1 | `width` | bytes of a weight: 2, 3 or 4; 0: all weights are equal, and written once, in 4 bytes |
//! | 3 | 1 | | 0 |
//! | 4 | 4 | `first` | row of the first posting |
//! | 8 | | differences | between rows, − 1, `bits` bits each from the lowest bit on |
//! | | | weights | the highest `width` bytes of each `f32` |
//!
//! Weights are exact: bytes are left out only where they are zero in all weights of the block, as in those that come
//! from half precision or small whole numbers.

use super::page::{corrupted, put, word};
use crate::fault::Result;

/// Maximum postings of a block.
pub const BLOCK: usize = 128;
/// Maximum bytes of a block.
pub const MAX_BYTES: usize = FRONT + 4 * (BLOCK - 1) + 4 * BLOCK;
const FRONT: usize = 8;
/// Bytes of packed differences, with those that are read beyond the last.
const PACKED: usize = 4 * BLOCK + 8;

/// The postings of a block.
#[derive(Debug, Clone)]
pub struct Postings {
    /// How many there are.
    pub len: usize,
    /// Rows, ascending.
    pub docs: [u32; BLOCK],
    /// Their weights: finite.
    pub weights: [f32; BLOCK],
}

impl Default for Postings {
    fn default() -> Self {
        Self { len: 0, docs: [0; BLOCK], weights: [0.0; BLOCK] }
    }
}

impl Postings {
    /// The postings' rows.
    pub fn docs(&self) -> &[u32] {
        self.docs.get(..self.len).unwrap_or_default()
    }

    /// The postings' weights.
    pub fn weights(&self) -> &[f32] {
        self.weights.get(..self.len).unwrap_or_default()
    }

    /// The largest and the smallest weight.
    pub fn bounds(&self) -> (f32, f32) {
        let first = self.weights[0];
        self.weights().iter().fold((first, first), |(max, min), w| (max.max(*w), min.min(*w)))
    }

    /// Writes the postings, at least one, into `bytes`, and returns how many bytes they take.
    pub fn write(&self, bytes: &mut [u8; MAX_BYTES]) -> usize {
        let (docs, weights) = (self.docs(), self.weights());
        let widest = docs.windows(2).map(|pair| pair[1] - pair[0] - 1).max().unwrap_or(0);
        let bits = (u32::BITS - widest.leading_zeros()) as usize;
        let all = weights.iter().fold(0, |all, w| all | w.to_bits());
        let width = match all.trailing_zeros() {
            _ if weights.iter().all(|w| w.to_bits() == weights[0].to_bits()) => 0,
            16.. => 2,
            8..16 => 3,
            _ => 4,
        };
        bytes.fill(0);
        (bytes[0], bytes[1], bytes[2]) = ((docs.len() - 1) as u8, bits as u8, width as u8);
        put(bytes, 4, &docs[0].to_le_bytes());
        for (i, pair) in docs.windows(2).enumerate() {
            let (at, difference) = (i * bits, u64::from(pair[1] - pair[0] - 1));
            let spread = (difference << (at % 8)).to_le_bytes();
            let to = &mut bytes[FRONT + at / 8..];
            for (byte, more) in to.iter_mut().zip(&spread[..5]) {
                *byte |= more;
            }
        }
        let mut at = FRONT + (bits * (docs.len() - 1)).div_ceil(8);
        if width == 0 {
            put(bytes, at, &weights[0].to_le_bytes());
            return at + 4;
        }
        for weight in weights {
            put(bytes, at, &weight.to_le_bytes()[4 - width..]);
            at += width;
        }
        at
    }

    /// Reads the block that `bytes` begin with. Its rows are below `bound`.
    ///
    /// # Errors
    /// Bytes that cannot have been written.
    pub fn read(&mut self, bytes: &[u8], bound: u32) -> Result<()> {
        self.len = 0;
        let cut = || corrupted("a block is cut off");
        let (front, rest) = bytes.split_first_chunk::<FRONT>().ok_or_else(cut)?;
        let (len, bits, width) = (usize::from(front[0]) + 1, usize::from(front[1]), usize::from(front[2]));
        if len > BLOCK || bits > 32 || !matches!(width, 0 | 2..=4) {
            return Err(corrupted(format_args!("a block of {len} postings, {bits} bits, {width} bytes")));
        }
        let size = (bits * (len - 1)).div_ceil(8);
        let (packed, weights) = rest.split_at_checked(size).ok_or_else(cut)?;
        let mut differences = [0; PACKED];
        differences[..size].copy_from_slice(packed);
        let mask = (1u64 << bits) - 1;
        let mut doc = u64::from(word(front, 4));
        self.docs[0] = doc as u32;
        let mut at = 0;
        for to in &mut self.docs[1..len] {
            let eight = differences[at / 8..].first_chunk().map_or(0, |eight| u64::from_le_bytes(*eight));
            doc += ((eight >> (at % 8)) & mask) + 1;
            *to = doc as u32;
            at += bits;
        }
        if doc >= u64::from(bound) {
            return Err(corrupted(format_args!("row {doc} of {bound}")));
        }
        let to = &mut self.weights[..len];
        let mut finite = true;
        let mut put = |to: &mut f32, bits: u32| {
            *to = f32::from_bits(bits);
            finite &= to.is_finite();
        };
        match width {
            0 => {
                let same = weights.first_chunk().map(|four| u32::from_le_bytes(*four)).ok_or_else(cut)?;
                to.iter_mut().for_each(|to| put(to, same));
            }
            2 => {
                let all = weights.as_chunks::<2>().0.get(..len).ok_or_else(cut)?;
                to.iter_mut().zip(all).for_each(|(to, &[a, b])| put(to, u32::from_le_bytes([0, 0, a, b])));
            }
            3 => {
                let all = weights.as_chunks::<3>().0.get(..len).ok_or_else(cut)?;
                to.iter_mut().zip(all).for_each(|(to, &[a, b, c])| put(to, u32::from_le_bytes([0, a, b, c])));
            }
            _ => {
                let all = weights.as_chunks::<4>().0.get(..len).ok_or_else(cut)?;
                to.iter_mut().zip(all).for_each(|(to, four)| put(to, u32::from_le_bytes(*four)));
            }
        }
        if !finite {
            return Err(corrupted("a weight is not finite"));
        }
        self.len = len;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(elements: &[(u32, f32)]) -> Postings {
        let mut new = Postings { len: elements.len(), ..Postings::default() };
        for (i, (doc, weight)) in elements.iter().enumerate() {
            (new.docs[i], new.weights[i]) = (*doc, *weight);
        }
        new
    }

    fn elements(block: &Postings) -> Vec<(u32, u32)> {
        block.docs().iter().copied().zip(block.weights().iter().map(|w| w.to_bits())).collect()
    }

    fn back(block: &Postings) -> (usize, Postings) {
        let mut bytes = [0; MAX_BYTES];
        let size = block.write(&mut bytes);
        let mut read = Postings::default();
        read.read(&bytes[..size], u32::MAX).unwrap();
        assert!(read.read(&bytes[..size - 1], u32::MAX).is_err() && read.docs().is_empty());
        assert!(read.read(&bytes[..size], block.docs().last().copied().unwrap()).is_err());
        read.read(&bytes[..size], u32::MAX).unwrap();
        (size, read)
    }

    #[test]
    fn sizes() {
        // One posting; equal weights of neighbours; weights of whole numbers; all bits.
        let dense =
            |weight: &dyn Fn(u32) -> f32| of(&(0..128).map(|i| (7 + i, weight(i))).collect::<Vec<_>>());
        for (block, size) in [
            (of(&[(9, 1.5)]), 12),
            (dense(&|_| 2.0), 12),
            (dense(&|i| 1.0 + i as f32), 8 + 2 * 128),
            (dense(&|i| 1.0 + i as f32 / 4096.0), 8 + 3 * 128),
            (dense(&|i| 1.0 / (1.0 + i as f32)), 8 + 4 * 128),
            (of(&[(0, 1.0), (u32::MAX - 1, 1.0)]), 8 + 4 + 4),
        ] {
            let (found, read) = back(&block);
            assert_eq!((found, elements(&read)), (size, elements(&block)));
        }
        let widest = of(&(0..128).map(|i| (i * 33_000_000, 0.1 + i as f32)).collect::<Vec<_>>());
        assert_eq!(elements(&back(&widest).1), elements(&widest));
    }

    #[test]
    fn weights_that_are_not_finite() {
        for bits in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut bytes = [0; MAX_BYTES];
            let size = of(&[(1, 1.0), (2, bits)]).write(&mut bytes);
            let fault = Postings::default().read(&bytes[..size], 9).unwrap_err();
            assert_eq!((fault.state, fault.hint.is_some()), ("XX002", true));
        }
    }

    proptest! {
        #[test]
        fn postings_come_back(
            docs in prop::collection::btree_map(0..u32::MAX - 1, -1e30f32..1e30, 1..=BLOCK),
            shift in 0..32,
            cut in 0..24,
        ) {
            let cut = |weight: f32| f32::from_bits(weight.to_bits() >> cut << cut);
            let mut all: Vec<_> = docs.iter().map(|(doc, weight)| (doc >> shift, cut(*weight))).collect();
            all.dedup_by_key(|(doc, _)| *doc);
            let block = of(&all);
            prop_assert_eq!(elements(&back(&block).1), elements(&block));
            let (max, min) = block.bounds();
            prop_assert!(block.weights().iter().all(|w| (min..=max).contains(w)));
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..MAX_BYTES + 9), head in any::<[u8; 3]>()) {
            let mut bytes = bytes;
            let _ = Postings::default().read(&bytes, u32::MAX);
            for (byte, new) in bytes.iter_mut().zip([head[0] % 128, head[1] % 33, head[2] % 5]) {
                *byte = new;
            }
            let mut block = Postings::default();
            if block.read(&bytes, u32::MAX).is_ok() {
                prop_assert!(block.docs().is_sorted_by(|a, b| a < b));
            }
        }
    }
}
