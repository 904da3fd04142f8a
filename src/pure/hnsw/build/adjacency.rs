//! The adjacency during a construction: neighbour lists of node numbers in flat arrays.
//!
//! The numbers are relaxed atomics, which cost as much as ordinary loads and stores. The builder never has two
//! threads at the same list, nor a thread that writes while others read; the barriers of its fork and join order
//! the accesses.

use crate::fault::Result;
use crate::memory::allocation::collected;
use crate::simd::prefetch::{AHEAD, prefetch};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// An empty edge slot.
pub const NONE: u32 = u32::MAX;

/// The neighbour lists of all nodes, on all levels.
#[derive(Debug)]
pub(super) struct Links<'a> {
    pub(super) levels: Vec<u8>,
    base: Lists<'a>,
    upper: Lists<'a>,
    /// The number of each node's first list in `upper`; a node has a list for each level from 1 to its highest.
    first: Vec<u32>,
}

/// Lists of at most `width` nodes.
#[derive(Debug)]
pub(super) struct Lists<'a> {
    width: usize,
    slots: &'a [AtomicU32],
    counts: Vec<AtomicU8>,
}

impl<'a> Lists<'a> {
    fn new(width: usize, slots: &'a [AtomicU32]) -> Result<Self> {
        slots.iter().for_each(|slot| slot.store(NONE, Relaxed));
        let counts = collected((0..slots.len() / width).map(|_| AtomicU8::default()))?;
        Ok(Self { width, slots, counts })
    }
}

/// The neighbours of a node on a level, and their number.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    slots: &'a [AtomicU32],
    count: &'a AtomicU8,
}

impl List<'_> {
    /// Maximum neighbours of the list.
    pub(super) fn width(self) -> usize {
        self.slots.len()
    }

    /// A hint that the list will be read soon.
    pub(super) fn prefetch(self) {
        prefetch(self.slots, AHEAD);
        prefetch(std::slice::from_ref(self.count), 1);
    }

    pub(super) fn len(self) -> usize {
        usize::from(self.count.load(Relaxed))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        self.slots[..self.len()].iter().map(|slot| slot.load(Relaxed))
    }

    pub(super) fn set(self, nodes: impl Iterator<Item = u32>) {
        let mut count = 0;
        for (slot, node) in self.slots.iter().zip(nodes) {
            slot.store(node, Relaxed);
            count += 1;
        }
        for slot in &self.slots[usize::from(count)..] {
            slot.store(NONE, Relaxed);
        }
        self.count.store(count, Relaxed);
    }

    /// Writes nodes into the edge slots behind the list; the list and its length stay as they are.
    pub(super) fn fill(self, nodes: impl Iterator<Item = u32>) {
        for (slot, node) in self.slots[self.len()..].iter().zip(nodes) {
            slot.store(node, Relaxed);
        }
    }

    /// Adds a node; there must be room.
    pub(super) fn push(self, node: u32) {
        let len = self.len();
        self.slots[len].store(node, Relaxed);
        self.count.store(len as u8 + 1, Relaxed);
    }
}

impl<'a> Links<'a> {
    /// Empty lists: of `slots` edge slots on level 0, of `m` above; both 1 to 255. `base` has room for a list of each
    /// node, `upper` for a list of each node on each of its levels above 0.
    pub(super) fn new(
        levels: Vec<u8>,
        (slots, base): (usize, &'a [AtomicU32]),
        (m, upper): (usize, &'a [AtomicU32]),
    ) -> Result<Self> {
        let mut lists = 0;
        let before = |level: &u8| {
            let first = lists;
            lists += u32::from(*level);
            first
        };
        let first = collected(levels.iter().map(before))?;
        Ok(Self { base: Lists::new(slots, base)?, upper: Lists::new(m, upper)?, first, levels })
    }

    #[inline]
    pub(super) fn list(&self, node: u32, level: u8) -> List<'_> {
        let (lists, at) = match level {
            0 => (&self.base, node as usize),
            _ => (&self.upper, self.first[node as usize] as usize + usize::from(level) - 1),
        };
        List { slots: &lists.slots[at * lists.width..][..lists.width], count: &lists.counts[at] }
    }

    /// For each node, its highest level, the length of its list on level 0, and the number of its first list above.
    pub(super) fn into_parts(self) -> Result<(Vec<u8>, Vec<u8>, Vec<u32>)> {
        let counts = collected(self.base.counts.into_iter().map(AtomicU8::into_inner))?;
        Ok((self.levels, counts, self.first))
    }
}
