//! `pc_fetch`: records by id.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::arguments::{check_ids, null, reading};
use crate::pg::array_values::RawArray;
use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use crate::pinecone::engine_types::Home;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_fetch(
    index_name: Option<&str>,
    ids: Option<RawArray>,
    namespace_name: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let (index, namespace) = reading("fetch", index_name, namespace_name);
    let ids = ids.unwrap_or_else(|| null("ids"));
    check_ids(&ids);
    let sql = format!(
        "SELECT id::pg_catalog.text, {}, sparse_values, metadata FROM {}
          WHERE namespace OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) ANY ($2) ORDER BY id",
        index.values(&Home::find().quoted),
        index.table()
    );
    let params = [Param::text(namespace), Param::of(pg_sys::TEXTARRAYOID, Some(ids.datum()))];
    return_rows(fcinfo, Mode::Read, &sql, &params);
}
