//! Functions that PUBLIC may call by the server's defaults, and that keys may not: as `utility.rs` refuses commands to keys,
//! lest a key leaves something behind or disturbs another tenant.
//!
//! Taking EXECUTE from PUBLIC instead would take it from all other roles of the database.
#![allow(unsafe_code)]

use super::drops;
use super::withheld::{COUNTERS, NOT_FOR_KEYS, NOT_FOR_POOLED, OBSERVERS, OF_SEQUENCES, POSITIONS};
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::session::confined::{Confined, confined, is_confined};
use crate::pinecone::access::session::identity::{self, principal_if_any};
use crate::pinecone::access::session::partial::{self, is_of_limited_key, partial};
use crate::pinecone::access::session::{limits, pooled_key};
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use pgrx::prelude::*;
use std::ffi::{CStr, c_int, c_void};

static mut NEXT: pg_sys::object_access_hook_type = None;

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
        } else if access == pg_sys::ObjectAccessType::OAT_DROP
            || access == pg_sys::ObjectAccessType::OAT_POST_ALTER
        {
            changed(access, class, object, argument);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn changed(
    access: pg_sys::ObjectAccessType::Type,
    class: pg_sys::Oid,
    object: pg_sys::Oid,
    argument: *mut c_void,
) {
    if access == pg_sys::ObjectAccessType::OAT_DROP {
        // SAFETY: what the server calls the hook with, for this kind of access.
        unsafe { drops::judge_drop(class, object, argument.cast()) };
    } else {
        drops::judge_change(class, object);
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
    let is_of_sequence = OF_SEQUENCES.contains(&number);
    let notifies = number == pg_sys::F_PG_NOTIFY;
    // Asked of few sessions, as the library's name is looked up for each function that a statement calls.
    let observes =
        || number >= pg_sys::FirstNormalObjectId && partial().is_some() && is_of_observer(function);
    let tells_position = POSITIONS.contains(&number) && is_of_limited_key();
    let counts = COUNTERS.contains(&number) || tells_position || observes();
    let sets = number == pg_sys::F_SET_CONFIG;
    if !(keys || pooled || sets || counts || is_of_sequence) {
        return;
    }
    let partial = if counts { partial() } else { None };
    let is_refused = match confined() {
        _ if partial.is_some() => true,
        None => false,
        Some(Confined::Key) => {
            keys || notifies && !limits::may_notify(Confined::Key)
                || (sets || is_of_sequence) && is_without_statement()
        }
        // As SET in `utility.rs`; whether the setting is for the transaction only cannot be seen here.
        Some(Confined::Gateway) => {
            keys || pooled || sets && pooled_key::key().is_some() || is_of_sequence && is_without_statement()
        }
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
