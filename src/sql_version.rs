//! Whether the SQL of a database is of the library's version.
//!
//! A package that is upgraded brings a new library at once, and its new SQL only where ALTER EXTENSION … UPDATE is run. A
//! library serves the SQL of all releases before it, so an older database works, but lacks the new objects: a warning says so
//! when a session runs its first plan, or the first after the library has been loaded, as the server warns of a collation that
//! has changed. An error would stop all databases of a server between the package's upgrade and their own; and
//! commands, ALTER EXTENSION among them, are not plans. SQL that is newer than the library, as after a downgrade of the package
//! or before a restart, may name functions that the library lacks.
#![allow(unsafe_code)]

use crate::engine::hnsw;
use conifer_pure::version;
use pgrx::pg_sys::panic::ErrorReport;
use pgrx::prelude::*;
use std::cell::Cell;
use std::cmp::Ordering;
use std::ffi::CStr;

const CONIFER: &str = env!("CARGO_PKG_VERSION");
const VECTOR: &str = include_str!("../sql/vector.control");

/// Warns, once a session, of extensions of another version. Called before a plan is run.
pub fn tell() {
    thread_local! {
        static DONE: Cell<bool> = const { Cell::new(false) };
    }
    if DONE.get() {
        return;
    }
    // SAFETY: variables of this process.
    let (person, upgrade, script) = unsafe {
        (
            pg_sys::MyBackendType == pg_sys::BackendType::B_BACKEND,
            pg_sys::IsBinaryUpgrade,
            pg_sys::creating_extension,
        )
    };
    // A plan within a script runs before the version that the script makes is written.
    if script {
        return;
    }
    DONE.set(true);
    // SAFETY: a plan is about to be run, so within a transaction.
    if !person || upgrade || !unsafe { hnsw::is_ours() } {
        return;
    }
    for (name, library) in
        [(c"conifer", CONIFER), (c"vector", version::of_control(VECTOR).unwrap_or_default())]
    {
        // SAFETY: as above.
        if let Some(script) = unsafe { version_of(name) } {
            compare(&name.to_string_lossy(), &script, library);
        }
    }
}

fn compare(name: &str, script: &str, library: &str) {
    let (detail, hint) = match version::compare(script, library) {
        Ordering::Equal => return,
        Ordering::Less => (
            "What is new since then is missing in this database.",
            format!("Run ALTER EXTENSION {name} UPDATE."),
        ),
        Ordering::Greater => (
            "The SQL of this database may name functions that the library has not.",
            format!("Install the library of {script}, or restart the server if that has been done."),
        ),
    };
    let text = format!(
        "extension \"{name}\" is of version {script} in this database, but the library is of {library}"
    );
    ErrorReport::new(PgSqlErrorCode::ERRCODE_WARNING, text, "")
        .set_detail(detail)
        .set_hint(hint)
        .report(PgLogLevel::WARNING);
}

/// The version of an extension's objects in this database, if it is there.
///
/// # Safety
/// Within a transaction.
unsafe fn version_of(name: &CStr) -> Option<String> {
    // SAFETY: a scan of the catalog by its index on the name, which is a C string that outlives the scan; scan and catalog are
    // closed, or end with the transaction that an error ends.
    unsafe {
        let lock = pg_sys::AccessShareLock as pg_sys::LOCKMODE;
        let catalog = pg_sys::relation_open(pg_sys::ExtensionRelationId, lock);
        let mut key = pg_sys::ScanKeyData::default();
        pg_sys::ScanKeyInit(
            &raw mut key,
            pg_sys::Anum_pg_extension_extname as _,
            pg_sys::BTEqualStrategyNumber as _,
            pg_sys::F_NAMEEQ.into(),
            name.as_ptr().into(),
        );
        let scan = pg_sys::systable_beginscan(
            catalog,
            pg_sys::ExtensionNameIndexId.into(),
            true,
            std::ptr::null_mut(),
            1,
            &raw mut key,
        );
        let row = pg_sys::systable_getnext(scan);
        let version = if row.is_null() {
            None
        } else {
            let mut null = false;
            let version = pg_sys::heap_getattr(
                row,
                pg_sys::Anum_pg_extension_extversion as _,
                (*catalog).rd_att,
                &mut null,
            );
            String::from_datum(version, null)
        };
        pg_sys::systable_endscan(scan);
        pg_sys::relation_close(catalog, lock);
        version
    }
}
