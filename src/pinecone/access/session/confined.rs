//! Whether a session is confined to the commands of keys: because it is logged in as a key, or is pooled.
#![allow(unsafe_code)]

use crate::pinecone::access::elevate::{GATEWAY, KEYS, role_named};
use pgrx::prelude::*;
use std::ffi::CStr;

/// The reason why a session is confined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Confined {
    /// The session is logged in as a key.
    Key,
    /// The session is pooled, and acts as keys.
    Gateway,
}

/// The reason why this session is confined, if it is. Within a function that runs as another role, a session is not confined.
pub fn confined() -> Option<Confined> {
    // SAFETY: within a transaction; look-ups of roles.
    unsafe {
        let (outer, mut current, mut context) = (pg_sys::GetOuterUserId(), pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut current, &mut context);
        if current == outer { outer_confined() } else { None }
    }
}

/// Whether this session is confined, also within a function that runs as another role.
pub fn is_confined() -> bool {
    outer_confined().is_some()
}

/// Whether this session is pooled, also within a function that runs as another role.
pub fn is_pooled() -> bool {
    outer_confined() == Some(Confined::Gateway)
}

/// The role of the session's outermost level: that of SET ROLE, else the login. A pooled session stays pooled whatever role it sets,
/// unless it becomes a key or a superuser: between two keys it is nobody.
pub fn outer() -> pg_sys::Oid {
    // SAFETY: within a transaction; reads the session's users, and looks up roles.
    unsafe {
        let (outer, session) = (pg_sys::GetOuterUserId(), pg_sys::GetSessionUserId());
        let stays = outer != session
            && !pg_sys::superuser_arg(outer)
            && !pg_sys::superuser_arg(session)
            && is_member(session, GATEWAY)
            && !is_member(outer, KEYS);
        if stays { session } else { outer }
    }
}

/// Whether a role is in a group; a superuser only if it was put in.
pub fn is_member(role: pg_sys::Oid, group: &CStr) -> bool {
    let group = role_named(group);
    // SAFETY: within a transaction; look-ups of roles.
    group != pg_sys::InvalidOid && unsafe { pg_sys::is_member_of_role_nosuper(role, group) }
}

fn outer_confined() -> Option<Confined> {
    // SAFETY: within a transaction; look-ups of roles.
    unsafe {
        let (outer, session) = (outer(), pg_sys::GetSessionUserId());
        if pg_sys::superuser_arg(outer) {
            None
        } else if is_member(outer, KEYS) || !pg_sys::superuser_arg(session) && is_member(session, KEYS) {
            Some(Confined::Key)
        } else if is_member(outer, GATEWAY) {
            Some(Confined::Gateway)
        } else {
            None
        }
    }
}
