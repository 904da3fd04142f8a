//! Candidates for edges.

/// A node and its distance to a query or to another node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// The distance as from [`Space::between`](super::Space) or [`QuerySpace::distance`](super::QuerySpace).
    pub distance: f32,
    /// The node.
    pub node: u32,
}

impl Candidate {
    /// By distance, then by number.
    pub fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.distance.total_cmp(&other.distance).then(self.node.cmp(&other.node))
    }
}
