//! `pc_query`: the records nearest to a vector, or to a record.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::arguments::{index, invalid, namespace, refuse_filter};
use crate::engine::vector::Vector;
use crate::pinecone::check::not_zero;
use crate::pinecone::registry::Index;
use crate::pinecone::server::json::Json;
use crate::pinecone::server::result::{open, return_rows};
use crate::pinecone::server::statement::{Mode, Param, run};
use crate::pinecone::server::types::Home;
use crate::raise::{OrRaise, raise};
use conifer_pure::Fault;
use conifer_pure::fault::state::{DATA_EXCEPTION, FEATURE_NOT_SUPPORTED};
use conifer_pure::record::id::check as check_id;
use conifer_pure::record::metric::Metric;
use pgrx::prelude::*;
use pgrx::{AnyElement, IntoDatum};

/// Most matches of one query.
const MAX_TOP_K: i32 = 10_000;

#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = false)]
fn pc_query(
    index_name: Option<&str>,
    vector: Option<Vector>,
    top_k: Option<i32>,
    namespace_name: Option<&str>,
    filter: Option<Json>,
    include_values: Option<bool>,
    include_metadata: Option<bool>,
    id: Option<&str>,
    sparse_vector: Option<AnyElement>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let index = index(index_name);
    let namespace = namespace(namespace_name);
    let top_k = top_k.unwrap_or(10);
    if !(1..=MAX_TOP_K).contains(&top_k) {
        invalid(format!("top_k {top_k} is not between 1 and {MAX_TOP_K}"));
    }
    refuse_filter(filter);
    if sparse_vector.is_some() {
        raise(Fault::new(FEATURE_NOT_SUPPORTED, "sparse queries are not supported yet"));
    }
    let home = Home::of(fcinfo);
    let vector = match (vector, id) {
        (Some(vector), None) => {
            check_query(&index, vector.as_slice());
            vector
        }
        (None, Some(id)) => {
            check_id(id).or_raise();
            let sql = format!(
                "SELECT \"values\" FROM {}
                  WHERE namespace OPERATOR(pg_catalog.=) $1 AND id OPERATOR(pg_catalog.=) $2",
                index.table()
            );
            let params = [Param::text(namespace), Param::text(id)];
            // copied, because the row goes away with its statement
            let found = run(Mode::Read, &sql, &params, |rows| {
                (rows.count > 0).then(|| rows.get::<Vector>(0, 0).map(|v| v.as_slice().to_vec())).flatten()
            });
            match found {
                Some(values) => Vector::from_slice(&values),
                None => {
                    open(fcinfo);
                    return;
                }
            }
        }
        (Some(_), Some(_)) => invalid("only one of vector and id may be given"),
        (None, None) => invalid("one of vector and id must be given"),
    };
    let include = |column, included: Option<bool>| match included {
        Some(true) => column,
        _ => "NULL",
    };
    let (operator, score) = ranking(index.metric);
    let home_name = &home.quoted;
    // the ids break ties; behind an index that yields rows by distance they cost an incremental sort
    let sql = format!(
        "SELECT id, ({score})::pg_catalog.float4, {}::{home_name}.vector, {}::{home_name}.sparsevec, {}::pg_catalog.jsonb
           FROM (SELECT id, \"values\", sparse_values, metadata, \"values\" OPERATOR({home_name}.{operator}) $1 AS distance
                   FROM {}
                  WHERE namespace OPERATOR(pg_catalog.=) $2
                  ORDER BY \"values\" OPERATOR({home_name}.{operator}) $1, id
                  LIMIT $3) AS nearest
          ORDER BY distance, id",
        include("\"values\"", include_values),
        include("sparse_values", include_values),
        include("metadata", include_metadata),
        index.table(),
    );
    let params = [Param::of(home.vector(), vector.into_datum()), Param::text(namespace), Param::int(top_k)];
    return_rows(fcinfo, Mode::Read, &sql, &params);
}

/// The distance operator that a metric ranks by, and Pinecone's score from its result `distance`.
fn ranking(metric: Metric) -> (&'static str, &'static str) {
    match metric {
        Metric::Cosine => ("<=>", "1 OPERATOR(pg_catalog.-) distance"),
        Metric::Euclidean => ("<->", "distance OPERATOR(pg_catalog.*) distance"),
        Metric::DotProduct => ("<#>", "0 OPERATOR(pg_catalog.-) distance"),
    }
}

fn check_query(index: &Index, vector: &[f32]) {
    if vector.len() != index.dimension {
        raise(Fault::new(
            DATA_EXCEPTION,
            format!("expected {} dimensions, not {}", index.dimension, vector.len()),
        ));
    }
    // the other metrics rank by a zero vector as well as by any
    if index.metric == Metric::Cosine {
        not_zero(vector).or_raise();
    }
}
