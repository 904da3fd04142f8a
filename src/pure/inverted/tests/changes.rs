//! Insertions, merges, vacuums and sweeps, whole and cut off, and scans meanwhile.

use super::model::{
    Kind, Rows, Vector, assert_no_leaks, built, compare, compare_all, key, rows, tid, vectors,
};
use crate::fault::{Fault, Result, state};
use crate::hnsw::node::Tid;
use crate::inverted::page::Owner;
use crate::inverted::test_index::MemoryPages;
use crate::inverted::{
    Effort, Pages, PagesMut, Query, ROOT, Scan, Vacuumed, check, insert, maintain, root, stats, sweep, vacuum,
};
use crate::noise::Noise;
use proptest::prelude::*;
use std::collections::HashSet;

const MEMORY: usize = 1 << 20;
const ALL: Effort = Effort { pending_pages: 0, max_pages: u32::MAX, memory: MEMORY };

fn add(pages: &mut impl PagesMut, rows: &mut Rows, tid: Tid, vector: &Vector) {
    insert(pages, ROOT, 0, tid, vector.get()).unwrap();
    rows.insert(key(tid), vector.clone());
}

fn clean(pages: &mut impl PagesMut, rows: &Rows) -> Vacuumed {
    vacuum(pages, ROOT, &mut |tid| !rows.contains_key(&key(tid)), MEMORY).unwrap()
}

#[test]
fn rows_come_and_go() {
    let mut noise = Noise(1);
    let all = vectors(&mut noise, Kind::Whole, 6000, 15, 300);
    let queries = &all[..6];
    let mut rows = rows(&all[..2000]);
    let mut pages = built(&rows, 1 << 30);
    for (row, vector) in all.iter().enumerate().skip(2000) {
        add(&mut pages, &mut rows, tid(row), vector);
        if stats(&mut pages, ROOT).unwrap().pending_pages > 8 {
            maintain(&mut pages, ROOT, &Effort { pending_pages: 8, ..ALL }).unwrap();
            assert!(stats(&mut pages, ROOT).unwrap().segments < 8);
        }
    }
    compare_all(&mut pages, &rows, queries);
    rows.retain(|(block, offset), _| (block + u32::from(*offset)) % 3 > 0);
    let gone = 6000 - rows.len() as u64;
    assert_eq!(clean(&mut pages, &rows), Vacuumed { removed: gone, left: rows.len() as u64 });
    compare_all(&mut pages, &rows, queries);
    // A third was dead, so what is left was written anew.
    assert_eq!(stats(&mut pages, ROOT).unwrap().dead, 0);
    // A few dead rows are counted once, and stay.
    rows.retain(|(block, offset), _| (block * 50 + u32::from(*offset)) % 40 > 0);
    let left = rows.len() as u64;
    let first = clean(&mut pages, &rows);
    assert!(first.removed > 50 && first.left == left);
    assert_eq!(clean(&mut pages, &rows), Vacuumed { removed: 0, left });
    assert_eq!(stats(&mut pages, ROOT).unwrap().dead, first.removed);
    compare_all(&mut pages, &rows, queries);
    assert_no_leaks(&pages);
    // All go: the segments go, too.
    rows.clear();
    assert_eq!(clean(&mut pages, &rows), Vacuumed { removed: left, left: 0 });
    let figures = stats(&mut pages, ROOT).unwrap();
    assert_eq!((figures.segments, figures.pages, figures.rows), (0, 0, 0));
    compare_all(&mut pages, &rows, queries);
    assert_no_leaks(&pages);
    // The pages are used again.
    let before = pages.pages.len();
    for (row, vector) in all.iter().enumerate().take(2000) {
        add(&mut pages, &mut rows, tid(row), vector);
    }
    maintain(&mut pages, ROOT, &ALL).unwrap();
    assert_eq!(pages.pages.len(), before);
    compare_all(&mut pages, &rows, queries);
    assert_no_leaks(&pages);
}

/// Segments that are too large together stay as they are, unless there are too many.
#[test]
fn merges_are_bounded() {
    let mut noise = Noise(2);
    let (mut pages, mut rows) = (MemoryPages::new().unwrap(), Rows::new());
    let small = Effort { max_pages: 0, ..ALL };
    for (row, vector) in vectors(&mut noise, Kind::Words, 400, 5, 50).iter().enumerate() {
        add(&mut pages, &mut rows, tid(row), vector);
        maintain(&mut pages, ROOT, &small).unwrap();
    }
    let segments = stats(&mut pages, ROOT).unwrap().segments;
    assert!(segments > 20 && segments as usize <= root::MAX_SEGMENTS, "{segments}");
    compare(&mut pages, &rows, &rows[&key(tid(3))].clone(), 5, 50);
    maintain(&mut pages, ROOT, &ALL).unwrap();
    assert!(stats(&mut pages, ROOT).unwrap().segments < 4);
    compare(&mut pages, &rows, &rows[&key(tid(3))].clone(), 5, usize::MAX);
    assert_no_leaks(&pages);
}

/// A list that is larger than memory becomes several segments.
#[test]
fn long_lists_are_merged_in_parts() {
    let mut noise = Noise(4);
    let (mut pages, mut rows) = (MemoryPages::new().unwrap(), Rows::new());
    let mut all = vectors(&mut noise, Kind::Whole, 2500, 60, 5000);
    // A row of several pages lies across the end of a part.
    all.extend((0..8).map(|i| Vector::of((0..16_000).map(|dim| (dim * 2, 1.0 + i as f32)))));
    for (row, vector) in all.iter().enumerate() {
        add(&mut pages, &mut rows, tid(row), vector);
    }
    vacuum(&mut pages, ROOT, &mut |_| false, 1).unwrap();
    let figures = stats(&mut pages, ROOT).unwrap();
    assert!(figures.segments > 2 && figures.pending_pages == 0, "{figures:?}");
    compare_all(&mut pages, &rows, &all[2498..2504]);
    assert_no_leaks(&pages);
}

/// Pages of which others change something at some moment.
struct Meddled {
    pages: MemoryPages,
    left: usize,
    meddle: fn(&mut MemoryPages),
    meddled: bool,
}

impl Meddled {
    fn step(&mut self) {
        self.left = self.left.saturating_sub(1);
        if self.left == 0 && !self.meddled {
            self.meddled = true;
            (self.meddle)(&mut self.pages);
        }
    }
}

impl Pages for Meddled {
    fn count(&mut self) -> Result<u32> {
        self.pages.count()
    }

    fn read<R>(&mut self, page: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        self.pages.read(page, look)
    }

    fn check_interrupts(&mut self) -> Result<()> {
        self.step();
        Ok(())
    }
}

impl PagesMut for Meddled {
    fn allocate(&mut self, owner: Owner) -> Result<u32> {
        self.step();
        self.pages.allocate(owner)
    }

    fn write(&mut self, page: u32, room: &[u8]) -> Result<()> {
        self.step();
        self.pages.write(page, room)
    }

    fn change<R>(
        &mut self,
        pages: &[u32],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(R, bool)>,
    ) -> Result<R> {
        self.step();
        self.pages.change(pages, change)
    }

    fn change_below<R>(
        &mut self,
        root: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<u32>>,
        change: impl FnOnce(&mut [u8]) -> Result<(R, bool)>,
    ) -> Result<Option<R>> {
        self.step();
        self.pages.change_below(root, pick, change)
    }

    fn record_free(&mut self, page: u32) -> Result<()> {
        self.pages.record_free(page)
    }
}

/// Everything is merged, and other rows are written to the pages that become free.
fn merge_and_reuse(pages: &mut MemoryPages) {
    maintain(pages, ROOT, &Effort { max_pages: 0, ..ALL }).unwrap();
    let numbers: Vec<u32> = root::read(pages, ROOT).unwrap().segments.iter().map(|s| s.number).collect();
    if !numbers.is_empty() {
        crate::inverted::merge::merge(pages, ROOT, &numbers).unwrap();
    }
    sweep(pages, &[ROOT]).unwrap();
    for row in 0..40 {
        let vector = Vector::of((0..300).map(|dim| (dim, -1.0)));
        insert(pages, ROOT, 0, Tid { block: 1 << 30, offset: row + 1 }, vector.get()).unwrap();
    }
}

/// Segments, a pending list, and the rows of both.
fn mixed(seed: u64, count: usize) -> (MemoryPages, Rows) {
    let mut noise = Noise(seed);
    let all = vectors(&mut noise, Kind::Words, count, 10, 200);
    let mut rows = rows(&all[..count / 2]);
    let mut pages = built(&rows, 1 << 30);
    for (row, vector) in all.iter().enumerate().skip(count / 2) {
        add(&mut pages, &mut rows, tid(row), vector);
        if row == count * 3 / 4 {
            maintain(&mut pages, ROOT, &Effort { max_pages: 0, ..ALL }).unwrap();
        }
    }
    (pages, rows)
}

/// A scan whose pages go finds all rows that were there, each once.
#[test]
fn scans_while_segments_are_merged() {
    let (pages, rows) = mixed(6, 900);
    for left in 1..55 {
        let mut meddled = Meddled { pages: pages.clone(), left, meddle: merge_and_reuse, meddled: false };
        let query = rows.values().nth(left * 7).unwrap();
        let mut scan = Scan::new(ROOT, vec![0], Query::new(query.get()).unwrap(), 4);
        let (mut seen, mut last) = (HashSet::new(), f32::INFINITY);
        while let Some(hit) = scan.next(&mut meddled).unwrap() {
            assert!(hit.score <= last, "{} after {last}", hit.score);
            last = hit.score;
            assert!(seen.insert(key(hit.tid)), "{:?} comes twice", hit.tid);
        }
        assert!(rows.keys().all(|row| seen.contains(row)), "left {left}");
        assert!(meddled.meddled, "nothing has happened before {left}");
    }
}

/// An insertion whose list is merged between any two of its steps.
#[test]
fn insertions_while_lists_are_merged() {
    for (size, steps) in [(3, 2), (950, 6), (5000, 15)] {
        let mut left = 0;
        loop {
            left += 1;
            let (pages, mut rows) = mixed(8, 300);
            let mut meddled = Meddled { pages, left, meddle: merge_and_reuse, meddled: false };
            let vector = Vector::of((0..size).map(|dim| (dim, 2.0)));
            add(&mut meddled, &mut rows, tid(5000), &vector);
            if !meddled.meddled {
                assert!(left > steps, "{left} steps of {size} elements");
                break;
            }
            let mut pages = meddled.pages;
            for row in 0..40 {
                rows.insert((1 << 30, row + 1), Vector::of((0..300).map(|dim| (dim, -1.0))));
            }
            compare_all(&mut pages, &rows, &[vector.clone(), rows.values().next().unwrap().clone()]);
            maintain(&mut pages, ROOT, &ALL).unwrap();
            sweep(&mut pages, &[ROOT]).unwrap();
            compare_all(&mut pages, &rows, &[vector]);
            assert_no_leaks(&pages);
        }
    }
}

/// Pages of which a change fails at some time, and all after it: a crash.
struct Crashing {
    pages: MemoryPages,
    left: usize,
}

impl Crashing {
    fn step(&mut self) -> Result<()> {
        if self.left == 0 {
            return Err(Fault::new(state::DISK_FULL, "crash"));
        }
        self.left -= 1;
        Ok(())
    }
}

impl Pages for Crashing {
    fn count(&mut self) -> Result<u32> {
        self.pages.count()
    }

    fn read<R>(&mut self, page: u32, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        self.pages.read(page, look)
    }

    fn check_interrupts(&mut self) -> Result<()> {
        Ok(())
    }
}

impl PagesMut for Crashing {
    fn allocate(&mut self, owner: Owner) -> Result<u32> {
        self.step()?;
        self.pages.allocate(owner)
    }

    fn write(&mut self, page: u32, room: &[u8]) -> Result<()> {
        self.step()?;
        self.pages.write(page, room)
    }

    fn change<R>(
        &mut self,
        pages: &[u32],
        change: impl FnOnce(&mut [&mut [u8]]) -> Result<(R, bool)>,
    ) -> Result<R> {
        self.step()?;
        self.pages.change(pages, change)
    }

    fn change_below<R>(
        &mut self,
        root: u32,
        pick: impl FnOnce(&[u8]) -> Result<Option<u32>>,
        change: impl FnOnce(&mut [u8]) -> Result<(R, bool)>,
    ) -> Result<Option<R>> {
        self.step()?;
        self.pages.change_below(root, pick, change)
    }

    fn record_free(&mut self, page: u32) -> Result<()> {
        self.pages.record_free(page)
    }
}

/// Cut off anywhere, a vacuum, a merge or an insertion leaves the index as it was or as it should become.
#[test]
fn crashes() {
    let (pages, rows) = mixed(9, 400);
    let mut kept = rows.clone();
    kept.retain(|(block, offset), _| (block + u32::from(*offset)) % 3 > 0);
    let query = rows.values().nth(5).unwrap().clone();
    let mut ended = false;
    for left in 0.. {
        let mut crashing = Crashing { pages: pages.clone(), left };
        let run = vacuum(&mut crashing, ROOT, &mut |tid| !kept.contains_key(&key(tid)), MEMORY)
            .and_then(|_| maintain(&mut crashing, ROOT, &ALL));
        ended = run.is_ok();
        let mut pages = crashing.pages;
        // What is known to be free is lost, too.
        pages.free.clear();
        assert_eq!(check(&mut pages, ROOT, 9).unwrap(), [], "after {left}");
        let mut scan = Scan::new(ROOT, vec![0], Query::new(query.get()).unwrap(), 50);
        let mut seen = Rows::new();
        while let Some(hit) = scan.next(&mut pages).unwrap() {
            assert!(seen.insert(key(hit.tid), rows[&key(hit.tid)].clone()).is_none());
        }
        assert!(kept.keys().all(|row| seen.contains_key(row)), "after {left}");
        sweep(&mut pages, &[ROOT]).unwrap();
        assert_no_leaks(&pages);
        clean(&mut pages, &kept);
        pages.free.clear();
        sweep(&mut pages, &[ROOT]).unwrap();
        compare_all(&mut pages, &kept, std::slice::from_ref(&query));
        assert_no_leaks(&pages);
        if ended {
            assert!(left > 50, "{left}");
            break;
        }
    }
    assert!(ended);
    let long = Vector::of((0..5000).map(|dim| (dim, 2.0)));
    for left in 0.. {
        let mut crashing = Crashing { pages: pages.clone(), left };
        let done = insert(&mut crashing, ROOT, 0, tid(7000), long.get()).is_ok();
        let (mut pages, mut rows) = (crashing.pages, rows.clone());
        if done {
            rows.insert(key(tid(7000)), long.clone());
        }
        compare_all(&mut pages, &rows, std::slice::from_ref(&long));
        // Pages of an insertion that was cut off go with their list.
        maintain(&mut pages, ROOT, &ALL).unwrap();
        sweep(&mut pages, &[ROOT]).unwrap();
        compare_all(&mut pages, &rows, std::slice::from_ref(&long));
        assert_no_leaks(&pages);
        if done {
            break;
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Insert(usize),
    Delete(u32),
    Vacuum,
    Maintain(u32),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..200usize).prop_map(Step::Insert),
        (2..9u32).prop_map(Step::Delete),
        Just(Step::Vacuum),
        (0..5u32).prop_map(Step::Maintain),
        Just(Step::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: if cfg!(miri) { 1 } else { 40 }, failure_persistence: None, ..ProptestConfig::default()
    })]

    #[test]
    fn any_steps(seed in any::<u64>(), kind in 0..3, steps in prop::collection::vec(step(), 1..25)) {
        let kind = [Kind::Words, Kind::Whole, Kind::Ones][kind as usize];
        let mut noise = Noise(seed);
        let (mut pages, mut rows, mut next) = (MemoryPages::new().unwrap(), Rows::new(), 0);
        // Rows that were deleted and that no vacuum has taken out.
        let mut dead = Rows::new();
        for step in steps {
            match step {
                Step::Insert(count) => {
                    for vector in vectors(&mut noise, kind, count, 8, 100) {
                        add(&mut pages, &mut rows, tid(next), &vector);
                        next += 1;
                    }
                }
                Step::Delete(part) => {
                    let goes = |row: &(u32, u16)| (row.0 + u32::from(row.1)).is_multiple_of(part);
                    dead.extend(rows.iter().filter(|(row, _)| goes(row)).map(|(row, vector)| (*row, vector.clone())));
                    rows.retain(|row, _| !goes(row));
                }
                Step::Vacuum => {
                    let found = clean(&mut pages, &rows);
                    prop_assert_eq!((found.removed, found.left), (dead.len() as u64, rows.len() as u64));
                    dead.clear();
                }
                Step::Maintain(pending_pages) => {
                    maintain(&mut pages, ROOT, &Effort { pending_pages, ..ALL }).unwrap();
                }
                Step::Sweep => {
                    sweep(&mut pages, &[ROOT]).unwrap();
                }
            }
        }
        let mut all = rows.clone();
        all.extend(dead);
        let queries = vectors(&mut noise, kind, 3, 8, 100);
        compare_all(&mut pages, &all, &queries);
        assert_no_leaks(&pages);
    }
}
