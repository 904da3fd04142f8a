//! Commands that lock a table or an index before the server asks whose it is: CREATE RULE, CREATE TRIGGER and CREATE STATISTICS, foreign keys of other
//! tables to it, its heirs and partitions, ATTACH and DETACH PARTITION, DEPENDS ON EXTENSION, comments and security labels. All people can name Conifer's tables. Such a command would
//! wait for whoever uses one of them, in any project, and keep all others waiting behind it, only to be refused.
//!
//! The hook of commands refuses them; and an event trigger, which loads the library into a session that has not loaded it, before the command.
#![allow(unsafe_code)]

use super::permissions::refuse;
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{OWNER, role_named};
use crate::pinecone::access::snapshot::is_looking;
use pgrx::PgList;
use pgrx::pg_sys::{self, NodeTag};

/// Refuses a command that would lock one of Conifer's tables, unless a superuser or `conifer_owner` runs it.
///
/// # Safety
/// `tree` is a parse tree.
///
/// # Errors
/// Raises 42501.
pub unsafe fn judge(tree: *mut pg_sys::Node) {
    // SAFETY: each node is read as the type of its tag; look-ups of the current role.
    unsafe {
        let relevant = [
            NodeTag::T_RuleStmt,
            NodeTag::T_CreateTrigStmt,
            NodeTag::T_CreateStatsStmt,
            NodeTag::T_CreateStmt,
            NodeTag::T_CreateForeignTableStmt,
            NodeTag::T_AlterTableStmt,
            NodeTag::T_AlterObjectDependsStmt,
            NodeTag::T_CommentStmt,
            NodeTag::T_SecLabelStmt,
        ];
        if !relevant.contains(&(*tree).type_)
            || pg_sys::IsAbortedTransactionBlockState()
            || is_looking()
            || catalog::table() == pg_sys::InvalidOid
        {
            return;
        }
        let user = pg_sys::GetUserId();
        if pg_sys::superuser_arg(user) || user == role_named(OWNER) {
            return;
        }
        match (*tree).type_ {
            NodeTag::T_RuleStmt => judge_name((*tree.cast::<pg_sys::RuleStmt>()).relation),
            NodeTag::T_CreateTrigStmt => judge_name((*tree.cast::<pg_sys::CreateTrigStmt>()).relation),
            NodeTag::T_AlterObjectDependsStmt => {
                judge_name((*tree.cast::<pg_sys::AlterObjectDependsStmt>()).relation);
            }
            NodeTag::T_CommentStmt => {
                let comment = &*tree.cast::<pg_sys::CommentStmt>();
                judge_object(comment.objtype, comment.object);
            }
            NodeTag::T_SecLabelStmt => {
                let label = &*tree.cast::<pg_sys::SecLabelStmt>();
                judge_object(label.objtype, label.object);
            }
            NodeTag::T_CreateStatsStmt => judge_parts((*tree.cast::<pg_sys::CreateStatsStmt>()).relations),
            // That of a foreign table begins as that of a table.
            NodeTag::T_CreateStmt | NodeTag::T_CreateForeignTableStmt => {
                let create = &*tree.cast::<pg_sys::CreateStmt>();
                judge_parts(create.tableElts);
                judge_parts(create.inhRelations);
            }
            _ => {
                let commands = (*tree.cast::<pg_sys::AlterTableStmt>()).cmds;
                for command in PgList::<pg_sys::AlterTableCmd>::from_pg(commands).iter_ptr() {
                    judge_part((*command).def);
                }
            }
        }
    }
}

/// Judges the columns and constraints of a table that is made, or the tables that it is made of.
unsafe fn judge_parts(parts: *mut pg_sys::List) {
    // SAFETY: a list of nodes.
    unsafe { PgList::<pg_sys::Node>::from_pg(parts).iter_ptr().for_each(|part| judge_part(part)) }
}

/// Judges a column, a constraint, or a table that another is made a heir or a partition of, or is no longer.
unsafe fn judge_part(part: *mut pg_sys::Node) {
    // SAFETY: each node is read as the type of its tag.
    unsafe {
        if part.is_null() {
            return;
        }
        match (*part).type_ {
            NodeTag::T_ColumnDef => judge_parts((*part.cast::<pg_sys::ColumnDef>()).constraints),
            NodeTag::T_Constraint => {
                let constraint = &*part.cast::<pg_sys::Constraint>();
                if constraint.contype == pg_sys::ConstrType::CONSTR_FOREIGN {
                    judge_name(constraint.pktable);
                }
            }
            NodeTag::T_PartitionCmd => judge_name((*part.cast::<pg_sys::PartitionCmd>()).name),
            NodeTag::T_RangeVar => judge_name(part.cast()),
            _ => {}
        }
    }
}

/// Judges the relation that an object is, or is a part of.
unsafe fn judge_object(kind: pg_sys::ObjectType::Type, object: *mut pg_sys::Node) {
    use pg_sys::ObjectType as Kind;
    let is_part = match kind {
        Kind::OBJECT_TABLE
        | Kind::OBJECT_VIEW
        | Kind::OBJECT_MATVIEW
        | Kind::OBJECT_FOREIGN_TABLE
        | Kind::OBJECT_INDEX
        | Kind::OBJECT_SEQUENCE => false,
        Kind::OBJECT_COLUMN
        | Kind::OBJECT_TABCONSTRAINT
        | Kind::OBJECT_POLICY
        | Kind::OBJECT_RULE
        | Kind::OBJECT_TRIGGER => true,
        _ => return,
    };
    // SAFETY: objects of these kinds are lists of names: of the database, the schema and the relation, as far as they are given, and of the part.
    unsafe {
        let names: Vec<_> =
            PgList::<pg_sys::String>::from_pg(object.cast()).iter_ptr().map(|name| (*name).sval).collect();
        let relation = &names[..names.len().saturating_sub(usize::from(is_part))];
        let none = std::ptr::null_mut();
        match *relation {
            [name] => judge_name(pg_sys::makeRangeVar(none, name, -1)),
            [schema, name] | [_, schema, name] => judge_name(pg_sys::makeRangeVar(schema, name, -1)),
            _ => {}
        }
    }
}

unsafe fn judge_name(name: *mut pg_sys::RangeVar) {
    // SAFETY: a name, which may mean nothing; looked up without a lock.
    unsafe {
        if name.is_null() {
            return;
        }
        let flags = pg_sys::RVROption::RVR_MISSING_OK;
        let none = std::ptr::null_mut();
        let table = pg_sys::RangeVarGetRelidExtended(name, pg_sys::NoLock as i32, flags, None, none);
        if table == pg_sys::InvalidOid {
            return;
        }
        let schema = pg_sys::get_rel_namespace(table);
        if schema != pg_sys::InvalidOid
            && [c"pc", c"pc_auth", c"pc_data"].into_iter().any(|name| catalog::schema(name) == schema)
        {
            refuse(table);
        }
    }
}
