//! Locks on names, held until the transaction ends.
//!
//! Any user of the database could hold an advisory lock of the same number, so these are locks on objects of the class
//! `pc_auth.api_key`, or of an index's table, which no SQL command takes.
//!
//! Names are their users' choice, or public, and everybody sees locks. So a name's number is hashed with a secret of the database: nobody can
//! compute names that share a number, or learn a name from its lock.
#![allow(unsafe_code)]

use super::catalog;
use super::elevate::read_as_owner;
use super::secret;
use super::snapshot::latest;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, run};
use conifer_pure::Fault;
use conifer_pure::fault::state::FEATURE_NOT_SUPPORTED;
use pgrx::prelude::*;
use std::cell::Cell;

/// The secret that numbers are hashed with.
#[derive(Clone, Copy)]
struct Key {
    /// [`catalog::table`] and [`catalog::changes`] when it was read.
    read_at: (pg_sys::Oid, u64),
    secret: [u8; 16],
}

thread_local! {
    static KEY: Cell<Option<Key>> = const { Cell::new(None) };
    /// Whether the transaction has locked what administrators of others wait for.
    static ADMINISTERS: Cell<bool> = const { Cell::new(false) };
    /// How many names of indexes the transaction has locked.
    static NAMES: Cell<u32> = const { Cell::new(0) };
}

/// Makes the thread's variables known: see `touch_variables` of the library.
pub fn touch() {
    ADMINISTERS.with(|_| ());
    NAMES.with(|_| ());
    KEY.with(|_| ());
}

/// The purpose of a lock on a name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// A pooled session shows that it acts as a key.
    Acting = 1,
    /// The role of a key is made, changed or dropped.
    Role = 2,
    /// Roles of a project, of the organisation, or all, are made to agree with rows, by one transaction at a time (`roles/turn.rs`).
    Turn = 3,
    /// A namespace is made, deleted, renamed or copied.
    Namespace = 4,
    /// What is missing between new groups and new indexes of a project is granted, just before a commit.
    Grants = 5,
    /// The memberships of a person's role are changed.
    Member = 6,
}

/// Locks a name in share mode.
pub fn share(purpose: Purpose, name: &str) {
    lock(purpose, name, pg_sys::AccessShareLock);
}

/// Locks a name exclusively.
pub fn exclude(purpose: Purpose, name: &str) {
    lock(purpose, name, pg_sys::AccessExclusiveLock);
}

/// Whether this transaction has locked a name exclusively.
pub fn excludes(purpose: Purpose, name: &str) -> bool {
    let (tag, mode) = (tag(purpose, name), pg_sys::AccessExclusiveLock as i32);
    // SAFETY: reads the backend's own table of locks.
    unsafe {
        #[cfg(any(feature = "pg15", feature = "pg16"))]
        return pg_sys::LockHeldByMe(&tag, mode);
        #[cfg(not(any(feature = "pg15", feature = "pg16")))]
        pg_sys::LockHeldByMe(&tag, mode, false)
    }
}

/// Locks a name, in share mode or exclusively, unless others have it locked, or wait for that. `false` if they do.
pub fn is_free(purpose: Purpose, name: &str, is_shared: bool) -> bool {
    note(purpose);
    let mode = if is_shared { pg_sys::AccessShareLock } else { pg_sys::AccessExclusiveLock };
    let tag = tag(purpose, name);
    // SAFETY: within a transaction, which releases the lock. What others have done before they released it is read, as `LockDatabaseObject` does.
    unsafe {
        let got = pg_sys::LockAcquire(&tag, mode as i32, false, true);
        pg_sys::AcceptInvalidationMessages();
        got != pg_sys::LockAcquireResult::LOCKACQUIRE_NOT_AVAIL
    }
}

/// The tag of a lock, as `LockDatabaseObject` makes it.
fn tag(purpose: Purpose, name: &str) -> pg_sys::LOCKTAG {
    pg_sys::LOCKTAG {
        // SAFETY: reads the session's database.
        locktag_field1: unsafe { pg_sys::MyDatabaseId }.to_u32(),
        locktag_field2: catalog::table().to_u32(),
        locktag_field3: number(name).to_u32(),
        locktag_field4: purpose as u16,
        locktag_type: pg_sys::LockTagType::LOCKTAG_OBJECT as u8,
        locktag_lockmethodid: pg_sys::DEFAULT_LOCKMETHOD as u8,
    }
}

/// Notes that the transaction has locked what administrators wait for.
fn note(purpose: Purpose) {
    if matches!(purpose, Purpose::Role | Purpose::Member | Purpose::Turn | Purpose::Grants) {
        ADMINISTERS.set(true);
    }
}

fn lock(purpose: Purpose, name: &str, mode: u32) {
    note(purpose);
    // SAFETY: within a transaction, which releases the lock.
    unsafe { pg_sys::LockDatabaseObject(catalog::table(), number(name), purpose as u16, mode as i32) }
}

/// Refuses to prepare a transaction, which would keep its locks for as long as nobody ends it, whoever waits to revoke a key. Savepoints that
/// were rolled back count.
///
/// # Errors
/// Raises 0A000 if the transaction has administered keys, members, projects or indexes, or is yet to do so when it commits.
pub fn refuse_prepare(is_pending: bool) {
    if ADMINISTERS.get() || is_pending {
        let message = "cannot PREPARE a transaction that has changed API keys, members, projects or indexes";
        let hint =
            "COMMIT it: others could neither revoke a key nor make one until a prepared transaction ends.";
        raise(Fault::new(FEATURE_NOT_SUPPORTED, message).hint(hint));
    }
}

/// The transaction has ended, and has no locks.
pub fn end() {
    ADMINISTERS.set(false);
    NAMES.set(0);
}

/// How many names of indexes the transaction has locked by [`exclude_in`], those of savepoints that were rolled back among them.
pub fn names_in() -> u32 {
    NAMES.get()
}

/// Locks names that belong to the table of an index exclusively, in an order that is always the same. The table has a field of its own: by
/// chance, names of one index alone can share a number.
pub fn exclude_in(table: pg_sys::Oid, purpose: Purpose, names: &[&str]) {
    let key = key();
    let mut numbers: Vec<u32> = names.iter().map(|name| secret::number(&key, name)).collect();
    numbers.sort_unstable();
    NAMES.set(NAMES.get().saturating_add(numbers.len() as u32));
    for number in numbers {
        // SAFETY: within a transaction, which releases the lock. No command of the server's locks objects of a class that is a user's table.
        unsafe {
            let mode = pg_sys::AccessExclusiveLock as i32;
            pg_sys::LockDatabaseObject(table, number.into(), purpose as u16, mode);
        }
    }
}

/// Keeps others from altering a table, and from creating triggers on it, until the transaction ends: all of these write its row of
/// `pg_class`. `false` if another session is at it for longer.
///
/// It does not wait in the queue: a session that is dropping the table may in turn be waiting for a lock that this one holds. Where an
/// index is built for longer, the weaker lock has to do: no trigger can be created meanwhile either.
pub fn steady(table: pg_sys::Oid) -> bool {
    for mode in [pg_sys::RowExclusiveLock, pg_sys::AccessShareLock] {
        for _ in 0..50 {
            // SAFETY: within a transaction, which releases it. A table that is gone meanwhile may be locked all the same.
            if unsafe { pg_sys::ConditionalLockRelationOid(table, mode as i32) } {
                return true;
            }
            pgrx::check_for_interrupts!();
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }
    false
}

/// The number of a name, as `pg_locks` shows it in `objid`. Two names may share one, by chance.
pub fn number(name: &str) -> pg_sys::Oid {
    secret::number(&key(), name).into()
}

/// The secret of this database. A trigger tells all sessions of a new one.
fn key() -> [u8; 16] {
    let read_at = (catalog::table(), catalog::changes());
    if let Some(key) = KEY.get().filter(|key| key.read_at == read_at) {
        return key.secret;
    }
    let sql = "SELECT secret FROM pc_auth.lock_secret ORDER BY secret LIMIT 1";
    let secret = latest(|| {
        read_as_owner(|| {
            run(Mode::Read, sql, &[], |rows| (rows.count > 0).then(|| rows.get::<pgrx::Uuid>(0, 0)).flatten())
        })
    });
    let secret = secret.map_or([0; 16], |secret| *secret.as_bytes());
    KEY.set(Some(Key { read_at, secret }));
    secret
}
