//! Locks on names, held until the transaction ends.
//!
//! They are not advisory locks, which anybody in the database could hold against us, but locks on numbers that
//! go with `pc_auth.api_key`, which no SQL command takes.
#![allow(unsafe_code)]

use super::identity;
use pgrx::prelude::*;

/// What a name is locked for.
#[derive(Clone, Copy)]
pub enum Purpose {
    /// A pooled session shows that it acts as a key.
    Acting = 1,
    /// A role is made, changed or dropped.
    Role = 2,
    /// Groups are joined, by many at once, or made, by one.
    Groups = 3,
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
    unsafe { pg_sys::LockDatabaseObject(identity::table(), number(name), purpose as u16, mode as i32) }
}

/// The number of a name, as `pg_locks` shows it in `objid`: FNV-1a. Two names may share one.
pub fn number(name: &str) -> pg_sys::Oid {
    name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)).into()
}
