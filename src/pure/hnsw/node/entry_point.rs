//! Where a graph is entered.

/// What is needed to search a graph. It lies with the graph's key, not in a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPoint {
    /// The block at which a search starts: of some node on its highest level.
    pub entry: u32,
    /// That level.
    pub level: u8,
    /// The block on level 0 from which all nodes can be reached, see [`ANCHOR`](super::ANCHOR).
    pub origin: u32,
    /// What the blocks of the graph are marked with.
    pub graph: u32,
}
