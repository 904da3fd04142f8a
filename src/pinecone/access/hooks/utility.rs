//! Commands that are neither queries nor harmless are not for keys: a key's role must own nothing and stay as it is.
//!
//! A key's role could otherwise change its own password and settings, which the server allows every role, make temporary
//! tables, and lock tables against all others. In a pooled session the next tenant would find the state left behind.
//!
//! And libraries that count statements or keep their text, as pg_stat_statements does, must not see the API keys in them
//! (`text.rs`).
#![allow(unsafe_code)]

use super::{error_memory, index_options, lock_table, locks_first, sequences, text};
use crate::pg::error::raise;
use crate::pinecone::access::audit;
use crate::pinecone::access::catalog;
use crate::pinecone::access::refusal::{Event, refused};
use crate::pinecone::access::roles::names;
use crate::pinecone::access::session::confined::{Confined, confined, is_confined};
use crate::pinecone::access::session::partial::{self, partial};
use crate::pinecone::access::session::{identity, limits, pooled_key, unsynced};
use conifer_pure::Fault;
use conifer_pure::fault::state::{INSUFFICIENT_PRIVILEGE, PROGRAM_LIMIT_EXCEEDED};
use pgrx::pg_sys::NodeTag;
use pgrx::prelude::*;
use std::ffi::{CStr, c_char};

static mut NEXT: pg_sys::ProcessUtility_hook_type = None;

/// Puts the hook in place.
pub fn init() {
    // SAFETY: called once, when the library is loaded, by the backend's only thread.
    unsafe {
        NEXT = pg_sys::ProcessUtility_hook;
        pg_sys::ProcessUtility_hook = Some(process);
    }
}

unsafe extern "C-unwind" {
    /// The server's function, without pgrx's guard, which would catch its errors.
    fn standard_ProcessUtility(
        statement: *mut pg_sys::PlannedStmt,
        text: *const c_char,
        read_only: bool,
        context: pg_sys::ProcessUtilityContext::Type,
        params: pg_sys::ParamListInfo,
        environment: *mut pg_sys::QueryEnvironment,
        receiver: *mut pg_sys::DestReceiver,
        completion: *mut pg_sys::QueryCompletion,
    );
}

// Errors of the server pass through here untouched: they are not caught, and pass no value that would have to be dropped.
unsafe extern "C-unwind" fn process(
    statement: *mut pg_sys::PlannedStmt,
    text: *const c_char,
    read_only: bool,
    context: pg_sys::ProcessUtilityContext::Type,
    params: pg_sys::ParamListInfo,
    environment: *mut pg_sys::QueryEnvironment,
    receiver: *mut pg_sys::DestReceiver,
    completion: *mut pg_sys::QueryCompletion,
) {
    // SAFETY: the server's arguments are passed on as they came, but for the secrets in the text; the statement has a parse
    // tree, and lies in the text where it says. A copy is freed after its last use, or with its context.
    unsafe {
        let shown = text::without_secrets(text, (*statement).stmt_location, (*statement).stmt_len);
        judge_statement(statement);
        let next = NEXT.unwrap_or(standard_ProcessUtility);
        let mut callback = error_memory::callback();
        error_memory::begin(&raw mut callback);
        next(statement, shown, read_only, context, params, environment, receiver, completion);
        error_memory::end(&raw mut callback);
        follow(statement);
        if shown != text {
            pg_sys::pfree(shown.cast_mut().cast());
        }
    }
}

#[pg_guard]
unsafe extern "C-unwind" fn judge_statement(statement: *mut pg_sys::PlannedStmt) {
    // SAFETY: the statement has a parse tree.
    unsafe {
        let tree = (*statement).utilityStmt;
        judge(tree);
        lock_table::judge(tree);
        locks_first::judge(tree);
        index_options::judge(tree);
        if !pg_sys::IsAbortedTransactionBlockState() {
            limits::hold();
            if (*tree).type_ == NodeTag::T_CopyStmt {
                let copy = &*tree.cast::<pg_sys::CopyStmt>();
                audit::copied(copy);
                if copy.is_from {
                    unsynced::copies();
                }
                if !copy.relation.is_null() && confined().is_some() {
                    // The server asks for privileges before it plans, and has kept no plan for it.
                    partial::planned();
                }
            }
        }
    }
}

/// After a command that may have changed settings, or a role's name: what was given to a role goes by its new name. The server has no
/// trigger for it.
#[pg_guard]
unsafe extern "C-unwind" fn follow(statement: *mut pg_sys::PlannedStmt) {
    // SAFETY: the statement has a parse tree, and each node is read as the type of its tag; reads the state of the transaction.
    let renames = unsafe {
        let tree = (*statement).utilityStmt;
        // A commit, or what commits by itself, has left no transaction.
        if !pg_sys::IsTransactionState() {
            return;
        }
        if matches!(
            (*tree).type_,
            NodeTag::T_VariableSetStmt
                | NodeTag::T_TransactionStmt
                | NodeTag::T_DiscardStmt
                | NodeTag::T_CopyStmt
        ) {
            limits::hold();
        }
        lock_table::judge(tree);
        (*tree).type_ == NodeTag::T_RenameStmt
            && (*tree.cast::<pg_sys::RenameStmt>()).renameType == pg_sys::ObjectType::OBJECT_ROLE
    };
    if renames && catalog::table() != pg_sys::InvalidOid {
        names::note();
    }
}

/// Refuses a command that a confined session may not run.
///
/// # Safety
/// `tree` is a parse tree.
unsafe fn judge(tree: *mut pg_sys::Node) {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        if ends_or_begins(tree) {
            if is_savepoint(tree) {
                judge_depth();
            }
            return;
        }
        partial::keep_log_from_client();
        if (*tree).type_ == NodeTag::T_VariableShowStmt {
            return;
        }
        let Some(why) = confined() else { return };
        if why == Confined::Key {
            identity::recheck();
            identity::recheck_login();
        }
        let allowed = match (*tree).type_ {
            NodeTag::T_ExecuteStmt
            | NodeTag::T_DeallocateStmt
            | NodeTag::T_FetchStmt
            | NodeTag::T_ClosePortalStmt
            | NodeTag::T_CopyStmt
            | NodeTag::T_ConstraintsSetStmt
            | NodeTag::T_UnlistenStmt
            | NodeTag::T_DiscardStmt => true,
            NodeTag::T_PrepareStmt => why == Confined::Key,
            NodeTag::T_ListenStmt | NodeTag::T_NotifyStmt => limits::may_notify(why),
            NodeTag::T_DeclareCursorStmt => {
                let options = (*tree.cast::<pg_sys::DeclareCursorStmt>()).options;
                why == Confined::Key || options & pg_sys::CURSOR_OPT_HOLD as i32 == 0
            }
            // A setting of the session would outlive the key that acts in it.
            NodeTag::T_VariableSetStmt => {
                let set = &*tree.cast::<pg_sys::VariableSetStmt>();
                why == Confined::Key || set.is_local || pooled_key::key().is_none() || is_transaction(set)
            }
            NodeTag::T_ExplainStmt => {
                let query = (*tree.cast::<pg_sys::ExplainStmt>()).query;
                let query = &*query.cast::<pg_sys::Query>();
                query.type_ != NodeTag::T_Query
                    || query.commandType != pg_sys::CmdType::CMD_UTILITY
                    || matches!(
                        (*query.utilityStmt).type_,
                        NodeTag::T_ExecuteStmt | NodeTag::T_DeclareCursorStmt
                    )
            }
            _ => false,
        };
        let partial = if (*tree).type_ == NodeTag::T_ExplainStmt { partial() } else { None };
        if let Some(expressions) = expressions(tree) {
            sequences::judge_raw(expressions);
        }
        if !allowed || partial.is_some() {
            let command = CStr::from_ptr(pg_sys::CreateCommandName(tree)).to_string_lossy().into_owned();
            let whom = match partial {
                Some(whom) if allowed => whom,
                _ if why == Confined::Key => "API keys",
                _ => "pooled sessions",
            };
            let fault = format!("permission denied: {command} is not for {whom}");
            let fault = Fault::new(INSUFFICIENT_PRIVILEGE, fault);
            let event = Event { action: "execute", kind: "command", resource: &command };
            refused(identity::principal_if_any().as_deref(), &event, fault);
        }
    }
}

/// Whether a command ends or begins a transaction or savepoint, as every session may. In a failed transaction no catalog can be
/// read, and each of these commands rolls it back.
///
/// PREPARE TRANSACTION is none of them: a prepared transaction would keep its locks, and be committed by another session,
/// whatever becomes of the key.
unsafe fn ends_or_begins(tree: *mut pg_sys::Node) -> bool {
    use pg_sys::TransactionStmtKind::{
        TRANS_STMT_COMMIT_PREPARED, TRANS_STMT_PREPARE, TRANS_STMT_ROLLBACK_PREPARED,
    };
    // SAFETY: the node is read as the type of its tag; reads the state of the transaction.
    unsafe {
        (*tree).type_ == NodeTag::T_TransactionStmt
            && (pg_sys::IsAbortedTransactionBlockState()
                || !matches!(
                    (*tree.cast::<pg_sys::TransactionStmt>()).kind,
                    TRANS_STMT_PREPARE | TRANS_STMT_COMMIT_PREPARED | TRANS_STMT_ROLLBACK_PREPARED
                ))
    }
}

/// Whether a command is SAVEPOINT, in a transaction that has not failed.
unsafe fn is_savepoint(tree: *mut pg_sys::Node) -> bool {
    // SAFETY: the node is read as the type of its tag; reads the state of the transaction.
    unsafe {
        (*tree).type_ == NodeTag::T_TransactionStmt
            && (*tree.cast::<pg_sys::TransactionStmt>()).kind
                == pg_sys::TransactionStmtKind::TRANS_STMT_SAVEPOINT
            && !pg_sys::IsAbortedTransactionBlockState()
    }
}

/// How many savepoints may lie within each other, in the locks that the server has for each of its sessions. Clients that go back to a savepoint and do not
/// release it leave one behind each time.
const SAVEPOINTS: i32 = 4;

/// Refuses a savepoint that lies within very many others: as soon as the innermost writes, or asks for its number, each of them has a lock until it is
/// released, and the table of locks is one for all. One session alone could fill it.
///
/// # Errors
/// Raises 54000.
unsafe fn judge_depth() {
    // SAFETY: reads a counter of the transaction, and a setting of the server.
    let (depth, locks) = unsafe { (pg_sys::GetCurrentTransactionNestLevel(), pg_sys::max_locks_per_xact) };
    let max = locks.saturating_mul(SAVEPOINTS);
    if depth > max && is_confined() {
        let message = format!("too many savepoints within each other: maximum for API keys is {max}");
        raise(
            Fault::new(PROGRAM_LIMIT_EXCEEDED, message)
                .hint("RELEASE SAVEPOINT those that are not needed any more."),
        );
    }
}

/// The expressions of a command of which the server makes no query.
unsafe fn expressions(tree: *mut pg_sys::Node) -> Option<*mut pg_sys::Node> {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        match (*tree).type_ {
            NodeTag::T_ExecuteStmt => Some((*tree.cast::<pg_sys::ExecuteStmt>()).params.cast()),
            NodeTag::T_CopyStmt => Some((*tree.cast::<pg_sys::CopyStmt>()).whereClause),
            NodeTag::T_ExplainStmt => {
                let query = &*(*tree.cast::<pg_sys::ExplainStmt>()).query.cast::<pg_sys::Query>();
                let is_execute = query.type_ == NodeTag::T_Query
                    && query.commandType == pg_sys::CmdType::CMD_UTILITY
                    && (*query.utilityStmt).type_ == NodeTag::T_ExecuteStmt;
                is_execute.then(|| (*query.utilityStmt.cast::<pg_sys::ExecuteStmt>()).params.cast())
            }
            _ => None,
        }
    }
}

/// Whether a command is SET TRANSACTION, which is local by nature.
unsafe fn is_transaction(set: &pg_sys::VariableSetStmt) -> bool {
    // SAFETY: a C string where there is a name.
    set.kind == pg_sys::VariableSetKind::VAR_SET_MULTI
        && !set.name.is_null()
        && unsafe { CStr::from_ptr(set.name) } == c"TRANSACTION"
}
