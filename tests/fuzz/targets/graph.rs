//! An index with changed bytes: searches, insertions, the check and the repair after deletions come to an end.
#![no_main]

use conifer_pure::distance::metric::Metric;
use conifer_pure::hnsw::node::{Layout, Options, Tid};
use conifer_pure::hnsw::params::Params;
use conifer_pure::hnsw::rotation::Rotation;
use conifer_pure::hnsw::search::{Order, Reach, Search, Width};
use conifer_pure::hnsw::test_index::TestIndex;
use conifer_pure::hnsw::uncoded::{Form, Uncoded};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const DIM: usize = 6;
const ROWS: u32 = 60;
const ROOM: u32 = 200;

/// An index without corruption.
struct Whole {
    layout: Layout,
    rotation: Rotation,
    params: Params,
    index: TestIndex,
}

static INDEXES: LazyLock<Vec<Whole>> = LazyLock::new(|| {
    let coded = |metric| Layout::choose(DIM, metric, Options::default()).unwrap();
    let uncoded = Uncoded::new(Form::F32, Metric::L1, DIM).unwrap();
    let uncoded = Layout::uncoded_for(uncoded, 8, 0).unwrap();
    [coded(Metric::L2), coded(Metric::InnerProduct), uncoded].into_iter().map(Whole::new).collect()
});

impl Whole {
    fn new(layout: Layout) -> Self {
        let (rotation, params) = match layout.uncoded() {
            None => {
                (Rotation::new(DIM, 1), Params { step: 4, ..Params::for_options(layout.metric(), 8, 16) })
            }
            Some(_) => (Rotation::new(1, 1), Params::for_uncoded(4, 16)),
        };
        let mut index = TestIndex::new(layout, rotation.clone(), &params, ROOM);
        for row in 0..ROWS {
            // The last rows are equal to the first ones.
            let vector = vector(row % (ROWS - 5));
            index.insert(&vector, Tid { block: row, offset: 1 }).unwrap();
        }
        assert_eq!(index.check().unwrap(), []);
        Self { layout, rotation, params, index }
    }

    fn copy(&self) -> TestIndex {
        let end = self.index.numbers().count() as u32;
        let all = (self.index.memory.bytes(), end);
        TestIndex::with(self.layout, self.rotation.clone(), &self.params, all, self.index.root, ROOM)
    }
}

fn vector(seed: u32) -> Vec<f32> {
    (0..DIM as u32).map(|i| ((seed * 37 + i * 101) % 71) as f32 - 35.0).collect()
}

/// The index; the changes, each a node record, a position in it and a byte; the steps after them.
type Input = (u8, Vec<(u8, u16, u8)>, Vec<u8>);

fuzz_target!(|input: Input| {
    let (which, changes, steps) = input;
    let whole = &INDEXES[usize::from(which) % INDEXES.len()];
    let mut index = whole.copy();
    let end = index.numbers().count() as u32;
    for (number, at, byte) in changes.into_iter().take(16) {
        let bytes = index.memory.node_mut(u32::from(number) % end).unwrap();
        // Half of the changes are to headers, stored vectors and first edge slots.
        let span = if at & 1 == 0 { bytes.len() } else { 128.min(bytes.len()) };
        bytes[usize::from(at / 2) % span] = byte;
    }
    for step in steps.into_iter().take(8) {
        let seed = u32::from(step >> 2);
        match step & 3 {
            0 => {
                let _ = index.insert(&vector(seed), Tid { block: 1000 + seed, offset: 1 });
            }
            1 => {
                let _ = index.kill(|tid| tid.block % 7 == seed % 7).and_then(|_| index.repair());
            }
            2 => assert!(index.check().unwrap().len() <= 1000),
            _ => search(whole, &mut index, seed),
        }
    }
    search(whole, &mut index, 1);
});

fn search(whole: &Whole, index: &mut TestIndex, seed: u32) {
    let mut search = Search::new(whole.layout);
    let near = Reach::Near(Width::of(&whole.layout, 10, None));
    let (reach, order) = match seed % 3 {
        0 => (Reach::All, Order::Once),
        1 => (near, Order::Relaxed),
        _ => (near, Order::Strict),
    };
    search.start(&whole.rotation, &vector(seed), index.root, reach, order).unwrap();
    // Each node record is read once, and gives no more rows than fit into it, but for TID lists that lead to each other.
    for _ in 0..1_000_000 {
        match search.next(&mut index.memory) {
            Ok(Some(hit)) => assert!(!hit.distance.is_nan()),
            _ => return,
        }
    }
    panic!("a search has no end");
}
