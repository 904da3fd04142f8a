//! Roles that go: of keys that are revoked, of groups whose project or index is gone. One that others keep from being dropped stays without rights.

use super::home_database::{self, other_database};
use super::late_members::revoke_role;
use super::membership::join;
use super::role::exists;
use super::{patience, strangers};
use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// How much strangers may have hung on a role for its removal to be tried while somebody waits for a revocation.
const FEW: i64 = 100;

/// Drops a role with its grants in this database, unless the role belongs to another one. If grants are left elsewhere, or others
/// keep the role from being dropped, it stays but can do nothing, until `pc_sync_roles` drops it. Returns whether anything had to change.
pub fn drop_role(name: &str) -> bool {
    if !exists(name) || other_database(name).is_some() || !strangers::is_ours(name) {
        return false;
    }
    if foreign_objects(name) <= FEW && remove(name).is_ok() {
        return true;
    }
    let changed = disarm(name);
    if changed {
        notice!("role \"{name}\" stays, without rights: pc_sync_roles() drops it");
    }
    changed
}

/// As [`drop_role`], however much hangs on the role.
pub fn drop_role_with_all(name: &str) {
    if exists(name) && other_database(name).is_none() && strangers::is_ours(name) && remove(name).is_err() {
        disarm(name);
    }
}

/// Drops the roles of this database's former keys and groups, as far as nobody keeps them from it, and says which ones stay.
/// Returns how many were dropped.
pub fn drop_left() -> i64 {
    let mut dropped = 0;
    for name in home_database::left() {
        pgrx::check_for_interrupts!();
        match remove(&name) {
            Ok(()) => dropped += 1,
            Err(why) => notice!("role \"{name}\" stays, without rights: {why}"),
        }
    }
    dropped
}

/// How many objects of this database that are no tables of Conifer's have a role as their owner, or in their privileges or policies.
fn foreign_objects(name: &str) -> i64 {
    let sql = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_shdepend s \
                 JOIN pg_catalog.pg_database h ON h.oid OPERATOR(pg_catalog.=) s.dbid \
                WHERE h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                  AND s.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_authid'::pg_catalog.regclass \
                  AND s.refobjid OPERATOR(pg_catalog.=) $1::pg_catalog.regrole \
                  AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c \
                                   WHERE s.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_class'::pg_catalog.regclass \
                                     AND c.oid OPERATOR(pg_catalog.=) s.objid \
                                     AND c.relowner OPERATOR(pg_catalog.=) 'conifer_owner'::pg_catalog.regrole)";
    read_as_owner(|| run_now(sql, &[Param::text(&*quote_identifier(name))], |rows| rows.get(0, 0)))
        .unwrap_or(0)
}

/// Drops a role that is there, with its grants in this database.
///
/// # Errors
/// Why it stays.
fn remove(name: &str) -> Result<(), String> {
    let role = quote_identifier(name);
    as_superuser(|| {
        patience::attempt(|| run_once(&format!("DROP OWNED BY {role}")))?;
        patience::attempt(|| run_once(&format!("DROP ROLE {role}")))
    })
}

/// Takes from a role that stays its login, its password, its groups and its members. Returns whether anything had to change. It waits for
/// nobody: others lock the object of the role by GRANT and the like, and none of these statements does.
fn disarm(name: &str) -> bool {
    let role = quote_identifier(name);
    let armed = "SELECT FROM pg_catalog.pg_authid \
                  WHERE rolname OPERATOR(pg_catalog.=) $1 AND (rolcanlogin OR rolpassword IS NOT NULL)";
    let members = "SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_auth_members m \
                     JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member \
                    WHERE m.roleid OPERATOR(pg_catalog.=) $1::pg_catalog.regrole";
    as_superuser(|| {
        let armed = run_now(armed, &[Param::name(name)], |rows| rows.count > 0);
        if armed {
            run_once(&format!("ALTER ROLE {role} NOLOGIN PASSWORD NULL"));
        }
        let members: Vec<String> =
            run_now(members, &[Param::text(&*role)], |rows| rows.each(|row| rows.get(row, 0)));
        members.iter().for_each(|member| revoke_role(name, member));
        join(name, vec![], None) | armed | !members.is_empty()
    })
}
