//! Options of indexes, `WITH (name = number)`, as the server keeps them.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::CStr;

/// Registers a new kind of index with the server. Called while the library is loaded.
pub fn new_kind() -> pg_sys::relopt_kind::Type {
    // SAFETY: called while the library is loaded.
    unsafe { pg_sys::add_reloption_kind() }
}

/// Registers an option that is a whole number. Called while the library is loaded.
pub fn add_int(
    kind: pg_sys::relopt_kind::Type,
    name: &'static CStr,
    text: &'static CStr,
    default: i32,
    min: i32,
    max: i32,
) {
    // SAFETY: called while the library is loaded; the strings are constants.
    unsafe {
        let lock = pg_sys::AccessExclusiveLock as pg_sys::LOCKMODE;
        pg_sys::add_int_reloption(kind, name.as_ptr(), text.as_ptr(), default, min, max, lock);
    }
}

/// Reads options into a structure of `size` bytes.
///
/// # Safety
/// Each option lies at its offset in the structure, as an `int`, and `reloptions` are the server's.
pub unsafe fn parse(
    reloptions: pg_sys::Datum,
    validate: bool,
    kind: pg_sys::relopt_kind::Type,
    size: usize,
    options: &[(&'static CStr, usize)],
) -> *mut pg_sys::bytea {
    let element = |(name, offset): &(&'static CStr, usize)| pg_sys::relopt_parse_elt {
        optname: name.as_ptr(),
        opttype: pg_sys::relopt_type::RELOPT_TYPE_INT,
        offset: *offset as i32,
        #[cfg(feature = "pg18")]
        isset_offset: 0,
    };
    let table: Vec<_> = options.iter().map(element).collect();
    // SAFETY: the caller vouches for the table.
    unsafe {
        pg_sys::build_reloptions(reloptions, validate, kind, size, table.as_ptr(), table.len() as i32).cast()
    }
}
