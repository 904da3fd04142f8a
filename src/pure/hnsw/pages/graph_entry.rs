//! A graph of the index: its entry point, and its number of nodes as long as that is counted.

use super::{put, word};
use crate::hnsw::node::{EntryPoint, NONE};

/// In place of the number of nodes, once nodes are no longer counted.
pub const MANY: u32 = u32::MAX;

/// The entry point of a graph, and its number of nodes.
///
/// | offset | bytes | field | |
/// |---|---|---|---|
/// | 0 | 4 | `entry` | the node record at which a search starts, or none (2^32 − 1): the graph has no nodes |
/// | 4 | 4 | `origin` | the tree's root on level 0, from which tree edges lead to all nodes |
/// | 8 | 4 | `graph` | the number in the graph's node records |
/// | 12 | 4 | `nodes` | nodes on level 0, dead ones included, or [`MANY`] |
/// | 16 | 1 | `level` | that of the node record `entry` |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The entry point; `None` if the graph has no nodes.
    pub root: Option<EntryPoint>,
    /// Nodes on level 0, or [`MANY`].
    pub nodes: u32,
}

impl Entry {
    /// Bytes on a page.
    pub const BYTES: usize = 20;

    /// A graph without nodes.
    pub const EMPTY: Self = Self { root: None, nodes: 0 };

    /// Reads [`BYTES`](Self::BYTES).
    ///
    /// # Panics
    /// If there are fewer bytes.
    pub fn read(bytes: &[u8]) -> Self {
        let (entry, origin, graph, nodes) = (word(bytes, 0), word(bytes, 4), word(bytes, 8), word(bytes, 12));
        let root = (entry != NONE).then_some(EntryPoint { entry, level: bytes[16], origin, graph });
        Self { root, nodes }
    }

    /// Writes [`BYTES`](Self::BYTES).
    ///
    /// # Panics
    /// If there are fewer bytes.
    pub fn write(&self, bytes: &mut [u8]) {
        let EntryPoint { entry, level, origin, graph } =
            self.root.unwrap_or(EntryPoint { entry: NONE, level: 0, origin: NONE, graph: 0 });
        for (at, number) in [(0, entry), (4, origin), (8, graph), (12, self.nodes)] {
            put(bytes, at, &number.to_le_bytes());
        }
        put(bytes, 16, &[level, 0, 0, 0]);
    }
}
