//! `VACUUM`: rows that are gone leave the index, rows that wait are merged, and pages that nothing leads to are given
//! back.
#![allow(unsafe_code)]

use super::storage::index_pages::IndexPages;
use super::storage::merge_lock::MergeLock;
use crate::engine::storage::buffer::Index;
use crate::engine::storage::error_context::WorkedOn;
use crate::engine::vacuum::memory;
use crate::pg::error::OrRaise;
use conifer_pure::hnsw::node::Tid;
use conifer_pure::inverted::{Effort, ROOT, maintain, stats, sweep, vacuum};
use conifer_pure::memory::allocation;
use pgrx::prelude::*;
use std::ffi::c_void;

/// Takes the TIDs of rows that are gone out of an index.
#[pg_guard]
pub unsafe extern "C-unwind" fn ambulkdelete(
    info: *mut pg_sys::IndexVacuumInfo,
    stats: *mut pg_sys::IndexBulkDeleteResult,
    callback: pg_sys::IndexBulkDeleteCallback,
    state: *mut c_void,
) -> *mut pg_sys::IndexBulkDeleteResult {
    allocation::begin();
    // SAFETY: the server gives an open index and a function to ask.
    unsafe {
        let index = Index((*info).index);
        let _at = WorkedOn::index(index.0);
        let mut gone = |tid: Tid| {
            let mut item = pg_sys::ItemPointerData::default();
            pgrx::itemptr::item_pointer_set_all(&mut item, tid.block, tid.offset);
            callback.is_some_and(|callback| pg_sys::ffi::pg_guard_ffi_boundary(|| callback(&mut item, state)))
        };
        let _lock = MergeLock::wait(index);
        let mut pages = IndexPages::of_vacuum(index, (*info).strategy);
        let vacuumed = vacuum(&mut pages, ROOT, &mut gone, memory::limit()).or_raise();
        pages.finish();
        let stats = some_statistics(stats);
        (*stats).num_index_tuples = vacuumed.left as f64;
        (*stats).tuples_removed += vacuumed.removed as f64;
        (*stats).estimated_count = false;
        stats
    }
}

/// Ends a vacuum.
#[pg_guard]
pub unsafe extern "C-unwind" fn amvacuumcleanup(
    info: *mut pg_sys::IndexVacuumInfo,
    statistics: *mut pg_sys::IndexBulkDeleteResult,
) -> *mut pg_sys::IndexBulkDeleteResult {
    allocation::begin();
    // SAFETY: the server gives an open index and its own or our statistics.
    unsafe {
        if (*info).analyze_only {
            return statistics;
        }
        let index = Index((*info).index);
        let _at = WorkedOn::index(index.0);
        let _lock = MergeLock::wait(index);
        let mut pages = IndexPages::of_vacuum(index, (*info).strategy);
        let effort = Effort { pending_pages: 0, max_pages: u32::MAX, memory: memory::limit() };
        maintain(&mut pages, ROOT, &effort).or_raise();
        let free = sweep(&mut pages, &[ROOT]).or_raise();
        let found = stats(&mut pages, ROOT).or_raise();
        pages.finish();
        let statistics = some_statistics(statistics);
        (*statistics).num_pages = index.pages();
        (*statistics).num_index_tuples = found.rows as f64;
        (*statistics).estimated_count = false;
        (*statistics).pages_free = free;
        statistics
    }
}

/// The server's statistics, or new ones.
fn some_statistics(stats: *mut pg_sys::IndexBulkDeleteResult) -> *mut pg_sys::IndexBulkDeleteResult {
    if stats.is_null() {
        // SAFETY: a structure of numbers; the server frees it with its context.
        unsafe { PgBox::<pg_sys::IndexBulkDeleteResult>::alloc0().into_pg() }
    } else {
        stats
    }
}
