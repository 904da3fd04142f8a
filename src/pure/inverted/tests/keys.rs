//! Rows of several keys.

use super::model::{Kind, Rows, Vector, assert_no_leaks, compare_rows, key as place, tid, vectors};
use crate::hnsw::node::Tid;
use crate::inverted::test_index::MemoryPages;
use crate::inverted::{Effort, Query, ROOT, Scan, all_rows, check, insert, maintain, stats, vacuum};
use crate::noise::Noise;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MEMORY: usize = 1 << 20;
const ALL: Effort = Effort { pending_pages: 0, max_pages: u32::MAX, memory: MEMORY };

/// Rows of several keys.
type Keyed = BTreeMap<u32, Rows>;

fn of_keys(keyed: &Keyed, keys: &[u32]) -> Rows {
    let mut rows = Rows::new();
    for key in keys {
        rows.extend(keyed.get(key).into_iter().flatten().map(|(row, vector)| (*row, vector.clone())));
    }
    rows
}

/// Compares the rows of some keys.
fn compare(pages: &mut MemoryPages, keyed: &Keyed, keys: &[u32], query: &Vector, limit: usize) {
    let mut scan = Scan::new(ROOT, keys.to_vec(), Query::new(query.get()).unwrap(), 7);
    compare_rows(&of_keys(keyed, keys), query, limit, || scan.next(pages).unwrap());
}

/// An index to which rows of several keys were added, in turn.
fn built(noise: &mut Noise, kind: Kind, count: usize, keys: &[u32]) -> (MemoryPages, Keyed) {
    let mut keyed = Keyed::new();
    let all = vectors(noise, kind, count, 9, 150);
    for (row, vector) in all.into_iter().enumerate() {
        let key = keys[(noise.uniform().powi(2) * keys.len() as f32) as usize];
        keyed.entry(key).or_default().insert(place(tid(row)), vector);
    }
    let mut rows: Vec<(u32, Tid, &Vector)> = Vec::new();
    for (key, its) in &keyed {
        rows.extend(its.iter().map(|((block, offset), v)| (*key, Tid { block: *block, offset: *offset }, v)));
    }
    // In the order of the table, not of keys.
    rows.sort_by_key(|(_, tid, _)| *tid);
    let (now, later) = rows.split_at(count / 2);
    let mut pages = MemoryPages::keyed(now.iter().map(|(key, tid, v)| (*key, *tid, v.get())), 1).unwrap();
    for (key, tid, vector) in later {
        if insert(&mut pages, ROOT, *key, *tid, vector.get()).unwrap().pages > 4 {
            maintain(&mut pages, ROOT, &Effort { pending_pages: 4, ..ALL }).unwrap();
        }
    }
    (pages, keyed)
}

#[test]
fn rows_of_keys() {
    let mut noise = Noise(21);
    let keys = [0, 1, 7, 1 << 31, u32::MAX];
    for kind in [Kind::Words, Kind::Whole, Kind::Ones] {
        let (mut pages, mut keyed) = built(&mut noise, kind, 4000, &keys);
        let all: usize = keyed.values().map(Rows::len).sum();
        let queries = vectors(&mut noise, kind, 3, 9, 150);
        let look = |pages: &mut MemoryPages, keyed: &Keyed| {
            assert_eq!(check(pages, ROOT, 9).unwrap(), []);
            for query in &queries {
                for some in [&keys[..1], &keys[1..2], &keys[3..], &keys, &[5], &[], &[u32::MAX, 1, 5, 1]] {
                    compare(pages, keyed, some, query, 10);
                    compare(pages, keyed, some, query, usize::MAX);
                }
            }
        };
        look(&mut pages, &keyed);
        assert_eq!(all_rows(&mut pages, ROOT).unwrap().len(), all);
        maintain(&mut pages, ROOT, &ALL).unwrap();
        look(&mut pages, &keyed);
        // One key goes, and some rows of the others.
        keyed.remove(&7);
        for rows in keyed.values_mut() {
            rows.retain(|(block, _), _| block % 3 > 0);
        }
        let left = of_keys(&keyed, &keys);
        vacuum(&mut pages, ROOT, &mut |tid| !left.contains_key(&place(tid)), MEMORY).unwrap();
        look(&mut pages, &keyed);
        let mut found = all_rows(&mut pages, ROOT).unwrap();
        found.sort_unstable();
        assert_eq!(
            found.into_iter().map(place).collect::<Vec<_>>(),
            left.keys().copied().collect::<Vec<_>>()
        );
        let figures = stats(&mut pages, ROOT).unwrap();
        assert_eq!((figures.rows, figures.keys), (left.len() as u64, 4 * u64::from(figures.segments)));
        assert_no_leaks(&pages);
    }
}

/// A search of a small key reads its own rows, however many there are of others.
#[test]
fn small_keys_among_many() {
    let mut noise = Noise(22);
    let all = vectors(&mut noise, Kind::Words, 20_000, 10, 500);
    let key = |row: usize| if row.is_multiple_of(1000) { row as u32 } else { 5 };
    let rows = all.iter().enumerate().map(|(row, vector)| (key(row), tid(row), vector.get()));
    let mut pages = MemoryPages::keyed(rows, 1 << 30).unwrap();
    assert_eq!(stats(&mut pages, ROOT).unwrap().keys, 21);
    pages.reads = 0;
    let mut scan = Scan::new(ROOT, vec![3000], Query::new(all[3000].get()).unwrap(), 10);
    assert_eq!(scan.next(&mut pages).unwrap().map(|hit| hit.tid), Some(tid(3000)));
    assert_eq!(scan.next(&mut pages).unwrap(), None);
    assert!(pages.reads < 150, "{}", pages.reads);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 25 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_keys(seed in any::<u64>(), kind in 0..3, count in 0..1500usize, keys in 1..40u32, limit in 1..50usize) {
        let kind = [Kind::Words, Kind::Whole, Kind::Ones][kind as usize];
        let mut noise = Noise(seed);
        let keys: Vec<u32> = (0..keys).map(|key| key * key).collect();
        let (mut pages, keyed) = built(&mut noise, kind, count, &keys);
        prop_assert_eq!(check(&mut pages, ROOT, 9).unwrap(), vec![]);
        for query in vectors(&mut noise, kind, 2, 9, 150) {
            compare(&mut pages, &keyed, &keys[..1], &query, limit);
            compare(&mut pages, &keyed, &keys[keys.len() / 2..], &query, usize::MAX);
        }
    }
}
