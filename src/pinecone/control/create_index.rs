//! `pc_create_index`: a row of the registry and a table of its own.
#![allow(unsafe_code)] // what `#[pg_extern]` expands to

use super::describe_index::return_description;
use crate::pinecone::registry::table;
use crate::pinecone::server::json::Json;
use crate::pinecone::server::statement::{Mode, Param, run, run_once};
use crate::pinecone::server::types::Home;
use crate::raise::{OrRaise, raise};
use conifer_pure::Fault;
use conifer_pure::fault::state::{DUPLICATE_TABLE, INVALID_PARAMETER_VALUE};
use conifer_pure::record::index::{Definition, Wish, check_deletion_protection, check_name, check_spec};
use conifer_pure::record::tags::{Tags, merge, to_json};
use pgrx::prelude::*;

#[allow(clippy::too_many_arguments)]
#[pg_extern(sql = false)]
fn pc_create_index(
    name: Option<&str>,
    dimension: Option<i32>,
    metric: Option<&str>,
    vector_type: Option<&str>,
    spec: Option<Json>,
    deletion_protection: Option<&str>,
    tags: Option<Json>,
    storage: Option<&str>,
    m: Option<i32>,
    ef_construction: Option<i32>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    let Some(name) = name else {
        raise(Fault::new(INVALID_PARAMETER_VALUE, "index name must not be null"));
    };
    check_name(name).or_raise();
    let vector_type = vector_type.unwrap_or("dense");
    let storage = storage.unwrap_or("vector");
    let definition = Definition::new(Wish {
        dimension,
        metric,
        vector_type,
        storage,
        m: m.unwrap_or(16),
        ef_construction: ef_construction.unwrap_or(64),
    })
    .or_raise();
    let deletion_protection = deletion_protection.unwrap_or("disabled");
    check_deletion_protection(deletion_protection).or_raise();
    if let Some(spec) = &spec {
        check_spec(spec.text()).or_raise();
    }
    let tags = tags.map_or(Tags::new(), |tags| merge(Tags::new(), tags.text()).or_raise());

    let sql = "INSERT INTO pc.index_reg (name, vector_type, dimension, metric, storage, m, ef_construction, \
                                         spec, deletion_protection, tags) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
               ON CONFLICT (project_id, name) DO NOTHING RETURNING index_id";
    let params = [
        Param::text(name),
        Param::text(vector_type),
        Param::int(definition.dimension),
        Param::text(definition.metric.name()),
        Param::text(storage),
        Param::int(definition.m),
        Param::int(definition.ef_construction),
        Param::of(pg_sys::JSONBOID, spec.map(|spec| spec.datum())),
        Param::text(deletion_protection),
        Param::of(pg_sys::JSONBOID, Some(Json::parse(&to_json(&tags)).datum())),
    ];
    let id: Option<i32> =
        run(Mode::Write, sql, &params, |rows| (rows.count > 0).then(|| rows.get(0, 0)).flatten());
    let Some(id) = id else {
        raise(Fault::new(DUPLICATE_TABLE, format!("index \"{name}\" already exists")));
    };
    create_table(&table(id), &Home::of(fcinfo).quoted, definition.dimension);
    return_description(fcinfo, Mode::Write, name);
}

/// Makes the table of an index. Its constraints hold for every way in, so that an INSERT or a COPY is
/// held to the rules of `pc_upsert`.
///
/// Collation "C" gives the primary key the byte order that Pinecone lists ids in.
fn create_table(table: &str, home: &str, dimension: i32) {
    run_once(&format!(
        "CREATE TABLE {table} (
            namespace pg_catalog.text COLLATE pg_catalog.\"C\" NOT NULL DEFAULT ''
                CONSTRAINT namespace_valid CHECK (pc.check_namespace(namespace)),
            id pg_catalog.text COLLATE pg_catalog.\"C\" NOT NULL
                CONSTRAINT id_valid CHECK (pc.check_id(id)),
            \"values\" {home}.vector({dimension}) NOT NULL,
            sparse_values {home}.sparsevec,
            metadata pg_catalog.jsonb NOT NULL DEFAULT '{{}}',
            PRIMARY KEY (namespace, id),
            CONSTRAINT values_valid CHECK (pc.check_values(id, \"values\")),
            CONSTRAINT metadata_valid CHECK (pc.check_metadata(id, metadata))
        )"
    ));
}
