//! The inverted index beside plain posting lists in memory: `cargo bench -p conifer-pure --bench sparse`.
//!
//! Words are drawn by Zipf's law, some hundred a row, with weights like BM25's; queries have eight words of a row.
//! The plain side has all postings of a word in two arrays, uncompressed, adds up the products of all of them and
//! picks the ten largest sums: what a search costs that has no pages, nothing packed and nothing to pass over. `ROWS`
//! is the number of rows, 100,000 if unset.
#![allow(missing_docs, clippy::unwrap_used)]

use conifer_pure::hnsw::node::Tid;
use conifer_pure::inverted::test_index::MemoryPages;
use conifer_pure::inverted::{Effort, Pages, PagesMut, Query, ROOT, Scan, insert, maintain, stats};
use conifer_pure::types::sparsevec::Sparse;
use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

const K: usize = 10;
const DIM: i32 = 1_000_000_000;
const WORDS: usize = 50_000;
const QUERIES: usize = 300;

struct Noise(u64);

impl Noise {
    /// From 0 to below 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

struct Vector {
    indices: Vec<i32>,
    values: Vec<f32>,
}

impl Vector {
    fn get(&self) -> Sparse<'_> {
        Sparse { dim: DIM, indices: &self.indices, values: &self.values }
    }

    fn of(words: BTreeMap<i32, f32>) -> Self {
        let (indices, values) = words.into_iter().unzip();
        Self { indices, values }
    }
}

/// Rows, and queries with words of some of them.
fn drawn(count: usize) -> (Vec<Vector>, Vec<Vector>) {
    let mut noise = Noise(17);
    let edges: Vec<f64> = (1..=WORDS)
        .scan(0.0, |sum, rank| {
            *sum += 1.0 / rank as f64;
            Some(*sum)
        })
        .collect();
    let all = edges[WORDS - 1];
    let dims: Vec<i32> = (0..WORDS).map(|_| (noise.uniform() * f64::from(DIM)) as i32).collect();
    let mut found: HashMap<i32, u32> = HashMap::new();
    let mut rows = Vec::new();
    for _ in 0..count {
        let length = 80.0 + 200.0 * noise.uniform() * noise.uniform();
        let mut counted: BTreeMap<i32, f32> = BTreeMap::new();
        for _ in 0..length as usize {
            let at = noise.uniform() * all;
            *counted.entry(dims[edges.partition_point(|edge| *edge < at).min(WORDS - 1)]).or_default() += 1.0;
        }
        counted.keys().for_each(|dim| *found.entry(*dim).or_default() += 1);
        let scale = 1.2 * (0.25 + 0.75 * length as f32 / 130.0);
        rows.push(Vector::of(counted.into_iter().map(|(dim, n)| (dim, n * 2.2 / (n + scale))).collect()));
    }
    let mut queries = Vec::new();
    for _ in 0..QUERIES.min(count) {
        let row: &Vector = &rows[(noise.uniform() * count as f64) as usize];
        let mut words: Vec<(f64, i32)> =
            row.indices.iter().map(|dim| (f64::from(found[dim]) * noise.uniform(), *dim)).collect();
        words.sort_by(|a, b| a.0.total_cmp(&b.0));
        let weight = |dim: i32| (1.0 + count as f32 / found[&dim] as f32).ln();
        queries.push(Vector::of(words.iter().take(8).map(|(_, dim)| (*dim, weight(*dim))).collect()));
    }
    (rows, queries)
}

/// Plain posting lists.
struct Plain {
    lists: HashMap<i32, (Vec<u32>, Vec<f32>)>,
    sums: Vec<f32>,
}

impl Plain {
    fn new(rows: &[Vector]) -> Self {
        let mut lists: HashMap<i32, (Vec<u32>, Vec<f32>)> = HashMap::new();
        for (row, vector) in (0..).zip(rows) {
            for (dim, value) in vector.indices.iter().zip(&vector.values) {
                let list = lists.entry(*dim).or_default();
                list.0.push(row);
                list.1.push(*value);
            }
        }
        Self { lists, sums: vec![0.0; rows.len()] }
    }

    fn search(&mut self, query: &Vector) -> Vec<f32> {
        self.sums.fill(0.0);
        for (dim, value) in query.indices.iter().zip(&query.values) {
            if let Some((rows, weights)) = self.lists.get(dim) {
                for (row, weight) in rows.iter().zip(weights) {
                    self.sums[*row as usize] += value * weight;
                }
            }
        }
        let mut best = [0.0f32; K];
        for sum in &self.sums {
            if *sum > best[K - 1] {
                let at = best.partition_point(|other| other >= sum);
                best[at..].rotate_right(1);
                best[at] = *sum;
            }
        }
        best.into_iter().filter(|sum| *sum > 0.0).collect()
    }
}

fn search(pages: &mut impl Pages, query: &Vector) -> Vec<f32> {
    let mut scan = Scan::new(ROOT, vec![0], Query::new(query.get()).unwrap(), K);
    std::iter::from_fn(|| scan.next(pages).unwrap())
        .map(|hit| hit.score)
        .take_while(|x| *x > 0.0)
        .take(K)
        .collect()
}

/// The median of each query's time.
fn median(queries: &[Vector], mut ask: impl FnMut(&Vector)) -> Duration {
    let mut times: Vec<Duration> = Vec::new();
    for query in queries.iter().chain(queries) {
        let begin = Instant::now();
        ask(query);
        times.push(begin.elapsed());
    }
    // The first half fills the caches.
    let mut times = times.split_off(queries.len());
    times.sort_unstable();
    times[times.len() / 2]
}

fn add(pages: &mut impl PagesMut, row: usize, vector: &Vector) {
    let effort = Effort { pending_pages: 32, max_pages: 4096, memory: 64 << 20 };
    let tid = Tid { block: row as u32, offset: 1 };
    if insert(pages, ROOT, 0, tid, vector.get()).unwrap().pages > effort.pending_pages {
        maintain(pages, ROOT, &effort).unwrap();
    }
}

fn main() {
    let count = std::env::var("ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(100_000);
    let (rows, queries) = drawn(count);
    let elements: usize = rows.iter().map(|row| row.values.len()).sum();
    println!("{count} rows of {} elements, {} queries", elements / count, queries.len());
    let begin = Instant::now();
    let tids = (0..).map(|block| Tid { block, offset: 1 });
    let mut pages = MemoryPages::built(tids.zip(rows.iter().map(Vector::get)), 256 << 20).unwrap();
    let figures = stats(&mut pages, ROOT).unwrap();
    println!(
        "build: {:.2} s, {} pages, {} terms",
        begin.elapsed().as_secs_f64(),
        figures.pages,
        figures.terms
    );
    let mut plain = Plain::new(&rows);
    for query in &queries {
        assert_eq!(search(&mut pages, query), plain.search(query));
    }
    pages.reads = 0;
    let theirs = median(&queries, |query| drop(std::hint::black_box(plain.search(query))));
    let ours = median(&queries, |query| drop(std::hint::black_box(search(&mut pages, query))));
    let (reads, ratio) = (pages.reads / 2 / queries.len() as u64, ours.as_secs_f64() / theirs.as_secs_f64());
    println!("search: {ours:.0?}, {reads} pages; plain lists: {theirs:.0?}; ratio {ratio:.2} (target ≤ 3)");

    let (mut grown, begin) = (MemoryPages::new().unwrap(), Instant::now());
    rows.iter().enumerate().for_each(|(row, vector)| add(&mut grown, row, vector));
    let (each, figures) = (begin.elapsed() / count as u32, stats(&mut grown, ROOT).unwrap());
    println!(
        "insertion: {each:.1?} a row, {} segments, {} pages of pending rows",
        figures.segments, figures.pending_pages
    );
    let later = median(&queries, |query| drop(std::hint::black_box(search(&mut grown, query))));
    println!("search then: {later:.0?}, {:.2} of one segment's", later.as_secs_f64() / ours.as_secs_f64());
}
