//! Rows in a plain list, and what the index must answer about them.

use crate::hnsw::node::Tid;
use crate::inverted::page::{self, Owner};
use crate::inverted::test_index::MemoryPages;
use crate::inverted::{Hit, Pages, Query, ROOT, Scan, check, root};
use crate::noise::Noise;
use crate::types::sparsevec::Sparse;
use crate::types::sparsevec::distance::inner_product;
use std::collections::BTreeMap;

/// Dimensions of all vectors: the most that there can be.
pub const DIM: i32 = 1_000_000_000;

/// A sparse vector with its elements.
#[derive(Debug, Clone, PartialEq)]
pub struct Vector {
    pub indices: Vec<i32>,
    pub values: Vec<f32>,
}

impl Vector {
    /// A vector of these elements, of which the first is taken if several have one dimension.
    pub fn of(elements: impl IntoIterator<Item = (i32, f32)>) -> Self {
        let mut sorted: Vec<_> = elements.into_iter().filter(|(_, value)| *value != 0.0).collect();
        sorted.sort_by_key(|(dim, _)| *dim);
        sorted.dedup_by_key(|(dim, _)| *dim);
        let (indices, values) = sorted.into_iter().unzip();
        Self { indices, values }
    }

    pub fn get(&self) -> Sparse<'_> {
        Sparse { dim: DIM, indices: &self.indices, values: &self.values }
    }
}

/// The kinds of data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Weights of words: positive, frequent words light.
    Words,
    /// Small whole numbers of both signs: many ties and zeros.
    Whole,
    /// Of both signs, up to the largest: sums overflow.
    Huge,
    /// Almost all the same.
    Ones,
}

/// `count` vectors with about `nnz` elements out of `terms` dimensions, of which few are frequent.
pub fn vectors(noise: &mut Noise, kind: Kind, count: usize, nnz: usize, terms: usize) -> Vec<Vector> {
    let mut all = Vec::new();
    for _ in 0..count {
        let size = (noise.uniform() * 2.0 * nnz as f32) as usize;
        all.push(Vector::of((0..size).map(|_| {
            let skewed = noise.uniform().powi(3);
            let term = (skewed * terms as f32) as i32;
            // The last dimensions are the last that there can be.
            let dim = if term * 2 < terms as i32 { term * 7 } else { DIM - 1 - term };
            let value = match kind {
                Kind::Words => (1.0 + skewed * 9.0) * (0.1 + noise.uniform()),
                Kind::Whole => (noise.uniform() * 7.0).floor() - 3.0,
                Kind::Huge => noise.normal() * 1e19,
                Kind::Ones => 1.0,
            };
            (dim, value)
        })));
    }
    all
}

/// A row's TID.
pub fn tid(row: usize) -> Tid {
    Tid { block: (row / 50) as u32, offset: (row % 50) as u16 + 1 }
}

/// The rows that an index should have.
pub type Rows = BTreeMap<(u32, u16), Vector>;

/// The key of a row in [`Rows`].
pub fn key(tid: Tid) -> (u32, u16) {
    (tid.block, tid.offset)
}

/// Rows with the TIDs 0, 1, ….
pub fn rows(vectors: &[Vector]) -> Rows {
    vectors.iter().enumerate().map(|(row, vector)| (key(tid(row)), vector.clone())).collect()
}

/// An index built of rows.
pub fn built(rows: &Rows, memory: usize) -> MemoryPages {
    let all =
        rows.iter().map(|((block, offset), vector)| (Tid { block: *block, offset: *offset }, vector.get()));
    MemoryPages::built(all, memory).unwrap()
}

/// The order of scores: NaN last.
pub fn order(score: f32) -> (bool, std::cmp::Reverse<i64>) {
    let bits = i64::from((score + 0.0).to_bits() as i32);
    let ascending = if bits < 0 { -(bits & 0x7fff_ffff) } else { bits };
    (score.is_nan(), std::cmp::Reverse(if score.is_nan() { 0 } else { ascending }))
}

/// Compares the first `limit` rows of a scan with the rows that there are.
pub fn compare(pages: &mut impl Pages, rows: &Rows, query: &Vector, first: usize, limit: usize) {
    let mut scan = Scan::new(ROOT, vec![0], Query::new(query.get()).unwrap(), first);
    compare_rows(rows, query, limit, || scan.next(pages).unwrap());
}

/// Compares the first `limit` rows that come with the rows that there are.
pub fn compare_rows(rows: &Rows, query: &Vector, limit: usize, mut next: impl FnMut() -> Option<Hit>) {
    let mut scores: Vec<f32> = rows.values().map(|vector| inner_product(query.get(), vector.get())).collect();
    scores.sort_by_key(|score| order(*score));
    let mut seen = std::collections::HashSet::new();
    for (at, wanted) in scores.iter().take(limit).enumerate() {
        let hit = next().unwrap_or_else(|| panic!("{at} of {} rows", rows.len()));
        let vector = rows.get(&key(hit.tid)).unwrap_or_else(|| panic!("{:?} is no row", hit.tid));
        let score = inner_product(query.get(), vector.get());
        let bits = |score: f32| if score.is_nan() { f32::NAN.to_bits() } else { (score + 0.0).to_bits() };
        assert_eq!(bits(hit.score), bits(score), "score of {:?}", hit.tid);
        assert_eq!(order(score), order(*wanted), "row {at}: {score}, not {wanted}");
        assert!(seen.insert(key(hit.tid)), "{:?} comes twice", hit.tid);
    }
    if limit > scores.len() {
        assert_eq!(next(), None, "rows beyond all");
    }
}

/// Compares with several queries, some of them rows of the index, and checks the index.
pub fn compare_all(pages: &mut MemoryPages, rows: &Rows, queries: &[Vector]) {
    assert_eq!(check(pages, ROOT, 9).unwrap(), []);
    for (i, query) in queries.iter().enumerate() {
        let (first, limit) = [(3, usize::MAX), (10, 10), (1, 40), (1000, 70)][i % 4];
        compare(pages, rows, query, first, limit);
    }
}

/// All pages but the first and the root are free and known to be so, or belong to a list or a segment.
pub fn assert_no_leaks(pages: &MemoryPages) {
    let root = root::Root::read(&pages.pages[ROOT as usize], ROOT).unwrap();
    for (number, room) in pages.pages.iter().enumerate().skip(2) {
        match page::owner(room).unwrap() {
            None => assert!(pages.free.contains(&(number as u32)), "page {number} is not known to be free"),
            Some(Owner { root: ROOT, number }) => {
                let segments = root.segments.iter().map(|segment| segment.number);
                let known = segments.chain([root.pending.number, root.frozen.number]).any(|n| n == number);
                assert!(known, "owner {number}");
            }
            Some(owner) => panic!("{owner:?}"),
        }
    }
}
