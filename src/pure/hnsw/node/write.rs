//! A node record changed in place.

use super::edge_code::Coder;
use super::header::{HEADER, Header, State, Tid, at};
use super::layout::{EDGE_BYTES, Layout, StoredForm};
use super::{NONE, corrupted};
use crate::fault::Result;
use crate::hnsw::rabitq::Factors;
use crate::hnsw::stored_vector;
use crate::hnsw::stored_vector::{StoredVector, f16, f16s};

/// The bytes of a node record, writable. No method looks at the bytes that are there.
#[derive(Debug)]
pub struct NodeMut<'a> {
    layout: &'a Layout,
    bytes: &'a mut [u8],
}

impl<'a> NodeMut<'a> {
    /// The node record that starts where `bytes` does.
    ///
    /// # Errors
    /// Too few bytes.
    pub fn new(layout: &'a Layout, bytes: &'a mut [u8]) -> Result<Self> {
        let bytes = bytes.get_mut(..layout.node_bytes()).ok_or_else(|| corrupted("it is cut off"))?;
        Ok(Self { layout, bytes })
    }

    fn put(&mut self, at: usize, field: &[u8]) {
        self.bytes[at..][..field.len()].copy_from_slice(field);
    }

    /// Makes the bytes the record of a node without neighbours: `stored` are the bytes that `store` has made, and
    /// their norm and scale are in the header.
    ///
    /// # Panics
    /// If `stored` has another length.
    pub fn format(&mut self, header: &Header, stored: &[u8]) {
        assert_eq!(stored.len(), self.layout.stored_bytes(), "length of a stored vector");
        self.put(0, &Header { kept: 0, used: 0, ..*header }.bytes());
        self.put(HEADER, stored);
        self.bytes[HEADER + stored.len()..].fill(0);
        for slot in 0..self.layout.slots() {
            self.put(self.edge_at(slot), &NONE.to_le_bytes());
        }
    }

    /// Offset of an edge slot.
    ///
    /// # Panics
    /// If there is no such edge slot.
    fn edge_at(&self, slot: usize) -> usize {
        assert!(slot < self.layout.slots(), "an edge slot of the node");
        self.layout.edges_at() + slot * self.layout.stride()
    }

    /// Writes an edge into an edge slot; `number` may have [`TREE_EDGE`](super::TREE_EDGE) added. The caller
    /// [sets](Self::set_counts) `used` and `kept`.
    ///
    /// # Panics
    /// If there is no such edge slot or the code has another length.
    pub fn put_edge(&mut self, slot: usize, number: u32, factors: Factors, code: &[u8]) {
        let at = self.edge_at(slot);
        let bytes = &mut self.bytes[at..][..self.layout.stride()];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        bytes[4..8].copy_from_slice(&factors.add.to_le_bytes());
        bytes[8..EDGE_BYTES].copy_from_slice(&factors.mul.to_le_bytes());
        bytes[EDGE_BYTES..].copy_from_slice(code);
    }

    /// Codes a neighbour and writes the edge to the neighbour; `number` may have [`TREE_EDGE`](super::TREE_EDGE) added.
    /// Both vectors are decoded from their stored form.
    ///
    /// # Panics
    /// As [`put_edge`](Self::put_edge) and [`Coder::encode`].
    pub fn encode_edge(
        &mut self,
        slot: usize,
        number: u32,
        coder: &mut Coder,
        node: &[f32],
        neighbour: &[f32],
    ) {
        let at = self.edge_at(slot);
        let code = &mut self.bytes[at + EDGE_BYTES..][..self.layout.code_bytes()];
        let factors = coder.encode(node, neighbour, code);
        self.put(at, &number.to_le_bytes());
        self.put(at + 4, &factors.add.to_le_bytes());
        self.put(at + 8, &factors.mul.to_le_bytes());
    }

    /// Copies an edge from one edge slot to another.
    ///
    /// # Panics
    /// If there is no such edge slot.
    pub fn copy_edge(&mut self, from: usize, to: usize) {
        let (from, to) = (self.edge_at(from), self.edge_at(to));
        self.bytes.copy_within(from..from + self.layout.stride(), to);
    }

    /// Changes the number in an edge slot and leaves the code: to add or remove [`TREE_EDGE`](super::TREE_EDGE).
    ///
    /// # Panics
    /// If there is no such edge slot.
    pub fn set_number(&mut self, slot: usize, number: u32) {
        self.put(self.edge_at(slot), &number.to_le_bytes());
    }

    /// Empties an edge slot.
    ///
    /// # Panics
    /// If there is no such edge slot.
    pub fn clear_edge(&mut self, slot: usize) {
        let at = self.edge_at(slot);
        self.bytes[at..][..self.layout.stride()].fill(0);
        self.put(at, &NONE.to_le_bytes());
    }

    /// Sets how many edge slots are kept and used.
    ///
    /// # Panics
    /// Unless `kept` ≤ `used` ≤ the layout's edge slots.
    pub fn set_counts(&mut self, kept: usize, used: usize) {
        assert!(kept <= used && used <= self.layout.slots(), "counts of edge slots");
        self.put(at::KEPT, &[kept as u8, used as u8]);
    }

    /// Sets the state. Stored vector and edges stay.
    pub fn set_state(&mut self, state: State) {
        self.put(at::STATE, &[state as u8]);
    }

    /// Sets the TID of the node's first row.
    pub fn set_tid(&mut self, tid: Tid) {
        self.put(at::TID, &tid.bytes());
    }

    /// Sets the first record of the TID list.
    pub fn set_tid_list(&mut self, number: u32) {
        self.put(at::TID_LIST, &number.to_le_bytes());
    }

    /// Sets the node's record one level lower, or, on level 0, its parent.
    pub fn set_down(&mut self, number: u32) {
        self.put(at::DOWN, &number.to_le_bytes());
    }
}

/// Writes a rotated vector, or the words of an uncoded value, in the stored form of the layout; returns the scale and the
/// squared length of the stored vector, kept finite. For an uncoded value they are 1 and 0.
///
/// # Panics
/// If a length is not that of the layout.
pub(crate) fn store(layout: &Layout, rotated: &[f32], out: &mut [u8]) -> (f32, f32) {
    assert!(
        rotated.len() == layout.padded() && out.len() == layout.stored_bytes(),
        "lengths of a stored vector"
    );
    let (scale, norm) = match layout.stored() {
        StoredForm::F32 => {
            for (out, x) in out.chunks_exact_mut(4).zip(rotated) {
                out.copy_from_slice(&x.to_le_bytes());
            }
            (1.0, StoredVector::F32(rotated).norm_squared())
        }
        StoredForm::Uncoded => {
            for (out, x) in out.chunks_exact_mut(4).zip(rotated) {
                out.copy_from_slice(&x.to_le_bytes());
            }
            (1.0, 0.0)
        }
        StoredForm::F16 => {
            let mut elements = vec![f16::ZERO; rotated.len()];
            let scale = stored_vector::encode(rotated, &mut elements);
            for (out, x) in out.chunks_exact_mut(2).zip(&elements) {
                out.copy_from_slice(&x.to_le_bytes());
            }
            (scale, StoredVector::F16 { scale, elements: &elements }.norm_squared())
        }
    };
    (scale, norm.min(f32::MAX))
}

/// Decodes the bytes that [`store`] has written.
///
/// # Panics
/// If a length is not that of the layout.
pub(crate) fn load(layout: &Layout, scale: f32, bytes: &[u8], out: &mut [f32]) {
    assert!(
        out.len() == layout.padded() && bytes.len() == layout.stored_bytes(),
        "lengths of a stored vector"
    );
    match layout.stored() {
        StoredForm::F32 | StoredForm::Uncoded => {
            let words = bytes.as_chunks().0.iter();
            out.iter_mut().zip(words).for_each(|(out, word)| *out = f32::from_le_bytes(*word));
        }
        StoredForm::F16 => match f16s(bytes).filter(|_| cfg!(target_endian = "little")) {
            Some(elements) => StoredVector::F16 { scale, elements }.decode(out),
            None => {
                let words = bytes.as_chunks().0.iter();
                let number = |word: &[u8; 2]| f16::from_le_bytes(*word).to_f32() * scale;
                out.iter_mut().zip(words).for_each(|(out, word)| *out = number(word));
            }
        },
    }
}
