//! Locks on names, held until the transaction ends.
//!
//! They are not advisory locks, which anybody in the database could hold against us, but locks on numbers that
//! go with `pc_auth.api_key`, which no SQL command takes.
#![allow(unsafe_code)]

use super::catalog;
use pgrx::prelude::*;

/// What a name is locked for.
#[derive(Clone, Copy)]
pub enum Purpose {
    /// A pooled session shows that it acts as a key.
    Acting = 1,
    /// A role is made, changed or dropped.
    Role = 2,
    /// Roles are made to agree with rows, by one at a time.
    Tables = 3,
}

/// Holds a name as others may, too.
pub fn share(purpose: Purpose, name: &str) {
    lock(purpose, name, pg_sys::AccessShareLock);
}

/// Holds a name as nobody else may.
pub fn exclude(purpose: Purpose, name: &str) {
    lock(purpose, name, pg_sys::AccessExclusiveLock);
}

fn lock(purpose: Purpose, name: &str, mode: u32) {
    // SAFETY: within a transaction, which releases it.
    unsafe { pg_sys::LockDatabaseObject(catalog::table(), number(name), purpose as u16, mode as i32) }
}

/// Keeps others from altering a table until the transaction ends. `false` if somebody is at it for longer.
///
/// It does not wait in the queue: whoever is dropping the table may in turn be waiting for a lock that we hold.
pub fn steady(table: pg_sys::Oid) -> bool {
    for _ in 0..50 {
        // SAFETY: within a transaction, which releases it. A table that is gone meanwhile may be locked all the same.
        if unsafe { pg_sys::ConditionalLockRelationOid(table, pg_sys::AccessShareLock as i32) } {
            return true;
        }
        pgrx::check_for_interrupts!();
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    false
}

/// The number of a name, as `pg_locks` shows it in `objid`: FNV-1a. Two names may share one.
pub fn number(name: &str) -> pg_sys::Oid {
    name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)).into()
}
