//! `pc_fetch_by_metadata`: records that a filter matches, in byte order of their ids, a page at a time.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::arguments::{next_token, page_limit, page_start, reading};
use super::filtered::{Filtered, with_filter};
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use crate::pinecone::engine_types::Home;
use conifer_pure::pinecone::record::page_token;
use pgrx::prelude::*;

/// Maximum number of records of a page.
const MAX_LIMIT: i32 = 10_000;

#[pg_extern(sql = false)]
fn pc_fetch_by_metadata(
    index_name: Option<&str>,
    filter: Option<Json>,
    namespace_name: Option<&str>,
    limit: Option<i32>,
    pagination_token: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let (index, namespace) = reading("fetch_by_metadata", index_name, namespace_name);
    let limit = page_limit(limit, MAX_LIMIT);
    let filter = Filtered::required(filter, fcinfo);
    let query = page_token::query(&["fetch_by_metadata", &index.id.to_string(), namespace, filter.text()]);
    let start = page_start(pagination_token, &query);
    // one row more than the page tells whether there is another page
    let sql = format!(
        "SELECT id::pg_catalog.text, {values}, sparse_values, metadata,
                CASE WHEN total OPERATOR(pg_catalog.>) $3 THEN {token} END
           FROM (SELECT found.*,
                        pg_catalog.row_number() OVER page AS place,
                        pg_catalog.count(*) OVER page AS total,
                        pg_catalog.nth_value(id, $3) OVER page AS last
                   FROM (SELECT id, \"values\", sparse_values, metadata FROM {table}
                          WHERE namespace OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.>) $4 AND {condition}
                          ORDER BY id LIMIT $3 OPERATOR(pg_catalog.+) 1) AS found
                 WINDOW page AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS numbered
          WHERE place OPERATOR(pg_catalog.<=) $3
          ORDER BY id",
        values = index.values(&Home::find().quoted),
        token = next_token("$5", "last"),
        table = index.table(),
        condition = filter.condition(2),
    );
    let params = [
        Param::text(namespace),
        filter.param(),
        Param::int(limit),
        // no id is empty
        Param::text(start.as_deref().unwrap_or_default()),
        Param::text(&*query),
    ];
    with_filter(Some(&filter), || return_rows(fcinfo, Mode::Read, &sql, &params));
}
