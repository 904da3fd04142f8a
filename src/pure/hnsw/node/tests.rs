//! Sizes are the intended ones, node records come back as they were written, and no bytes make reading panic.

mod golden;

use super::write::{load, store};
use super::*;
use crate::distance::metric::Metric;
use crate::hnsw::rabitq::{BATCH, Factors};
use proptest::prelude::*;

const METRICS: [Metric; 3] = [Metric::L2, Metric::InnerProduct, Metric::Cosine];

fn cases(cases: u32) -> ProptestConfig {
    let cases = if cfg!(miri) { 4 } else { cases };
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

fn layout(dim: usize) -> Layout {
    Layout::choose(dim, Metric::L2, Options::default()).unwrap()
}

/// Per dimensions: bytes of a node record, node records of a page, pages of a node record, bits, coded dimensions.
#[test]
fn sizes() {
    for (dim, record, per_page, pages, bits, coded) in [
        (3, 736, 11, 1, 4, 16),
        (8, 736, 11, 1, 4, 16),
        (32, 992, 8, 1, 4, 32),
        (96, 1376, 5, 1, 2, 96),
        (128, 1184, 6, 1, 1, 128),
        (384, 2720, 3, 1, 1, 384),
        (768, 4064, 2, 1, 1, 528),
        (1024, 4064, 2, 1, 1, 400),
        (1536, 8160, 1, 1, 1, 1168),
        (2000, 8128, 1, 1, 1, 928),
        (3072, 8160, 1, 1, 1, 400),
        (3584, 16288, 1, 2, 1, 2176),
        (16000, 40800, 1, 5, 1, 2096),
    ] {
        let layout = layout(dim);
        let found = (layout.node_bytes(), layout.per_page(), layout.unit_pages());
        let shape = layout.shape().unwrap();
        assert_eq!((found, shape.bits(), shape.dims()), ((record, per_page, pages), bits, coded), "{dim}");
    }
    // Bytes of a row with the levels above against pgvector's, as the issue allows.
    for (dim, theirs, max) in [(384, 2048.0, 1.45), (768, 4096.0, 1.1), (1536, 8192.0, 1.1)] {
        let layout = layout(dim);
        let ours = PAGE as f64 / layout.per_page() as f64 * 16.0 / 15.0;
        assert!(ours <= max * theirs, "{dim}: {ours}");
    }
}

#[test]
fn every_dimension_has_a_layout() {
    for dim in 1..=MAX_DIMS {
        for slots in [32, 64, 224] {
            let options = Options { slots, ..Options::default() };
            let layout = Layout::choose(dim, Metric::Cosine, options).unwrap();
            let all = layout.node_bytes() * layout.per_page();
            assert!(all <= ROOM * layout.unit_pages() && layout.node_bytes().is_multiple_of(8));
            assert!(layout.unit_pages() == 1 || all > ROOM * (layout.unit_pages() - 1));
            assert!(layout.shape().unwrap().dims() >= layout.padded().min(384), "{dim}");
            assert_eq!(Layout::choose(dim, Metric::Cosine, layout.options()).unwrap(), layout);
        }
    }
}

#[test]
fn bad_options() {
    let good = Options::default();
    let choose = |dim, options| Layout::choose(dim, Metric::L2, options);
    for options in [
        Options { slots: 0, ..good },
        Options { slots: 48, ..good },
        Options { slots: 256, ..good },
        Options { bits: Some(3), ..good },
        Options { coded: Some(24), ..good },
        Options { coded: Some(400), ..good },
    ] {
        assert_eq!(choose(384, options).unwrap_err().state, crate::fault::state::INVALID_PARAMETER_VALUE);
    }
    assert!(choose(0, good).is_err() && choose(MAX_DIMS + 1, good).is_err());
    let all = Options { slots: 64, bits: Some(8), coded: Some(16), stored: Some(StoredForm::F32) };
    assert_eq!(choose(20, all).unwrap().options(), all);
}

/// Node records lie next to each other, in order, none across two pages; one that is larger than a page has its pages alone.
#[test]
fn places() {
    for dim in [3, 384, 1536, 5000] {
        let layout = layout(dim);
        let mut end = (0, 0);
        for k in 0..100 {
            let number = k * layout.step();
            let place = layout.place(number).unwrap();
            let on_next = (end.0 + layout.unit_pages() as u32, 0);
            assert!(k == 0 || (place.page, place.offset) == end || (place.page, place.offset) == on_next);
            assert!(layout.unit_pages() > 1 || place.offset + layout.node_bytes() <= ROOM);
            end = (place.page, place.offset + layout.node_bytes());
        }
        assert_eq!(layout.place(layout.first_on(7)).unwrap(), Place { page: 7, offset: 0 });
        assert_eq!(layout.bound(7), layout.first_on(7));
    }
    assert!(layout(384).place(MAX_NODES - 1).is_ok());
    assert!(layout(384).place(MAX_NODES).is_err());
}

fn header() -> impl Strategy<Value = Header> {
    let links = (any::<u32>(), any::<u32>(), any::<u32>());
    let tid = (any::<u32>(), any::<u16>()).prop_map(|(block, offset)| Tid { block, offset });
    (tid, 0..=31u8, any::<u16>(), 0f32..1e30, -126..=127i32, any::<bool>(), links).prop_map(
        |(tid, level, version, norm, exponent, live, (graph, down, tid_list))| Header {
            tid,
            state: if live { State::Live } else { State::Dead },
            level,
            version,
            kept: 0,
            used: 0,
            norm,
            scale: f32::from_bits(((exponent + 127) as u32) << 23),
            graph,
            down,
            tid_list,
        },
    )
}

fn vector(n: usize) -> impl Strategy<Value = Vec<f32>> {
    prop::collection::vec(-10.0..10f32, n)
}

proptest! {
    #![proptest_config(cases(50))]

    #[test]
    fn headers_come_back(header in header(), kept in 0..=32u8, more in 0..=32u8) {
        let used = (kept + more).min(32);
        let header = Header { kept, used, ..header };
        prop_assert_eq!(Header::read(&header.bytes(), 32).unwrap(), header);
        prop_assert!(kept == used || Header::read(&header.bytes(), usize::from(used) - 1).is_err());
    }

    /// Edge slots are written, overwritten and emptied; the others stay as they are.
    #[test]
    fn edges_come_back(
        (dim, vectors) in prop_oneof![Just(5usize), Just(50), Just(100), Just(200)].prop_flat_map(|dim| {
            (Just(dim), prop::collection::vec(vector(dim.next_multiple_of(16)), 12))
        }),
        header in header(),
        slots in prop::collection::vec((0..64usize, any::<bool>()), 1..40),
        metric in prop::sample::select(&METRICS[..]),
    ) {
        let layout = Layout::choose(dim, metric, Options { slots: 64, ..Options::default() }).unwrap();
        let mut stored = vec![0; layout.stored_bytes()];
        let (scale, norm) = store(&layout, &vectors[0], &mut stored);
        let mut node = vec![0.0; layout.padded()];
        load(&layout, scale, &stored, &mut node);
        let mut buffer = Buffer::new(layout.node_bytes() + 8).unwrap();
        buffer.bytes_mut().fill(0xaa);
        let mut record = NodeMut::new(&layout, buffer.bytes_mut()).unwrap();
        record.format(&Header { scale, norm, graph: 1, down: 2, tid_list: NONE, ..header }, &stored);
        let mut encoder = Coder::new(&layout);
        let mut model = vec![None; 64];
        for (i, (slot, put)) in slots.into_iter().enumerate() {
            if put {
                let mut code = vec![0; layout.code_bytes()];
                let factors = encoder.encode(&node, &vectors[i % 12], &mut code);
                if i % 2 == 0 {
                    record.encode_edge(slot, i as u32, &mut encoder, &node, &vectors[i % 12]);
                } else {
                    record.put_edge(slot, i as u32, factors, &code);
                }
                model[slot] = Some((i as u32, factors, code));
            } else {
                record.clear_edge(slot);
                model[slot] = None;
            }
        }
        record.set_counts(3, 64);
        prop_assert_eq!(&buffer.bytes()[layout.node_bytes()..], &[0xaa; 8]);

        let record = NodeRef::new(&layout, buffer.bytes()).unwrap();
        prop_assert_eq!(*record.header(), Header { scale, norm, kept: 3, used: 64, graph: 1, down: 2, tid_list: NONE, ..header });
        record.check(40).unwrap();
        let mut back = vec![0.0; layout.padded()];
        record.stored().decode(&mut back);
        prop_assert_eq!(&back, &node);
        let (mut numbers, mut add, mut mul) = ([0; BATCH], [0.0; BATCH], [0.0; BATCH]);
        for (slot, model) in model.iter().enumerate() {
            let codes = record.slots(slot / 32, &mut numbers, &mut add, &mut mul).unwrap();
            let code = &codes[slot % 32 * layout.stride()..][..layout.code_bytes()];
            let factors = Factors { add: add[slot % 32], mul: mul[slot % 32] };
            prop_assert_eq!(record.neighbour(slot), model.as_ref().map(|m| m.0));
            let zeros = (NONE, Factors::default(), vec![0; code.len()]);
            let model = model.as_ref().unwrap_or(&zeros);
            prop_assert_eq!((numbers[slot % 32], factors, code), (model.0, model.1, &model.2[..]));
            prop_assert_eq!((record.factors(slot), record.code(slot)), (Some(factors), Some(code)));
        }
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    /// Bytes of any kind, with a header that is likely to be accepted, or none.
    #[test]
    fn no_bytes_panic(seed in any::<u64>(), state in 0..5u8, used in 0..40u8, shift in 0..9usize, cut in any::<bool>()) {
        let layout = layout(20);
        let mut buffer = Buffer::new(layout.node_bytes() + 16).unwrap();
        let mut word = seed;
        for byte in buffer.bytes_mut() {
            word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (word >> 56) as u8 & if seed % 3 == 0 { 0x3f } else { 0xff };
        }
        let size = layout.node_bytes() - usize::from(cut && seed % 2 == 0);
        let bytes = &mut buffer.bytes_mut()[shift..][..size];
        if seed % 4 != 0 {
            (bytes[6], bytes[7], bytes[10], bytes[11]) = (state, used / 2, used / 2, used);
            bytes[12..20].copy_from_slice(&[0, 0, 128, 63, 0, 0, 128, 63]);
        }
        if let Ok(record) = NodeRef::new(&layout, bytes) {
            let (mut numbers, mut add, mut mul) = ([0; BATCH], [0.0; BATCH], [0.0; BATCH]);
            if record.slots(0, &mut numbers, &mut add, &mut mul).is_ok() {
                prop_assert!(add.iter().chain(&mul).all(|x| x.is_finite()));
            }
            let _ = (record.check(9), record.neighbours().count(), record.factors(99), record.code(31));
            let _ = record.stored().l2_squared(&[1.0; 32]);
        }
        if let Ok(Some(tid_list)) = TidListRef::new(&layout, bytes) {
            prop_assert!(tid_list.tids().count() <= layout.tid_list_capacity());
        }
    }
}

#[test]
fn tid_lists_come_back() {
    let layout = layout(384);
    let mut buffer = Buffer::new(layout.node_bytes()).unwrap();
    let tids = |n: usize| (0..n).map(|i| Tid { block: i as u32 * 7, offset: i as u16 + 1 });
    let max = layout.tid_list_capacity();
    assert_eq!(max, 448);
    for n in [0, 1, max] {
        let mut tid_list = TidListMut::format(&layout, buffer.bytes_mut(), 3, (9, 17), 18, tids(n)).unwrap();
        tid_list.set_next(NONE);
        let tid_list = TidListRef::new(&layout, buffer.bytes()).unwrap().unwrap();
        assert_eq!((tid_list.graph, tid_list.owner, tid_list.next), (9, 17, NONE));
        assert!(tid_list.tids().eq(tids(n)));
        assert_eq!(NodeRef::new(&layout, buffer.bytes()).unwrap().header().state, State::TidList);
    }
    assert!(TidListMut::format(&layout, buffer.bytes_mut(), 3, (9, 17), 18, tids(max + 1)).is_err());
    buffer.bytes_mut().fill(0);
    assert!(TidListRef::new(&layout, buffer.bytes()).unwrap().is_none());
    assert_eq!(NodeRef::new(&layout, buffer.bytes()).unwrap().header().state, State::Free);
}

#[test]
fn headers_that_cannot_be() {
    let good = Header {
        tid: Tid { block: 1, offset: 1 },
        state: State::Live,
        level: 0,
        version: 0,
        kept: 1,
        used: 2,
        norm: 1.0,
        scale: 0.5,
        graph: 0,
        down: NONE,
        tid_list: NONE,
    };
    assert!(Header::read(&good.bytes(), 32).is_ok());
    for bad in [
        Header { level: 32, ..good },
        Header { kept: 3, ..good },
        Header { used: 33, ..good },
        Header { norm: -1.0, ..good },
        Header { norm: f32::NAN, ..good },
        Header { norm: f32::INFINITY, ..good },
        Header { scale: 0.0, ..good },
        Header { scale: -1.0, ..good },
        Header { scale: 1.5, ..good },
        Header { scale: f32::INFINITY, ..good },
    ] {
        let fault = Header::read(&bad.bytes(), 32).unwrap_err();
        assert_eq!(fault.state, crate::fault::state::INDEX_CORRUPTED, "{bad:?}");
        assert_eq!(fault.hint.as_deref(), Some("REINDEX the index."));
    }
    let mut bytes = good.bytes();
    bytes[6] = 4;
    assert!(Header::read(&bytes, 32).is_err());
}
