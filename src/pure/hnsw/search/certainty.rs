//! Which rows of a batch are certainly in their place, and which must be compared by the table's vectors.
//!
//! Stored vectors are rounded, so of a row's distance the index knows only an interval ([`Bounds`]). A row is *certain* if no
//! other row's interval overlaps its own: whatever the distances are, no row before is farther and no row after is nearer.
//! Intervals may touch where the row's own is a point. Any other row has a *floor*, which neither its distance nor that of a
//! later row is below; [`Reorder`](super::Reorder) puts it into its place.
//!
//! A batch is in the order of the index's distances, so a pass in each direction takes the place of comparing all pairs:
//! forward with the maximum of the upper bounds so far, backward with the minimum of the lower bounds.
//!
//! A strict search makes more batches, whose rows count as well ([`Returned`]). A node with a TID list is certain only if its
//! interval is a point: its rows may have vectors that differ and that rounding made equal.

use super::bounds::Bounds;
use super::deferred::Deferred;
use super::found::Found;
use crate::hnsw::node::NONE;

/// Sets `certain` and `floor` of rows, which ascend by distance. The upper bounds of the rows before them are at most
/// `before`, the lower bounds of the rows after them at least `after`. Returns the maximum of `before` and their upper bounds.
pub(super) fn mark(rows: &mut [Found], before: f64, after: f64) -> f64 {
    let mut max_high = before;
    for row in rows.iter_mut() {
        let one = row.tid_list == NONE || row.bounds.is_point();
        row.certain = one && row.bounds.is_above(max_high);
        max_high = max_high.max(row.bounds.high);
    }
    let mut min_low = after;
    for row in rows.iter_mut().rev() {
        row.certain &= row.bounds.is_below(min_low);
        min_low = min_low.min(row.bounds.low);
        row.floor = min_low;
    }
    max_high
}

/// What the rows that a strict search has returned demand of the rows that follow.
///
/// A returned row tells its reader a number: a certain row its distance, at most its upper bound; any other row its floor.
/// Rows that may be nearer than that come too late and are not returned.
///
/// For each returned row, floor ≤ lower bound ≤ upper bound ≤ `highest`, so `told` ≤ `highest`. All fields only grow.
#[derive(Debug)]
pub(super) struct Returned {
    /// Index distance of the last returned row that has an upper bound.
    farthest: f32,
    /// Upper bound of the numbers that returned rows have told.
    told: f64,
    /// Maximum of the upper bounds of the rows of all batches, whatever they have told.
    highest: f64,
    /// Maximum over the rows of all batches of how far the lower bound is below the distance, as SQL shows it.
    slack: f64,
}

impl Returned {
    /// No rows.
    pub(super) const NONE: Self =
        Self { farthest: f32::NEG_INFINITY, told: f64::NEG_INFINITY, highest: f64::NEG_INFINITY, slack: 0.0 };

    /// Upper bound of the numbers that returned rows have told.
    pub(super) fn told(&self) -> f64 {
        self.told
    }

    /// Marks the rows of a strict search's next batch, which ascend by distance. Rows that were not read are taken to be farther
    /// than the batch's last row that has an upper bound, and no less certain than the rows that were read: with a lower bound
    /// nearer than that, they must find a place among the rows of this batch. `shown` gives the distance that SQL shows.
    pub(super) fn mark(&mut self, batch: &mut [Found], deferred: &Deferred, shown: impl Fn(f32) -> f64) {
        let mut end = None;
        self.slack = self.slack.max(deferred.slack());
        for row in batch.iter().filter(|row| row.bounds.is_limited()) {
            let distance = shown(row.distance);
            self.slack = self.slack.max(distance - row.bounds.low);
            end = Some(distance);
        }
        let unread = end.map_or(f64::INFINITY, |end| end - self.slack);
        let after = if unread.is_nan() { f64::NEG_INFINITY } else { unread.min(deferred.floor(shown)) };
        self.highest = mark(batch, self.highest, after);
    }

    /// Whether the next row of the marked batch is to be returned; then it counts as returned.
    pub(super) fn admit(&mut self, row: &Found) -> bool {
        let Bounds { low, high } = row.bounds;
        let limited = row.bounds.is_limited();
        let admitted = low >= self.told && (!limited || row.distance >= self.farthest);
        if admitted {
            if limited {
                self.farthest = row.distance;
            }
            self.told = self.told.max(if row.certain { high } else { row.floor });
            debug_assert!(self.told <= self.highest);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hnsw::node::Tid;
    use proptest::prelude::*;

    /// What a row is drawn as: its distance, how far the bounds lie below and above it, whether it has a TID list, and
    /// whether nothing is known of it. All numbers are small integers, so that many bounds are equal.
    type Drawn = (u8, u8, u8, bool, bool);

    fn drawn() -> impl Strategy<Value = Drawn> {
        (0..40u8, 0..4u8, 0..4u8, prop::bool::weighted(0.2), prop::bool::weighted(0.05))
    }

    fn row(number: usize, (distance, below, above, list, unknown): Drawn) -> Found {
        let known = Bounds { low: f64::from(distance) - f64::from(below), high: f64::from(distance + above) };
        Found {
            distance: distance.into(),
            number: number as u32,
            tid: Tid { block: number as u32, offset: 1 },
            version: 0,
            tid_list: if list { 7 } else { NONE },
            bounds: if unknown { Bounds { low: 0.0, ..Bounds::ALL } } else { known },
            certain: false,
            floor: f64::NAN,
        }
    }

    fn rows(drawn: Vec<Drawn>) -> Vec<Found> {
        let mut rows: Vec<Found> = drawn.into_iter().enumerate().map(|(i, drawn)| row(i, drawn)).collect();
        rows.sort_unstable_by(Found::order);
        rows
    }

    /// Whether one row's interval ends before another's begins, where `own` says which of the two must be a point for them
    /// to touch.
    fn apart(earlier: f64, later: f64, own: Bounds) -> bool {
        earlier < later || earlier == later && own.low == own.high
    }

    #[test]
    fn a_row_whose_interval_overlaps_another_is_not_certain() {
        // 0 to 1, 2 to 4, 3 to 5, 5, and 6 to 7 with a TID list.
        let mut rows = rows(vec![
            (0, 0, 1, false, false),
            (3, 1, 1, false, false),
            (4, 1, 1, false, false),
            (5, 0, 0, false, false),
            (6, 0, 1, true, false),
        ]);
        assert_eq!(mark(&mut rows, -1.0, f64::INFINITY), 7.0);
        assert_eq!(rows.iter().map(|row| row.certain).collect::<Vec<_>>(), [true, false, false, true, false]);
        assert_eq!(rows.iter().map(|row| row.floor).collect::<Vec<_>>(), [0.0, 2.0, 3.0, 5.0, 6.0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: if cfg!(miri) { 5 } else { 1000 }, failure_persistence: None, ..ProptestConfig::default()
        })]

        /// A row is certain if and only if no other row's interval overlaps its own, by comparing all pairs.
        #[test]
        fn certain_rows_overlap_no_other(
            drawn in prop::collection::vec(drawn(), 0..30),
            before in prop::sample::select(&[f64::NEG_INFINITY, -2.0, 0.0, 5.0, 20.0, f64::INFINITY][..]),
            after in prop::sample::select(&[f64::INFINITY, 45.0, 39.0, 30.0, 10.0][..]),
        ) {
            let mut rows = rows(drawn);
            let highest = mark(&mut rows, before, after);
            for (i, row) in rows.iter().enumerate() {
                let own = row.bounds;
                let alone = apart(before, own.low, own)
                    && apart(own.high, after, own)
                    && rows[..i].iter().all(|other| apart(other.bounds.high, own.low, own))
                    && rows[i + 1..].iter().all(|other| apart(own.high, other.bounds.low, own));
                let one = row.tid_list == NONE || own.low == own.high;
                prop_assert_eq!(row.certain, alone && one, "{} of {:?}", i, &rows);
                let floor = rows[i..].iter().map(|row| row.bounds.low).fold(after, f64::min);
                prop_assert_eq!(row.floor, floor);
            }
            prop_assert_eq!(highest, rows.iter().map(|row| row.bounds.high).fold(before, f64::max));
        }

        /// Batches of a strict search, with what is deferred from one to the next: what a row tells holds for all that
        /// follow, and no row is lost but for coming too late. Beyond the end of the batches before, only a row that is less certain
        /// than all of the first.
        #[test]
        fn batches_follow_each_other(
            batches in prop::collection::vec(
                (prop::collection::vec(drawn(), 0..12), prop::option::weighted(0.8, 0..40u8), 0..3usize), 1..6),
        ) {
            let (mut returned, mut deferred) = (Returned::NONE, Deferred::new());
            let (mut all, mut out, mut late, mut waiting) = (0, Vec::<Found>::new(), 0, Vec::<Found>::new());
            let (mut end, mut slack) = (None, 0f64);
            let below = |row: &Found| f64::from(row.distance) - row.bounds.low;
            for (drawn, limit, min) in batches {
                let mut batch: Vec<Found> =
                    drawn.into_iter().enumerate().map(|(i, drawn)| row(all + i, drawn)).collect();
                all += batch.len();
                batch.sort_unstable_by(Found::order);
                let first: Vec<u32> = batch.iter().take(min).map(|row| row.number).collect();
                let (held, sent) = (deferred.len(), batch.len());
                waiting.extend(&batch);
                match limit.map(f32::from) {
                    Some(limit) => {
                        deferred.exchange(&mut batch, limit, min, returned.told(), f64::from).unwrap();
                        let beyond = |row: &Found| {
                            row.distance > limit && row.bounds.is_limited() && !first.contains(&row.number)
                        };
                        prop_assert!(!batch.iter().any(beyond));
                        prop_assert!(first.iter().all(|first| batch.iter().any(|row| row.number == *first)));
                    }
                    None => batch.extend(deferred.all()),
                }
                late += held + sent - batch.len() - deferred.len();
                batch.sort_unstable_by(Found::order);
                let low = deferred.floor(f64::from);
                waiting.retain(|row| row.bounds.is_limited() && batch.iter().all(|other| other.number != row.number));
                prop_assert_eq!(waiting.len(), deferred.len());
                prop_assert!(waiting.iter().all(|row| low <= row.bounds.low));
                prop_assert!(waiting.iter().all(|row| limit.is_some_and(|limit| row.distance > f32::from(limit))));
                returned.mark(&mut batch, &deferred, f64::from);
                for (i, row) in batch.iter().enumerate() {
                    prop_assert!(row.floor <= low && batch[i..].iter().all(|other| row.floor <= other.bounds.low));
                    prop_assert!(!row.certain || apart(row.bounds.high, low, row.bounds));
                    if returned.admit(row) {
                        out.push(*row);
                    } else {
                        let last = out.iter().rfind(|row| row.bounds.is_limited());
                        let nearer = last.is_some_and(|last| row.distance < last.distance);
                        prop_assert!(row.bounds.low < returned.told() || row.bounds.is_limited() && nearer);
                        let beyond = row.bounds.is_limited() && end.is_some_and(|end| row.distance >= end) && below(row) <= slack;
                        prop_assert!(!beyond, "{:?} beyond {:?}", row, end);
                        late += 1;
                    }
                }
                if end.is_none() {
                    let read = batch.iter().chain(&waiting).filter(|row| row.bounds.is_limited());
                    slack = read.map(below).fold(slack, f64::max);
                }
                let limited = batch.iter().filter(|row| row.bounds.is_limited()).map(|row| row.distance);
                end = limited.chain(end).reduce(f32::max);
            }
            prop_assert_eq!(out.len() + late + deferred.len(), all);
            let limited = out.iter().filter(|row| row.bounds.is_limited());
            prop_assert!(limited.is_sorted_by(|a, b| a.distance <= b.distance));
            for (i, row) in out.iter().enumerate() {
                let told = if row.certain { row.bounds.high } else { row.floor };
                prop_assert!(out[i + 1..].iter().all(|later| told <= later.bounds.low), "{} of {:?}", i, &out);
                let before = |earlier: &Found| apart(earlier.bounds.high, row.bounds.low, row.bounds);
                prop_assert!(!row.certain || out[..i].iter().all(before), "{} of {:?}", i, &out);
            }
        }
    }
}
