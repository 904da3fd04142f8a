//! Corrupted bytes are found.

use super::*;
use crate::distance::metric::Metric;
use crate::hnsw::node::NodeMut;
use crate::hnsw::test_index::samples::{Sample, points};

fn made(dim: usize) -> Sample {
    let n = if dim > 1000 { 40 } else { 120 };
    let mut rows = points(n, dim, 1);
    rows.extend(rows[..5].to_vec());
    let mut sample = Sample::built(Metric::L2, rows, n / 2);
    sample.insert(n / 2..n + 5);
    sample
}

/// The node records whose headers are `right`.
fn records(sample: &mut Sample, right: impl Fn(&Header) -> bool) -> Vec<u32> {
    let numbers: Vec<u32> = sample.index.numbers().collect();
    numbers.into_iter().filter(|number| right(&sample.index.header(*number).unwrap())).collect()
}

/// The suspects of the fast check, with room for `bytes` of vectors.
fn suspects(sample: &mut Sample, bytes: usize) -> Vec<u32> {
    let (layout, roots) = (sample.layout, sample.index.root);
    let numbers: Vec<u32> = sample.index.numbers().collect();
    let memory = &mut sample.index.memory;
    let mut fast_check =
        FastCheck::new(layout, roots.as_slice().iter().copied(), memory.records(), bytes).unwrap();
    let mut batch = Batch::new(&layout, 30_000).unwrap();
    let room = batch.room();
    let mut sweep = |from: u32, look: &mut dyn FnMut(&Batch) -> bool| {
        for numbers in numbers.iter().filter(|number| **number >= from).collect::<Vec<_>>().chunks(room) {
            batch.clear();
            for number in numbers {
                memory.read(**number, |bytes| batch.push(**number, &bytes[..layout.node_bytes()])).unwrap();
            }
            if !look(&batch) {
                return;
            }
        }
    };
    let mut full = None;
    sweep(0, &mut |batch| {
        fast_check.add(batch).unwrap();
        full = full.or_else(|| fast_check.keep(batch, 0));
        true
    });
    loop {
        sweep(0, &mut |batch| {
            fast_check.compare(batch).unwrap();
            true
        });
        let Some(from) = full.take() else { break };
        fast_check.next_round();
        sweep(from, &mut |batch| {
            full = fast_check.keep(batch, from);
            full.is_none()
        });
    }
    fast_check.suspects(|| ()).unwrap()
}

/// The findings after a change to the bytes of a node record.
fn said(sample: &mut Sample, number: u32, spoil: impl Fn(&Layout, &mut [u8])) -> Vec<Finding> {
    let layout = sample.layout;
    let mut sample = sample.copy();
    spoil(&layout, sample.index.memory.node_mut(number).unwrap());
    let found = sample.index.check().unwrap();
    // Nothing has changed since: the second look at a record finds the same.
    let mut checker = Checker::new(layout, sample.index.root.as_slice(), 1000).unwrap();
    checker.look_again(&mut sample.index.memory, number).unwrap();
    checker.roots(&mut sample.index.memory).unwrap();
    let of = |all: &[Finding]| all.iter().filter(|f| f.number == number).cloned().collect::<Vec<_>>();
    assert_eq!(of(&found), of(&checker.findings));
    for bytes in [20_000, 1 << 30] {
        assert_eq!(of_suspects(&mut sample, bytes), found);
    }
    found
}

/// The findings of the suspects of the fast check.
fn of_suspects(sample: &mut Sample, bytes: usize) -> Vec<Finding> {
    let mut checker = Checker::new(sample.layout, sample.index.root.as_slice(), 1000).unwrap();
    for number in suspects(sample, bytes) {
        checker.look(&mut sample.index.memory, number).unwrap();
    }
    checker.finish().unwrap();
    checker.roots(&mut sample.index.memory).unwrap();
    checker.findings
}

/// Whatever bytes are corrupted, the suspects of the fast check give the same findings as all node records.
#[test]
fn suspects_give_all_findings() {
    let mut seed = 77u64;
    let mut random = move |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let mut found_some = 0;
    for dim in [8, 200] {
        let mut sample = made(dim);
        let dead = records(&mut sample, |h| h.state == State::Live && h.level == 0)[7];
        let layout = sample.layout;
        NodeMut::new(&layout, sample.index.memory.node_mut(dead).unwrap()).unwrap().set_state(State::Dead);
        let numbers: Vec<u32> = sample.index.numbers().collect();
        for round in 0..40 {
            let mut sample = sample.copy();
            for _ in 0..1 + round % 3 {
                let (one, other) = (numbers[random(numbers.len())], numbers[random(numbers.len())]);
                let copy = sample.index.memory.node_mut(other).unwrap()[..layout.node_bytes()].to_vec();
                let bytes = sample.index.memory.node_mut(one).unwrap();
                match round % 5 {
                    0 => bytes[random(32)] = random(256) as u8,
                    1 => bytes[random(layout.node_bytes())] ^= 1 << random(8),
                    2 => bytes[..copy.len()].copy_from_slice(&copy),
                    3 => bytes[24 + 4 * random(2)..][..4].copy_from_slice(&other.to_le_bytes()),
                    _ => {
                        let slot = 32 + layout.stored_bytes() + random(layout.slots()) * layout.stride();
                        let edge = other | (random(2) as u32) << 31;
                        bytes[slot..slot + 4].copy_from_slice(&edge.to_le_bytes());
                    }
                }
            }
            let found = sample.index.check().unwrap();
            found_some += usize::from(!found.is_empty());
            let bytes = if round % 2 == 0 { 20_000 } else { 1 << 30 };
            assert_eq!(of_suspects(&mut sample, bytes), found, "{dim}, {round}");
        }
    }
    assert!(found_some > 40, "{found_some}");
}

#[test]
fn finds_what_is_wrong() {
    for dim in [8, 200, 4000] {
        let mut sample = made(dim);
        assert_eq!(sample.index.check().unwrap(), []);
        assert_eq!((suspects(&mut sample, 5_000), suspects(&mut sample, 1 << 30)), (vec![], vec![]));
        let root = sample.index.root.unwrap();
        let node = records(&mut sample, |h| h.state == State::Live && h.level == 0 && h.down != NONE)[20];
        let upper = records(&mut sample, |h| h.state == State::Live && h.level == 1)[0];
        let owner = records(&mut sample, |h| h.state == State::Live && h.tid_list != NONE)[0];
        let header = sample.index.header(node).unwrap();
        let tid_list = sample.index.header(owner).unwrap().tid_list;
        // The first edge slot.
        let at = 32 + sample.layout.stored_bytes();
        let down = |to: u32| {
            move |layout: &Layout, bytes: &mut [u8]| {
                NodeMut::new(layout, bytes).unwrap().set_down(to);
            }
        };
        let mut expect = |number: u32, text: &str, spoil: &dyn Fn(&Layout, &mut [u8])| {
            let found = said(&mut sample, number, spoil);
            assert!(found.iter().any(|f| f.number == number && f.text.contains(text)), "{text}: {found:?}");
        };
        expect(node, "not on level 0 of graph", &down(upper));
        expect(node, "has 0 tree edges", &down(if header.down == root.origin { node } else { root.origin }));
        expect(node, "circle", &down(node));
        expect(root.origin, "the origin has the parent", &down(node));
        expect(upper, "has another vector", &down(node));
        expect(upper, "not on level 0", &down(upper));
        expect(node, "state 9", &|_, bytes| bytes[6] = 9);
        expect(node, "there is no graph 77", &|_, bytes| bytes[20] = 77);
        expect(node, "norm", &|_, bytes| bytes[12] ^= 1);
        expect(node, "the code of", &|_, bytes| bytes[at + 12] ^= 0xff);
        expect(node, "the code of", &|_, bytes| bytes[at + 10] ^= 0x40);
        expect(node, " 0 leads to", &|_, bytes| bytes[at + 2] = 0x55);
        expect(node, "a tree edge to", &|layout, bytes| {
            for slot in 0..32 {
                bytes[at + slot * layout.stride() + 3] |= 0x80;
            }
        });
        expect(node, "an edge to", &|layout, bytes| {
            NodeMut::new(layout, bytes).unwrap().copy_edge(0, 1);
        });
        expect(owner, "of its tid list is something else", &|layout, bytes| {
            NodeMut::new(layout, bytes).unwrap().set_tid_list(node);
        });
        expect(tid_list, "that no node leads to", &down(upper));
        expect(root.entry, "entry of graph", &|_, bytes| bytes[6] = State::Free as u8);
        expect(root.origin, "origin of graph", &|_, bytes| bytes[6] = State::Free as u8);
    }
}

/// A living child of a dead node to which no tree edge leads any more.
#[test]
fn finds_what_is_cut_off() {
    let mut sample = made(8);
    let root = sample.index.root.unwrap();
    let numbers = records(&mut sample, |h| h.state == State::Live && h.level == 0 && h.down != NONE);
    let up = |sample: &mut Sample, number: u32| sample.index.header(number).unwrap().down;
    let node = *numbers.iter().find(|node| up(&mut sample, **node) != root.origin).unwrap();
    let parent = up(&mut sample, node);
    let above = up(&mut sample, parent);
    let layout = sample.layout;
    let dead = sample.index.memory.node_mut(parent).unwrap();
    NodeMut::new(&layout, dead).unwrap().set_state(State::Dead);
    assert_eq!(sample.index.check().unwrap(), []);
    assert_eq!(suspects(&mut sample, 1 << 30), [] as [u32; 0]);
    let found = said(&mut sample, above, |layout, bytes| {
        let record = crate::hnsw::node::NodeRef::new(layout, bytes).unwrap();
        let (slot, _) = record.neighbours().find(|(_, other)| *other == parent).unwrap();
        NodeMut::new(layout, bytes).unwrap().clear_edge(slot);
    });
    let text = format!("on the way up, {above} has no tree edge to {parent}");
    assert!(found.iter().any(|f| f.number == node && f.text == text), "{found:?}");
}

/// Without the entry points, facts that do not depend on them are checked.
#[test]
fn partial() {
    let mut sample = made(8);
    let node = records(&mut sample, |h| h.state == State::Live && h.level == 0 && h.down != NONE)[20];
    let found = |sample: &mut Sample, partial| {
        let mut checker = Checker::new(sample.layout, &[], 1000).unwrap().partial(partial);
        for number in sample.index.numbers().collect::<Vec<_>>() {
            checker.look(&mut sample.index.memory, number).unwrap();
        }
        checker.finish().unwrap();
        checker.findings
    };
    assert!(found(&mut sample, false).iter().any(|f| f.text.starts_with("there is no graph")));
    assert_eq!(found(&mut sample, true), []);
    let at = 32 + sample.layout.stored_bytes();
    sample.index.memory.node_mut(node).unwrap()[at + 12] ^= 1;
    let found = found(&mut sample, true);
    assert!(found.len() == 1 && found[0].text.contains("is not that of its vector"), "{found:?}");
}

/// There are no more findings than asked for, and an error that is not about the bytes is an error.
#[test]
fn bounded() {
    let mut sample = made(8);
    let mut checker = Checker::new(sample.layout, &[], 7).unwrap();
    for number in sample.index.numbers().collect::<Vec<_>>() {
        checker.look(&mut sample.index.memory, number).unwrap();
    }
    checker.finish().unwrap();
    checker.roots(&mut sample.index.memory).unwrap();
    assert_eq!(checker.findings.len(), 7);
    checker.look(&mut sample.index.memory, u32::MAX).unwrap();

    struct Stopped;
    impl Pages for Stopped {
        fn records(&self) -> u32 {
            10
        }
        fn read<R>(&mut self, _: u32, _: impl FnOnce(&[u8]) -> R) -> Result<R> {
            Err(Fault::new("57014", "canceled"))
        }
    }
    assert_eq!(checker.look(&mut Stopped, 1).unwrap_err().state, "57014");
}
