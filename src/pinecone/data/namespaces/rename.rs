//! `pc_rename_namespace`: all records of a namespace become those of another, which is not there yet.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::named::{granted, hold, missing, require_new, return_namespace};
use super::registered;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::data::arguments::invalid;
use conifer_pure::pinecone::access::level::Level;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_rename_namespace(
    index_name: Option<&str>,
    old: Option<&str>,
    new: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let (granted, [old, new]) = granted("rename_namespace", index_name, [old, new], Level::ReadWrite);
    if old == new {
        invalid("old and new name must differ");
    }
    let index = &granted.index;
    hold(index, &[old, new]);
    require_new(index, new);
    // rows are locked in the order of their ids, as an upsert does
    let table = index.table();
    let sql = format!(
        "UPDATE {table} SET namespace = $2
          WHERE namespace OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) ANY (
                SELECT id FROM {table} WHERE namespace OPERATOR(pg_catalog.=) $1 ORDER BY id FOR UPDATE)"
    );
    let records = run(Mode::Write, &sql, &[Param::text(old), Param::text(new)], |rows| rows.count as i64);
    let schema = registered::remove(index.id, old);
    if let Some(schema) = &schema {
        registered::add(index.id, new, schema.as_deref());
    } else if records == 0 {
        missing(old);
    }
    return_namespace(fcinfo, new, records, &schema.flatten());
}
