//! Who did what, when, from where, as whom, and whether it was allowed.
//!
//! What succeeded is a row of `pc_auth.audit` in the transaction that did it. What was refused raises, which would take its
//! row back; it goes to the server's log, as one line of JSON with the same fields. So does what was read: a transaction
//! that is rolled back has read all the same.
#![allow(unsafe_code)]

use super::elevate::as_owner;
use super::identity::{somebody, unasked};
use crate::pinecone::server::json::Json;
use crate::pinecone::server::result::return_rows;
use crate::pinecone::server::statement::{Mode, Param, is_ours, run};
use crate::raise::raise;
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use conifer_pure::pinecone::access::principal::{Kind, Principal, denied};
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, PgList, Uuid};
use std::ffi::CStr;
use std::rc::Rc;

/// `conifer.audit_data_plane`: whether reads and writes of records are recorded, too.
static DATA_PLANE: GucSetting<bool> = GucSetting::<bool>::new(false);

/// Characters of a thing's name that the log shows.
const MOST_SHOWN: usize = 200;

/// What was done.
pub struct Event<'a> {
    /// As Pinecone's audit log calls it, for example `create_index`.
    pub action: &'a str,
    /// `index`, `api_key`, `project`, `member`.
    pub kind: &'a str,
    /// The thing's name.
    pub resource: &'a str,
}

/// Records that something was done on the control plane. `parameters` is JSON.
pub fn done(event: &Event<'_>, parameters: Option<&str>) {
    let Some(who) = somebody() else { return };
    let sql = "INSERT INTO pc_auth.audit (actor, actor_type, session_role, client, application, project_id, action, \
                                          resource_type, resource, outcome, parameters) \
               VALUES ($1, $2, session_user, pg_catalog.inet_client_addr(), \
                       pg_catalog.current_setting('application_name'), $3, $4, $5, $6, 'success', $7)";
    let params = [
        Param::text(&*who.name),
        Param::text(type_of(&who)),
        Param::uuid(Uuid::from_bytes(who.project)),
        Param::text(event.action),
        Param::text(event.kind),
        Param::text(event.resource),
        Param::of(pg_sys::JSONBOID, parameters.map(|text| Json::parse(text).datum())),
    ];
    as_owner(|| run(Mode::Write, sql, &params, |_| ()));
}

/// Records that records, or what there is on the control plane, were read or written, if that is asked for.
pub fn touched(event: &Event<'_>, mode: Mode) {
    if !DATA_PLANE.get() {
        return;
    }
    // SAFETY: reads properties of the transaction and the server.
    let able =
        unsafe { !pg_sys::XactReadOnly && !pg_sys::RecoveryInProgress() && !pg_sys::IsInParallelMode() };
    if able {
        done(event, None);
    }
    if !able || mode == Mode::Read {
        log(somebody().as_deref(), event, "success", None);
    }
}

/// Records that a statement of a user's own goes to tables of records, if that is asked for.
///
/// # Safety
/// `plan` is a plan that is about to run.
pub unsafe fn queried(plan: *const pg_sys::PlannedStmt) {
    if !DATA_PLANE.get() || is_ours() {
        return;
    }
    // SAFETY: the caller vouches for the plan; look-ups of what it has locked. A worker's leader has been here.
    let tables: Vec<String> = unsafe {
        let schema = pg_sys::get_namespace_oid(c"pc_data".as_ptr(), true);
        if pg_sys::ParallelWorkerNumber >= 0 || schema == pg_sys::InvalidOid {
            return;
        }
        let entries = PgList::<pg_sys::RangeTblEntry>::from_pg((*plan).rtable);
        entries
            .iter_ptr()
            .filter(|entry| (**entry).rtekind == pg_sys::RTEKind::RTE_RELATION)
            .filter(|entry| pg_sys::get_rel_namespace((**entry).relid) == schema)
            .map(|entry| {
                let name = pg_sys::get_rel_name((*entry).relid);
                if name.is_null() { "?".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
            })
            .collect()
    };
    if !tables.is_empty() {
        let event = Event { action: "sql", kind: "table", resource: &tables.join(", ") };
        log(somebody().as_deref(), &event, "success", None);
    }
}

/// Passes on what was judged; a refusal is recorded before it is raised.
pub fn judged<T>(who: &Rc<Principal>, event: &Event<'_>, verdict: conifer_pure::Result<T>) -> T {
    verdict.unwrap_or_else(|fault: Fault| {
        if fault.state == INSUFFICIENT_PRIVILEGE {
            log(Some(who), event, "failure", Some(&fault.message));
        }
        raise(fault)
    })
}

/// Records that something was refused to somebody, or to a session where nobody is known to act, and raises why.
pub fn refused(who: Option<&Principal>, event: &Event<'_>, fault: Fault) -> ! {
    log(who, event, "failure", Some(&fault.message));
    raise(fault)
}

fn log(who: Option<&Principal>, event: &Event<'_>, outcome: &str, reason: Option<&str>) {
    let sql = "SELECT pg_catalog.json_build_object('actor', $1, 'actor_type', $2, 'session_role', $9, \
                      'client', pg_catalog.inet_client_addr(), 'application', pg_catalog.current_setting('application_name'), \
                      'project_id', $3, 'action', $4, 'resource_type', $5, 'resource', $6, 'outcome', $7, \
                      'reason', $8)::pg_catalog.text";
    // Whoever is refused does not choose how much is written.
    let shown: String = event.resource.chars().take(MOST_SHOWN).collect();
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
    // A role that was dropped meanwhile may do nothing itself.
    let line = unasked(|| as_owner(|| run(Mode::Read, sql, &params, |rows| rows.get::<String>(0, 0))));
    let line = line.unwrap_or_default();
    ereport!(
        PgLogLevel::LOG_SERVER_ONLY,
        PgSqlErrorCode::ERRCODE_SUCCESSFUL_COMPLETION,
        format!("conifer audit: {line}")
    );
}

/// The role that the session has logged in as, if it is there still.
fn session() -> String {
    // SAFETY: the session's own; a name is copied.
    unsafe {
        let name = pg_sys::GetUserNameFromId(pg_sys::GetSessionUserId(), true);
        if name.is_null() { "unknown".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    }
}

fn type_of(who: &Principal) -> &'static str {
    match who.kind {
        Kind::Key => "api_key",
        Kind::Person | Kind::Superuser => "user",
    }
}

/// Defines the setting.
pub fn init() {
    GucRegistry::define_bool_guc(
        c"conifer.audit_data_plane",
        c"Records reads and writes of records, and reads of the control plane.",
        c"Changes of the control plane are always recorded.",
        &DATA_PLANE,
        GucContext::Suset,
        GucFlags::default(),
    );
}

#[pg_extern(sql = false)]
fn pc_audit(
    since: Option<TimestampWithTimeZone>,
    until: Option<TimestampWithTimeZone>,
    actor: Option<&str>,
    action: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let who = super::identity::principal();
    let may = who.admin.members || who.admin.organisation;
    let verdict = if may {
        Ok(())
    } else {
        Err(denied(format!("permission denied: {} may not read the audit", who.who())))
    };
    judged(&who, &Event { action: "read_audit", kind: "audit", resource: "" }, verdict);
    let sql = "SELECT a.seq, a.at, a.actor, a.actor_type, a.session_role, a.client, a.application, p.name::pg_catalog.text, \
                      a.action, a.resource_type, a.resource, a.outcome, a.reason, a.parameters \
                 FROM pc_auth.audit a LEFT JOIN pc_auth.project p USING (project_id) \
                WHERE ($1 IS NULL OR a.at OPERATOR(pg_catalog.>=) $1) AND ($2 IS NULL OR a.at OPERATOR(pg_catalog.<) $2) \
                  AND ($3 IS NULL OR a.actor OPERATOR(pg_catalog.=) $3) AND ($4 IS NULL OR a.action OPERATOR(pg_catalog.=) $4) \
                  AND ($5 OR a.project_id OPERATOR(pg_catalog.=) $6) \
                ORDER BY a.seq";
    let time = |at: Option<TimestampWithTimeZone>| {
        Param::of(pg_sys::TIMESTAMPTZOID, at.and_then(IntoDatum::into_datum))
    };
    let params = [
        time(since),
        time(until),
        Param::text(actor),
        Param::text(action),
        Param::of(pg_sys::BOOLOID, who.admin.organisation.into_datum()),
        Param::uuid(Uuid::from_bytes(who.project)),
    ];
    as_owner(|| return_rows(fcinfo, Mode::Read, sql, &params));
}
