//! The only place with more rights than the session's role has: for a statement at a time, after the caller's judgement.
#![allow(unsafe_code)]

use crate::pg::error::raise;
use conifer_pure::Fault;
use conifer_pure::fault::state::OBJECT_NOT_IN_PREREQUISITE_STATE;
use pgrx::prelude::*;
use std::ffi::CStr;

/// Owns registry and index tables.
pub const OWNER: &CStr = c"conifer_owner";
/// The group of all keys.
pub const KEYS: &CStr = c"conifer_keys";
/// The group of all people.
pub const PEOPLE: &CStr = c"conifer_people";
/// The group of pooled sessions.
pub const GATEWAY: &CStr = c"conifer_gateway";

/// Runs statements as the owner of the registry, on rows that the caller may not see, or only in part.
pub fn as_owner<R>(run: impl FnOnce() -> R) -> R {
    as_role(owner(), LENT, run)
}

/// As [`as_owner`], for statements that only read: as a security-restricted operation, which leaves no deferred trigger or
/// temporary table that would later act with the session's rights.
pub fn read_as_owner<R>(read: impl FnOnce() -> R) -> R {
    as_role(owner(), LENT | pg_sys::SECURITY_RESTRICTED_OPERATION as i32, read)
}

/// The number of the owner's role.
///
/// # Errors
/// Raises 55000 if there is no such role.
fn owner() -> pg_sys::Oid {
    let owner = role_named(OWNER);
    if owner == pg_sys::InvalidOid {
        let name = OWNER.to_string_lossy();
        raise(
            Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, format!("role \"{name}\" does not exist"))
                .hint("CREATE EXTENSION conifer makes it; restore the cluster's roles before its databases."),
        );
    }
    owner
}

/// Runs statements as the bootstrap superuser: on roles whose names come from this library or from its rows, and on a table whose
/// owner has asked to make it an index, as far as none of them runs code of that owner.
pub fn as_superuser<R>(run: impl FnOnce() -> R) -> R {
    as_role(pg_sys::Oid::from(pg_sys::BOOTSTRAP_SUPERUSERID), LENT, run)
}

/// The number of a role, or `InvalidOid`.
pub fn role_named(name: &CStr) -> pg_sys::Oid {
    // SAFETY: a look-up by a C string.
    unsafe { pg_sys::get_role_oid(name.as_ptr(), true) }
}

/// The context of borrowed rights: as in a SECURITY DEFINER function, SET ROLE is refused meanwhile.
const LENT: i32 = pg_sys::SECURITY_LOCAL_USERID_CHANGE as i32;

fn as_role<R>(role: pg_sys::Oid, flags: i32, run: impl FnOnce() -> R) -> R {
    let _back = lend(role, flags);
    run()
}

/// The user and context that were before [`lend`], which come back when the value is dropped.
struct Back(pg_sys::Oid, i32);

impl Drop for Back {
    fn drop(&mut self) {
        // SAFETY: sets the former user and context. An error that ends the transaction puts them back again.
        unsafe { pg_sys::SetUserIdAndSecContext(self.0, self.1) }
    }
}

fn lend(role: pg_sys::Oid, flags: i32) -> Back {
    let (mut before, mut context) = (pg_sys::InvalidOid, 0);
    // SAFETY: reads, then sets, the current user; `Back` undoes that on every way out.
    unsafe {
        pg_sys::GetUserIdAndSecContext(&mut before, &mut context);
        pg_sys::SetUserIdAndSecContext(role, context | flags);
    }
    Back(before, context)
}
