//! Whether a session may read some rows of a table and not others.
//!
//! Conditions that are leakproof come before the policies, so plans and counters tell of hidden rows: a bitmap of a metadata filter
//! has as many rows as match it in all namespaces, and its estimate comes from the statistics of all.

#![allow(unsafe_code)]

use super::confined::{Confined, confined, is_confined};
use super::identity::principal_if_any;
use super::pooled_key;
use conifer_pure::pinecone::access::principal::Principal;
use pgrx::pg_sys;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

thread_local! {
    /// Whether the server's log is kept from the session's client.
    static LOG_KEPT: Cell<bool> = const { Cell::new(false) };
    /// The principal for which statements on tables of indexes were last planned or run.
    static PLANNED_FOR: RefCell<Option<Rc<Principal>>> = const { RefCell::new(None) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    LOG_KEPT.with(|_| ());
    PLANNED_FOR.with(|_| ());
}

/// The sessions that are refused for this reason, in words; none if this session reads tables as a whole, or not at all.
pub fn partial() -> Option<&'static str> {
    if confined()? == Confined::Gateway && pooled_key::key().is_none() {
        return Some("sessions without a key");
    }
    match principal_if_any() {
        None => Some("sessions without a key"),
        Some(principal) if principal.scope.is_of_namespaces() => Some("keys that are limited to namespaces"),
        Some(_) => None,
    }
}

/// Whether the key that acts is limited to namespaces.
pub fn is_of_limited_key() -> bool {
    principal_if_any().is_some_and(|principal| principal.scope.is_of_namespaces())
}

/// Keeps the server's log from the client if this session is one of a key or pooled, whatever it has asked for: with
/// `debug_print_plan`, or by `auto_explain`, plans with their estimates and counts are among its messages, also of statements that have
/// begun before the session asks for the log. It is kept from then on, unless a superuser has taken the role of a key.
pub fn keep_log_from_client() {
    // SAFETY: within a transaction; a look-up of a role.
    let of_superuser = || unsafe { pg_sys::superuser_arg(pg_sys::GetSessionUserId()) };
    if !LOG_KEPT.get() || of_superuser() {
        LOG_KEPT.set(is_confined());
    }
}

/// Whether the server's log is kept from the session's client.
pub fn is_log_kept() -> bool {
    LOG_KEPT.get()
}

/// Notes that a statement on the table of an index is planned, or run, for the principal that acts. Plans that the session has kept
/// of another one are made again; false if there may be some: those of a principal that reads tables in part are not those of others.
pub fn planned() -> bool {
    let now = principal_if_any();
    PLANNED_FOR.with_borrow_mut(|planned| {
        let is_same = *planned == now;
        let is_of_part = |who: &Option<Rc<Principal>>| {
            who.as_ref().is_none_or(|principal| principal.scope.is_of_namespaces())
        };
        let keeps = is_same || !is_of_part(planned) && !is_of_part(&now);
        if !keeps {
            // SAFETY: marks plans as out of date, which the server does at any time.
            unsafe { pg_sys::ResetPlanCache() };
        }
        *planned = now;
        keeps
    })
}
