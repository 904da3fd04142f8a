//! Words of values, byte for byte: see [`golden`](crate::hnsw::golden) for the meaning of a failure.

use super::super::*;
use crate::hnsw::golden::{pieces, same};
use crate::types::element::{Element, f16};
use crate::types::sparsevec::Sparse;

fn of(words: &[f32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    pieces(&bytes, &[4])
}

#[test]
fn words() {
    same(
        "of a vector",
        &of(&of_f32(&[1.5, -0.0, -3.0])),
        "
        0000c03f
        00000000
        000040c0
    ",
    );
    let halves: Vec<f16> = [1.5, -0.0, -3.0].iter().map(|x| Element::from_f32(*x)).collect();
    same(
        "of a halfvec",
        &of(&of_f16(&halves)),
        "
        003e0000
        00c20000
    ",
    );
    same(
        "of bits",
        &of(&of_bits(&[0x80, 1, 0xff, 2, 0x40])),
        "
        8001ff02
        40000000
    ",
    );
    let sparse = Sparse { dim: 9, indices: &[1, 7], values: &[3.0, -4.0] };
    same(
        "of a sparsevec",
        &of(&of_sparse(sparse, Metric::L2).unwrap()),
        "
        02000000
        01000000
        07000000
        00004040
        000080c0
    ",
    );
    same(
        "of a sparsevec's direction",
        &of(&of_sparse(sparse, Metric::Cosine).unwrap()),
        "
        02000000
        01000000
        07000000
        9a99193f
        cdcc4cbf
    ",
    );
}
