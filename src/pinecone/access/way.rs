//! Locks for revocations: whose transaction keeps one waiting for longer than a moment has its session ended. Otherwise a person could keep what is
//! to be taken away, by a transaction that is left open in another project, or on something of less weight.
//!
//! A session that waits for such a lock itself is left alone: the sessions that have it are ended. Superusers' are waited for, as all rows may be
//! under way in a restore.
//!
//! So is it with what keeps an index from being deleted: sessions of keys and pools that have read it and leave their transaction idle.
//!
//! The server's log has a line of each session that is ended.
#![allow(unsafe_code)]

use super::catalog;
use super::elevate::{as_superuser, read_as_owner};
use super::locks::{self, Purpose};
use super::refusal::{Event, log};
use super::roles::patience::attempt;
use super::session::identity::principal_if_any;
use crate::pg::spi::{Param, run_now};
use pgrx::prelude::*;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// How long a revocation waits for each transaction.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// How long a revocation waits for all transactions: sessions that take turns could keep a lock for ever.
const PATIENCE_WITH_ALL: Duration = Duration::from_secs(10);

/// SQL that joins to a lock `l` its session `s`: the name, which is its process and its role, and whether that is a superuser. None for one of a prepared
/// transaction.
pub const SESSION: &str = "CROSS JOIN LATERAL (\
    SELECT pg_catalog.concat(l.pid, ' of ', r.rolname), r.rolsuper FROM pg_catalog.pg_stat_get_activity(l.pid) AS a \
      LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.usesysid \
     WHERE l.pid IS NOT NULL) AS s (name, is_superuser)";

/// The server shows a transaction the sessions that existed when it first asked: lets it ask anew.
pub fn look_anew() {
    // SAFETY: forgets a copy, which is made again when it is needed.
    unsafe { pg_sys::pgstat_clear_backend_activity_snapshot() }
}

/// A transaction that is in the way of a lock.
struct Other {
    pid: i32,
    /// Its number, as `virtualtransaction` of `pg_locks`.
    transaction: String,
    /// Its process and its role.
    session: String,
    is_superuser: bool,
}

/// Locks a name, in share mode or exclusively, for the revocation of `what`.
pub fn make(purpose: Purpose, name: &str, is_shared: bool, what: &str) {
    let begun = Instant::now();
    let mut seen = HashMap::new();
    let mut ended = HashSet::new();
    while !locks::is_free(purpose, name, is_shared) {
        pgrx::check_for_interrupts!();
        let others = others(purpose, name, is_shared);
        if begun.elapsed() > PATIENCE && !others.is_empty() && others.iter().all(|other| other.is_superuser) {
            return if is_shared { locks::share(purpose, name) } else { locks::exclude(purpose, name) };
        }
        let is_over = begun.elapsed() > PATIENCE_WITH_ALL;
        for other in others.into_iter().filter(|other| !other.is_superuser) {
            let since = *seen.entry((other.pid, other.transaction)).or_insert_with(Instant::now);
            if (is_over || since.elapsed() > PATIENCE) && ended.insert(other.pid) {
                end_for(&format!("{what} from being revoked"), other.pid, &other.session);
            }
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The transactions that have a lock which conflicts with one, or for which a session waits that would have it before this one. Such a session waits
/// for it exclusively, and so for all that have it.
fn others(purpose: Purpose, name: &str, is_shared: bool) -> Vec<Other> {
    let sql = format!(
        "WITH locks AS MATERIALIZED (\
                   SELECT l.pid, l.virtualtransaction, l.granted, l.mode OPERATOR(pg_catalog.=) 'AccessExclusiveLock' AS is_exclusive \
                     FROM pg_catalog.pg_database AS h, pg_catalog.pg_locks l \
                    WHERE h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                      AND l.locktype OPERATOR(pg_catalog.=) 'object' AND l.database OPERATOR(pg_catalog.=) h.oid \
                      AND l.classid OPERATOR(pg_catalog.=) $1 AND l.objid OPERATOR(pg_catalog.=) $2 \
                      AND l.objsubid OPERATOR(pg_catalog.=) $3::pg_catalog.int2 \
                      AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid()) \
               SELECT l.pid, l.virtualtransaction, s.name, s.is_superuser FROM locks l {SESSION} \
                WHERE l.granted AND ($4 OR EXISTS (SELECT FROM locks x WHERE x.is_exclusive))"
    );
    let params = [
        Param::oid(catalog::table()),
        Param::oid(locks::number(name)),
        Param::int(purpose as i32),
        Param::of(pg_sys::BOOLOID, (!is_shared).into_datum()),
    ];
    look_anew();
    read_as_owner(|| {
        run_now(&sql, &params, |rows| {
            rows.each(|row| {
                Some(Other {
                    pid: rows.get(row, 0)?,
                    transaction: rows.get(row, 1)?,
                    session: rows.get(row, 2)?,
                    is_superuser: rows.get(row, 3) == Some(true),
                })
            })
        })
    })
}

/// Locks a table whose index is to go. Sessions of keys and pools that have it locked, and wait for their clients for longer than a moment, are ended; all others
/// are waited for, and who comes in the first seconds does not wait behind this one.
///
/// # Errors
/// Raises 55P03 after `lock_timeout`.
pub fn make_for_table(table: pg_sys::Oid) {
    // SAFETY: within a transaction, which releases the lock; a table that is gone may be locked all the same.
    let lock = || unsafe { pg_sys::LockRelationOid(table, pg_sys::AccessExclusiveLock as i32) };
    // SAFETY: reads a setting.
    let set = u64::try_from(unsafe { pg_sys::LockTimeout }).unwrap_or(0);
    let most = if set == 0 { PATIENCE_WITH_ALL } else { PATIENCE_WITH_ALL.min(Duration::from_millis(set)) };
    let begun = Instant::now();
    let mut seen = HashMap::new();
    let mut ended = HashSet::new();
    while attempt(lock).is_err() {
        if begun.elapsed() > most {
            return lock();
        }
        for other in idle_on(table) {
            let since = *seen.entry((other.pid, other.transaction)).or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE && ended.insert(other.pid) {
                end_for("an index from being deleted", other.pid, &other.session);
            }
        }
        std::thread::sleep(Duration::from_millis(100));
        pgrx::check_for_interrupts!();
    }
}

/// The transactions of keys and pools that have a table locked and wait for their clients.
fn idle_on(table: pg_sys::Oid) -> Vec<Other> {
    let sql = "SELECT l.pid, l.virtualtransaction, pg_catalog.concat(l.pid, ' of ', r.rolname) \
                 FROM pg_catalog.pg_database AS h, pg_catalog.pg_locks l \
                 CROSS JOIN LATERAL pg_catalog.pg_stat_get_activity(l.pid) AS a \
                 JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.usesysid \
                WHERE h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                  AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.database OPERATOR(pg_catalog.=) h.oid \
                  AND l.relation OPERATOR(pg_catalog.=) $1 AND l.granted \
                  AND l.pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() \
                  AND a.wait_event OPERATOR(pg_catalog.=) 'ClientRead' AND NOT r.rolsuper \
                  AND (pg_catalog.pg_has_role(r.oid, 'conifer_keys', 'MEMBER') \
                       OR pg_catalog.pg_has_role(r.oid, 'conifer_gateway', 'MEMBER'))";
    look_anew();
    // What a session waits for is shown to its own role, and to superusers.
    as_superuser(|| {
        run_now(sql, &[Param::oid(table)], |rows| {
            rows.each(|row| {
                Some(Other {
                    pid: rows.get(row, 0)?,
                    transaction: rows.get(row, 1)?,
                    session: rows.get(row, 2)?,
                    is_superuser: false,
                })
            })
        })
    })
}

/// Ends a session whose transaction keeps `what` from being done: a text as "API key … from being revoked". It is ended also if that is rolled back.
pub fn end_for(what: &str, pid: i32, session: &str) {
    let event = Event { action: "end_session", kind: "session", resource: session };
    let why = format!("its transaction kept {what}");
    log(principal_if_any().as_deref(), &event, "success", Some(&why));
    end_all(vec![pid]);
}

/// Ends sessions, as pg_terminate_backend does, but for its warning where one has ended by itself.
pub fn end_all(pids: Vec<i32>) {
    for pid in pids {
        // SAFETY: a look-up in the server's table of its processes; a process that is found there is a backend of this server, and
        // leads a group of its own.
        unsafe {
            if pid != pg_sys::MyProcPid && !pg_sys::BackendPidGetProc(pid).is_null() {
                libc::kill(-pid, libc::SIGTERM);
            }
        }
    }
}
