//! The audit: actor, action, time, origin, role and outcome of each action.
//!
//! A successful action is a row of `pc_auth.audit` in the transaction that took it. A refusal raises, which would take its
//! row back; it goes to the server's log, as one line of JSON with the same fields. So does a read: a transaction that is
//! rolled back has read all the same.
#![allow(unsafe_code)]

mod pc_audit;
pub mod pc_prune_audit;

use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, is_text_of_ours, run};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::refusal::{Event, log, type_of};
use crate::pinecone::access::session::given::given;
use crate::pinecone::access::session::identity::principal_if_any;
use conifer_pure::memory::allocation::headroom;
use conifer_pure::pinecone::access::principal::{Principal, ProjectId};
use pgrx::prelude::*;
use pgrx::{GucContext, GucFlags, GucRegistry, GucSetting, IntoDatum, PgList, Uuid};
use std::cell::Cell;
use std::ffi::{CStr, CString};

/// `conifer.audit_data_plane`: whether reads and writes of records are recorded, too.
static DATA_PLANE: GucSetting<bool> = GucSetting::<bool>::new(false);

thread_local! {
    /// Whether the data plane is to be recorded by what an administrator gave to the session's role or database; none before it is known.
    static GIVEN: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    GIVEN.with(|_| ());
}

/// Whether reads and writes of records are recorded.
fn is_on() -> bool {
    DATA_PLANE.get()
        || GIVEN.get().unwrap_or_else(|| {
            GIVEN.set(Some(false));
            // SAFETY: a look-up of a role, within a transaction.
            let is_superuser = unsafe { pg_sys::superuser_arg(pg_sys::GetSessionUserId()) };
            // A superuser has switched it off, if it is.
            let on = !is_superuser && given("conifer.audit_data_plane").is_some_and(|text| is_true(&text));
            GIVEN.set(Some(on));
            on
        })
}

/// Whether a text is true as the server reads it in its settings.
fn is_true(text: &str) -> bool {
    let mut value = false;
    // SAFETY: reads a C string, and writes a boolean.
    CString::new(text).is_ok_and(|text| unsafe { pg_sys::parse_bool(text.as_ptr(), &mut value) }) && value
}

/// Records a successful action on the control plane, of a project, or of the organisation for none. `parameters` is JSON.
pub fn done(who: &Principal, event: &Event<'_>, project: Option<ProjectId>, parameters: Option<&str>) {
    let sql = "INSERT INTO pc_auth.audit (actor, actor_type, session_role, client, application, project_id, action, \
                                          resource_type, resource, outcome, parameters) \
               VALUES ($1, $2, session_user, pg_catalog.inet_client_addr(), \
                       pg_catalog.current_setting('application_name'), $3, $4, $5, $6, 'success', $7)";
    let params = [
        Param::text(&*who.name),
        Param::text(type_of(who)),
        Param::of(pg_sys::UUIDOID, project.and_then(|id| Uuid::from_bytes(id).into_datum())),
        Param::text(event.action),
        Param::text(event.kind),
        Param::text(event.resource),
        Param::of(pg_sys::JSONBOID, parameters.map(|text| Json::parse(text).datum())),
    ];
    as_owner(|| run(Mode::Write, sql, &params, |_| ()));
}

/// Records a read or write of records, or a read on the control plane, if `conifer.audit_data_plane` is on.
pub fn touched(who: &Principal, event: &Event<'_>, mode: Mode) {
    if !is_on() {
        return;
    }
    // SAFETY: reads properties of the transaction and the server.
    let able =
        unsafe { !pg_sys::XactReadOnly && !pg_sys::RecoveryInProgress() && !pg_sys::IsInParallelMode() };
    if able {
        done(who, event, Some(who.project), None);
    }
    if !able || mode == Mode::Read {
        log(Some(who), event, "success", None);
    }
}

/// Records that a user's own statement goes to tables of records, if `conifer.audit_data_plane` is on.
///
/// # Safety
/// `query` is about to run, with the text that it came with.
pub unsafe fn queried(query: &pg_sys::QueryDesc) {
    if is_text_of_ours(query.sourceText) || !is_on() {
        return;
    }
    let plan = query.plannedstmt;
    let schema = catalog::schema(c"pc_data");
    // SAFETY: the caller vouches for the query; look-ups of tables that it has locked. A worker's leader has been here.
    let tables: Vec<String> = unsafe {
        if pg_sys::ParallelWorkerNumber >= 0 || schema == pg_sys::InvalidOid {
            return;
        }
        let entries = PgList::<pg_sys::RangeTblEntry>::from_pg((*plan).rtable);
        // For each name, and for the text of all of them.
        headroom(3 * size_of::<pg_sys::NameData>() * entries.len()).or_raise();
        entries
            .iter_ptr()
            // What a view stands for, from PostgreSQL 16 on, keeps the view's number. Other entries have none.
            .filter(|entry| (**entry).relid != pg_sys::InvalidOid)
            .filter(|entry| pg_sys::get_rel_namespace((**entry).relid) == schema)
            .map(|entry| {
                let name = pg_sys::get_rel_name((*entry).relid);
                if name.is_null() { "?".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
            })
            .collect()
    };
    if !tables.is_empty() {
        let event = Event { action: "sql", kind: "table", resource: &tables.join(", ") };
        log(principal_if_any().as_deref(), &event, "success", None);
    }
}

/// Records that a COPY goes to a table of records by itself, as for a superuser, if `conifer.audit_data_plane` is on. For others the
/// server makes a query of it, which [`queried`] records.
pub fn copied(copy: &pg_sys::CopyStmt) {
    if !DATA_PLANE.get() || copy.relation.is_null() {
        return;
    }
    let schema = catalog::schema(c"pc_data");
    let flags = pg_sys::RVROption::RVR_MISSING_OK;
    // SAFETY: a look-up of the table that the command names, without a lock; the name is copied.
    let name = unsafe {
        let none = std::ptr::null_mut();
        let table = pg_sys::RangeVarGetRelidExtended(copy.relation, pg_sys::NoLock as i32, flags, None, none);
        let is_record_table = table != pg_sys::InvalidOid
            && schema != pg_sys::InvalidOid
            && pg_sys::get_rel_namespace(table) == schema
            && pg_sys::check_enable_rls(table, pg_sys::InvalidOid, true)
                != pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32;
        if !is_record_table {
            return;
        }
        let name = pg_sys::get_rel_name(table);
        if name.is_null() { "?".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    };
    let event = Event { action: "sql", kind: "table", resource: &name };
    log(principal_if_any().as_deref(), &event, "success", None);
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
