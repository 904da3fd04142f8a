//! Where a graph is entered.

/// Where searches of a graph start. An entry point is stored with the graph's key, not in a node record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryPoint {
    /// The node record at which a search starts: that of some node on its highest level.
    pub entry: u32,
    /// The level of `entry`.
    pub level: u8,
    /// The tree's root: the node on level 0 from which tree edges lead to all nodes, see [`TREE_EDGE`](super::TREE_EDGE).
    pub origin: u32,
    /// The number of the graph in its node records.
    pub graph: u32,
}
