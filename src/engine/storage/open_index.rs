//! Indexes that a user names, for the functions that tell about them.
#![allow(unsafe_code)]

use super::buffer::Index;
use crate::pg::error::raise;
use conifer_pure::fault::{Fault, state};
use pgrx::pg_sys;
use std::ffi::CStr;

/// Access methods that a function takes indexes of.
pub struct Methods {
    /// Their names in the catalog.
    pub names: &'static [&'static CStr],
    /// The words for an index of theirs, with an article.
    pub words: &'static str,
}

/// An index that is open until this is dropped.
pub struct Open(pub pg_sys::Relation);

impl Open {
    /// Opens an index of one of the methods, of any owner.
    ///
    /// Raises `42809` if it is something else.
    pub fn of_anybody(oid: pg_sys::Oid, methods: &Methods) -> Self {
        // SAFETY: opened with a lock that lets others read and write; lookups in catalogs.
        unsafe {
            let relation = pg_sys::relation_open(oid, pg_sys::AccessShareLock as i32);
            let new = Self(relation);
            let class = &*(*relation).rd_rel;
            let ours =
                methods.names.iter().any(|name| pg_sys::get_am_oid(name.as_ptr(), true) == class.relam);
            if class.relkind != pg_sys::RELKIND_INDEX as std::ffi::c_char || !ours {
                let message = format!("\"{}\" is not {}", Index(relation).name(), methods.words);
                raise(Fault::new(state::WRONG_OBJECT_TYPE, message));
            }
            new
        }
    }

    /// Opens an index of one of the methods.
    ///
    /// Raises `42809` if it is something else, `42501` if it is not the caller's.
    pub fn new(oid: pg_sys::Oid, methods: &Methods) -> Self {
        let new = Self::of_anybody(oid, methods);
        // SAFETY: the relation is open.
        if !owns(unsafe { (*(*new.0).rd_rel).relowner }) {
            let message = format!("must be owner of index {}", Index(new.0).name());
            raise(Fault::new(state::INSUFFICIENT_PRIVILEGE, message));
        }
        new
    }
}

fn owns(owner: pg_sys::Oid) -> bool {
    // SAFETY: lookups in catalogs.
    unsafe { pg_sys::has_privs_of_role(pg_sys::GetUserId(), owner) }
}

impl Drop for Open {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            // SAFETY: opened in `new`.
            unsafe { pg_sys::relation_close(self.0, pg_sys::AccessShareLock as i32) }
        }
    }
}
