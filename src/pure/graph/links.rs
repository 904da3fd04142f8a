//! The adjacency while it is being built: lanes of node numbers in flat arrays.
//!
//! All of it is relaxed atomics, which cost what plain loads and stores cost. The builder never has two
//! threads at the same list, or one that writes while others read; the barriers of its fork and join order
//! the accesses.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

/// An empty lane.
pub const NONE: u32 = u32::MAX;

/// Who is linked to whom, on all levels.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) levels: Vec<u8>,
    base: Lists,
    upper: Lists,
    /// Where the lists of a node start in `upper`; it has one for each level from 1 to its own.
    first: Vec<u32>,
}

/// Lists of at most `width` nodes.
#[derive(Debug)]
pub(super) struct Lists {
    width: usize,
    lanes: Vec<AtomicU32>,
    counts: Vec<AtomicU8>,
}

impl Lists {
    fn new(lists: usize, width: usize) -> Self {
        let mut lanes = Vec::new();
        lanes.resize_with(lists * width, || AtomicU32::new(NONE));
        let mut counts = Vec::new();
        counts.resize_with(lists, AtomicU8::default);
        Self { width, lanes, counts }
    }

    /// Lanes and counts without the atomics.
    pub(super) fn into_plain(self) -> (Vec<u32>, Vec<u8>) {
        (
            self.lanes.into_iter().map(AtomicU32::into_inner).collect(),
            self.counts.into_iter().map(AtomicU8::into_inner).collect(),
        )
    }
}

/// A list of neighbours and how many of them are used.
#[derive(Clone, Copy)]
pub(super) struct List<'a> {
    lanes: &'a [AtomicU32],
    count: &'a AtomicU8,
}

impl List<'_> {
    /// Room in the list.
    pub(super) fn width(self) -> usize {
        self.lanes.len()
    }

    pub(super) fn len(self) -> usize {
        usize::from(self.count.load(Relaxed))
    }

    pub(super) fn iter(self) -> impl Iterator<Item = u32> {
        self.lanes[..self.len()].iter().map(|lane| lane.load(Relaxed))
    }

    pub(super) fn set(self, nodes: impl Iterator<Item = u32>) {
        let mut count = 0;
        for (lane, node) in self.lanes.iter().zip(nodes) {
            lane.store(node, Relaxed);
            count += 1;
        }
        for lane in &self.lanes[usize::from(count)..] {
            lane.store(NONE, Relaxed);
        }
        self.count.store(count, Relaxed);
    }

    /// Writes nodes into the lanes behind the list, which stays as it is.
    pub(super) fn fill(self, nodes: impl Iterator<Item = u32>) {
        for (lane, node) in self.lanes[self.len()..].iter().zip(nodes) {
            lane.store(node, Relaxed);
        }
    }

    /// Adds a node; there must be room.
    pub(super) fn push(self, node: u32) {
        let len = self.len();
        self.lanes[len].store(node, Relaxed);
        self.count.store(len as u8 + 1, Relaxed);
    }
}

impl Links {
    /// Empty lists: `lanes` wide on level 0, `m` wide above; both at most 255.
    pub(super) fn new(levels: Vec<u8>, lanes: usize, m: usize) -> Self {
        let mut first = Vec::with_capacity(levels.len());
        let mut upper = 0;
        for level in &levels {
            first.push(upper);
            upper += u32::from(*level);
        }
        Self { base: Lists::new(levels.len(), lanes), upper: Lists::new(upper as usize, m), first, levels }
    }

    #[inline]
    pub(super) fn list(&self, node: u32, level: u8) -> List<'_> {
        let (lists, at) = match level {
            0 => (&self.base, node as usize),
            _ => (&self.upper, self.first[node as usize] as usize + usize::from(level) - 1),
        };
        List { lanes: &lists.lanes[at * lists.width..][..lists.width], count: &lists.counts[at] }
    }

    /// Levels, the lists of level 0 and those above it with the first list of each node.
    pub(super) fn into_parts(self) -> (Vec<u8>, Lists, Lists, Vec<u32>) {
        (self.levels, self.base, self.upper, self.first)
    }
}
