//! The statement of a query: the records nearest to a vector, in one namespace or over several.

use super::arguments::{invalid, sparse_query};
use super::filtered::{Filtered, nearest_with_filter};
use crate::engine::hnsw::wanting;
use crate::engine::types::vector::Vector;
use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param};
use crate::pg::srf::return_rows;
use crate::pinecone::engine_types::Home;
use crate::pinecone::registry::Index;
use conifer_pure::pinecone::index::metric::Metric;
use conifer_pure::pinecone::record::dense::has_direction;
use pgrx::{AnyElement, IntoDatum, pg_sys};

/// Limits that statements are made with.
const LIMITS: [i32; 12] = [1, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
/// Maximum number of matches of one query.
const MAX_TOP_K: i32 = 10_000;

/// What a query is to return.
pub struct Wanted {
    /// Maximum number of matches.
    pub top_k: i32,
    /// Whether the vectors come along.
    pub values: bool,
    /// Whether the metadata comes along.
    pub metadata: bool,
}

impl Wanted {
    /// Checks the arguments of a query.
    ///
    /// # Errors
    /// Raises 22023 for `top_k` out of range, 0A000 for a sparse vector.
    pub fn new(
        top_k: Option<i32>,
        include_values: Option<bool>,
        include_metadata: Option<bool>,
        sparse_vector: Option<&AnyElement>,
    ) -> Self {
        let top_k = top_k.unwrap_or(10);
        if !(1..=MAX_TOP_K).contains(&top_k) {
            invalid(format!("top_k {top_k} is not between 1 and {MAX_TOP_K}"));
        }
        sparse_query(sparse_vector);
        Self { top_k, values: include_values == Some(true), metadata: include_metadata == Some(true) }
    }
}

/// The namespaces of a query, in their stored form.
pub enum Among<'a> {
    /// One.
    One(&'a str),
    /// Several, which the result names.
    Several(&'a [&'a str]),
}

/// Refuses a vector that cannot be compared with those of an index.
///
/// # Errors
/// Raises 22000 for another dimension, 22023 for a vector without a direction where that is compared.
pub fn check_vector(index: &Index, vector: &[f32]) {
    index.shape.check_dimension(vector.len()).or_raise();
    // the other metrics rank by a zero vector as well as by any
    if index.shape.metric == Metric::Cosine {
        has_direction(vector).or_raise();
    }
}

/// Makes the records nearest to a vector the result of the calling function, best first, ties by id.
pub fn return_nearest(
    fcinfo: pg_sys::FunctionCallInfo,
    index: &Index,
    home: &Home,
    vector: Vector,
    among: &Among<'_>,
    filter: Option<&Filtered>,
    wanted: &Wanted,
) {
    let (operator, score, order) = ranking(index.shape.metric);
    let home_name = &home.quoted;
    // what is not asked for is not read: neither detoasted, nor in need of a privilege
    let include = |column: &str, shown: &str, type_name: &str, included: bool| {
        if included {
            (shown.to_owned(), format!(", {column}"))
        } else {
            (format!("NULL::{type_name}"), String::new())
        }
    };
    let (values, read_values) =
        include("\"values\"", &index.values(home_name), &format!("{home_name}.vector"), wanted.values);
    let (sparse, read_sparse) =
        include("sparse_values", "sparse_values", &format!("{home_name}.sparsevec"), wanted.values);
    let (metadata, read_metadata) = include("metadata", "metadata", "pg_catalog.jsonb", wanted.metadata);
    let (space, read_space, condition, tie, spaces) = match among {
        Among::One(name) => ("", "", "OPERATOR(pg_catalog.=) $2", "", Param::text(*name)),
        Among::Several(names) => (
            "namespace::pg_catalog.text, ",
            "namespace, ",
            "OPERATOR(pg_catalog.=) ANY ($2)",
            ", namespace",
            Param::texts(Some(names)),
        ),
    };
    let filtered = filter.map(|filter| format!("AND {}", filter.condition(4))).unwrap_or_default();
    let distance = format!("\"values\" OPERATOR({home_name}.{operator}) {}", index.stored(home_name, "$1"));
    // The inner order is the one that an index yields; rows at the distance of the last come along, for the outer order, by
    // score as it is returned and id, to choose from. The inner limit is a constant, because the planner would take a
    // parameter for a tenth of the table; there are few of them, because each makes a plan that is kept.
    let most = LIMITS.into_iter().find(|limit| *limit >= wanted.top_k).unwrap_or(MAX_TOP_K);
    let sql = format!(
        "SELECT {space}id::pg_catalog.text, ({score})::pg_catalog.float4, {values}, {sparse}, {metadata}
           FROM (SELECT {read_space}id, {distance} AS distance
                        {read_values} {read_sparse} {read_metadata}
                   FROM {}
                  WHERE namespace {condition} {filtered}
                  ORDER BY {distance}
                  FETCH FIRST {most} ROWS WITH TIES) AS nearest
          ORDER BY ({order})::pg_catalog.float4, id{tie}
          LIMIT $3",
        index.table(),
    );
    let mut params = vec![Param::of(home.vector(), vector.into_datum()), spaces, Param::int(wanted.top_k)];
    params.extend(filter.map(Filtered::param));
    let run = || return_rows(fcinfo, Mode::Read, &sql, &params);
    nearest_with_filter(filter, index, || wanting(most as usize + 1, run));
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
