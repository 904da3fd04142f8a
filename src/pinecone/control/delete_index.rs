//! `pc_delete_index`: the registry row and the table go together.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::dependents;
use super::from_table::release;
use crate::pg::error::raise;
use crate::pg::spi::{Mode, Param, run, run_once};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::judge::guard;
use crate::pinecone::access::way;
use crate::pinecone::counts::base;
use crate::pinecone::registry::{Index, name_of, not_found};
use conifer_pure::Fault;
use conifer_pure::fault::state::OBJECT_IN_USE;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_delete_index(name: Option<&str>) {
    let name = name_of(name);
    let granted = guard::whole("delete_index", name);
    refuse_protected(name, granted.index.protected);
    as_owner(|| delete(name, &granted.index));
    granted.done();
}

fn delete(name: &str, index: &Index) {
    // the table is locked before the registry's row, as a transaction that writes records and then
    // configures the index does
    let table = index.table();
    let source = if index.is_view { release::hold(index.id) } else { None };
    let number = "SELECT pg_catalog.to_regclass($1)::pg_catalog.oid";
    if !index.is_view
        && let Some(number) =
            run(Mode::Write, number, &[Param::text(&*table)], |rows| rows.get::<pg_sys::Oid>(0, 0))
    {
        way::make_for_table(number);
        // By its name, which may be gone by now.
        run_once(&format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE"));
        base::end(&table);
    }
    let sql =
        "DELETE FROM pc.index_reg WHERE index_id OPERATOR(pg_catalog.=) $1 RETURNING deletion_protection";
    let deleted = run(Mode::Write, sql, &[Param::int(index.id)], |rows| {
        (rows.count > 0).then(|| rows.get::<String>(0, 0).unwrap_or_default())
    });
    // another session may have deleted or protected the index meanwhile; the error takes the DELETE back
    let Some(protection) = deleted else { not_found(name) };
    refuse_protected(name, protection == "enabled");
    if index.is_view {
        release::release(index.id, source);
        return;
    }
    dependents::drop("TABLE", &table);
}

fn refuse_protected(name: &str, protected: bool) {
    if protected {
        raise(Fault::new(OBJECT_IN_USE, format!("index \"{name}\" is protected from deletion")).hint(
            "Call pc_configure_index with deletion_protection => 'disabled' before deleting the index.",
        ));
    }
}
