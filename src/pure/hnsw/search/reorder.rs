//! Rows in the exact order of their distance, where the index knows of some only a bound.

use crate::fault::Result;
use crate::hnsw::node::Tid;
use crate::memory::allocation::Reserve;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// What the index knows of the distance of a row that comes next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    /// The row comes before all that follow. Its distance is right but for the rounding of sums.
    Distance(f64),
    /// Lower bound of the distances of this row and of all that follow.
    Floor(f64),
}

impl Known {
    fn floor(self) -> f64 {
        match self {
            Self::Distance(distance) | Self::Floor(distance) => distance,
        }
    }
}

/// Rows that wait for others that may be nearer.
///
/// Rows come in the order of the index's distances. A row of which only a bound is known is compared by its exact distance,
/// and waits until no row that is still to come can be nearer.
#[derive(Debug, Default)]
pub struct Reorder {
    waiting: BinaryHeap<Waiting>,
    next: Option<(Tid, Known)>,
    /// No more rows come from the index.
    over: bool,
    /// Rows that have waited so far.
    count: u64,
}

#[derive(Debug)]
struct Waiting {
    distance: f64,
    /// Rows at the same distance stay in the order of the index.
    place: u64,
    tid: Tid,
}

/// As SQL compares distances: NaN is the greatest.
fn compare(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()))
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}

impl Ord for Waiting {
    /// The nearest is the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        compare(other.distance, self.distance).then(other.place.cmp(&self.place))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Reorder {
    /// Forgets all rows: another search begins.
    pub fn clear(&mut self) {
        self.waiting.clear();
        (self.next, self.over, self.count) = (None, false, 0);
    }

    /// Bytes that grow while rows wait.
    pub fn bytes(&self) -> usize {
        self.waiting.capacity() * size_of::<Waiting>()
    }

    /// The next row and its distance. `more` gives rows from the index, `exact` the distance of a row as SQL shows it, or
    /// none for a row that is not visible.
    ///
    /// # Errors
    /// Those of `more` and `exact`, and `53200`.
    pub fn next(
        &mut self,
        mut more: impl FnMut() -> Result<Option<(Tid, Known)>>,
        mut exact: impl FnMut(Tid) -> Result<Option<f64>>,
    ) -> Result<Option<(Tid, f64)>> {
        loop {
            if self.next.is_none() && !self.over {
                self.next = more()?;
                self.over = self.next.is_none();
            }
            let floor = self.next.map(|(_, known)| known.floor());
            if let Some(nearest) = self.waiting.peek()
                && floor.is_none_or(|floor| compare(nearest.distance, floor).is_le())
            {
                return Ok(self.waiting.pop().map(|row| (row.tid, row.distance)));
            }
            let Some((tid, known)) = self.next.take() else { return Ok(None) };
            match known {
                Known::Distance(distance) => return Ok(Some((tid, distance))),
                Known::Floor(_) => {
                    if let Some(distance) = exact(tid)? {
                        self.waiting.room_for(1)?;
                        self.waiting.push(Waiting { distance, place: self.count, tid });
                        self.count += 1;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tid(i: usize) -> Tid {
        Tid { block: i as u32, offset: 1 }
    }

    /// All rows that come of `known`, whose exact distances are `exact`, without rows that are not visible; and how many
    /// exact distances were asked for.
    fn all(known: &[Known], exact: &[Option<f64>]) -> (Vec<usize>, usize) {
        let (mut reorder, mut at, mut asked, mut rows) = (Reorder::default(), 0, 0, vec![]);
        loop {
            let more = || {
                at += 1;
                Ok(known.get(at - 1).map(|known| (tid(at - 1), *known)))
            };
            let look = |tid: Tid| {
                asked += 1;
                Ok(exact[tid.block as usize])
            };
            match reorder.next(more, look).unwrap() {
                Some((tid, distance)) => {
                    let row = tid.block as usize;
                    assert!(
                        matches!(known[row], Known::Distance(_))
                            || exact[row].is_some_and(|d| compare(d, distance).is_eq())
                    );
                    rows.push(row);
                }
                None => return (rows, asked),
            }
        }
    }

    #[test]
    fn rows_wait_for_nearer_ones() {
        use Known::{Distance, Floor};
        let known = [Distance(1.0), Floor(2.0), Floor(2.0), Floor(2.5), Distance(4.0), Floor(5.0)];
        let exact = [None, Some(2.9), Some(2.1), Some(2.6), None, Some(f64::NAN)];
        assert_eq!(all(&known, &exact), (vec![0, 2, 3, 1, 4, 5], 4));
        // The third is not visible.
        let exact = [None, Some(2.9), None, Some(2.6), None, Some(f64::NAN)];
        assert_eq!(all(&known, &exact).0, [0, 3, 1, 4, 5]);
        // At one distance, the order of the index.
        assert_eq!(all(&[Floor(0.0); 3], &[Some(1.0); 3]).0, [0, 1, 2]);
        assert_eq!(all(&[], &[]).0, [0usize; 0]);
        // No more distances are asked for than it takes: the second row is as near as any that follows can be.
        let mut reorder = Reorder::default();
        let mut rows = [Floor(1.0), Floor(1.0)].into_iter().enumerate();
        let mut asked = vec![];
        let more = || Ok(rows.next().map(|(i, known)| (tid(i), known)));
        let first = reorder.next(more, |tid| {
            asked.push(tid.block);
            Ok(Some(1.0))
        });
        assert_eq!((first.unwrap(), asked), (Some((tid(0), 1.0)), vec![0]));
    }

    proptest! {
        #[test]
        fn the_order_is_exact(rows in prop::collection::vec((0.0..10.0f64, 0.0..3.0f64, any::<bool>()), 0..60)) {
            // Bounds of which some overlap, in the order in which an index gives them.
            let mut rows: Vec<(f64, f64, bool)> = rows.into_iter().map(|(exact, slack, seen)| (exact, exact - slack, seen)).collect();
            rows.sort_by(|a, b| (a.0 + a.1).total_cmp(&(b.0 + b.1)));
            let mut known = vec![];
            for i in 0..rows.len() {
                let floor = rows[i..].iter().map(|row| row.1).fold(f64::INFINITY, f64::min);
                let certain = rows[..i].iter().all(|row| row.0 <= rows[i].1) && rows[i + 1..].iter().all(|row| row.1 >= rows[i].0);
                known.push(if certain { Known::Distance(rows[i].0) } else { Known::Floor(floor) });
            }
            let exact: Vec<_> = rows.iter().map(|row| row.2.then_some(row.0)).collect();
            let (found, _) = all(&known, &exact);
            prop_assert!(found.is_sorted_by(|a, b| rows[*a].0 <= rows[*b].0));
            let gone = (0..rows.len()).filter(|i| !rows[*i].2 && matches!(known[*i], Known::Floor(_))).count();
            prop_assert_eq!(found.len(), rows.len() - gone);
        }
    }
}
