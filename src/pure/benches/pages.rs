//! Pages that a search reads: `cargo bench -p conifer-pure --bench pages`.
//!
//! A graph packed into node records, searched by its codes: pages, hops, recall of the ten nearest and time at several
//! `ef_search`, all in memory, without Postgres' cost of a page. Beside it, a graph by pgvector's rules,
//! searched with exact distances, in which each neighbour looked at costs a page, and each expansion one more for the
//! list. The last lines are interpolated at equal recall.
//!
//! Without settings, on a set that it generates, in less than a minute. `DATA=dir` reads `base.f16.npy` or
//! `base.f32.npy` and `queries.*.npy` from there instead; `METRIC` is `cosine`, `l2` or `ip`, `THREADS` 2
//! unless set, `ROWS` and `QUERIES` at most so many, `CODED` the coded dimensions, `BITS` those of a coordinate,
//! `EFC` pgvector's `ef_construction`, `THEIRS=0` leaves pgvector's graph out.
#![allow(missing_docs, clippy::unwrap_used)]

mod sets;

use conifer_pure::distance::metric::Metric;
use conifer_pure::hnsw::build::pack::{Draft, Packer, Rows, Site};
use conifer_pure::hnsw::build::{Arena, Beam, Control, Folding, Graph, build, build_arena};
use conifer_pure::hnsw::edges::{QuerySpace as _, Space};
use conifer_pure::hnsw::node::{Layout, Options, PAGE, ROOM, Tid};
use conifer_pure::hnsw::params::Params;
use conifer_pure::hnsw::rotation::Rotation;
use conifer_pure::hnsw::search::{MemoryPages, Order, Reach, Search, Width};
use rayon::prelude::*;
use sets::{Set, chosen, metric};
use std::time::Instant;

const EFS: [usize; 9] = [10, 20, 30, 40, 80, 120, 160, 320, 640];
const K: usize = 10;
const ROUNDS: usize = 3;

/// A query, in the arena's form, and the distance of its tenth nearest.
struct Asked {
    vector: Vec<f32>,
    scaled: Vec<f32>,
    limit: f32,
}

/// Recall, pages, and time in µs of a search.
#[derive(Clone, Copy)]
struct Point {
    recall: f64,
    pages: f64,
    time: f64,
}

/// Pages and time at a recall, interpolated between the points on either side.
fn at(recall: f64, points: &[Point]) -> Option<(f64, f64)> {
    let miss = |r: f64| -(1.0 - r).max(1e-6).ln();
    points.windows(2).find(|w| w[0].recall < recall && recall <= w[1].recall).map(|w| {
        let part = (miss(recall) - miss(w[0].recall)) / (miss(w[1].recall) - miss(w[0].recall));
        let between = |f: fn(&Point) -> f64| f(&w[0]) + part * (f(&w[1]) - f(&w[0]));
        (between(|p| p.pages), between(|p| p.time))
    })
}

fn ours(
    set: &Set,
    arena: &Arena,
    node_of: &[u32],
    graph: &Graph,
    rows: Rows<'_>,
    asked: &[Asked],
    pool: &rayon::ThreadPool,
) -> Vec<Point> {
    let number = |name| std::env::var(name).ok().and_then(|n| n.parse::<usize>().ok());
    let options = Options { bits: number("BITS"), coded: number("CODED"), ..Options::default() };
    let layout = Layout::choose(set.dim, set.metric, options).unwrap();
    let rotation = Rotation::new(set.dim, 1);
    let (start, control) = (Instant::now(), Control::default());
    let packer = Packer::new(
        Site { layout, first: 0, graph: 0 },
        &rotation,
        arena,
        Draft::new(graph, &layout).unwrap(),
        rows,
        pool,
        &control,
    )
    .unwrap();
    let pages = packer.pages(pool, &control).unwrap();
    let shape = layout.shape().unwrap();
    println!(
        "node records of {} bytes, {} a page, {} coordinates in {} bits; {:.0} bytes a node; packed in {:.1} s",
        layout.node_bytes(),
        layout.per_page(),
        shape.dims(),
        shape.bits(),
        (pages.bytes().len() / ROOM * PAGE) as f64 / arena.len() as f64,
        start.elapsed().as_secs_f64()
    );
    println!("{:>4} {:>8} {:>7} {:>7} {:>7} {:>8}", "ef", "recall", "pages", "upper", "hops", "us");
    let mut memory = MemoryPages::new(layout, pages, packer.end());
    let mut search = Search::new(layout);
    EFS.map(|ef| {
        let (mut hits, mut best) = (0, f64::INFINITY);
        let (mut upper, mut hops) = (0, 0);
        memory.reads = 0;
        for round in 0..ROUNDS {
            let start = Instant::now();
            for q in asked {
                search
                    .start(
                        &rotation,
                        &q.vector,
                        packer.root(),
                        Reach::Near(Width::of(&layout, ef, None)),
                        Order::Once,
                    )
                    .unwrap();
                let (mut found, mut last) = (0, None);
                while found < K
                    && let Some(hit) = search.next(&mut memory).unwrap()
                {
                    // Equal rows count once.
                    if last.replace(hit.number) != Some(hit.number) {
                        found += 1;
                        let node = node_of[hit.tid.block as usize];
                        hits += usize::from(round == 0 && arena.distance(&q.scaled, node) <= q.limit);
                    }
                }
                if round == 0 {
                    (upper, hops) = (upper + search.effort.upper, hops + search.effort.hops);
                }
            }
            best = best.min(start.elapsed().as_secs_f64());
        }
        let n = asked.len() as f64;
        let point = Point {
            recall: hits as f64 / (n * K as f64),
            pages: memory.reads as f64 / n / ROUNDS as f64,
            time: best * 1e6 / n,
        };
        let Point { recall, pages, time } = point;
        println!(
            "{ef:>4} {recall:>8.4} {pages:>7.1} {:>7.1} {:>7.1} {time:>8.1}",
            upper as f64 / n,
            hops as f64 / n
        );
        point
    })
    .to_vec()
}

/// A graph by pgvector's rules, with the pages that pgvector would read: one for each neighbour looked at, and the
/// list of each expansion.
fn theirs(arena: &Arena, asked: &[Asked], pool: &rayon::ThreadPool) -> Vec<Point> {
    let params = Params::for_uncoded(16, 64);
    let start = Instant::now();
    let graph = build(arena, &params, pool, &Control::default()).unwrap();
    println!("by pgvector's rules: built in {:.1} s", start.elapsed().as_secs_f64());
    println!("{:>4} {:>8} {:>7}", "ef", "recall", "pages");
    let mut beam = Beam::default();
    EFS.map(|ef| {
        let mut hits = 0;
        beam.effort = Default::default();
        let start = Instant::now();
        for q in asked {
            let found = graph.search(arena, &q.scaled, ef, &mut beam);
            hits += found.iter().take(K).filter(|c| c.distance <= q.limit).count();
        }
        let (n, effort) = (asked.len() as f64, beam.effort);
        let point = Point {
            recall: hits as f64 / (n * K as f64),
            pages: (effort.distances + effort.expansions) as f64 / n,
            time: start.elapsed().as_secs_f64() * 1e6 / n,
        };
        println!("{ef:>4} {:>8.4} {:>7.0}", point.recall, point.pages);
        point
    })
    .to_vec()
}

fn table(set: &Set, threads: usize) {
    let mut fold = Folding::new(Arena::new(set.metric, set.dim));
    let node_of: Vec<u32> = set.base.chunks_exact(set.dim).map(|row| fold.push(row).unwrap()).collect();
    let (arena, members) = fold.finish().unwrap();
    let truth = |query: &[f32]| {
        let scaled = arena.query(query);
        let mut all: Vec<f32> = (0..arena.len() as u32).map(|i| arena.distance(&scaled, i)).collect();
        let limit = *all.select_nth_unstable_by(K - 1, f32::total_cmp).1;
        Asked { vector: query.to_vec(), scaled, limit: limit + limit.abs() * 1e-6 }
    };
    let asked: Vec<Asked> = set.queries.par_chunks_exact(set.dim).map(truth).collect();
    println!(
        "\n{}: {} x {}, {:?}, {} queries, {threads} threads",
        set.name,
        arena.len(),
        set.dim,
        set.metric,
        asked.len()
    );
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let efc = std::env::var("EFC").ok().and_then(|n| n.parse().ok()).unwrap_or(64);
    let params = Params::for_options(set.metric, 16, efc);
    let start = Instant::now();
    let graph = build_arena(&arena, &params, &pool, &Control::default()).unwrap();
    println!("graph built in {:.1} s", start.elapsed().as_secs_f64());
    let tids: Vec<Tid> = (0..node_of.len() as u32).map(|block| Tid { block, offset: 1 }).collect();
    let rows = Rows { members: &members, tids: &tids };
    let ours = ours(set, &arena, &node_of, &graph, rows, &asked, &pool);
    let theirs = match std::env::var("THEIRS").as_deref() {
        Ok("0") => vec![],
        _ => theirs(&arena, &asked, &pool),
    };
    for recall in [0.9, 0.95, 0.99, 0.999] {
        let text = |points: &[Point]| match at(recall, points) {
            Some((pages, time)) => format!("{pages:.0} pages, {time:.0} us"),
            None => "-".into(),
        };
        print!("at {recall}: {}", text(&ours));
        match at(recall, &ours).zip(at(recall, &theirs)) {
            Some((ours, theirs)) => {
                println!("; pgvector's {:.0} pages, {:.1} x", theirs.0, theirs.0 / ours.0)
            }
            None => println!(),
        }
    }
}

fn main() {
    // cargo test tries benchmarks out without this argument.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let threads = std::env::var("THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let sets = chosen(metric()).unwrap_or_else(|| vec![sets::generated(Metric::Cosine, 10_000, 384)]);
    sets.iter().for_each(|set| table(set, threads));
}
