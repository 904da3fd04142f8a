//! The relations that a query names, at any depth.
#![allow(unsafe_code)]

use crate::pg::error::OrRaise;
use conifer_pure::memory::allocation::push;
use pgrx::PgList;
use pgrx::pg_sys::NodeTag::{
    T_CommonTableExpr, T_DeclareCursorStmt, T_ExplainStmt, T_Query, T_RangeTblEntry,
};
use pgrx::prelude::*;
use std::ffi::{c_int, c_void};

/// The relations of a query.
#[derive(Default)]
pub struct Named {
    /// All of them. What a view stands for, from PostgreSQL 16 on, keeps the view's number.
    pub all: Vec<pg_sys::Oid>,
    /// Those that are written to.
    pub written: Vec<pg_sys::Oid>,
    /// Whether a sample of one is taken by a method that an extension has brought.
    pub is_sampled: bool,
}

impl Named {
    /// The relations of a query, and of those in it.
    ///
    /// # Errors
    /// Raises 53200.
    ///
    /// # Safety
    /// The query has been analysed.
    pub unsafe fn of(query: *mut pg_sys::Query) -> Self {
        let mut named = Self::default();
        // SAFETY: the caller vouches for the query.
        unsafe { walk(query.cast(), (&raw mut named).cast()) };
        named
    }
}

/// Goes through a query and all within it.
#[pg_guard]
unsafe extern "C-unwind" fn walk(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    // SAFETY: nodes of a query, each read as the type of its tag; the context is that of `Named::of`.
    unsafe {
        if node.is_null() {
            return false;
        }
        match (*node).type_ {
            T_RangeTblEntry => {
                entry(&*node.cast(), &mut *context.cast());
                false // the server goes on with what is in it
            }
            T_Query => {
                let query = node.cast::<pg_sys::Query>();
                note_written(&*query, &mut *context.cast());
                let inner = within_command((*query).utilityStmt);
                if !inner.is_null() {
                    walk(inner, context);
                }
                if (*query).hasSubLinks {
                    let before = pg_sys::QTW_EXAMINE_RTES_BEFORE as c_int;
                    pg_sys::query_tree_walker(query, Some(walk), context, before)
                } else {
                    queries_alone(&*query, context);
                    false
                }
            }
            _ => pg_sys::expression_tree_walker(node, Some(walk), context),
        }
    }
}

/// The query that a command is about; null if there is none, or if it has not been analysed.
///
/// # Safety
/// A parse tree, or null.
pub unsafe fn within_command(command: *mut pg_sys::Node) -> *mut pg_sys::Node {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        let query = match command.as_ref().map(|command| command.type_) {
            Some(T_ExplainStmt) => (*command.cast::<pg_sys::ExplainStmt>()).query,
            Some(T_DeclareCursorStmt) => (*command.cast::<pg_sys::DeclareCursorStmt>()).query,
            _ => std::ptr::null_mut(),
        };
        query.as_ref().filter(|query| query.type_ == T_Query).map_or(std::ptr::null_mut(), |_| query)
    }
}

/// As [`walk`], for a query without queries in its expressions, which can be long lists.
unsafe fn queries_alone(query: &pg_sys::Query, context: *mut c_void) {
    // SAFETY: as in `walk`.
    unsafe {
        for each in PgList::<pg_sys::RangeTblEntry>::from_pg(query.rtable).iter_ptr() {
            entry(&*each, &mut *context.cast());
            walk((*each).subquery.cast(), context);
        }
        for each in PgList::<pg_sys::Node>::from_pg(query.cteList).iter_ptr() {
            if (*each).type_ == T_CommonTableExpr {
                walk((*each.cast::<pg_sys::CommonTableExpr>()).ctequery, context);
            }
        }
    }
}

fn entry(entry: &pg_sys::RangeTblEntry, named: &mut Named) {
    // Other entries than relations have no number.
    if entry.relid != pg_sys::InvalidOid {
        push(&mut named.all, entry.relid).or_raise();
    }
    // SAFETY: null, or a clause of its type.
    if let Some(sample) = unsafe { entry.tablesample.as_ref() } {
        named.is_sampled |= sample.tsmhandler.to_u32() >= pg_sys::FirstNormalObjectId;
    }
}

unsafe fn note_written(query: &pg_sys::Query, named: &mut Named) {
    if query.resultRelation > 0 {
        // SAFETY: the list has an entry for each number of a relation.
        let entry = unsafe {
            let entries = PgList::<pg_sys::RangeTblEntry>::from_pg(query.rtable);
            entries.get_ptr(query.resultRelation as usize - 1).map(|entry| (*entry).relid)
        };
        if let Some(relation) = entry {
            push(&mut named.written, relation).or_raise();
        }
    }
}
