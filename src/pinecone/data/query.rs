//! `pc_query`: the records nearest to a vector, or to a record.
#![allow(unsafe_code)]

use super::arguments::{invalid, reading, refuse_filter};
use crate::engine::hnsw::wanting;
use crate::engine::types::vector::Vector;
use crate::pg::error::{OrRaise, raise};
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run};
use crate::pg::srf::{open, return_rows};
use crate::pinecone::engine_types::Home;
use crate::pinecone::registry::Index;
use conifer_pure::Fault;
use conifer_pure::fault::state::FEATURE_NOT_SUPPORTED;
use conifer_pure::pinecone::index::metric::Metric;
use conifer_pure::pinecone::record::dense::has_direction;
use conifer_pure::pinecone::record::id::check as check_id;
use pgrx::prelude::*;
use pgrx::{AnyElement, IntoDatum};

/// Limits that statements are made with.
const LIMITS: [i32; 12] = [1, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
/// Maximum number of matches of one query.
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
    let (index, namespace) = reading("query", index_name, namespace_name);
    let top_k = top_k.unwrap_or(10);
    if !(1..=MAX_TOP_K).contains(&top_k) {
        invalid(format!("top_k {top_k} is not between 1 and {MAX_TOP_K}"));
    }
    refuse_filter(filter);
    if sparse_vector.is_some() {
        raise(Fault::new(FEATURE_NOT_SUPPORTED, "sparse queries are not supported yet"));
    }
    let home = Home::find();
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
            let found = run(Mode::Read, &sql, &params, |rows| {
                if rows.count == 0 {
                    return None;
                }
                // SAFETY: Vector is the twin of the type that Home looked up. Its elements are copied,
                // because the row goes away with its statement.
                let vector: Option<Vector> = unsafe { rows.get_as(home.vector(), 0, 0) };
                vector.map(|v| v.as_slice().to_vec())
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
    let (operator, score, order) = ranking(index.shape.metric);
    let home_name = &home.quoted;
    // a column that is not asked for is not read: neither detoasted, nor in need of a privilege
    let include = |column: &str, type_name: &str, included: Option<bool>| match included {
        Some(true) => (column.to_owned(), format!(", {column}")),
        _ => (format!("NULL::{type_name}"), String::new()),
    };
    let (values, read_values) = include("\"values\"", &format!("{home_name}.vector"), include_values);
    let (sparse, read_sparse) = include("sparse_values", &format!("{home_name}.sparsevec"), include_values);
    let (metadata, read_metadata) = include("metadata", "pg_catalog.jsonb", include_metadata);
    // The inner order is that of an index scan; rows at the distance of the last are included, so that the outer order, by
    // the returned score and id, can choose among them. The inner limit is a constant, because the planner would take a
    // parameter for a tenth of the table; there are few limits, because each makes a plan that is kept.
    let max = LIMITS.into_iter().find(|limit| *limit >= top_k).unwrap_or(MAX_TOP_K);
    let sql = format!(
        "SELECT id::pg_catalog.text, ({score})::pg_catalog.float4, {values}, {sparse}, {metadata}
           FROM (SELECT id, \"values\" OPERATOR({home_name}.{operator}) $1 AS distance
                        {read_values} {read_sparse} {read_metadata}
                   FROM {}
                  WHERE namespace OPERATOR(pg_catalog.=) $2
                  ORDER BY \"values\" OPERATOR({home_name}.{operator}) $1
                  FETCH FIRST {max} ROWS WITH TIES) AS nearest
          ORDER BY ({order})::pg_catalog.float4, id
          LIMIT $3",
        index.table(),
    );
    let params = [Param::of(home.vector(), vector.into_datum()), Param::text(namespace), Param::int(top_k)];
    wanting(max as usize + 1, || return_rows(fcinfo, Mode::Read, &sql, &params));
}

/// The distance operator that a metric ranks by, Pinecone's score from its result `distance`, and the
/// score in ascending order, best first and NaN last.
fn ranking(metric: Metric) -> (&'static str, &'static str, &'static str) {
    match metric {
        Metric::Cosine => ("<=>", "1 OPERATOR(pg_catalog.-) distance", "distance OPERATOR(pg_catalog.-) 1"),
        Metric::Euclidean => {
            let square = "distance OPERATOR(pg_catalog.*) distance";
            ("<->", square, square)
        }
        Metric::DotProduct => ("<#>", "0 OPERATOR(pg_catalog.-) distance", "distance"),
    }
}

fn check_query(index: &Index, vector: &[f32]) {
    index.shape.check_dimension(vector.len()).or_raise();
    // the other metrics rank by a zero vector as by any other
    if index.shape.metric == Metric::Cosine {
        has_direction(vector).or_raise();
    }
}
