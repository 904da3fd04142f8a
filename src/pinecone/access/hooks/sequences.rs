//! `nextval()` and its like in sessions of keys: of a sequence that the statement names, and on which the session has a privilege.
//!
//! These functions lock the relation that they are given, of any kind, before they ask whose it is, and the lock belongs to the transaction as a whole:
//! where the error is rolled back to a savepoint, it stays. A key could so keep any index from being deleted, and any table from being changed.
//!
//! A default of a column has its sequence from the table's owner, and is not seen here: it comes into a statement when that is rewritten.
#![allow(unsafe_code)]

use super::named_relations::within_command;
use super::withheld::OF_SEQUENCES;
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::session::identity::principal_if_any;
use conifer_pure::Fault;
use conifer_pure::fault::state::INSUFFICIENT_PRIVILEGE;
use pgrx::PgList;
use pgrx::pg_sys::NodeTag::{T_Const, T_FuncCall, T_FuncExpr, T_Query, T_RangeTblEntry};
use pgrx::prelude::*;
use std::ffi::{CStr, c_void};

/// Refuses a query that calls such a function on another relation.
///
/// # Safety
/// The query has been analysed, by a session that is confined.
///
/// # Errors
/// Raises 42501.
pub unsafe fn judge(query: *mut pg_sys::Query) {
    // SAFETY: as the caller says.
    unsafe { walk(query.cast(), std::ptr::null_mut()) };
}

/// Refuses a command of whose expressions no query is made, if one of them calls such a function: the arguments of EXECUTE, the condition of COPY.
///
/// # Safety
/// `tree` is a parse tree, or null, of a session that is confined.
///
/// # Errors
/// Raises 42501.
pub unsafe fn judge_raw(tree: *mut pg_sys::Node) {
    // SAFETY: as the caller says.
    unsafe { walk_raw(tree, std::ptr::null_mut()) };
}

#[pg_guard]
unsafe extern "C-unwind" fn walk(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    // SAFETY: nodes of a query, each read as the type of its tag.
    unsafe {
        if node.is_null() {
            return false;
        }
        match (*node).type_ {
            // The server goes on with what is in it.
            T_RangeTblEntry => false,
            T_Query => {
                let query = node.cast::<pg_sys::Query>();
                walk(within_command((*query).utilityStmt), context);
                pg_sys::query_tree_walker(query, Some(walk), context, 0)
            }
            T_FuncExpr => {
                let call = &*node.cast::<pg_sys::FuncExpr>();
                if OF_SEQUENCES.contains(&call.funcid.to_u32()) {
                    judge_call(call);
                }
                pg_sys::expression_tree_walker(node, Some(walk), context)
            }
            _ => pg_sys::expression_tree_walker(node, Some(walk), context),
        }
    }
}

unsafe fn judge_call(call: &pg_sys::FuncExpr) {
    // SAFETY: a call of a function whose first argument is the number of a relation; look-ups of that relation, which may not be there.
    unsafe {
        let first = PgList::<pg_sys::Node>::from_pg(call.args).get_ptr(0);
        let relation = first.filter(|first| (**first).type_ == T_Const).map(|first| {
            let constant = &*first.cast::<pg_sys::Const>();
            if constant.constisnull {
                pg_sys::InvalidOid
            } else {
                pg_sys::Oid::from(constant.constvalue.value() as u32)
            }
        });
        let Some(relation) = relation else {
            let name = pg_sys::get_func_name(call.funcid);
            let name =
                if name.is_null() { "function".into() } else { CStr::from_ptr(name).to_string_lossy() };
            refuse(&name);
        };
        let kind = pg_sys::get_rel_relkind(relation) as u8;
        // The server itself says that it is not there, or no sequence: of the latter only if nothing is kept from the session by it.
        let is_there = kind != 0;
        let any = (pg_sys::ACL_USAGE | pg_sys::ACL_SELECT | pg_sys::ACL_UPDATE) as pg_sys::AclMode;
        let may = kind == pg_sys::RELKIND_SEQUENCE
            && pg_sys::pg_class_aclmask(relation, pg_sys::GetUserId(), any, pg_sys::AclMaskHow::ACLMASK_ANY)
                != 0;
        if is_there && !may {
            super::permissions::refuse(relation);
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn walk_raw(node: *mut pg_sys::Node, context: *mut c_void) -> bool {
    // SAFETY: nodes of a parse tree, each read as the type of its tag; a function's name is a list of strings.
    unsafe {
        if node.is_null() {
            return false;
        }
        if (*node).type_ == T_FuncCall {
            let names = PgList::<pg_sys::String>::from_pg((*node.cast::<pg_sys::FuncCall>()).funcname);
            let name = names.iter_ptr().last().map(|name| CStr::from_ptr((*name).sval).to_string_lossy());
            let is_of_sequence = |name: &str| {
                let names =
                    ["nextval", "currval", "setval", "pg_sequence_last_value", "pg_get_sequence_data"];
                names.contains(&name)
            };
            if let Some(name) = name.filter(|name| is_of_sequence(name)) {
                refuse(&name);
            }
        }
        pg_sys::raw_expression_tree_walker(node, Some(walk_raw), context)
    }
}

/// Raises 42501 for a call whose sequence cannot be told before it runs.
fn refuse(function: &str) -> ! {
    let message = format!(
        "permission denied: {function} of a sequence that the query does not name is not for API keys"
    );
    let fault = Fault::new(INSUFFICIENT_PRIVILEGE, message)
        .hint("Name the sequence as a literal, in a query of its own: SELECT nextval('orders_id_seq').");
    refused(
        principal_if_any().as_deref(),
        &Event { action: "call", kind: "function", resource: function },
        fault,
    )
}
