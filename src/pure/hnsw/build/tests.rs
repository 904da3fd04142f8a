//! Graphs of small sets, checked edge by edge and against exhaustive search.

use super::*;
use crate::distance::metric::Metric;
use crate::hnsw::edges::{QuerySpace, Space};
use crate::hnsw::params::{Fill, Lists, Params};
use crate::noise::Noise;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Points drawn from a noise.
trait Draw {
    fn gaussian(&mut self, n: usize, dim: usize) -> Vec<Vec<f32>>;

    /// Points around centers that are `apart` times as far from each other as from their points.
    fn clusters(&mut self, n: usize, dim: usize, centers: usize, apart: f32) -> Vec<Vec<f32>>;
}

impl Draw for Noise {
    fn gaussian(&mut self, n: usize, dim: usize) -> Vec<Vec<f32>> {
        (0..n).map(|_| self.normals(dim)).collect()
    }

    fn clusters(&mut self, n: usize, dim: usize, centers: usize, apart: f32) -> Vec<Vec<f32>> {
        let centers = self.gaussian(centers, dim);
        (0..n)
            .map(|i| centers[i % centers.len()].iter().map(|x| x * apart + self.normal()).collect())
            .collect()
    }
}

fn arena(metric: Metric, rows: &[Vec<f32>]) -> Arena {
    let mut arena = Arena::new(metric, rows.first().map_or(1, Vec::len));
    for row in rows {
        arena.push(row).unwrap();
    }
    arena
}

fn threads(n: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap()
}

fn built(space: &impl Space, params: &Params) -> Graph {
    let graph = build(space, params, &threads(2), &Control::default()).unwrap();
    check(&graph, params);
    graph
}

fn byte_vectors(arena: &Arena) -> Option<ByteVectors> {
    ByteVectors::of(arena, &Control::default()).unwrap()
}

/// Checks the promises of a graph.
fn check(graph: &Graph, params: &Params) {
    assert_eq!(graph.entry().is_none(), graph.is_empty());
    let Some(entry) = graph.entry() else { return };
    assert_eq!(graph.levels().iter().max(), Some(&graph.levels()[entry as usize]));
    let (mut reached, mut stack) = (HashSet::from([entry]), vec![entry]);
    while let Some(node) = stack.pop() {
        stack.extend(graph.neighbours(node, 0).iter().filter(|other| reached.insert(**other)));
    }
    assert_eq!(reached.len(), graph.len(), "every node can be reached");
    for node in 0..graph.len() as u32 {
        for level in 0..=graph.levels()[node as usize] {
            let (list, near) = (graph.list(node, level), graph.neighbours(node, level));
            assert_eq!(list.len(), if level == 0 { params.slots } else { params.m });
            assert!(list[near.len()..].iter().all(|slot| *slot == NONE), "edge slots in use come first");
            assert!(!near.contains(&node), "no edge leads back at once");
            assert_eq!(near.iter().collect::<HashSet<_>>().len(), near.len(), "no edge twice");
            assert!(near.iter().all(|other| graph.levels()[*other as usize] >= level));
        }
        assert!(graph.kept(node) <= graph.neighbours(node, 0).len());
    }
}

/// Share of the true ten nearest that a search with `ef` finds, counted by distance.
fn recall(graph: &Graph, arena: &Arena, queries: &[Vec<f32>], ef: usize) -> f64 {
    let (mut hits, mut beam) = (0, Beam::default());
    let k = 10.min(arena.len());
    for query in queries {
        let query = arena.query(query);
        let mut all: Vec<f32> = (0..arena.len() as u32).map(|i| arena.distance(&query, i)).collect();
        all.sort_unstable_by(f32::total_cmp);
        let found = graph.search(arena, &query, ef, &mut beam);
        hits += found.iter().take(k).filter(|c| c.distance <= all[k - 1]).count();
    }
    hits as f64 / (k * queries.len()) as f64
}

fn quick() -> Params {
    Params { ef_construction: 48, step: 16, ..Params::default() }
}

#[test]
fn seed_decides_whatever_the_threads() {
    let arena = arena(Metric::L2, &Noise(1).clusters(800, 8, 20, 3.0));
    let build =
        |seed, n| build(&arena, &Params { seed, ..quick() }, &threads(n), &Control::default()).unwrap();
    let one = build(1, 1);
    assert_eq!(one, build(1, 1));
    assert_eq!(one, build(1, 4));
    assert_ne!(one, build(2, 1));
}

#[test]
fn finds_the_nearest() {
    let mut noise = Noise(2);
    let gaussian = (noise.gaussian(900, 16), noise.gaussian(40, 16));
    let clusters = noise.clusters(940, 24, 40, 2.0);
    let clusters = (clusters[..900].to_vec(), clusters[900..].to_vec());
    for (name, (rows, queries)) in [("gaussian", gaussian), ("clusters", clusters)] {
        for metric in [Metric::L2, Metric::Cosine, Metric::InnerProduct] {
            let arena = arena(metric, &rows);
            let graph = built(&arena, &Params::for_options(metric, 16, 24));
            let (few, many) = (recall(&graph, &arena, &queries, 20), recall(&graph, &arena, &queries, 120));
            println!("{name} {metric:?}: {few} {many}");
            assert!(few >= 0.85, "{name} {metric:?}, ef 20: {few}");
            assert!(many >= 0.985, "{name} {metric:?}, ef 120: {many}");
        }
    }
}

#[test]
fn byte_vectors_build_as_good_a_graph() {
    let mut noise = Noise(3);
    let rows = noise.gaussian(1000, 40);
    let arena = arena(Metric::L2, &rows);
    let byte_vectors = ByteVectors::of(&arena, &Control::default()).unwrap().unwrap();
    let queries = noise.gaussian(50, 40);
    let exact = recall(&built(&arena, &quick()), &arena, &queries, 40);
    let coarse = recall(&built(&byte_vectors, &quick()), &arena, &queries, 40);
    assert!(coarse >= exact - 0.02, "{coarse} against {exact}");
    for (a, b) in [(0, 1), (5, 900), (999, 3)] {
        let (d, s) = (arena.between(a, b), byte_vectors.between(a, b));
        assert!((d - s).abs() < 0.03 * d, "{d} {s}");
    }
}

#[test]
fn every_byte_distance_is_exact() {
    use super::byte_distance::{ByteDistance, Sums};
    let mut noise = Noise(5);
    for bytes in [32, 64, 96, 128, 832, 16_064] {
        let mut row = |low: f32, high: f32| -> Vec<u8> {
            (0..bytes).map(|_| (low + (high - low) * noise.uniform()) as u8).collect()
        };
        let rows = [row(0.0, 255.9), row(0.0, 255.9), row(120.0, 136.0), vec![0; bytes], vec![255; bytes]];
        for way in ByteDistance::all(bytes) {
            for (a, b) in rows.iter().flat_map(|a| rows.iter().map(move |b| (a, b))) {
                let exact: i64 = a.iter().zip(b).map(|(x, y)| (i64::from(*x) - i64::from(*y)).pow(2)).sum();
                let found = way.between((a, Sums::of(a)), (b, Sums::of(b)));
                assert_eq!(i64::from(found), exact, "{way:?}, {bytes} bytes");
            }
        }
    }
}

#[test]
fn byte_vectors_are_refused_where_they_are_coarse() {
    // Two clumps, each a millionth of the distance between them wide.
    let mut rows = Noise(4).gaussian(600, 8);
    rows[300..].iter_mut().flatten().for_each(|x| *x += 1e6);
    assert!(byte_vectors(&arena(Metric::L2, &rows)).is_none());
    // One coordinate a thousand times as large as the others.
    let mut rows = Noise(4).gaussian(600, 8);
    rows.iter_mut().for_each(|row| row[0] *= 1e3);
    assert!(byte_vectors(&arena(Metric::L2, &rows)).is_none());
    // Families of twelve points that differ by little, in a set of which a sample holds one of each family.
    let mut noise = Noise(4);
    let rows: Vec<Vec<f32>> = noise
        .gaussian(300, 8)
        .iter()
        .flat_map(|row| {
            (0..12).map(|_| row.iter().map(|x| x + 1e-3 * noise.normal()).collect()).collect::<Vec<_>>()
        })
        .collect();
    assert!(byte_vectors(&arena(Metric::L2, &rows)).is_none());
    // No points to choose steps by, and no distinct points.
    assert!(byte_vectors(&arena(Metric::L2, &[])).is_none());
    assert!(byte_vectors(&arena(Metric::L2, &vec![vec![1.0; 8]; 5])).is_some());
}

#[test]
fn far_clusters_are_joined() {
    let mut noise = Noise(5);
    let mut rows = noise.gaussian(800, 6);
    rows[400..].iter_mut().flatten().for_each(|x| *x += 1e4);
    let arena = arena(Metric::L2, &rows);
    let graph = built(&arena, &quick());
    for half in [&rows[..30], &rows[770..]] {
        assert!(recall(&graph, &arena, half, 40) >= 0.98);
    }
}

/// By the inner product, the same few points are near to all. These few must stay linked to each other.
#[test]
fn data_far_from_its_centre() {
    let mut noise = Noise(6);
    let mut points = noise.gaussian(2020, 64);
    points.iter_mut().flatten().for_each(|x| *x += 10.0);
    let queries = points.split_off(2000);
    let arena = arena(Metric::InnerProduct, &points);
    let graph = built(&arena, &Params::for_options(Metric::InnerProduct, 16, 64));
    let recall = recall(&graph, &arena, &queries, 20);
    assert!(recall >= 0.99, "{recall}");
}

/// Pruning leaves few edges where lengths differ by orders of magnitude.
#[test]
fn all_lengths() {
    let mut noise = Noise(7);
    let mut points = noise.gaussian(2020, 32);
    for point in &mut points {
        let length = (2.0 * noise.normal()).exp();
        point.iter_mut().for_each(|x| *x *= length);
    }
    let queries = points.split_off(2000);
    let arena = arena(Metric::L2, &points);
    let graph = built(&arena, &Params::default());
    let recall = recall(&graph, &arena, &queries, 40);
    assert!(recall >= 0.9, "{recall}");
}

#[test]
fn equal_vectors() {
    let arena = arena(Metric::L2, &vec![vec![0.5; 3]; 10_000]);
    let graph = built(&arena, &Params { ef_construction: 12, ..quick() });
    let found = graph.search(&arena, &arena.query(&[0.5; 3]), 40, &mut Beam::default());
    assert_eq!(found.len(), 40);
}

#[test]
fn equal_vectors_fold() {
    let mut fold = Folding::new(Arena::new(Metric::Cosine, 2));
    for i in 0..10_000 {
        // Three directions; one of them with zeros of both signs.
        let row = [[1.0, 0.0], [2.0, -0.0], [1.0, 2.0], [-1.0, 2.0]][i % 4];
        assert_eq!(fold.push(&row).unwrap(), [0, 0, 1, 2][i % 4]);
    }
    assert!(fold.push(&[0.0, 0.0]).is_err());
    assert!(fold.push(&[1.0]).is_err());
    assert_eq!(fold.nodes(), 3);
    let (arena, members) = fold.finish().unwrap();
    assert_eq!(arena.len(), 3);
    assert_eq!(members.of(0)[..4], [0, 1, 4, 5]);
    assert_eq!([members.of(0).len(), members.of(1).len(), members.of(2).len()], [5000, 2500, 2500]);
    assert_eq!(members.of(2)[..2], [3, 7]);
}

#[test]
fn few_nodes() {
    for n in [0, 1, 2, 33, 200] {
        for dim in [1, 2, 17] {
            let rows = Noise(6).gaussian(n, dim);
            let arena = arena(Metric::L2, &rows);
            let graph = built(&arena, &quick());
            let found = graph.search(&arena, &arena.query(&vec![0.0; dim]), 300, &mut Beam::default());
            assert_eq!(found.len(), n, "all of them");
        }
    }
}

#[test]
fn distances_are_those_of_the_metric() {
    let rows = [vec![3.0, 4.0, 0.0], vec![0.0, 2.0, 0.0], vec![1.0, 1.0, 1.0]];
    let query = [0.0, 1.0, 0.0];
    for (metric, between, distance) in
        [(Metric::L2, 13.0, 18.0), (Metric::Cosine, 0.4, 0.4), (Metric::InnerProduct, -8.0, -4.0)]
    {
        let arena = arena(metric, &rows);
        assert!((arena.between(0, 1) - between).abs() < 1e-5, "{metric:?}");
        assert!((arena.distance(&arena.query(&query), 0) - distance).abs() < 1e-5, "{metric:?}");
        assert_eq!(arena.point(2).as_ptr() as usize % 64, 0);
    }
}

#[test]
fn order_keeps_the_graph() {
    let arena = arena(Metric::L2, &Noise(8).clusters(600, 6, 9, 2.0));
    let params = Params { m: 4, step: 4, ..quick() };
    let graph = built(&arena, &params);
    for page in [0, 1, 3] {
        let order = graph.locality_order(page).unwrap();
        assert_eq!(order.iter().collect::<HashSet<_>>().len(), 600);
        let new = graph.renumbered(&order).unwrap();
        check(&new, &params);
        for (i, node) in order.iter().enumerate() {
            assert_eq!(new.levels()[i], graph.levels()[*node as usize]);
            for level in 0..=new.levels()[i] {
                let back: Vec<u32> =
                    new.neighbours(i as u32, level).iter().map(|o| order[*o as usize]).collect();
                assert_eq!(back, graph.neighbours(*node, level));
            }
        }
    }
    let together = |order: &[u32]| {
        let mut page = vec![0; order.len()];
        order.iter().enumerate().for_each(|(i, node)| page[*node as usize] = i / 3);
        (0..600)
            .flat_map(|i| graph.neighbours(i, 0).iter().map(move |o| (i, *o)))
            .filter(|(a, b)| page[*a as usize] == page[*b as usize])
            .count()
    };
    let given: Vec<u32> = (0..600).collect();
    assert!(together(&graph.locality_order(3).unwrap()) > 2 * together(&given));
}

/// A space that hinders: slow, or with a panic after `left` distances.
struct Trouble {
    slow: Duration,
    left: AtomicU32,
}

impl Space for Trouble {
    fn len(&self) -> usize {
        100_000
    }
    fn between(&self, a: u32, b: u32) -> f32 {
        assert!(self.left.fetch_sub(1, Relaxed) > 0, "out of order");
        std::thread::sleep(self.slow);
        a.abs_diff(b) as f32
    }
}

#[test]
fn stops_when_told() {
    let space = Trouble { slow: Duration::from_micros(1), left: AtomicU32::new(u32::MAX) };
    let control = Control::default();
    let (result, late) = std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let result = build(&space, &Params { ef_construction: 8, ..quick() }, &threads(2), &control);
            (result, Instant::now())
        });
        while control.progress().1 < 20 {
            std::thread::yield_now();
        }
        assert_eq!(control.progress().0, Phase::Insert);
        control.cancel();
        let told = Instant::now();
        let (result, ended) = worker.join().unwrap();
        (result, ended - told)
    });
    assert_eq!(result, Err(Stopped::Cancelled));
    assert!(late < Duration::from_secs(1), "{late:?}");
}

#[test]
fn panics_stay_inside() {
    let space = Trouble { slow: Duration::ZERO, left: AtomicU32::new(5000) };
    let result = build(&space, &quick(), &threads(2), &Control::default());
    assert_eq!(result, Err(Stopped::Panicked("out of order".into())));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Coordinates from a small grid, so that distances tie and vectors are equal.
    #[test]
    fn any_graph_is_sound(
        rows in (1usize..12).prop_flat_map(|dim| {
            prop::collection::vec(prop::collection::vec((-2i8..=2).prop_map(f32::from), dim), 0..90)
        }),
        metric in prop::sample::select(vec![Metric::L2, Metric::InnerProduct]),
        m in 2usize..20,
        step in 2usize..20,
        slots in 2usize..40,
        ef_construction in 1usize..80,
        seed: u64,
        lists in prop::sample::select(vec![Lists::Short, Lists::Full]),
        fill in prop::sample::select(vec![Fill::None, Fill::Nearest, Fill::Angle]),
        refine: bool,
    ) {
        let params = Params { m, step, slots, ef_construction, seed, lists, fill, refine };
        built(&arena(metric, &rows), &params);
    }
}
