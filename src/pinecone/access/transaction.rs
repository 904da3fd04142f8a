//! The ends of transactions and savepoints, passed on to the modules that act on them.
#![allow(unsafe_code)]

use super::hooks::inlining;
use super::roles::{drop_extension, late_cascade, late_grants, late_members, names};
use super::session::{expiry, last_used, pooled_key};
use super::{locks, revocation};
use pgrx::prelude::*;
use std::ffi::c_void;

/// Registers the callbacks with the server.
pub fn init() {
    // SAFETY: callbacks that live as long as the library, which is never unloaded.
    unsafe {
        pg_sys::RegisterXactCallback(Some(at_end), std::ptr::null_mut());
        pg_sys::RegisterSubXactCallback(Some(at_savepoint), std::ptr::null_mut());
    }
}

/// Runs statements after the last one of the transaction.
fn last(run: impl FnOnce()) {
    // SAFETY: the transaction is still in progress. The pushed snapshot is popped, or goes with the transaction that an
    // error ends.
    unsafe {
        pg_sys::PushActiveSnapshot(pg_sys::GetTransactionSnapshot());
        run();
        pg_sys::PopActiveSnapshot();
    }
}

/// Whether the transaction has keys, members, projects or indexes to administer when it commits.
fn administers() -> bool {
    drop_extension::pending()
        || late_cascade::pending()
        || late_grants::pending()
        || late_members::pending()
        || revocation::pending()
}

/// Only the calls before the commit may raise.
#[pg_guard]
unsafe extern "C-unwind" fn at_end(event: pg_sys::XactEvent::Type, _argument: *mut c_void) {
    use pg_sys::XactEvent::{
        XACT_EVENT_ABORT, XACT_EVENT_COMMIT, XACT_EVENT_PRE_COMMIT, XACT_EVENT_PRE_PREPARE,
        XACT_EVENT_PREPARE,
    };
    match event {
        XACT_EVENT_PRE_PREPARE => {
            locks::refuse_prepare(administers());
            if last_used::pending() {
                last(last_used::commit);
            }
        }
        XACT_EVENT_PRE_COMMIT if last_used::pending() || names::pending() || administers() => {
            last(|| {
                last_used::commit();
                names::commit();
                late_cascade::commit();
                late_grants::commit();
                late_members::commit();
                drop_extension::commit();
                revocation::commit();
            });
        }
        XACT_EVENT_COMMIT | XACT_EVENT_PREPARE => {
            inlining::end();
            if pooled_key::end() {
                expiry::forget();
            }
            locks::end();
            names::end();
        }
        XACT_EVENT_ABORT => {
            inlining::end();
            if pooled_key::end() {
                expiry::forget();
            }
            locks::end();
            last_used::abort();
            names::end();
            late_cascade::abort();
            drop_extension::abort();
            late_grants::abort();
            late_members::abort();
            revocation::abort();
        }
        _ => {}
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn at_savepoint(
    event: pg_sys::SubXactEvent::Type,
    _this: pg_sys::SubTransactionId,
    _around: pg_sys::SubTransactionId,
    _argument: *mut c_void,
) {
    // SAFETY: reads a counter of the transaction.
    let depth = unsafe { pg_sys::GetCurrentTransactionNestLevel() };
    match event {
        pg_sys::SubXactEvent::SUBXACT_EVENT_COMMIT_SUB => {
            pooled_key::released(depth);
            drop_extension::released(depth);
            revocation::released(depth);
            late_members::released(depth);
        }
        pg_sys::SubXactEvent::SUBXACT_EVENT_ABORT_SUB => {
            pooled_key::rolled_back(depth);
            drop_extension::rolled_back(depth);
            revocation::rolled_back(depth);
            late_members::rolled_back(depth);
        }
        _ => {}
    }
}
