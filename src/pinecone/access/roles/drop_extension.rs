//! `DROP EXTENSION conifer`, and DROP EXTENSION vector, DROP SCHEMA and DROP OWNED, which may take the extension along: the extension's roles go with it.
//!
//! An event trigger sees the command before it runs and drops the roles of keys and groups; if the command fails, the
//! transaction puts them back. The roles that every installation has are dropped if nothing in the cluster depends on them,
//! which is known just before the commit.
#![allow(unsafe_code)]

use crate::pg::spi::{Mode, Param, run, run_once};
use crate::pinecone::access::catalog;
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use crate::pinecone::access::roles::late_members::revoke_role;
use crate::pinecone::access::roles::{self, mark, patience::attempt};
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;
use std::cell::Cell;
use std::ffi::CStr;

thread_local! {
    /// The depth of savepoints at which the extension was dropped in this transaction.
    static DROPPED: Cell<Option<i32>> = const { Cell::new(None) };
}

#[pg_extern(sql = false)]
fn before_drop(fcinfo: pg_sys::FunctionCallInfo) {
    // The server judges after the trigger whether the command is allowed, and refuses it to others.
    if !drops_conifer(fcinfo) {
        return;
    }
    let sql = "SELECT key_id FROM pc_auth.api_key UNION ALL SELECT role_name::pg_catalog.text FROM pc_auth.group_role";
    let names: Vec<String> =
        read_as_owner(|| run(Mode::Write, sql, &[], |rows| rows.each(|row| rows.get(row, 0))));
    for name in names {
        pgrx::check_for_interrupts!();
        roles::drop_role_with_all(&name);
    }
    for person in mark::clear() {
        revoke_role("conifer_people", &person);
    }
    if DROPPED.get().is_none() {
        // SAFETY: reads a counter of the transaction.
        DROPPED.set(Some(unsafe { pg_sys::GetCurrentTransactionNestLevel() }));
    }
}

/// The extension's owner; and what takes the extension along, if it is dropped with CASCADE: the schemas of the functions and of the types, and the
/// extension that holds the types, if it is another one, with their owners.
struct Home {
    owner: pg_sys::Oid,
    schemas: Vec<(String, pg_sys::Oid)>,
    engine: Option<pg_sys::Oid>,
}

fn home() -> Option<Home> {
    let sql = "SELECT e.extname OPERATOR(pg_catalog.=) 'conifer', e.extowner, n.nspname::pg_catalog.text, n.nspowner \
                 FROM pg_catalog.pg_extension e JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) e.extnamespace \
                WHERE e.extname OPERATOR(pg_catalog.=) 'conifer' \
                   OR e.extname OPERATOR(pg_catalog.=) 'vector' \
                      AND EXISTS (SELECT FROM pg_catalog.pg_depend d \
                                    JOIN pg_catalog.pg_extension c ON c.oid OPERATOR(pg_catalog.=) d.objid \
                                     AND c.extname OPERATOR(pg_catalog.=) 'conifer' \
                                   WHERE d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass \
                                     AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass \
                                     AND d.refobjid OPERATOR(pg_catalog.=) e.oid) \
                ORDER BY 1 DESC";
    let found: Vec<(bool, pg_sys::Oid, String, pg_sys::Oid)> = run(Mode::Write, sql, &[], |rows| {
        rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?, rows.get(row, 2)?, rows.get(row, 3)?)))
    });
    let (_, owner, ..) = found.first().filter(|(is_conifer, ..)| *is_conifer)?;
    Some(Home {
        owner: *owner,
        engine: found.iter().find(|(is_conifer, ..)| !is_conifer).map(|(_, owner, ..)| *owner),
        schemas: found.iter().map(|(_, _, schema, owner)| (schema.clone(), *owner)).collect(),
    })
}

/// Whether the command that the event trigger was called for drops `conifer`, and the current user may do so. Who may not is refused
/// when it comes to the extension (`hooks/drops.rs`).
fn drops_conifer(fcinfo: pg_sys::FunctionCallInfo) -> bool {
    // SAFETY: the context of an event trigger is its data, with the command's parse tree, which is read as the type of its tag; the
    // objects of a DropStmt of these kinds are strings.
    unsafe {
        let context = (*fcinfo).context;
        if context.is_null() || (*context).type_ != pg_sys::NodeTag::T_EventTriggerData {
            return false;
        }
        let tree = (*context.cast::<pg_sys::EventTriggerData>()).parsetree;
        if tree.is_null() {
            return false;
        }
        let may_drop = match (*tree).type_ {
            pg_sys::NodeTag::T_DropStmt => matches!(
                (*tree.cast::<pg_sys::DropStmt>()).removeType,
                pg_sys::ObjectType::OBJECT_EXTENSION | pg_sys::ObjectType::OBJECT_SCHEMA
            ),
            node => node == pg_sys::NodeTag::T_DropOwnedStmt,
        };
        // For other commands the trigger loads the library, and asks nothing.
        if !may_drop {
            return false;
        }
        let Some(home) = home().filter(|home| pg_sys::has_privs_of_role(pg_sys::GetUserId(), home.owner))
        else {
            return false;
        };
        match (*tree).type_ {
            pg_sys::NodeTag::T_DropStmt => {
                let drop = &*tree.cast::<pg_sys::DropStmt>();
                let cascades = drop.behavior == pg_sys::DropBehavior::DROP_CASCADE;
                let names = |name: &str| {
                    pgrx::PgList::<pg_sys::String>::from_pg(drop.objects)
                        .iter_ptr()
                        .any(|object| CStr::from_ptr((*object).sval).to_bytes() == name.as_bytes())
                };
                match drop.removeType {
                    pg_sys::ObjectType::OBJECT_EXTENSION => {
                        names("conifer") || cascades && home.engine.is_some() && names("vector")
                    }
                    pg_sys::ObjectType::OBJECT_SCHEMA => {
                        cascades && home.schemas.iter().any(|(schema, _)| names(schema))
                    }
                    _ => false,
                }
            }
            pg_sys::NodeTag::T_DropOwnedStmt => {
                let drop = &*tree.cast::<pg_sys::DropOwnedStmt>();
                let cascades = drop.behavior == pg_sys::DropBehavior::DROP_CASCADE;
                let brings =
                    |role| home.engine == Some(role) || home.schemas.iter().any(|(_, owner)| *owner == role);
                pgrx::PgList::<pg_sys::RoleSpec>::from_pg(drop.roles).iter_ptr().any(|role| {
                    let role = pg_sys::get_rolespec_oid(role, true);
                    (role == home.owner || cascades && brings(role))
                        && pg_sys::has_privs_of_role(pg_sys::GetUserId(), role)
                })
            }
            _ => false,
        }
    }
}

/// Whether [`commit`] has roles to drop.
pub fn pending() -> bool {
    DROPPED.get().is_some()
}

/// Drops the installation's roles, just before the transaction commits.
pub fn commit() {
    // It may have been made again.
    if DROPPED.take().is_some() && !catalog::has_extension() {
        as_superuser(drop_common);
    }
}

/// Forgets the DROP EXTENSION of a transaction that has failed.
pub fn abort() {
    DROPPED.set(None);
}

/// A savepoint at a depth is released: what was dropped in it belongs to the enclosing level.
pub fn released(depth: i32) {
    DROPPED.set(DROPPED.get().map(|at| at.min(depth - 1)));
}

/// A savepoint at a depth is rolled back, and with it a DROP EXTENSION.
pub fn rolled_back(depth: i32) {
    DROPPED.set(DROPPED.get().filter(|at| *at < depth));
}

fn drop_common() {
    let sql = "SELECT FROM pg_catalog.pg_roles r \
                WHERE r.rolname OPERATOR(pg_catalog.=) $1 \
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_shdepend d \
                                   WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass \
                                     AND d.refobjid OPERATOR(pg_catalog.=) r.oid)";
    for role in ["conifer_keys", "conifer_people", "conifer_gateway", "conifer_owner"] {
        if !roles::exists(role) {
            continue;
        }
        // A role that others keep stays, as one does on which something depends elsewhere: it has no rights, and the next CREATE EXTENSION
        // takes it over.
        let role_name = quote_identifier(role);
        let _ = attempt(|| run_once(&format!("DROP OWNED BY {role_name}")));
        if run(Mode::Write, sql, &[Param::name(role)], |rows| rows.count) > 0 {
            let _ = attempt(|| run_once(&format!("DROP ROLE {role_name}")));
        }
    }
}
