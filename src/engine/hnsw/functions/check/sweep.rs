//! A sweep over all pages, with threads that check the node records while this process reads none.

use super::finding::{Finding, MAX, said};
use super::inspect::Check;
use super::progress::Progress;
use crate::engine::hnsw::storage::meta_cache::META;
use crate::engine::hnsw::threads;
use crate::engine::storage::buffer::Index;
use crate::pg::error::OrRaise;
use conifer_pure::fault::state;
use conifer_pure::hnsw::check::{Batch, FastCheck};
use conifer_pure::hnsw::node::{EntryPoint, NONE, Tid};
use pgrx::pg_sys;

/// Bytes of the node records that threads check together.
const BATCH: usize = 1 << 20;

/// Findings of the sweeps over all pages.
pub struct Swept {
    /// Node records that may be wrong, in order.
    pub suspects: Vec<u32>,
    /// All TIDs with their node records, in the order of the table.
    pub rows: Vec<(Tid, u32)>,
}

struct Sweep<'a> {
    check: &'a mut Check,
    fast_check: FastCheck,
    batch: Batch,
    /// Pages of the index when the sweep began.
    end: u32,
}

impl Sweep<'_> {
    /// Copies the node records of a node page into the batch.
    fn copy(&mut self, page: u32) {
        let Self { check, batch, .. } = self;
        let copied = check.records.on_page(page, |number, bytes| {
            batch.push(number, bytes);
            Ok(())
        });
        match copied {
            Ok(()) => {}
            Err(fault) if fault.state == state::OUT_OF_MEMORY => {
                said(fault);
            }
            Err(_) => self.fast_check.suspect(self.check.layout().first_on(page)),
        }
    }

    /// Reads the pages from `from` on that `may` allows, and hands batches of their node records to `look` until it returns
    /// false.
    fn over(
        &mut self,
        from: u32,
        mut may: impl FnMut(&Check, u32) -> bool,
        mut look: impl FnMut(&mut FastCheck, &Batch) -> bool,
    ) {
        self.batch.clear();
        let per_page = self.check.layout().per_page();
        for page in from..self.end {
            pgrx::check_for_interrupts!();
            if !self.check.records.is_refused(page) && may(self.check, page) {
                self.copy(page);
            }
            if self.batch.room() < per_page || page + 1 == self.end {
                conifer_pure::memory::allocation::check().or_raise();
                let more = self.batch.is_empty() || look(&mut self.fast_check, &self.batch);
                self.batch.clear();
                if !more {
                    break;
                }
            }
        }
    }
}

/// Bytes for vectors: `maintenance_work_mem`.
fn memory() -> usize {
    // SAFETY: a variable of this process.
    let kilobytes = unsafe { pg_sys::maintenance_work_mem };
    usize::try_from(kilobytes).unwrap_or_default().saturating_mul(1024)
}

fn interrupts() {
    pgrx::check_for_interrupts!();
}

/// Goes over all pages. Adds the findings about pages as a whole to `found`.
pub fn sweep(
    check: &mut Check,
    roots: impl ExactSizeIterator<Item = EntryPoint>,
    progress: &mut Progress,
    found: &mut Vec<Finding>,
) -> Swept {
    let (index, layout): (Index, _) = (check.index, *check.layout());
    let end = index.pages();
    let pool = threads::pool(threads::count());
    progress.threads(threads::count());
    let batch = Batch::new(&layout, BATCH).or_raise();
    let fast_check = FastCheck::new(layout, roots, layout.bound(end), memory()).or_raise();
    let mut sweep = Sweep { check, fast_check, batch, end };

    // The first node record whose vector the memory has no room for.
    let mut full = None;
    progress.step("reading nodes", end.into());
    let may = |check: &Check, page: u32| {
        progress.at(page.into());
        match check.page(page) {
            Ok(records) => records,
            Err(fault) => {
                if found.len() < MAX {
                    found.push((Some(page.into()), None, said(fault)));
                }
                false
            }
        }
    };
    sweep.over(META + 1, may, |fast_check, batch| {
        pool.install(|| fast_check.add(batch)).or_raise();
        full = full.or_else(|| fast_check.keep(batch, 0));
        true
    });

    let rounds = sweep.fast_check.rounds();
    for round in 1.. {
        let of = if rounds > 1 { format!(" ({round} of {})", rounds.max(round)) } else { String::new() };
        progress.step(format_args!("comparing nodes with their neighbours{of}"), end.into());
        let may = |_: &Check, page: u32| {
            progress.at(page.into());
            true
        };
        sweep.over(META + 1, may, |fast_check, batch| {
            pool.install(|| fast_check.compare(batch)).or_raise();
            true
        });
        let Some(from) = full.take() else { break };
        sweep.fast_check.next_round();
        let page = layout.place(from).map_or(NONE, |place| place.page);
        sweep.over(
            page,
            |_, _| true,
            |fast_check, batch| {
                full = fast_check.keep(batch, from);
                full.is_none()
            },
        );
    }

    let Sweep { check, mut fast_check, .. } = sweep;
    let mut rows = std::mem::take(&mut fast_check.rows);
    rows.sort_unstable();
    progress.step("looking for rows in the table", 0);
    check.table.look_for(&rows, |number| fast_check.suspect(number));
    progress.step("following links", 0);
    let suspects = fast_check.suspects(interrupts).or_raise();
    Swept { suspects, rows }
}
