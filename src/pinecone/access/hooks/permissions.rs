//! The hook of the executor's permission check: a session that has nothing on the table of an index is refused before any plan
//! runs, as the server refuses one without a privilege. EXPLAIN starts the executor, too, and is refused before it shows a plan.
//!
//! Leakproof conditions come before the policies, so plans and counters tell of rows that a policy hides, and privileges are wider than
//! rights: pooled sessions have them on all tables, and the group of all people on those of the default role.
//!
//! Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use crate::pinecone::access::judge::foreign_code::{hold, refusal, refusal_behind, source};
use crate::pinecone::access::judge::table::{index_of, is_view, may};
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::session::confined::{confined, is_pooled};
use crate::pinecone::access::session::identity::principal_if_any;
use crate::pinecone::access::session::{partial, pooled_key};
use crate::pinecone::access::snapshot::is_looking;
use conifer_pure::Fault;
use conifer_pure::fault::state::{INSUFFICIENT_PRIVILEGE, SERIALIZATION_FAILURE};
use conifer_pure::pinecone::access::level::Level;
use pgrx::PgList;
use pgrx::prelude::*;
use std::ffi::CStr;

static mut NEXT: pg_sys::ExecutorCheckPerms_hook_type = None;

/// What a statement asks of a table.
#[cfg(feature = "pg15")]
type Asked = pg_sys::RangeTblEntry;
#[cfg(not(feature = "pg15"))]
type Asked = pg_sys::RTEPermissionInfo;

/// The privileges that writing needs. `SELECT ... FOR UPDATE` asks for that of UPDATE.
const WRITES: pg_sys::AclMode =
    (pg_sys::ACL_INSERT | pg_sys::ACL_UPDATE | pg_sys::ACL_DELETE | pg_sys::ACL_TRUNCATE) as pg_sys::AclMode;

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::ExecutorCheckPerms_hook;
        pg_sys::ExecutorCheckPerms_hook = Some(check);
    }
}

#[cfg(feature = "pg15")]
unsafe extern "C-unwind" fn check(tables: *mut pg_sys::List, raises: bool) -> bool {
    // SAFETY: passes on the server's arguments.
    unsafe { NEXT.is_none_or(|next| next(tables, raises)) && judge(tables, raises) }
}

#[cfg(not(feature = "pg15"))]
unsafe extern "C-unwind" fn check(range: *mut pg_sys::List, tables: *mut pg_sys::List, raises: bool) -> bool {
    // SAFETY: passes on the server's arguments.
    unsafe { NEXT.is_none_or(|next| next(range, tables, raises)) && judge(tables, raises) }
}

/// Whether all tables may be read or written as is asked.
///
/// # Errors
/// Raises 42501 if not, where the server wants it raised.
#[pg_guard]
unsafe extern "C-unwind" fn judge(tables: *mut pg_sys::List, raises: bool) -> bool {
    // SAFETY: the server's list, of the nodes of its version; look-ups of tables that the statement has locked. A worker's leader
    // has been here, and knows of a key that is in effect.
    unsafe {
        if is_looking() || pg_sys::ParallelWorkerNumber >= 0 {
            return true;
        }
        partial::keep_log_from_client();
        let asked = PgList::<Asked>::from_pg(tables);
        let refused = asked.iter_ptr().find(|asked| !is_allowed(&**asked));
        match refused {
            Some(asked) if raises => refuse((*asked).relid),
            Some(_) => return false,
            None => {}
        }
        for asked in asked.iter_ptr() {
            match foreign_code(&*asked) {
                Some((view, fault)) if raises => refuse_code(view, fault),
                Some(_) => return false,
                None => {}
            }
        }
        // A plan that was kept is judged by the principal that it was made for.
        let is_of_index =
            |asked: &Asked| asked.relid != pg_sys::InvalidOid && index_of(asked.relid).is_some();
        if confined().is_some() && asked.iter_ptr().any(|asked| is_of_index(&*asked)) && !partial::planned() {
            let message = "cached plans have been made for another API key, or for other rights";
            raise(Fault::new(SERIALIZATION_FAILURE, message).hint("Run the statement again."));
        }
        true
    }
}

fn is_allowed(asked: &Asked) -> bool {
    #[cfg(feature = "pg15")]
    if asked.rtekind != pg_sys::RTEKind::RTE_RELATION {
        return true;
    }
    if asked.requiredPerms == 0 {
        return true;
    }
    let Some(index) = index_of(asked.relid) else { return true };
    // SAFETY: the statement has locked the relation.
    !unsafe { policies_hold(asked.relid, asked.checkAsUser) }
        || may(index, if asked.requiredPerms & WRITES == 0 { Level::ReadOnly } else { Level::ReadWrite })
}

/// The refusal of an index over a user's table that has code of others. A plan that was made for another role comes to it here.
fn foreign_code(asked: &Asked) -> Option<(pg_sys::Oid, Fault)> {
    let view = asked.relid;
    if asked.requiredPerms == 0 || view == pg_sys::InvalidOid {
        return None;
    }
    if source(view).is_none() {
        return refusal_behind(view);
    }
    let writes = asked.requiredPerms & WRITES != 0;
    if writes {
        hold(view);
    }
    refusal(view, writes).map(|fault| (view, fault))
}

/// Raises the refusal of an index over a user's table.
pub fn refuse_code(view: pg_sys::Oid, fault: Fault) -> ! {
    // SAFETY: a look-up of a view that the statement has locked; the name is copied.
    let name = unsafe {
        let name = pg_sys::get_rel_name(view);
        if name.is_null() { "?".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() }
    };
    refused(principal_if_any().as_deref(), &Event { action: "sql", kind: "table", resource: &name }, fault)
}

/// Whether the policies hold for what a role asks, or the current one for an invalid number. Where they do not, as for the owner of a
/// superuser's view, neither does the judgement.
///
/// # Safety
/// The relation is there.
pub unsafe fn policies_hold(relation: pg_sys::Oid, asks: pg_sys::Oid) -> bool {
    // SAFETY: look-ups of a relation.
    unsafe {
        // Those of a user's table behind a view hold for whoever asks, in whosever view.
        is_view(relation)
            || pg_sys::check_enable_rls(relation, asks, true)
                == pg_sys::CheckEnableRlsResult::RLS_ENABLED as i32
    }
}

/// Raises 42501, in the server's words.
pub fn refuse(table: pg_sys::Oid) -> ! {
    // SAFETY: a look-up of a table that the statement has locked; the name is copied.
    let (name, kind) = unsafe {
        let name = pg_sys::get_rel_name(table);
        let name =
            if name.is_null() { "?".into() } else { CStr::from_ptr(name).to_string_lossy().into_owned() };
        let kind = match pg_sys::get_rel_relkind(table) as u8 {
            pg_sys::RELKIND_VIEW => "view",
            pg_sys::RELKIND_INDEX => "index",
            pg_sys::RELKIND_MATVIEW => "materialized view",
            pg_sys::RELKIND_FOREIGN_TABLE => "foreign table",
            pg_sys::RELKIND_SEQUENCE => "sequence",
            _ => "table",
        };
        (name, kind)
    };
    let fault = Fault::new(INSUFFICIENT_PRIVILEGE, format!("permission denied for {kind} {name}"));
    let fault = if is_pooled() && pooled_key::key().is_none() {
        fault.hint("Call pc_use_key first, in the same transaction.")
    } else {
        fault
    };
    refused(principal_if_any().as_deref(), &Event { action: "sql", kind: "table", resource: &name }, fault)
}
