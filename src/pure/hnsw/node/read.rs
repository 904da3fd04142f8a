//! A block seen where it lies.

use super::header::{HEADER, Header};
use super::layout::{EDGE_BYTES, Layout, StoredForm};
use super::{NONE, TREE_EDGE, corrupted};
use crate::fault::Result;
use crate::hnsw::rabitq::{BATCH, Factors};
use crate::hnsw::stored_vector::{StoredVector, f16s, f32s};

/// A block, checked as far as needed to read it: whatever the bytes, nothing here panics.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'a> {
    layout: &'a Layout,
    /// Exactly one block.
    bytes: &'a [u8],
    header: Header,
    stored: StoredVector<'a>,
}

/// The number in a lane without the mark of an anchor.
#[inline(always)]
fn uncoded(edge: u32) -> u32 {
    if edge == NONE { NONE } else { edge & !TREE_EDGE }
}

/// The `N` bytes at an offset that is known to be right.
#[inline(always)]
fn word(bytes: &[u8], at: usize) -> [u8; 4] {
    bytes[at..].first_chunk().copied().unwrap_or_default()
}

impl<'a> NodeRef<'a> {
    /// Looks at a block, which starts where `bytes` does.
    ///
    /// # Errors
    /// Too few bytes, bytes that are not aligned for the elements, or a header that cannot have been written.
    #[inline]
    pub fn new(layout: &'a Layout, bytes: &'a [u8]) -> Result<Self> {
        let bytes = bytes.get(..layout.node_bytes()).ok_or_else(|| corrupted("it is cut off"))?;
        let (header, stored) = Self::front(layout, bytes)?;
        Ok(Self { layout, bytes, header, stored })
    }

    /// Looks at the header and the vector, which is where a block starts.
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

    /// The layout it is read by.
    #[inline]
    pub(crate) fn layout(&self) -> &'a Layout {
        self.layout
    }

    /// The header.
    #[inline]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The rotated vector as stored, or the words of a plain value. Of a corrupted block, elements may be infinite or NaN.
    #[inline]
    pub fn stored(&self) -> StoredVector<'a> {
        self.stored
    }

    /// Lanes that may hold an edge.
    #[inline]
    pub fn used(&self) -> usize {
        usize::from(self.header.used)
    }

    /// The 32 lanes of a group and what lies behind: the scan of the last row reads to the end of its code.
    #[inline]
    fn group(&self, group: usize) -> &'a [u8] {
        &self.bytes[self.layout.edges_at() + group * BATCH * self.layout.stride()..]
    }

    /// The codes of lanes `32 group` to `32 group + 31` as a scan takes them, with their form
    /// [`Layout::form`], and the numbers and factors of these lanes.
    ///
    /// # Errors
    /// A factor that is not finite.
    ///
    /// # Panics
    /// If there is no such group.
    #[inline]
    pub fn slots(
        &self,
        group: usize,
        numbers: &mut [u32; BATCH],
        add: &mut [f32; BATCH],
        mul: &mut [f32; BATCH],
    ) -> Result<&'a [u8]> {
        let slots = self.group(group);
        // A number that is not finite has all bits of its exponent set; the sum with one below carries out.
        let mut carry = 0;
        for (j, slot) in slots.chunks_exact(self.layout.stride()).take(BATCH).enumerate() {
            let (a, m) = (u32::from_le_bytes(word(slot, 4)), u32::from_le_bytes(word(slot, 8)));
            numbers[j] = uncoded(u32::from_le_bytes(word(slot, 0)));
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

    /// The neighbour in a lane, if it holds one.
    pub fn neighbour(&self, slot: usize) -> Option<u32> {
        self.edge(slot).map(uncoded)
    }

    /// The neighbour in a lane as it is written, with [`ANCHOR`] if that is set.
    fn edge(&self, slot: usize) -> Option<u32> {
        self.slot(slot).map(|slot| u32::from_le_bytes(word(slot, 0))).filter(|edge| *edge != NONE)
    }

    /// Whether a lane holds an edge that must stay.
    pub fn is_tree_edge(&self, slot: usize) -> bool {
        self.edge(slot).is_some_and(|edge| edge & TREE_EDGE != 0)
    }

    /// The factors in a used lane.
    pub fn factors(&self, slot: usize) -> Option<Factors> {
        self.slot(slot).map(|slot| Factors {
            add: f32::from_le_bytes(word(slot, 4)),
            mul: f32::from_le_bytes(word(slot, 8)),
        })
    }

    /// The code in a used lane.
    pub fn code(&self, slot: usize) -> Option<&'a [u8]> {
        self.slot(slot).map(|slot| &slot[EDGE_BYTES..])
    }

    /// The neighbours, with their lanes.
    pub fn neighbours(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        (0..self.used()).filter_map(|slot| Some((slot, self.neighbour(slot)?)))
    }

    /// The nodes that have an anchor here.
    pub fn children(&self) -> impl Iterator<Item = u32> + '_ {
        self.neighbours().filter(|(slot, _)| self.is_tree_edge(*slot)).map(|(_, child)| child)
    }

    fn check_stored(&self) -> Result<()> {
        let mut stored = vec![0.0; self.stored.len()];
        self.stored.decode(&mut stored);
        if let Some(uncoded) = self.layout.uncoded() {
            return uncoded.check(&stored).map_err(corrupted);
        }
        if !stored.iter().all(|x| x.is_finite()) {
            return Err(corrupted("an element of the vector is not finite"));
        }
        let norm = self.stored.norm_squared();
        if norm.to_bits() != self.header.norm.to_bits() && norm.is_finite() {
            return Err(corrupted(format_args!("norm {} of a vector with {norm}", self.header.norm)));
        }
        Ok(())
    }

    /// Looks at everything that [`new`](Self::new) leaves out because a search does not depend on it.
    ///
    /// # Errors
    /// Elements or factors that are not finite, a norm that is not that of the vector, numbers that are not
    /// below `blocks`, empty lanes that are not empty.
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
            if !empty && (j >= self.used() || uncoded(number) >= records || !finite) {
                return Err(corrupted(format_args!("lane {j} leads to {} of {records}", uncoded(number))));
            }
        }
        Ok(())
    }
}
