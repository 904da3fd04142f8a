//! The database that a role of keys or groups belongs to. Roles are the cluster's, and databases can be copied: by TEMPLATE, or by a
//! dump that is restored beside the original. A copy has the rows of the original's keys and groups, and no right to their roles: it
//! neither changes nor drops them, and whoever logs in to it as such a key is nobody there.
//!
//! A comment on each role names its database by number and name, and the cluster, as roles have no better place. What makes roles comes with it:
//! `pg_dumpall`, `pg_upgrade`, which keeps the numbers of databases. Within its cluster a role belongs to the database of that number, whatever names
//! it and others take; to the one of that name only where none has the number any more, as where a database was dropped to be restored. In
//! another cluster the number may be some other database's, so there it counts for a key alone that this database has brought along with the number
//! (`pc_auth.key_home`), as by `pg_upgrade`; otherwise the name does. What has neither belongs to whichever database has the row.
//!
//! Who has made a role may comment on it, so a comment counts only beside a setting that superusers alone give (`strangers.rs`).
//!
//! A key whose role is gone has no comment: what revokes it in the original drops the role, and the copy's row is what it was. So a key's databases are
//! in rows as well (`pc_auth.key_home`), which a copy by TEMPLATE has and a dump has not. In such a copy a key whose role is not
//! this database's is nobody's, and no role is made for it.
//!
//! A copy that is to have the original's keys, which stays, takes them over expressly (`take_over.rs`).

#![allow(unsafe_code)]

use super::pattern;
use super::strangers::is_marked;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run, run_now, run_once};
use crate::pinecone::access::elevate::{as_owner, as_superuser, read_as_owner};
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::OBJECT_NOT_IN_PREREQUISITE_STATE;
use pgrx::pg_sys;
use pgrx::spi::{quote_identifier, quote_literal};

/// SQL for the name of the database that a role belongs to, NULL if it belongs to none; `name` is SQL for the role's name.
pub fn home(name: &str) -> String {
    home_if(name, "")
}

/// SQL for the name of the other database that a role belongs to, NULL if it does not; `name` is SQL for the role's name.
pub fn elsewhere(name: &str) -> String {
    home_if(name, "AND home.datname OPERATOR(pg_catalog.<>) pg_catalog.current_database()")
}

/// SQL for whether a role belongs to this database; `name` is SQL for the role's name.
pub fn is_here(name: &str) -> String {
    let home = home(name);
    format!("COALESCE({home} OPERATOR(pg_catalog.=) pg_catalog.current_database()::pg_catalog.text, false)")
}

fn home_if(name: &str, condition: &str) -> String {
    let cluster = cluster();
    let is_marked = is_marked("its.oid");
    format!(
        "(SELECT home.datname::pg_catalog.text
            FROM pg_catalog.pg_roles its
            CROSS JOIN LATERAL pg_catalog.regexp_match(
                pg_catalog.shobj_description(its.oid, 'pg_authid'),
                '^Conifer: database ([0-9]{{1,10}}) of cluster ([0-9]{{1,20}}), (.*)$') AS said
            CROSS JOIN LATERAL (
                SELECT o.datname FROM pg_catalog.pg_database o
                 CROSS JOIN LATERAL (SELECT o.oid::pg_catalog.text OPERATOR(pg_catalog.=) said[1]
                                            AND (said[2] OPERATOR(pg_catalog.=) '{cluster}'
                                                 OR EXISTS (SELECT FROM pc_auth.key_home k
                                                             WHERE k.key_id OPERATOR(pg_catalog.=) its.rolname::pg_catalog.text
                                                               AND k.database OPERATOR(pg_catalog.=) o.oid)),
                                            o.datname::pg_catalog.text OPERATOR(pg_catalog.=) said[3]) AS fits (number, name)
                 WHERE fits.number OR fits.name
                 ORDER BY fits.number DESC LIMIT 1) AS home
           WHERE its.rolname OPERATOR(pg_catalog.=) {name} AND {is_marked} {condition})"
    )
}

/// The number that tells this cluster from others: standbys and physical copies have the same.
fn cluster() -> u64 {
    // SAFETY: reads shared memory of the server.
    unsafe { pg_sys::GetSystemIdentifier() }
}

/// The other database that a role belongs to, if it does.
pub fn other_database(role: &str) -> Option<String> {
    let sql = format!("SELECT {}", elsewhere("$1"));
    read_as_owner(|| run_now(&sql, &[Param::name(role)], |rows| rows.get(0, 0)))
}

/// SQL for whether a key has come with a copy by TEMPLATE: its role was made in another database, and there is none that belongs to this one; `key` is
/// SQL for the key's name.
pub fn came_along(key: &str) -> String {
    format!(
        "(EXISTS (SELECT FROM pc_auth.key_home o WHERE o.key_id OPERATOR(pg_catalog.=) {key})
          AND NOT EXISTS (SELECT FROM pc_auth.key_home o JOIN pg_catalog.pg_database h ON h.oid OPERATOR(pg_catalog.=) o.database
                           WHERE o.key_id OPERATOR(pg_catalog.=) {key} AND h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
          AND NOT {})",
        is_here(&format!("{key}::pg_catalog.name"))
    )
}

/// Whether a key has come with a copy by TEMPLATE: no role of this database is its, and none is to be made.
pub fn came_with_copy(key: &str) -> bool {
    let sql = format!("SELECT {}", came_along("$1"));
    read_as_owner(|| run_now(&sql, &[Param::text(key)], |rows| rows.get::<bool>(0, 0))) == Some(true)
}

/// Notes that a key's role is made to agree with its row in this database.
pub fn settle(key: &str) {
    let here = "SELECT FROM pc_auth.key_home o JOIN pg_catalog.pg_database h ON h.oid OPERATOR(pg_catalog.=) o.database \
                 WHERE o.key_id OPERATOR(pg_catalog.=) $1 AND h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";
    if read_as_owner(|| run_now(here, &[Param::text(key)], |rows| rows.count)) == 0 {
        let sql = "INSERT INTO pc_auth.key_home (key_id, database) \
                   SELECT $1, oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";
        as_owner(|| run(Mode::Write, sql, &[Param::text(key)], |_| ()));
    }
}

/// Notes that a role which is there belongs to this database. Returns whether anything had to change.
pub fn claim(role: &str) -> bool {
    let sql = "SELECT said.now, NOT COALESCE(said.now OPERATOR(pg_catalog.=) pg_catalog.shobj_description(r.oid, 'pg_authid'), false) \
                 FROM pg_catalog.pg_roles r, \
                      (SELECT pg_catalog.format('Conifer: database %s of cluster %s, %s', oid, $2, datname) FROM pg_catalog.pg_database \
                        WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) AS said (now) \
                WHERE r.rolname OPERATOR(pg_catalog.=) $1";
    let (said, differs) = read_as_owner(|| {
        run_now(sql, &[Param::name(role), Param::text(&*cluster().to_string())], |rows| {
            (rows.get::<String>(0, 0).unwrap_or_default(), rows.get::<bool>(0, 1) == Some(true))
        })
    });
    if differs {
        let (role, said) = (quote_identifier(role), quote_literal(&said));
        as_superuser(|| run_once(&format!("COMMENT ON ROLE {role} IS {said}")));
    }
    differs
}

/// The names of the roles that belong to this database, and to no key that is valid and no group: the row is revoked, or gone.
pub fn left() -> Vec<String> {
    let sql = format!(
        "SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r \
          WHERE r.rolname OPERATOR(pg_catalog.~) {} \
            AND NOT EXISTS (SELECT FROM pc_auth.api_key k \
                             WHERE k.key_id::pg_catalog.name OPERATOR(pg_catalog.=) r.rolname AND k.revoked_at IS NULL) \
            AND NOT EXISTS (SELECT FROM pc_auth.group_role g WHERE g.role_name OPERATOR(pg_catalog.=) r.rolname) \
            AND {}",
        pattern::OF_A_DATABASE,
        is_here("r.rolname")
    );
    read_as_owner(|| run_now(&sql, &[], |rows| rows.each(|row| rows.get(row, 0))))
}

/// Hint for keys and groups of another database.
pub const TWO_WAYS: &str = "pc_make_independent() takes them out of the copy; pc_sync_roles(claim => true), by a superuser, takes them over from the original.";

/// Refuses what would make new keys or members in a copy: they would get into the original's groups.
///
/// # Errors
/// Raises 55000.
pub fn refuse_copy(database: &str) -> ! {
    let message =
        format!("this database is a copy of database {}, whose keys and groups it has", quoted(database));
    raise(Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint(TWO_WAYS))
}
