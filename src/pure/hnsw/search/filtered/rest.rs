//! All matches, the nearest first; one that was not read is read when its turn comes.

use super::row_filter::Listed;
use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::Reserve;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Rows, the nearest first.
///
/// A row that was not read is in the place of its bound, before all rows at that distance; once it is the first, it is read, and goes to
/// its own place. So rows come in the order in which they would if all had been read.
#[derive(Debug, Default)]
pub(super) struct Rest(BinaryHeap<Row>);

/// A row and its distance as SQL shows it, or a lower bound of it.
#[derive(Debug, Clone, Copy)]
struct Row {
    distance: f64,
    tid: Tid,
    is_read: bool,
}

impl PartialEq for Row {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Row {}

impl Ord for Row {
    /// The nearest is the greatest. SQL takes NaN for the farthest.
    fn cmp(&self, other: &Self) -> Ordering {
        let place = |tid: Tid| (tid.block, tid.offset);
        let distances = match (self.distance.is_nan(), other.distance.is_nan()) {
            (false, false) => other.distance.total_cmp(&self.distance),
            (nan, other) => other.cmp(&nan),
        };
        distances.then(other.is_read.cmp(&self.is_read)).then(place(other.tid).cmp(&place(self.tid)))
    }
}

impl PartialOrd for Row {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Rest {
    /// Adds a row.
    ///
    /// # Errors
    /// `53200` if there is no memory.
    pub(super) fn push(&mut self, tid: Tid, listed: Listed) -> Result<()> {
        let (distance, is_read) = match listed {
            Listed::Match(distance) => (distance, true),
            Listed::Unread(floor) => (floor, false),
        };
        self.0.room_for(1)?;
        self.0.push(Row { distance, tid, is_read });
        Ok(())
    }

    /// Takes out the nearest row; `read` gives the distance of a row that was not read, or none if it does not match.
    ///
    /// # Errors
    /// Those of `read`, and `53200`.
    pub(super) fn pop(
        &mut self,
        mut read: impl FnMut(Tid) -> Result<Option<f64>>,
    ) -> Result<Option<(Tid, f64)>> {
        while let Some(Row { distance, tid, is_read }) = self.0.pop() {
            if is_read {
                return Ok(Some((tid, distance)));
            }
            if let Some(distance) = read(tid)? {
                self.push(tid, Listed::Match(distance))?;
            }
        }
        Ok(None)
    }

    pub(super) fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<Row>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tid(block: u32) -> Tid {
        Tid { block, offset: 1 }
    }

    #[test]
    fn the_nearest_comes_first() {
        let mut rest = Rest::default();
        for (block, distance) in
            [(1, f64::NAN), (2, 0.5), (3, -1.0), (4, 0.5), (5, f64::INFINITY), (6, -f64::NAN)]
        {
            rest.push(tid(block), Listed::Match(distance)).unwrap();
        }
        let mut next = || rest.pop(|_| unreachable!("all were read")).unwrap();
        let order: Vec<u32> = std::iter::from_fn(&mut next).map(|(tid, _)| tid.block).collect();
        assert_eq!(order, [3, 2, 4, 5, 1, 6]);
    }

    proptest! {
        /// Rows come as if all had been read, and no row is read whose bound is beyond the last that was asked for.
        #[test]
        fn what_was_not_read_comes_in_its_place(
            rows in prop::collection::vec((0..20u8, prop::option::of(0..4u8), any::<bool>()), 0..60),
            taken in 0..60usize,
        ) {
            let distance = |row: usize| f64::from(rows[row].0);
            let (mut rest, mut eager) = (Rest::default(), Rest::default());
            for (row, (_, slack, matches)) in rows.iter().enumerate() {
                if let Some(slack) = slack {
                    let floor = distance(row) - f64::from(*slack);
                    rest.push(tid(row as u32), Listed::Unread(floor)).unwrap();
                    if !matches {
                        continue;
                    }
                } else {
                    rest.push(tid(row as u32), Listed::Match(distance(row))).unwrap();
                }
                eager.push(tid(row as u32), Listed::Match(distance(row))).unwrap();
            }
            let mut read = vec![];
            for _ in 0..taken {
                let next = rest.pop(|tid| {
                    let row = tid.block as usize;
                    read.push(row);
                    Ok(rows[row].2.then(|| distance(row)))
                });
                let next = next.unwrap();
                prop_assert_eq!(next, eager.pop(|_| unreachable!("all were read")).unwrap());
                let Some((_, last)) = next else { break };
                for row in &read {
                    prop_assert!(distance(*row) - f64::from(rows[*row].1.unwrap()) <= last);
                }
            }
            let unique: std::collections::HashSet<&usize> = read.iter().collect();
            prop_assert_eq!(unique.len(), read.len());
        }
    }
}
