//! Sets of node records.

use conifer_pure::Result;
use conifer_pure::memory::allocation::Reserve;

/// A set of numbers below a bound, a bit each.
#[derive(Default)]
pub struct NodeSet(Vec<u64>);

impl NodeSet {
    /// An empty set with room for all numbers below a bound.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn below(bound: u32) -> Result<Self> {
        let mut new = Self::default();
        new.reach(bound)?;
        Ok(new)
    }

    fn reach(&mut self, bound: u32) -> Result<()> {
        let words = (bound as usize).div_ceil(64);
        if words > self.0.len() {
            self.0.room_for(words - self.0.len())?;
            self.0.resize(words, 0);
        }
        Ok(())
    }

    pub fn has(&self, number: u32) -> bool {
        self.0.get(number as usize / 64).is_some_and(|word| word >> (number % 64) & 1 != 0)
    }

    /// Adds a number.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn add(&mut self, number: u32) -> Result<()> {
        self.reach(number + 1)?;
        self.0[number as usize / 64] |= 1 << (number % 64);
        Ok(())
    }

    /// All numbers, ascending.
    pub fn all(&self) -> impl Iterator<Item = u32> {
        (0u32..).zip(&self.0).flat_map(|(at, word)| {
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| at * 64 + bit)
        })
    }

    /// The greatest number.
    pub fn last(&self) -> Option<u32> {
        let (at, word) = self.0.iter().enumerate().rfind(|(_, word)| **word != 0)?;
        Some(at as u32 * 64 + word.ilog2())
    }

    /// As [`all`](Self::all), and consumes the set.
    pub fn into_all(self) -> impl Iterator<Item = u32> {
        (0u32..).zip(self.0).flat_map(|(at, word)| {
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| at * 64 + bit)
        })
    }

    /// Bytes of the set.
    pub fn bytes(&self) -> usize {
        size_of_val(&self.0[..])
    }
}
