//! Nodes die, and the graph stays as good.

use super::*;
use crate::distance::metric::Metric;
use crate::fault::{Result, state};
use crate::hnsw::insert::{Inserter, Tree, Verdict};
use crate::hnsw::node::{Header, Layout, NodeRef, Options, State};
use crate::hnsw::search::{MemoryPages, Order, Pages, Reach, Search, Width};
use crate::hnsw::test_index::samples::{METRICS, Sample, params, points};
use crate::hnsw::uncoded::{Form, Uncoded};
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::{Mutex, OnceLock};

/// No edge, parent or TID list leads to node records that were freed.
fn clean(sample: &mut Sample) {
    sample.check();
    for number in sample.index.numbers().collect::<Vec<_>>() {
        let state = sample.index.header(number).unwrap().state;
        let root = sample.index.root.unwrap();
        let kept = state != State::Dead || number == root.origin || on_entry(sample, number);
        assert!(kept, "{number}");
    }
}

fn on_entry(sample: &mut Sample, number: u32) -> bool {
    let root = sample.index.root.unwrap();
    let mut at = root.entry;
    for _ in 0..=root.level {
        if at == number {
            return true;
        }
        at = sample.index.header(at).unwrap().down;
    }
    false
}

/// A graph of which nodes have died is as good as a graph built of the rest.
#[test]
fn repairs() {
    for (dim, n) in [(3, 400), (8, 400), (50, 400), (384, 300), (4000, 60)] {
        for metric in METRICS {
            let rows = points(n, dim, dim as u64);
            let left = |row: usize| row.wrapping_mul(0x9e37_79b9) >> 7 & 3 == 0;
            let there: Vec<usize> = (0..n).filter(|row| left(*row)).collect();
            let built = Sample::of(metric, rows.clone(), there).recall(20);
            let mut sample = Sample::built(metric, rows, n);
            sample.kill(|row| !left(row));
            sample.index.repair().unwrap();
            clean(&mut sample);
            let recall = sample.recall(20);
            assert!(recall >= built - 0.05, "{metric:?} {dim}: {recall}, built {built}");
        }
    }
}

/// A fifth of the nodes dies and comes back, again and again; clusters die as a whole.
#[test]
fn lives_on() {
    for (dim, n) in [(8, 200), (100, 120), (4000, 30)] {
        for metric in METRICS {
            if dim > 1000 && metric != Metric::Cosine {
                continue;
            }
            let rows = points(n, dim, 5);
            let mut sample = Sample::built(metric, rows, n);
            let before = sample.recall(30);
            for round in 5..if dim > 1000 { 9 } else { 12 } {
                let dies = move |row: usize| match round {
                    7 => row % 10 < 2,
                    8 => !row.is_multiple_of(10),
                    _ => (row.wrapping_mul(0x9e37_79b9) >> 5).wrapping_add(round).is_multiple_of(5),
                };
                sample.kill(dies);
                sample.index.repair().unwrap();
                clean(&mut sample);
                sample.insert((0..n).filter(|row| dies(*row)));
                sample.check();
            }
            let after = sample.recall(30);
            assert!(after >= before - 0.05, "{metric:?} {dim}: {before}, then {after}");
        }
    }
}

/// Under the inner product, all other nodes may be nearer to a node than it is to itself: that no search for its vector comes
/// to the node is no loss, and no reason to give away edge slots of the nodes found for tree edges.
#[test]
fn the_long_are_no_place_for_the_short() {
    let mut rows = points(800, 16, 3);
    for (at, row) in rows.iter_mut().enumerate() {
        row.iter_mut().for_each(|x| *x = 0.3 * *x + at as f32 / 50.0);
    }
    let mut sample = Sample::built(Metric::InnerProduct, rows, 400);
    for round in 0..10 {
        let end = 40 * round + 40;
        sample.kill(|row| row < end);
        sample.index.repair().unwrap();
        clean(&mut sample);
        sample.insert(360 + end..400 + end);
    }
    let effort = sample.index.effort;
    assert!(
        effort.raised + effort.unreachable < 40,
        "{} raised, {} unreachable",
        effort.raised,
        effort.unreachable
    );
    for row in (400..800).step_by(25) {
        let query = sample.rows[row].clone();
        let found = sample.search(&query, Reach::Near(Width::of(&sample.layout, 10, None)));
        let mut all = sample.there.clone();
        let product = |row: usize| query.iter().zip(&sample.rows[row]).map(|(a, b)| a * b).sum::<f32>();
        all.sort_by(|a, b| product(*b).total_cmp(&product(*a)));
        let right = found.iter().take(10).filter(|row| all[..10].contains(row)).count();
        assert!(right > 7, "{row}: {right}");
    }
}

/// The tree's root stays when all other nodes die, and becomes the parent of the next node.
#[test]
fn only_the_dead() {
    for first in [0, 200] {
        let mut sample = Sample::built(Metric::L2, points(300, 20, 1), first);
        sample.insert(first..200);
        sample.kill(|_| true);
        sample.index.repair().unwrap();
        clean(&mut sample);
        let live = sample.index.numbers().count();
        sample.insert(200..300);
        clean(&mut sample);
        assert!(sample.recall(40) > 0.97);
        // The node records were used again.
        assert!(sample.index.numbers().count() <= live);
    }
}

/// Nodes have joined while all were dead but not yet freed: first below the tree's root, where no vacuum frees their parent,
/// and in the end wherever there is room.
#[test]
fn joined_while_all_were_dead() {
    let few = Layout::uncoded_for(Uncoded::new(Form::F32, Metric::L1, 20).unwrap(), 4, 20).unwrap();
    let many = Layout::choose(20, Metric::L2, Options::default()).unwrap();
    for layout in [few, many] {
        let mut sample = Sample::on(layout, points(300, 20, 1), vec![]);
        sample.insert(0..200);
        sample.kill(|_| true);
        let root = sample.index.root.unwrap();
        for row in 200..210 {
            sample.insert(row..row + 1);
            sample.kill(|_| true);
        }
        let (mut tree, mut met) = (Tree::new(&root, true, u64::MAX), HashSet::new());
        while let Some(parent) = tree.next(&mut sample.index.memory, &layout).unwrap() {
            assert!(met.insert(parent.to.number));
        }
        assert!(met.len() > 150, "{}", met.len());
        let mut tree = Tree::new(&root, false, u64::MAX);
        let first = tree.next(&mut sample.index.memory, &layout).unwrap();
        assert!(first.is_none_or(|first| first.to.number == root.origin));
        assert_eq!(tree.next(&mut sample.index.memory, &layout).unwrap(), None);
        assert_eq!(Tree::new(&root, true, 0).next(&mut sample.index.memory, &layout).unwrap(), None);
        sample.insert(210..211);
        clean_after_repair(&mut sample);
    }
}

fn clean_after_repair(sample: &mut Sample) {
    sample.check();
    sample.index.repair().unwrap();
    clean(sample);
}

/// An edge put into a node record between the search and the rewriting stays.
#[test]
fn keeps_what_was_added_meanwhile() {
    let (metric, layout) = (Metric::L2, |sample: &Sample| sample.layout);
    let mut sample = Sample::built(metric, points(400, 20, 1), 300);
    sample.kill(|row| row % 3 == 0);
    let doomed = sample.index.doomed().unwrap();
    let gone = |number| doomed.contains(&number);
    let root = sample.index.root.unwrap();
    let mut relinker = Relinker::new(layout(&sample), &params(metric));
    let mut inserter = Inserter::new(layout(&sample), &params(metric));
    inserter.start(&sample.rotation, &sample.rows[333]).unwrap();
    inserter.find(&mut sample.index.memory, Some(root), 0).unwrap();
    let edge = inserter.edges(0)[0];
    let number = edge.to.number;
    assert!(relinker.find(&mut sample.index.memory, root, number, &gone).unwrap());
    let layout = layout(&sample);
    let bytes = sample.index.memory.node_mut(number).unwrap();
    let Verdict::Change(change) = inserter.link(bytes, &edge, 601).unwrap() else { panic!("no change") };
    inserter.apply(&change, bytes).unwrap();
    let slots = |bytes: &[u8]| -> (HashSet<(u32, bool)>, Header) {
        let record = NodeRef::new(&layout, bytes).unwrap();
        let slots = record.neighbours().filter(|(_, other)| !gone(*other));
        (slots.map(|(slot, other)| (other, record.is_tree_edge(slot))).collect(), *record.header())
    };
    let (before, _) = slots(bytes);
    assert!(before.contains(&(601, false)));
    assert!(relinker.rewrite(bytes, &gone).unwrap());
    let (after, header) = slots(bytes);
    assert!(after.is_superset(&before) && after.len() > before.len());
    let record = NodeRef::new(&layout, bytes).unwrap();
    assert!(record.neighbours().all(|(_, other)| !gone(other)));
    assert_eq!(record.neighbours().count(), usize::from(header.used));
    assert!(header.kept > 3 && header.kept < header.used);
    // The record is another node's now.
    bytes[8] ^= 1;
    let copy = bytes.to_vec();
    assert!(!relinker.rewrite(bytes, &gone).unwrap() && bytes == copy);
}

/// A node whose parent and neighbours stay is left alone.
#[test]
fn nothing_to_do() {
    let mut sample = Sample::built(Metric::L2, points(100, 20, 1), 100);
    let (layout, root) = (sample.layout, sample.index.root.unwrap());
    let mut relinker = Relinker::new(layout, &params(Metric::L2));
    let mut reparenting = Reparenting::new(layout);
    for number in sample.index.numbers().collect::<Vec<_>>() {
        assert!(!relinker.find(&mut sample.index.memory, root, number, &|_| false).unwrap());
        let bytes = sample.index.memory.node_mut(number).unwrap();
        assert!(!reparenting.start(number, bytes, &|_| false).unwrap());
    }
    let before = sample.index.memory.bytes().to_vec();
    sample.index.repair().unwrap();
    assert!(before == sample.index.memory.bytes());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 24 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Whatever bytes are written over the pages, the graph is repaired, or there is an error.
    #[test]
    fn survives_corruption(
        dim in prop::sample::select(&[8usize, 4000][..]),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..200),
        headers in prop::collection::vec((0..60u32, 0..32usize, any::<u8>()), 0..20),
    ) {
        static GOOD: [OnceLock<Mutex<Sample>>; 2] = [const { OnceLock::new() }; 2];
        let good = GOOD[usize::from(dim > 8)].get_or_init(|| {
            let mut sample = Sample::built(Metric::L2, points(60, dim, 3), 60);
            sample.kill(|row| row % 3 == 0);
            Mutex::new(sample)
        });
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
        if let Err(fault) = sample.index.repair() {
            prop_assert_eq!(fault.state, state::INDEX_CORRUPTED);
        }
        let _ = sample.index.check().unwrap();
    }
}

/// Pages in memory that count reads.
struct Counted<'a>(&'a mut MemoryPages, u64);

impl Pages for Counted<'_> {
    fn records(&self) -> u32 {
        self.0.records()
    }

    fn read<R>(&mut self, number: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        self.1 += 1;
        self.0.read(number, look)
    }
}

/// A node of many rows is one node to a search for nodes: its TID list is not read.
#[test]
fn rows_are_not_read_for_nodes() {
    let mut rows = points(300, 16, 3);
    rows.extend(vec![rows[0].clone(); 3000]);
    let mut sample = Sample::built(Metric::L2, rows, 300);
    sample.insert(300..3300);
    let mut search = Search::new(sample.layout);
    let reach = Reach::Near(Width::of(&sample.layout, 10, None));
    let query = sample.rows[0].clone();
    search.start(&sample.rotation, &query, sample.index.root, reach, Order::Once).unwrap();
    let mut nodes = HashSet::new();
    while let Some(hit) = search.next_node(&mut sample.index.memory).unwrap() {
        assert!(nodes.insert(hit.number));
    }
    assert!(nodes.len() > 9 && search.effort.tid_lists == 0, "{} {:?}", nodes.len(), search.effort);
}

/// Rows in the order of their only coordinate make a tree that is a list. Reparenting does not go up all of it for each
/// neighbour.
#[test]
fn lists_of_parents_are_not_gone_up() {
    let n = 6000;
    let mut sample = Sample::built(Metric::L2, (0..n).map(|i| vec![i as f32]).collect(), 0);
    sample.insert(0..n);
    sample.kill(|row| row % 500 == 499);
    let (layout, doomed) = (sample.layout, sample.index.doomed().unwrap());
    let gone = |number| doomed.contains(&number);
    let mut reparenting = Reparenting::new(layout);
    let (mut orphans, mut deepest) = (0, 0);
    for number in sample.index.numbers().filter(|number| !gone(*number)).collect::<Vec<_>>().into_iter().rev()
    {
        let bytes = sample.index.memory.node_mut(number).unwrap();
        if !reparenting.start(number, bytes, &gone).unwrap() {
            continue;
        }
        let mut pages = Counted(&mut sample.index.memory, 0);
        let mut parents = HashSet::new();
        while let Some(parent) = reparenting.next(&mut pages, &gone).unwrap() {
            if parent.instead.is_some() || parents.len() > 20 {
                break;
            }
            parents.insert(parent.to.number);
        }
        assert!(!parents.is_empty());
        orphans += 1;
        deepest = deepest.max(pages.1);
    }
    assert!(orphans > 8 && deepest < 3000, "{orphans}: {deepest}");
    sample.index.repair().unwrap();
    clean(&mut sample);
}

/// A circle of parents is an error and not a loop.
#[test]
fn circles_end() {
    let mut sample = Sample::built(Metric::L2, points(100, 20, 1), 100);
    let layout = sample.layout;
    let root = sample.index.root.unwrap();
    let (one, two) = (root.origin + 1, root.origin + 2);
    for (a, b) in [(one, two), (two, one)] {
        let bytes = sample.index.memory.node_mut(a).unwrap();
        crate::hnsw::node::NodeMut::new(&layout, bytes).unwrap().set_down(b);
    }
    let gone = |number| number == one || number == two;
    let mut reparenting = Reparenting::new(layout);
    let bytes = sample.index.memory.node_mut(one).unwrap();
    assert!(reparenting.start(one, bytes, &gone).unwrap());
    let mut tried = 0;
    let fault = loop {
        match reparenting.next(&mut sample.index.memory, &gone) {
            Ok(Some(_)) => tried += 1,
            Ok(None) => panic!("no error"),
            Err(fault) => break fault,
        }
        assert!(tried < 1000);
    };
    assert_eq!(fault.state, state::INDEX_CORRUPTED);
    assert!(sample.index.memory.records() > 100);
}
