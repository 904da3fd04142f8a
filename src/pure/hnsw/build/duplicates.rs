//! Rows with equal vectors become one node with several members, as equal points would crowd other neighbours out.

use super::memory::{Heap, Memory};
use super::points::Arena;
use crate::fault::Result;
use crate::hnsw::edges::Space;
use crate::memory::allocation::{Reserve, collected, filled};

/// An arena that stores each distinct vector once.
#[derive(Debug)]
pub struct Folding {
    arena: Arena,
    /// Hash table of (hash, node) with open addressing, a power of two long; the node of an empty slot is `FREE`.
    slots: Vec<(u32, u32)>,
    /// The node of each row added.
    node_of: Vec<u32>,
}

const FREE: u32 = u32::MAX;

/// The rows of each node, its members.
#[derive(Debug)]
pub struct Members {
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Members {
    /// The rows of a node in the order they were added; at least one.
    pub fn of(&self, node: u32) -> &[u32] {
        let node = node as usize;
        &self.rows[self.starts[node] as usize..self.starts[node + 1] as usize]
    }
}

impl Folding {
    /// A folding into `arena`, which is still empty.
    pub fn new(arena: Arena) -> Self {
        Self { arena, slots: vec![(0, FREE); 64], node_of: Vec::new() }
    }

    /// Adds a row; its node is a new one or that of an equal row.
    ///
    /// # Errors
    /// As [`Arena::push`].
    pub fn push(&mut self, vector: &[f32]) -> Result<u32> {
        self.push_in(vector, &mut Heap)
    }

    /// As [`push`](Self::push), into the caller's memory.
    ///
    /// # Errors
    /// As [`Arena::push_in`].
    pub fn push_in(&mut self, vector: &[f32], memory: &mut impl Memory) -> Result<u32> {
        let new = self.arena.push_in(vector, memory)?;
        self.fold(new)
    }

    /// Adds a point of another arena that is [like](Arena::like) the folding's.
    ///
    /// # Errors
    /// As [`Arena::copy_in`].
    pub fn copy(&mut self, point: &[f32]) -> Result<u32> {
        self.copy_in(point, &mut Heap)
    }

    /// As [`copy`](Self::copy), into the caller's memory.
    ///
    /// # Errors
    /// As [`Arena::copy_in`].
    pub fn copy_in(&mut self, point: &[f32], memory: &mut impl Memory) -> Result<u32> {
        let new = self.arena.copy_in(point, memory)?;
        self.fold(new)
    }

    /// The node of the row added last, whose point is `new`.
    fn fold(&mut self, new: u32) -> Result<u32> {
        self.node_of.room_for(1)?;
        if self.arena.len() * 4 > self.slots.len() * 3 {
            self.grow()?;
        }
        let hash = hash(self.arena.point(new));
        let at = self.find(hash, |node| same(self.arena.point(node), self.arena.point(new)));
        let node = match self.slots[at].1 {
            FREE => {
                self.slots[at] = (hash, new);
                new
            }
            old => {
                self.arena.pop();
                old
            }
        };
        self.node_of.push(node);
        Ok(node)
    }

    /// Distinct vectors so far.
    pub fn nodes(&self) -> usize {
        self.arena.len()
    }

    /// The arena and the members of its nodes.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn finish(self) -> Result<(Arena, Members)> {
        let mut starts = filled(0u32, self.arena.len() + 1)?;
        for node in &self.node_of {
            starts[*node as usize + 1] += 1;
        }
        for i in 1..starts.len() {
            starts[i] += starts[i - 1];
        }
        let mut next = collected(starts.iter().copied())?;
        let mut rows = filled(0, self.node_of.len())?;
        for (row, node) in self.node_of.iter().enumerate() {
            let at = &mut next[*node as usize];
            rows[*at as usize] = row as u32;
            *at += 1;
        }
        Ok((self.arena, Members { starts, rows }))
    }

    /// The slot of an equal row, or the free one where it would be.
    fn find(&self, hash: u32, equal: impl Fn(u32) -> bool) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = hash as usize & mask;
        loop {
            let (h, node) = self.slots[at];
            if node == FREE || (h == hash && equal(node)) {
                return at;
            }
            at = (at + 1) & mask;
        }
    }

    fn grow(&mut self) -> Result<()> {
        let double = filled((0, FREE), self.slots.len() * 2)?;
        for (hash, node) in std::mem::replace(&mut self.slots, double) {
            if node != FREE {
                let at = self.find(hash, |_| false);
                self.slots[at] = (hash, node);
            }
        }
        Ok(())
    }
}

/// Equality of bits, as the words of uncoded values have any bits.
fn same(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(x, y)| x.to_bits() == y.to_bits())
}

fn hash(point: &[f32]) -> u32 {
    let mut h = 0u64;
    for pair in point.chunks(2) {
        let bits = pair.iter().fold(0, |bits, x| bits << 32 | u64::from(x.to_bits()));
        h = (h.rotate_left(23) ^ bits).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    (h ^ h >> 29)
        .wrapping_mul(0xbf58_476d_1ce4_e5b9)
        .to_be_bytes()
        .iter()
        .take(4)
        .fold(0, |h, b| h << 8 | u32::from(*b))
}
