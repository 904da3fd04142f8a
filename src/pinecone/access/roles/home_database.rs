//! The database that a role of keys or groups belongs to. Roles are the cluster's, and databases can be copied: by TEMPLATE, or by a
//! dump that is restored beside the original. A copy has the rows of the original's keys and groups, and no right to their roles: it
//! neither changes nor drops them, and whoever logs in to it as such a key is nobody there.
//!
//! A comment on each role names its database by number and name, as roles have no better place. What makes roles comes with it:
//! `pg_dumpall`, `pg_upgrade`, which keeps the numbers of databases. A role belongs elsewhere if there is another database of that number.
//! Where the cluster was moved by `pg_dumpall` that number may be some other database's: the name tells.
//!
//! A key whose role is gone has no comment: what revokes it in the original drops the role, and the copy's row is what it was. So a copy by TEMPLATE
//! is told by its rows, too: they have the number of the original. There a key whose role is not this database's is nobody's, and no role
//! is made for it.

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
            JOIN pg_catalog.pg_database d ON d.oid::pg_catalog.int8 OPERATOR(pg_catalog.=) said[1]::pg_catalog.int8
            JOIN pg_catalog.pg_database h ON h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
           WHERE r.rolname OPERATOR(pg_catalog.=) {name} AND d.oid OPERATOR(pg_catalog.<>) h.oid
             AND NOT (h.datname::pg_catalog.text OPERATOR(pg_catalog.=) said[2] AND d.datname::pg_catalog.text OPERATOR(pg_catalog.<>) said[2]))"
    )
}

/// The other database that a role belongs to, if it does.
pub fn other_database(role: &str) -> Option<String> {
    let sql = format!("SELECT {}", elsewhere("$1"));
    read_as_owner(|| run_now(&sql, &[Param::name(role)], |rows| rows.get(0, 0)))
}

/// Whether this database is a copy by TEMPLATE that was not made independent.
pub fn is_copy() -> bool {
    let sql = "SELECT FROM pc_auth.home_database o JOIN pg_catalog.pg_database h ON h.oid OPERATOR(pg_catalog.=) o.database \
                WHERE h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";
    read_as_owner(|| run_now(sql, &[], |rows| rows.count)) == 0
}

/// Makes this database no copy.
pub fn settle() {
    as_owner(|| {
        run(Mode::Write, "DELETE FROM pc_auth.home_database", &[], |_| ());
        let sql = "INSERT INTO pc_auth.home_database (database) \
                   SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) pg_catalog.current_database()";
        run(Mode::Write, sql, &[], |_| ());
    });
}

/// SQL for whether there is a role of a name that belongs to this database, by its comment's number or, where no database has that any more,
/// by the name; `name` is SQL for the role's name.
pub fn ours(name: &str) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_roles r
            CROSS JOIN LATERAL pg_catalog.regexp_match(
                pg_catalog.shobj_description(r.oid, 'pg_authid'), '^Conifer: database ([0-9]{{1,10}}), (.*)$') AS said
            JOIN pg_catalog.pg_database h ON h.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
           WHERE r.rolname OPERATOR(pg_catalog.=) {name}
             AND (h.oid::pg_catalog.int8 OPERATOR(pg_catalog.=) said[1]::pg_catalog.int8
                  OR h.datname::pg_catalog.text OPERATOR(pg_catalog.=) said[2]))"
    )
}

/// Whether a key has come with a copy: no role of this database is its, and none is to be made.
pub fn came_with_copy(key: &str) -> bool {
    let sql = format!("SELECT {}", ours("$1"));
    is_copy()
        && read_as_owner(|| run_now(&sql, &[Param::name(key)], |rows| rows.get::<bool>(0, 0))) != Some(true)
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
