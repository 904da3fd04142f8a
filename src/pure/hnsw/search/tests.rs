//! Searches over packed graphs against all distances, and changes of the node records meanwhile.

mod several;

use super::*;
use crate::distance::metric::Metric;
use crate::distance::norm;
use crate::fault::{Result, state};
use crate::hnsw::build::pack::{Draft, Packer, Rows, Site};
use crate::hnsw::build::{Arena, Control, Folding, build_arena};
use crate::hnsw::node::{
    Buffer, EntryPoint, Layout, NONE, NodeMut, NodeRef, Options, State, Tid, TidListRef,
};
use crate::hnsw::params::{Fill, Params};
use crate::hnsw::rotation::Rotation;
use crate::hnsw::test_index::TestIndex;
use crate::noise::Noise;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::OnceLock;

/// Rows drawn from a noise.
trait Draw {
    /// Points around the same centers, whatever the noise.
    fn clusters(&mut self, n: usize, dim: usize) -> Vec<Vec<f32>>;
}

impl Draw for Noise {
    fn clusters(&mut self, n: usize, dim: usize) -> Vec<Vec<f32>> {
        // Real vectors vary in few directions; the rotation hides which.
        let spread = |d: usize| if d < 16 { 1.0 } else { 0.1 };
        let mut fixed = Noise(11);
        let mut center = || (0..dim).map(|d| spread(d) * fixed.normal()).collect();
        let centers: Vec<Vec<f32>> = (0..20).map(|_| center()).collect();
        let mut near = |c: &[f32]| (0..dim).map(|d| c[d] + spread(d) * self.normal()).collect();
        (0..n).map(|i| near(&centers[i % 20])).collect()
    }
}

/// Not at the start of a page, so that numbers of node records differ from those of the graph's nodes.
const FIRST: u32 = 7;

struct Index {
    memory: MemoryPages,
    rotation: Rotation,
    root: Option<EntryPoint>,
    rows: Vec<Vec<f32>>,
    arena: Arena,
}

fn tid(row: usize) -> Tid {
    Tid { block: row as u32 / 7, offset: row as u16 % 7 + 1 }
}

fn row(tid: Tid) -> usize {
    tid.block as usize * 7 + usize::from(tid.offset) - 1
}

fn index(metric: Metric, dim: usize, rows: Vec<Vec<f32>>, options: Options) -> Index {
    let layout = Layout::choose(dim, metric, options).unwrap();
    let rotation = Rotation::new(dim, 1);
    let mut fold = Folding::new(Arena::new(metric, dim));
    for row in &rows {
        fold.push(row).unwrap();
    }
    let (arena, members) = fold.finish().unwrap();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let params = Params {
        ef_construction: 24,
        fill: Fill::Nearest,
        slots: options.slots,
        step: 16,
        ..Params::for_options(metric, 16, 32)
    };
    let control = Control::default();
    let graph = build_arena(&arena, &params, &pool, &control).unwrap();
    let tids: Vec<Tid> = (0..rows.len()).map(tid).collect();
    let packed = Rows { members: &members, tids: &tids };
    let packer = Packer::new(
        Site { layout, first: FIRST, graph: 3 },
        &rotation,
        &arena,
        Draft::new(&graph, &layout).unwrap(),
        packed,
        &pool,
        &control,
    )
    .unwrap();
    let memory = MemoryPages::new(layout, packer.pages(&pool, &control).unwrap(), packer.end());
    Index { memory, rotation, root: packer.root(), rows, arena }
}

fn made(metric: Metric, dim: usize, n: usize) -> Index {
    index(metric, dim, Noise(dim as u64).clusters(n, dim), Options::default())
}

impl Index {
    /// The same pages, for a test to corrupt.
    fn copy(&self) -> Self {
        let mut pages = Buffer::new(self.memory.bytes().len()).unwrap();
        pages.bytes_mut().copy_from_slice(self.memory.bytes());
        let (layout, rows) = (*self.memory.layout(), self.rows[..1].to_vec());
        let memory = MemoryPages::new(layout, pages, self.memory.records());
        let arena = Arena::new(Metric::L2, 1);
        Self { memory, rotation: self.rotation.clone(), root: self.root, rows, arena }
    }

    fn width(&self, ef: usize, rows: Option<usize>) -> Width {
        Width::of(self.memory.layout(), ef, rows)
    }

    fn search(&mut self, query: &[f32], width: Width, order: Order) -> Result<(Vec<Hit>, Search)> {
        self.reach(query, Reach::Near(width), order)
    }

    fn reach(&mut self, query: &[f32], reach: Reach, order: Order) -> Result<(Vec<Hit>, Search)> {
        let mut search = Search::new(*self.memory.layout());
        search.start(&self.rotation, query, self.root, reach, order)?;
        let mut hits = vec![];
        while let Some(hit) = search.next(&mut self.memory)? {
            hits.push(hit);
        }
        Ok((hits, search))
    }

    /// The distance of a row, from the numbers as they came in.
    fn exact(&self, query: &[f32], row: usize) -> f64 {
        let product = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let row = &self.rows[row][..];
        match self.arena.metric() {
            Metric::L2 => product(query, query) + product(row, row) - 2.0 * product(query, row),
            Metric::InnerProduct => -product(query, row),
            _ => 2.0 - 2.0 * product(query, row) / (product(query, query) * product(row, row)).sqrt(),
        }
    }
}

/// Recall of the ten nearest, with distances right and ascending.
fn recall(index: &mut Index, queries: &[Vec<f32>], ef: usize) -> f64 {
    const K: usize = 10;
    let mut right = 0;
    for query in queries {
        let mut all: Vec<f64> = (0..index.rows.len()).map(|row| index.exact(query, row)).collect();
        let (hits, search) = index.search(query, index.width(ef, Some(K)), Order::Once).unwrap();
        assert!(hits.len() >= ef.min(index.rows.len()), "{} of {ef}", hits.len());
        assert!(hits.windows(2).all(|w| w[0].distance <= w[1].distance));
        assert_eq!(hits.iter().map(|hit| hit.tid).collect::<HashSet<_>>().len(), hits.len());
        for hit in &hits {
            let exact = all[row(hit.tid)];
            let off = (exact - f64::from(hit.distance)).abs();
            let size = match index.arena.metric() {
                Metric::L2 => exact,
                Metric::InnerProduct => norm(query) * norm(&index.rows[row(hit.tid)]),
                _ => 1.0,
            };
            assert!(off < 2e-3 * size, "{exact} {}", hit.distance);
        }
        assert!(search.effort.hops as usize >= hits.len() - search.effort.tid_lists as usize * 500);
        let found: Vec<f64> = hits.iter().take(K).map(|hit| all[row(hit.tid)]).collect();
        all.sort_by(f64::total_cmp);
        right += found.iter().filter(|distance| **distance <= all[K - 1]).count();
    }
    right as f64 / (K * queries.len()) as f64
}

#[test]
fn finds_the_nearest() {
    for (dim, n) in [(3, 500), (8, 500), (50, 400), (100, 300), (384, 250), (1000, 100), (4000, 30)] {
        for metric in [Metric::L2, Metric::InnerProduct, Metric::Cosine] {
            let mut index = made(metric, dim, n);
            let queries = Noise(99).clusters(8, dim);
            let found = recall(&mut index, &queries, 30);
            let min = if metric == Metric::InnerProduct { 0.9 } else { 0.96 };
            assert!(found >= min, "{metric:?} {dim}: {found}");
            let layout = index.memory.layout();
            let (reads, pages) = (index.memory.reads, layout.unit_pages() as u64);
            assert!(reads > 0 && reads.is_multiple_of(pages) && (pages > 1) == (dim == 4000));
        }
    }
}

/// Other numbers of edge slots, bits and forms.
#[test]
fn options_are_heeded() {
    for (slots, bits, coded) in [(64, None, None), (96, Some(2), Some(64)), (32, Some(8), None)] {
        let options = Options { slots, bits, coded, stored: None };
        let mut index = index(Metric::L2, 130, Noise(1).clusters(300, 130), options);
        let found = recall(&mut index, &Noise(99).clusters(8, 130), 60);
        assert!(found >= 0.96, "{slots} {bits:?}: {found}");
    }
}

/// What hits promise of the order holds for the distances of the vectors as they came in.
#[test]
fn certain_is_certain() {
    let sets = [(Metric::L2, 8), (Metric::L2, 40), (Metric::Cosine, 200), (Metric::InnerProduct, 40)];
    for ((metric, dim), (order, ef)) in
        sets.into_iter().flat_map(|set| [(set, (Order::Once, 100)), (set, (Order::Strict, 20))])
    {
        let mut index = made(metric, dim, 400);
        let mut certain = 0;
        for query in Noise(7).clusters(5, dim) {
            let (hits, search) = index.search(&query, index.width(ef, None), order).unwrap();
            let shown = |hit: &Hit| {
                let exact = index.exact(&query, row(hit.tid));
                match metric {
                    Metric::L2 => exact.max(0.0).sqrt(),
                    Metric::Cosine => exact / 2.0,
                    _ => exact,
                }
            };
            for (i, hit) in hits.iter().enumerate() {
                let (low, high) = hit.bounds();
                let (exact, middle) = (shown(hit), search.shown(hit.distance));
                assert!(low <= exact && exact <= high, "{metric:?} {dim}: {low} {exact} {high}");
                assert!(low <= middle && middle <= high);
                if hit.certain {
                    assert!(
                        hits[..i].iter().all(|h| shown(h) < exact)
                            && hits[i + 1..].iter().all(|h| shown(h) > exact)
                    );
                } else {
                    // A row that waits to be put in order is returned before any nearer row comes.
                    assert!(hits[i..].iter().all(|h| shown(h) >= hit.floor));
                }
                certain += usize::from(hit.certain);
            }
        }
        assert!(certain > 100, "{metric:?} {dim}: {certain}");
    }
}

/// Bounds hold for vectors whose elements are all but random: few that are not zero, few different ones, multiples of each
/// other and of the query.
#[test]
fn bounds_hold_for_regular_vectors() {
    for dim in [64, 200, 384, 768] {
        let unit =
            |axis: usize, length: f32| (0..dim).map(|i| if i == axis { length } else { 0.0 }).collect();
        let mut rows: Vec<Vec<f32>> = vec![];
        for k in 0..24 {
            rows.push(unit(k * 7 % dim, 1.0 + k as f32 / 3.0));
            rows.push((0..dim).map(|i| if i % (k + 1) == 0 { 1.0 } else { 0.0 }).collect());
            rows.push((0..dim).map(|i| ((i * (k + 3)) % 5) as f32 - 2.0).collect());
            rows.push((0..dim).map(|i| if (i >> (k % 6)) & 1 == 0 { 1.0 } else { -1.0 }).collect());
        }
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
            let mut index = index(metric, dim, rows.clone(), Options::default());
            for (i, times) in
                [(0, 1.0), (0, 2.0), (1, 1.001), (2, 0.5), (3, -1.0), (40, 3.0), (41, 1.0), (42, 0.99)]
            {
                let query: Vec<f32> = rows[i].iter().map(|x| x * times).collect();
                let (hits, _) = index.reach(&query, Reach::All, Order::Once).unwrap();
                assert!(hits.len() == rows.len());
                for hit in &hits {
                    let exact = index.exact(&query, row(hit.tid));
                    let exact = match metric {
                        Metric::L2 => exact.max(0.0).sqrt(),
                        Metric::Cosine => exact.clamp(0.0, 4.0) / 2.0,
                        _ => exact,
                    };
                    let (low, high) = hit.bounds();
                    assert!(low <= exact && exact <= high, "{metric:?} {dim} {i}: {low} {exact} {high}");
                }
            }
        }
    }
}

/// Rows that SQL computes no cosine of: hits promise nothing of them, and they are near rows of the same direction.
#[test]
fn odd_lengths() {
    let dim = 40;
    let mut rows = Noise(3).clusters(300, dim);
    let sizes = [1e-40, 1e-30, 1e-20, 1e20, 1e25];
    for (i, size) in (0..100).zip(sizes.iter().cycle()) {
        rows.push(rows[i].iter().map(|x| x * size).collect());
    }
    let mut index = index(Metric::Cosine, dim, rows, Options::default());
    for i in 0..100 {
        let query = index.rows[i].clone();
        for (reach, order) in [
            (Reach::All, Order::Once),
            (Reach::Near(index.width(40, None)), Order::Once),
            (Reach::Near(index.width(40, None)), Order::Strict),
        ] {
            let (hits, _) = index.reach(&query, reach, order).unwrap();
            let odd = |hit: &Hit| row(hit.tid) >= 300;
            for (at, hit) in hits.iter().enumerate() {
                assert_eq!(hit.bounds() == (0.0, f64::INFINITY), odd(hit));
                assert!(!(hit.certain && odd(hit)));
                // It may be nearer than all that come before.
                let late = order == Order::Once && hits[at..].iter().any(odd);
                assert!(!late || !hit.certain && hit.floor <= 0.0);
            }
            // Few bits are left of the smallest rows.
            assert!(i % 5 == 0 || hits[..5].iter().any(|hit| row(hit.tid) == 300 + i), "{i} {hits:?}");
            let known = hits.iter().filter(|hit| !odd(hit));
            assert!(known.is_sorted_by(|a, b| a.distance <= b.distance));
        }
    }
}

/// Candidates at no finite distance are candidates, and so are nodes that only the tree's root leads to.
#[test]
fn infinite_distances() {
    for (metric, dim) in [(Metric::L2, 8), (Metric::InnerProduct, 8), (Metric::InnerProduct, 40)] {
        let mut rows = Noise(3).clusters(600, dim);
        for (i, row) in rows.iter_mut().enumerate() {
            let size = [1.0, 1e-30, 1e20, 1e25, 1e-40, 1e17][i % 6];
            row.iter_mut().for_each(|x| *x *= size);
        }
        let mut index = index(metric, dim, rows, Options::default());
        // Only tree edges are left: from where a search starts, the rest is out of reach.
        let layout = *index.memory.layout();
        for number in FIRST..index.memory.records() {
            let bytes = index.memory.node_mut(number).unwrap();
            let record = NodeRef::new(&layout, bytes).unwrap();
            let node = record.header().state == State::Live && record.header().level == 0;
            let slots: Vec<usize> = record.neighbours().map(|(slot, _)| slot).collect();
            let slots: Vec<usize> =
                slots.into_iter().filter(|slot| node && !record.is_tree_edge(*slot)).collect();
            let mut record = NodeMut::new(&layout, bytes).unwrap();
            slots.into_iter().for_each(|slot| record.clear_edge(slot));
        }
        for (query, size) in
            Noise(9).clusters(20, dim).iter().zip([1.0, 1e15, 1e17, 1e20, 1e25].iter().cycle())
        {
            let query: Vec<f32> = query.iter().map(|x| x * size).collect();
            let (hits, _) = index.search(&query, index.width(1000, None), Order::Once).unwrap();
            assert_eq!(hits.len(), 600, "{metric:?} {dim} {size}");
        }
    }
}

/// All nodes of a graph, and of no other.
#[test]
fn sweeps() {
    for (dim, metric) in [(5, Metric::L2), (384, Metric::Cosine), (30, Metric::InnerProduct)] {
        let mut index = made(metric, dim, 150);
        for query in Noise(99).clusters(3, dim) {
            for order in [Order::Once, Order::Relaxed, Order::Strict] {
                let (hits, search) = index.reach(&query, Reach::All, order).unwrap();
                assert!(hits.len() == 150 && hits.is_sorted_by(|a, b| a.distance <= b.distance));
                assert_eq!(search.effort.hops, 150);
            }
        }
        index.root = index.root.map(|root| EntryPoint { graph: root.graph + 1, ..root });
        assert!(index.reach(&vec![0.5; dim], Reach::All, Order::Once).unwrap().0.is_empty());
        let (hits, _) = index.search(&vec![0.5; dim], index.width(40, None), Order::Relaxed).unwrap();
        assert!(hits.is_empty());
    }
}

#[test]
fn tiny_graphs() {
    for n in 0..4 {
        for order in [Order::Once, Order::Relaxed, Order::Strict] {
            let mut index = made(Metric::L2, 5, n);
            let (hits, _) = index.search(&[0.5; 5], index.width(10, None), order).unwrap();
            assert_eq!(hits.len(), n);
        }
    }
    let mut index = made(Metric::L2, 5, 3);
    let fault = index.search(&[0.5; 4], index.width(10, None), Order::Once).unwrap_err();
    assert_eq!(fault.state, state::DATA_EXCEPTION);
    // From a query without a direction, all rows are equally far.
    let mut index = made(Metric::Cosine, 5, 3);
    let (hits, _) = index.search(&[0.0; 5], index.width(10, None), Order::Once).unwrap();
    assert!(hits.len() == 3 && hits.iter().all(|hit| (hit.distance - 1.0).abs() < 1e-3));
}

/// Every row comes once, whatever the width; strictly ascending under a strict order.
#[test]
fn resumes() {
    for (metric, dim, ef) in [(Metric::L2, 20, 1), (Metric::Cosine, 100, 40), (Metric::InnerProduct, 20, 7)] {
        let mut rows = Noise(5).clusters(300, dim);
        // A vector of more rows than a TID list record has room for, and some vectors twice.
        for i in 0..200 {
            rows.push(rows[if i < 150 { 3 } else { i }].clone());
        }
        let mut index = index(metric, dim, rows, Options::default());
        for query in Noise(99).clusters(3, dim) {
            let width = index.width(ef, None);
            let (once, _) = index.search(&query, width, Order::Once).unwrap();
            let (hits, search) = index.search(&query, width, Order::Relaxed).unwrap();
            assert_eq!(&hits[..once.len()], &once);
            let rows: HashSet<usize> = hits.iter().map(|hit| row(hit.tid)).collect();
            assert_eq!((hits.len(), rows.len()), (500, 500));
            // No node record was read twice but those of the entry point.
            let records = u64::from(index.memory.records());
            let effort = search.effort;
            assert!(effort.hops + effort.tid_lists <= records && effort.upper < 100, "{effort:?} {records}");

            let (strict, _) = index.search(&query, width, Order::Strict).unwrap();
            assert!(strict.windows(2).all(|w| w[0].distance <= w[1].distance));
            let strict: HashSet<usize> = strict.iter().map(|hit| row(hit.tid)).collect();
            assert!(strict.is_subset(&rows) && strict.len() >= once.len());
            // Few come too late, however short the batches.
            assert!(strict.len() >= 490, "{metric:?} {ef}: {}", strict.len());
        }
    }
}

/// Searches pass through dead nodes and do not return them; they do neither with free records.
#[test]
fn passes_through_the_dead() {
    let (dim, n) = (30, 400);
    let mut index = made(Metric::L2, dim, n);
    let mut left = HashSet::new();
    let numbers = FIRST..FIRST + n as u32;
    for number in numbers.clone() {
        let layout = *index.memory.layout();
        let bytes = index.memory.node_mut(number).unwrap();
        let tid = crate::hnsw::node::NodeRef::new(&layout, bytes).unwrap().header().tid;
        if number % 4 == 0 {
            left.insert(row(tid));
        } else {
            NodeMut::new(&layout, bytes).unwrap().set_state(State::Dead);
        }
    }
    for query in Noise(99).clusters(3, dim) {
        let (hits, _) = index.search(&query, index.width(40, None), Order::Once).unwrap();
        let mut nearest: Vec<usize> = left.iter().copied().collect();
        nearest.sort_by(|a, b| index.exact(&query, *a).total_cmp(&index.exact(&query, *b)));
        let found: HashSet<usize> = hits.iter().map(|hit| row(hit.tid)).collect();
        assert!(hits.len() >= 40 && found.is_subset(&left));
        assert!(nearest[..10].iter().filter(|row| found.contains(row)).count() >= 9);
        let (hits, _) = index.search(&query, index.width(40, None), Order::Relaxed).unwrap();
        let found: HashSet<usize> = hits.iter().map(|hit| row(hit.tid)).collect();
        assert!(found == left && hits.len() == left.len());
    }
    for number in numbers.skip(1) {
        let layout = *index.memory.layout();
        let bytes = index.memory.node_mut(number).unwrap();
        NodeMut::new(&layout, bytes).unwrap().set_state(State::Free);
    }
    let (hits, _) = index.search(&[0.0; 30], index.width(40, None), Order::Relaxed).unwrap();
    assert!(hits.len() <= 1);
}

/// Where next to all nodes are dead, a search does not read all of them to find enough rows, but as many as its limit allows.
#[test]
fn looks_for_the_living_among_the_dead_within_its_limit() {
    for (dim, n) in [(30, 3000), (3, 3000)] {
        let mut index = made(Metric::L2, dim, n);
        let layout = *index.memory.layout();
        for number in (FIRST..FIRST + n as u32).filter(|number| number % 100 != 0) {
            let bytes = index.memory.node_mut(number).unwrap();
            NodeMut::new(&layout, bytes).unwrap().set_state(State::Dead);
        }
        let (query, width) = (index.rows[17].clone(), index.width(40, None));
        let mut found = |limit: Limit, order| {
            let mut search = Search::new(layout);
            search.start(&index.rotation, &query, index.root, Reach::Near(width), order).unwrap();
            search.limit(limit);
            let mut hits = 0;
            while search.next(&mut index.memory).unwrap().is_some() {
                hits += 1;
            }
            (hits, search.effort.hops)
        };
        for order in [Order::Once, Order::Relaxed, Order::Strict] {
            let (hits, hops) = found(Limit { hops: 500, ..Limit::default() }, order);
            assert!((3..=20).contains(&hits) && (500..600).contains(&hops), "{hits} {hops}");
            let (fewer, hops) = found(Limit { nodes: 300, ..Limit::default() }, order);
            assert!(fewer <= hits && (300..400).contains(&hops), "{fewer} {hops}");
            // A small limit does not keep a batch from its minimum.
            let (_, hops) = found(Limit { hops: 1, ..Limit::default() }, order);
            assert!((160..300).contains(&hops), "{hops}");
        }
        assert!(found(Limit::default(), Order::Once).0 >= n / 100 - 1);
    }
}

/// Frees records of a node's TID list while they are read, as a vacuum does whose rows are all gone, always one record
/// ahead.
struct Vacuumed<'a> {
    memory: &'a mut MemoryPages,
    node: u32,
}

impl Pages for Vacuumed<'_> {
    fn records(&self) -> u32 {
        self.memory.records()
    }

    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let shown = self.memory.read(number, look)?;
        let layout = *self.memory.layout();
        let mut after = |number| {
            Ok(TidListRef::new(&layout, self.memory.node_mut(number)?)?.map(|tid_list| tid_list.next))
        };
        if let Some(next) = after(number)?.filter(|next| *next != NONE)
            && let Some(last) = after(next)?
        {
            for number in [number, next] {
                NodeMut::new(&layout, self.memory.node_mut(number)?)?.set_state(State::Free);
            }
            NodeMut::new(&layout, self.memory.node_mut(self.node)?)?.set_tid_list(last);
        }
        Ok(shown)
    }
}

/// However often a TID list breaks off, it is read again, unless it breaks off at the same place for no reason.
#[test]
fn tid_lists_that_are_freed_meanwhile() {
    let (dim, rows) = (8, 600);
    let layout = Layout::choose(dim, Metric::L2, Options::default()).unwrap();
    let rotation = Rotation::new(dim, 1);
    let params = Params::for_options(Metric::L2, 16, 32);
    let mut index = TestIndex::new(layout, rotation.clone(), &params, rows as u32 + 50);
    for (row, vector) in Noise(5).clusters(20, dim).iter().enumerate() {
        index.insert(vector, tid(row)).unwrap();
    }
    let same = vec![0.5; dim];
    let node = (0..rows).map(|row| index.insert(&same, tid(100 + row)).unwrap()).max().unwrap();
    let (root, first) = (index.root, index.header(node).unwrap().tid_list);
    let found = |pages: &mut dyn FnMut(&mut Search) -> Result<Option<Hit>>| {
        let mut search = Search::new(layout);
        search.start(&rotation, &same, root, Reach::All, Order::Once).unwrap();
        let mut hits = 0;
        while pages(&mut search)?.is_some() {
            hits += 1;
        }
        Ok::<_, crate::fault::Fault>((hits, search.effort.tid_lists))
    };
    assert_eq!(found(&mut |search| search.next(&mut index.memory)).unwrap(), (rows + 20, rows as u64 - 1));
    let mut vacuumed = Vacuumed { memory: &mut index.memory, node };
    let (hits, tid_lists) = found(&mut |search| search.next(&mut vacuumed)).unwrap();
    assert!((rows / 2 + 20..=rows + 20).contains(&hits) && tid_lists > 300, "{hits} {tid_lists}");
    NodeMut::new(&layout, index.memory.node_mut(node).unwrap()).unwrap().set_tid_list(first);
    let fault = found(&mut |search| search.next(&mut index.memory)).unwrap_err();
    assert_eq!(fault.state, state::INDEX_CORRUPTED);
}

/// A node record that has been given to another node is found as that node's.
#[test]
fn reused_numbers_are_the_new_nodes() {
    let mut index = made(Metric::L2, 8, 200);
    let query = index.rows[17].clone();
    let (hits, _) = index.search(&query, index.width(20, None), Order::Once).unwrap();
    let (near, far) = (hits[0].number, hits[10].number);
    let copy = index.memory.node_mut(far).unwrap().to_vec();
    let record = index.memory.node_mut(near).unwrap();
    record.copy_from_slice(&copy);
    record[8] = 1; // its version
    let (again, _) = index.search(&query, index.width(20, None), Order::Once).unwrap();
    assert!(again.iter().all(|hit| hit.tid != hits[0].tid));
    let new = again.iter().find(|hit| hit.number == near);
    assert!(new.is_none_or(|hit| hit.version == 1 && hit.distance == hits[10].distance));
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 100 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whatever bytes are written over the pages, a search ends, with an error or without.
    #[test]
    fn survives_corruption(
        dim in prop::sample::select(&[8usize, 4000][..]),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..300),
        headers in prop::collection::vec((0..60u32, 0..32usize, any::<u8>()), 0..40),
        order in prop::sample::select(&[Order::Once, Order::Relaxed, Order::Strict][..]),
    ) {
        static GOOD: [OnceLock<Index>; 2] = [OnceLock::new(), OnceLock::new()];
        let good = GOOD[usize::from(dim > 8)].get_or_init(|| {
            let mut rows = Noise(3).clusters(50, dim);
            rows.extend(rows.clone());
            index(Metric::L2, dim, rows, Options::default())
        });
        let mut index = good.copy();
        for (at, byte) in hits {
            let bytes = index.memory.bytes_mut();
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (number, at, byte) in headers {
            if let Ok(record) = index.memory.node_mut(number) {
                record[at] = byte;
            }
        }
        let query = index.rows[0].clone();
        if let Err(fault) = index.search(&query, index.width(10, None), order) {
            prop_assert_eq!(fault.state, state::INDEX_CORRUPTED);
        }
    }
}

#[test]
fn widths() {
    let coded = made(Metric::L2, 128, 30);
    assert_eq!(coded.memory.layout().shape().unwrap().bits(), 1);
    assert_eq!(coded.width(40, None), Width { nodes: 26, min: 40, hops: 240 });
    assert_eq!(coded.width(10, Some(100)), coded.width(150, None));
    assert_eq!(coded.width(0, None), coded.width(1, None));
    assert_eq!(made(Metric::L2, 3, 30).width(40, None), Width { nodes: 40, min: 40, hops: usize::MAX });
}

/// A strict search returns nearly all rows that it reads, in order, however little estimates tell and wherever it is cut off.
#[test]
fn strict_order_wastes_little() {
    let (dim, n) = (256, if cfg!(miri) { 300 } else { 3000 });
    let mut noise = Noise(7);
    let mut vector = || (0..dim).map(|_| noise.uniform() - 0.5).collect::<Vec<f32>>();
    let rows = (0..n).map(|_| vector()).collect();
    let query = vector();
    let mut index = index(Metric::L2, dim, rows, Options::default());
    for nodes in [1, 300, 400, 1000, 2000] {
        let mut search = Search::new(*index.memory.layout());
        let near = Reach::Near(index.width(40, None));
        search.start(&index.rotation, &query, index.root, near, Order::Strict).unwrap();
        search.limit(Limit { nodes, ..Limit::default() });
        let mut hits = vec![];
        while let Some(hit) = search.next(&mut index.memory).unwrap() {
            hits.push(hit);
        }
        assert!(hits.is_sorted_by(|a, b| a.distance <= b.distance));
        let read = search.effort.hops;
        assert!(hits.len() as u64 * 100 >= read * 94, "{} of {read}", hits.len());
    }
}
