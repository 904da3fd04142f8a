//! Vectors as `f16` with a scale, bit for bit: see [`golden`](crate::hnsw::golden) for the meaning of a failure.

use super::super::{encode, f16};
use crate::hnsw::golden::{pieces, same};

fn stored(x: &[f32]) -> String {
    let mut elements = vec![f16::ZERO; x.len()];
    let scale = encode(x, &mut elements);
    let mut bytes = scale.to_le_bytes().to_vec();
    bytes.extend(elements.iter().flat_map(|x| x.to_le_bytes()));
    pieces(&bytes, &[4, 2])
}

/// Scale and elements of integers, of numbers rounded to even, of the largest and the smallest numbers, and of zeros.
#[test]
fn halves() {
    same(
        "of integers",
        &stored(&[1.0, -2.0, 3.0, 0.0, -0.0]),
        "
        00000039
        0070
        00f4
        0076
        0000
        0080
    ",
    );
    same(
        "of halves between",
        &stored(&[2048.0, 1025.5, 1026.5, -1025.5]),
        "
        0000003e
        0074
        0270 x2
        02f0
    ",
    );
    same(
        "of the largest",
        &stored(&[f32::MAX, -1.0, 1e30]),
        "
        00000078
        ff77
        0080
        5006
    ",
    );
    same(
        "of the smallest",
        &stored(&[f32::from_bits(1), f32::MIN_POSITIVE]),
        "
        00008000
        0200
        003c
    ",
    );
    same(
        "of zeros",
        &stored(&[0.0, -0.0]),
        "
        0000803f
        0000
        0080
    ",
    );
}
