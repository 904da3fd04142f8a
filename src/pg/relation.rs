//! Names of open relations.
#![allow(unsafe_code)]

use pgrx::pg_sys;
use std::ffi::CStr;

/// The name of an open relation, for messages.
pub fn name(relation: pg_sys::Relation) -> String {
    // SAFETY: the relation is open, its name ends with a zero.
    let name = unsafe { CStr::from_ptr((*(*relation).rd_rel).relname.data.as_ptr()) };
    name.to_string_lossy().into_owned()
}

/// The name of an open relation with its schema's, quoted for a statement.
pub fn qualified_name(relation: pg_sys::Relation) -> String {
    // SAFETY: the relation is open; the result is null or a string in memory of the statement.
    unsafe {
        let class = (*relation).rd_rel;
        let schema = pg_sys::get_namespace_name((*class).relnamespace);
        let quoted = pg_sys::quote_qualified_identifier(schema, (*class).relname.data.as_ptr());
        CStr::from_ptr(quoted).to_string_lossy().into_owned()
    }
}
