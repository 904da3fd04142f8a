//! Several graphs searched as one.

use super::*;
use crate::hnsw::node::ROOM;
use crate::hnsw::search::{Costs, FilteredSearch, NARROW, Start, Wish};
use crate::hnsw::test_index::filtered::Matches;

/// Graphs with the rows of each; rows are numbered on from one graph to the next.
struct Several {
    memory: MemoryPages,
    rotation: Rotation,
    roots: Vec<EntryPoint>,
    rows: Vec<Vec<f32>>,
    /// Where the rows of each graph start.
    from: Vec<usize>,
}

fn several(metric: Metric, dim: usize, sizes: &[usize]) -> Several {
    let layout = Layout::choose(dim, metric, Options::default()).unwrap();
    let rotation = Rotation::new(dim, 1);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
    let params = Params::for_options(metric, 16, 32);
    let control = Control::default();
    let (mut rows, mut from, mut roots, mut before) = (vec![], vec![], vec![], Buffer::new(0).unwrap());
    let mut end = 0;
    for (graph, size) in sizes.iter().enumerate() {
        from.push(rows.len());
        let mut fold = Folding::new(Arena::new(metric, dim));
        let new = Noise(graph as u64 + 5).clusters(*size, dim);
        new.iter().for_each(|row| {
            fold.push(row).unwrap();
        });
        let (arena, members) = fold.finish().unwrap();
        let built = build_arena(&arena, &params, &pool, &control).unwrap();
        let tids: Vec<Tid> = (rows.len()..rows.len() + size).map(tid).collect();
        let first = layout.first_on((before.bytes().len() / ROOM) as u32);
        let packer = Packer::new(
            Site { layout, first, graph: 10 * graph as u32 + 1 },
            &rotation,
            &arena,
            Draft::new(&built, &layout).unwrap(),
            Rows { members: &members, tids: &tids },
            &pool,
            &control,
        )
        .unwrap();
        let mut pages = packer.pages(&pool, &control).unwrap();
        pages.bytes_mut()[..before.bytes().len()].copy_from_slice(before.bytes());
        (before, end) = (pages, packer.end());
        roots.push(packer.root().unwrap());
        rows.extend(new);
    }
    Several { memory: MemoryPages::new(layout, before, end), rotation, roots, rows, from }
}

impl Several {
    fn hits(
        &mut self,
        query: &[f32],
        which: &[usize],
        ef: usize,
        whole: usize,
        order: Order,
    ) -> (Vec<Hit>, Search) {
        let starts = self.starts(which, whole);
        let reach = match starts.iter().all(|start| start.all) {
            true => Reach::All,
            false => Reach::Near(Width::of(self.memory.layout(), ef, None)),
        };
        let mut search = Search::new(*self.memory.layout());
        search.start_several(&self.rotation, query, &starts, reach, order).unwrap();
        let mut hits = vec![];
        while let Some(hit) = search.next(&mut self.memory).unwrap() {
            hits.push(hit);
        }
        (hits, search)
    }

    /// Where some graphs are entered; those with up to `whole` rows are looked at whole.
    fn starts(&self, which: &[usize], whole: usize) -> Vec<Start> {
        let start =
            |graph: &usize| Start { root: self.roots[*graph], all: self.of(&[*graph]).len() <= whole };
        which.iter().map(start).collect()
    }

    /// The ten nearest rows of some graphs that match.
    fn filtered(
        &mut self,
        query: &[f32],
        which: &[usize],
        whole: usize,
        mut filter: Matches<'_>,
    ) -> Vec<usize> {
        let starts = self.starts(which, whole);
        let nodes = self.of(which).len() as f64;
        let wish = Wish { rows: None, ef: 40, nodes, complete: true, costs: Costs::INLINE };
        let reach = Reach::Near(Width::of(self.memory.layout(), 40, None));
        let (mut search, mut filtered) = (Search::new(*self.memory.layout()), FilteredSearch::new(wish));
        search.start_several(&self.rotation, query, &starts, reach, Order::Strict).unwrap();
        let mut rows = vec![];
        while rows.len() < 10
            && let Some((tid, _)) = filtered.next(&mut search, &mut self.memory, &mut filter).unwrap()
        {
            rows.push(row(tid));
        }
        rows
    }

    fn of(&self, which: &[usize]) -> Vec<usize> {
        let end = |graph: usize| *self.from.get(graph + 1).unwrap_or(&self.rows.len());
        which.iter().flat_map(|graph| self.from[*graph]..end(*graph)).collect()
    }

    fn exact(&self, query: &[f32], row: usize) -> f64 {
        self.rows[row].iter().zip(query).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt()
    }
}

/// Rows are those of the graphs asked for, in order, and certain rows are certain among the rows of all of them.
#[test]
fn several_graphs_are_one() {
    let mut all = several(Metric::L2, 24, &[400, 3, 150, 500, 1, 300]);
    for which in [&[0][..], &[1], &[0, 3], &[1, 2, 4], &[2, 3], &[0, 1, 2, 3, 4, 5], &[5, 0, 4]] {
        let rows = all.of(which);
        for (order, whole) in [Order::Once, Order::Relaxed, Order::Strict]
            .into_iter()
            .flat_map(|order| [0, 200, 1000].map(|whole| (order, whole)))
        {
            for query in Noise(77).clusters(4, 24) {
                let (hits, _) = all.hits(&query, which, 40, whole, order);
                let found: HashSet<usize> = hits.iter().map(|hit| row(hit.tid)).collect();
                assert!(found.len() == hits.len() && found.iter().all(|row| rows.contains(row)));
                if order == Order::Once {
                    assert!(hits.is_sorted_by(|a, b| a.distance <= b.distance));
                }
                let missed = if order == Order::Strict { rows.len() / 50 } else { 0 };
                assert!(
                    order == Order::Once && whole < 500 || hits.len() + missed >= rows.len(),
                    "{order:?} {whole}"
                );
                assert!(hits.len() >= rows.len().min(40) - missed.min(1));
                for (i, hit) in hits.iter().enumerate() {
                    let exact = all.exact(&query, row(hit.tid));
                    let (low, high) = hit.bounds();
                    assert!(low <= exact && exact <= high);
                    if order != Order::Relaxed {
                        let certain = || hits[i + 1..].iter().all(|h| all.exact(&query, row(h.tid)) > exact);
                        assert!(!hit.certain || certain());
                        let floor = || hits[i..].iter().all(|h| all.exact(&query, row(h.tid)) >= hit.floor);
                        assert!(hit.certain || floor());
                    }
                }
                // The ten nearest.
                let mut nearest: Vec<f64> = rows.iter().map(|row| all.exact(&query, *row)).collect();
                nearest.sort_by(f64::total_cmp);
                let limit = nearest[nearest.len().min(10) - 1];
                let right = hits.iter().filter(|hit| all.exact(&query, row(hit.tid)) <= limit).count();
                assert!(right + 1 >= nearest.len().min(10), "{which:?} {order:?} {whole}: {right}");
            }
        }
    }
}

/// One graph costs the same, however it is asked for; of several graphs, each costs a narrow search.
#[test]
fn several_graphs_cost_narrow_searches() {
    let mut all = several(Metric::L2, 24, &[900, 900, 900]);
    let layout = *all.memory.layout();
    let query = Noise(78).clusters(1, 24).remove(0);
    let mut one = Search::new(layout);
    let reach = Reach::Near(Width::of(&layout, 100, None));
    one.start(&all.rotation, &query, Some(all.roots[0]), reach, Order::Once).unwrap();
    while one.next(&mut all.memory).unwrap().is_some() {}
    let (_, same) = all.hits(&query, &[0], 100, 0, Order::Once);
    assert_eq!(one.effort, same.effort);
    let (_, narrow) = all.hits(&query, &[0], NARROW, 0, Order::Once);
    let (_, three) = all.hits(&query, &[0, 1, 2], 100, 0, Order::Once);
    assert!(three.effort.hops < one.effort.hops + 4 * narrow.effort.hops);
    // No graphs at all.
    for order in [Order::Once, Order::Relaxed, Order::Strict] {
        assert!(all.hits(&query, &[], 40, 0, order).0.is_empty());
    }
}

/// Filtered, several graphs are one, too: of all their rows, those come that match.
#[test]
fn several_graphs_are_filtered_as_one() {
    let mut all = several(Metric::L2, 24, &[400, 3, 150, 500, 1, 300]);
    let mut found = [0, 0];
    for which in [&[0][..], &[1], &[0, 3], &[1, 2, 4], &[0, 1, 2, 3, 4, 5]] {
        for (every, whole, indexed) in [
            (2, 0, false),
            (2, 200, true),
            (20, 0, true),
            (20, 1000, false),
            (300, 200, true),
            (300, 0, false),
        ] {
            for query in Noise(77).clusters(4, 24) {
                let matches: HashSet<usize> = all
                    .of(which)
                    .into_iter()
                    .filter(|row| row.wrapping_mul(0x9e37_79b9) >> 7 & 1023 < 1024 / every)
                    .collect();
                let distances: Vec<f64> = (0..all.rows.len()).map(|row| all.exact(&query, row)).collect();
                let filter =
                    Matches { places: (row, tid), ..Matches::new(&matches, distances.clone(), indexed) };
                let rows = all.filtered(&query, which, whole, filter);
                let mut nearest: Vec<f64> = matches.iter().map(|row| distances[*row]).collect();
                nearest.sort_by(f64::total_cmp);
                let expected = matches.len().min(10);
                assert!(
                    rows.len() == expected && rows.iter().all(|row| matches.contains(row)),
                    "{which:?} {every}"
                );
                let limit = nearest[..expected].last().copied().unwrap_or_default();
                found[0] += rows.iter().filter(|row| distances[**row] <= limit).count();
                found[1] += expected;
            }
        }
    }
    assert!(found[0] * 100 >= found[1] * 99, "{found:?}");
}
