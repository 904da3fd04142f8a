//! `pc_copy_namespace`: all records of a namespace once more in another, which is not there yet.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::named::{granted, hold, missing, require_new, return_namespace};
use super::registered;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::access::parents;
use crate::pinecone::data::arguments::invalid;
use conifer_pure::pinecone::access::level::Level;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_copy_namespace(
    index_name: Option<&str>,
    source: Option<&str>,
    target: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let (granted, [source, target]) =
        granted("copy_namespace", index_name, [source, target], Level::ReadWrite);
    if source == target {
        invalid("source and target must differ");
    }
    let index = &granted.index;
    hold(index, &[source, target]);
    require_new(index, target);
    let table = index.table();
    let sparse = if index.is_view { "" } else { "sparse_values," };
    let sql = format!(
        "INSERT INTO {table} (namespace, id, \"values\", {sparse} metadata)
         SELECT $2, id, \"values\", {sparse} metadata FROM {table}
          WHERE namespace OPERATOR(pg_catalog.=) $1 ORDER BY id"
    );
    let records =
        run(Mode::Write, &sql, &[Param::text(source), Param::text(target)], |rows| rows.count as i64);
    let schema = registered::find(index.id, source, Mode::Write);
    if let Some(schema) = &schema {
        parents::require_index(index.id);
        registered::add(index.id, target, schema.as_deref());
    } else if records == 0 {
        missing(source);
    }
    return_namespace(fcinfo, target, records, &schema.flatten());
}
