//! Ends a key's sessions when the key is revoked.
//!
//! Sessions learn of the revocation at their next statement or FETCH (`session/identity.rs`, `hooks/executor.rs`); this file ends
//! sessions with a running statement, just before the revocation commits: one that is rolled back ends nobody. No lock of a
//! key's session keeps a revocation waiting, and an administrator's transaction that does, for longer, is ended (`make_way`).
#![allow(unsafe_code)]

use super::catalog;
use super::elevate::{as_owner, as_superuser, read_as_owner};
use super::locks::{self, Purpose};
use super::roles::{self, pattern};
use super::way::{self, PATIENCE, SESSION, end_all, end_for, look_anew};
use crate::pg::error::{OrRaise, raise};
use crate::pg::spi::{Mode, Param, run, run_now};
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::OBJECT_IN_USE;
use conifer_pure::memory::allocation::{begin, check, push};
use pgrx::prelude::*;
use pgrx::spi::quote_literal;
use std::cell::RefCell;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// A key that is revoked when the transaction commits.
struct Revoked {
    key: String,
    /// The number of its role, which is gone by then.
    role: pg_sys::Oid,
    /// The depth of savepoints at which it was revoked.
    depth: i32,
}

thread_local! {
    static REVOKED: RefCell<Vec<Revoked>> = const { RefCell::new(vec![]) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    REVOKED.with(|_| ());
}

/// Shows that this session acts as a key until its transaction ends.
pub fn show(key: &str) {
    locks::share(Purpose::Acting, key);
}

/// Ends the sessions of this database that are logged in as a key, and the pooled sessions that act as it, when the transaction
/// commits. In others, the key may be valid: in a copy's original.
pub fn kick(key: &str) {
    let sql = "SELECT oid FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.=) $1";
    let role = run(Mode::Write, sql, &[Param::name(key)], |rows| {
        (rows.count > 0).then(|| rows.get::<pg_sys::Oid>(0, 0)).flatten()
    });
    let role = role.unwrap_or(pg_sys::InvalidOid);
    // SAFETY: reads a counter of the transaction.
    let depth = unsafe { pg_sys::GetCurrentTransactionNestLevel() };
    begin();
    REVOKED
        .with_borrow_mut(|revoked| push(revoked, Revoked { key: key.to_owned(), role, depth }))
        .and_then(|()| check())
        .or_raise();
}

/// Waits for a transaction that has changed the key's row, role or groups, and ends its session if it goes on: a revocation is not to wait for an
/// administrator who has left one open. The server's log has a line of it.
pub fn make_way(key: &str) {
    let what = format!("API key \"{key}\"");
    let begun = Instant::now();
    let mut ended = HashSet::new();
    let locked =
        "SELECT FROM pc_auth.api_key WHERE key_id OPERATOR(pg_catalog.=) $1 FOR NO KEY UPDATE SKIP LOCKED";
    while as_owner(|| run(Mode::Write, locked, &[Param::text(key)], |rows| rows.count)) == 0 {
        pgrx::check_for_interrupts!();
        if !roles::is_known(key) {
            return;
        }
        if begun.elapsed() > PATIENCE {
            let row =
                "SELECT xmax::pg_catalog.text FROM pc_auth.api_key WHERE key_id OPERATOR(pg_catalog.=) $1";
            let changing = read_as_owner(|| under_way(row, Param::text(key)));
            changing.into_iter().for_each(|transaction| end_transaction(&what, transaction, &mut ended));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    // First that of Conifer's own, for which superusers are waited for.
    way::make(Purpose::Role, key, false, &what);
    let row =
        "SELECT xmax::pg_catalog.text FROM pg_catalog.pg_authid WHERE rolname OPERATOR(pg_catalog.=) $1";
    make_way_for_rows(&what, row, || Param::name(key), &mut ended);
    make_way_for_groups(key, &what);
}

/// Waits for a transaction that has changed the settings of a person's role in this database, of which the mark is one (`roles/mark.rs`), and ends
/// its session if it goes on: every role may set its own.
pub fn make_way_for_settings(member: &str, what: &str) {
    let row = "SELECT s.xmax::pg_catalog.text FROM pg_catalog.pg_db_role_setting s \
                 JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase \
                WHERE s.setrole OPERATOR(pg_catalog.=) pc_auth.role_number($1) \
                  AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";
    make_way_for_rows(what, row, || Param::name(member), &mut HashSet::new());
}

/// Waits for transactions that have changed a role's membership in groups of Conifer's, and ends their sessions if they go on.
pub fn make_way_for_groups(role: &str, what: &str) {
    let rows = format!(
        "SELECT m.xmax::pg_catalog.text FROM pg_catalog.pg_auth_members m \
           JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member AND r.rolname OPERATOR(pg_catalog.=) $1 \
           JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid AND g.rolname OPERATOR(pg_catalog.~) {}",
        pattern::ALL
    );
    make_way_for_rows(what, &rows, || Param::name(role), &mut HashSet::new());
}

/// Waits for transactions that are changing rows of a catalog, of which a query gives the `xmax`, and ends their sessions if they go on.
///
/// # Errors
/// As [`end_transaction`].
fn make_way_for_rows(what: &str, rows: &str, param: impl Fn() -> Param, ended: &mut HashSet<i32>) {
    let begun = Instant::now();
    while let Some(transaction) = as_superuser(|| under_way(rows, param())) {
        pgrx::check_for_interrupts!();
        if begun.elapsed() > PATIENCE {
            end_transaction(what, transaction, ended);
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The transaction of another session that is changing one of the rows of which a query gives the `xmax`.
fn under_way(rows: &str, param: Param) -> Option<u32> {
    let numbers: Vec<String> = run_now(rows, &[param], |rows| rows.each(|row| rows.get(row, 0)));
    numbers.iter().find_map(|number| in_progress(number.parse().ok()?))
}

/// The number of the topmost transaction of one that is another session's and under way.
fn in_progress(number: u32) -> Option<u32> {
    let transaction = pg_sys::TransactionId::from(number);
    // SAFETY: reads the server's table of transactions, within one. Parents are known of those that are under way.
    unsafe {
        if number == 0
            || pg_sys::TransactionIdIsCurrentTransactionId(transaction)
            || !pg_sys::TransactionIdIsInProgress(transaction)
        {
            return None;
        }
        // That of a savepoint is no lock any more once the savepoint is released.
        Some(pg_sys::SubTransGetTopmostTransaction(transaction).into_inner())
    }
}

/// Ends the session of a transaction that keeps `what` from being revoked, once.
///
/// # Errors
/// Raises 55006 for a prepared transaction, which no session has.
fn end_transaction(what: &str, transaction: u32, ended: &mut HashSet<i32>) {
    let sql = format!(
        "SELECT l.pid, s.name FROM pg_catalog.pg_locks l {SESSION} \
          WHERE l.locktype OPERATOR(pg_catalog.=) 'transactionid' AND l.granted \
            AND l.transactionid::pg_catalog.text OPERATOR(pg_catalog.=) $1"
    );
    look_anew();
    let sessions: Vec<(i32, String)> = read_as_owner(|| {
        run_now(&sql, &[Param::text(&*transaction.to_string())], |rows| {
            rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?)))
        })
    });
    if sessions.is_empty() {
        refuse_prepared(what, transaction);
    }
    for (pid, session) in sessions.into_iter().filter(|(pid, _)| ended.insert(*pid)) {
        end_for(&format!("{what} from being revoked"), pid, &session);
    }
}

/// Raises 55006 if a transaction is a prepared one.
fn refuse_prepared(what: &str, transaction: u32) {
    let sql = "SELECT gid, database::pg_catalog.text FROM pg_catalog.pg_prepared_xacts \
                WHERE transaction::pg_catalog.text OPERATOR(pg_catalog.=) $1";
    let prepared: Vec<(String, String)> = read_as_owner(|| {
        run_now(sql, &[Param::text(&*transaction.to_string())], |rows| {
            rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?)))
        })
    });
    if let Some((gid, database)) = prepared.first() {
        let message = format!("prepared transaction {} keeps {what} from being revoked", quoted(gid));
        let hint =
            format!("ROLLBACK PREPARED {} in database {} ends it.", quote_literal(gid), quoted(database));
        raise(Fault::new(OBJECT_IN_USE, message).hint(hint));
    }
}

fn end(key: &str, role: pg_sys::Oid) {
    let sql = "SELECT t.pid \
                 FROM pg_catalog.pg_database AS h, \
                      LATERAL (SELECT pid FROM pg_catalog.pg_stat_get_activity(NULL) \
                        WHERE usesysid OPERATOR(pg_catalog.=) $1 AND datid OPERATOR(pg_catalog.=) h.oid \
                       UNION SELECT pid FROM pg_catalog.pg_locks \
                        WHERE locktype OPERATOR(pg_catalog.=) 'object' AND objsubid OPERATOR(pg_catalog.=) 1 \
                          AND database OPERATOR(pg_catalog.=) h.oid \
                          AND classid OPERATOR(pg_catalog.=) $2 AND objid OPERATOR(pg_catalog.=) $3) AS t \
                WHERE h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";
    let params =
        [role, catalog::table(), locks::number(key)].map(|oid| Param::of(pg_sys::OIDOID, Some(oid.into())));
    look_anew();
    end_all(as_superuser(|| run(Mode::Write, sql, &params, |rows| rows.each(|row| rows.get(row, 0)))));
}

/// Whether [`commit`] has sessions to end.
pub fn pending() -> bool {
    !REVOKED.with_borrow(Vec::is_empty)
}

/// Ends the revoked keys' sessions, just before the transaction commits.
pub fn commit() {
    for revoked in REVOKED.take().into_iter().filter(|revoked| !roles::is_valid(&revoked.key)) {
        end(&revoked.key, revoked.role);
    }
}

/// Forgets the keys of a transaction that has failed.
pub fn abort() {
    REVOKED.take();
}

/// A savepoint at a depth is released: what was revoked in it belongs to the enclosing level.
pub fn released(depth: i32) {
    REVOKED.with_borrow_mut(|all| {
        all.iter_mut().for_each(|revoked| revoked.depth = revoked.depth.min(depth - 1))
    });
}

/// A savepoint at a depth is rolled back, and with it what was revoked in it.
pub fn rolled_back(depth: i32) {
    REVOKED.with_borrow_mut(|all| all.retain(|revoked| revoked.depth < depth));
}
