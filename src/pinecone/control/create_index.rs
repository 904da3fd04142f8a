//! `pc_create_index`: makes a row of the registry and the index's table.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::describe_index::return_description;
use crate::pg::encoding;
use crate::pg::error::{OrRaise, raise};
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run, run_once};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::judge::{guard, policy};
use crate::pinecone::access::{parents, roles};
use crate::pinecone::engine_types::{Home, schema_of};
use crate::pinecone::registry::{name_of, table};
use conifer_pure::Fault;
use conifer_pure::fault::state::DUPLICATE_TABLE;
use conifer_pure::pinecone::index::metric::Metric;
use conifer_pure::pinecone::index::spec::{
    Definition, Wish, check_deletion_protection, check_name, check_spec,
};
use conifer_pure::pinecone::index::tags::{Tags, merge, to_json};
use pgrx::Uuid;
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
    encoding::check();
    let name = name_of(name);
    let attempt = guard::create("create_index", name);
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

    let sql = "INSERT INTO pc.index_reg (index_id, name, vector_type, dimension, metric, storage, m, \
                                         ef_construction, spec, deletion_protection, tags, project_id) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
               ON CONFLICT (project_id, name) DO NOTHING";
    let id = as_owner(free_number);
    let project = Uuid::from_bytes(attempt.who.project);
    parents::require_project(project);
    let home = Home::find().quoted;
    let params = [
        Param::int(id),
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
        Param::uuid(project),
    ];
    roles::open_schema(&schema_of(fcinfo));
    roles::open_schema(&home);
    as_owner(|| {
        if run(Mode::Write, sql, &params, |rows| rows.count) == 0 {
            raise(Fault::new(DUPLICATE_TABLE, format!("index \"{name}\" already exists")));
        }
        create_table(&table(id), &home, &definition);
        policy::protect(project, id);
    });
    roles::admit(project, id);
    attempt.done(None);
    return_description(fcinfo, Mode::Write, name);
}

/// The next number whose table name is free. After a schema-only restore there are tables without a row in
/// the registry and a number of its sequence.
fn free_number() -> i32 {
    let sql = "SELECT id::pg_catalog.int4, \
                      pg_catalog.to_regclass(pg_catalog.concat('pc_data.i_', id)) IS NULL \
                 FROM pg_catalog.nextval('pc.index_id_seq') AS id";
    loop {
        pgrx::check_for_interrupts!();
        let next = run(Mode::Write, sql, &[], |rows| (rows.get::<i32>(0, 0), rows.get::<bool>(0, 1)));
        if let (Some(id), Some(true)) = next {
            return id;
        }
    }
}

/// Makes the table of an index. Its constraints hold for every statement, so that an INSERT or a COPY is
/// held to the rules of `pc_upsert`.
///
/// Collation "C" gives the primary key the byte order that Pinecone lists ids in.
fn create_table(table: &str, home: &str, definition: &Definition) {
    let dimension = definition.dimension;
    let values_check =
        if definition.metric == Metric::Cosine { "pc.check_direction" } else { "pc.check_values" };
    let sparse_check = match definition.metric {
        Metric::DotProduct => "",
        Metric::Cosine | Metric::Euclidean => {
            "CONSTRAINT sparse_values_need_dotproduct CHECK (sparse_values IS NULL)"
        }
    };
    run_once(&format!(
        "CREATE TABLE {table} (
            namespace pg_catalog.text COLLATE pg_catalog.\"C\" NOT NULL DEFAULT ''
                CONSTRAINT namespace_valid CHECK (pc.check_namespace(namespace)),
            id pg_catalog.text COLLATE pg_catalog.\"C\" NOT NULL
                CONSTRAINT id_valid CHECK (pc.check_id(id)),
            \"values\" {home}.vector({dimension}) NOT NULL,
            sparse_values {home}.sparsevec {sparse_check},
            metadata pg_catalog.jsonb NOT NULL DEFAULT '{{}}',
            PRIMARY KEY (namespace, id),
            CONSTRAINT values_valid CHECK ({values_check}(id, \"values\")),
            CONSTRAINT metadata_valid CHECK (pc.check_metadata(id, metadata))
        )"
    ));
    let class = match definition.metric {
        Metric::Cosine => "vector_cosine_ops",
        Metric::Euclidean => "vector_l2_ops",
        Metric::DotProduct => "vector_ip_ops",
    };
    let (m, ef_construction) = (definition.m, definition.ef_construction);
    // Each namespace has a graph of its own.
    run_once(&format!(
        "CREATE INDEX ON {table} USING hnsw (namespace {home}.text_ops, \"values\" {home}.{class})
            WITH (m = {m}, ef_construction = {ef_construction})"
    ));
}
