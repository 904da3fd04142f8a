//! Refusals: each is a line of JSON in the server's log before it is raised; the error would take back a row.
#![allow(unsafe_code)]

use super::elevate::read_as_owner;
use super::snapshot::latest;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run};
use conifer_pure::Fault;
use conifer_pure::pinecone::access::principal::{Kind, Principal};
use pgrx::pg_sys::ffi::pg_guard_ffi_boundary;
use pgrx::prelude::*;
use pgrx::{IntoDatum, Uuid};
use std::cell::Cell;
use std::ffi::{CStr, CString};

/// Characters of a resource's name that the log shows.
const MAX_SHOWN: usize = 200;

/// The beginning of a line of the audit, which the hook of the log takes from all other messages (`hooks/log.rs`).
pub const MARK: &str = "conifer audit:";

thread_local! {
    static IS_WRITING: Cell<bool> = const { Cell::new(false) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    IS_WRITING.with(|_| ());
}

/// For as long as it lives, the message that is on its way is a line of the audit. It ends by an error as well, which what adds the context may raise.
struct Writing;

impl Writing {
    fn begin() -> Self {
        IS_WRITING.set(true);
        Self
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        IS_WRITING.set(false);
    }
}

/// An action that is taken or tried.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    /// The action's name in Pinecone's audit log, for example `create_index`.
    pub action: &'a str,
    /// `index`, `api_key`, `project`, `member`.
    pub kind: &'a str,
    /// The resource's name.
    pub resource: &'a str,
}

/// Records a refusal, to a principal or to a session where none is known, and raises `fault`.
pub fn refused(who: Option<&Principal>, event: &Event<'_>, fault: Fault) -> ! {
    log(who, event, "failure", Some(&fault.message));
    raise(fault)
}

/// Writes a line of the audit into the server's log.
pub fn log(who: Option<&Principal>, event: &Event<'_>, outcome: &str, reason: Option<&str>) {
    let sql = "SELECT pg_catalog.json_build_object('actor', $1, 'actor_type', $2, 'session_role', $9, \
                      'client', pg_catalog.inet_client_addr(), 'application', pg_catalog.current_setting('application_name'), \
                      'project_id', $3, 'action', $4, 'resource_type', $5, 'resource', $6, 'outcome', $7, \
                      'reason', $8)::pg_catalog.text";
    // A refused caller does not choose how much is written.
    let shown: String = event.resource.chars().take(MAX_SHOWN).collect();
    let session = session();
    let params = [
        Param::text(who.map_or(&*session, |who| &who.name)),
        Param::text(who.map_or("role", type_of)),
        Param::of(pg_sys::UUIDOID, who.and_then(|who| Uuid::from_bytes(who.project).into_datum())),
        Param::text(event.action),
        Param::text(event.kind),
        Param::text(&*shown),
        Param::text(outcome),
        Param::text(reason),
        Param::text(&*session),
    ];
    // As the owner: a role that was dropped meanwhile has no rights.
    let line = latest(|| read_as_owner(|| run(Mode::Read, sql, &params, |rows| rows.get::<String>(0, 0))));
    let line = line.unwrap_or_default();
    let line = CString::new(format!("{MARK} {line}")).unwrap_or_default();
    let _writing = Writing::begin();
    // SAFETY: no value of these calls has to be dropped. An error of what adds the context comes back as a panic; in `ereport!` it would jump over
    // what is to be dropped here.
    unsafe {
        pg_guard_ffi_boundary(|| {
            if bare::errstart(PgLogLevel::LOG_SERVER_ONLY as i32, std::ptr::null()) {
                bare::errmsg_internal(c"%s".as_ptr(), line.as_ptr());
                bare::errfinish(c"refusal.rs".as_ptr(), line!() as i32, c"log".as_ptr());
            }
        });
    }
}

mod bare {
    use std::ffi::{c_char, c_int};

    // The server's functions, without pgrx's guard, which would catch their errors one by one.
    unsafe extern "C-unwind" {
        pub fn errstart(level: c_int, domain: *const c_char) -> bool;
        pub fn errmsg_internal(format: *const c_char, ...) -> c_int;
        pub fn errfinish(file: *const c_char, line: c_int, function: *const c_char);
    }
}

/// Whether the message that is on its way is a line of the audit.
pub fn is_writing() -> bool {
    IS_WRITING.get()
}

/// `actor_type` of the audit.
pub fn type_of(who: &Principal) -> &'static str {
    match who.kind {
        Kind::Key => "api_key",
        Kind::Person | Kind::Superuser => "user",
    }
}

/// The role that the session has logged in as, if it still exists.
fn session() -> String {
    // SAFETY: a look-up of the session's role; the name is copied.
    unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::GetSessionUserId(), true);
        if name.is_null() { "unknown".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}
