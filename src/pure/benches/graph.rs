//! The gain of each ingredient of the graph: `cargo bench -p conifer-pure --bench graph`.
//!
//! The first line of each table is HNSW by pgvector's rules; each of the next lines adds an ingredient. Build
//! time, recall of the ten nearest and effort of a search with exact distances at several `ef`, and the
//! expansions that recall 0.95 and 0.99 take, interpolated, as parts of the first line's. An expansion is a
//! page in the index.
//!
//! Without settings, on sets that it generates, in less than a minute. `DATA=dir` reads `base.f16.npy` or
//! `base.f32.npy` and `queries.*.npy` from there instead; `METRIC` is `cosine`, `l2` or `ip`, `THREADS` 2
//! unless set, `ROWS` and `QUERIES` at most so many, `NORMS` a number σ by whose log-normal lengths points are multiplied;
//! `ONLY=text` keeps the lines with that text in their names.
#![allow(missing_docs, clippy::unwrap_used)]

mod sets;

use conifer_pure::distance::inner_product;
use conifer_pure::distance::metric::Metric;
use conifer_pure::hnsw::build::{Arena, Beam, Control, Folding, Graph, build, build_arena};
use conifer_pure::hnsw::edges::{QuerySpace, Space};
use conifer_pure::hnsw::params::{Fill, Lists, Params};
use rayon::prelude::*;
use sets::{Set, chosen, metric};
use std::time::Instant;

const EFS: [usize; 7] = [10, 20, 40, 80, 160, 320, 640];
const SHOWN: [usize; 4] = [40, 80, 160, 320];
const K: usize = 10;

/// The inner product as a Euclidean distance: points get a coordinate that makes their norms equal.
fn augmented(arena: &Arena) -> Arena {
    let norm = |i| inner_product(arena.vector(i), arena.vector(i));
    let rows = 0..arena.len() as u32;
    let largest = rows.clone().map(norm).fold(0f32, f32::max);
    let mut out = Arena::new(Metric::L2, arena.dim() + 1);
    for i in rows {
        let more = (largest - norm(i)).max(0.0).sqrt();
        out.push(&[arena.vector(i), &[more]].concat()).unwrap();
    }
    out
}

#[derive(Clone, Copy, PartialEq)]
enum Through {
    Exact,
    ByteVectors,
    Augmented,
}

fn recipes(metric: Metric) -> Vec<(&'static str, Through, Params)> {
    let best = Params::default();
    let hnsw = Params::for_uncoded(16, 64);
    let short = Params { lists: Lists::Short, ..hnsw };
    let mut all = vec![
        ("hnsw", Through::Exact, hnsw),
        ("+ byte vectors", Through::ByteVectors, hnsw),
        ("+ short lists", Through::ByteVectors, short),
        ("+ nearest fill", Through::ByteVectors, Params { fill: Fill::Nearest, ..short }),
        ("or angle fill", Through::ByteVectors, Params { fill: Fill::Angle, ..short }),
        ("+ 2 x candidates", Through::ByteVectors, best),
        ("+ refine", Through::ByteVectors, Params { refine: true, ..best }),
        ("hnsw, efc 128", Through::ByteVectors, Params { ef_construction: 128, ..hnsw }),
    ];
    if metric == Metric::InnerProduct {
        // The inner product has neither angles nor byte vectors.
        all.retain(|(_, through, params)| *through == Through::Exact || params.fill != Fill::Angle);
        all.push(("augmented", Through::Augmented, hnsw));
        all.push(("augmented, best", Through::Augmented, best));
    }
    all
}

/// The sum over queries of hits, expansions, distances.
fn measure(graph: &Graph, arena: &Arena, queries: &[(Vec<f32>, f32)], ef: usize) -> [f64; 3] {
    let search = |beam: &mut Beam, (query, limit): &(Vec<f32>, f32)| {
        let found = graph.search(arena, query, ef, beam);
        let hits = found.iter().take(K).filter(|c| c.distance <= *limit).count();
        let effort = std::mem::take(&mut beam.effort);
        [hits as f64 / K as f64, effort.expansions as f64, effort.distances as f64]
    };
    let sums = queries.par_iter().map_init(Beam::default, search);
    let sums = sums.reduce(|| [0.0; 3], |a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]]);
    sums.map(|x| x / queries.len() as f64)
}

/// Expansions at a recall, between the points on either side.
fn expansions_at(recall: f64, points: &[[f64; 3]]) -> Option<f64> {
    let miss = |r: f64| -(1.0 - r).max(1e-6).ln();
    points.windows(2).find(|w| w[0][0] < recall && recall <= w[1][0]).map(|w| {
        let part = (miss(recall) - miss(w[0][0])) / (miss(w[1][0]) - miss(w[0][0]));
        w[0][1] + part * (w[1][1] - w[0][1])
    })
}

/// Seconds of user time that this process has taken; 0 where there is no /proc.
fn user_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let field = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(11)?.parse().ok());
    field.unwrap_or(0.0) / 100.0
}

fn table(set: &Set, threads: usize) {
    let mut fold = Folding::new(Arena::new(set.metric, set.dim));
    for row in set.base.chunks_exact(set.dim) {
        fold.push(row).unwrap();
    }
    let (arena, _) = fold.finish().unwrap();
    let truth = |query: &[f32]| {
        let query = arena.query(query);
        let mut all: Vec<f32> = (0..arena.len() as u32).map(|i| arena.distance(&query, i)).collect();
        let limit = *all.select_nth_unstable_by(K - 1, f32::total_cmp).1;
        (query, limit + limit.abs() * 1e-6)
    };
    let queries: Vec<_> = set.queries.par_chunks_exact(set.dim).map(truth).collect();
    println!(
        "\n{}: {} x {}, {:?}, {} queries, {threads} threads",
        set.name,
        arena.len(),
        set.dim,
        set.metric,
        queries.len()
    );
    print!("{:<19}{:>7}{:>7} {:>11}", "", "wall s", "user s", "degree");
    SHOWN.iter().for_each(|ef| print!("  recall exp x dist @{ef:<3}"));
    println!("  exp @0.95, 0.99");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let only = std::env::var("ONLY").unwrap_or_default();
    let mut first = None;
    for (name, through, params) in recipes(set.metric) {
        if !name.contains(&only) {
            continue;
        }
        let (wall, user, control) = (Instant::now(), user_time(), Control::default());
        let graph = match through {
            Through::Exact => build(&arena, &params, &pool, &control),
            Through::ByteVectors => build_arena(&arena, &params, &pool, &control),
            Through::Augmented => build_arena(&augmented(&arena), &params, &pool, &control),
        };
        let (wall, user) = (wall.elapsed().as_secs_f64(), user_time() - user);
        let graph = graph.unwrap();
        let mean = |count: &dyn Fn(u32) -> usize| {
            (0..graph.len() as u32).map(count).sum::<usize>() as f64 / graph.len() as f64
        };
        let (kept, all) = (mean(&|i| graph.kept(i)), mean(&|i| graph.neighbours(i, 0).len()));
        print!("{name:<19}{wall:>7.1}{user:>7.1} {kept:>5.1}/{all:<5.1}");
        let points: Vec<[f64; 3]> = EFS.iter().map(|ef| measure(&graph, &arena, &queries, *ef)).collect();
        for (point, _) in points.iter().zip(EFS).filter(|(_, ef)| SHOWN.contains(ef)) {
            print!("  {:.4} {:>4.0} x {:>5.0}   ", point[0], point[1], point[2]);
        }
        let at = [0.95, 0.99].map(|recall| expansions_at(recall, &points));
        let base = *first.get_or_insert(at);
        for (at, base) in at.iter().zip(base) {
            match (at, base) {
                (Some(at), Some(base)) => print!("  {at:.0} ({:.2})", at / base),
                (Some(at), None) => print!("  {at:.0}"),
                _ => print!("  -"),
            }
        }
        println!();
    }
}

fn main() {
    // cargo test tries benchmarks out without this argument.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    let threads = std::env::var("THREADS").ok().and_then(|n| n.parse().ok()).unwrap_or(2);
    let sets = chosen(metric()).unwrap_or_else(|| {
        vec![sets::generated(Metric::L2, 15_000, 96), sets::generated(Metric::InnerProduct, 10_000, 96)]
    });
    sets.iter().for_each(|set| table(set, threads));
}
