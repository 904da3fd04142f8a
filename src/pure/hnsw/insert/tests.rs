//! Rows added to graphs that were built, to graphs that have grown, and to empty ones.

use super::link::{FEW, Linker};
use super::near::Near;
use super::*;
use crate::distance::metric::Metric;
use crate::fault::state;
use crate::hnsw::node::{
    Buffer, EntryPoint, Header, Layout, NONE, NodeMut, NodeRef, Options, State, TREE_EDGE, Tid,
};
use crate::hnsw::params::{Lists, Params};
use crate::hnsw::rotation::Rotation;
use crate::hnsw::search::query::Target;
use crate::hnsw::search::{Order, Pages, Reach, Search, Width};
use crate::hnsw::test_index::TestIndex;
use crate::hnsw::test_index::samples::{METRICS, Sample, params, points, tid};
use proptest::prelude::*;
use std::sync::OnceLock;

/// Graphs that have grown are as good as graphs that were built, and nothing is wrong with them.
#[test]
fn grows() {
    for (dim, n) in [(3, 300), (8, 300), (50, 300), (384, 200), (4000, 40)] {
        for metric in METRICS {
            let rows = points(n, dim, dim as u64);
            let built = Sample::built(metric, rows.clone(), n).recall(60);
            for first in [0, n / 2] {
                let mut sample = Sample::built(metric, rows.clone(), first);
                sample.insert(first..n);
                sample.check();
                let recall = sample.recall(60);
                // Of 400 answers; and graphs so small lose more than those that `benches/insert.rs` measures.
                assert!(recall >= built - 0.1, "{metric:?} {dim} from {first}: {recall}, built {built}");
                // An insertion does not read all of the graph.
                let (reads, nodes) = (sample.index.effort.reads, sample.index.effort.nodes);
                assert_eq!(nodes as usize, n - first);
                assert!(reads / nodes < 90, "{reads} for {nodes}");
            }
        }
    }
}

/// Clusters that lie apart and come one after the other are found: each has a node on level 1, where there are few more
/// nodes than by chance.
#[test]
fn clusters_come_in_a_row() {
    let (clusters, each, dim) = (30, 60, 16);
    let n = clusters * each;
    let (centers, around) = (points(10 * clusters, dim, 5), points(n, dim, 7));
    let row = |i: usize| centers[10 * (i / each)].iter().zip(&around[i]).map(|(c, x)| 3.0 * c + 0.02 * x);
    let mut rows: Vec<Vec<f32>> = (0..n).map(|i| row(i).collect()).collect();
    for row in &mut rows {
        // The longest vectors would be nearest to all others under the inner product.
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.iter_mut().for_each(|x| *x /= length);
    }
    for metric in METRICS {
        let layout = Layout::choose(dim, metric, Options::default()).unwrap();
        let (rotation, params) = (Rotation::new(dim, 1), Params::for_options(metric, 16, 64));
        let mut index = TestIndex::new(layout, rotation.clone(), &params, 2 * n as u32);
        for (i, row) in rows.iter().enumerate() {
            index.insert(row, tid(i)).unwrap();
        }
        assert_eq!(index.check().unwrap(), []);
        let all: Vec<Header> =
            index.numbers().collect::<Vec<_>>().into_iter().map(|n| index.header(n).unwrap()).collect();
        let above = all.iter().filter(|header| header.level > 0).count();
        assert!(above < 3 * n / params.step + clusters, "{metric:?}: {above}");
        let origin = index.root.unwrap().origin;
        assert!(
            all.iter().any(|header| (header.level, header.down) == (1, origin)),
            "{metric:?}: the first cluster"
        );
        let mut search = Search::new(layout);
        let mut lost = 0;
        for i in (0..n).step_by(7) {
            let reach = Reach::Near(Width::of(&layout, 10, None));
            search.start(&rotation, &rows[i], index.root, reach, Order::Once).unwrap();
            let hit = search.next(&mut index.memory).unwrap().unwrap();
            lost += usize::from(hit.tid.block as usize / each != i / each);
        }
        assert!(lost == 0, "{metric:?}: {lost}");
    }
}

/// A vector that is added is stored as a build stores it, and rows with equal vectors share a node.
#[test]
fn equal_vectors_are_one_node() {
    for metric in METRICS {
        for dim in [8, 50, 384] {
            let mut rows = points(60, dim, 3);
            rows.extend(rows.clone());
            rows.extend(points(60, dim, 3));
            for first in [0, 60] {
                let mut sample = Sample::built(metric, rows.clone(), first);
                sample.insert(first..60);
                let nodes = sample.index.effort.nodes;
                sample.insert(60..180);
                assert_eq!(sample.index.effort.nodes, nodes, "{metric:?} {dim}");
                sample.check();
            }
        }
    }
}

/// A row whose node has died gets a node of its own.
#[test]
fn the_dead_are_not_joined() {
    let mut sample = Sample::built(Metric::L2, points(100, 20, 1), 100);
    sample.kill(|row| row == 17);
    let nodes = sample.index.effort.nodes;
    sample.insert([17]);
    assert_eq!(sample.index.effort.nodes, nodes + 1);
    sample.check();
}

/// If all nodes are dead, a new node becomes a child of one of them; if only few live, it finds them.
#[test]
fn among_the_dead() {
    for alive in [0, 3] {
        let mut sample = Sample::built(Metric::L2, points(300, 20, 1), 250);
        sample.kill(|row| row >= alive);
        sample.insert(250..300);
        sample.check();
        let queries = sample.rows[250..].to_vec();
        for (row, query) in (250..).zip(&queries) {
            let found =
                sample.search(query, Reach::Near(crate::hnsw::search::Width::of(&sample.layout, 40, None)));
            assert_eq!(found[0], row);
        }
    }
}

#[test]
fn refuses() {
    let layout = Layout::choose(5, Metric::Cosine, Options::default()).unwrap();
    let mut inserter = Inserter::new(layout, &params(Metric::Cosine));
    let rotation = Rotation::new(5, 1);
    for bad in [&[1.0; 4][..], &[0.0; 5]] {
        assert_eq!(inserter.start(&rotation, bad).unwrap_err().state, state::DATA_EXCEPTION);
    }
    inserter.start(&rotation, &[1.0; 5]).unwrap();
    let mut none = Sample::built(Metric::Cosine, points(1, 5, 1), 0);
    assert_eq!(inserter.find(&mut none.index.memory, None, 3).unwrap(), Found::Place);
    assert!(inserter.edges(0).is_empty() && inserter.edges(9).is_empty());
}

/// Numbers in the edge slots that have changed, and counts of slots.
type Changed = (Vec<(usize, u32)>, usize, usize);

/// A node record with edges to neighbours whose vectors are known, and a node that is to become a neighbour.
struct Case {
    layout: Layout,
    buffer: Buffer,
    linker: Linker,
    vectors: Vec<Stored>,
}

impl Case {
    /// Neighbour i at distance i + 1 from the node, in direction i; the first `kept` are kept.
    fn new(lists: Lists, kept: usize, used: usize, tree_edges: &[usize]) -> Self {
        let dim = 64;
        let layout =
            Layout::choose(dim, Metric::L2, Options { bits: Some(8), ..Options::default() }).unwrap();
        let rotation = Rotation::new(dim, 1);
        let at = |axis: usize, length: f32| -> Stored {
            let mut x = vec![0.0; dim];
            x[axis] = length;
            Stored::of(&layout, &rotation, &x).unwrap()
        };
        let node = at(0, 0.0);
        let vectors: Vec<Stored> = (0..32).map(|i| at(i, i as f32 + 1.0)).collect();
        let mut buffer = Buffer::new(layout.node_bytes()).unwrap();
        let mut linker = Linker::new(layout, lists);
        let mut record = NodeMut::new(&layout, buffer.bytes_mut()).unwrap();
        record.format(&node.header(1, 0, 7, Tid { block: 1, offset: 1 }, NONE), node.bytes());
        for (slot, vector) in vectors[..used].iter().enumerate() {
            let mark = if tree_edges.contains(&slot) { TREE_EDGE } else { 0 };
            let (coder, number) = (&mut linker.coder, slot as u32 + 100);
            record.encode_edge(slot, number | mark, coder, node.decoded(), vector.decoded());
        }
        record.set_counts(kept, used);
        Self { layout, buffer, linker, vectors }
    }

    /// What becomes of the record when a node comes that lies in a direction at a distance: numbers in the slots that have
    /// changed, and the counts.
    fn link(&mut self, axis: usize, length: f32, tree_edges: Option<usize>) -> Option<Changed> {
        let rotation = Rotation::new(64, 1);
        let mut x = vec![0.0; 64];
        x[axis] = length;
        let vector = Stored::of(&self.layout, &rotation, &x).unwrap();
        let mut target = Target::new(&self.layout);
        target.set_stored(vector.decoded());
        let Self { layout, buffer, linker, .. } = self;
        let record = NodeRef::new(layout, buffer.bytes()).unwrap();
        let verdict = linker.decide(&record, &target, 999, 32, tree_edges, &|_| false).unwrap();
        let before = buffer.bytes().to_vec();
        let slots: Vec<_> = (0..32).map(|slot| record.neighbour(slot)).collect();
        let Verdict::Change(change) = verdict else { return None };
        linker.apply(&change, &vector, buffer.bytes_mut()).unwrap();
        let record = NodeRef::new(layout, buffer.bytes()).unwrap();
        record.check(2000).unwrap();
        assert_eq!(record.is_tree_edge(change.slot), tree_edges.is_some());
        let changed = (0..32).filter(|slot| record.neighbour(*slot) != slots[*slot]);
        let changed: Vec<_> = changed.map(|slot| (slot, record.neighbour(slot).unwrap())).collect();
        let bytes = before.iter().zip(buffer.bytes()).filter(|(a, b)| a != b).count();
        assert!(bytes <= 2 + layout.stride() * changed.len(), "{bytes} bytes for {changed:?}");
        Some((changed, usize::from(record.header().kept), record.used()))
    }
}

#[test]
fn free_slots_come_first() {
    let (short, full) = (Lists::Short, Lists::Full);
    // At the end, behind edges that fill, and in a gap.
    assert_eq!(Case::new(short, 5, 5, &[]).link(40, 50.0, None), Some((vec![(5, 999)], 6, 6)));
    assert_eq!(Case::new(short, 5, 9, &[]).link(40, 50.0, None), Some((vec![(5, 999), (9, 105)], 6, 10)));
    let mut gap = Case::new(short, 5, 32, &[]);
    NodeMut::new(&gap.layout, gap.buffer.bytes_mut()).unwrap().clear_edge(3);
    assert_eq!(gap.link(40, 50.0, None), Some((vec![(3, 999)], 5, 32)));
    NodeMut::new(&gap.layout, gap.buffer.bytes_mut()).unwrap().clear_edge(8);
    assert_eq!(Case::new(full, 0, 0, &[]).link(40, 50.0, Some(0)), Some((vec![(0, 999)], 1, 1)));
    // A neighbour that is there already stays.
    assert_eq!(gap.link(40, 50.0, None), None);
}

#[test]
fn edges_that_fill_give_way() {
    let (short, full) = (Lists::Short, Lists::Full);
    assert_eq!(Case::new(short, 20, 32, &[]).link(40, 50.0, None), Some((vec![(20, 999)], 21, 32)));
    // Tree edges do not; they move.
    let mut tree_edges = Case::new(short, 20, 32, &[20, 21]);
    assert_eq!(tree_edges.link(40, 50.0, None), Some((vec![(20, 999), (22, 120)], 21, 32)));
    // Where lists are full, the farthest gives way.
    let farthest = Some((vec![(20, 999), (31, 120)], 21, 32));
    assert_eq!(Case::new(full, 20, 32, &[]).link(40, 50.0, None), farthest);
    // 103 lies nearer in the same direction: the node can only fill, instead of a farther one.
    assert_eq!(Case::new(full, 20, 32, &[31]).link(3, 10.0, None), Some((vec![(30, 999)], 20, 32)));
    assert_eq!(Case::new(full, 20, 32, &[]).link(3, 100.0, None), None);
}

#[test]
fn one_is_given_up_for_another() {
    for lists in [Lists::Short, Lists::Full] {
        // 110 and those beyond are farther; 110 alone is nearer to the new node than to the old.
        assert_eq!(Case::new(lists, 32, 32, &[]).link(10, 9.0, None), Some((vec![(10, 999)], 32, 32)));
        // None is, so the farthest goes.
        assert_eq!(Case::new(lists, 32, 32, &[]).link(40, 20.0, None), Some((vec![(31, 999)], 32, 32)));
        assert_eq!(Case::new(lists, 32, 32, &[31, 30]).link(40, 20.0, None), Some((vec![(29, 999)], 32, 32)));
        // Too far; but a parent must take the edge.
        assert_eq!(Case::new(lists, 32, 32, &[]).link(40, 60.0, None), None);
        assert_eq!(Case::new(lists, 32, 32, &[]).link(40, 60.0, Some(0)), Some((vec![(31, 999)], 32, 32)));
    }
    let all: Vec<usize> = (0..32).collect();
    assert_eq!(Case::new(Lists::Short, 32, 32, &all).link(10, 9.0, None), None);
    assert_eq!(Case::new(Lists::Short, 32, 32, &all).link(10, 9.0, Some(usize::MAX)), None);
    let few = &all[..=FEW];
    assert_eq!(Case::new(Lists::Short, 32, 32, few).link(40, 9.0, Some(FEW)), None);
    assert!(Case::new(Lists::Short, 32, 32, &few[1..]).link(40, 9.0, Some(FEW)).is_some());
}

/// Above level 0, a neighbour that another neighbour is near to goes, not the farthest.
#[test]
fn ways_to_far_nodes_stay() {
    let rotation = Rotation::new(64, 1);
    let above = |axis: usize, length: f32, known: bool| {
        let mut case = Case::new(Lists::Short, 32, 32, &[]);
        let at = |axis: usize, length: f32| {
            let mut x = vec![0.0; 64];
            x[axis] = length;
            Stored::of(&case.layout, &rotation, &x).unwrap()
        };
        // 120 lies behind 115.
        case.vectors[20] = at(15, 28.0);
        let (node, new) = (at(0, 0.0), at(axis, length));
        let mut record = NodeMut::new(&case.layout, case.buffer.bytes_mut()).unwrap();
        record.encode_edge(20, 120, &mut case.linker.coder, node.decoded(), case.vectors[20].decoded());
        let mut near = Near::new(&case.layout);
        let mut buffer = Buffer::new(case.layout.node_bytes()).unwrap();
        for (number, vector) in (100..).zip(&case.vectors).filter(|(number, _)| known || *number != 120) {
            let seen = Seen { number, version: 1, level: 1, graph: 1, dead: false };
            let mut record = NodeMut::new(&case.layout, buffer.bytes_mut()).unwrap();
            record.format(&vector.header(1, 1, 1, Tid::default(), NONE), vector.bytes());
            near.push(seen, &NodeRef::new(&case.layout, buffer.bytes()).unwrap().stored()).unwrap();
        }
        let mut target = Target::new(&case.layout);
        target.set_stored(new.decoded());
        let record = NodeRef::new(&case.layout, case.buffer.bytes()).unwrap();
        match case.linker.decide_above(&record, &target, 999, 32, &near, &|_| false).unwrap() {
            Verdict::Change(change) => Some(change.slot),
            _ => None,
        }
    };
    assert_eq!(above(40, 20.0, true), Some(20));
    assert_eq!(above(40, 50.0, true), Some(20));
    // A neighbour whose vector is not known is near to none; then the farthest goes.
    assert_eq!(above(40, 20.0, false), Some(31));
    assert_eq!(above(40, 50.0, false), None);
    // 110 lies behind the new node, but 120 is farther.
    assert_eq!(above(10, 9.0, false), Some(10));
    assert_eq!(above(10, 9.0, true), Some(20));
    // The new node lies behind 131, and farther than 120; or nearer than that.
    assert_eq!(above(31, 40.0, true), None);
    assert_eq!(above(24, 27.5, true), Some(20));
}

/// Where the same few nodes are nearest to all, they keep most of their edge slots for each other.
#[test]
fn few_tree_edges_each() {
    let mut seed = points(600, 64, 9);
    // The mean is about ten times the deviation.
    seed.iter_mut().flatten().for_each(|x| *x += 10.0);
    let mut sample = Sample::built(Metric::InnerProduct, seed, 1);
    sample.insert(1..600);
    sample.check();
    let mut tree_edges = std::collections::HashMap::<u32, usize>::new();
    for number in sample.index.numbers().collect::<Vec<_>>() {
        let header = sample.index.header(number).unwrap();
        if header.level == 0 && header.state == State::Live && header.down != NONE {
            *tree_edges.entry(header.down).or_default() += 1;
        }
    }
    let max = tree_edges.values().max().unwrap();
    assert!(*max <= FEW + 1, "{max} tree edges");
}

/// A neighbour that becomes a child keeps its slot.
#[test]
fn marks() {
    let mut case = Case::new(Lists::Short, 20, 32, &[]);
    let mut target = Target::new(&case.layout);
    target.set_stored(case.vectors[25].decoded());
    let record = NodeRef::new(&case.layout, case.buffer.bytes()).unwrap();
    let verdict = case.linker.decide(&record, &target, 125, 32, Some(FEW), &|_| false).unwrap();
    let Verdict::Change(change) = verdict else { panic!("{verdict:?}") };
    assert!(change.mark && change.slot == 25);
    let before = case.buffer.bytes().to_vec();
    case.linker.apply(&change, &case.vectors[25], case.buffer.bytes_mut()).unwrap();
    assert_eq!(before.iter().zip(case.buffer.bytes()).filter(|(a, b)| a != b).count(), 1);
    let record = NodeRef::new(&case.layout, case.buffer.bytes()).unwrap();
    assert!(record.is_tree_edge(25) && record.neighbour(25) == Some(125));
}

/// A record that is no longer that of the node seen gets no edge.
#[test]
fn strangers_are_left_alone() {
    let mut sample = Sample::built(Metric::L2, points(200, 20, 1), 150);
    let mut inserter = Inserter::new(sample.layout, &params(Metric::L2));
    inserter.start(&sample.rotation, &sample.rows[170]).unwrap();
    inserter.find(&mut sample.index.memory, sample.index.root, 0).unwrap();
    let root = sample.index.root.unwrap();
    let mut parents = inserter.parents(&root, false, 0);
    let parent = parents.next(&mut sample.index.memory, &sample.layout).unwrap().unwrap();
    let edge = inserter.edges(0)[0];
    assert_eq!(edge.to, parent.to);
    let bytes = sample.index.memory.node_mut(edge.to.number).unwrap();
    assert!(matches!(inserter.link(bytes, &edge, 5000).unwrap(), Verdict::Change(_)));
    // State, level, version, graph.
    for at in [6, 7, 8, 20] {
        let before = bytes[at];
        bytes[at] = if at == 6 { State::Dead as u8 } else { before ^ 1 };
        assert_eq!(inserter.link(bytes, &edge, 5000).unwrap(), Verdict::Gone, "{at}");
        assert_eq!(inserter.attach(bytes, &parent, 5000).unwrap(), Verdict::Gone, "{at}");
        bytes[at] = before;
    }
    assert!(matches!(inserter.attach(bytes, &parent, 5000).unwrap(), Verdict::Change(_)));
}

/// With the entry point of a graph that is not there, or of another one, nothing is found.
#[test]
fn stale_roots() {
    let mut sample = Sample::built(Metric::L2, points(200, 20, 1), 150);
    let mut inserter = Inserter::new(sample.layout, &params(Metric::L2));
    inserter.start(&sample.rotation, &sample.rows[170]).unwrap();
    let root = sample.index.root.unwrap();
    inserter.find(&mut sample.index.memory, Some(EntryPoint { graph: 9, ..root }), 0).unwrap();
    let mut parents = inserter.parents(&root, false, 0);
    assert!(parents.next(&mut sample.index.memory, &sample.layout).unwrap().is_none());
    assert!(inserter.edges(0).is_empty());
    // The entry point's record was freed: the tree's root is still there.
    let entry = sample.index.memory.node_mut(root.entry).unwrap();
    entry[6] = State::Free as u8;
    inserter.find(&mut sample.index.memory, Some(root), 0).unwrap();
    assert!(root.level > 0 && inserter.edges(0).len() > 5);
    let records = sample.index.memory.records();
    let fault =
        inserter.find(&mut sample.index.memory, Some(EntryPoint { entry: records, ..root }), 0).unwrap_err();
    assert_eq!(fault.state, state::INDEX_CORRUPTED);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 24 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whatever bytes are written over the pages, rows are added, or there is an error.
    #[test]
    fn survives_corruption(
        dim in prop::sample::select(&[8usize, 4000][..]),
        ip in any::<bool>(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..300),
        headers in prop::collection::vec((0..60u32, 0..32usize, any::<u8>()), 0..40),
    ) {
        static GOOD: [OnceLock<std::sync::Mutex<Sample>>; 4] = [const { OnceLock::new() }; 4];
        let metric = if ip { Metric::InnerProduct } else { Metric::L2 };
        let good = GOOD[usize::from(dim > 8) * 2 + usize::from(ip)]
            .get_or_init(|| std::sync::Mutex::new(Sample::built(metric, points(60, dim, 3), 50)));
        let mut sample = good.lock().unwrap().copy();
        let used = sample.index.numbers().count() * sample.layout.node_bytes();
        for (at, byte) in hits {
            let bytes = sample.index.memory.bytes_mut();
            bytes[at.index(used)] = byte;
        }
        for (number, at, byte) in headers {
            if let Ok(record) = sample.index.memory.node_mut(number * sample.layout.step()) {
                record[at] = byte;
            }
        }
        for row in 50..60 {
            if let Err(fault) = sample.index.insert(&sample.rows[row].clone(), tid(row)) {
                prop_assert_eq!(fault.state, state::INDEX_CORRUPTED);
            }
        }
        let _ = sample.index.check().unwrap();
    }
}

/// The layout bounds the number of edges, whatever the parameters of the build say.
#[test]
fn slots_of_the_layout() {
    let layout = Layout::choose(20, Metric::L2, Options::default()).unwrap();
    let params = Params { slots: 64, m: 40, step: 40, ..params(Metric::L2) };
    let mut index = crate::hnsw::test_index::TestIndex::new(layout, Rotation::new(20, 1), &params, 1000);
    for (row, vector) in points(300, 20, 1).iter().enumerate() {
        index.insert(vector, tid(row)).unwrap();
    }
    assert_eq!(index.check().unwrap(), []);
}
