//! The adjacency while it is being built: lanes of node numbers in flat arrays.
//!
//! All of it is relaxed atomics, which cost what plain loads and stores cost. The builder never has two
//! threads at the same list, or one that writes while others read; the barriers of its fork and join order
//! the accesses.

use crate::fault::Result;
use crate::memory::allocation::collected;
use crate::simd::prefetch::{AHEAD, prefetch};
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// An empty lane.
pub const NONE: u32 = u32::MAX;

/// Who is linked to whom, on all levels.
#[derive(Debug)]
pub(super) struct Links<'a> {
    pub(super) levels: Vec<u8>,
    base: Lists<'a>,
    upper: Lists<'a>,
    /// Where the lists of a node start in `upper`; it has one for each level from 1 to its own.
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

/// A list of neighbours and how many of them are used.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    slots: &'a [AtomicU32],
    count: &'a AtomicU8,
}

impl List<'_> {
    /// Room in the list.
    pub(super) fn width(self) -> usize {
        self.slots.len()
    }

    /// A hint that the list is read soon.
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

    /// Writes nodes into the lanes behind the list, which stays as it is.
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
    /// Empty lists: `lanes` wide on level 0, `m` wide above; both 1 to 255. `base` has room for one of those for each
    /// node, `upper` of these for each level above that it is on.
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

    /// Of each node, its level, the length of its list on level 0, and the number of its first list above.
    pub(super) fn into_parts(self) -> Result<(Vec<u8>, Vec<u8>, Vec<u32>)> {
        let counts = collected(self.base.counts.into_iter().map(AtomicU8::into_inner))?;
        Ok((self.levels, counts, self.first))
    }
}
