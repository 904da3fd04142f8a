//! Ends a key's sessions when the key is revoked.
//!
//! Sessions learn of the revocation at their next statement or FETCH (`session/identity.rs`, `hooks/executor.rs`); this file ends
//! sessions with a running statement: at once, so that no lock of theirs keeps the revocation waiting, and again just before the
//! commit, for sessions that came in between.
#![allow(unsafe_code)]

use super::catalog;
use super::elevate::as_superuser;
use super::locks::{self, Purpose};
use super::roles;
use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param, run};
use conifer_pure::memory::allocation::{begin, check, push};
use pgrx::prelude::*;
use std::cell::RefCell;

thread_local! {
    static AGAIN: RefCell<Vec<(String, pg_sys::Oid)>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    AGAIN.with(|_| ());
}

/// Shows that this session acts as a key until its transaction ends.
pub fn show(key: &str) {
    locks::share(Purpose::Acting, key);
}

/// Ends the sessions of this database that are logged in as a key, and the pooled sessions that act as it. In others, the key may be
/// valid: in a copy's original.
pub fn kick(key: &str) {
    let sql = "SELECT oid FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1";
    let role = run(Mode::Write, sql, &[Param::name(key)], |rows| {
        (rows.count > 0).then(|| rows.get::<pg_sys::Oid>(0, 0)).flatten()
    });
    let role = role.unwrap_or(pg_sys::InvalidOid);
    end(key, role);
    begin();
    AGAIN.with_borrow_mut(|again| push(again, (key.to_owned(), role))).and_then(|()| check()).or_raise();
}

fn end(key: &str, role: pg_sys::Oid) {
    let sql = "SELECT pg_catalog.pg_terminate_backend(pid) \
                 FROM pg_catalog.pg_database AS h, \
                      LATERAL (SELECT pid FROM pg_catalog.pg_stat_get_activity(NULL) \
                        WHERE usesysid OPERATOR(pg_catalog.=) $1 AND datid OPERATOR(pg_catalog.=) h.oid \
                       UNION SELECT pid FROM pg_catalog.pg_locks \
                        WHERE locktype OPERATOR(pg_catalog.=) 'object' AND objsubid OPERATOR(pg_catalog.=) 1 \
                          AND database OPERATOR(pg_catalog.=) h.oid \
                          AND classid OPERATOR(pg_catalog.=) $2 AND objid OPERATOR(pg_catalog.=) $3) AS t \
                WHERE h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                  AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()";
    let params =
        [role, catalog::table(), locks::number(key)].map(|oid| Param::of(pg_sys::OIDOID, Some(oid.into())));
    // The server shows a transaction the sessions that existed when it first asked.
    // SAFETY: forgets a copy, which is made again when it is needed.
    unsafe { pg_sys::pgstat_clear_backend_activity_snapshot() };
    as_superuser(|| run(Mode::Write, sql, &params, |_| ()));
}

/// Whether [`commit`] has sessions to end.
pub fn pending() -> bool {
    !AGAIN.with_borrow(Vec::is_empty)
}

/// Ends the revoked keys' sessions again, just before the transaction commits.
pub fn commit() {
    // A savepoint may have taken a revocation back.
    for (key, role) in AGAIN.take().into_iter().filter(|(key, _)| !roles::is_valid(key)) {
        end(&key, role);
    }
}

/// Forgets the keys of a transaction that has failed.
pub fn abort() {
    AGAIN.take();
}
