//! CREATE INDEX with a list of fields that is too long. The server asks the operator class for its opinion of an option after it has
//! written the column's row, which breaks the catalog's index if the row is long ([`Fields::MAX`]).
//!
//! The hook of commands asks; and an event trigger, which loads the library into a session that has not loaded it, before the command.
#![allow(unsafe_code)]

use super::locks_first;
use crate::pg::error::raise;
use crate::pg::fmgr::export;
use conifer_pure::pinecone::filter::Fields;
use pgrx::PgList;
use pgrx::pg_sys::{self, NodeTag};
use std::ffi::CStr;

// The event trigger of CREATE INDEX and what `locks_first` is about, and of CREATE SCHEMA, whose parts come to the hook that is in place by then.
export!(before_index, |fcinfo| {
    // SAFETY: the context of an event trigger is its data, with the command's parse tree.
    unsafe {
        let context = (*fcinfo).context;
        if !context.is_null() && (*context).type_ == NodeTag::T_EventTriggerData {
            let tree = (*context.cast::<pg_sys::EventTriggerData>()).parsetree;
            if !tree.is_null() {
                locks_first::judge(tree);
                judge(tree);
            }
        }
    }
    pg_sys::Datum::null()
});

/// Refuses an index whose columns have an option `fields` that is too long.
///
/// # Safety
/// `tree` is a parse tree.
///
/// # Errors
/// Raises 22023.
pub unsafe fn judge(tree: *mut pg_sys::Node) {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        if (*tree).type_ != NodeTag::T_IndexStmt {
            return;
        }
        let columns = (*tree.cast::<pg_sys::IndexStmt>()).indexParams;
        for column in PgList::<pg_sys::IndexElem>::from_pg(columns).iter_ptr() {
            for option in PgList::<pg_sys::DefElem>::from_pg((*column).opclassopts).iter_ptr() {
                let value = (*option).arg;
                if CStr::from_ptr((*option).defname) != c"fields"
                    || value.is_null()
                    || (*value).type_ != NodeTag::T_String
                {
                    continue;
                }
                let size = CStr::from_ptr((*value.cast::<pg_sys::String>()).sval).count_bytes();
                if let Some(fault) = Fields::too_long(size) {
                    raise(fault);
                }
            }
        }
    }
}
