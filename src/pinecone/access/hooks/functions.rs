//! Functions that PUBLIC may call by the server's defaults, and that keys may not: as `utility.rs` refuses commands to keys,
//! lest a key leaves something behind or disturbs another tenant.
//!
//! Taking EXECUTE from PUBLIC instead would take it from all other roles of the database.
#![allow(unsafe_code)]

use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::session::confined::{Confined, confined, is_confined};
use crate::pinecone::access::session::identity::{self, principal_if_any};
use crate::pinecone::access::session::partial::{self, partial};
use crate::pinecone::access::session::{limits, pooled_key};
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use pgrx::prelude::*;
use std::ffi::{CStr, c_int, c_void};

static mut NEXT: pg_sys::object_access_hook_type = None;

/// Functions that make large objects, which a key would own, or write to the WAL of all databases; and those that show locks: those of
/// serializable transactions, each session's to all, are of rows that were read, policies or not, and who waits for whom tells of rows as well.
const NOT_FOR_KEYS: [u32; 26] = [
    pg_sys::F_PG_LOCK_STATUS,
    pg_sys::F_PG_BLOCKING_PIDS,
    pg_sys::F_PG_SAFE_SNAPSHOT_BLOCKING_PIDS,
    pg_sys::F_PG_ISOLATION_TEST_SESSION_IS_BLOCKED,
    pg_sys::F_LO_CREATE,
    pg_sys::F_LO_CREAT,
    pg_sys::F_LO_FROM_BYTEA,
    // pg_logical_emit_message: it has more arguments from 17 on, and pgrx's constants other names.
    3577,
    3578,
    // A file each, until the transaction ends.
    pg_sys::F_PG_EXPORT_SNAPSHOT,
    // The table of locks is one for the whole server: where it is full, nobody can log in.
    pg_sys::F_PG_ADVISORY_LOCK_INT8,
    pg_sys::F_PG_ADVISORY_LOCK_INT4_INT4,
    pg_sys::F_PG_ADVISORY_LOCK_SHARED_INT8,
    pg_sys::F_PG_ADVISORY_LOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_ADVISORY_XACT_LOCK_INT8,
    pg_sys::F_PG_ADVISORY_XACT_LOCK_INT4_INT4,
    pg_sys::F_PG_ADVISORY_XACT_LOCK_SHARED_INT8,
    pg_sys::F_PG_ADVISORY_XACT_LOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_INT8,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_SHARED_INT8,
    pg_sys::F_PG_TRY_ADVISORY_LOCK_SHARED_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_XACT_LOCK_INT8,
    pg_sys::F_PG_TRY_ADVISORY_XACT_LOCK_INT4_INT4,
    pg_sys::F_PG_TRY_ADVISORY_XACT_LOCK_SHARED_INT8,
    pg_sys::F_PG_TRY_ADVISORY_XACT_LOCK_SHARED_INT4_INT4,
];

/// Functions that reach other sessions of the same role, leave state of the session to the next tenant, or show the state that
/// the last tenant has left: clients prepare statements without a command that could be refused.
const NOT_FOR_POOLED: [u32; 4] = [
    pg_sys::F_PG_NOTIFY,
    pg_sys::F_PG_PREPARED_STATEMENT,
    pg_sys::F_PG_TERMINATE_BACKEND,
    pg_sys::F_PG_CANCEL_BACKEND,
];

/// Counters of the rows and pages that a table's or an index's scans have read, policies or not, and of calls of functions on these rows; of
/// the whole database or server, too. How often a statement was planned anew, and which index was last used, tells of the estimates;
/// currtid2() follows a hidden row to its new place.
const COUNTERS: [u32; 26] = [
    pg_sys::F_CURRTID2,
    pg_sys::F_PG_PREPARED_STATEMENT,
    pg_sys::F_PG_STAT_GET_FUNCTION_CALLS,
    pg_sys::F_PG_STAT_GET_FUNCTION_TOTAL_TIME,
    pg_sys::F_PG_STAT_GET_FUNCTION_SELF_TIME,
    pg_sys::F_PG_STAT_GET_XACT_FUNCTION_CALLS,
    pg_sys::F_PG_STAT_GET_XACT_FUNCTION_TOTAL_TIME,
    pg_sys::F_PG_STAT_GET_XACT_FUNCTION_SELF_TIME,
    pg_sys::F_PG_STAT_GET_NUMSCANS,
    pg_sys::F_PG_STAT_GET_TUPLES_RETURNED,
    pg_sys::F_PG_STAT_GET_TUPLES_FETCHED,
    pg_sys::F_PG_STAT_GET_BLOCKS_FETCHED,
    pg_sys::F_PG_STAT_GET_BLOCKS_HIT,
    pg_sys::F_PG_STAT_GET_XACT_NUMSCANS,
    pg_sys::F_PG_STAT_GET_XACT_TUPLES_RETURNED,
    pg_sys::F_PG_STAT_GET_XACT_TUPLES_FETCHED,
    pg_sys::F_PG_STAT_GET_XACT_BLOCKS_FETCHED,
    pg_sys::F_PG_STAT_GET_XACT_BLOCKS_HIT,
    pg_sys::F_PG_STAT_GET_DB_TUPLES_RETURNED,
    pg_sys::F_PG_STAT_GET_DB_TUPLES_FETCHED,
    pg_sys::F_PG_STAT_GET_DB_BLOCKS_FETCHED,
    pg_sys::F_PG_STAT_GET_DB_BLOCKS_HIT,
    pg_sys::F_PG_STAT_GET_BUF_ALLOC,
    // pg_stat_get_lastscan and pg_stat_get_io, from 16 on, and pg_stat_get_backend_io, from 18 on.
    6310,
    6214,
    6386,
];

/// Libraries that look into tables, indexes and the server's memory, or count what statements do, beside those that are preloaded.
const OBSERVERS: [&str; 14] = [
    "pg_stat_statements",
    "pg_stat_kcache",
    "pg_stat_monitor",
    "pg_qualstats",
    "pg_store_plans",
    "pg_wait_sampling",
    "pageinspect",
    "pgstattuple",
    "pg_buffercache",
    "pg_freespacemap",
    "pg_prewarm",
    "pg_visibility",
    "pg_walinspect",
    "pgrowlocks",
];

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::object_access_hook;
        pg_sys::object_access_hook = Some(access);
    }
}

unsafe extern "C-unwind" fn access(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    part: c_int,
    argument: *mut c_void,
) {
    // SAFETY: passes on the server's arguments.
    unsafe {
        if let Some(next) = NEXT {
            next(access, class, object, part, argument);
        }
        if access == pg_sys::ObjectAccessType::OAT_FUNCTION_EXECUTE {
            judge(object);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn judge(function: pg_sys::Oid) {
    if is_without_statement() && is_confined() {
        partial::keep_log_from_client();
        identity::recheck();
        identity::recheck_login();
        limits::hold();
    }
    let number = function.to_u32();
    let (keys, pooled) = (NOT_FOR_KEYS.contains(&number), NOT_FOR_POOLED.contains(&number));
    let notifies = number == pg_sys::F_PG_NOTIFY;
    // Asked of few sessions, as the library's name is looked up for each function that a statement calls.
    let observes =
        || number >= pg_sys::FirstNormalObjectId && partial().is_some() && is_of_observer(function);
    let (sets, counts) = (number == pg_sys::F_SET_CONFIG, COUNTERS.contains(&number) || observes());
    if !(keys || pooled || sets || counts) {
        return;
    }
    let partial = if counts { partial() } else { None };
    let is_refused = match confined() {
        _ if partial.is_some() => true,
        None => false,
        Some(Confined::Key) => {
            keys || notifies && !limits::may_notify(Confined::Key) || sets && is_without_statement()
        }
        // As SET in `utility.rs`; whether the setting is for the transaction only cannot be seen here.
        Some(Confined::Gateway) => keys || pooled || sets && pooled_key::key().is_some(),
    };
    if is_refused {
        // SAFETY: a function that exists, as it is about to be called.
        let name = unsafe {
            let name = pg_sys::get_func_name(function);
            if name.is_null() { "function".into() } else { CStr::from_ptr(name).to_string_lossy() }
        };
        let pooled_only = !keys && confined() == Some(Confined::Gateway);
        let whom = partial.unwrap_or(if pooled_only { "pooled sessions" } else { "API keys" });
        let fault =
            Fault::new(INSUFFICIENT_PRIVILEGE, format!("permission denied: {name} is not for {whom}"));
        refused(
            principal_if_any().as_deref(),
            &Event { action: "call", kind: "function", resource: &name },
            fault,
        );
    }
}

/// Whether a function is of a library that may count what statements do: as only one that is preloaded sees those of all sessions.
fn is_of_observer(function: pg_sys::Oid) -> bool {
    let Some(library) = library_of(function) else { return false };
    // SAFETY: settings that are C strings, read before they change.
    let is_preloaded = |setting: &CStr| unsafe {
        let libraries = pg_sys::GetConfigOption(setting.as_ptr(), true, false);
        !libraries.is_null()
            && CStr::from_ptr(libraries).to_string_lossy().split(',').any(|path| stem(path) == library)
    };
    library != "conifer"
        && (OBSERVERS.contains(&&*library)
            || [c"shared_preload_libraries", c"session_preload_libraries"].into_iter().any(is_preloaded))
}

/// The name of the library of a function in C, as in `CREATE EXTENSION`.
fn library_of(function: pg_sys::Oid) -> Option<String> {
    // SAFETY: a look-up in the catalog; the row is released after its values are copied.
    unsafe {
        let cache = pg_sys::SysCacheIdentifier::PROCOID as i32;
        let row = pg_sys::SearchSysCache1(cache, pg_sys::Datum::from(function));
        if row.is_null() {
            return None;
        }
        let mut is_null = false;
        let attribute = pg_sys::Anum_pg_proc_probin as pg_sys::AttrNumber;
        let library = pg_sys::SysCacheGetAttr(cache, row, attribute, &mut is_null);
        let library = String::from_datum(library, is_null);
        pg_sys::ReleaseSysCache(row);
        Some(stem(&library?).to_owned())
    }
}

/// The name of a library by its path, quoted or not.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path).trim().trim_matches('"');
    name.strip_suffix(".so").or_else(|| name.strip_suffix(".dylib")).unwrap_or(name)
}

/// Whether a client calls a function without a statement, by a message of the protocol. Nothing then sees to settings after it.
fn is_without_statement() -> bool {
    // SAFETY: the text of the statement under way, or null.
    unsafe { pg_sys::debug_query_string.is_null() }
}
