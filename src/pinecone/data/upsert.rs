//! `pc_upsert` and `pc_upsert_many`: whole records in, replacing those with the same id.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::arguments::{invalid, null, writing};
use crate::engine::types::vector::Vector;
use crate::pg::array_values::RawArray;
use crate::pg::error::{OrRaise, raise};
use crate::pg::jsonb::Json;
use crate::pg::read_only;
use crate::pg::spi::{Mode, Param, run};
use crate::pinecone::engine_types::{Home, array_of};
use crate::pinecone::registry::Index;
use conifer_pure::jsonb::Container;
use conifer_pure::pinecone::index::spec::sparse_refusal;
use conifer_pure::pinecone::record::{batch, binary_batch};
use pgrx::IntoDatum;
use pgrx::prelude::*;

#[pg_extern(sql = false)]
fn pc_upsert(index_name: Option<&str>, vectors: Option<Json>, namespace_name: Option<&str>) -> i64 {
    let (index, namespace) = writing("upsert", index_name, namespace_name);
    read_only::refuse("pc_upsert");
    let Some(vectors) = vectors else { null("vectors") };
    let columns = Columns::of_binary(&vectors, &index).unwrap_or_else(|| Columns::of_text(&vectors, &index));
    let home = Home::find();
    let vector = home.vector();
    write(
        &index,
        namespace,
        &home,
        &RawArray::build(pg_sys::TEXTOID, &columns.ids),
        &RawArray::build(vector, &columns.values),
        Some(&RawArray::build(pg_sys::JSONBOID, &columns.metadata)),
    )
}

/// The records of a call, a column each.
#[derive(Default)]
struct Columns {
    ids: Vec<Option<pg_sys::Datum>>,
    values: Vec<Option<pg_sys::Datum>>,
    metadata: Vec<Option<pg_sys::Datum>>,
}

impl Columns {
    fn push(&mut self, id: &str, values: &[f32], metadata: Option<Json>) {
        pgrx::check_for_interrupts!();
        self.ids.push(id.into_datum());
        self.values.push(Vector::from_slice(values).into_datum());
        self.metadata.push(metadata.map(|metadata| metadata.datum()));
    }

    /// The records as they are stored in the argument, which spares its text; `None` if one is unusual, or wrong.
    fn of_binary(vectors: &Json, index: &Index) -> Option<Self> {
        let (vectors, mut columns) = (vectors.packed(), Self::default());
        for record in binary_batch::records(Container::new(vectors.bytes())?, index.shape)? {
            let record = record?;
            columns.push(record.id, &record.values, record.metadata.as_ref().map(Json::of_container));
        }
        Some(columns)
    }

    /// The records of the argument's text.
    ///
    /// # Errors
    /// Raises the fault of the first record that has one.
    fn of_text(vectors: &Json, index: &Index) -> Self {
        let mut columns = Self::default();
        for record in batch::parse(vectors.text(), index.shape).or_raise() {
            let record = record.or_raise();
            columns.push(&record.id, &record.values, record.metadata.map(Json::parse));
        }
        columns
    }
}

#[pg_extern(sql = false)]
fn pc_upsert_many(
    index_name: Option<&str>,
    ids: Option<RawArray>,
    values: Option<RawArray>,
    metadata: Option<RawArray>,
    sparse_values: Option<RawArray>,
    namespace_name: Option<&str>,
) -> i64 {
    let (index, namespace) = writing("upsert", index_name, namespace_name);
    read_only::refuse("pc_upsert_many");
    let Some(ids) = ids else { null("ids") };
    let Some(values) = values else { null("values") };
    batch::check_count(ids.len(), "record").or_raise();
    for (name, array) in [("ids", &ids), ("values", &values)] {
        if array.contains_nulls() {
            null(&format!("an element of {name}"));
        }
    }
    let lengths = [
        ("values", Some(&values)),
        ("metadata", metadata.as_ref()),
        ("sparse_values", sparse_values.as_ref()),
    ];
    for (name, array) in lengths {
        if let Some(n) = array.map(RawArray::len).filter(|&n| n != ids.len()) {
            invalid(format!("{name} has {n} elements, but ids has {}", ids.len()));
        }
    }
    if sparse_values.is_some_and(|sparse| !sparse.is_all_null()) {
        raise(sparse_refusal(index.shape.metric));
    }
    write(&index, namespace, &Home::find(), &ids, &values, metadata.as_ref())
}

/// Writes records and returns the number of rows written. Of two records with one id the last wins. Rows
/// are written in the order of their ids, so that two calls that share ids wait for each other and never
/// deadlock.
fn write(
    index: &Index,
    namespace: &str,
    home: &Home,
    ids: &RawArray,
    values: &RawArray,
    metadata: Option<&RawArray>,
) -> i64 {
    index.require_space(namespace);
    // Sparse values that were there go with the record they were of; a user's table has none.
    let sparse = if index.is_view { "" } else { "sparse_values = EXCLUDED.sparse_values," };
    // A user's table may have no namespaces. $1 is then that of all its records, which this says of its type.
    let (space, new_space, key) =
        if index.has_namespaces { ("namespace, ", "$1, ", "namespace, id") } else { ("", "", "id") };
    // an unnest of several arrays is the server's own, whatever the search_path, but only if unqualified
    let sql = format!(
        "INSERT INTO {} AS old ({space}id, \"values\", metadata)
         SELECT DISTINCT ON (new.id) {new_space}new.id, {}, COALESCE(new.metadata, '{{}}')
           FROM (SELECT id COLLATE pg_catalog.\"C\" AS id, \"values\", metadata, place
                   FROM ROWS FROM (unnest($2, $3, $4)) WITH ORDINALITY AS u (id, \"values\", metadata, place)) AS new
          ORDER BY new.id, new.place DESC
         ON CONFLICT ({key}) DO UPDATE
            SET \"values\" = EXCLUDED.\"values\", {sparse} metadata = EXCLUDED.metadata",
        index.table(),
        index.stored(&home.quoted, "new.\"values\""),
    );
    let params = [
        Param::text(namespace),
        Param::of(pg_sys::TEXTARRAYOID, Some(ids.datum())),
        Param::of(array_of(home.vector()), Some(values.datum())),
        Param::of(array_of(pg_sys::JSONBOID), metadata.map(RawArray::datum)),
    ];
    run(Mode::Write, &sql, &params, |rows| rows.count as i64)
}
