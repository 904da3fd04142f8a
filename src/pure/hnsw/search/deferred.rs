//! Nodes that were read but are farther out than the batch goes.

use super::found::Found;
use crate::fault::Result;
use crate::memory::allocation::{Reserve, push};
use std::collections::BinaryHeap;

/// Nodes, the nearest first.
#[derive(Debug)]
pub(super) struct Deferred {
    heap: BinaryHeap<Nearest>,
    /// Maximum over the nodes of how far the lower bound is below the distance, as SQL shows it.
    slack: f64,
}

#[derive(Debug)]
struct Nearest(Found);

impl PartialEq for Nearest {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Nearest {}

impl Ord for Nearest {
    /// The nearest is the greatest.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        other.0.order(&self.0)
    }
}

impl PartialOrd for Nearest {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Deferred {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), slack: 0.0 }
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
        self.slack = 0.0;
    }

    pub(super) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Moves the nodes of a batch that are beyond `limit` here, but for the first `min`, and the nodes here that are within
    /// `limit` to the batch. The batch ascends before and is in no order afterwards. `shown` gives the distance that SQL
    /// shows.
    ///
    /// Nodes without an upper bound stay in the batch: here, they would make the [floor](Self::floor) of all nodes as low
    /// as theirs. The batch loses those of them that may be nearer than `told`, and thus come too late.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(super) fn exchange(
        &mut self,
        batch: &mut Vec<Found>,
        limit: f32,
        min: usize,
        told: f64,
        shown: impl Fn(f32) -> f64,
    ) -> Result<()> {
        let within = batch.partition_point(|found| found.distance <= limit);
        let from = within.max(min).min(batch.len());
        let mut unlimited = vec![];
        for found in batch.drain(from..) {
            if found.bounds.is_limited() {
                self.push(found, shown(found.distance))?;
            } else if found.bounds.low >= told {
                push(&mut unlimited, found)?;
            }
        }
        batch.room_for(unlimited.len())?;
        batch.append(&mut unlimited);
        self.within(limit).try_for_each(|found| push(batch, found))
    }

    /// Adds a node whose distance SQL shows as `shown`.
    fn push(&mut self, found: Found, shown: f64) -> Result<()> {
        self.heap.room_for(1)?;
        self.slack = self.slack.max(shown - found.bounds.low);
        self.heap.push(Nearest(found));
        Ok(())
    }

    /// Adds a node, where no [floor](Self::floor) is asked for.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(super) fn keep(&mut self, found: Found) -> Result<()> {
        self.heap.room_for(1)?;
        self.heap.push(Nearest(found));
        Ok(())
    }

    /// The distance of the nearest node.
    pub(super) fn distance(&self) -> Option<f32> {
        self.heap.peek().map(|nearest| nearest.0.distance)
    }

    /// Takes out the nearest node.
    pub(super) fn pop(&mut self) -> Option<Found> {
        self.heap.pop().map(|nearest| nearest.0)
    }

    /// Takes out the nodes that are no farther than `limit`.
    fn within(&mut self, limit: f32) -> impl Iterator<Item = Found> {
        std::iter::from_fn(move || {
            let next = self.heap.peek().is_some_and(|next| next.0.distance <= limit);
            if next { self.heap.pop().map(|next| next.0) } else { None }
        })
    }

    /// Takes out all nodes, in no order.
    pub(super) fn all(&mut self) -> impl Iterator<Item = Found> {
        self.heap.drain().map(|next| next.0)
    }

    /// A lower bound of the distances that SQL shows of the nodes here; `shown` gives the one SQL shows of a distance.
    pub(super) fn floor(&self, shown: impl Fn(f32) -> f64) -> f64 {
        self.heap.peek().map_or(f64::INFINITY, |next| {
            let floor = shown(next.0.distance) - self.slack;
            if floor.is_nan() { f64::NEG_INFINITY } else { floor }
        })
    }

    /// Maximum over the nodes, and those that were here, of how far the lower bound is below the distance, as SQL shows it.
    pub(super) fn slack(&self) -> f64 {
        self.slack
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Nearest>()
    }
}
