//! `pc_update`: parts of a record by id, or metadata of all records that a filter matches.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::arguments::{invalid, null, writing};
use super::filtered::{Filtered, with_filter};
use crate::engine::types::vector::Vector;
use crate::pg::array_values::RawArray;
use crate::pg::error::{OrRaise, raise};
use crate::pg::jsonb::Json;
use crate::pg::read_only;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::engine_types::Home;
use crate::pinecone::registry::Index;
use conifer_pure::Fault;
use conifer_pure::fault::state::PROGRAM_LIMIT_EXCEEDED;
use conifer_pure::pinecone::index::spec::sparse_refusal;
use conifer_pure::pinecone::record::id::check as check_id;
use conifer_pure::pinecone::record::metadata;
use pgrx::prelude::*;
use pgrx::{AnyElement, IntoDatum};

/// Maximum number of records that one call updates by filter.
const MAX_UPDATED: i64 = 100_000;

/// What becomes of a record.
struct Change {
    values: Option<Vector>,
    set: Option<Json>,
    unset: Option<RawArray>,
}

#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = false)]
fn pc_update(
    index_name: Option<&str>,
    id: Option<&str>,
    values: Option<Vector>,
    sparse_values: Option<AnyElement>,
    set_metadata: Option<Json>,
    filter: Option<Json>,
    namespace_name: Option<&str>,
    dry_run: Option<bool>,
    unset_metadata: Option<RawArray>,
    fcinfo: pg_sys::FunctionCallInfo,
) -> i64 {
    let (index, namespace) = writing("update", index_name, namespace_name);
    if id.is_some() == filter.is_some() {
        invalid("exactly one of id and filter must be given");
    }
    if sparse_values.is_some() {
        raise(sparse_refusal(index.shape.metric));
    }
    let change = Change::new(&index, values, set_metadata, unset_metadata);
    let dry_run = dry_run.unwrap_or(false);
    if !dry_run {
        read_only::refuse("pc_update");
    }
    match id {
        Some(id) => {
            check_id(id).or_raise();
            let params = [Param::text(namespace), Param::text(id)];
            change.make(&index, "id OPERATOR(pg_catalog.=) $2", params, dry_run)
        }
        None => {
            let filter = Filtered::required(filter, fcinfo);
            if change.values.is_some() {
                invalid("values cannot be updated by filter");
            }
            let params = [Param::text(namespace), filter.param()];
            let matched = with_filter(Some(&filter), || {
                change.make(&index, &of_filter(&index, &filter, dry_run), params, dry_run)
            });
            if matched > MAX_UPDATED && !dry_run {
                let message = format!("filter matches more than {MAX_UPDATED} records");
                raise(
                    Fault::new(PROGRAM_LIMIT_EXCEEDED, message)
                        .hint("Use SQL on the index's table; pc_describe_index() names it."),
                );
            }
            matched
        }
    }
}

/// The records that a filter matches, as a condition on their ids: of those to be changed no more than tell that there are too many. They
/// are locked in the order of their ids, as an upsert does.
fn of_filter(index: &Index, filter: &Filtered, dry_run: bool) -> String {
    let condition = filter.condition(2);
    if dry_run {
        return condition;
    }
    format!(
        "id OPERATOR(pg_catalog.=) ANY (
             SELECT id FROM {} WHERE namespace OPERATOR(pg_catalog.=) $1 AND {condition} ORDER BY id LIMIT {} FOR UPDATE)",
        index.table(),
        MAX_UPDATED + 1
    )
}

impl Change {
    /// Checks what is to be changed.
    ///
    /// # Errors
    /// Raises 22000 for another dimension, 22004 for a field that is null, 22023 for metadata against the rules and for a field that
    /// is set and unset.
    fn new(index: &Index, values: Option<Vector>, set: Option<Json>, unset: Option<RawArray>) -> Self {
        if let Some(values) = &values {
            index.shape.check_dimension(values.as_slice().len()).or_raise();
        }
        let set = set.filter(|set| set.text() != "{}");
        let unset = unset.filter(|unset| unset.len() > 0);
        if let Some(set) = &set {
            metadata::check(set.text()).or_raise();
        }
        if let Some(unset) = &unset {
            if unset.contains_nulls() {
                null("an element of unset_metadata");
            }
            let fields: Vec<String> = unset.texts().into_iter().flatten().collect();
            if let Some(field) = set.as_ref().and_then(|set| metadata::field_among(set.text(), &fields)) {
                invalid(format!("metadata field {field} is both set and unset"));
            }
        }
        Self { values, set, unset }
    }

    fn is_none(&self) -> bool {
        self.values.is_none() && self.set.is_none() && self.unset.is_none()
    }

    /// Changes the records of the namespace `$1` that meet a condition on `$2`. Returns how many meet it.
    fn make(self, index: &Index, condition: &str, chosen: [Param; 2], dry_run: bool) -> i64 {
        let table = index.table();
        let mut params = Vec::from(chosen);
        if dry_run || self.is_none() {
            let sql =
                format!("SELECT FROM {table} WHERE namespace OPERATOR(pg_catalog.=) $1 AND {condition}");
            return run(Mode::Write, &sql, &params, |rows| rows.count as i64);
        }
        let mut sets = vec![];
        let home = Home::find();
        if let Some(values) = self.values {
            params.push(Param::of(home.vector(), values.into_datum()));
            let given = format!("${}", params.len());
            sets.push(format!("\"values\" = {}", index.stored(&home.quoted, &given)));
        }
        let mut metadata = String::from("metadata");
        if let Some(unset) = self.unset {
            params.push(Param::of(pg_sys::TEXTARRAYOID, Some(unset.datum())));
            metadata = format!("({metadata} OPERATOR(pg_catalog.-) ${})", params.len());
        }
        if let Some(set) = self.set {
            params.push(Param::of(pg_sys::JSONBOID, Some(set.datum())));
            metadata = format!("({metadata} OPERATOR(pg_catalog.||) ${})", params.len());
        }
        if metadata != "metadata" {
            sets.push(format!("metadata = {metadata}"));
        }
        let sql = format!(
            "UPDATE {table} SET {} WHERE namespace OPERATOR(pg_catalog.=) $1 AND {condition}",
            sets.join(", ")
        );
        run(Mode::Write, &sql, &params, |rows| rows.count as i64)
    }
}
