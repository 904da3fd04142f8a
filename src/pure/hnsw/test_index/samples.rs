//! Small indexes for tests.

use super::TestIndex;
use crate::distance::metric::Metric;
use crate::hnsw::build::pack::{Draft, Packer, Rows, Site};
use crate::hnsw::build::{Arena, Control, Folding, build_arena};
use crate::hnsw::node::{Layout, Options, Tid};
use crate::hnsw::params::Params;
use crate::hnsw::rotation::Rotation;
use crate::hnsw::search::{Order, Reach, Search, Width};
use crate::noise::Noise;

pub(crate) const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];
const K: usize = 10;

/// Points around centers.
pub(crate) fn points(n: usize, dim: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut noise = Noise(seed);
    let centers: Vec<Vec<f32>> = (0..10).map(|_| noise.normals(dim)).collect();
    (0..n).map(|i| centers[i % 10].iter().map(|x| x + 0.7 * noise.normal()).collect()).collect()
}

pub(crate) fn tid(row: usize) -> Tid {
    Tid { block: row as u32, offset: 1 }
}

/// Rows, and an index of them.
pub(crate) struct Sample {
    pub(crate) index: TestIndex,
    pub(crate) layout: Layout,
    pub(crate) rotation: Rotation,
    pub(crate) rows: Vec<Vec<f32>>,
    pub(crate) there: Vec<usize>,
    metric: Metric,
}

pub(crate) fn params(metric: Metric) -> Params {
    Params { ef_construction: 32, step: 8, ..Params::for_options(metric, 8, 16) }
}

impl Sample {
    /// An index built of the first rows; the others can be added.
    pub(crate) fn built(metric: Metric, rows: Vec<Vec<f32>>, first: usize) -> Self {
        Self::of(metric, rows, (0..first).collect())
    }

    /// An index built of some rows.
    pub(crate) fn of(metric: Metric, rows: Vec<Vec<f32>>, there: Vec<usize>) -> Self {
        let layout = Layout::choose(rows[0].len(), metric, Options::default()).unwrap();
        Self::on(layout, rows, there)
    }

    /// An index of node records of a layout.
    pub(crate) fn on(layout: Layout, rows: Vec<Vec<f32>>, there: Vec<usize>) -> Self {
        let metric = layout.metric();
        let (rotation, params) = match layout.uncoded() {
            None => (Rotation::new(layout.dim(), 1), params(metric)),
            Some(_) => (Rotation::new(1, 1), Params::for_uncoded(8, 48)),
        };
        let room = rows.len() as u32 * 2 + 50;
        let index = if there.is_empty() {
            TestIndex::new(layout, rotation.clone(), &params, room)
        } else {
            let mut fold = Folding::new(match layout.uncoded() {
                None => Arena::new(metric, layout.dim()),
                Some(uncoded) => Arena::uncoded(*uncoded),
            });
            for row in &there {
                fold.push(&rows[*row]).unwrap();
            }
            let (arena, members) = fold.finish().expect("memory");
            let tids: Vec<_> = there.iter().map(|row| tid(*row)).collect();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            let control = Control::default();
            let graph = build_arena(&arena, &params, &pool, &control).unwrap();
            let packed = Rows { members: &members, tids: &tids };
            let site = Site { layout, first: 0, graph: 1 };
            let draft = Draft::new(&graph, &layout).expect("memory");
            let packer = Packer::new(site, &rotation, &arena, draft, packed, &pool, &control).unwrap();
            let pages = packer.pages(&pool, &control).unwrap();
            let root = packer.root();
            TestIndex::with(layout, rotation.clone(), &params, (pages.bytes(), packer.end()), root, room)
        };
        Self { index, layout, rotation, rows, there, metric }
    }

    pub(crate) fn insert(&mut self, rows: impl IntoIterator<Item = usize>) {
        for row in rows {
            self.index.insert(&self.rows[row], tid(row)).unwrap();
            self.there.push(row);
        }
    }

    /// Lets nodes die.
    pub(crate) fn kill(&mut self, dies: impl Fn(usize) -> bool) {
        self.index.kill(|tid| dies(tid.block as usize)).unwrap();
        self.there.retain(|row| !dies(*row));
    }

    /// Checks that there are no findings, and that every row is found once.
    pub(crate) fn check(&mut self) {
        assert_eq!(self.index.check().unwrap(), []);
        let mut found = self.search(&self.rows[0].clone(), Reach::All);
        let mut there = self.there.clone();
        found.sort_unstable();
        there.sort_unstable();
        assert_eq!(found, there);
    }

    pub(crate) fn search(&mut self, query: &[f32], reach: Reach) -> Vec<usize> {
        let mut search = Search::new(self.layout);
        search.start(&self.rotation, query, self.index.root, reach, Order::Once).unwrap();
        let mut found = vec![];
        while let Some(hit) = search.next(&mut self.index.memory).unwrap() {
            found.push(hit.tid.block as usize);
        }
        found
    }

    pub(crate) fn distance(&self, query: &[f32], row: usize) -> f64 {
        let product = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let row = &self.rows[row][..];
        if let Some(uncoded) = self.layout.uncoded() {
            return uncoded.distance(query, row).into();
        }
        match self.metric {
            Metric::L2 => product(row, row) - 2.0 * product(query, row),
            Metric::InnerProduct => -product(query, row),
            _ => -product(query, row) / product(row, row).sqrt(),
        }
    }

    /// Recall of the ten nearest.
    pub(crate) fn recall(&mut self, ef: usize) -> f64 {
        let queries = points(40, self.rows[0].len(), 99);
        self.recall_of(&queries, ef)
    }

    /// As [`recall`](Self::recall), for the given queries.
    pub(crate) fn recall_of(&mut self, queries: &[Vec<f32>], ef: usize) -> f64 {
        let mut right = 0;
        for query in queries {
            let mut all: Vec<f64> = self.there.iter().map(|row| self.distance(query, *row)).collect();
            let limit = *all.select_nth_unstable_by(K - 1, f64::total_cmp).1;
            let found = self.search(query, Reach::Near(Width::of(&self.layout, ef, None)));
            right += found.iter().take(K).filter(|row| self.distance(query, **row) <= limit).count();
        }
        right as f64 / (K * queries.len()) as f64
    }

    /// The same pages and entry point, for a test to corrupt.
    pub(crate) fn copy(&mut self) -> Self {
        let (pages, end) = (self.index.memory.bytes(), self.index.end);
        let (layout, rotation) = (self.layout, self.rotation.clone());
        let params = match layout.uncoded() {
            None => params(self.metric),
            Some(_) => Params::for_uncoded(8, 48),
        };
        let root = self.index.root;
        let index = TestIndex::with(layout, rotation.clone(), &params, (pages, end), root, 60);
        Self {
            index,
            layout,
            rotation,
            rows: self.rows.clone(),
            there: self.there.clone(),
            metric: self.metric,
        }
    }
}
