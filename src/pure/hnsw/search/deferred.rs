//! Nodes that were read but are farther out than the batch goes.

use super::found::Found;
use crate::fault::Result;
use crate::memory::allocation::Reserve;
use std::collections::BinaryHeap;

/// Nodes, the nearest first.
#[derive(Debug)]
pub(super) struct Deferred {
    heap: BinaryHeap<Nearest>,
    /// How far below its distance, as SQL shows it, the bound of any of them was.
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

    /// A node that SQL shows at `shown`, or nearer: at `low` at least.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(super) fn push(&mut self, found: Found, shown: f64, low: f64) -> Result<()> {
        self.heap.room_for(1)?;
        self.slack = self.slack.max(shown - low);
        self.heap.push(Nearest(found));
        Ok(())
    }

    /// Takes out those that are no farther.
    pub(super) fn within(&mut self, limit: f32) -> impl Iterator<Item = Found> {
        std::iter::from_fn(move || {
            let next = self.heap.peek().is_some_and(|next| next.0.distance <= limit);
            if next { self.heap.pop().map(|next| next.0) } else { None }
        })
    }

    /// Takes out all, in no order.
    pub(super) fn all(&mut self) -> impl Iterator<Item = Found> {
        self.heap.drain().map(|next| next.0)
    }

    /// No node here is shown to be nearer; `shown` gives what SQL shows of a distance.
    pub(super) fn floor(&self, shown: impl Fn(f32) -> f64) -> f64 {
        self.heap.peek().map_or(f64::INFINITY, |next| {
            let floor = shown(next.0.distance) - self.slack;
            if floor.is_nan() { f64::NEG_INFINITY } else { floor }
        })
    }

    /// Nodes that wait.
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.heap.capacity() * size_of::<Nearest>()
    }
}
