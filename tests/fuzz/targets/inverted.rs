//! An inverted index with changed bytes: scans, insertions, merges, vacuums and the check come to an end.
#![no_main]

use conifer_pure::hnsw::node::Tid;
use conifer_pure::inverted::test_index::MemoryPages;
use conifer_pure::inverted::{Effort, Query, ROOT, Scan, check, insert, maintain, page, sweep, vacuum};
use conifer_pure::types::sparsevec::Sparse;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const DIM: i32 = 1000;
const ROWS: u32 = 1500;
const MEMORY: usize = 1 << 20;

/// An index with pages of all kinds.
static INDEX: LazyLock<MemoryPages> = LazyLock::new(|| {
    let vectors: Vec<(Vec<i32>, Vec<f32>)> = (0..ROWS)
        .map(|row| {
            let mut dims: Vec<i32> =
                (0..4).map(|i| ((row * 37 + i * i * 101) % 700) as i32).chain([900]).collect();
            dims.sort_unstable();
            dims.dedup();
            let values = dims.iter().map(|dim| 1.0 + (dim % 7) as f32 - (row % 3) as f32 * 2.5).collect();
            (dims, values)
        })
        .collect();
    let rows = (0..).zip(&vectors).map(|(row, (indices, values))| {
        (row % 3, Tid { block: row, offset: 1 }, Sparse { dim: DIM, indices, values })
    });
    let mut pages = MemoryPages::keyed(rows, 1 << 30).unwrap();
    for (row, (indices, values)) in (ROWS..).zip(&vectors[..120]) {
        let vector = Sparse { dim: DIM, indices, values };
        insert(&mut pages, ROOT, row % 4, Tid { block: row, offset: 1 }, vector).unwrap();
    }
    assert_eq!(check(&mut pages, ROOT, 9).unwrap(), []);
    pages
});

fuzz_target!(|input: (u8, Vec<(u8, u16, u8)>)| {
    let (how, changes) = input;
    let mut pages = INDEX.clone();
    let count = pages.pages.len();
    for (page, at, byte) in changes {
        let page = 1 + usize::from(page) % (count - 1);
        let used = page::used(&pages.pages[page]).max(page::HEADER);
        pages.pages[page][usize::from(at) % used] = byte;
        if how & 1 == 0 {
            pages.seal(page as u32);
        }
    }
    let _ = check(&mut pages, ROOT, 9).unwrap();
    let (indices, values) = ([5, 37, 101, 300, 404, 900], [1.0, -2.0, 0.5, 3.0, 1.0, 0.1]);
    let query = Sparse { dim: DIM, indices: &indices, values: &values };
    scan(&mut pages, query, if how & 2 == 0 { 20 } else { 3000 });
    let _ = insert(&mut pages, ROOT, 1, Tid { block: 9, offset: 9 }, query);
    let mut asked = 0;
    let mut gone = |_| {
        asked += 1;
        asked % 2 == 0
    };
    let _ = vacuum(&mut pages, ROOT, &mut gone, MEMORY);
    let all = Effort { pending_pages: 0, max_pages: u32::MAX, memory: MEMORY };
    let _ = maintain(&mut pages, ROOT, &all);
    let _ = sweep(&mut pages, &[ROOT]);
    scan(&mut pages, query, 20);
});

fn scan(pages: &mut MemoryPages, query: Sparse<'_>, limit: usize) {
    let mut scan = Scan::new(ROOT, vec![0, 1, 2], Query::new(query).unwrap(), 10);
    for _ in 0..limit {
        if !matches!(scan.next(pages), Ok(Some(_))) {
            break;
        }
    }
}
