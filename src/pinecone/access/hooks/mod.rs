//! What only a library can do: it is loaded into every session of a key from the start, for the role of the key says so
//! (`roles.rs`), and into others as `shared_preload_libraries` or their own role says, or at their first use of it.

pub mod executor;
pub mod functions;
pub mod log;
mod spare;
mod text;
pub mod utility;

use super::elevate::{GATEWAY, KEYS, role_named};
use pgrx::prelude::*;
use std::ffi::CStr;

/// What a session is held to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is logged in as a key.
    Key,
    /// It is pooled, and acts as keys.
    Gateway,
}

/// What this session is held to, if anything. What a function that runs as somebody else does is that one's matter.
#[allow(unsafe_code)]
pub fn held() -> Option<Held> {
    // SAFETY: within a transaction; look-ups of roles.
    unsafe {
        let (outer, mut current, mut context) = (pg_sys::GetOuterUserId(), pg_sys::InvalidOid, 0);
        pg_sys::GetUserIdAndSecContext(&mut current, &mut context);
        if current == outer { role_held() } else { None }
    }
}

/// Whether this session is held to anything, whoever's function it runs.
pub fn is_held() -> bool {
    role_held().is_some()
}

#[allow(unsafe_code)]
fn role_held() -> Option<Held> {
    // SAFETY: within a transaction; look-ups of roles.
    unsafe {
        let outer = pg_sys::GetOuterUserId();
        if pg_sys::superuser_arg(outer) {
            return None;
        }
        let member = |role, group: &CStr| {
            let group = role_named(group);
            group != pg_sys::InvalidOid && pg_sys::is_member_of_role_nosuper(role, group)
        };
        let session = pg_sys::GetSessionUserId();
        if member(outer, KEYS) || !pg_sys::superuser_arg(session) && member(session, KEYS) {
            Some(Held::Key)
        } else if member(outer, GATEWAY) {
            Some(Held::Gateway)
        } else {
            None
        }
    }
}

/// Puts the hooks in place.
pub fn init() {
    executor::init();
    functions::init();
    log::init();
    utility::init();
}
