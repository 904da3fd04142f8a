//! `pc_list`: ids in byte order, a page at a time.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::arguments::{next_token, page_limit, page_start, reading};
use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use conifer_pure::pinecone::record::id::prefix_end;
use conifer_pure::pinecone::record::page_token;
use pgrx::prelude::*;

/// Maximum number of ids of a page.
const MAX_LIMIT: i32 = 1000;

#[pg_extern(sql = false)]
fn pc_list(
    index_name: Option<&str>,
    prefix: Option<&str>,
    limit: Option<i32>,
    pagination_token: Option<&str>,
    namespace_name: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let (index, namespace) = reading("list", index_name, namespace_name);
    let limit = page_limit(limit, MAX_LIMIT);
    let prefix = prefix.unwrap_or_default();
    let end = prefix_end(prefix);
    let query = page_token::query(&["list", &index.id.to_string(), namespace, prefix]);
    let start = page_start(pagination_token, &query);
    // one row more than the page tells whether there is another page
    let sql = format!(
        "SELECT id::pg_catalog.text, CASE WHEN total OPERATOR(pg_catalog.>) $3 THEN {} END
           FROM (SELECT id,
                        pg_catalog.row_number() OVER page AS place,
                        pg_catalog.count(*) OVER page AS total,
                        pg_catalog.nth_value(id, $3) OVER page AS last
                   FROM (SELECT id FROM {} WHERE namespace OPERATOR(pg_catalog.=) $1
                            AND id OPERATOR(pg_catalog.>=) $2
                            AND id OPERATOR(pg_catalog.>) $4
                            {}
                          ORDER BY id LIMIT $3 OPERATOR(pg_catalog.+) 1) AS found
                 WINDOW page AS (ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)) AS numbered
          WHERE place OPERATOR(pg_catalog.<=) $3
          ORDER BY id",
        next_token("$5", "last"),
        index.table(),
        if end.is_some() { "AND id OPERATOR(pg_catalog.<) $6" } else { "" },
    );
    let mut params = vec![
        Param::text(namespace),
        Param::text(prefix),
        Param::int(limit),
        // no id is empty
        Param::text(start.as_deref().unwrap_or_default()),
        Param::text(&*query),
    ];
    params.extend(end.as_deref().map(Param::text));
    return_rows(fcinfo, Mode::Read, &sql, &params);
}
