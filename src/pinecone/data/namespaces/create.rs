//! `pc_create_namespace`: one that is there before it has records.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::named::{granted, hold, require_new, return_namespace, taken};
use super::registered;
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pinecone::access::parents;
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::index::schema::check_fields;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_create_namespace(
    index_name: Option<&str>,
    name: Option<&str>,
    schema: Option<Json>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let (granted, [name]) = granted("create_namespace", index_name, [name], Level::ReadWrite);
    let schema = schema.map(|schema| schema.text().to_owned());
    if let Some(schema) = &schema {
        check_fields(schema).or_raise();
    }
    let index = &granted.index;
    hold(index, &[name]);
    // the table is locked before the registry's row, as the deletion of an index does
    require_new(index, name);
    parents::require_index(index.id);
    if !registered::add(index.id, name, schema.as_deref()) {
        taken(name);
    }
    return_namespace(fcinfo, name, 0, &schema);
}
