//! A node record and a record of a TID list, in each kind of layout.
#![no_main]

use conifer_pure::distance::metric::Metric;
use conifer_pure::hnsw::check::rows;
use conifer_pure::hnsw::node::{Buffer, Layout, NodeRef, Options, State, TidListRef};
use conifer_pure::hnsw::rabitq::BATCH;
use conifer_pure::hnsw::uncoded::{Form, Uncoded};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let coded = |dim| Layout::choose(dim, Metric::L2, Options::default()).unwrap();
    let uncoded = |form, metric, dim, words| {
        Layout::uncoded_for(Uncoded::new(form, metric, dim).unwrap(), 8, words).unwrap()
    };
    vec![
        coded(3),
        coded(20),
        coded(200),
        uncoded(Form::F32, Metric::L1, 5, 0),
        uncoded(Form::F16, Metric::L1, 5, 0),
        uncoded(Form::Bits, Metric::Jaccard, 70, 0),
        uncoded(Form::Sparse, Metric::L2, 100, 9),
    ]
});

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (which, shift, bytes) = input;
    let layout = &LAYOUTS[usize::from(which) % LAYOUTS.len()];
    let shift = usize::from(shift % 5);
    let mut buffer = Buffer::new(layout.node_bytes() + shift).unwrap();
    let record = &mut buffer.bytes_mut()[shift..];
    let used = bytes.len().min(record.len());
    record[..used].copy_from_slice(&bytes[..used]);
    look(layout, record);
    // A fuzzer does not guess a valid norm and scale.
    record[6] &= 3;
    record[12..20].copy_from_slice(&[0, 0, 128, 63, 0, 0, 128, 63]);
    look(layout, record);
    look(layout, bytes);
});

fn look(layout: &Layout, bytes: &[u8]) {
    if let Ok(tids) = rows(layout, bytes) {
        assert!(tids.count() <= layout.tid_list_capacity().max(1));
    }
    if let Ok(Some(tid_list)) = TidListRef::new(layout, bytes) {
        assert!(tid_list.tids().count() <= layout.tid_list_capacity());
    }
    let Ok(record) = NodeRef::new(layout, bytes) else { return };
    let header = *record.header();
    let _ = (record.check(9), record.children().count(), record.factors(99), record.code(31));
    if !matches!(header.state, State::Live | State::Dead) {
        return;
    }
    assert!(record.used() <= layout.slots());
    assert!(record.neighbours().count() <= record.used());
    let query = vec![1.0; layout.padded()];
    match layout.uncoded() {
        Some(uncoded) => {
            let mut stored = vec![0.0; record.stored().len()];
            record.stored().decode(&mut stored);
            assert!(
                !uncoded.distance(&query, &stored).is_nan() && !uncoded.distance(&stored, &stored).is_nan()
            );
        }
        None => {
            let _ = (record.stored().l2_squared(&query), record.stored().inner_product(&query));
            let (mut numbers, mut add, mut mul) = ([0; BATCH], [0.0; BATCH], [0.0; BATCH]);
            if record.slots(0, &mut numbers, &mut add, &mut mul).is_ok() {
                assert!(add.iter().chain(&mul).all(|x| x.is_finite()));
            }
        }
    }
}
