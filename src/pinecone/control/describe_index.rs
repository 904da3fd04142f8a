//! `pc_describe_index`, `pc_list_indexes`, `pc_has_index`.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use crate::pg::spi::{Mode, Param, run};
use crate::pg::srf::{open, return_rows};
use crate::pinecone::access::elevate::read_as_owner;
use crate::pinecone::access::judge::guard;
use crate::pinecone::registry::{name_of, not_found};
use pgrx::prelude::*;

const COLUMNS: &str = "name, dimension, metric, vector_type, status, ready, deletion_protection, tags, spec, \
                       record_count_estimate, table_name, created_at, storage, schema, deployment, read_capacity, \
                       source_table";

/// Makes the description of index `name` the result of the calling function.
///
/// # Errors
/// Raises 42P01 if there is no such index.
pub fn return_description(fcinfo: pg_sys::FunctionCallInfo, mode: Mode, name: &str) {
    let sql = format!("SELECT {COLUMNS} FROM pc.index_description WHERE name OPERATOR(pg_catalog.=) $1");
    let store = open(fcinfo);
    let found = read_as_owner(|| {
        run(mode, &sql, &[Param::text(name)], |rows| {
            store.put(&rows);
            rows.count > 0
        })
    });
    if !found {
        not_found(name);
    }
}

#[pg_extern(sql = false)]
fn pc_describe_index(name: Option<&str>, fcinfo: pg_sys::FunctionCallInfo) {
    let name = name_of(name);
    guard::look("describe_index", name);
    return_description(fcinfo, Mode::Read, name);
}

#[pg_extern(sql = false)]
fn pc_list_indexes(fcinfo: pg_sys::FunctionCallInfo) {
    guard::look("list_indexes", "");
    let sql = format!("SELECT {COLUMNS} FROM pc.index_description ORDER BY name");
    read_as_owner(|| return_rows(fcinfo, Mode::Read, &sql, &[]));
}

#[pg_extern(sql = false)]
fn pc_has_index(name: Option<&str>) -> bool {
    guard::look("has_index", name.unwrap_or_default());
    let sql = "SELECT FROM pc.index_description WHERE name OPERATOR(pg_catalog.=) $1";
    read_as_owner(|| run(Mode::Read, sql, &[Param::text(name)], |rows| rows.count > 0))
}
