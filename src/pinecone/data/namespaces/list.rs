//! `pc_list_namespaces`: names in byte order, a page at a time.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::registered;
use crate::pg::array_values::RawArray;
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use crate::pinecone::access::judge::guard;
use crate::pinecone::counts::visible_counts;
use crate::pinecone::data::arguments::{page_limit, page_start};
use crate::pinecone::engine_types::array_of;
use crate::pinecone::registry::name_of;
use conifer_pure::memory::allocation::headroom;
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::record::page_token;
use pgrx::prelude::*;
use std::collections::BTreeMap;
use std::ops::Bound;

#[pg_extern(sql = false)]
fn pc_list_namespaces(
    index_name: Option<&str>,
    prefix: Option<&str>,
    limit: Option<i32>,
    pagination_token: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let granted = guard::records("list_namespaces", name_of(index_name), Level::ReadOnly, Mode::Read);
    let limit = page_limit(limit, 1000);
    let prefix = prefix.unwrap_or_default();
    let query = page_token::query(&["namespaces", &granted.index.id.to_string(), prefix]);
    let start = page_start(pagination_token, &query);
    let mut all: BTreeMap<String, (i64, registered::Schema)> = BTreeMap::new();
    for (name, records) in visible_counts::of(&granted, None, Mode::Read) {
        all.insert(name, (records, None));
    }
    for (name, schema) in registered::all(granted.index.id) {
        if granted.names().has(&name) {
            headroom(name.len() + 64).or_raise();
            all.entry(name).or_default().1 = schema;
        }
    }
    all.retain(|name, _| name.starts_with(prefix));
    let from = start.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
    let mut rest = all.range::<str, _>((from, Bound::Unbounded));
    let page: Vec<_> = rest.by_ref().take(limit as usize).collect();
    let token = rest.next().and_then(|_| page.last()).map(|(last, _)| page_token::token(&query, last));
    let names: Vec<&str> = page.iter().map(|(name, _)| name.as_str()).collect();
    let schemas: Vec<_> =
        page.iter().map(|(_, (_, schema))| schema.as_deref().map(|text| Json::parse(text).datum())).collect();
    let params = [
        Param::texts(Some(&names)),
        Param::bigints(page.iter().map(|(_, (records, _))| *records).collect()),
        Param::of(array_of(pg_sys::JSONBOID), Some(RawArray::build(pg_sys::JSONBOID, &schemas).datum())),
        Param::text(token.as_deref()),
        Param::bigint(all.len() as i64),
    ];
    // several arrays to one unnest are the server's own whatever the search_path, but only unqualified
    let sql = "SELECT u.name, u.records, u.schema, $4, $5
                 FROM ROWS FROM (unnest($1, $2, $3)) WITH ORDINALITY AS u (name, records, schema, place) ORDER BY u.place";
    return_rows(fcinfo, Mode::Read, sql, &params);
}
