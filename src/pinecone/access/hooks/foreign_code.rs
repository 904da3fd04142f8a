//! A plan of an index over a user's table is not made while the table has code of others (`judge/foreign_code`). The planner itself
//! runs functions whose arguments are known, in conditions, indexes and statistics, before the executor asks for permission.
//!
//! Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
#![allow(unsafe_code)]

use super::permissions::refuse_code;
use crate::pg::fmgr::export;
use crate::pinecone::access::judge::foreign_code::{refusal, source};
use crate::pinecone::access::judge::table::relation_of;
use crate::pinecone::access::session::partial;
use crate::pinecone::access::snapshot::is_looking;
use pgrx::PgList;
use pgrx::pg_sys::NodeTag::{T_CommonTableExpr, T_Const, T_Query, T_RangeTblEntry, T_SupportRequestSimplify};
use pgrx::prelude::*;
use std::ffi::{c_int, c_void};

/// The relations of a query.
#[derive(Default)]
struct Named {
    /// Views of indexes over users' tables, with their tables.
    views: Vec<(pg_sys::Oid, pg_sys::Oid)>,
    /// Relations that are written to.
    written: Vec<pg_sys::Oid>,
}

/// Refuses a query of such an index.
///
/// # Safety
/// The query has been rewritten, and its relations are locked.
///
/// # Errors
/// Raises 42501.
pub unsafe fn judge(query: *mut pg_sys::Query) {
    let mut named = Named::default();
    // SAFETY: a query that has been rewritten, and whose relations are locked.
    unsafe { walk(query.cast(), (&raw mut named).cast()) };
    for (view, source) in named.views {
        let writes = named.written.iter().any(|written| *written == view || *written == source);
        if let Some(fault) = refusal(view, writes) {
            refuse_code(view, fault);
        }
    }
}

/// Goes through a query and all within it.
#[pg_guard]
unsafe extern "C-unwind" fn walk(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    // SAFETY: nodes of a query, each read as the type of its tag; the context is that of `judge`.
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
                if (*query).hasSubLinks {
                    pg_sys::query_tree_walker(
                        query,
                        Some(walk),
                        context,
                        pg_sys::QTW_EXAMINE_RTES_BEFORE as c_int,
                    )
                } else {
                    queries_alone(&*query, context);
                    false
                }
            }
            _ => pg_sys::expression_tree_walker(node, Some(walk), context),
        }
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
    // What a view stands for, from PostgreSQL 16 on, keeps the view's number. Other entries have none.
    let view = entry.relid;
    if view != pg_sys::InvalidOid
        && let Some(source) = source(view)
    {
        named.views.push((view, source));
    }
}

unsafe fn note_written(query: &pg_sys::Query, named: &mut Named) {
    if query.resultRelation > 0 {
        // SAFETY: the list has an entry for each number of a relation.
        unsafe {
            let entries = PgList::<pg_sys::RangeTblEntry>::from_pg(query.rtable);
            named
                .written
                .extend(entries.get_ptr(query.resultRelation as usize - 1).map(|entry| (*entry).relid));
        }
    }
}

// The planner's question about a call of a policy's function. A session that has not loaded the library loads it by this, before there
// is a plan that it could be shown, so that the hooks judge whether it may be. That of the planner has been missed by then.
export!(policy_support, |fcinfo| {
    partial::keep_log_from_client();
    // SAFETY: called by the planner with its request.
    if let Some(view) = unsafe { asked_for((*fcinfo).args.as_slice(1)[0].value.cast_mut_ptr()) }
        && !is_looking()
        && source(view).is_some()
        && let Some(fault) = refusal(view, false)
    {
        refuse_code(view, fault);
    }
    pg_sys::Datum::null()
});

/// The view or table of the index that a call of a policy's function is about.
///
/// # Safety
/// `request` is a node of the planner's; the function's second argument is the number of an index.
unsafe fn asked_for(request: *mut pg_sys::Node) -> Option<pg_sys::Oid> {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        if (*request).type_ != T_SupportRequestSimplify {
            return None;
        }
        let call = &*(*request.cast::<pg_sys::SupportRequestSimplify>()).fcall;
        let number = PgList::<pg_sys::Node>::from_pg(call.args).get_ptr(1)?;
        if (*number).type_ != T_Const {
            return None;
        }
        let number = &*number.cast::<pg_sys::Const>();
        (!number.constisnull).then(|| relation_of(number.constvalue.value() as i32))
    }
}
