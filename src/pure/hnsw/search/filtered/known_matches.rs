//! What is known of the nodes that searches with one filter have tested.

use crate::fault::Result;
use crate::memory::allocation::{Reserve, filled};

/// Numbers of a part of the table: two bits each.
const PART: usize = 4096;
const WORDS: usize = PART / 32;

/// Of a node that was read, and not tested.
const MET: u64 = 1;
/// Of a node that was tested; one more if it matches.
const TESTED: u64 = 2;

/// Which nodes have a row that matches, which have none, and which were read without being tested. Nodes with several rows are
/// none of them.
///
/// Two bits a node, in parts that are made where something is known.
#[derive(Debug, Default)]
pub struct KnownMatches {
    parts: Vec<Vec<u64>>,
    /// Parts that were made.
    made: usize,
}

impl KnownMatches {
    #[inline]
    fn bits(&self, number: u32) -> u64 {
        let number = number as usize;
        let word = self.parts.get(number / PART).and_then(|part| part.get(number % PART / 32));
        word.map_or(0, |word| word >> (2 * (number % 32)) & 3)
    }

    /// Whether a node's row matches, if that is known.
    #[inline]
    pub fn get(&self, number: u32) -> Option<bool> {
        let bits = self.bits(number);
        (bits & TESTED != 0).then_some(bits == TESTED | 1)
    }

    /// Notes that a node was read. True: it was before, and nothing is known of it yet.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn meet(&mut self, number: u32, max: usize) -> Result<bool> {
        match self.bits(number) {
            0 => self.put(number, MET, max).map(|()| false),
            bits => Ok(bits == MET),
        }
    }

    /// Notes whether a node's row matches, unless the table would get larger than `max` bytes.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn set(&mut self, number: u32, matches: bool, max: usize) -> Result<()> {
        self.put(number, TESTED | u64::from(matches), max)
    }

    fn put(&mut self, number: u32, bits: u64, max: usize) -> Result<()> {
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
        *word = *word & !(3 << shift) | bits << shift;
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
        fn keeps_what_was_noted_last(notes in prop::collection::vec((0u32..9_000, any::<Option<bool>>()), 0..300)) {
            let (mut known, mut twin) = (KnownMatches::default(), HashMap::new());
            for (number, matches) in notes {
                match matches {
                    Some(matches) => known.set(number, matches, usize::MAX).unwrap(),
                    None => {
                        let before = twin.get(&number) == Some(&None);
                        prop_assert_eq!(known.meet(number, usize::MAX).unwrap(), before);
                    }
                }
                if matches.is_some() || !twin.contains_key(&number) {
                    twin.insert(number, matches);
                }
            }
            for number in 0..9_100 {
                prop_assert_eq!(known.get(number), twin.get(&number).copied().flatten());
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
