//! The database that a role of keys or groups belongs to. Roles are the cluster's, and databases can be copied: by TEMPLATE, or by a
//! dump that is restored beside the original. A copy has the rows of the original's keys and groups, and no right to their roles: it
//! neither changes nor drops them, and whoever logs in to it as such a key is nobody there.
//!
//! A comment on each role names its database by number and name, as roles have no better place. What makes roles comes with it:
//! `pg_dumpall`, `pg_upgrade`, which keeps the numbers of databases. A role belongs to the database of that name: where the cluster was moved by
//! `pg_dumpall` the number may be some other database's, and where a copy has taken the original's name it is the original's, which has
//! another name. If there is none of that name, as after a renaming, it belongs to the one of that number.
//!
//! A key whose role is gone has no comment: what revokes it in the original drops the role, and the copy's row is what it was. So a key's databases are
//! in rows as well (`pc_auth.key_home`), which a copy by TEMPLATE has and a dump has not. In such a copy a key whose role is not
//! this database's is nobody's, and no role is made for it.

use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run, run_now, run_once};
use crate::pinecone::access::elevate::{as_owner, as_superuser, read_as_owner};
use conifer_pure::Fault;
use conifer_pure::fault::quoted;
use conifer_pure::fault::state::OBJECT_NOT_IN_PREREQUISITE_STATE;
use pgrx::spi::{quote_identifier, quote_literal};

/// SQL for the name of the other database that a role belongs to, NULL if it does not; `name` is SQL for the role's name.
pub fn elsewhere(name: &str) -> String {
    format!(
        "(SELECT d.datname::pg_catalog.text
            FROM pg_catalog.pg_roles r
            CROSS JOIN LATERAL pg_catalog.regexp_match(
                pg_catalog.shobj_description(r.oid, 'pg_authid'), '^Conifer: database ([0-9]{{1,10}}), (.*)$') AS said
            CROSS JOIN LATERAL (
                SELECT o.datname FROM pg_catalog.pg_database o
                 WHERE o.datname::pg_catalog.text OPERATOR(pg_catalog.=) said[2]
                    OR o.oid::pg_catalog.int8 OPERATOR(pg_catalog.=) said[1]::pg_catalog.int8
                 ORDER BY o.datname::pg_catalog.text OPERATOR(pg_catalog.=) said[2] DESC LIMIT 1) AS d
           WHERE r.rolname OPERATOR(pg_catalog.=) {name} AND d.datname OPERATOR(pg_catalog.<>) pg_catalog.current_database())"
    )
}

/// The other database that a role belongs to, if it does.
pub fn other_database(role: &str) -> Option<String> {
    let sql = format!("SELECT {}", elsewhere("$1"));
    read_as_owner(|| run_now(&sql, &[Param::name(role)], |rows| rows.get(0, 0)))
}

/// SQL for whether a key has come with a copy by TEMPLATE: its role was made in another database, and there is none that belongs to this one, by its
/// comment's number or, where no database has that any more, by the name; `key` is SQL for the key's name.
pub fn came_along(key: &str) -> String {
    format!(
        "(EXISTS (SELECT FROM pc_auth.key_home o WHERE o.key_id OPERATOR(pg_catalog.=) {key})
          AND NOT EXISTS (SELECT FROM pc_auth.key_home o JOIN pg_catalog.pg_database h ON h.oid OPERATOR(pg_catalog.=) o.database
                           WHERE o.key_id OPERATOR(pg_catalog.=) {key} AND h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database())
          AND NOT EXISTS (SELECT FROM pg_catalog.pg_roles r
            CROSS JOIN LATERAL pg_catalog.regexp_match(
                pg_catalog.shobj_description(r.oid, 'pg_authid'), '^Conifer: database ([0-9]{{1,10}}), (.*)$') AS said
            JOIN pg_catalog.pg_database h ON h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
           WHERE r.rolname OPERATOR(pg_catalog.=) {key}::pg_catalog.name
             AND (h.oid::pg_catalog.int8 OPERATOR(pg_catalog.=) said[1]::pg_catalog.int8
                  OR h.datname::pg_catalog.text OPERATOR(pg_catalog.=) said[2])))"
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
                      (SELECT pg_catalog.format('Conifer: database %s, %s', oid, datname) FROM pg_catalog.pg_database \
                        WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()) AS said (now) \
                WHERE r.rolname OPERATOR(pg_catalog.=) $1";
    let (said, differs) = read_as_owner(|| {
        run_now(sql, &[Param::name(role)], |rows| {
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
    let sql = "SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r \
                 JOIN pg_catalog.pg_database h ON h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database() \
                WHERE r.rolname OPERATOR(pg_catalog.~) '^cf[kpi]_[0-9a-hjkmnp-tv-z]{16}$' \
                  AND pg_catalog.shobj_description(r.oid, 'pg_authid') \
                      OPERATOR(pg_catalog.=) pg_catalog.format('Conifer: database %s, %s', h.oid, h.datname) \
                  AND NOT EXISTS (SELECT FROM pc_auth.api_key k \
                                   WHERE k.key_id::pg_catalog.name OPERATOR(pg_catalog.=) r.rolname AND k.revoked_at IS NULL) \
                  AND NOT EXISTS (SELECT FROM pc_auth.group_role g WHERE g.role_name OPERATOR(pg_catalog.=) r.rolname)";
    read_as_owner(|| run_now(sql, &[], |rows| rows.each(|row| rows.get(row, 0))))
}

/// Refuses what would make new keys or members in a copy: they would get into the original's groups.
///
/// # Errors
/// Raises 55000.
pub fn refuse_copy(database: &str) -> ! {
    let message =
        format!("this database is a copy of database {}, whose keys and groups it has", quoted(database));
    raise(
        Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, message)
            .hint("Take them out of the copy with pc_make_independent()."),
    )
}
