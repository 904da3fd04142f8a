//! Pages that the server itself refuses to read, found without ending the statement.
#![allow(unsafe_code)]

use crate::engine::hnsw::storage::buffer::{Index, Mode};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

/// Reads all pages; `at` is told each. Those that cannot be read, `most` at the most, and what the server says of them.
///
/// Raises whatever else it raises.
pub fn refused(index: Index, most: usize, mut at: impl FnMut(u32)) -> BTreeMap<u32, String> {
    let (mut found, mut from) = (BTreeMap::new(), 0);
    while found.len() < most
        && let Some((page, text)) = first(index, from, &mut at)
    {
        found.insert(page, text);
        from = page + 1;
    }
    found
}

/// The first such page, from one on.
fn first(index: Index, from: u32, tell: &mut impl FnMut(u32)) -> Option<(u32, String)> {
    let at = Cell::new(from);
    // SAFETY: what a failed read leaves behind goes with the subtransaction that it is in. Other errors than the one that
    // is caught go on to the server, which ends that itself.
    let text = unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let text = PgTryBuilder::new(AssertUnwindSafe(|| {
            while at.get() < index.pages() {
                pgrx::check_for_interrupts!();
                tell(at.get());
                drop(index.page(at.get(), Mode::Share));
                at.set(at.get() + 1);
            }
            None
        }))
        .catch_when(PgSqlErrorCode::ERRCODE_INDEX_CORRUPTED, |error| Some(said(&error)))
        .execute();
        if text.is_some() {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        } else {
            pg_sys::ReleaseCurrentSubTransaction();
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        text
    };
    text.map(|text| (at.get(), text))
}

fn said(error: &CaughtError) -> String {
    match error {
        CaughtError::PostgresError(report)
        | CaughtError::ErrorReport(report)
        | CaughtError::RustPanic { ereport: report, .. } => report.message().to_owned(),
    }
}
