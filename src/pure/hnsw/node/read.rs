//! A node record read in place.

use super::header::{HEADER, Header};
use super::layout::{EDGE_BYTES, Layout, StoredForm};
use super::{NONE, TREE_EDGE, corrupted};
use crate::fault::Result;
use crate::hnsw::rabitq::{BATCH, Factors};
use crate::hnsw::stored_vector::{StoredVector, f16s, f32s};

/// A node record, checked as far as reading needs: no bytes make a method panic, but for arguments out of range.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'a> {
    layout: &'a Layout,
    /// Exactly one node record.
    bytes: &'a [u8],
    header: Header,
    stored: StoredVector<'a>,
}

/// The neighbour's number in an edge as it is written, without [`TREE_EDGE`].
#[inline(always)]
fn number_of(edge: u32) -> u32 {
    if edge == NONE { NONE } else { edge & !TREE_EDGE }
}

/// The four bytes at an offset that is known to be right.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes[at..].first_chunk().copied().unwrap_or_default()
}

impl<'a> NodeRef<'a> {
    /// The node record that starts where `bytes` does.
    ///
    /// # Errors
    /// Too few bytes, bytes that are not aligned for the elements, or a header that cannot have been written.
    #[inline]
    pub fn new(layout: &'a Layout, bytes: &'a [u8]) -> Result<Self> {
        let bytes = bytes.get(..layout.node_bytes()).ok_or_else(|| corrupted("it is cut off"))?;
        let (header, stored) = Self::front(layout, bytes)?;
        Ok(Self { layout, bytes, header, stored })
    }

    /// The header and the stored vector, with which a node record starts.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[inline]
    pub(crate) fn front(layout: &Layout, bytes: &'a [u8]) -> Result<(Header, StoredVector<'a>)> {
        let (head, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| corrupted("it is cut off"))?;
        let header = Header::read(head, layout.slots())?;
        let stored = rest.get(..layout.stored_bytes()).ok_or_else(|| corrupted("it is cut off"))?;
        let stored = match layout.stored() {
            StoredForm::F32 | StoredForm::Uncoded => f32s(stored).map(StoredVector::F32),
            StoredForm::F16 => {
                f16s(stored).map(|elements| StoredVector::F16 { scale: header.scale, elements })
            }
        };
        Ok((header, stored.ok_or_else(|| corrupted("it is not aligned"))?))
    }

    /// The layout of the node record.
    #[inline]
    pub(crate) fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// The header.
    #[inline]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The stored vector (rotated), or the words of an uncoded value. In a corrupted node record, elements may be infinite or
    /// NaN.
    #[inline]
    pub fn stored(&self) -> StoredVector<'a> {
        self.stored
    }

    /// Edge slots that may hold an edge.
    #[inline]
    pub fn used(&self) -> usize {
        usize::from(self.header.used)
    }

    /// The bytes from the first of the 32 edge slots of a batch to the end of the node record: the scan of the last row
    /// reads to the end of its code.
    #[inline]
    fn batch(&self, batch: usize) -> &'a [u8] {
        &self.bytes[self.layout.edges_at() + batch * BATCH * self.layout.stride()..]
    }

    /// The codes of edge slots `32 batch` to `32 batch + 31` as a scan takes them, in the form [`Layout::form`]; writes the
    /// numbers and factors of these edge slots.
    ///
    /// # Errors
    /// A factor that is not finite.
    ///
    /// # Panics
    /// If there is no such batch.
    #[inline]
    pub fn slots(
        &self,
        batch: usize,
        numbers: &mut [u32; BATCH],
        add: &mut [f32; BATCH],
        mul: &mut [f32; BATCH],
    ) -> Result<&'a [u8]> {
        let slots = self.batch(batch);
        // A number that is not finite has all bits of its exponent set; adding the lowest of these bits carries out.
        let mut carry = 0;
        for (j, slot) in slots.chunks_exact(self.layout.stride()).take(BATCH).enumerate() {
            let (a, m) = (u32::from_le_bytes(word(slot, 4)), u32::from_le_bytes(word(slot, 8)));
            numbers[j] = number_of(u32::from_le_bytes(word(slot, 0)));
            (add[j], mul[j]) = (f32::from_bits(a), f32::from_bits(m));
            carry |= ((a & 0x7fff_ffff) + 0x0080_0000) | ((m & 0x7fff_ffff) + 0x0080_0000);
        }
        if carry >> 31 != 0 {
            return Err(corrupted("a factor is not finite"));
        }
        Ok(&slots[EDGE_BYTES..])
    }

    fn slot(&self, slot: usize) -> Option<&'a [u8]> {
        self.bytes[self.layout.edges_at()..].chunks_exact(self.layout.stride()).take(self.used()).nth(slot)
    }

    /// The neighbour in an edge slot; `None` if the edge slot is empty.
    pub fn neighbour(&self, slot: usize) -> Option<u32> {
        self.edge(slot).map(number_of)
    }

    /// The edge in an edge slot as it is written: the neighbour's number, plus [`TREE_EDGE`] for a tree edge.
    fn edge(&self, slot: usize) -> Option<u32> {
        self.slot(slot).map(|slot| u32::from_le_bytes(word(slot, 0))).filter(|edge| *edge != NONE)
    }

    /// Whether an edge slot holds a tree edge, which must stay.
    pub fn is_tree_edge(&self, slot: usize) -> bool {
        self.edge(slot).is_some_and(|edge| edge & TREE_EDGE != 0)
    }

    /// The factors in a used edge slot.
    pub fn factors(&self, slot: usize) -> Option<Factors> {
        self.slot(slot).map(|slot| Factors {
            add: f32::from_le_bytes(word(slot, 4)),
            mul: f32::from_le_bytes(word(slot, 8)),
        })
    }

    /// The code in a used edge slot.
    pub fn code(&self, slot: usize) -> Option<&'a [u8]> {
        self.slot(slot).map(|slot| &slot[EDGE_BYTES..])
    }

    /// The neighbours, each with its edge slot.
    pub fn neighbours(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        (0..self.used()).filter_map(|slot| Some((slot, self.neighbour(slot)?)))
    }

    /// The node's children: the nodes at the ends of its tree edges.
    pub fn children(&self) -> impl Iterator<Item = u32> + '_ {
        self.neighbours().filter(|(slot, _)| self.is_tree_edge(*slot)).map(|(_, child)| child)
    }

    fn check_stored(&self) -> Result<()> {
        let mut stored = vec![0.0; self.stored.len()];
        self.stored.decode(&mut stored);
        if let Some(uncoded) = self.layout.uncoded() {
            return uncoded.check(&stored).map_err(corrupted);
        }
        // The rotation of a vector of very large elements overflows; the norm is then kept at its maximum.
        if self.header.norm != f32::MAX && !stored.iter().all(|x| x.is_finite()) {
            return Err(corrupted("an element of the vector is not finite"));
        }
        let norm = self.stored.norm_squared();
        if norm.to_bits() != self.header.norm.to_bits() && norm.is_finite() {
            return Err(corrupted(format_args!("norm {} of a vector with {norm}", self.header.norm)));
        }
        Ok(())
    }

    /// Checks everything that [`new`](Self::new) leaves out because no search depends on it.
    ///
    /// # Errors
    /// Elements that are not finite where the norm is not at its maximum, factors that are not finite, a norm that is not that of the vector, a number that is not
    /// below `records`, an edge slot beyond `used` that is not empty.
    pub fn check(&self, records: u32) -> Result<()> {
        self.check_stored()?;
        let Header { down, tid_list, .. } = self.header;
        let wrong = |number: &u32| *number != NONE && *number >= records;
        if let Some(number) = [down, tid_list].iter().find(|number| wrong(number)) {
            return Err(corrupted(format_args!("link to {number} of {records}")));
        }
        let slots = self.bytes[self.layout.edges_at()..].chunks_exact(self.layout.stride());
        for (j, slot) in slots.take(self.layout.slots()).enumerate() {
            let number = u32::from_le_bytes(word(slot, 0));
            let empty = number == NONE && slot[4..].iter().all(|byte| *byte == 0);
            let finite = [4, 8].iter().all(|at| f32::from_le_bytes(word(slot, *at)).is_finite());
            if !empty && (j >= self.used() || number_of(number) >= records || !finite) {
                return Err(corrupted(format_args!(
                    "edge slot {j} leads to {} of {records}",
                    number_of(number)
                )));
            }
        }
        Ok(())
    }
}
