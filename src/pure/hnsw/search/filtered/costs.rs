//! What a filtered search costs, and when it changes its ways.

/// What the steps of a filtered search cost, in microseconds.
///
/// # What was measured
///
/// PostgreSQL 16, all pages in the server's buffers, 89,469 rows x 384: 0.7 for a node record with its estimates; 1.0 for a
/// row of the table at a random place with a filter of one clause (0.28 of it to come to the fourth column, 0.04 to 0.19 the
/// filter); 0.10 to 0.16 for a TID of a bitmap made by GIN, of equalities (0.37 of ranges, which scan several keys). A row's
/// distance by the table's vector adds 0.4, which the order of pages in a bitmap makes up for; where the vector lies in a
/// TOAST table (1,536 dimensions), 25 instead, of which 10 are the distance.
///
/// With all that a walk does, on another machine: 3 to 3.5 for a node record of 384 dimensions, 5 to 6.5 of 1,536; a row of a kept list,
/// compared by its bytes, is a twenty-fourth of these: 0.12 and 0.25. As only ratios matter, the rows of lists are given in the
/// first machine's microseconds here.
///
/// Of pages that are not in memory all steps cost as many reads, so that the comparisons come out alike.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// A node record.
    pub page: f64,
    /// A row of the table that is tested.
    pub test: f64,
    /// A bitmap, however few TIDs it has.
    pub bitmap: f64,
    /// A TID of a bitmap.
    pub tid: f64,
    /// A row of the table that is tested and compared with the query.
    pub read: f64,
    /// The rows among those to be listed that are read though a bound of their distance is known, as no row that is left can be nearer.
    pub nearest: f64,
}

/// Rows that are taken for wanted if nothing is known.
pub(super) const WANTED: usize = 10;
/// Matches that make the limit beyond the rows wanted, where few match.
///
/// Recall of the ten nearest of a tenth of 1,000,000 x 96 rows, along a direction that half of the queries lie against: 0.983 with 2,
/// 0.989 with 5, 0.991 with 8 to 13; of as many rows by lot 0.993 to 0.996. Of 89,469 x 384 embeddings 2 are enough.
pub(super) const SPARE: usize = 12;
/// Node records of level 0 that a search reads before it projects anything.
const MIN_READS: u64 = 16;
/// A row that is listed by a bound of its distance, in microseconds.
const LIST: f64 = 0.06;
/// A row of a list that was made before, by a bound of its distance, in microseconds.
const LISTED: f64 = 0.03;
/// Rows that are read of those, for each row wanted: 1.2 of real embeddings.
const NEAREST: f64 = 2.0;
/// Rows that count as much as all that.
const MIN_TESTS: u64 = 64;

/// What a walk has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Node records of level 0 that were read.
    pub reads: u64,
    /// Nodes that were tested.
    pub tested: u64,
    /// Nodes among them with a row that matches.
    pub matched: u64,
    /// Rows that were tested.
    pub tests: u64,
}

impl Progress {
    /// The share of matches among tested nodes, a little more than that where few were tested.
    pub fn share(&self) -> f64 {
        (self.matched + 1) as f64 / (self.tested + 1) as f64
    }

    /// Which match makes the limit, counted from 1: `near` where few match, `all` where all do.
    pub fn places(&self, near: usize, all: usize) -> usize {
        near + (all.saturating_sub(near) as f64 * self.share().min(1.0)).round() as usize
    }

    fn says_something(&self) -> bool {
        self.reads >= MIN_READS || self.tests >= MIN_TESTS
    }
}

impl Costs {
    /// Of rows whose vectors are in the table's own pages.
    pub const INLINE: Self = Self { page: 0.7, test: 1.0, bitmap: 10.0, tid: 0.13, read: 1.0, nearest: 0.0 };
    /// Of rows whose vectors are in a TOAST table.
    pub const TOASTED: Self = Self { read: 15.0, ..Self::INLINE };

    /// The same if a share of all matches need not be read, but those that may be the nearest `wanted`.
    pub fn listing(self, unread: f64, wanted: usize) -> Self {
        let unread = unread.clamp(0.0, 1.0);
        let nearest = unread * NEAREST * wanted as f64 * self.read;
        Self { read: self.read.min(unread * LIST + (1.0 - unread) * self.read), nearest, ..self }
    }

    /// What it costs to read a list of all matches that was made before, in microseconds, of which a share need not be read.
    pub fn list(&self, matches: f64, unread: f64, wanted: usize) -> f64 {
        let unread = unread.clamp(0.0, 1.0);
        matches * (unread * LISTED + (1.0 - unread) * self.read)
            + (unread * NEAREST * wanted as f64 * self.read).min(matches * self.read)
    }

    /// What it costs to make such a list: a bitmap, and its rows, of which a share need not be read.
    pub fn list_anew(&self, matches: f64, unread: f64, wanted: usize) -> f64 {
        self.bitmap + self.tid * matches + self.listing(unread, wanted).rows(matches)
    }

    /// What a walk has cost so far, in microseconds.
    pub fn walked(&self, progress: &Progress) -> f64 {
        self.page * progress.reads as f64 + self.test * progress.tests as f64
    }

    /// What it costs to list so many matches.
    fn rows(&self, matches: f64) -> f64 {
        (self.read * matches + self.nearest).max(0.0)
    }

    /// What reading the nodes of a walk costs from here on, if `more` matches are to be found and the walk finds them as it
    /// has found matches so far; with `tests`, what testing their rows costs, too.
    fn projected(&self, progress: &Progress, more: usize, tests: bool) -> f64 {
        let tests = if tests { self.test * progress.tests as f64 } else { 0.0 };
        (self.page * progress.reads as f64 + tests) * more as f64 / (progress.matched + 1) as f64
    }

    /// What a filtered search of graphs with so many nodes is likely to cost, in node records of level 0: what the planner
    /// asks. `share` of the rows match, by statistics; `indexed` if a bitmap of them can be had.
    ///
    /// A walk reads about 2.5 times the nodes that lie as near as its limit. As statistics know nothing of where the query is,
    /// that is right where the filter has nothing to do with the vectors.
    pub fn expected(&self, ef: usize, wanted: Option<usize>, nodes: f64, share: f64, indexed: bool) -> f64 {
        let near = wanted.unwrap_or(WANTED) as f64 + SPARE as f64;
        let all = (1.5 * ef as f64).max(near);
        let share = share.clamp(1e-9, 1.0);
        let reads = (2.5 * (near + share * (all - near)) / share).min(nodes);
        let walk = reads * (self.page + 0.6 * self.test);
        let first = MIN_READS as f64 * (self.page + self.test);
        let matches = nodes * share;
        let read = first + self.bitmap + matches * (self.tid + self.read);
        (if indexed { walk.min(read) } else { walk }) / self.page
    }

    /// Whether the rest of a walk costs more than a bitmap of `expected` TIDs and what comes after it: the rest of the walk, without
    /// tests of rows that the bitmap does not have, or the matches. Where much is known of the rows, tests are few, and a bitmap
    /// spares nothing but by reading the matches. If the walk has cost twice as much as those already, the bitmap is asked for
    /// however well it promises to go on.
    pub fn asks(&self, progress: &Progress, more: usize, expected: f64) -> bool {
        let (bitmap, rows) = (self.bitmap + self.tid * expected, self.rows(expected));
        let rest = self.projected(progress, more, true);
        let so_far = self.page * progress.reads as f64 + self.test * progress.tests as f64;
        progress.says_something()
            && more > 0
            && (rest > bitmap + self.projected(progress, more, false).min(rows)
                || so_far > 2.0 * (bitmap + rows))
    }

    /// Whether to read the rows of a bitmap of `size` TIDs instead of walking on: if the rest of the walk costs more, or what
    /// was read since `asked`, when there was no bitmap yet, has cost as much. The second bounds the walk where the projection
    /// errs, as that of ski rental: the cost is twice that of the better way at most.
    pub fn reads(&self, progress: &Progress, more: usize, size: u64, asked: u64) -> bool {
        let rows = self.rows(size.saturating_sub(progress.matched) as f64);
        self.projected(progress, more, false) > rows || self.page * (progress.reads - asked) as f64 > rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COSTS: Costs = Costs::INLINE;

    fn progress(reads: u64, tested: u64, matched: u64) -> Progress {
        Progress { reads, tested, matched, tests: tested }
    }

    #[test]
    fn places_go_with_the_share() {
        assert_eq!(Progress::default().places(12, 64), 64, "nothing is known: as if all matched");
        assert_eq!(progress(100, 99, 99).places(12, 64), 64);
        assert_eq!(progress(100, 99, 49).places(12, 64), 38);
        assert_eq!(progress(10_000, 9_999, 0).places(12, 64), 12);
        assert_eq!(
            progress(10_000, 9_999, 0).places(120, 64),
            120,
            "more rows are wanted than make a wide search"
        );
        for matched in 0..100 {
            let few = progress(100, 99, matched).places(12, 64);
            assert!((12..=64).contains(&few) && few <= progress(100, 99, matched + 1).places(12, 64));
        }
    }

    #[test]
    fn a_bitmap_is_asked_for_where_the_walk_is_dearer() {
        // Nothing is said by a few.
        assert!(!COSTS.asks(&progress(15, 15, 0), 12, 0.0));
        assert!(COSTS.asks(&progress(0, 64, 0), 12, 0.0), "a list of a node that does not end");
        // 100 nodes read and tested, one match: 170 µs for two, 850 more for ten, of which 500 are tests.
        let met = progress(100, 100, 1);
        assert!(COSTS.asks(&met, 10, 3_500.0) && !COSTS.asks(&met, 10, 4_000.0));
        // Rows that are known cost no tests: then only reading the matches is cheaper.
        let known = Progress { tests: 1, ..met };
        assert!(COSTS.asks(&known, 10, 290.0) && !COSTS.asks(&known, 10, 320.0));
        // It has cost twice as much.
        let long = Progress { reads: 10_000, tested: 10_000, matched: 5_000, tests: 5_000 };
        assert!(COSTS.asks(&long, 1, 5_000.0) && !COSTS.asks(&long, 1, 5_500.0));
        // The more matches, the less is left.
        assert!(!COSTS.asks(&progress(100, 100, 11), 1, 100.0));
        assert!(!COSTS.asks(&progress(1000, 1000, 11), 0, 0.0), "nothing is left");
        // More rows of a walk's nodes make it dearer.
        let lists = Progress { tests: 1000, ..met };
        assert!(COSTS.asks(&lists, 10, 30_000.0));
        assert!(!COSTS.asks(&lists, 0, 0.0));
    }

    #[test]
    fn matches_are_read_where_the_walk_is_dearer() {
        // 100 records, one match: 35 µs a match, 350 for ten.
        let met = progress(100, 100, 1);
        assert!(COSTS.reads(&met, 10, 300, 100) && !COSTS.reads(&met, 10, 400, 100));
        assert!(!Costs::TOASTED.reads(&met, 10, 300, 100) && Costs::TOASTED.reads(&met, 10, 24, 100));
        // Matches that are listed without being read are cheap, but for the nearest: 0.06 µs a match and 20 for ten.
        let (all, half) = (COSTS.listing(1.0, 10), COSTS.listing(0.5, 10));
        assert!(all.reads(&met, 10, 5_400, 100) && !all.reads(&met, 10, 5_600, 100));
        assert!(half.reads(&met, 10, 635, 100) && !half.reads(&met, 10, 650, 100));
        assert!(all.asks(&met, 10, 2_900.0) && COSTS.listing(0.0, 10) == COSTS);
        let toasted = Costs::TOASTED.listing(1.0, 10);
        assert!(!toasted.reads(&met, 10, 900, 100) && toasted.reads(&met, 100, 15_000, 100));
        // However well the walk promises to go on, it has cost as much since.
        let near = progress(1000, 1000, 500);
        assert!(!COSTS.reads(&near, 1, 1_000, 500) && COSTS.reads(&near, 1, 840, 500));
        // Nothing is left to be read.
        assert!(COSTS.reads(&met, 1, 0, 100) && COSTS.reads(&met, 1, 1, 100));
    }

    #[test]
    fn more_is_expected_of_fewer_matches() {
        for nodes in [1e3, 1e5, 1e7] {
            let of = |share, indexed| COSTS.expected(40, None, nodes, share, indexed);
            let shares = [1.0, 0.5, 0.1, 0.05, 0.01, 1e-3, 1e-4, 1e-5, 0.0];
            assert!(shares.windows(2).all(|w| of(w[0], false) <= of(w[1], false)));
            assert!(shares.iter().all(|share| of(*share, true) <= of(*share, false)));
            assert!(
                shares
                    .iter()
                    .all(|share| of(*share, true) <= COSTS.expected(40, Some(100), nodes, *share, true))
            );
            assert!(of(0.0, true) < 60.0 && of(0.0, false) >= nodes);
            assert!(of(1.0, true) < 400.0);
        }
    }

    /// A walk whose matches come evenly pays at most twice the better way, and what it has read before it asks.
    #[test]
    fn a_rule_is_never_far_from_the_better_way() {
        let (nodes, near, all) = (100_000u64, 12, 64);
        for every in [1, 2, 5, 10, 20, 50, 100, 200, 1_000, 5_000, 50_000] {
            let size = nodes / every;
            let (mut now, mut asked, mut cost) = (Progress::default(), None, 0.0);
            let walk = every as f64 * (COSTS.page + COSTS.test);
            let exact = COSTS.bitmap + size as f64 * (COSTS.tid + COSTS.read);
            loop {
                let more = now.places(near, all).saturating_sub(now.matched as usize);
                if more == 0 {
                    break;
                }
                if asked.is_none() && COSTS.asks(&now, more, nodes as f64 * now.share()) {
                    asked = Some(now.reads);
                    cost += COSTS.bitmap + COSTS.tid * size as f64;
                }
                if let Some(at) = asked
                    && COSTS.reads(&now, more, size, at)
                {
                    cost += COSTS.read * size as f64;
                    break;
                }
                now.reads += 1;
                now.tested += 1;
                now.tests += 1;
                now.matched += u64::from(now.reads.is_multiple_of(every));
                cost += COSTS.page + if asked.is_none() { COSTS.test } else { 0.0 };
            }
            let places = now.places(near, all) as f64;
            let better = exact.min(walk * places);
            assert!(cost <= 2.0 * better + 64.0 * (COSTS.page + COSTS.test), "{every}: {cost} {better}");
        }
    }
}
