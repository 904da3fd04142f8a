//! A node that a search has read.

use crate::hnsw::node::Tid;

/// A node that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) distance: f32,
    pub(super) number: u32,
    /// On level 0, the node's rows; above, only `chain` is used, for the block one level lower.
    pub(super) tid: Tid,
    pub(super) version: u16,
    pub(super) tid_list: u32,
    pub(super) norm: f32,
    pub(super) certain: bool,
    pub(super) floor: f64,
}

impl Found {
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.distance.total_cmp(&other.distance).then(self.number.cmp(&other.number))
    }
}
