//! The hook after a statement is analysed, which has locked the tables that the statement names: who has nothing on one of them is refused
//! here, and does not keep the lock. A statement that is prepared and never run would keep it until the transaction ends, and
//! with it whoever wants to delete the index, and all who read it behind that one.
//!
//! A pooled session without a key may prepare statements for the keys to come, as long as no transaction is begun that would keep the locks;
//! it is judged when these are run (`permissions.rs`).
//!
//! And libraries that keep the text of a statement when it is analysed, as pg_stat_statements does where it has constants, must not see
//! the API keys in it (`text.rs`). They call the hooks that were there before them first, so it does not matter which is loaded first.
//!
//! Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
#![allow(unsafe_code)]

use super::named_relations::Named;
use super::permissions::{policies_hold, refuse};
use super::{sequences, text};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{OWNER, role_named};
use crate::pinecone::access::judge::table::{index_of, may};
use crate::pinecone::access::session::confined::{confined, is_pooled};
use crate::pinecone::access::session::{identity, limits, pooled_key};
use crate::pinecone::access::snapshot::is_looking;
use conifer_pure::pinecone::access::level::Level;
use pgrx::prelude::*;

static mut NEXT: pg_sys::post_parse_analyze_hook_type = None;

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::post_parse_analyze_hook;
        pg_sys::post_parse_analyze_hook = Some(analysed);
    }
}

unsafe extern "C-unwind" fn analysed(
    state: *mut pg_sys::ParseState,
    query: *mut pg_sys::Query,
    jumble: *mut pg_sys::JumbleState,
) {
    // SAFETY: passes on the server's arguments. The text of the statement was parsed; a copy lives as long as the context, in which the
    // state is freed.
    unsafe {
        let source = (*state).p_sourcetext;
        (*state).p_sourcetext = text::without_secrets(source, (*query).stmt_location, (*query).stmt_len);
        judge(query);
        if let Some(next) = NEXT {
            next(state, query, jumble);
        }
    }
}

/// Refuses a statement that names a table of an index on which the caller has nothing, or one of the catalogs that only functions read.
///
/// # Errors
/// Raises 42501.
#[pg_guard]
unsafe extern "C-unwind" fn judge(query: *mut pg_sys::Query) {
    // SAFETY: a query that was just analysed; look-ups of relations that it has locked, and of roles.
    unsafe {
        // What ends a transaction that has failed is analysed, too.
        if pg_sys::IsAbortedTransactionBlockState() {
            return;
        }
        let user = pg_sys::GetUserId();
        if is_looking()
            || pg_sys::superuser_arg(user)
            || user == role_named(OWNER)
            || is_pooled() && pooled_key::key().is_none() && !pg_sys::IsTransactionBlock()
        {
            return;
        }
        let is_confined = confined().is_some();
        if is_confined {
            // A client may have the session's first statement analysed, and say no more.
            limits::hold();
            // Commands are judged when they run, but for those that end a transaction, which every session may.
            if limits::is_of_key() && (*query).commandType != pg_sys::CmdType::CMD_UTILITY {
                identity::recheck_login();
            }
            sequences::judge(query);
        }
        let named = Named::of(query);
        let is_refused = |relation: &&pg_sys::Oid| match index_of(**relation) {
            Some(index) => {
                let need = if named.written.contains(relation) { Level::ReadWrite } else { Level::ReadOnly };
                policies_hold(**relation, pg_sys::InvalidOid) && !may(index, need)
            }
            None => is_confined && (is_catalog(**relation) || has_nothing_on(**relation, user)),
        };
        if let Some(relation) = named.all.iter().find(is_refused) {
            refuse(*relation);
        }
    }
}

/// Whether a role has no privilege on a relation, nor on any of its columns. The server asks when a statement runs; one that is only prepared keeps its lock
/// until the transaction ends.
fn has_nothing_on(relation: pg_sys::Oid, user: pg_sys::Oid) -> bool {
    let of_columns = (pg_sys::ACL_SELECT | pg_sys::ACL_INSERT | pg_sys::ACL_UPDATE) as pg_sys::AclMode;
    let of_table = of_columns | (pg_sys::ACL_DELETE | pg_sys::ACL_TRUNCATE) as pg_sys::AclMode;
    let any = pg_sys::AclMaskHow::ACLMASK_ANY;
    // SAFETY: look-ups of a relation that the statement has locked.
    unsafe {
        pg_sys::pg_class_aclmask(relation, user, of_table, any) == 0
            && pg_sys::pg_attribute_aclcheck_all(relation, user, of_columns, any)
                != pg_sys::AclResult::ACLCHECK_OK
    }
}

/// Whether a relation is one of the catalogs of keys or indexes, on which nobody has privileges.
fn is_catalog(relation: pg_sys::Oid) -> bool {
    // SAFETY: a look-up of a relation.
    let schema = unsafe { pg_sys::get_rel_namespace(relation) };
    schema != pg_sys::InvalidOid
        && (schema == catalog::schema(c"pc") || schema == catalog::schema(c"pc_auth"))
}
