//! Node records above level 0, as step 1 finds them.

use conifer_pure::Result;
use conifer_pure::hnsw::node::NONE;
use conifer_pure::memory::allocation::push;

/// A node record above level 0.
#[derive(Clone, Copy)]
pub struct Upper {
    pub number: u32,
    pub version: u16,
    pub dead: bool,
    /// The node's record one level lower.
    pub down: u32,
}

/// More levels than there can be.
const MAX_LEVELS: usize = 32;

/// All node records above level 0, ascending.
#[derive(Default)]
pub struct Uppers(Vec<Upper>);

impl Uppers {
    /// Adds a node record, whose number is above all others.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn push(&mut self, upper: Upper) -> Result<()> {
        push(&mut self.0, upper)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Upper> {
        self.0.iter()
    }

    /// The node's record one level lower; none if `number` is of level 0.
    pub fn down(&self, number: u32) -> Option<u32> {
        let at = self.0.binary_search_by_key(&number, |upper| upper.number).ok()?;
        Some(self.0[at].down).filter(|down| *down != NONE)
    }

    /// The record on level 0 of the node whose record is `number`.
    pub fn base(&self, number: u32) -> u32 {
        std::iter::successors(Some(number), |number| self.down(*number))
            .take(MAX_LEVELS)
            .last()
            .unwrap_or(number)
    }

    /// Bytes of all entries.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }
}
