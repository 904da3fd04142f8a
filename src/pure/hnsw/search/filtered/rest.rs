//! Matches that were read, with their exact distances.

use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::Reserve;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Rows, the nearest first.
#[derive(Debug, Default)]
pub(super) struct Rest(BinaryHeap<Row>);

/// A row and its distance as SQL shows it.
#[derive(Debug, Clone, Copy)]
struct Row {
    distance: f64,
    tid: Tid,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Row {}

impl Ord for Row {
    /// The nearest is the greatest. SQL takes NaN for the farthest.
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |tid: Tid| (tid.block, tid.offset);
        let distances = match (self.distance.is_nan(), other.distance.is_nan()) {
            (false, false) => other.distance.total_cmp(&self.distance),
            (nan, other) => other.cmp(&nan),
        };
        distances.then(place(other.tid).cmp(&place(self.tid)))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Rest {
    /// Adds a row.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(super) fn push(&mut self, tid: Tid, distance: f64) -> Result<()> {
        self.0.room_for(1)?;
        self.0.push(Row { distance, tid });
        Ok(())
    }

    /// Takes out the nearest row.
    pub(super) fn pop(&mut self) -> Option<(Tid, f64)> {
        self.0.pop().map(|row| (row.tid, row.distance))
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Row>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_comes_first() {
        let mut rest = Rest::default();
        let tid = |block| Tid { block, offset: 1 };
        for (block, distance) in
            [(1, f64::NAN), (2, 0.5), (3, -1.0), (4, 0.5), (5, f64::INFINITY), (6, -f64::NAN)]
        {
            rest.push(tid(block), distance).unwrap();
        }
        let order: Vec<u32> = std::iter::from_fn(|| rest.pop()).map(|(tid, _)| tid.block).collect();
        assert_eq!(order, [3, 2, 4, 5, 1, 6]);
    }
}
