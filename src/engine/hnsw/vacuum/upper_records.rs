//! The blocks above level 0, as the first pass finds them.

use conifer_pure::Result;
use conifer_pure::hnsw::node::NONE;
use conifer_pure::memory::allocation::push;

/// A block above level 0.
#[derive(Clone, Copy)]
pub struct Upper {
    pub number: u32,
    pub version: u16,
    pub dead: bool,
    /// The node's block one level lower.
    pub down: u32,
}

/// More levels than there can be.
const MAX_LEVELS: usize = 32;

/// All of them, ascending.
#[derive(Default)]
pub struct Uppers(Vec<Upper>);

impl Uppers {
    /// Adds one, whose number is above all others.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn push(&mut self, upper: Upper) -> Result<()> {
        push(&mut self.0, upper)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Upper> {
        self.0.iter()
    }

    /// The block below, if it is one of them.
    pub fn down(&self, number: u32) -> Option<u32> {
        let at = self.0.binary_search_by_key(&number, |upper| upper.number).ok()?;
        Some(self.0[at].down).filter(|down| *down != NONE)
    }

    /// The block on level 0 of a node.
    pub fn base(&self, number: u32) -> u32 {
        std::iter::successors(Some(number), |number| self.down(*number))
            .take(MAX_LEVELS)
            .last()
            .unwrap_or(number)
    }

    /// Bytes they take.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }
}
