//! Rows grouped by their key, with a counting sort.

use crate::fault::Result;
use crate::memory::allocation::{collected, filled};

/// Rows by the number of their group, in their order within each group.
#[derive(Debug)]
pub struct Groups {
    /// The position among the rows at which each group starts, and the end of the last group.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Groups {
    /// The groups of rows, given the group of each row and the number of groups.
    ///
    /// # Errors
    /// `53200` if there is no memory: 4 bytes a row, and 8 a group during the sort.
    pub fn of(group_of: &[u32], groups: usize) -> Result<Self> {
        let mut starts = filled(0u32, groups + 1)?;
        group_of.iter().for_each(|group| starts[*group as usize + 1] += 1);
        (0..groups).for_each(|group| starts[group + 1] += starts[group]);
        let mut next = collected(starts.iter().copied())?;
        let mut rows = filled(0u32, group_of.len())?;
        for (row, group) in (0..).zip(group_of) {
            let at = &mut next[*group as usize];
            rows[*at as usize] = row;
            *at += 1;
        }
        Ok(Self { starts, rows })
    }

    /// The rows of a group.
    pub fn rows(&self, group: u32) -> &[u32] {
        let group = group as usize;
        &self.rows[self.starts[group] as usize..self.starts[group + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_a_group_keep_their_order() {
        let groups = Groups::of(&[2, 0, 2, 3, 0, 2], 5).unwrap();
        let all: Vec<&[u32]> = (0..5).map(|group| groups.rows(group)).collect();
        assert_eq!(all, [&[1u32, 4] as &[u32], &[], &[0, 2, 5], &[3], &[]]);
        assert!(Groups::of(&[], 1).unwrap().rows(0).is_empty());
    }
}
