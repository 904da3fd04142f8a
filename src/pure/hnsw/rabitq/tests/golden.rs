//! Codes and factors, byte for byte: see [`golden`](crate::hnsw::golden) for the meaning of a failure.

use super::super::{BATCH, Encoder, Form, Shape, Target};
use crate::hnsw::golden::{pieces, same};

/// The code of an edge: the code's planes, and the two factors.
fn edge(bits: usize, target: Target) -> String {
    let shape = Shape::new(bits, 32).unwrap();
    let node: Vec<f32> = (0..32).map(|i| (i % 5) as f32 - 1.0).collect();
    let neighbour: Vec<f32> = (0..32).map(|i| (i * i % 11) as f32 - 4.0).collect();
    let mut bytes = vec![0; shape.code_bytes()];
    let factors = Encoder::new(shape, target).encode(&node, &neighbour, &mut bytes);
    bytes.extend(factors.add.to_le_bytes());
    bytes.extend(factors.mul.to_le_bytes());
    pieces(&bytes, &[4])
}

#[test]
fn edges() {
    same(
        "an edge in 1 bit",
        &edge(1, Target::L2),
        "
        a8c118c6
        f32d1743
        bee55bc1
    ",
    );
    same(
        "an edge in 2 bits",
        &edge(2, Target::L2),
        "
        5c25076a
        a8c118c6
        c8232743
        1c6eb8c0
    ",
    );
    same(
        "an edge in 4 bits",
        &edge(4, Target::L2),
        "
        1825d26e
        4cd90d42
        5726277b
        a8c118c6
        413b2243
        a695cbbf
    ",
    );
    same(
        "an edge in 8 bits",
        &edge(8, Target::L2),
        "
        1825d26e
        4cd90d42
        1825d26e
        4cd90d42
        1825d26e
        4cd90d42
        5726277b
        a8c118c6
        38e52343
        6eafc0bd
    ",
    );
    same(
        "an edge of products in 1 bit",
        &edge(1, Target::InnerProduct),
        "
        a8c118c6
        d020cdc0
        bee5dbc0
    ",
    );
    same(
        "an edge of products in 4 bits",
        &edge(4, Target::InnerProduct),
        "
        1825d26e
        4cd90d42
        5726277b
        a8c118c6
        805f62bf
        a6954bbf
    ",
    );
}

/// A row put into a batch of either form.
#[test]
fn forms() {
    let shape = Shape::new(1, 16).unwrap();
    let mut codes = vec![0; shape.codes_bytes()];
    for slot in [0, 1, 17, BATCH - 1] {
        Form::rows(shape).put(shape, &mut codes, slot, &[slot as u8 + 1, 0x81]);
    }
    same(
        "a batch of rows",
        &pieces(&codes, &[2]),
        "
        0181
        0281
        0000 x15
        1281
        0000 x13
        2081
    ",
    );
    let mut columns = vec![0; shape.codes_bytes()];
    Form::rows(shape).convert(shape, &codes, Form::Interleaved, &mut columns);
    same(
        "a batch of columns",
        &pieces(&columns, &[16]),
        "
        01220000000000000000000000000000
        00100000000000000000000000000020
        01110000000000000000000000000010
        08880000000000000000000000000080
    ",
    );
}
