//! Pages that the server itself refuses to read, found without ending the statement.
#![allow(unsafe_code)]

use super::buffer::{Index, Mode};
use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgSqlErrorCode, PgTryBuilder, pg_sys};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;

/// Reads all pages, and calls `at` with the number of each. Returns the pages that the server refuses, at most `max`, with the
/// server's messages.
///
/// Raises the server's other errors.
pub fn refused(index: Index, max: usize, mut at: impl FnMut(u32)) -> BTreeMap<u32, String> {
    let (mut found, mut from) = (BTreeMap::new(), 0);
    while found.len() < max
        && let Some((page, text)) = first(index, from, &mut at)
    {
        found.insert(page, text);
        from = page + 1;
    }
    found
}

/// The first page from `from` on that the server refuses.
fn first(index: Index, from: u32, tell: &mut impl FnMut(u32)) -> Option<(u32, String)> {
    let at = Cell::new(from);
    // SAFETY: the subtransaction takes away all that a failed read leaves behind; without one, an error that is caught here would
    // leave the session in the middle of a failed transaction.
    let refused = unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let refused = PgTryBuilder::new(AssertUnwindSafe(|| {
            while at.get() < index.pages() {
                pgrx::check_for_interrupts!();
                tell(at.get());
                drop(index.page(at.get(), Mode::Share));
                at.set(at.get() + 1);
            }
            None
        }))
        .catch_others(Some)
        .execute();
        if refused.is_some() {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        } else {
            pg_sys::ReleaseCurrentSubTransaction();
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        refused
    };
    refused.map(|error| match &error {
        // The server refuses a page with this code.
        CaughtError::PostgresError(report)
            if report.sql_error_code() == PgSqlErrorCode::ERRCODE_DATA_CORRUPTED =>
        {
            (at.get(), report.message().to_owned())
        }
        _ => error.rethrow(),
    })
}
