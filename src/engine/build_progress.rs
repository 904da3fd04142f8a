//! The progress of a build, for `pg_stat_progress_create_index`.
#![allow(unsafe_code)]

use pgrx::pg_sys;

fn set(what: u32, value: i64) {
    // SAFETY: writes to this backend's own entry.
    unsafe { pg_sys::pgstat_progress_update_param(what as i32, value) }
}

/// Reports that the build enters a step, by the number of its name: see `ambuildphasename` of the access method.
pub fn step(number: i64) {
    set(pg_sys::PROGRESS_CREATEIDX_SUBPHASE, number);
}

/// Reports the number of rows that the step is done with.
pub fn rows(done: i64) {
    set(pg_sys::PROGRESS_CREATEIDX_TUPLES_DONE, done);
}

/// Reports the number of all rows.
pub fn all_rows(total: i64) {
    set(pg_sys::PROGRESS_CREATEIDX_TUPLES_TOTAL, total);
}

/// Reports the numbers of written pages and of all pages.
pub fn pages(done: u32, total: u32) {
    set(pg_sys::PROGRESS_SCAN_BLOCKS_TOTAL, total.max(done).into());
    set(pg_sys::PROGRESS_SCAN_BLOCKS_DONE, done.into());
}
