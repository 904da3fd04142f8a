//! When a key was last used: to the minute, written as its transaction ends.
//!
//! The row is locked for no longer than the commit takes, and a row that another session writes at that moment is left
//! alone, so no session waits. A transaction that cannot write (a standby, READ ONLY), is rolled back, or sees the
//! database as of its beginning (REPEATABLE READ, where the row could refuse to be written) leaves no trace.
#![allow(unsafe_code)]

use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::elevate::as_owner;
use pgrx::prelude::*;
use std::cell::RefCell;
use std::collections::HashMap;

/// Microseconds between two traces of a key in a session.
const EVERY: i64 = 60_000_000;

/// Keys whose last trace a session remembers.
const MAX: usize = 1000;

thread_local! {
    static TRACED: RefCell<HashMap<String, i64>> = RefCell::default();
    static PENDING: RefCell<Option<(String, i64)>> = const { RefCell::new(None) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    TRACED.with(|_| ());
    PENDING.with(|_| ());
}

/// Notes that a key is in use, at a time in the server's microseconds.
pub fn note(key: &str, now: i64) {
    TRACED.with_borrow_mut(|traced| {
        if traced.len() >= MAX {
            forget(traced, now);
        }
        if traced.get(key).is_none_or(|last| now - last >= EVERY) {
            traced.insert(key.to_owned(), now);
            PENDING.set(Some((key.to_owned(), now)));
        }
    });
}

/// Makes room for more keys: old traces are of no use; if all are new, all are forgotten, and traces are written early.
fn forget(traced: &mut HashMap<String, i64>, now: i64) {
    traced.retain(|_, last| now - *last < EVERY);
    if traced.len() >= MAX {
        traced.clear();
    }
}

/// Whether [`commit`] has a trace to write.
pub fn pending() -> bool {
    PENDING.with_borrow(Option::is_some)
}

/// Writes the trace, just before the transaction commits.
pub fn commit() {
    if let Some((key, at)) = PENDING.take() {
        trace(&key, at);
    }
}

/// Forgets the trace of a transaction that has failed.
pub fn abort() {
    if let Some((key, _)) = PENDING.take() {
        TRACED.with_borrow_mut(|traced| traced.remove(&key));
    }
}

fn trace(key: &str, at: i64) {
    // SAFETY: reads properties of the transaction and the server.
    let able = unsafe {
        !pg_sys::XactReadOnly
            && !pg_sys::RecoveryInProgress()
            && pg_sys::XactIsoLevel < pg_sys::XACT_REPEATABLE_READ as i32
    };
    if !able {
        return;
    }
    let at = TimestampWithTimeZone::try_from(at).ok().and_then(IntoDatum::into_datum);
    let params = [Param::text(key), Param::of(pg_sys::TIMESTAMPTZOID, at)];
    let update = "UPDATE pc_auth.key_use SET last_used_at = $2 \
                   WHERE ctid OPERATOR(pg_catalog.=) (SELECT ctid FROM pc_auth.key_use \
                                                       WHERE key_id OPERATOR(pg_catalog.=) $1 FOR UPDATE SKIP LOCKED) \
                     AND last_used_at OPERATOR(pg_catalog.<) $2";
    // Where there is a row that is locked, the insertion does nothing, and does not wait for the row's writer, which changes no
    // column of the primary key.
    let insert = "INSERT INTO pc_auth.key_use (key_id, last_used_at) \
                  SELECT $1, $2 WHERE EXISTS (SELECT FROM pc_auth.api_key WHERE key_id OPERATOR(pg_catalog.=) $1) \
                                  AND NOT EXISTS (SELECT FROM pc_auth.key_use WHERE key_id OPERATOR(pg_catalog.=) $1) \
                  ON CONFLICT DO NOTHING";
    as_owner(|| {
        if run(Mode::Write, update, &params, |rows| rows.count) == 0 {
            run(Mode::Write, insert, &params, |_| ());
        }
    });
}
