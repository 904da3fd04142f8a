//! Scans of an index that was built.

use super::model::{Kind, Vector, built, compare, compare_all, rows, tid, vectors};
use crate::inverted::test_index::MemoryPages;
use crate::inverted::{Builder, Query, ROOT, Scan, stats};
use crate::noise::Noise;
use proptest::prelude::*;

/// The work of a search: pages read.
fn reads(pages: &mut MemoryPages, query: &Vector, limit: usize) -> u64 {
    pages.reads = 0;
    let mut scan = Scan::new(ROOT, vec![0], Query::new(query.get()).unwrap(), limit);
    for _ in 0..limit {
        scan.next(pages).unwrap();
    }
    assert!(scan.batches() <= 1);
    pages.reads
}

#[test]
fn kinds_of_data() {
    let mut noise = Noise(7);
    for kind in [Kind::Words, Kind::Whole, Kind::Huge, Kind::Ones] {
        for (count, nnz, terms) in [(0, 5, 50), (1, 5, 50), (300, 20, 40), (3000, 12, 900), (2000, 1, 5)] {
            let rows = rows(&vectors(&mut noise, kind, count, nnz, terms));
            let mut pages = built(&rows, 1 << 30);
            let mut queries = vectors(&mut noise, kind, 8, nnz, terms);
            queries.extend(rows.values().take(4).cloned());
            queries.push(Vector::of([]));
            queries.extend(vectors(&mut noise, Kind::Whole, 4, nnz, terms));
            compare_all(&mut pages, &rows, &queries);
        }
    }
}

/// Many rows: trees of several levels, lists of many blocks, windows that are passed over.
#[test]
fn many_rows() {
    let mut noise = Noise(3);
    let vectors = vectors(&mut noise, Kind::Words, 40_000, 20, 30_000);
    let rows = rows(&vectors);
    let mut pages = built(&rows, 1 << 30);
    let figures = stats(&mut pages, ROOT).unwrap();
    assert_eq!((figures.rows, figures.segments, figures.dead), (40_000, 1, 0));
    let whole = figures.pages;
    for query in super::model::vectors(&mut noise, Kind::Words, 6, 8, 30_000) {
        compare(&mut pages, &rows, &query, 10, 30);
        let few = reads(&mut pages, &query, 10);
        assert!(few < whole, "{few} of {whole} pages");
    }
    compare(&mut pages, &rows, &vectors[77], 32, usize::MAX);
    assert_eq!(crate::inverted::check(&mut pages, ROOT, 9).unwrap(), []);
}

/// An element more than fits a page of pending rows, the most elements, the last dimension.
#[test]
fn long_vectors() {
    let mut noise = Noise(5);
    let long = |noise: &mut Noise, count: i32| Vector::of((0..count).map(|i| (i * 3, noise.normal())));
    let all: Vec<Vector> =
        [1000, 1001, 2000, 16_000, 0, 1].into_iter().map(|n| long(&mut noise, n)).collect();
    let rows = rows(&all);
    let mut pages = built(&rows, 1 << 20);
    compare_all(&mut pages, &rows, &all);
    let mut inserted = MemoryPages::new().unwrap();
    for (row, vector) in all.iter().enumerate() {
        crate::inverted::insert(&mut inserted, ROOT, 0, tid(row), vector.get()).unwrap();
    }
    compare_all(&mut inserted, &rows, &all);
}

/// Rows with equal scores: those that are returned do not make all others be looked at.
#[test]
fn ties_are_not_all_looked_at() {
    let one = Vector::of([(5, 1.0)]);
    let rows = rows(&vec![one.clone(); 20_000]);
    let mut pages = built(&rows, 1 << 30);
    let reads = reads(&mut pages, &one, 10);
    assert!(reads < 60, "{reads}");
    compare(&mut pages, &rows, &one, 10, usize::MAX);
}

/// Scores are put in the order of the operator where sums overflow: infinity first, NaN last.
#[test]
fn sums_that_overflow() {
    let vectors = [
        Vector::of([(0, 3e38), (1, 3e38)]),
        Vector::of([(0, 3e38), (1, -3e38)]),
        Vector::of([(0, -3e38), (1, 3e38)]),
        Vector::of([(0, -3e38)]),
        Vector::of([(2, 1.0)]),
        Vector::of([(1, 1.0)]),
    ];
    let rows = rows(&vectors);
    let mut pages = built(&rows, 1 << 30);
    for query in
        [[(0, 1.0), (1, 1.0)], [(0, 3e38), (1, 3e38)], [(0, 3e38), (2, 1e-30)], [(0, -3e38), (1, 2.0)]]
    {
        compare(&mut pages, &rows, &Vector::of(query), 2, usize::MAX);
        compare(&mut pages, &rows, &Vector::of(query), 100, usize::MAX);
    }
    let underflow = Vector::of([(0, 1e-38), (1, 1e-45)]);
    compare(&mut pages, &rows, &underflow, 1, usize::MAX);
}

/// A build in little memory gives the same index, and keeps to the memory.
#[test]
fn builds_within_memory() {
    let mut noise = Noise(11);
    let rows = rows(&vectors(&mut noise, Kind::Words, 9000, 30, 2000));
    let (mut whole, mut parts) = (built(&rows, 1 << 30), built(&rows, 1));
    assert_eq!(stats(&mut whole, ROOT).unwrap(), stats(&mut parts, ROOT).unwrap());
    let queries = vectors(&mut noise, Kind::Words, 4, 30, 2000);
    compare_all(&mut parts, &rows, &queries);
    // The same bytes but for the numbers of pages, which are given out as they are needed.
    assert_eq!(whole.pages.len(), parts.pages.len());

    let (mut scratch, memory) = (MemoryPages::default(), 1 << 20);
    let mut builder = Builder::new(ROOT, memory).unwrap();
    for (row, vector) in rows.values().enumerate() {
        builder.add(&mut scratch, 0, tid(row), vector.get()).unwrap();
        assert!(builder.memory() <= memory + (memory >> 3), "{}", builder.memory());
    }
    assert!(!scratch.pages.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 60 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_rows(
        seed in any::<u64>(), count in 0..700usize, nnz in 1..20usize, terms in 1..300usize, kind in 0..4,
    ) {
        let kind = [Kind::Words, Kind::Whole, Kind::Huge, Kind::Ones][kind as usize];
        let mut noise = Noise(seed);
        let rows = rows(&vectors(&mut noise, kind, count, nnz, terms));
        let mut pages = built(&rows, 1 << 30);
        let queries = vectors(&mut noise, kind, 4, nnz, terms);
        compare_all(&mut pages, &rows, &queries);
    }
}
