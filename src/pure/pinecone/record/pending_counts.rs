//! By how much a transaction has changed numbers of records, before any of it is written down.
//!
//! Each savepoint keeps its own changes: they become those of the one around when it is released, and are forgotten when it is
//! rolled back.

use crate::fault::Result;
use crate::memory::allocation::{Reserve, headroom, push};
use std::collections::{BTreeMap, HashMap};

/// Changes by namespace.
pub type Changes = BTreeMap<String, i64>;

/// The changes of a savepoint, or of the transaction outside of all.
#[derive(Debug, Default)]
struct Level {
    /// The server's number of it, unique within the transaction.
    savepoint: u32,
    /// By table and namespace.
    changes: HashMap<u32, HashMap<String, i64>>,
}

/// The changes of a transaction.
#[derive(Debug, Default)]
pub struct PendingCounts {
    /// The innermost savepoint that has any is the last one.
    levels: Vec<Level>,
}

impl PendingCounts {
    /// Nothing has changed.
    pub const fn new() -> Self {
        Self { levels: Vec::new() }
    }

    /// Whether there are no changes, be they undone by others.
    pub fn is_empty(&self) -> bool {
        self.levels.is_empty()
    }

    /// Whether records of a table have come or gone.
    pub fn has(&self, table: u32) -> bool {
        self.levels.iter().any(|level| level.changes.contains_key(&table))
    }

    /// Records of a namespace have come, or gone, within a savepoint.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn note(&mut self, savepoint: u32, table: u32, namespace: &str, records: i64) -> Result<()> {
        let spaces = self.level(savepoint)?;
        spaces.room_for(1)?;
        let spaces = spaces.entry(table).or_default();
        if let Some(sum) = spaces.get_mut(namespace) {
            *sum += records;
            return Ok(());
        }
        spaces.room_for(1)?;
        headroom(namespace.len())?;
        spaces.insert(namespace.to_owned(), records);
        Ok(())
    }

    /// All records of a table have gone: what was noted before does not count any more, unless the savepoint is rolled back.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn emptied(&mut self, savepoint: u32, table: u32) -> Result<()> {
        for (namespace, records) in self.of(table)? {
            self.note(savepoint, table, &namespace, -records)?;
        }
        Ok(())
    }

    /// A savepoint is released. Nothing is made for that, so nothing can fail: its changes lie beside those of the one around
    /// until there are more.
    pub fn released(&mut self, savepoint: u32, around: u32) {
        self.levels
            .iter_mut()
            .rev()
            .take_while(|level| level.savepoint == savepoint)
            .for_each(|level| level.savepoint = around);
    }

    /// A savepoint is rolled back.
    pub fn rolled_back(&mut self, savepoint: u32) {
        while self.levels.pop_if(|level| level.savepoint == savepoint).is_some() {}
    }

    /// The changes of a table, as they are now.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub fn of(&self, table: u32) -> Result<Changes> {
        let mut sums = Changes::new();
        for spaces in self.levels.iter().filter_map(|level| level.changes.get(&table)) {
            for (namespace, records) in spaces {
                headroom(namespace.len() + 64)?;
                *sums.entry(namespace.clone()).or_default() += records;
            }
        }
        Ok(sums)
    }

    /// The tables that have any changes.
    pub fn tables(&self) -> Vec<u32> {
        let mut tables: Vec<u32> =
            self.levels.iter().flat_map(|level| level.changes.keys().copied()).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// The transaction is over.
    pub fn clear(&mut self) {
        self.levels = Vec::new();
    }

    /// The changes of a savepoint, which is the innermost one.
    fn level(&mut self, savepoint: u32) -> Result<&mut HashMap<u32, HashMap<String, i64>>> {
        self.merge()?;
        if self.levels.last().is_none_or(|last| last.savepoint != savepoint) {
            push(&mut self.levels, Level { savepoint, ..Level::default() })?;
        }
        Ok(&mut self.levels.last_mut().expect("a level was pushed").changes)
    }

    /// Puts those together that are of one savepoint by now, each whole or not at all.
    fn merge(&mut self) -> Result<()> {
        while let [.., below, last] = &mut *self.levels
            && below.savepoint == last.savepoint
        {
            below.changes.room_for(last.changes.len())?;
            for (table, spaces) in &last.changes {
                if let Some(sums) = below.changes.get_mut(table) {
                    sums.room_for(spaces.len())?;
                }
            }
            for (table, spaces) in last.changes.drain() {
                let sums = below.changes.entry(table).or_default();
                if sums.is_empty() {
                    *sums = spaces;
                } else {
                    spaces
                        .into_iter()
                        .for_each(|(namespace, records)| *sums.entry(namespace).or_default() += records);
                }
            }
            self.levels.pop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(pending: &PendingCounts, table: u32) -> Vec<(String, i64)> {
        pending.of(table).unwrap().into_iter().filter(|(_, records)| *records != 0).collect()
    }

    #[test]
    fn savepoints() {
        let mut pending = PendingCounts::new();
        pending.note(1, 7, "a", 1).unwrap();
        pending.note(2, 7, "a", 10).unwrap();
        pending.note(2, 8, "", 5).unwrap();
        assert_eq!(of(&pending, 7), [("a".to_owned(), 11)]);
        pending.rolled_back(2);
        assert_eq!(of(&pending, 7), [("a".to_owned(), 1)]);
        assert!(!pending.has(8));
        // one that has no changes of its own around one that has
        pending.note(4, 7, "b", 3).unwrap();
        pending.released(4, 3);
        pending.rolled_back(3);
        assert_eq!(of(&pending, 7), [("a".to_owned(), 1)]);
        pending.note(5, 7, "a", -1).unwrap();
        pending.released(5, 1);
        assert_eq!(of(&pending, 7), []);
        assert_eq!(pending.tables(), [7]);
        // many savepoints, one after another, leave no more than two levels
        for savepoint in 6..100 {
            pending.note(savepoint, 7, "a", 1).unwrap();
            pending.released(savepoint, 1);
            assert!(pending.levels.len() <= 2);
        }
        assert_eq!(of(&pending, 7), [("a".to_owned(), 94)]);
        pending.clear();
        assert!(pending.is_empty());
    }

    #[test]
    fn emptied_within_a_savepoint() {
        let mut pending = PendingCounts::new();
        pending.note(1, 7, "a", 4).unwrap();
        pending.emptied(2, 7).unwrap();
        pending.note(2, 7, "a", 2).unwrap();
        assert_eq!(of(&pending, 7), [("a".to_owned(), 2)]);
        pending.rolled_back(2);
        assert_eq!(of(&pending, 7), [("a".to_owned(), 4)]);
    }

    /// What a session may do.
    #[derive(Debug, Clone)]
    enum Step {
        Note(u32, u8, i64),
        Empty(u32),
        Begin,
        Release,
        RollBack,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0..2u32, 0..3u8, -3..4i64).prop_map(|(table, space, n)| Step::Note(table, space, n)),
            1 => (0..2u32).prop_map(Step::Empty),
            2 => Just(Step::Begin),
            1 => Just(Step::Release),
            1 => Just(Step::RollBack),
        ];
        proptest::collection::vec(step, 0..60)
    }

    proptest! {
        /// A copy of all sums at each savepoint is the model.
        #[test]
        fn agrees_with_copies(steps in steps()) {
            type Sums = BTreeMap<(u32, u8), i64>;
            let mut pending = PendingCounts::new();
            let (mut open, mut next) = (vec![(1, Sums::new())], 2);
            let mut now = Sums::new();
            for step in steps {
                let savepoint = open.last().unwrap().0;
                match step {
                    Step::Note(table, space, n) => {
                        pending.note(savepoint, table, &space.to_string(), n).unwrap();
                        *now.entry((table, space)).or_default() += n;
                    }
                    Step::Empty(table) => {
                        pending.emptied(savepoint, table).unwrap();
                        now.retain(|key, _| key.0 != table);
                    }
                    Step::Begin => {
                        open.push((next, now.clone()));
                        next += 1;
                    }
                    Step::Release if open.len() > 1 => {
                        open.pop();
                        pending.released(savepoint, open.last().unwrap().0);
                    }
                    Step::RollBack if open.len() > 1 => {
                        now = open.pop().unwrap().1;
                        pending.rolled_back(savepoint);
                    }
                    Step::Release | Step::RollBack => {}
                }
                for table in 0..2 {
                    let model: Vec<_> = now.iter().filter(|(key, n)| key.0 == table && **n != 0)
                        .map(|(key, n)| (key.1.to_string(), *n)).collect();
                    prop_assert_eq!(of(&pending, table), model);
                }
            }
        }
    }
}
