//! Words stand for the values they were made of; graphs of uncoded values are searched, grow and are repaired.

mod golden;

use super::form::sparse_of;
use super::*;
use crate::fault::state;
use crate::hnsw::node::{Layout, ROOM, StoredForm};
use crate::hnsw::search::{Order, Reach, Search, Width};
use crate::hnsw::test_index::filtered::{How, Matches};
use crate::hnsw::test_index::samples::{Sample, points};
use crate::types::element::{Element, f16};
use crate::types::sparsevec::Sparse;
use proptest::prelude::*;
use std::collections::HashSet;
use std::sync::OnceLock;

const ALL: [(Form, Metric); 8] = [
    (Form::F32, Metric::L1),
    (Form::F16, Metric::L1),
    (Form::Bits, Metric::Hamming),
    (Form::Bits, Metric::Jaccard),
    (Form::Sparse, Metric::L2),
    (Form::Sparse, Metric::InnerProduct),
    (Form::Sparse, Metric::Cosine),
    (Form::Sparse, Metric::L1),
];
const DIM: usize = 45;

/// A value near a point: its numbers, their signs, or the largest of them.
fn words(form: Form, metric: Metric, point: &[f32]) -> Vec<f32> {
    match form {
        Form::F32 => of_f32(point),
        Form::F16 => of_f16(&point.iter().map(|x| Element::from_f32(*x)).collect::<Vec<f16>>()),
        Form::Bits => {
            let bit = |(i, x): (usize, &f32)| if *x > 0.3 { 0x80u8 >> i } else { 0 };
            let byte = |bits: &[f32]| bits.iter().enumerate().map(bit).sum::<u8>();
            of_bits(&point.chunks(8).map(byte).collect::<Vec<u8>>())
        }
        Form::Sparse => {
            let some = (0i32..).zip(point).filter(|(_, x)| x.abs() > 1.0 || **x > 0.9);
            let (indices, values): (Vec<i32>, Vec<f32>) = some.map(|(i, x)| (i * 1000, *x)).unzip();
            let sparse = Sparse { dim: 0, indices: &indices, values: &values };
            of_sparse(sparse, metric).unwrap_or_else(|| of_sparse(sparse, Metric::L2).unwrap())
        }
    }
}

fn uncoded(form: Form, metric: Metric) -> Uncoded {
    Uncoded::new(form, metric, if form == Form::Sparse { DIM * 1000 } else { DIM }).unwrap()
}

fn layout(form: Form, metric: Metric) -> Layout {
    let layout = Layout::uncoded_for(uncoded(form, metric), 16, 61).unwrap();
    assert!(layout.slots() == 16 && layout.stored() == StoredForm::Uncoded && layout.shape().is_none());
    layout
}

fn values(form: Form, metric: Metric, n: usize, seed: u64) -> Vec<Vec<f32>> {
    points(n, DIM, seed).iter().map(|point| words(form, metric, point)).collect()
}

#[test]
fn words_are_the_values() {
    let x = [1.5f32, -0.0, 3.0];
    assert_eq!(of_f32(&x).iter().map(|x| x.to_bits()).collect::<Vec<_>>(), [0x3fc0_0000, 0, 0x4040_0000]);
    let halves: Vec<f16> = x.iter().map(|x| Element::from_f32(*x)).collect();
    let words = of_f16(&halves);
    assert!(words.len() == 2 && f16s(&words)[3].to_bits() == 0 && f16s(&words)[1].to_bits() == 0);
    assert_eq!(f16s(&words)[..3], halves);
    let words = of_bits(&[0x80, 1, 0xff, 2, 0x40]);
    assert_eq!(bytes(&words), [0x80, 1, 0xff, 2, 0x40, 0, 0, 0]);
    let sparse = Sparse { dim: 9, indices: &[1, 7], values: &[3.0, -4.0] };
    let words = of_sparse(sparse, Metric::Cosine).unwrap();
    assert_eq!((sparse_of(&words).indices, sparse_of(&words).values), (&[1, 7][..], &[0.6, -0.8][..]));
    let zero = Sparse { dim: 9, indices: &[], values: &[] };
    assert!(of_sparse(zero, Metric::Cosine).is_none());
    assert_eq!(of_sparse(zero, Metric::L1).unwrap().len(), 1);
}

#[test]
fn only_these() {
    for form in [Form::F32, Form::F16, Form::Bits, Form::Sparse] {
        use Metric::*;
        for metric in [L2, InnerProduct, Cosine, L1, Hamming, Jaccard] {
            let there = ALL.contains(&(form, metric));
            assert_eq!(Uncoded::new(form, metric, 10).is_some(), there);
            let beyond = form.max_dims() + 1;
            assert!(Uncoded::new(form, metric, 0).is_none() && Uncoded::new(form, metric, beyond).is_none());
        }
    }
    assert!(Uncoded::new(Form::F16, Metric::L1, 16_000).is_some());
    assert!(Uncoded::new(Form::Bits, Metric::Hamming, 64_000).is_some());
}

/// Node records of a page, pages of a node record, words.
#[test]
fn sizes() {
    for (form, metric, dim, slots, expected) in [
        (Form::F32, Metric::L1, 3, 32, (18, 1, 3)),
        (Form::F32, Metric::L1, 384, 32, (4, 1, 384)),
        (Form::F32, Metric::L1, 16_000, 32, (1, 8, 16_000)),
        (Form::F16, Metric::L1, 385, 200, (2, 1, 193)),
        (Form::Bits, Metric::Hamming, 64, 4, (92, 1, 2)),
        (Form::Bits, Metric::Jaccard, 64_000, 32, (1, 2, 2000)),
        (Form::Sparse, Metric::L2, 30_000, 32, (4, 1, 406)),
    ] {
        let uncoded = Uncoded::new(form, metric, dim).unwrap();
        let layout = Layout::uncoded_for(uncoded, slots, 385).unwrap();
        assert_eq!((layout.per_page(), layout.unit_pages(), layout.padded()), expected, "{uncoded:?}");
        assert!(layout.node_bytes() * layout.per_page() <= ROOM * layout.unit_pages());
        let again = Layout::uncoded_for(uncoded, slots, layout.options().coded.unwrap());
        assert_eq!(again.unwrap(), layout);
    }
    let uncoded = Uncoded::new(Form::Sparse, Metric::L2, 10).unwrap();
    assert!([0, 1 << 20].iter().all(|words| Layout::uncoded_for(uncoded, 32, *words).is_err()));
    assert!([0, 225].iter().all(|slots| Layout::uncoded_for(uncoded, *slots, 9).is_err()));
}

/// Built, grown and repaired graphs find the nearest, and pass the check.
#[test]
fn finds_grows_and_repairs() {
    for (form, metric) in ALL {
        let n = 400;
        let (rows, queries) = (values(form, metric, n, 3), values(form, metric, 40, 99));
        let on = |there: Vec<usize>| Sample::on(layout(form, metric), rows.clone(), there);
        let min = if metric == Metric::InnerProduct { 0.9 } else { 0.96 };
        let mut built = on((0..n).collect());
        built.check();
        let recall = built.recall_of(&queries, 40);
        assert!(recall >= min, "{form:?} {metric:?}: built {recall}");
        for first in [0, n / 2] {
            let mut grown = on((0..first).collect());
            grown.insert(first..n);
            grown.check();
            let recall = grown.recall_of(&queries, 40);
            assert!(recall >= min - 0.01, "{form:?} {metric:?}: from {first} {recall}");
        }
        let dies = |row: usize| row.wrapping_mul(0x9e37_79b9) >> 7 & 3 != 0;
        built.kill(dies);
        built.index.repair().unwrap();
        built.check();
        let recall = built.recall_of(&queries, 40);
        assert!(recall >= min, "{form:?} {metric:?}: repaired {recall}");
        built.insert((0..n).filter(|row| dies(*row)));
        built.check();
        let recall = built.recall_of(&queries, 40);
        assert!(recall >= min - 0.01, "{form:?} {metric:?}: refilled {recall}");
    }
}

/// Of the rows that match, filtered searches find the nearest, however many match.
#[test]
fn filtered() {
    for (form, metric) in ALL {
        let n = if cfg!(miri) { 100 } else { 800 };
        let (rows, queries) = (values(form, metric, n, 3), values(form, metric, 20, 99));
        let mut sample = Sample::on(layout(form, metric), rows, (0..n).collect());
        let (mut found, mut expected) = (0, 0);
        for (every, indexed) in [1, 2, 10, 100].into_iter().flat_map(|every| [(every, false), (every, true)])
        {
            for (i, query) in queries.iter().enumerate() {
                let distances = sample.distances(query);
                let lot = |row: usize| (row * 20 + i).wrapping_mul(0x9e37_79b9) >> 9;
                let matches: HashSet<usize> = (0..n).filter(|row| lot(*row) % every == 0).collect();
                let mut nearest: Vec<f64> = matches.iter().map(|row| distances[*row]).collect();
                nearest.sort_by(f64::total_cmp);
                let filter = Matches::new(&matches, distances.clone(), indexed);
                let outcome = sample.filtered(query, filter, How::default());
                let all = matches.len().min(10);
                assert!(outcome.rows.len() == all && outcome.rows.iter().all(|row| matches.contains(row)));
                let limit = nearest[..all].last().copied().unwrap_or_default();
                found += outcome.rows.iter().filter(|row| distances[**row] <= limit).count();
                expected += all;
            }
        }
        let recall = found as f64 / expected as f64;
        // Small graphs of few edges: unfiltered, they find 0.96.
        let min = if metric == Metric::InnerProduct { 0.97 } else { 0.98 };
        assert!(recall >= min, "{form:?} {metric:?}: {recall}");
    }
}

/// Every row comes once, and in the order of the distances that SQL shows, as far as the scan promises.
#[test]
fn in_order() {
    for (form, metric) in ALL {
        let mut rows = values(form, metric, 300, 7);
        rows.extend(rows[..30].to_vec());
        let n = rows.len();
        // Too few words for half of the sparse values.
        let layout = match form {
            Form::Sparse => Layout::uncoded_for(uncoded(form, metric), 160, 1).unwrap(),
            _ => layout(form, metric),
        };
        let mut sample = Sample::on(layout, rows, (0..n).collect());
        let mut cut = 0;
        for query in values(form, metric, 5, 99) {
            for (reach, order) in [
                (Reach::All, Order::Once),
                (Reach::Near(Width::of(&layout, 40, None)), Order::Once),
                (Reach::Near(Width::of(&layout, 10, None)), Order::Relaxed),
                (Reach::Near(Width::of(&layout, 10, None)), Order::Strict),
            ] {
                let mut search = Search::new(layout);
                search.start(&sample.rotation, &query, sample.index.root, reach, order).unwrap();
                let mut hits = vec![];
                while let Some(hit) = search.next(&mut sample.index.memory).unwrap() {
                    hits.push(hit);
                }
                let whole = reach == Reach::All || order == Order::Relaxed;
                // Of values that are mostly left out, a strict scan knows the order of few.
                let min = if form == Form::Sparse && order == Order::Strict { 10 } else { 40 };
                assert!(if whole { hits.len() == n } else { hits.len() >= min }, "{}", hits.len());
                let uncoded = layout.uncoded().unwrap();
                let row = |hit: &crate::hnsw::search::Hit| &sample.rows[hit.tid.block as usize];
                let shown: Vec<f64> =
                    hits.iter().map(|hit| uncoded.shown(uncoded.distance(&query, row(hit)))).collect();
                for (i, hit) in hits.iter().enumerate() {
                    let (low, high) = hit.bounds();
                    assert!(low <= shown[i] && shown[i] <= high, "{uncoded:?} {low} {} {high}", shown[i]);
                    cut += usize::from(low < high);
                    if order != Order::Once {
                        continue;
                    }
                    assert!(hit.floor <= shown[i..].iter().copied().fold(f64::INFINITY, f64::min));
                    if hit.certain {
                        assert!(shown[..i].iter().all(|other| *other <= shown[i]));
                        assert!(shown[i + 1..].iter().all(|other| *other >= shown[i]));
                    }
                }
                if matches!(form, Form::F32 | Form::Bits) {
                    assert!(hits.iter().all(|hit| hit.certain) || order != Order::Once);
                }
            }
        }
        assert_eq!(cut > 0, matches!(form, Form::Sparse | Form::F16), "{form:?} {metric:?}");
    }
}

/// A search reads a node record at most once for its distance and once for its edges.
#[test]
fn reads_little() {
    let (form, metric) = ALL[0];
    let mut sample = Sample::on(layout(form, metric), values(form, metric, 2000, 3), (0..2000).collect());
    for query in values(form, metric, 5, 99) {
        let width = Width::of(&sample.layout, 10, None);
        let mut search = Search::new(sample.layout);
        search.start(&sample.rotation, &query, sample.index.root, Reach::Near(width), Order::Once).unwrap();
        while search.next(&mut sample.index.memory).unwrap().is_some() {}
        assert!(search.effort.hops < 10 * 3 * 17, "{:?}", search.effort);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 2 } else { 60 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    /// Searches, insertions and the check of corrupted pages end, with an error or without.
    #[test]
    fn survives_corruption(
        kind in 0..ALL.len(),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..300),
        headers in prop::collection::vec((0..60u32, 0..40usize, any::<u8>()), 0..40),
    ) {
        static GOOD: OnceLock<Vec<std::sync::Mutex<Sample>>> = OnceLock::new();
        let good = GOOD.get_or_init(|| {
            let made = |(form, metric): &(Form, Metric)| {
                let rows = values(*form, *metric, 60, 3);
                Sample::on(layout(*form, *metric), rows, (0..50).collect()).into()
            };
            ALL.iter().map(made).collect()
        });
        let mut sample = good[kind].lock().unwrap().copy();
        for (at, byte) in hits {
            let bytes = sample.index.memory.bytes_mut();
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        for (number, at, byte) in headers {
            if let Ok(record) = sample.index.memory.node_mut(number) {
                record[at] = byte;
            }
        }
        let query = sample.rows[55].clone();
        for reach in [Reach::All, Reach::Near(Width::of(&sample.layout, 10, None))] {
            let mut search = Search::new(sample.layout);
            search.start(&sample.rotation, &query, sample.index.root, reach, Order::Relaxed).unwrap();
            loop {
                match search.next(&mut sample.index.memory) {
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(fault) => {
                        prop_assert_eq!(fault.state, state::INDEX_CORRUPTED);
                        break;
                    }
                }
            }
        }
        if let Err(fault) = sample.index.insert(&query, crate::hnsw::test_index::samples::tid(55)) {
            prop_assert_eq!(fault.state, state::INDEX_CORRUPTED);
        }
        let _ = sample.index.check().unwrap();
    }

    /// Words that are no value have a distance, too.
    #[test]
    fn any_words(a in prop::collection::vec(any::<u32>(), 0..20), b in prop::collection::vec(0..9u32, 0..20)) {
        let of = |bits: &[u32]| -> Vec<f32> { bits.iter().map(|bits| f32::from_bits(*bits)).collect() };
        for (form, metric) in ALL {
            let uncoded = uncoded(form, metric);
            for (x, y) in [(&a, &b), (&b, &a), (&b, &b)] {
                prop_assert!(!uncoded.distance(&of(x), &of(y)).is_nan());
                let _ = uncoded.check(&of(x));
            }
        }
    }
}
