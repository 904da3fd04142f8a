//! The hook before a statement is planned: no plan is made that would run the code of others (`foreign_code.rs`), and in sessions that
//! read tables in part, no condition goes before the policies that would tell of hidden rows (`judge/conditions.rs`).
//!
//! Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
#![allow(unsafe_code)]

use super::named_relations::Named;
use super::{foreign_code, inlining};
use crate::pinecone::access::judge::conditions::{names_an_index, put_behind_policies};
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::session::confined::confined;
use crate::pinecone::access::session::identity::principal_if_any;
use crate::pinecone::access::session::partial;
use crate::pinecone::access::snapshot::is_looking;
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use pgrx::prelude::*;
use std::ffi::{c_char, c_int};

static mut NEXT: pg_sys::planner_hook_type = None;

unsafe extern "C-unwind" {
    /// The server's planner, without pgrx's guard, which would catch its errors.
    fn standard_planner(
        query: *mut pg_sys::Query,
        text: *const c_char,
        options: c_int,
        params: pg_sys::ParamListInfo,
    ) -> *mut pg_sys::PlannedStmt;
}

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::planner_hook;
        pg_sys::planner_hook = Some(plan);
    }
}

unsafe extern "C-unwind" fn plan(
    query: *mut pg_sys::Query,
    text: *const c_char,
    options: c_int,
    params: pg_sys::ParamListInfo,
) -> *mut pg_sys::PlannedStmt {
    // SAFETY: passes on the server's arguments.
    unsafe {
        before(query);
        NEXT.unwrap_or(standard_planner)(query, text, options, params)
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn before(query: *mut pg_sys::Query) {
    // SAFETY: a query that is about to be planned, and that the planner may change as well.
    unsafe {
        if is_looking() {
            return;
        }
        foreign_code::judge(query);
        partial::keep_log_from_client();
        if confined().is_none() || !names_an_index(query) {
            return;
        }
        partial::planned();
        let Some(whom) = partial::partial() else { return };
        inlining::forbid();
        let refuse = |fault| {
            let event = Event { action: "sql", kind: "statement", resource: "" };
            refused(principal_if_any().as_deref(), &event, fault)
        };
        // Of as many rows as a sample is to have, policies leave those of the session: their part of all.
        if Named::of(query).is_sampled {
            let message =
                format!("permission denied: TABLESAMPLE by the method of an extension is not for {whom}");
            refuse(Fault::new(INSUFFICIENT_PRIVILEGE, message));
        }
        if !put_behind_policies(query) {
            let message = format!("permission denied: a volatile function in a condition is not for {whom}");
            let hint = "Call the function in a statement of its own, and use its result in the condition.";
            refuse(Fault::new(INSUFFICIENT_PRIVILEGE, message).hint(hint));
        }
    }
}
