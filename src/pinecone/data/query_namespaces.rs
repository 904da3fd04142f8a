//! `pc_query_namespaces`: the records of several namespaces nearest to a vector. One search goes through the graphs of all of them.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::arguments::{namespace, null};
use super::filtered::Filtered;
use super::nearest::{Among, Wanted, check_vector, return_nearest};
use crate::engine::types::vector::Vector;
use crate::pg::array_values::RawArray;
use crate::pg::error::OrRaise;
use crate::pg::jsonb::Json;
use crate::pg::spi::Mode;
use crate::pinecone::access::judge::guard;
use crate::pinecone::counts::visible_counts;
use crate::pinecone::engine_types::Home;
use crate::pinecone::registry::name_of;
use conifer_pure::pinecone::access::level::Level;
use conifer_pure::pinecone::record::batch::check_count;
use pgrx::AnyElement;
use pgrx::prelude::*;

#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = false)]
fn pc_query_namespaces(
    index_name: Option<&str>,
    vector: Option<Vector>,
    namespaces: Option<RawArray>,
    top_k: Option<i32>,
    filter: Option<Json>,
    include_values: Option<bool>,
    include_metadata: Option<bool>,
    sparse_vector: Option<AnyElement>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let granted = guard::records("query", name_of(index_name), Level::ReadOnly, Mode::Read);
    let names: Vec<String> = match namespaces {
        Some(names) => {
            check_count(names.len(), "namespace").or_raise();
            names
                .texts()
                .into_iter()
                .map(|name| name.unwrap_or_else(|| null("an element of namespaces")))
                .collect()
        }
        // all that there are
        None => visible_counts::of(&granted, None, Mode::Read).into_keys().collect(),
    };
    if !names.is_empty() {
        check_count(names.len(), "namespace").or_raise();
    }
    let mut names: Vec<&str> = names.iter().map(|name| namespace(Some(name))).collect();
    names.sort_unstable();
    names.dedup();
    names.iter().for_each(|name| granted.require(name));
    let wanted = Wanted::new(top_k, include_values, include_metadata, sparse_vector.as_ref());
    let filter = Filtered::of_query(filter, fcinfo);
    let vector = vector.unwrap_or_else(|| null("vector"));
    let index = &granted.index;
    check_vector(index, vector.as_slice());
    let among = Among::Several(&names);
    return_nearest(fcinfo, index, &Home::find(), vector, &among, filter.as_ref(), &wanted);
}
