//! A node's block and a block of rows, by each kind of layout.
#![no_main]

use conifer_pure::distance::metric::Metric;
use conifer_pure::hnsw::check::rows;
use conifer_pure::hnsw::node::{Buffer, Layout, NodeRef, Options, State, TidListRef};
use conifer_pure::hnsw::rabitq::LANES;
use conifer_pure::hnsw::uncoded::{Form, Plain};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let coded = |dim| Layout::choose(dim, Metric::L2, Options::default()).unwrap();
    let plain = |form, metric, dim, words| {
        Layout::plain_for(Plain::new(form, metric, dim).unwrap(), 8, words).unwrap()
    };
    vec![
        coded(3),
        coded(20),
        coded(200),
        plain(Form::F32, Metric::L1, 5, 0),
        plain(Form::F16, Metric::L1, 5, 0),
        plain(Form::Bits, Metric::Jaccard, 70, 0),
        plain(Form::Sparse, Metric::L2, 100, 9),
    ]
});

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (which, shift, bytes) = input;
    let layout = &LAYOUTS[usize::from(which) % LAYOUTS.len()];
    let shift = usize::from(shift % 5);
    let mut buffer = Buffer::new(layout.node_bytes() + shift).unwrap();
    let block = &mut buffer.bytes_mut()[shift..];
    let used = bytes.len().min(block.len());
    block[..used].copy_from_slice(&bytes[..used]);
    look(layout, block);
    // A norm and a scale that can be are hard to guess.
    block[6] &= 3;
    block[12..20].copy_from_slice(&[0, 0, 128, 63, 0, 0, 128, 63]);
    look(layout, block);
    look(layout, bytes);
});

fn look(layout: &Layout, bytes: &[u8]) {
    if let Ok(tids) = rows(layout, bytes) {
        assert!(tids.count() <= layout.chain_room().max(1));
    }
    if let Ok(Some(chain)) = TidListRef::new(layout, bytes) {
        assert!(chain.tids().count() <= layout.chain_room());
    }
    let Ok(block) = NodeRef::new(layout, bytes) else { return };
    let header = *block.header();
    let _ = (block.check(9), block.children().count(), block.factors(99), block.code(31));
    if !matches!(header.state, State::Live | State::Dead) {
        return;
    }
    assert!(block.used() <= layout.lanes());
    assert!(block.neighbours().count() <= block.used());
    let query = vec![1.0; layout.padded()];
    match layout.plain() {
        Some(plain) => {
            let mut own = vec![0.0; block.own().len()];
            block.own().decode(&mut own);
            assert!(!plain.distance(&query, &own).is_nan() && !plain.distance(&own, &own).is_nan());
        }
        None => {
            let _ = (block.own().l2_squared(&query), block.own().inner_product(&query));
            let (mut numbers, mut add, mut mul) = ([0; LANES], [0.0; LANES], [0.0; LANES]);
            if block.lanes(0, &mut numbers, &mut add, &mut mul).is_ok() {
                assert!(add.iter().chain(&mul).all(|x| x.is_finite()));
            }
        }
    }
}
