//! LOCK TABLE, which passes no hook of the executor's: judged as a statement that reads or writes the table would be.
//!
//! Privileges are wider than rights, as the group of all people has those of the default role on its tables. And nobody whom the policies
//! hold for needs a lock that keeps others from reading or writing, which the server gives to all who may delete a record.
#![allow(unsafe_code)]

use super::permissions::{policies_hold, refuse};
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{OWNER, read_as_owner, role_named};
use crate::pinecone::access::judge::table::{index_of, is_view, may};
use crate::pinecone::access::snapshot::{is_looking, latest};
use conifer_pure::pinecone::access::level::Level;
use pgrx::PgList;
use pgrx::prelude::*;

/// Refuses a lock on the table of an index, or on a view of it, that goes beyond the caller's rights.
///
/// The statement is judged before it runs, so that nobody waits for a lock to be refused, and after that: the name may have become
/// another table's in between.
///
/// # Safety
/// `tree` is a parse tree.
///
/// # Errors
/// Raises 42501.
pub unsafe fn judge(tree: *mut pg_sys::Node) {
    // SAFETY: the node is read as the type of its tag; LOCK TABLE has a list of names. Look-ups of relations, by names that may mean
    // nothing.
    unsafe {
        if (*tree).type_ != pg_sys::NodeTag::T_LockStmt
            || pg_sys::IsAbortedTransactionBlockState()
            || is_looking()
            || catalog::table() == pg_sys::InvalidOid
        {
            return;
        }
        let statement = &*tree.cast::<pg_sys::LockStmt>();
        let user = pg_sys::GetUserId();
        for name in PgList::<pg_sys::RangeVar>::from_pg(statement.relations).iter_ptr() {
            let relation = pg_sys::RangeVarGetRelidExtended(
                name,
                pg_sys::NoLock as i32,
                pg_sys::RVROption::RVR_MISSING_OK,
                None,
                std::ptr::null_mut(),
            );
            if relation == pg_sys::InvalidOid {
                continue;
            }
            for (table, asks) in behind(relation, user) {
                if !is_allowed(table, asks, statement.mode as u32) {
                    refuse(table);
                }
            }
        }
    }
}

/// A relation, and what a view reads, as LOCK TABLE goes through it; each with the role whose privileges the server asks for.
unsafe fn behind(relation: pg_sys::Oid, user: pg_sys::Oid) -> Vec<(pg_sys::Oid, pg_sys::Oid)> {
    if !is_view(relation) || index_of(relation).is_some() {
        return vec![(relation, user)];
    }
    let sql = "WITH RECURSIVE behind (relation, asks) AS ( \
                   SELECT $1, $2 \
                    UNION \
                   SELECT d.refobjid, \
                          CASE WHEN pg_catalog.array_to_string(v.reloptions, ',') OPERATOR(pg_catalog.~*) \
                                    '(^|,)security_invoker=(t|y|on|1)' THEN $2 ELSE v.relowner END \
                     FROM behind b \
                     JOIN pg_catalog.pg_class v ON v.oid OPERATOR(pg_catalog.=) b.relation \
                                               AND v.relkind OPERATOR(pg_catalog.=) 'v'::pg_catalog.\"char\" \
                     JOIN pg_catalog.pg_rewrite w ON w.ev_class OPERATOR(pg_catalog.=) v.oid \
                     JOIN pg_catalog.pg_depend d ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_rewrite'::pg_catalog.regclass \
                                                AND d.objid OPERATOR(pg_catalog.=) w.oid \
                                                AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass) \
               SELECT relation, asks FROM behind";
    let params = [Param::oid(relation), Param::oid(user)];
    latest(|| {
        read_as_owner(|| {
            run(Mode::Read, sql, &params, |rows| {
                rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?)))
            })
        })
    })
}

fn is_allowed(table: pg_sys::Oid, asks: pg_sys::Oid, mode: u32) -> bool {
    let Some(index) = index_of(table) else { return true };
    // SAFETY: look-ups in the catalog.
    let is_above = unsafe { pg_sys::superuser_arg(asks) || !policies_hold(table, asks) };
    if is_above || asks == role_named(OWNER) {
        return true;
    }
    match mode {
        pg_sys::AccessShareLock | pg_sys::RowShareLock => may(index, Level::ReadOnly),
        pg_sys::RowExclusiveLock => may(index, Level::ReadWrite),
        _ => false,
    }
}
