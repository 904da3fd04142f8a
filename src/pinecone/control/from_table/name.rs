//! The name of a user's table, kept for as long as statements use it: they run as a superuser, on whatever has the name.

use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run, write_now};
use crate::pinecone::access::elevate::as_superuser;
use conifer_pure::Fault;
use conifer_pure::fault::state::OBJECT_NOT_IN_PREREQUISITE_STATE;
use pgrx::pg_sys;

/// Keeps the name of a table that is locked against all others, and its schema's, until the transaction ends: renaming a schema takes
/// no lock on the tables in it, but changes its row. Returns the name, quoted for SQL; none if the table is gone.
///
/// # Errors
/// Raises 40001 in a transaction that does not see the schema's name of now, and 55000 if the name stands for another table.
pub fn hold(table: pg_sys::Oid) -> Option<String> {
    let sql = "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname)
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
                WHERE c.oid OPERATOR(pg_catalog.=) $1 FOR KEY SHARE OF n";
    let stands_for = "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid";
    let (name, named) = as_superuser(|| {
        let name = run(Mode::Write, sql, &[Param::oid(table)], |rows| {
            if rows.count > 0 { rows.get::<String>(0, 0) } else { None }
        })?;
        let named = write_now(stands_for, &[Param::text(&*name)], |rows| rows.get::<pg_sys::Oid>(0, 0));
        Some((name, named))
    })?;
    if named != Some(table) {
        moved(&name);
    }
    Some(name)
}

/// Raises 55000: a table had another name than it was looked for by.
pub fn moved(name: &str) -> ! {
    let message = format!("table {name} was moved meanwhile");
    raise(Fault::new(OBJECT_NOT_IN_PREREQUISITE_STATE, message).hint("Try again."))
}
