//! Roles of the names of keys and groups that somebody else has made. These names are there for all to see, and in a cluster to which a database moves, or where a
//! role was dropped by hand, whoever may create roles can make one first: with a password of theirs, settings, things that the role owns, and, from PostgreSQL
//! 16 on, the right to give the role to anybody, themselves included.
//!
//! A comment on a role proves nothing, as who has made it may write one. Only superusers have the password's verifier, of which a key's row has a copy, and only
//! they can have a role load a library. Whichever role has neither is a stranger's: it gets another name, loses what it has of Conifer's, and a role is made in its
//! place. It is not dropped, as what it owns is somebody's.

use super::library::LOADS;
use super::role::exists;
use super::{patience, pattern};
use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::{as_superuser, read_as_owner};
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// SQL for whether a role has the setting that only superusers give; `role` is SQL for the role's number.
pub fn is_marked(role: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_db_role_setting own, pg_catalog.unnest(own.setconfig) AS c (setting)
                  WHERE own.setrole OPERATOR(pg_catalog.=) {role} AND own.setdatabase OPERATOR(pg_catalog.=) '0'
                    AND pg_catalog.starts_with(c.setting, 'session_preload_libraries=') AND c.setting OPERATOR(pg_catalog.~) {LOADS})"
    )
}

/// Whether a role that is there was made by this library, or by a superuser who has restored it.
pub fn is_ours(name: &str) -> bool {
    let sql = format!(
        "SELECT FROM pg_catalog.pg_authid a
          WHERE a.rolname OPERATOR(pg_catalog.=) $1
            AND ({} OR EXISTS (SELECT FROM pc_auth.api_key k
                                WHERE k.key_id::pg_catalog.name OPERATOR(pg_catalog.=) a.rolname
                                  AND k.verifier OPERATOR(pg_catalog.=) a.rolpassword))",
        is_marked("a.oid")
    );
    as_superuser(|| run_now(&sql, &[Param::name(name)], |rows| rows.count > 0))
}

/// Puts a role aside that has the name of a key or group and was made by somebody else. Returns whether there was one.
pub fn set_aside(name: &str) -> bool {
    let is_stranger = exists(name) && !is_ours(name);
    if is_stranger {
        put_aside(name);
    }
    is_stranger
}

/// Gives a stranger's role another name, and takes from it what it has of Conifer's, with a warning. Waits for who is changing the role.
fn put_aside(name: &str) {
    let role = quote_identifier(name);
    let taken = "SELECT pg_catalog.count(*) FROM pg_catalog.pg_roles WHERE rolname OPERATOR(pg_catalog.~) ('^not_' OPERATOR(pg_catalog.||) $1)";
    let number = run_now(taken, &[Param::text(name)], |rows| rows.get::<i64>(0, 0)).unwrap_or_default();
    let new = if number == 0 { format!("not_{name}") } else { format!("not_{name}_{number}") };
    let groups = groups_of(name);
    as_superuser(|| {
        for (group, by) in groups {
            run_once(&format!("REVOKE {group} FROM {role}{by} CASCADE"));
        }
        run_once(&format!("REVOKE ALL ON ALL TABLES IN SCHEMA pc_data FROM {role}"));
        run_once(&format!("ALTER ROLE {role} RENAME TO {}", quote_identifier(&new)));
    });
    warning!(
        "role \"{name}\" was not made by Conifer, nor restored by a superuser: it is called \"{new}\" now"
    );
}

/// The groups of Conifer's that a role is in, quoted, each with a clause that says who has put it there: from PostgreSQL 16 on each takes it back by itself.
fn groups_of(name: &str) -> Vec<(String, String)> {
    let sql = format!(
        "SELECT pg_catalog.quote_ident(g.rolname),
                COALESCE(' GRANTED BY ' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(o.rolname), '')
           FROM pg_catalog.pg_auth_members m
           JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid AND g.rolname OPERATOR(pg_catalog.~) {}
           JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member AND r.rolname OPERATOR(pg_catalog.=) $1
           LEFT JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) m.grantor",
        pattern::ALL
    );
    read_as_owner(|| {
        run_now(&sql, &[Param::name(name)], |rows| {
            rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?)))
        })
    })
}

/// Takes keys from whoever is a member of one, and keys and groups from those who may give them to others, unless they are superusers: they could act as the
/// key, or put anybody into the group. Those that somebody is changing stay for now, with a notice of each. Returns how many memberships were taken away.
pub fn expel() -> i64 {
    let sql = format!(
        "SELECT pg_catalog.quote_ident(g.rolname), pg_catalog.quote_ident(r.rolname),
                COALESCE(' GRANTED BY ' OPERATOR(pg_catalog.||) pg_catalog.quote_ident(o.rolname), '')
           FROM pg_catalog.pg_auth_members m
           JOIN pg_catalog.pg_roles g ON g.oid OPERATOR(pg_catalog.=) m.roleid
           JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) m.member AND NOT r.rolsuper
           LEFT JOIN pg_catalog.pg_roles o ON o.oid OPERATOR(pg_catalog.=) m.grantor
          WHERE g.rolname OPERATOR(pg_catalog.~) {} OR m.admin_option AND g.rolname OPERATOR(pg_catalog.~) {}",
        pattern::KEYS,
        pattern::ALL
    );
    let found: Vec<(String, String, String)> = read_as_owner(|| {
        run_now(&sql, &[], |rows| {
            rows.each(|row| Some((rows.get(row, 0)?, rows.get(row, 1)?, rows.get(row, 2)?)))
        })
    });
    let mut taken = 0;
    for (role, member, by) in &found {
        pgrx::check_for_interrupts!();
        let revoke = format!("REVOKE {role} FROM {member}{by} CASCADE");
        match as_superuser(|| patience::attempt(|| run_once(&revoke))) {
            Ok(()) => taken += 1,
            Err(why) => notice!("role {member} stays in {role}: {why}"),
        }
    }
    taken
}
