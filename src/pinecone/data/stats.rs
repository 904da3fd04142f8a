//! `pc_describe_index_stats`: numbers of records, by namespace.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::filtered::{Filtered, with_filter};
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param};
use crate::pg::srf::one_json;
use crate::pinecone::access::judge::guard;
use crate::pinecone::counts::visible_counts;
use crate::pinecone::registry::name_of;
use conifer_pure::pinecone::access::level::Level;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_describe_index_stats(
    index_name: Option<&str>,
    filter: Option<Json>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> Json {
    let granted = guard::records("describe_index_stats", name_of(index_name), Level::ReadOnly, Mode::Read);
    let counts = match Filtered::of_query(filter, fcinfo) {
        None => visible_counts::of(&granted, None, Mode::Read),
        Some(filter) => {
            let condition = format!("WHERE {}", filter.condition(1));
            let table = granted.index.table();
            with_filter(Some(&filter), || {
                visible_counts::count(&table, &condition, &[filter.param()], Mode::Read)
            })
        }
    };
    // several arrays to one unnest are the server's own whatever the search_path, but only unqualified
    let sql = "SELECT pg_catalog.jsonb_build_object(
                    'dimension', $1, 'metric', $2, 'vectorType', $3,
                    'totalVectorCount', COALESCE(pg_catalog.sum(n), 0),
                    'namespaces', COALESCE(
                        pg_catalog.jsonb_object_agg(namespace, pg_catalog.jsonb_build_object('vectorCount', n)), '{}'))
                 FROM ROWS FROM (unnest($4, $5)) AS counts (namespace, n)";
    let names: Vec<&str> = counts.keys().map(String::as_str).collect();
    let index = &granted.index;
    let params = [
        Param::int(index.shape.dimension as i32),
        Param::text(index.shape.metric.name()),
        Param::text(&*index.vector_type),
        Param::texts(Some(&names)),
        Param::bigints(counts.values().copied().collect()),
    ];
    one_json(Mode::Read, sql, &params)
}
