//! The effect of insertions and deletions on a graph: `cargo bench -p conifer-pure --bench insert`.
//!
//! Recall of the ten nearest and pages of a search, at several `ef_search`: of a built graph, of a graph to
//! which all nodes were added one by one, of a graph built of a half that then grew, of a graph repaired after 75 % of its
//! nodes died, beside a graph built of the rest, and after cycles in which a fifth dies and comes back. And the cost of
//! insertions: node records read, node records changed, time of the CPU.
//!
//! Settings as for `pages`; `ONLY` is a text that the names of the parts to be run contain.
#![allow(missing_docs, clippy::unwrap_used)]

mod sets;

use conifer_pure::hnsw::build::pack::{Draft, Packer, Rows, Site};
use conifer_pure::hnsw::build::{Arena, Control, Folding, build_arena};
use conifer_pure::hnsw::edges::QuerySpace as _;
use conifer_pure::hnsw::node::{Layout, Options, State, Tid};
use conifer_pure::hnsw::params::Params;
use conifer_pure::hnsw::rotation::Rotation;
use conifer_pure::hnsw::search::{Order, Reach, Search, Width};
use conifer_pure::hnsw::test_index::TestIndex;
use rayon::prelude::*;
use sets::{Set, chosen, metric};
use std::collections::HashSet;

const EFS: [usize; 5] = [10, 20, 40, 80, 160];
const K: usize = 10;

/// Seconds of user time that this process has taken; 0 where there is no /proc.
fn user_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let field = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)?.parse().ok());
    field.unwrap_or(0.0) / 100.0
}

struct Bench {
    rows: Vec<Vec<f32>>,
    arena: Arena,
    queries: Vec<Vec<f32>>,
    layout: Layout,
    rotation: Rotation,
    params: Params,
    pool: rayon::ThreadPool,
    only: String,
}

impl Bench {
    fn wants(&self, name: &str) -> bool {
        name.contains(&self.only)
    }

    fn build(&self, rows: &[u32], room: u32) -> TestIndex {
        let (control, site) = (Control::default(), Site { layout: self.layout, first: 0, graph: 1 });
        let mut fold = Folding::new(Arena::new(self.arena.metric(), self.arena.dim()));
        for row in rows {
            fold.push(&self.rows[*row as usize]).unwrap();
        }
        let (arena, members) = fold.finish().unwrap();
        let tids: Vec<Tid> = rows.iter().map(|row| Tid { block: *row, offset: 1 }).collect();
        let graph = build_arena(&arena, &self.params, &self.pool, &control).unwrap();
        let packed = Rows { members: &members, tids: &tids };
        let draft = Draft::new(&graph, &self.layout).unwrap();
        let packer = Packer::new(site, &self.rotation, &arena, draft, packed, &self.pool, &control).unwrap();
        let pages = packer.pages(&self.pool, &control).unwrap();
        let packed = (pages.bytes(), packer.end());
        TestIndex::with(self.layout, self.rotation.clone(), &self.params, packed, packer.root(), room)
    }

    fn empty(&self, room: u32) -> TestIndex {
        TestIndex::new(self.layout, self.rotation.clone(), &self.params, room)
    }

    fn insert(&self, index: &mut TestIndex, rows: &[u32]) {
        let (start, before) = (user_time(), index.effort);
        for row in rows {
            index.insert(&self.rows[*row as usize], Tid { block: *row, offset: 1 }).unwrap();
        }
        let (n, after) = (rows.len() as f64, index.effort);
        println!(
            "  {} inserted: {:.0} us, {:.0} records read, {:.1} changed each",
            rows.len(),
            (user_time() - start) * 1e6 / n,
            (after.reads - before.reads) as f64 / n,
            (after.links - before.links) as f64 / n
        );
    }

    fn repair(&self, index: &mut TestIndex) {
        let (start, before) = (user_time(), index.effort);
        index.repair().unwrap();
        let after = index.effort;
        let n = (after.repaired - before.repaired).max(1) as f64;
        let reparented = after.reparented - before.reparented;
        println!(
            "  {n} repaired: {:.0} us, {:.0} records read, {:.1} others changed each; {reparented} reparented, {:.1} tried each",
            (user_time() - start) * 1e6 / n,
            (after.repair - before.repair) as f64 / n,
            (after.backs - before.backs) as f64 / n,
            (after.tried - before.tried) as f64 / reparented.max(1) as f64,
        );
    }

    /// Prints recall and pages of searches among `rows`.
    fn recall(&self, name: &str, index: &mut TestIndex, rows: &[u32]) {
        let limits: Vec<(Vec<f32>, f32)> = self
            .queries
            .par_iter()
            .map(|query| {
                let scaled = self.arena.query(query);
                let mut all: Vec<f32> = rows.iter().map(|row| self.arena.distance(&scaled, *row)).collect();
                let limit = *all.select_nth_unstable_by(K - 1, f32::total_cmp).1;
                (scaled, limit + limit.abs() * 1e-6)
            })
            .collect();
        let mut search = Search::new(self.layout);
        print!("{name:<28}");
        for ef in EFS {
            let (mut hits, mut effort) = (0, 0);
            for (query, (scaled, limit)) in self.queries.iter().zip(&limits) {
                let reach = Reach::Near(Width::of(&self.layout, ef, None));
                search.start(&self.rotation, query, index.root, reach, Order::Once).unwrap();
                for _ in 0..K {
                    let Some(hit) = search.next(&mut index.memory).unwrap() else { break };
                    hits += usize::from(self.arena.distance(scaled, hit.tid.block) <= *limit);
                }
                effort += search.effort.upper + search.effort.hops;
            }
            let n = self.queries.len() as f64;
            print!("  {:.4} {:>4.0}", hits as f64 / (n * K as f64), effort as f64 / n);
        }
        println!();
    }

    /// The mean shape of nodes on level 0, and the findings of the check.
    fn shape(&self, index: &mut TestIndex) {
        let (mut nodes, mut above, mut used, mut kept, mut depth) = (0, 0, 0, 0, 0);
        let (mut tree_edges, mut max) = (std::collections::HashMap::<u32, usize>::new(), 0);
        for number in index.numbers().collect::<Vec<_>>() {
            let mut header = index.header(number).unwrap();
            let node = matches!(header.state, State::Live | State::Dead);
            above += usize::from(node && header.level > 0);
            if header.level == 0 && header.state == State::Live {
                nodes += 1;
                used += usize::from(header.used);
                kept += usize::from(header.kept);
                *tree_edges.entry(header.down).or_default() += 1;
                let mut steps = 0;
                while header.down != conifer_pure::hnsw::node::NONE {
                    steps += 1;
                    header = index.header(header.down).unwrap();
                }
                depth += steps;
                max = max.max(steps);
            }
        }
        let n = f64::from(nodes);
        println!(
            "  {nodes} nodes, {above} records above, {:.1} of {:.1} edges kept; {} parents, {} with more than 16 tree edges; {:.1} deep, at most {max}",
            kept as f64 / n,
            used as f64 / n,
            tree_edges.len(),
            tree_edges.values().filter(|n| **n > 16).count(),
            f64::from(depth) / n
        );
        let findings = index.check().unwrap();
        findings.iter().take(5).for_each(|finding| println!("  ! {finding:?}"));
    }

    fn run(&self) {
        let n = self.rows.len() as u32;
        let all: Vec<u32> = (0..n).collect();
        if self.wants("built") {
            let mut index = self.build(&all, 0);
            self.recall("built", &mut index, &all);
            self.shape(&mut index);
        }
        if self.wants("inserted") {
            let mut index = self.empty(n * 2);
            self.insert(&mut index, &all);
            self.recall("inserted", &mut index, &all);
            self.shape(&mut index);
        }
        if self.wants("half") {
            let (half, rest) = all.split_at(all.len() / 2);
            let mut index = self.build(half, n);
            self.insert(&mut index, rest);
            self.recall("half built, half inserted", &mut index, &all);
            self.shape(&mut index);
        }
        let random = |row: u32, round: u32| (row ^ round << 20).wrapping_mul(0x9e37_79b1) >> 12;
        if self.wants("killed") {
            let left: Vec<u32> = all.iter().copied().filter(|row| random(*row, 0) % 4 == 0).collect();
            let mut index = self.build(&left, 0);
            self.recall("a quarter built", &mut index, &left);
            let mut index = self.build(&all, 0);
            index.kill(|tid| random(tid.block, 0) % 4 != 0).unwrap();
            self.recall("75 % killed", &mut index, &left);
            self.repair(&mut index);
            self.recall("75 % killed and repaired", &mut index, &left);
            self.shape(&mut index);
        }
        if self.wants("thirds") {
            let mut index = self.build(&all, 2 * n);
            self.recall("built", &mut index, &all);
            for third in 0..3 {
                let goes = |row: u32| row % 3 == third;
                index.kill(|tid| goes(tid.block)).unwrap();
                self.repair(&mut index);
                let left: Vec<u32> = all.iter().copied().filter(|row| !goes(*row)).collect();
                self.recall("a third killed, repaired", &mut index, &left);
                let gone: Vec<u32> = all.iter().copied().filter(|row| goes(*row)).collect();
                self.insert(&mut index, &gone);
                self.recall("and inserted again", &mut index, &all);
            }
            self.shape(&mut index);
        }
        if self.wants("cycles") {
            // A fifth of the rows is away at any time.
            let (mut there, mut away): (Vec<u32>, Vec<u32>) =
                all.iter().partition(|row| random(**row, 1) % 6 > 0);
            let mut index = self.build(&there, n);
            self.recall("cycle 0", &mut index, &there);
            for round in 1..=10 {
                let go: HashSet<u32> =
                    there.iter().copied().filter(|row| random(*row, round + 1) % 5 == 0).collect();
                index.kill(|tid| go.contains(&tid.block)).unwrap();
                self.repair(&mut index);
                self.insert(&mut index, &away);
                there.retain(|row| !go.contains(row));
                there.extend(&away);
                away = go.into_iter().collect();
                away.sort_unstable();
                self.recall(&format!("cycle {round}"), &mut index, &there);
            }
            self.shape(&mut index);
            let mut index = self.build(&there, 0);
            self.recall("built of the same", &mut index, &there);
        }
    }
}

fn table(set: &Set, threads: usize) {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<usize>().ok());
    let mut fold = Folding::new(Arena::new(set.metric, set.dim));
    let mut rows = vec![];
    for row in set.base.chunks_exact(set.dim) {
        if fold.push(row).unwrap() as usize == rows.len() {
            rows.push(row.to_vec());
        }
    }
    let (arena, _) = fold.finish().unwrap();
    let queries: Vec<Vec<f32>> = set.queries.chunks_exact(set.dim).map(<[f32]>::to_vec).collect();
    println!("\n{}: {} x {}, {:?}, {} queries", set.name, rows.len(), set.dim, set.metric, queries.len());
    println!("{:<28}{}", "", EFS.map(|ef| format!("  ef {ef:<8}")).concat());
    let bench = Bench {
        layout: Layout::choose(set.dim, set.metric, Options::default()).unwrap(),
        rotation: Rotation::new(set.dim, 1),
        params: Params::for_options(set.metric, 16, number("EFC").unwrap_or(64)),
        pool: rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap(),
        only: std::env::var("ONLY").unwrap_or_default(),
        rows,
        arena,
        queries,
    };
    bench.run();
}

fn main() {
    // cargo test tries benchmarks out without this argument.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let threads = std::env::var("THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let sets = chosen(metric()).unwrap_or_else(|| vec![sets::generated(metric(), 10_000, 384)]);
    sets.iter().for_each(|set| table(set, threads));
}
