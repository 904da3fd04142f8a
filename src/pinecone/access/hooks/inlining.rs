//! Functions in SQL are called, and not replaced by their text, in transactions that have read tables in part.
//!
//! The planner replaces such a function by its text once the hook before it has looked at the statement (`planner.rs`). The text has conditions, with
//! the caller's arguments in them, or settings that the caller chooses, and these would go before the policies. Where the function is
//! called, its statements are planned by themselves, and the hook sees them; arguments are values by then.
//!
//! The server leaves a function alone which a library wants to watch: `needs_fmgr_hook` says so of all functions in SQL. Nothing else comes
//! of it: the server then calls them through a function of its own, which asks hooks that are not there.
#![allow(unsafe_code)]

use crate::pinecone::access::judge::conditions::is_in_sql;
use pgrx::prelude::*;
use std::cell::Cell;

static mut NEXT: pg_sys::needs_fmgr_hook_type = None;

thread_local! {
    /// Whether the present transaction has read a table in part.
    static IS_PARTIAL: Cell<bool> = const { Cell::new(false) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    IS_PARTIAL.with(|_| ());
}

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::needs_fmgr_hook;
        pg_sys::needs_fmgr_hook = Some(is_called);
    }
}

/// A statement that reads tables in part is about to be planned. This lasts until the transaction ends: a statement may be planned while
/// another one is, and the two cannot be told apart when the server asks.
pub fn forbid() {
    IS_PARTIAL.set(true);
}

/// The transaction has ended.
pub fn end() {
    IS_PARTIAL.set(false);
}

#[pg_guard]
unsafe extern "C-unwind" fn is_called(function: pg_sys::Oid) -> bool {
    // SAFETY: passes on the server's argument; a look-up of a function, which the server has looked up just before.
    unsafe { IS_PARTIAL.get() && is_in_sql(function) || NEXT.is_some_and(|next| next(function)) }
}
