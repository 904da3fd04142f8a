//! The statement of a query: the records nearest to a vector, in one namespace or over several.

use super::arguments::{invalid, sparse_query};
use super::filtered::{Filtered, nearest_with_filter};
use crate::engine::hnsw::wanting;
use crate::engine::types::vector::Vector;
use crate::pg::error::OrRaise;
use crate::pg::spi::{Mode, Param, Rows, Value, read_first, run};
use crate::pg::srf::{Store, open};
use crate::pinecone::engine_types::Home;
use crate::pinecone::registry::Index;
use conifer_pure::pinecone::index::metric::Metric;
use conifer_pure::pinecone::record::dense::has_direction;
use pgrx::{AnyElement, IntoDatum, pg_sys};

/// Limits that statements are made with.
const LIMITS: [i32; 12] = [1, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
/// Maximum number of matches of one query.
const MAX_TOP_K: i32 = 10_000;

/// Rows beyond a limit, at the distance of its last, that are sorted here.
const MAX_TIES: usize = 1000;

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
///
/// The statement's order is the one that an index yields; rows at the distance of the last come along, for the order by score as it is
/// returned and id to choose from. Scores and their order are made here: nodes of a plan that did it would take longer to set up than
/// that takes.
pub fn return_nearest(
    fcinfo: pg_sys::FunctionCallInfo,
    index: &Index,
    home: &Home,
    vector: Vector,
    among: &Among<'_>,
    filter: Option<&Filtered>,
    wanted: &Wanted,
) {
    let ranking = Ranking::of(index.shape.metric);
    let home_name = &home.quoted;
    let distance =
        format!("\"values\" OPERATOR({home_name}.{}) {}", ranking.operator, index.stored(home_name, "$1"));
    let (space, condition, spaces) = match among {
        Among::One(name) => ("", "OPERATOR(pg_catalog.=) $2", Param::text(*name)),
        Among::Several(names) => {
            (", namespace::pg_catalog.text", "OPERATOR(pg_catalog.=) ANY ($2)", Param::texts(Some(names)))
        }
    };
    // what is not asked for is not read: neither detoasted, nor in need of a privilege
    let values = index.values(home_name);
    let optional =
        [(wanted.values, &*values), (wanted.values, "sparse_values"), (wanted.metadata, "metadata")];
    let read: String =
        optional.iter().filter(|(read, _)| *read).map(|(_, column)| format!(", {column}")).collect();
    let filtered = filter.map(|filter| format!("AND {}", filter.condition(3))).unwrap_or_default();
    // The limit is a constant, because the planner would take a parameter for a tenth of the table; there are few of them, because
    // each makes a plan that is kept.
    let limit = LIMITS.into_iter().find(|limit| *limit >= wanted.top_k).unwrap_or(MAX_TOP_K);
    let sql = format!(
        "SELECT {distance} AS distance, id::pg_catalog.text{space}{read}
           FROM {} WHERE namespace {condition} {filtered}
          ORDER BY {distance} FETCH FIRST {limit} ROWS WITH TIES",
        index.table(),
    );
    let mut params = vec![Param::of(home.vector(), vector.into_datum()), spaces];
    params.extend(filter.map(Filtered::param));
    let store = open(fcinfo);
    let give = |rows: &Rows| {
        give(&store, rows, &ranking, among, optional.map(|(read, _)| read), wanted.top_k as usize)
    };
    let max = limit as usize + MAX_TIES;
    nearest_with_filter(filter, index, |planning| {
        let all = wanting(limit as usize + 1, || {
            read_first(max, planning, &sql, &params, |rows| {
                let all = rows.count < max as u64;
                if all {
                    give(&rows);
                }
                all
            })
        });
        if !all {
            // A million rows at one distance are sorted by the server, which keeps few of them.
            let tie = if space.is_empty() { "" } else { ", namespace" };
            let order = ranking.order;
            params.push(Param::int(wanted.top_k));
            let sql = format!(
                "SELECT * FROM ({sql}) AS nearest ORDER BY ({order})::pg_catalog.float4, id{tie} LIMIT ${}",
                params.len()
            );
            wanting(limit as usize + 1, || run(Mode::Read, &sql, &params, |rows| give(&rows)));
        }
    });
}

/// Gives the best of the statement's rows, in their order. `read` tells which of the function's last columns the rows have.
fn give(store: &Store, rows: &Rows, ranking: &Ranking, among: &Among<'_>, read: [bool; 3], top_k: usize) {
    let spaces = usize::from(matches!(among, Among::Several(_)));
    let text = |row: usize, column: usize| rows.get::<&str>(row, column).unwrap_or_default();
    let mut best = rows.each(|row| {
        pgrx::check_for_interrupts!();
        let (score, rank) = (ranking.score)(rows.get(row, 0).unwrap_or(f64::NAN));
        let space = if spaces > 0 { text(row, 2) } else { "" };
        Some((rank, text(row, 1), space, score, row))
    });
    // NaN comes last, as in the server's order.
    let by_rank = |a: f32, b: f32| a.partial_cmp(&b).unwrap_or_else(|| a.is_nan().cmp(&b.is_nan()));
    best.sort_unstable_by(|a, b| by_rank(a.0, b.0).then_with(|| (a.1, a.2).cmp(&(b.1, b.2))));
    best.truncate(top_k);
    for (_, _, _, score, row) in best {
        let mut column = 1 + spaces;
        let optional = read.map(|is_read| {
            column += usize::from(is_read);
            if is_read { rows.value(row, column) } else { Value::NULL }
        });
        let (id, [values, sparse, metadata]) = (rows.value(row, 1), optional);
        match among {
            Among::One(_) => store.put_row([id, Value::real(score), values, sparse, metadata]),
            Among::Several(_) => {
                store.put_row([rows.value(row, 2), id, Value::real(score), values, sparse, metadata]);
            }
        }
    }
}

/// How a metric ranks.
struct Ranking {
    /// The distance operator.
    operator: &'static str,
    /// Pinecone's score from the operator's result, and what the best have least of.
    score: fn(f64) -> (f32, f32),
    /// The latter in SQL.
    order: &'static str,
}

impl Ranking {
    fn of(metric: Metric) -> Self {
        match metric {
            Metric::Cosine => Self {
                operator: "<=>",
                score: |distance| ((1.0 - distance) as f32, (distance - 1.0) as f32),
                order: "distance OPERATOR(pg_catalog.-) 1",
            },
            Metric::Euclidean => Self {
                operator: "<->",
                score: |distance| ((distance * distance) as f32, (distance * distance) as f32),
                order: "distance OPERATOR(pg_catalog.*) distance",
            },
            Metric::DotProduct => Self {
                operator: "<#>",
                score: |distance| ((0.0 - distance) as f32, distance as f32),
                order: "distance",
            },
        }
    }
}
