//! Filtered searches against all distances.

use crate::distance::metric::Metric;
use crate::fault::state;
use crate::hnsw::node::{Layout, NodeMut, NodeRef, Options, State};
use crate::hnsw::search::{Known, KnownMatches, Order, Pages};
use crate::hnsw::test_index::filtered::{How, Matches, Outcome};
use crate::hnsw::test_index::samples::{METRICS, Sample};
use crate::noise::Noise;
use proptest::prelude::*;
use std::cell::RefCell;
use std::collections::HashSet;
use std::sync::OnceLock;

const K: usize = 10;

/// Which rows match.
#[derive(Debug, Clone, Copy)]
enum Filter {
    /// Drawn by lot.
    Random,
    /// Half of the rows that are near the query.
    Near,
    /// Of the rows that are farther than half of all.
    Far,
}

/// A share of all rows.
fn matching(filter: Filter, share: f64, distances: &[f64], noise: &mut Noise) -> HashSet<usize> {
    let mut order: Vec<usize> = (0..distances.len()).collect();
    order.sort_by(|a, b| distances[*a].total_cmp(&distances[*b]));
    let n = order.len();
    let size = ((n as f64 * share).round() as usize).max(1);
    let from = match filter {
        Filter::Random => &order[..],
        Filter::Near => &order[..(2 * size).min(n)],
        Filter::Far => &order[n / 2..],
    };
    let mut lots: Vec<(f32, usize)> = from.iter().map(|row| (noise.uniform(), *row)).collect();
    lots.sort_by(|a, b| a.0.total_cmp(&b.0));
    lots.into_iter().take(size).map(|(_, row)| row).collect()
}

/// How many of the nearest matches were found. There are as many rows as match, or are taken, each a match and given once.
fn right(outcome: &Outcome, matches: &HashSet<usize>, distances: &[f64], taken: usize) -> usize {
    let expected = taken.min(matches.len());
    let rows: HashSet<usize> = outcome.rows.iter().copied().collect();
    assert_eq!((outcome.rows.len(), rows.len()), (expected, expected));
    assert!(rows.is_subset(matches));
    let mut nearest: Vec<f64> = matches.iter().map(|row| distances[*row]).collect();
    nearest.sort_by(f64::total_cmp);
    outcome.rows.iter().filter(|row| distances[**row] <= nearest[expected - 1]).count()
}

/// Vectors in clusters, which vary in few directions, as real ones do; the same clusters, whatever the seed.
fn vectors(n: usize, dim: usize, seed: u64) -> Vec<Vec<f32>> {
    let spread = |d: usize| if d < 12 { 1.0 } else { 0.1 };
    let (mut fixed, mut noise) = (Noise(11), Noise(seed));
    let centers: Vec<Vec<f32>> =
        (0..20).map(|_| (0..dim).map(|d| spread(d) * fixed.normal()).collect()).collect();
    let mut near = |c: &[f32]| (0..dim).map(|d| c[d] + spread(d) * noise.normal()).collect();
    (0..n).map(|i| near(&centers[i % 20])).collect()
}

fn sample(metric: Metric, dim: usize, n: usize) -> Sample {
    Sample::built(metric, vectors(n, dim, 5), n)
}

const SHARES: [f64; 7] = [0.5, 0.1, 0.05, 0.02, 0.01, 0.005, 0.0005];

/// Of each metric, filter and share, with an index that gives bitmaps and without.
#[test]
fn finds_the_nearest_matches() {
    let n = if cfg!(miri) { 300 } else { 4000 };
    let mut short = vec![];
    for metric in METRICS {
        let mut sample = sample(metric, 60, n);
        for (filter, share) in [Filter::Random, Filter::Near, Filter::Far]
            .into_iter()
            .flat_map(|f| SHARES.map(|share| (f, share)))
        {
            for indexed in [true, false] {
                let (mut found, mut expected, mut noise) = (0, 0, Noise(3));
                for query in vectors(12, 60, 99) {
                    let distances = sample.distances(&query);
                    let matches = matching(filter, share, &distances, &mut noise);
                    let filter = Matches::new(&matches, distances.clone(), indexed);
                    let outcome = sample.filtered(&query, filter, How::default());
                    found += right(&outcome, &matches, &distances, K);
                    expected += K.min(matches.len());
                }
                let recall = found as f64 / expected as f64;
                // Graphs of inner products find less, filtered or not: of all rows 0.9. So do walks that go far.
                let min = match (metric, filter, indexed) {
                    (Metric::InnerProduct, Filter::Far, false) => 0.9,
                    (Metric::InnerProduct, ..) | (_, Filter::Far, false) => 0.97,
                    _ => 0.99,
                };
                if recall < min {
                    short.push((metric, filter, share, indexed, recall));
                }
            }
        }
    }
    assert!(short.is_empty(), "{short:?}");
}

/// A search without an index goes on to the end of the graph, one with an index stops walking where it is cheaper to read.
#[test]
fn reads_little() {
    let n = 4000;
    let mut sample = sample(Metric::Cosine, 60, n);
    let mut mean = |filter: Filter, share: f64, indexed: bool| {
        let (mut reads, mut tests, mut read, mut noise) = (0, 0, 0, Noise(3));
        for query in vectors(12, 60, 99) {
            let distances = sample.distances(&query);
            let matches = matching(filter, share, &distances, &mut noise);
            let outcome = sample.filtered(&query, Matches::new(&matches, distances, indexed), How::default());
            reads += outcome.reads;
            tests += outcome.tested.len() as u64;
            read += outcome.read;
        }
        (reads / 12, tests / 12, read)
    };
    let (reads, tests, read) = mean(Filter::Random, 1.0, true);
    assert!(reads < 160 && tests < reads && read == 0, "all match: {reads} {tests}");
    let (reads, tests, read) = mean(Filter::Random, 0.5, true);
    assert!(reads < 200 && tests < reads && read == 0, "half: {reads} {tests}");
    let (reads, tests, read) = mean(Filter::Near, 0.05, true);
    assert!(reads < 220 && tests < reads && read == 0, "near: {reads} {tests}");
    for share in [0.01, 0.005, 0.0005] {
        let (reads, tests, read) = mean(Filter::Random, share, true);
        assert!(reads < 60 && tests < reads && read == 12, "{share}: {reads} {tests}");
    }
    let (reads, _, read) = mean(Filter::Far, 0.05, true);
    assert!(reads < 200 && read > 6, "far: {reads}");
    let (reads, tests, read) = mean(Filter::Random, 0.0005, false);
    assert!(reads == n as u64 && tests == n as u64 && read == 0, "without an index: {reads} {tests}");
}

/// Rows are tested in the order of their distance, and none that need not be.
#[test]
fn tests_the_nearest_first() {
    let mut sample = sample(Metric::L2, 60, 3000);
    let mut noise = Noise(3);
    for query in vectors(6, 60, 99) {
        let distances = sample.distances(&query);
        let matches = matching(Filter::Random, 0.3, &distances, &mut noise);
        let outcome =
            sample.filtered(&query, Matches::new(&matches, distances.clone(), false), How::default());
        let last = outcome.tested.iter().map(|row| distances[*row]).fold(0.0, f64::max);
        let within = distances.iter().filter(|distance| **distance <= last).count();
        assert!(outcome.tested.len() <= within && within < outcome.tested.len() * 2);
        let unique: HashSet<&usize> = outcome.tested.iter().collect();
        assert_eq!(unique.len(), outcome.tested.len(), "no row is tested twice");
        let late = outcome.tested.windows(2).filter(|w| distances[w[0]] > distances[w[1]] * 1.001).count();
        assert!(late < outcome.tested.len() / 4, "{late} of {}", outcome.tested.len());
    }
}

/// All matches come once, however many are taken for wanted, and in order.
#[test]
fn goes_on_until_all_matches_came() {
    let mut sample = sample(Metric::Cosine, 60, 2000);
    let mut noise = Noise(3);
    for (order, complete) in [(Order::Strict, true), (Order::Strict, false), (Order::Relaxed, true)] {
        for (share, indexed, whole, wanted) in [
            (1.0, false, false, None),
            (0.3, false, false, Some(1)),
            (0.3, true, false, None),
            (0.3, false, true, Some(30)),
            (0.02, true, false, Some(100)),
            (0.02, false, false, None),
        ] {
            let query = &vectors(3, 60, 99)[1];
            let distances = sample.distances(query);
            let matches = matching(Filter::Random, share, &distances, &mut noise);
            let how = How { order, complete, taken: usize::MAX, whole, wanted, ..How::default() };
            let outcome = sample.filtered(query, Matches::new(&matches, distances.clone(), indexed), how);
            let rows: HashSet<usize> = outcome.rows.iter().copied().collect();
            assert!(rows.len() == outcome.rows.len() && rows.is_subset(&matches));
            let missed = if complete { 0 } else { matches.len() / 50 };
            assert!(
                rows.len() + missed >= matches.len(),
                "{share} {order:?}: {} of {}",
                rows.len(),
                matches.len()
            );
            let out_of_order =
                outcome.rows.windows(2).filter(|w| distances[w[0]] > distances[w[1]] + 1e-3).count();
            let allowed = match (order, complete) {
                (Order::Strict, false) => 0,
                // Those that come too late do so after all others.
                (Order::Strict, true) => 1 + matches.len() / 50,
                _ => matches.len() / 10,
            };
            assert!(out_of_order <= allowed, "{share} {order:?}: {out_of_order} of {}", matches.len());
            if order == Order::Strict && !complete {
                for (i, known) in outcome.known.iter().enumerate() {
                    if let Known::Floor(floor) = known {
                        assert!(outcome.rows[i..].iter().all(|row| distances[*row] >= floor - 1e-6));
                    }
                }
            }
        }
    }
}

/// The first batch has what is wanted, without another one.
#[test]
fn gives_what_is_wanted_in_one_batch() {
    let mut sample = sample(Metric::L2, 60, 4000);
    let mut noise = Noise(3);
    let (mut found, mut reads) = (0, [0, 0]);
    for query in vectors(6, 60, 99) {
        let distances = sample.distances(&query);
        let matches = matching(Filter::Random, 0.5, &distances, &mut noise);
        for (at, wanted) in [Some(200), None].into_iter().enumerate() {
            let how = How { wanted, taken: 200, ..How::default() };
            let outcome = sample.filtered(&query, Matches::new(&matches, distances.clone(), false), how);
            let right = right(&outcome, &matches, &distances, 200);
            assert!(right >= 194, "{wanted:?}: {right}");
            found += if wanted.is_some() { right } else { 0 };
            reads[at] += outcome.reads;
            if wanted.is_some() {
                assert!(outcome.rows.is_sorted_by(|a, b| distances[*a] <= distances[*b] + 1e-2));
            }
        }
    }
    assert!(found >= 6 * 198, "{found}");
    assert!(reads[0] < 6 * 1500, "{reads:?}");
}

/// What searches with the same filter have learned spares tests and reads, and neither rows nor recall.
#[test]
fn what_is_known_spares_work() {
    let n = 4000;
    for metric in METRICS {
        let mut sample = sample(metric, 60, n);
        let mut noise = Noise(3);
        for (share, indexed) in SHARES.into_iter().flat_map(|share| [(share, true), (share, false)]) {
            let queries = vectors(24, 60, 99);
            let distances = sample.distances(&queries[0]);
            let matches = matching(Filter::Random, share, &distances, &mut noise);
            let known = RefCell::new(KnownMatches::default());
            let (mut found, mut expected) = ([0, 0], 0);
            let (mut tests, mut reads) = ([0, 0], [0, 0]);
            for (i, query) in queries.iter().enumerate() {
                let distances = sample.distances(query);
                for (at, known) in [None, Some(&known)].into_iter().enumerate() {
                    let filter = Matches { known, ..Matches::new(&matches, distances.clone(), indexed) };
                    let outcome = sample.filtered(query, filter, How::default());
                    // The first half learns.
                    if i >= 12 {
                        found[at] += right(&outcome, &matches, &distances, K);
                        tests[at] += outcome.tested.len();
                        reads[at] += outcome.reads;
                    }
                }
                expected += if i < 12 { 0 } else { K.min(matches.len()) };
            }
            let min = if metric == Metric::InnerProduct { 97 } else { 99 };
            assert!(
                found[1] * 100 >= expected * min,
                "{metric:?} {share} {indexed}: {found:?} of {expected}"
            );
            // With an index, what is known takes the place of bitmaps.
            if !indexed {
                let less = tests[1] < tests[0] && reads[1] <= reads[0];
                assert!(less, "{metric:?} {share}: {tests:?} {reads:?}");
            }
        }
    }
}

/// Dead nodes lead on, and their rows are not tested.
#[test]
fn passes_through_the_dead() {
    let mut sample = sample(Metric::L2, 30, 1500);
    let dies = |row: usize| !row.is_multiple_of(3);
    sample.kill(dies);
    let mut noise = Noise(3);
    let mut found = 0;
    for (query, indexed) in vectors(10, 30, 99).iter().flat_map(|query| [(query, false), (query, true)]) {
        let distances = sample.distances(query);
        let mut matches = matching(Filter::Random, 0.2, &distances, &mut noise);
        matches.retain(|row| !dies(*row));
        let outcome =
            sample.filtered(query, Matches::new(&matches, distances.clone(), indexed), How::default());
        assert!(!outcome.tested.iter().any(|row| dies(*row)));
        found += right(&outcome, &matches, &distances, K);
    }
    assert!(found >= 198, "{found}");
    // Without a living node, the search ends.
    sample.kill(|_| true);
    let query = &vectors(1, 30, 99)[0];
    let (distances, none) = (sample.distances(query), HashSet::new());
    let outcome = sample.filtered(query, Matches::new(&none, distances, false), How::default());
    assert!(outcome.rows.is_empty() && outcome.tested.is_empty() && outcome.reads >= 1500);
}

/// Of rows with equal vectors, those come that match, wherever in the list of their node they are.
#[test]
fn tests_the_rows_of_a_list() {
    let dim = 20;
    let mut rows = vectors(300, dim, 5);
    let same = rows[7].clone();
    rows.extend(std::iter::repeat_n(same.clone(), 700));
    let n = rows.len();
    let mut sample = Sample::built(Metric::L2, rows, n);
    let all: Vec<HashSet<usize>> = vec![
        HashSet::from([7]),
        HashSet::from([650]),
        (300..1000).step_by(3).collect(),
        (0..300).collect(),
        (0..1000).collect(),
        HashSet::from([299, 999]),
        HashSet::new(),
    ];
    for (matches, whole) in all.iter().flat_map(|matches| [(matches, false), (matches, true)]) {
        for (query, taken) in [(&same, 10), (&same, usize::MAX), (&vectors(1, dim, 99)[0], usize::MAX)] {
            let distances = sample.distances(query);
            let filter = Matches::new(matches, distances.clone(), false);
            let outcome = sample.filtered(query, filter, How { taken, whole, ..How::default() });
            if !matches.is_empty() {
                let right = right(&outcome, matches, &distances, taken);
                assert!(right >= taken.min(matches.len()) - 1);
            }
            assert!(outcome.rows.len() == taken.min(matches.len()));
        }
    }
    // Of a list without a match no end is awaited.
    let (none, distances) = (HashSet::from([3]), sample.distances(&same));
    let outcome = sample.filtered(&same, Matches::new(&none, distances, true), How::default());
    assert!(outcome.rows == [3] && outcome.read == 1, "{}", outcome.reads);
}

/// What is read comes in order among what was given before, and nothing twice.
#[test]
fn reads_what_was_not_given() {
    let n = 4000;
    let mut sample = sample(Metric::L2, 60, n);
    let mut switched = 0;
    for (i, query) in vectors(8, 60, 99).iter().enumerate() {
        let distances = sample.distances(query);
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|a, b| distances[*a].total_cmp(&distances[*b]));
        // Ten that are near, and a few that are not: the first batch walks, the second does not find its end.
        let matches: HashSet<usize> =
            order[..20].iter().chain(&order[3000..3040]).copied().skip(i % 3).collect();
        for (order, complete) in [(Order::Strict, true), (Order::Strict, false), (Order::Relaxed, true)] {
            let how = How { order, complete, taken: usize::MAX, ..How::default() };
            let outcome = sample.filtered(query, Matches::new(&matches, distances.clone(), true), how);
            let rows: HashSet<usize> = outcome.rows.iter().copied().collect();
            assert_eq!((rows.len(), &rows), (outcome.rows.len(), &matches));
            assert!(outcome.rows.is_sorted_by(|a, b| distances[*a] <= distances[*b] + 1e-2));
            switched += outcome.read;
        }
    }
    assert_eq!(switched, 24);
}

/// Rows of which a bound is known come as if they had been read, and few of them are read.
#[test]
fn what_need_not_be_read() {
    let n = if cfg!(miri) { 300 } else { 4000 };
    for metric in METRICS {
        let mut sample = sample(metric, 60, n);
        let (mut noise, mut read, mut listed) = (Noise(3), 0, 0);
        for query in vectors(10, 60, 99) {
            let distances = sample.distances(&query);
            for (filter, share) in [(Filter::Random, 0.005), (Filter::Far, 0.05), (Filter::Far, 0.01)] {
                let matches = matching(filter, share, &distances, &mut noise);
                let spread = distances.iter().copied().fold(f64::NEG_INFINITY, f64::max)
                    - distances.iter().copied().fold(f64::INFINITY, f64::min);
                for (order, complete) in
                    [(Order::Strict, true), (Order::Strict, false), (Order::Relaxed, true)]
                {
                    for taken in [K, usize::MAX] {
                        let how = How { order, complete, taken, ..How::default() };
                        let eager = Matches::new(&matches, distances.clone(), true);
                        let lazy = Matches {
                            unread: Some(0.01 * spread),
                            ..Matches::new(&matches, distances.clone(), true)
                        };
                        let (eager, lazy) =
                            (sample.filtered(&query, eager, how), sample.filtered(&query, lazy, how));
                        if eager.read == 0 || lazy.read == 0 {
                            continue;
                        }
                        // Both have read all matches from some point on; the one that reads less may come there earlier.
                        if taken == usize::MAX {
                            let [a, b]: [HashSet<usize>; 2] =
                                [&eager, &lazy].map(|outcome| outcome.rows.iter().copied().collect());
                            assert!(a == b && a == matches, "{metric:?} {filter:?} {share} {order:?}");
                        } else {
                            assert!(right(&lazy, &matches, &distances, K) >= K.min(matches.len()) - 1);
                            let unique: HashSet<&usize> = lazy.read_later.iter().collect();
                            assert_eq!(unique.len(), lazy.read_later.len(), "no row is read twice");
                            (read, listed) = (read + lazy.read_later.len(), listed + matches.len());
                        }
                        assert!(
                            lazy.rows.is_sorted_by(|a, b| distances[*a] <= distances[*b] + 0.01 * spread)
                        );
                    }
                }
            }
        }
        assert!(listed > 0 && read * 2 < listed, "{metric:?}: {read} of {listed}");
    }
}

/// Statistics keep a search from asking for a bitmap that is large after all.
#[test]
fn statistics_are_heeded() {
    let mut sample = sample(Metric::L2, 60, 4000);
    let mut asked = [0, 0];
    for query in vectors(10, 60, 99) {
        let distances = sample.distances(&query);
        let mut order: Vec<usize> = (0..4000).collect();
        order.sort_by(|a, b| distances[*a].total_cmp(&distances[*b]));
        // None of the nearest, all of the others.
        let matches: HashSet<usize> = order[20..].iter().copied().collect();
        // As if the index had ten times as many rows.
        for (at, statistics) in [0.0, 10.0].into_iter().enumerate() {
            let filter = Matches { statistics, ..Matches::new(&matches, distances.clone(), true) };
            let outcome = sample.filtered(&query, filter, How::default());
            assert!(right(&outcome, &matches, &distances, K) >= K - 1);
            asked[at] += outcome.asked;
        }
    }
    assert!(asked[0] > 5 && asked[1] == 0, "{asked:?}");
}

/// Node records of several pages, and a number of edges beyond what a batch of codes has.
#[test]
fn of_other_layouts() {
    for (dim, n, options) in [
        (4000, 60, Options::default()),
        (100, 500, Options { slots: 64, bits: Some(2), coded: Some(64), stored: None }),
    ] {
        let layout = Layout::choose(dim, Metric::L2, options).unwrap();
        let mut sample = Sample::on(layout, vectors(n, dim, 5), (0..n).collect());
        let (mut found, mut noise) = (0, Noise(3));
        for query in vectors(10, dim, 99) {
            let distances = sample.distances(&query);
            let matches = matching(Filter::Random, 0.4, &distances, &mut noise);
            let outcome =
                sample.filtered(&query, Matches::new(&matches, distances.clone(), false), How::default());
            found += right(&outcome, &matches, &distances, K);
        }
        assert!(found >= 99, "{dim}: {found}");
    }
}

/// Without an edge but those of the tree, the walk goes on from the tree's root.
#[test]
fn goes_on_from_the_root() {
    let mut sample = sample(Metric::L2, 20, 500);
    for number in 0..sample.index.memory.records() {
        let layout = sample.layout;
        let bytes = sample.index.memory.node_mut(number).unwrap();
        let record = NodeRef::new(&layout, bytes).unwrap();
        if record.header().state != State::Live || record.header().level != 0 {
            continue;
        }
        let slots: Vec<usize> = record.neighbours().map(|(slot, _)| slot).collect();
        let slots: Vec<usize> = slots.into_iter().filter(|slot| !record.is_tree_edge(*slot)).collect();
        let mut record = NodeMut::new(&layout, bytes).unwrap();
        slots.into_iter().for_each(|slot| record.clear_edge(slot));
    }
    let query = &vectors(1, 20, 99)[0];
    let (distances, matches) = (sample.distances(query), (0..500).step_by(50).collect());
    let outcome = sample.filtered(query, Matches::new(&matches, distances.clone(), false), How::default());
    assert_eq!(right(&outcome, &matches, &distances, K), 10);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 100 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whatever is written over the pages, a search ends, with an error or without.
    #[test]
    fn survives_corruption(
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..300),
        headers in prop::collection::vec((0..60u32, 0..32usize, any::<u8>()), 0..40),
        indexed in any::<bool>(),
        every in 1..20usize,
        whole in any::<bool>(),
        wanted in 1..60usize,
    ) {
        static GOOD: OnceLock<std::sync::Mutex<Sample>> = OnceLock::new();
        let good = GOOD.get_or_init(|| {
            let mut rows = vectors(50, 8, 5);
            rows.extend(rows.clone());
            std::sync::Mutex::new(Sample::built(Metric::L2, rows, 100))
        });
        let mut sample = good.lock().unwrap().copy();
        let query = sample.rows[0].clone();
        let distances = vec![1.0; 1 << 16];
        for (at, byte) in hits {
            let bytes = sample.index.memory.bytes_mut();
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (number, at, byte) in headers {
            if let Ok(record) = sample.index.memory.node_mut(number) {
                record[at] = byte;
            }
        }
        let matches = (0..100).step_by(every).collect();
        let how = How { taken: usize::MAX, whole, wanted: Some(wanted), ..How::default() };
        if let Err(fault) = sample.try_filtered(&query, Matches::new(&matches, distances, indexed), how) {
            prop_assert_eq!(fault.state, state::INDEX_CORRUPTED);
        }
    }
}
