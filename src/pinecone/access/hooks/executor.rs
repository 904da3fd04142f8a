//! The hook before each run of a plan. A cursor that a key opened ends with the key: policies are judged when a statement starts,
//! and a FETCH only goes on with the statement. The secrets in the text of a query are struck out before other libraries keep
//! it. The first run of a session warns if the database was made for another version of the library.
//!
//! Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
#![allow(unsafe_code)]

use super::{error_memory, text};
use crate::pg::spi::is_text_of_ours;
use crate::pinecone::access::audit;
use crate::pinecone::access::session::{identity, limits};
use crate::sql_version;
use pgrx::prelude::*;

static mut NEXT: pg_sys::ExecutorRun_hook_type = None;

#[cfg(not(feature = "pg18"))]
unsafe extern "C-unwind" {
    /// The server's function, without pgrx's guard, which would catch its errors.
    fn standard_ExecutorRun(
        query: *mut pg_sys::QueryDesc,
        direction: pg_sys::ScanDirection::Type,
        count: u64,
        once: bool,
    );
}

#[cfg(feature = "pg18")]
unsafe extern "C-unwind" {
    /// The server's function, without pgrx's guard, which would catch its errors.
    fn standard_ExecutorRun(
        query: *mut pg_sys::QueryDesc,
        direction: pg_sys::ScanDirection::Type,
        count: u64,
    );
}

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::ExecutorRun_hook;
        pg_sys::ExecutorRun_hook = Some(run);
    }
}

#[cfg(not(feature = "pg18"))]
unsafe extern "C-unwind" fn run(
    query: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
    once: bool,
) {
    // SAFETY: passes on the server's arguments.
    unsafe {
        before(query);
        let mut callback = error_memory::callback();
        error_memory::begin(&raw mut callback);
        match NEXT {
            Some(next) => next(query, direction, count, once),
            None => standard_ExecutorRun(query, direction, count, once),
        }
        error_memory::end(&raw mut callback);
        after();
    }
}

#[cfg(feature = "pg18")]
unsafe extern "C-unwind" fn run(
    query: *mut pg_sys::QueryDesc,
    direction: pg_sys::ScanDirection::Type,
    count: u64,
) {
    // SAFETY: passes on the server's arguments.
    unsafe {
        before(query);
        let mut callback = error_memory::callback();
        error_memory::begin(&raw mut callback);
        match NEXT {
            Some(next) => next(query, direction, count),
            None => standard_ExecutorRun(query, direction, count),
        }
        error_memory::end(&raw mut callback);
        after();
    }
}

/// The statement may have called set_config.
#[pg_guard]
unsafe extern "C-unwind" fn after() {
    limits::hold();
}

#[pg_guard]
unsafe extern "C-unwind" fn before(query: *mut pg_sys::QueryDesc) {
    identity::recheck();
    limits::hold();
    // A key that asks nothing of Conifer, but of tables that others have given it, is at an end as well.
    if limits::is_of_key() {
        identity::recheck_login();
    }
    sql_version::tell();
    // SAFETY: a query that is about to run; a copy of its text lives as long as its state does.
    unsafe {
        let query = &mut *query;
        if query.already_executed {
            return;
        }
        let plan = &*query.plannedstmt;
        audit::queried(query);
        // Ours have their values as parameters.
        if is_text_of_ours(query.sourceText) {
            return;
        }
        let context = pg_sys::MemoryContextSwitchTo((*query.estate).es_query_cxt);
        query.sourceText = text::without_secrets(query.sourceText, plan.stmt_location, plan.stmt_len);
        pg_sys::MemoryContextSwitchTo(context);
        // Parallel workers get this text.
        (*query.estate).es_sourceText = query.sourceText;
    }
}
