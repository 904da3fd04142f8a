//! Nodes of each form, and a TID list, byte for byte: see [`golden`](crate::hnsw::golden) for the meaning of a failure.

use super::super::write::store;
use super::super::*;
use crate::distance::metric::Metric;
use crate::hnsw::golden::{pieces, same};
use crate::hnsw::uncoded::{Form, Uncoded, of_bits, of_f16, of_f32, of_sparse};
use crate::types::element::{Element, f16};
use crate::types::sparsevec::Sparse;

const HEAD: Header = Header {
    tid: Tid { block: 0x0001_0203, offset: 0x0405 },
    state: State::Live,
    level: 3,
    version: 0x0607,
    kept: 1,
    used: 2,
    norm: 0.0,
    scale: 1.0,
    graph: 0x0809_0a0b,
    down: 0x0c0d_0e0f,
    tid_list: NONE,
};

/// A node with two neighbours: the first is its child, the second equals it.
fn node(layout: &Layout, vector: &[f32], neighbour: &[f32]) -> String {
    let mut stored = vec![0; layout.stored_bytes()];
    let (scale, norm) = store(layout, vector, &mut stored);
    let mut buffer = Buffer::new(layout.node_bytes()).unwrap();
    let mut record = NodeMut::new(layout, buffer.bytes_mut()).unwrap();
    record.format(&Header { norm, scale, ..HEAD }, &stored);
    let mut coder = Coder::new(layout);
    record.encode_edge(0, 0x1011 | TREE_EDGE, &mut coder, vector, neighbour);
    record.encode_edge(1, 0x1213, &mut coder, vector, vector);
    record.set_counts(1, 2);
    NodeRef::new(layout, buffer.bytes()).unwrap().check(MAX_NODES).unwrap();
    let gap = layout.edges_at() - HEADER - stored.len();
    assert_eq!(gap, 0);
    pieces(buffer.bytes(), &[HEADER, stored.len(), layout.stride()])
}

/// Small integers.
fn integers(n: usize, by: usize) -> Vec<f32> {
    (0..n).map(|i| (i * by % 7) as f32 - 3.0).collect()
}

fn coded(dim: usize, metric: Metric, bits: usize) -> String {
    let options = Options { bits: Some(bits), ..Options::default() };
    let layout = Layout::choose(dim, metric, options).unwrap();
    let n = layout.padded();
    node(&layout, &integers(n, 3), &integers(n, 5))
}

#[test]
fn coded_in_1_bit() {
    same("a node", &coded(32, Metric::L2, 1), "
        03020100050401030706010200000343000000390b0a09080f0e0d0cffffffff
        00f60000007600f0007400f4007000f60000007600f0007400f4007000f60000007600f0007400f4007000f60000007600f0007400f4007000f60000007600f0
        11100080505515c1555515c1b3d96c36
        131200000000000000000080ffffffff
        ffffffff000000000000000000000000 x30
    ");
}

#[test]
fn coded_in_2_bits() {
    same("a node", &coded(32, Metric::InnerProduct, 2), "
        03020100050401030706010200000343000000390b0a09080f0e0d0cffffffff
        00f60000007600f0007400f4007000f60000007600f0007400f4007000f60000007600f0007400f4007000f60000007600f0007400f4007000f60000007600f0
        1110008000000ac10000e0bf2a954aa5b3d96c36
        1312000000000000000000800000000000000000
        ffffffff00000000000000000000000000000000 x30
    ");
}

#[test]
fn coded_in_4_bits_beside_f32() {
    same("a node", &coded(16, Metric::L2, 4), "
        030201000504010307060102000082420000803f0b0a09080f0e0d0cffffffff
        000040c00000000000004040000080bf00000040000000c00000803f000040c00000000000004040000080bf00000040000000c00000803f000040c000000000
        11100080308d8fc0298d8fbf32990e876834b3d9
        1312000000000000000000800000000000000000
        ffffffff00000000000000000000000000000000 x30
    ");
}

#[test]
fn coded_in_8_bits_beside_f32() {
    same("a node", &coded(16, Metric::Cosine, 8), "
        030201000504010307060102000082420000803f0b0a09080f0e0d0cffffffff
        000040c00000000000004040000080bf00000040000000c00000803f000040c00000000000004040000080bf00000040000000c00000803f000040c000000000
        11100080d0056e401dd440bd281470382a9570382a9570382a95b3d9
        13120000000000000000008000000000000000000000000000000000
        ffffffff000000000000000000000000000000000000000000000000 x30
    ");
}

fn uncoded(form: Form, metric: Metric, dim: usize, vector: &[f32], neighbour: &[f32]) -> String {
    let words = vector.len().max(neighbour.len());
    let layout = Layout::uncoded_for(Uncoded::new(form, metric, dim).unwrap(), 4, words).unwrap();
    let padded = |words: &[f32]| {
        let mut words = words.to_vec();
        words.resize(layout.padded(), 0.0);
        words
    };
    node(&layout, &padded(vector), &padded(neighbour))
}

fn halves(x: &[f32]) -> Vec<f32> {
    of_f16(&x.iter().map(|x| Element::from_f32(*x)).collect::<Vec<f16>>())
}

#[test]
fn uncoded_f32() {
    let found = uncoded(Form::F32, Metric::L1, 5, &of_f32(&integers(5, 3)), &of_f32(&integers(5, 5)));
    same(
        "a node",
        &found,
        "
        030201000504010307060102000000000000803f0b0a09080f0e0d0cffffffff
        000040c00000000000004040000080bf00000040
        111000800000e04000000000
        131200000000000000000000
        ffffffff0000000000000000 x2
        00000000
    ",
    );
}

#[test]
fn uncoded_f16() {
    let found = uncoded(Form::F16, Metric::L1, 5, &halves(&integers(5, 3)), &halves(&integers(5, 5)));
    same(
        "a node",
        &found,
        "
        030201000504010307060102000000000000803f0b0a09080f0e0d0cffffffff
        00c20000004200bc00400000
        111000800000e04000000000
        131200000000000000000000
        ffffffff0000000000000000 x2
        00000000
    ",
    );
}

#[test]
fn uncoded_bits() {
    let (one, other) = (of_bits(&[0x81, 0x42, 0x24, 0x18, 0xe0]), of_bits(&[0x80, 0x42, 0x25, 0x18, 0x20]));
    same(
        "a node under Hamming",
        &uncoded(Form::Bits, Metric::Hamming, 35, &one, &other),
        "
        030201000504010307060102000000000000803f0b0a09080f0e0d0cffffffff
        81422418e0000000
        111000800000804000000000
        131200000000000000000000
        ffffffff0000000000000000 x2
    ",
    );
    same(
        "a node under Jaccard",
        &uncoded(Form::Bits, Metric::Jaccard, 35, &one, &other),
        "
        030201000504010307060102000000000000803f0b0a09080f0e0d0cffffffff
        81422418e0000000
        11100080abaaaa3e00000000
        131200000000000000000000
        ffffffff0000000000000000 x2
    ",
    );
}

#[test]
fn uncoded_sparse() {
    let sparse = |indices: &[i32], values: &[f32]| {
        of_sparse(Sparse { dim: 0x0102_0304, indices, values }, Metric::L2).unwrap()
    };
    let (one, other) = (sparse(&[1, 0x0102_0303], &[1.0, -2.0]), sparse(&[7], &[3.0]));
    same(
        "a node",
        &uncoded(Form::Sparse, Metric::L2, 0x0102_0304, &one, &other),
        "
        030201000504010307060102000000000000803f0b0a09080f0e0d0cffffffff
        0200000001000000030302010000803f000000c000000000
        111000800000604100000000
        131200000000000000000000
        ffffffff0000000000000000 x2
    ",
    );
}

#[test]
fn tid_list() {
    let layout = Layout::choose(3, Metric::L2, Options::default()).unwrap();
    let mut buffer = Buffer::new(layout.node_bytes()).unwrap();
    let tids = [Tid { block: 0x0102_0304, offset: 0x0506 }, Tid { block: 7, offset: 8 }];
    TidListMut::format(&layout, buffer.bytes_mut(), 0x0900, (0x0a0b, 0x0c0d), NONE, tids.into_iter())
        .unwrap();
    same(
        "a tid list",
        &pieces(buffer.bytes(), &[HEADER, 6]),
        "
        00000000000003000009000002000000000000000b0a00000d0c0000ffffffff
        040302010605
        070000000800
        000000000000 x115
        0000
    ",
    );
}
