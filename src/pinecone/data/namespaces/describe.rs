//! `pc_describe_namespace`: whether it is there, and how many records it holds.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::named::{granted, missing, return_namespace};
use super::registered;
use crate::pg::spi::Mode;
use crate::pinecone::counts::visible_counts;
use conifer_pure::pinecone::access::level::Level;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_describe_namespace(index_name: Option<&str>, name: Option<&str>, fcinfo: pg_sys::FunctionCallInfo) {
    let (granted, [name]) = granted("describe_namespace", index_name, [name], Level::ReadOnly);
    let records = visible_counts::of(&granted, Some(name), Mode::Read).get(name).copied();
    let schema = registered::find(granted.index.id, name, Mode::Read);
    if records.is_none() && schema.is_none() {
        missing(name);
    }
    return_namespace(fcinfo, name, records.unwrap_or(0), &schema.flatten());
}
