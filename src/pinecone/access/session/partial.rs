//! Whether a session may read some rows of a table and not others.
//!
//! Conditions that are leakproof come before the policies, so plans and counters tell of hidden rows: a bitmap of a metadata filter
//! has as many rows as match it in all namespaces, and its estimate comes from the statistics of all.

#![allow(unsafe_code)]

use super::confined::{Confined, confined};
use super::identity::principal_if_any;
use super::pooled_key;
use pgrx::pg_sys;
use std::cell::Cell;

thread_local! {
    /// Whether the server's log is kept from the session's client.
    static LOG_KEPT: Cell<bool> = const { Cell::new(false) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    LOG_KEPT.with(|_| ());
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

/// Keeps the server's log from the client, from now on, if this session is one of a key or pooled, and has asked for the log: with
/// `debug_print_plan`, or by `auto_explain`, plans with their estimates and counts are among its messages.
pub fn keep_log_from_client() {
    // SAFETY: reads a setting.
    let is_asked_for = unsafe { pg_sys::client_min_messages } <= pg_sys::LOG as i32;
    if is_asked_for && !LOG_KEPT.get() && confined().is_some() {
        LOG_KEPT.set(true);
    }
}

/// Whether the server's log is kept from the session's client.
pub fn is_log_kept() -> bool {
    LOG_KEPT.get()
}
