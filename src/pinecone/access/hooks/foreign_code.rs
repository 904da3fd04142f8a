//! A plan of an index over a user's table is not made while the table has code of others (`judge/foreign_code`). The planner itself
//! runs functions whose arguments are known, in conditions, indexes and statistics, before the executor asks for permission.
//!
//! Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
#![allow(unsafe_code)]

use super::named_relations::Named;
use super::permissions::refuse_code;
use crate::pg::fmgr::export;
use crate::pinecone::access::judge::foreign_code::{refusal, refusal_behind, source};
use crate::pinecone::access::judge::table::relation_of;
use crate::pinecone::access::session::partial;
use crate::pinecone::access::snapshot::is_looking;
use pgrx::PgList;
use pgrx::pg_sys::NodeTag::{T_Const, T_SupportRequestSimplify};
use pgrx::prelude::*;

/// Refuses a query of such an index.
///
/// # Safety
/// The query has been rewritten, and its relations are locked.
///
/// # Errors
/// Raises 42501.
pub unsafe fn judge(query: *mut pg_sys::Query) {
    // SAFETY: the caller vouches for the query.
    let named = unsafe { Named::of(query) };
    for view in &named.all {
        let Some(source) = source(*view) else {
            if let Some((view, fault)) = refusal_behind(*view) {
                refuse_code(view, fault);
            }
            continue;
        };
        let writes = named.written.iter().any(|written| written == view || *written == source);
        if let Some(fault) = refusal(*view, writes) {
            refuse_code(*view, fault);
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
