//! A node that a search has read.

use super::bounds::Bounds;
use crate::hnsw::node::Tid;

/// A node that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) distance: f32,
    pub(super) number: u32,
    /// On level 0, the node's first row.
    pub(super) tid: Tid,
    pub(super) version: u16,
    /// On level 0, the first record of the node's TID list; above, the node's record one level lower.
    pub(super) tid_list: u32,
    /// Of the distance that SQL shows, on level 0.
    pub(super) bounds: Bounds,
    pub(super) certain: bool,
    pub(super) floor: f64,
}

impl Found {
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        self.distance.total_cmp(&other.distance).then(self.number.cmp(&other.number))
    }
}
