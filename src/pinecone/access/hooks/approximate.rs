//! Indexes that a search of a session that reads tables in part may not use. A search by `hnsw` or `ivfflat` gives the nearest rows of all, and the policies then
//! leave the session's own of these: how many, and which, tells of hidden rows near to what is asked for. The index of an index's own table has a graph
//! for each namespace. On a user's table there may be others, which know no namespaces: the planner is not shown them for such a session.
//!
//! Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
#![allow(unsafe_code)]

use crate::pinecone::access::session::partial::partial;
use pgrx::PgList;
use pgrx::pg_sys::NodeTag::{T_RelabelType, T_ScalarArrayOpExpr, T_Var};
use pgrx::prelude::*;
use std::ffi::CStr;

static mut NEXT: pg_sys::get_relation_info_hook_type = None;

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::get_relation_info_hook;
        pg_sys::get_relation_info_hook = Some(relation_info);
    }
}

unsafe extern "C-unwind" fn relation_info(
    root: *mut pg_sys::PlannerInfo,
    relation: pg_sys::Oid,
    is_parent: bool,
    info: *mut pg_sys::RelOptInfo,
) {
    // SAFETY: passes on the server's arguments.
    unsafe {
        if let Some(next) = NEXT {
            next(root, relation, is_parent, info);
        }
        hide(root, info);
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn hide(root: *mut pg_sys::PlannerInfo, info: *mut pg_sys::RelOptInfo) {
    // SAFETY: a relation of a query that is being planned, with its entry in the query's range table.
    unsafe {
        let indexes = PgList::<pg_sys::IndexOptInfo>::from_pg((*info).indexlist);
        if !indexes.iter_ptr().any(|index| (*index).amcanorderbyop) || (*root).simple_rte_array.is_null() {
            return;
        }
        let entry = *(*root).simple_rte_array.add((*info).relid as usize);
        let Some(entry) = entry.as_ref().filter(|entry| !entry.securityQuals.is_null()) else { return };
        let names = namespaces(entry.securityQuals);
        if names.is_empty() || partial().is_none() {
            return;
        }
        let mut shown = PgList::<pg_sys::IndexOptInfo>::new();
        for index in indexes.iter_ptr() {
            if !is_approximate((*index).relam) || names.iter().any(|name| leads(&*index, *name)) {
                shown.push(index);
            }
        }
        (*info).indexlist = shown.into_pg();
    }
}

/// What the policies compare with the names of namespaces: `judge/conditions.rs` has left of them this alone.
unsafe fn namespaces(quals: *mut pg_sys::List) -> Vec<*mut pg_sys::Node> {
    let mut found = vec![];
    // SAFETY: a list of lists of conditions, each read as the type of its tag.
    unsafe {
        for level in PgList::<pg_sys::List>::from_pg(quals).iter_ptr() {
            for condition in PgList::<pg_sys::Node>::from_pg(level).iter_ptr() {
                if (*condition).type_ == T_ScalarArrayOpExpr {
                    let arguments = (*condition.cast::<pg_sys::ScalarArrayOpExpr>()).args;
                    found
                        .extend(PgList::<pg_sys::Node>::from_pg(arguments).get_ptr(0).map(|name| bare(name)));
                }
            }
        }
    }
    found
}

/// An expression without a change of its type's name.
unsafe fn bare(mut node: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: an expression, read as the type of its tag.
    unsafe {
        while !node.is_null() && (*node).type_ == T_RelabelType {
            node = (*node.cast::<pg_sys::RelabelType>()).arg.cast();
        }
    }
    node
}

unsafe fn is_approximate(method: pg_sys::Oid) -> bool {
    // SAFETY: a look-up in the catalog; the name is a C string, or null.
    unsafe {
        let name = pg_sys::get_am_name(method);
        !name.is_null() && [c"hnsw", c"ivfflat"].contains(&CStr::from_ptr(name))
    }
}

/// Whether an index has graphs by an expression: it is one of the columns before the vector.
unsafe fn leads(index: &pg_sys::IndexOptInfo, name: *mut pg_sys::Node) -> bool {
    // SAFETY: an index's list of columns is as long as it says, with an expression in another list for each that is none of the table's.
    unsafe {
        let expressions = PgList::<pg_sys::Node>::from_pg(index.indexprs);
        let mut next = 0;
        for at in 0..usize::try_from(index.nkeycolumns - 1).unwrap_or(0) {
            let column = *index.indexkeys.add(at);
            let is_it = if column == 0 {
                next += 1;
                expressions
                    .get_ptr(next - 1)
                    .is_some_and(|expression| pg_sys::equal(bare(expression).cast(), name.cast()))
            } else {
                (*name).type_ == T_Var && i32::from((*name.cast::<pg_sys::Var>()).varattno) == column
            };
            if is_it {
                return true;
            }
        }
    }
    false
}
