//! `pc_delete`: records by id, or a whole namespace.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::arguments::{check_ids, index, invalid, namespace, refuse_filter};
use crate::pinecone::server::array::RawArray;
use crate::pinecone::server::json::Json;
use crate::pinecone::server::statement::{Mode, Param, run};
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_delete(
    index_name: Option<&str>,
    ids: Option<RawArray>,
    delete_all: Option<bool>,
    filter: Option<Json>,
    namespace_name: Option<&str>,
) -> i64 {
    let index = index(index_name);
    let namespace = namespace(namespace_name);
    let delete_all = delete_all.unwrap_or(false);
    if usize::from(ids.is_some()) + usize::from(delete_all) + usize::from(filter.is_some()) != 1 {
        invalid("exactly one of ids, delete_all and filter must be given");
    }
    if filter.as_ref().is_some_and(|filter| filter.text() == "{}") {
        invalid("filter must not be empty");
    }
    refuse_filter(filter);
    let delete = format!("DELETE FROM {} WHERE namespace OPERATOR(pg_catalog.=) $1", index.table());
    match ids {
        None => run(Mode::Write, &delete, &[Param::text(namespace)], |rows| rows.count as i64),
        Some(ids) => {
            check_ids(&ids);
            let sql = format!("{delete} AND id OPERATOR(pg_catalog.=) ANY ($2)");
            let params = [Param::text(namespace), Param::of(pg_sys::TEXTARRAYOID, Some(ids.datum()))];
            run(Mode::Write, &sql, &params, |rows| rows.count as i64)
        }
    }
}
