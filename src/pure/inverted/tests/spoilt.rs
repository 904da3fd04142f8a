//! Indexes with changed bytes: an error or an answer, never a panic or a loop without end, and the check finds each
//! of them.

use super::model::{Kind, Rows, Vector, rows, tid, vectors};
use crate::fault::{Fault, state};
use crate::hnsw::node::Tid;
use crate::inverted::page;
use crate::inverted::test_index::MemoryPages;
use crate::inverted::{Effort, Query, ROOT, Scan, check, insert, maintain, sweep, vacuum};
use crate::noise::Noise;

/// An index with pages of all kinds.
fn sample() -> (MemoryPages, Rows) {
    let mut noise = Noise(12);
    let rows = rows(&vectors(&mut noise, Kind::Words, 1500, 6, 900));
    let keyed = rows.iter().map(|((block, offset), vector)| {
        (block % 7 / 5, Tid { block: *block, offset: *offset }, vector.get())
    });
    let mut pages = MemoryPages::keyed(keyed, 1 << 30).unwrap();
    for row in 0..30 {
        let vector = Vector::of((0..60).map(|i| (row + i * 11, 1.5)));
        insert(&mut pages, ROOT, (row % 2) as u32, tid(2000 + row as usize), vector.get()).unwrap();
    }
    let long = Vector::of((0..2500).map(|i| (i, 0.5)));
    insert(&mut pages, ROOT, 9, tid(3000), long.get()).unwrap();
    let kinds: std::collections::BTreeSet<u8> = pages.pages.iter().map(|room| room[8]).collect();
    // All but free and reserved pages.
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), (3..=12).collect::<Vec<_>>());
    (pages, rows)
}

fn expected(fault: &Fault) {
    assert!(
        matches!(
            fault.state,
            state::INDEX_CORRUPTED | state::PROGRAM_LIMIT_EXCEEDED | state::FEATURE_NOT_SUPPORTED
        ),
        "{fault:?}"
    );
    assert!(fault.hint.is_some(), "{fault:?}");
}

fn scan(pages: &mut MemoryPages, query: &Vector, limit: usize) {
    let mut scan = Scan::new(ROOT, vec![0, 1, 9], Query::new(query.get()).unwrap(), 10);
    for _ in 0..limit {
        match scan.next(pages) {
            Ok(Some(_)) => {}
            Ok(None) => return,
            Err(fault) => return expected(&fault),
        }
    }
}

/// Looks at everything: scans, and what writes.
fn look(pages: &MemoryPages, query: &Vector, write: bool) {
    let mut copy = pages.clone();
    scan(&mut copy, query, 10);
    if !write {
        return;
    }
    scan(&mut copy, query, 3000);
    let vector = Vector::of([(3, 1.0)]);
    if let Err(fault) = insert(&mut copy, ROOT, 0, tid(4000), vector.get()) {
        expected(&fault);
    }
    let all = Effort { pending_pages: 0, max_pages: u32::MAX, memory: 1 << 20 };
    let mut third = 0;
    let mut gone = |_| {
        third += 1;
        third % 3 == 0
    };
    let run = vacuum(&mut copy, ROOT, &mut gone, 1 << 20)
        .and_then(|_| maintain(&mut copy, ROOT, &all))
        .and_then(|()| sweep(&mut copy, &[ROOT]));
    if let Err(fault) = run {
        expected(&fault);
    }
    scan(&mut copy, query, 10);
}

#[test]
fn each_byte() {
    let (mut pages, _) = sample();
    let query = Vector::of((0..40).map(|i| (i * 7, 1.0)));
    assert_eq!(check(&mut pages, ROOT, 9).unwrap(), []);
    let mut noise = Noise(13);
    for number in 1..pages.pages.len() {
        let used = page::used(&pages.pages[number]);
        let mut at = 0;
        while at < used {
            let before = pages.pages[number][at];
            pages.pages[number][at] = match (noise.uniform() * 4.0) as u32 {
                0 => before ^ 1,
                1 => before ^ 0x80,
                2 => !before,
                _ => before.wrapping_add(1),
            };
            let found = check(&mut pages, ROOT, 9).unwrap();
            assert!(!found.is_empty(), "byte {at} of page {number}");
            look(&pages, &query, at < 64 || noise.uniform() < 0.05);
            pages.pages[number][at] = before;
            at += if at < 96 { 1 } else { 1 + (noise.uniform() * 40.0) as usize };
        }
    }
    assert_eq!(check(&mut pages, ROOT, 9).unwrap(), []);
}

/// Bytes whose checksum is right: what cannot have been written is found by what it says.
#[test]
fn each_byte_with_the_right_checksum() {
    let (mut pages, _) = sample();
    let query = Vector::of((0..40).map(|i| (i * 7, 1.0)));
    let mut noise = Noise(14);
    for number in 1..pages.pages.len() {
        let used = page::used(&pages.pages[number]);
        let mut at = 0;
        while at < used {
            let before = pages.pages[number].clone();
            pages.pages[number][at] ^= 1 << ((noise.uniform() * 8.0) as u32);
            let used = page::used(&pages.pages[number]).max(page::HEADER);
            page::seal(&mut pages.pages[number], used);
            look(&pages, &query, true);
            let _ = check(&mut pages, ROOT, 9).unwrap();
            pages.pages[number] = before;
            at += if at < 80 { 1 } else { 1 + (noise.uniform() * 300.0) as usize };
        }
    }
}

/// Pages of noise, pages of zeros, and pages in each other's place.
#[test]
fn whole_pages() {
    let (pages, _) = sample();
    let query = Vector::of((0..40).map(|i| (i * 7, 1.0)));
    let mut noise = Noise(15);
    for number in 1..pages.pages.len() {
        for how in 0..3 {
            let mut spoilt = pages.clone();
            match how {
                0 => spoilt.pages[number].fill(0),
                1 => spoilt.pages[number].iter_mut().for_each(|byte| *byte = (noise.uniform() * 256.0) as u8),
                _ => {
                    let other = 1 + (number + 1) % (pages.pages.len() - 1);
                    spoilt.pages[number] = pages.pages[other].clone();
                }
            }
            assert!(!check(&mut spoilt, ROOT, 9).unwrap().is_empty(), "page {number}, {how}");
            look(&spoilt, &query, true);
        }
        let mut short = pages.clone();
        short.pages.truncate(number);
        assert!(number == 1 || !check(&mut short, ROOT, 9).unwrap().is_empty(), "{number} pages");
        if number > 1 {
            look(&short, &query, true);
        }
    }
}
