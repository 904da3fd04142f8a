//! `pc_delete`: records by id, those that a filter matches, or a whole namespace.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::arguments::{check_ids, invalid, writing};
use super::filtered::{Filtered, with_filter};
use crate::pg::array_values::RawArray;
use crate::pg::jsonb::Json;
use crate::pg::read_only;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::registry::Index;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_delete(
    index_name: Option<&str>,
    ids: Option<RawArray>,
    delete_all: Option<bool>,
    filter: Option<Json>,
    namespace_name: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> i64 {
    let (index, namespace) = writing("delete", index_name, namespace_name);
    read_only::refuse("pc_delete");
    let delete_all = delete_all.unwrap_or(false);
    if usize::from(ids.is_some()) + usize::from(delete_all) + usize::from(filter.is_some()) != 1 {
        invalid("exactly one of ids, delete_all and filter must be given");
    }
    if filter.is_some() {
        let filter = Filtered::required(filter, fcinfo);
        let condition = format!("AND {}", filter.condition(2));
        let params = [Param::text(namespace), filter.param()];
        return with_filter(Some(&filter), || delete(&index, &condition, &params));
    }
    match ids {
        Some(ids) => {
            check_ids(&ids);
            let ids = Param::of(pg_sys::TEXTARRAYOID, Some(ids.datum()));
            delete(&index, "AND id OPERATOR(pg_catalog.=) ANY ($2)", &[Param::text(namespace), ids])
        }
        None => delete_namespace(&index, namespace),
    }
}

/// Deletes all records of a namespace. Returns how many.
pub fn delete_namespace(index: &Index, namespace: &str) -> i64 {
    delete(index, "", &[Param::text(namespace)])
}

/// Deletes the records of the namespace `$1` that meet a further condition.
fn delete(index: &Index, chosen: &str, params: &[Param]) -> i64 {
    // rows are locked in the order of their ids, as an upsert does, or the two could wait for each other
    let table = index.table();
    let sql = format!(
        "DELETE FROM {table}
          WHERE namespace OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) ANY (
                SELECT id FROM {table}
                 WHERE namespace OPERATOR(pg_catalog.=) $1 {chosen} ORDER BY id FOR UPDATE)"
    );
    run(Mode::Write, &sql, params, |rows| rows.count as i64)
}
