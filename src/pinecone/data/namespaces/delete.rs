//! `pc_delete_namespace`: it goes with all its records.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::named::{granted, hold, missing, return_namespace};
use super::registered;
use crate::pinecone::data::delete::delete_namespace;
use conifer_pure::pinecone::access::level::Level;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_delete_namespace(index_name: Option<&str>, name: Option<&str>, fcinfo: pg_sys::FunctionCallInfo) {
    let (granted, [name]) = granted("delete_namespace", index_name, [name], Level::ReadWrite);
    let index = &granted.index;
    hold(index, &[name]);
    let records = delete_namespace(index, name);
    let schema = registered::remove(index.id, name);
    if records == 0 && schema.is_none() {
        missing(name);
    }
    return_namespace(fcinfo, name, records, &schema.flatten());
}
