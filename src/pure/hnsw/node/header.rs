//! The first 32 bytes of a node record.

use super::corrupted;
use crate::fault::Result;

/// Bytes of a header.
pub const HEADER: usize = 32;

/// The offset of each field in bytes; see the table in the head of the module.
pub(super) mod at {
    pub const TID: usize = 0;
    pub const STATE: usize = 6;
    pub const LEVEL: usize = 7;
    pub const VERSION: usize = 8;
    pub const KEPT: usize = 10;
    pub const USED: usize = 11;
    pub const NORM: usize = 12;
    pub const SCALE: usize = 16;
    pub const GRAPH: usize = 20;
    pub const DOWN: usize = 24;
    pub const TID_LIST: usize = 28;
}
const _: () = assert!(at::TID_LIST + 4 == HEADER && HEADER.is_multiple_of(8));
const _: () = assert!(at::TID + Tid::BYTES == at::STATE && at::USED + 1 == at::NORM);

/// Highest level that can be written.
const MAX_LEVEL: u8 = 31;

/// The place of a row in its table. Offset 0 means no row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Tid {
    /// Block of the table.
    pub block: u32,
    /// Line pointer in that block, from 1 on.
    pub offset: u16,
}

impl Tid {
    /// Bytes on a page.
    pub const BYTES: usize = 6;

    /// Whether the TID is that of a row.
    #[inline]
    pub fn is_some(self) -> bool {
        self.offset != 0
    }

    #[inline]
    pub(super) fn read(bytes: &[u8; Self::BYTES]) -> Self {
        let [a, b, c, d, e, f] = *bytes;
        Self { block: u32::from_le_bytes([a, b, c, d]), offset: u16::from_le_bytes([e, f]) }
    }

    pub(super) fn bytes(self) -> [u8; Self::BYTES] {
        let ([a, b, c, d], [e, f]) = (self.block.to_le_bytes(), self.offset.to_le_bytes());
        [a, b, c, d, e, f]
    }
}

/// The use of a node record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum State {
    /// None: the other bytes mean nothing.
    Free,
    /// A node.
    Live,
    /// A node without rows in the table: searches pass through the node and do not return it.
    Dead,
    /// Further TIDs of a node with several rows.
    TidList,
}

/// The decoded header.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Header {
    /// The node's first row, on level 0.
    pub tid: Tid,
    /// The use of the node record.
    pub state: State,
    /// The level of this node record.
    pub level: u8,
    /// Grows by one when the node record is given to another node.
    pub version: u16,
    /// Edge slots in front whose edges the pruning has kept.
    pub kept: u8,
    /// Edge slots that may hold an edge.
    pub used: u8,
    /// Squared length of the stored vector.
    pub norm: f32,
    /// Factor of the stored vector's elements.
    pub scale: f32,
    /// The graph that the node belongs to. Numbers go stale; the graph's number keeps a search within its graph.
    pub graph: u32,
    /// Above level 0, the node's record one level lower. On level 0, the node's parent, which holds the
    /// [`TREE_EDGE`](super::TREE_EDGE) to the node, or [`NONE`](super::NONE) for the tree's root.
    pub down: u32,
    /// The first record of the node's TID list, or [`NONE`](super::NONE).
    pub tid_list: u32,
}

/// The `N` bytes at an offset, one of [`at`].
#[inline(always)]
pub(super) fn part<const N: usize>(header: &[u8; HEADER], at: usize) -> [u8; N] {
    std::array::from_fn(|i| header[at + i])
}

impl Header {
    /// Offset of the state in a node record, for callers that read nothing else.
    pub const STATE_AT: usize = at::STATE;

    /// Reads and checks a header.
    ///
    /// # Errors
    /// A state, level, count, norm or scale that cannot have been written.
    #[inline]
    pub fn read(bytes: &[u8; HEADER], slots: usize) -> Result<Self> {
        let u32_at = |at| u32::from_le_bytes(part(bytes, at));
        let f32_at = |at| f32::from_le_bytes(part(bytes, at));
        let state = match bytes[at::STATE] {
            0 => State::Free,
            1 => State::Live,
            2 => State::Dead,
            3 => State::TidList,
            other => return Err(corrupted(format_args!("state {other}"))),
        };
        let header = Self {
            tid: Tid::read(&part(bytes, at::TID)),
            state,
            level: bytes[at::LEVEL],
            version: u16::from_le_bytes(part(bytes, at::VERSION)),
            kept: bytes[at::KEPT],
            used: bytes[at::USED],
            norm: f32_at(at::NORM),
            scale: f32_at(at::SCALE),
            graph: u32_at(at::GRAPH),
            down: u32_at(at::DOWN),
            tid_list: u32_at(at::TID_LIST),
        };
        if matches!(state, State::Live | State::Dead) {
            header.check(slots)?;
        }
        Ok(header)
    }

    fn check(&self, slots: usize) -> Result<()> {
        if self.level > MAX_LEVEL {
            return Err(corrupted(format_args!("level {}", self.level)));
        }
        if usize::from(self.used) > slots || self.kept > self.used {
            return Err(corrupted(format_args!("{} of {} edge slots", self.kept, self.used)));
        }
        if !(self.norm >= 0.0 && self.norm.is_finite()) {
            return Err(corrupted(format_args!("norm {}", self.norm)));
        }
        // A power of two has no bits set outside its exponent.
        if !self.scale.is_normal() || self.scale.to_bits() & 0x807f_ffff != 0 {
            return Err(corrupted(format_args!("scale {}", self.scale)));
        }
        Ok(())
    }

    /// The bytes.
    pub fn bytes(&self) -> [u8; HEADER] {
        let mut bytes = [0; HEADER];
        let mut put = |at: usize, field: &[u8]| bytes[at..][..field.len()].copy_from_slice(field);
        put(at::TID, &self.tid.bytes());
        put(at::STATE, &[self.state as u8]);
        put(at::LEVEL, &[self.level]);
        put(at::VERSION, &self.version.to_le_bytes());
        put(at::KEPT, &[self.kept]);
        put(at::USED, &[self.used]);
        put(at::NORM, &self.norm.to_le_bytes());
        put(at::SCALE, &self.scale.to_le_bytes());
        put(at::GRAPH, &self.graph.to_le_bytes());
        put(at::DOWN, &self.down.to_le_bytes());
        put(at::TID_LIST, &self.tid_list.to_le_bytes());
        bytes
    }
}
