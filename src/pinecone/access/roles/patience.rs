//! Statements that may have to wait for strangers, or fail by what these have made: tried for a moment, and given up without harm to the
//! transaction.
//!
//! Any role of the cluster may grant something to a key's role, or make a policy for it, in any database. DROP OWNED and DROP ROLE
//! wait for the end of such a transaction, and need a lock on each such object; a revocation must not.
#![allow(unsafe_code)]

use pgrx::pg_sys::panic::CaughtError;
use pgrx::{PgTryBuilder, pg_sys};
use std::ffi::CStr;
use std::panic::AssertUnwindSafe;

/// How long a statement waits for each lock.
const PATIENCE: &CStr = c"50ms";

/// Runs statements in a subtransaction, in which no lock is waited for longer than a moment.
///
/// # Errors
/// The server's message, where they have failed; nothing of them is left then. Raises the errors of a statement that is cancelled or
/// takes too long, and of a session that is to end.
pub fn attempt(work: impl FnOnce()) -> Result<(), String> {
    // SAFETY: the subtransaction takes away all that a failed statement leaves behind, the setting included; memory context and resource
    // owner are those of before in either case.
    let failed = unsafe {
        let (context, owner) = (pg_sys::CurrentMemoryContext, pg_sys::CurrentResourceOwner);
        pg_sys::BeginInternalSubTransaction(std::ptr::null());
        pg_sys::MemoryContextSwitchTo(context);
        let failed = PgTryBuilder::new(AssertUnwindSafe(|| {
            let level = pg_sys::NewGUCNestLevel();
            pg_sys::set_config_option(
                c"lock_timeout".as_ptr(),
                PATIENCE.as_ptr(),
                pg_sys::GucContext::PGC_USERSET,
                pg_sys::GucSource::PGC_S_SESSION,
                pg_sys::GucAction::GUC_ACTION_SAVE,
                true,
                0,
                false,
            );
            work();
            pg_sys::AtEOXact_GUC(true, level);
            None
        }))
        .catch_others(Some)
        .execute();
        if failed.is_some() {
            pg_sys::RollbackAndReleaseCurrentSubTransaction();
        } else {
            pg_sys::ReleaseCurrentSubTransaction();
        }
        pg_sys::MemoryContextSwitchTo(context);
        pg_sys::CurrentResourceOwner = owner;
        failed
    };
    match failed {
        None => Ok(()),
        Some(error) => match &error {
            CaughtError::PostgresError(report) if !ends(report.sql_error_code()) => {
                Err(report.message().to_owned())
            }
            _ => error.rethrow(),
        },
    }
}

/// Whether an error is one of an operator's: a cancelled statement, a session that is to end.
fn ends(state: pgrx::PgSqlErrorCode) -> bool {
    const CLASS: i32 = 0xfff;
    state as i32 & CLASS == pgrx::PgSqlErrorCode::ERRCODE_QUERY_CANCELED as i32 & CLASS
}
