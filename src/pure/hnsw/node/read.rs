//! A block seen where it lies.

use super::header::{HEADER, Header};
use super::layout::{LANE, Layout, StoredForm};
use super::{ANCHOR, NONE, corrupted};
use crate::fault::Result;
use crate::hnsw::rabitq::{Factors, LANES};
use crate::hnsw::stored_vector::{StoredVector, f16s, f32s};

/// A block, checked as far as needed to read it: whatever the bytes, nothing here panics.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'a> {
    layout: &'a Layout,
    /// Exactly one block.
    bytes: &'a [u8],
    header: Header,
    own: StoredVector<'a>,
}

/// The number in a lane without the mark of an anchor.
#[inline(always)]
fn plain(edge: u32) -> u32 {
    if edge == NONE { NONE } else { edge & !ANCHOR }
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
        let (header, own) = Self::front(layout, bytes)?;
        Ok(Self { layout, bytes, header, own })
    }

    /// Looks at the header and the vector, which is where a block starts.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[inline]
    pub(crate) fn front(layout: &Layout, bytes: &'a [u8]) -> Result<(Header, StoredVector<'a>)> {
        let (head, rest) = bytes.split_first_chunk::<HEADER>().ok_or_else(|| corrupted("it is cut off"))?;
        let header = Header::read(head, layout.lanes())?;
        let own = rest.get(..layout.own_bytes()).ok_or_else(|| corrupted("it is cut off"))?;
        let own = match layout.own() {
            StoredForm::F32 | StoredForm::Plain => f32s(own).map(StoredVector::F32),
            StoredForm::F16 => f16s(own).map(|elements| StoredVector::F16 { scale: header.scale, elements }),
        };
        Ok((header, own.ok_or_else(|| corrupted("it is not aligned"))?))
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
    pub fn own(&self) -> StoredVector<'a> {
        self.own
    }

    /// Lanes that may hold an edge.
    #[inline]
    pub fn used(&self) -> usize {
        usize::from(self.header.used)
    }

    /// The 32 lanes of a group and what lies behind: the scan of the last row reads to the end of its code.
    #[inline]
    fn group(&self, group: usize) -> &'a [u8] {
        &self.bytes[self.layout.lanes_at() + group * LANES * self.layout.stride()..]
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
    pub fn lanes(
        &self,
        group: usize,
        numbers: &mut [u32; LANES],
        add: &mut [f32; LANES],
        mul: &mut [f32; LANES],
    ) -> Result<&'a [u8]> {
        let lanes = self.group(group);
        // A number that is not finite has all bits of its exponent set; the sum with one below carries out.
        let mut carry = 0;
        for (j, lane) in lanes.chunks_exact(self.layout.stride()).take(LANES).enumerate() {
            let (a, m) = (u32::from_le_bytes(word(lane, 4)), u32::from_le_bytes(word(lane, 8)));
            numbers[j] = plain(u32::from_le_bytes(word(lane, 0)));
            (add[j], mul[j]) = (f32::from_bits(a), f32::from_bits(m));
            carry |= ((a & 0x7fff_ffff) + 0x0080_0000) | ((m & 0x7fff_ffff) + 0x0080_0000);
        }
        if carry >> 31 != 0 {
            return Err(corrupted("a factor is not finite"));
        }
        Ok(&lanes[LANE..])
    }

    fn lane(&self, lane: usize) -> Option<&'a [u8]> {
        self.bytes[self.layout.lanes_at()..].chunks_exact(self.layout.stride()).take(self.used()).nth(lane)
    }

    /// The neighbour in a lane, if it holds one.
    pub fn neighbour(&self, lane: usize) -> Option<u32> {
        self.edge(lane).map(plain)
    }

    /// The neighbour in a lane as it is written, with [`ANCHOR`] if that is set.
    fn edge(&self, lane: usize) -> Option<u32> {
        self.lane(lane).map(|lane| u32::from_le_bytes(word(lane, 0))).filter(|edge| *edge != NONE)
    }

    /// Whether a lane holds an edge that must stay.
    pub fn is_anchor(&self, lane: usize) -> bool {
        self.edge(lane).is_some_and(|edge| edge & ANCHOR != 0)
    }

    /// The factors in a used lane.
    pub fn factors(&self, lane: usize) -> Option<Factors> {
        self.lane(lane).map(|lane| Factors {
            add: f32::from_le_bytes(word(lane, 4)),
            mul: f32::from_le_bytes(word(lane, 8)),
        })
    }

    /// The code in a used lane.
    pub fn code(&self, lane: usize) -> Option<&'a [u8]> {
        self.lane(lane).map(|lane| &lane[LANE..])
    }

    /// The neighbours, with their lanes.
    pub fn neighbours(&self) -> impl Iterator<Item = (usize, u32)> + '_ {
        (0..self.used()).filter_map(|lane| Some((lane, self.neighbour(lane)?)))
    }

    /// The nodes that have an anchor here.
    pub fn children(&self) -> impl Iterator<Item = u32> + '_ {
        self.neighbours().filter(|(lane, _)| self.is_anchor(*lane)).map(|(_, child)| child)
    }

    fn check_own(&self) -> Result<()> {
        let mut own = vec![0.0; self.own.len()];
        self.own.decode(&mut own);
        if let Some(plain) = self.layout.plain() {
            return plain.check(&own).map_err(corrupted);
        }
        if !own.iter().all(|x| x.is_finite()) {
            return Err(corrupted("an element of the vector is not finite"));
        }
        let norm = self.own.norm_squared();
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
    pub fn check(&self, blocks: u32) -> Result<()> {
        self.check_own()?;
        let Header { down, chain, .. } = self.header;
        let wrong = |number: &u32| *number != NONE && *number >= blocks;
        if let Some(number) = [down, chain].iter().find(|number| wrong(number)) {
            return Err(corrupted(format_args!("link to {number} of {blocks}")));
        }
        let lanes = self.bytes[self.layout.lanes_at()..].chunks_exact(self.layout.stride());
        for (j, lane) in lanes.take(self.layout.lanes()).enumerate() {
            let number = u32::from_le_bytes(word(lane, 0));
            let empty = number == NONE && lane[4..].iter().all(|byte| *byte == 0);
            let finite = [4, 8].iter().all(|at| f32::from_le_bytes(word(lane, *at)).is_finite());
            if !empty && (j >= self.used() || plain(number) >= blocks || !finite) {
                return Err(corrupted(format_args!("lane {j} leads to {} of {blocks}", plain(number))));
            }
        }
        Ok(())
    }
}
