//! What edges are chosen from.

/// A node and its distance to what is being looked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Candidate {
    /// As [`Space::between`](super::Space) or [`Rows::distance`](super::Rows) gives it.
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
