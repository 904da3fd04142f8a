//! What is known of the nodes that searches with one filter have tested.

use crate::fault::Result;
use crate::memory::allocation::{Reserve, filled};

/// Numbers of a part of the table: two bits each.
const PART: usize = 4096;
const WORDS: usize = PART / 32;

/// Which nodes have a row that matches, and which have none; of the others nothing is known. Nodes with several rows are none of
/// them.
///
/// Two bits a node, in parts that are made where something is known.
#[derive(Debug, Default)]
pub struct KnownMatches {
    parts: Vec<Vec<u64>>,
    /// Parts that were made.
    made: usize,
}

impl KnownMatches {
    /// Whether a node's row matches, if that is known.
    #[inline]
    pub fn get(&self, number: u32) -> Option<bool> {
        let number = number as usize;
        let word = self.parts.get(number / PART)?.get(number % PART / 32)?;
        match word >> (2 * (number % 32)) & 3 {
            2 => Some(false),
            3 => Some(true),
            _ => None,
        }
    }

    /// Notes whether a node's row matches, unless the table would get larger than `max` bytes.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn set(&mut self, number: u32, matches: bool, max: usize) -> Result<()> {
        let number = number as usize;
        let part = number / PART;
        if self.parts.get(part).is_none_or(Vec::is_empty) {
            let more = (part + 1).saturating_sub(self.parts.len());
            let len = self.parts.len() + more;
            // A list takes up to twice its length when it grows.
            let list = if len > self.parts.capacity() { 2 * len } else { self.parts.capacity() };
            if list * size_of::<Vec<u64>>() + (self.made + 1) * WORDS * 8 > max {
                return Ok(());
            }
            let new = filled(0, WORDS)?;
            self.parts.room_for(more)?;
            self.parts.resize_with(len, Vec::new);
            self.parts[part] = new;
            self.made += 1;
        }
        let shift = 2 * (number % 32);
        let word = &mut self.parts[part][number % PART / 32];
        *word = *word & !(3 << shift) | (2 | u64::from(matches)) << shift;
        Ok(())
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of the table.
    pub fn bytes(&self) -> usize {
        self.parts.capacity() * size_of::<Vec<u64>>() + self.made * WORDS * 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn keeps_what_was_noted_last(notes in prop::collection::vec((0u32..30_000, any::<bool>()), 0..300)) {
            let (mut known, mut twin) = (KnownMatches::default(), HashMap::new());
            for (number, matches) in notes {
                known.set(number, matches, usize::MAX).unwrap();
                twin.insert(number, matches);
            }
            for number in 0..30_100 {
                prop_assert_eq!(known.get(number), twin.get(&number).copied());
            }
            known.clear();
            prop_assert!(twin.keys().all(|number| known.get(*number).is_none()));
        }
    }

    #[test]
    fn stays_within_its_bytes() {
        let mut known = KnownMatches::default();
        for number in (0..1 << 20).step_by(100) {
            known.set(number, true, 10_000).unwrap();
            assert!(known.bytes() <= 10_000);
        }
        assert_eq!(known.get(0), Some(true));
        assert_eq!(known.get(100 << 10), None, "there is no room for it");
        known.set(0, false, 0).unwrap();
        assert_eq!(known.get(0), Some(false), "where there is room already, notes change");
        known.set(u32::MAX, true, 10_000).unwrap();
        assert!(known.bytes() <= 10_000 && known.get(u32::MAX).is_none());
    }
}
