//! Privileges on the tables of indexes.

use super::patience::attempt;
use crate::pg::spi::{Param, run_now, run_once};
use crate::pinecone::access::elevate::{as_owner, as_superuser, read_as_owner};
use crate::pinecone::access::locks;
use crate::pinecone::registry::table;
use conifer_pure::pinecone::access::level::Level;
use pgrx::prelude::*;
use pgrx::spi::quote_identifier;

/// Gives a role its privileges on the table of an index, if the table is there.
pub fn grant(index: i32, role: &str, level: Level) {
    let privileges = match level {
        Level::None => return,
        Level::ReadOnly => "SELECT",
        Level::ReadWrite => "SELECT, INSERT, UPDATE, DELETE",
    };
    let Some(oid) = table_of(index) else { return };
    // A restore that adds policies to the table meanwhile would fail, or this GRANT: both write the table's row of `pg_class`.
    locks::steady(oid);
    let table = table(index);
    as_owner(|| run_once(&format!("GRANT {privileges} ON {table} TO {}", quote_identifier(role))));
}

/// Gives the table or view of an index back to `conifer_owner`, if a superuser has it, as after a restore without owners; not while somebody uses it, with
/// a notice. Returns whether anything was changed.
pub fn take_back(index: i32) -> bool {
    let sql = "SELECT c.relkind OPERATOR(pg_catalog.=) 'v' FROM pg_catalog.pg_class c \
                 JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) c.relowner AND r.rolsuper \
                WHERE c.oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid \
                  AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,v}'::pg_catalog.\"char\"[])";
    let name = table(index);
    let is_view: Option<bool> = read_as_owner(|| {
        run_now(sql, &[Param::text(&*name)], |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten())
    });
    let Some(is_view) = is_view else { return false };
    let kind = if is_view { "VIEW" } else { "TABLE" };
    let alter = format!("ALTER {kind} {name} OWNER TO conifer_owner");
    match as_superuser(|| attempt(|| run_once(&alter))) {
        Ok(()) => true,
        Err(why) => {
            notice!("{name} is not given back to conifer_owner: {why}");
            false
        }
    }
}

/// Takes the row type of an index's table from the public, and its array type with it. Whoever may use a type keeps it from being dropped, by a column
/// or a function of their own, and with it the index.
pub fn close_type(index: i32) {
    let Some(oid) = table_of(index) else { return };
    let open = "SELECT FROM pg_catalog.pg_type t \
                 WHERE t.typrelid OPERATOR(pg_catalog.=) $1 \
                   AND EXISTS (SELECT FROM pg_catalog.aclexplode(COALESCE(t.typacl, pg_catalog.acldefault('T', t.typowner))) AS a \
                                WHERE a.grantee OPERATOR(pg_catalog.=) '0'::pg_catalog.oid)";
    if read_as_owner(|| run_now(open, &[Param::oid(oid)], |rows| rows.count)) > 0 {
        as_owner(|| run_once(&format!("REVOKE ALL ON TYPE {} FROM PUBLIC", table(index))));
    }
}

/// Whether a role has the privileges of its level on a table.
pub fn has(group: &str, table: pg_sys::Oid, level: Level) -> bool {
    let needed = if level == Level::ReadWrite { "DELETE" } else { "SELECT" };
    let sql = "SELECT pg_catalog.has_table_privilege($1, $2, $3)";
    run_now(sql, &[Param::name(group), Param::oid(table), Param::text(needed)], |rows| rows.get(0, 0))
        == Some(true)
}

/// The table of an index, if it exists and belongs to `conifer_owner`.
pub fn table_of(index: i32) -> Option<pg_sys::Oid> {
    let sql = "SELECT oid FROM pg_catalog.pg_class \
                WHERE oid OPERATOR(pg_catalog.=) pg_catalog.to_regclass($1)::pg_catalog.oid \
                  AND relowner OPERATOR(pg_catalog.=) 'conifer_owner'::pg_catalog.regrole::pg_catalog.oid";
    read_as_owner(|| {
        run_now(sql, &[Param::text(&*table(index))], |rows| {
            (rows.count > 0).then(|| rows.get(0, 0)).flatten()
        })
    })
}
