//! Packed graphs, node record by node record.

use super::*;
use crate::distance::metric::Metric;
use crate::hnsw::build::{Folding, build};
use crate::hnsw::node::{NodeRef, Options};
use crate::hnsw::params::{Fill, Params};
use crate::hnsw::search::{MemoryPages, Pages};
use std::collections::HashMap;

fn threads() -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap()
}

fn arena(metric: Metric, dim: usize, n: usize) -> (Arena, Members, Vec<Tid>) {
    let mut state = 1u64;
    let mut fold = Folding::new(Arena::new(metric, dim));
    for i in 0..n {
        if i % 10 != 9 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        }
        let mut word = state;
        let row: Vec<f32> = (0..dim)
            .map(|_| {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (word >> 40) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        fold.push(&row).unwrap();
    }
    let (arena, members) = fold.finish().unwrap();
    (arena, members, (0..n as u32).map(|i| Tid { block: i, offset: 1 }).collect())
}

/// Every node record holds the edges of the graph, with codes equal to codes made from the stored vectors.
#[test]
fn nodes_hold_the_graph() {
    for (metric, dim, n) in
        [(Metric::L2, 10, 200), (Metric::Cosine, 70, 150), (Metric::InnerProduct, 3500, 30)]
    {
        let (arena, members, tids) = arena(metric, dim, n);
        let params = Params { ef_construction: 20, step: 16, fill: Fill::Nearest, ..Params::default() };
        let (pool, control) = (threads(), Control::default());
        let graph = build(&arena, &params, &pool, &control).unwrap();
        let layout = Layout::choose(dim, metric, Options::default()).unwrap();
        let rotation = Rotation::new(dim, 1);
        let rows = Rows { members: &members, tids: &tids };
        let site = Site { layout, first: 10, graph: 5 };
        let packer =
            Packer::new(site, &rotation, &arena, Draft::new(&graph, &layout).unwrap(), rows, &pool, &control)
                .unwrap();
        let mut memory = MemoryPages::new(layout, packer.pages(&pool, &control).unwrap(), packer.end());
        // Pages written in pieces are the same, and bytes around the graph stay.
        let unit = layout.unit_pages() * ROOM;
        let mut piece = Buffer::new(2 * unit).unwrap();
        let from = layout.place(site.first).unwrap().page + 3 * layout.unit_pages() as u32;
        packer.write(from, piece.bytes_mut(), &pool, &control).unwrap();
        assert_eq!(piece.bytes(), &memory.bytes()[from as usize * ROOM..][..2 * unit]);
        let mut piece = Buffer::new(unit).unwrap();
        piece.bytes_mut().fill(7);
        packer.write(layout.place(site.first).unwrap().page, piece.bytes_mut(), &pool, &control).unwrap();
        let before = layout.place(site.first).unwrap().offset;
        assert!(piece.bytes()[..before].iter().all(|byte| *byte == 7) && piece.bytes()[before] != 7);

        let order = graph.locality_order(layout.per_page()).unwrap();
        let graph = graph.renumbered(&order).unwrap();
        let mut encoder = Coder::new(&layout);
        let (mut seen, mut stored, mut other) = (0, vec![0.0; layout.padded()], vec![0.0; layout.padded()]);
        let mut parents = HashMap::new();
        for node in 0..graph.len() as u32 {
            for level in 0..=graph.levels()[node as usize] {
                seen += 1;
                let neighbours = graph.neighbours(node, level).to_vec();
                memory
                    .read(packer.on(node, level), |bytes| {
                        let record = NodeRef::new(&layout, bytes).unwrap();
                        record.check(packer.end()).unwrap();
                        let header = *record.header();
                        assert_eq!((header.level, header.graph, header.state), (level, 5, State::Live));
                        assert!(level == 0 || header.down == packer.on(node, level - 1));
                        assert_eq!((header.tid.is_some(), record.used()), (level == 0, neighbours.len()));
                        let row = members.of(order[node as usize]);
                        assert!(level > 0 || header.tid == tids[row[0] as usize]);
                        assert_eq!(header.tid_list != NONE, level == 0 && row.len() > 1);
                        assert!(level > 0 || usize::from(header.kept) == graph.kept(node));
                        record.stored().decode(&mut stored);
                        let mut code = vec![0; layout.code_bytes()];
                        for (slot, neighbour) in neighbours.iter().enumerate() {
                            let number = packer.on(*neighbour, level);
                            assert_eq!(record.neighbour(slot), Some(number));
                            if record.is_tree_edge(slot) {
                                assert!(level == 0 && parents.insert(number, packer.on(node, 0)).is_none());
                            }
                            packer.load(*neighbour, &mut other);
                            let factors = encoder.encode(&stored, &other, &mut code);
                            assert_eq!(
                                (record.factors(slot), record.code(slot)),
                                (Some(factors), Some(&code[..]))
                            );
                        }
                    })
                    .unwrap();
            }
        }
        // Tree edges lead from the tree's root to every node.
        let root = packer.root().unwrap();
        for node in 0..graph.len() as u32 {
            let (mut at, mut steps) = (packer.on(node, 0), 0);
            while at != root.origin {
                let parent = parents[&at];
                let down = memory.read(at, |b| NodeRef::new(&layout, b).unwrap().header().down).unwrap();
                assert_eq!(down, parent);
                (at, steps) = (parent, steps + 1);
                assert!(steps < graph.len());
            }
        }
        let down = memory.read(root.origin, |b| NodeRef::new(&layout, b).unwrap().header().down).unwrap();
        assert!(down == NONE && !parents.contains_key(&root.origin));
        let tid_lists = (0..arena.len() as u32).filter(|node| members.of(*node).len() > 1).count();
        assert!(tid_lists > 1);
        assert_eq!(seen + tid_lists, packer.records() as usize);
        let level = memory.read(root.entry, |b| NodeRef::new(&layout, b).unwrap().header().level).unwrap();
        assert_eq!((Some(&level), level), (graph.levels().iter().max(), root.level));
    }
}

#[test]
fn refuses_and_stops() {
    let (arena, members, tids) = arena(Metric::L2, 20, 100);
    let (pool, control) = (threads(), Control::default());
    let params = Params { slots: 64, step: 16, ..Params::default() };
    let graph = build(&arena, &params, &pool, &control).unwrap();
    let rows = Rows { members: &members, tids: &tids };
    let pack = |dim: usize, slots: usize, control: &Control| {
        let layout = Layout::choose(dim, Metric::L2, Options { slots, ..Options::default() }).unwrap();
        Packer::new(
            Site { layout, first: 0, graph: 0 },
            &Rotation::new(dim, 1),
            &arena,
            Draft::new(&graph, &layout).unwrap(),
            rows,
            &pool,
            control,
        )
    };
    assert!(matches!(pack(20, 32, &control), Err(Failed::Refused(_))));
    assert!(matches!(pack(21, 64, &control), Err(Failed::Refused(_))));
    let packer = pack(20, 64, &control).unwrap();
    let cancelled = Control::default();
    cancelled.cancel();
    assert_eq!(pack(20, 64, &cancelled).unwrap_err(), Failed::Stopped(Stopped::Cancelled));
    assert_eq!(packer.pages(&pool, &cancelled).unwrap_err(), Failed::Stopped(Stopped::Cancelled));
}
