//! When the settings are defined.
//!
//! A library that is loaded when it is first used defines the settings then, as pgvector does. A library that is preloaded into
//! all processes defines them at the start, so that ALTER SYSTEM, ALTER ROLE and `pg_settings` know them everywhere. But where
//! pgvector's library is installed as well, for other databases, pgvector would end with an error wherever the settings exist
//! before it is loaded. On such a server each session defines them at its first statement, if its database has an index method
//! of ours; pgvector's library never comes to such a database. If pgvector is preloaded too, its definitions serve all.
#![allow(unsafe_code)]

use super::gucs;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::Cell;
use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

static mut NEXT: pg_sys::post_parse_analyze_hook_type = None;

/// Prepares the settings, when the library is loaded.
pub fn init() {
    // SAFETY: a variable of this process.
    let all = unsafe { pg_sys::process_shared_preload_libraries_in_progress };
    if !all || gucs::are_there() || !pgvector_is_installed() {
        return gucs::define();
    }
    // SAFETY: called once, when the library is loaded, by the process's only thread.
    unsafe {
        NEXT = pg_sys::post_parse_analyze_hook;
        pg_sys::post_parse_analyze_hook = Some(analyzed);
    }
    if !pgvector_is_preloaded() {
        let text = "the settings hnsw.* and ivfflat.* are defined by each session of a database with Conifer";
        let report = ErrorReport::new(PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION, text, "")
            .set_detail("pgvector's library, which defines them as well, is installed on this server, too.")
            .set_hint("To have them everywhere, put vector before conifer in shared_preload_libraries.");
        report.report(PgLogLevel::LOG);
    }
}

fn pgvector_is_installed() -> bool {
    // SAFETY: the server's directory of libraries, a string that was set at the start.
    let directory = unsafe { CStr::from_ptr((&raw const pg_sys::pkglib_path).cast()) };
    Path::new(OsStr::from_bytes(directory.to_bytes()))
        .join(format!("vector{}", std::env::consts::DLL_SUFFIX))
        .exists()
}

fn pgvector_is_preloaded() -> bool {
    // SAFETY: looks a setting up that is always there; the string lives until the next call.
    let libraries = unsafe {
        let text = pg_sys::GetConfigOption(c"shared_preload_libraries".as_ptr(), true, false);
        if text.is_null() { return false } else { CStr::from_ptr(text).to_string_lossy() }
    };
    let names = libraries.split(',').map(|name| name.trim().trim_matches('"'));
    names.filter_map(|name| Path::new(name).file_stem()).any(|name| name == "vector")
}

// Errors of the server pass through here untouched, as in `unread_distances`.
unsafe extern "C-unwind" fn analyzed(
    state: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    jumble: *mut pg_sys::JumbleState,
) {
    // SAFETY: passes on the server's arguments, after a look at the catalog, which is allowed wherever statements are
    // analyzed.
    unsafe {
        first();
        if let Some(next) = NEXT {
            next(state, query, jumble);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn first() {
    thread_local! {
        static DONE: Cell<bool> = const { Cell::new(false) };
    }
    // SAFETY: within a transaction.
    if !DONE.replace(true) && unsafe { is_ours() } {
        gucs::define();
    }
}

/// Whether the database's `hnsw` is of this library.
///
/// # Safety
/// Within a transaction.
pub unsafe fn is_ours() -> bool {
    // SAFETY: look-ups in the catalog; the row is released when its string has been copied.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::PROCOID as _;
        let am = pg_sys::SearchSysCache1(
            pg_sys::SysCacheIdentifier::AMNAME as _,
            pg_sys::Datum::from(c"hnsw".as_ptr()),
        );
        if am.is_null() {
            return false;
        }
        let handler = (*pg_sys::GETSTRUCT(am).cast::<pg_sys::FormData_pg_am>()).amhandler;
        pg_sys::ReleaseSysCache(am);
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(handler));
        if row.is_null() {
            return false;
        }
        let mut null = false;
        let source = pg_sys::SysCacheGetAttr(cache, row, pg_sys::Anum_pg_proc_prosrc as _, &mut null);
        let source = String::from_datum(source, null);
        pg_sys::ReleaseSysCache(row);
        source.as_deref() == Some("hnswhandler_wrapper")
    }
}
