//! `pc_create_index`: makes a row of the registry and the index's table.
#![allow(unsafe_code)] // `#[pg_extern]` expands to it

use super::describe_index::return_description;
use super::from_table::adopt::adopt;
use super::from_table::source::{Given, Source};
use super::index_table::{Graph, values_check};
use crate::pg::encoding;
use crate::pg::error::{OrRaise, raise};
use crate::pg::jsonb::Json;
use crate::pg::spi::{Mode, Param, run, run_once};
use crate::pinecone::access::elevate::as_owner;
use crate::pinecone::access::judge::{guard, policy};
use crate::pinecone::access::{parents, roles};
use crate::pinecone::counts::{base, triggers};
use crate::pinecone::engine_types::{Home, schema_of};
use crate::pinecone::registry::{name_of, table};
use conifer_pure::Fault;
use conifer_pure::fault::state::{
    DATA_EXCEPTION, DATATYPE_MISMATCH, DUPLICATE_TABLE, INVALID_PARAMETER_VALUE,
};
use conifer_pure::pinecone::filter::Fields;
use conifer_pure::pinecone::index::forms::{self, Forms};
use conifer_pure::pinecone::index::metric::Metric;
use conifer_pure::pinecone::index::spec::{Definition, Wish, check_deletion_protection, check_name};
use conifer_pure::pinecone::index::tags::{Tags, merge, to_json};
use pgrx::prelude::*;
use pgrx::spi::quote_literal;
use pgrx::{IntoDatum, Uuid};

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
    schema: Option<Json>,
    deployment: Option<Json>,
    read_capacity: Option<Json>,
    from_table: Option<pg_sys::Oid>,
    id_column: Option<&str>,
    vector_column: Option<&str>,
    metadata_column: Option<&str>,
    namespace_column: Option<&str>,
    fcinfo: pg_sys::FunctionCallInfo,
) {
    encoding::check();
    let name = name_of(name);
    let attempt = guard::create("create_index", name);
    check_name(name).or_raise();
    let forms = Forms::new(forms::Given {
        spec: spec.as_ref().map(Json::text),
        deployment: deployment.as_ref().map(Json::text),
        schema: schema.as_ref().map(Json::text),
        read_capacity: read_capacity.as_ref().map(Json::text),
    })
    .or_raise();
    let told = &forms.schema;
    let vector_type = told.vector_type.or(vector_type).unwrap_or("dense");
    let home = Home::find().quoted;
    let columns = Given {
        id: id_column,
        vector: vector_column,
        metadata: metadata_column,
        namespace: namespace_column,
    };
    if from_table.is_none() && columns.is_any() {
        raise(Fault::new(
            INVALID_PARAMETER_VALUE,
            "columns are named for an index over a table, but from_table is null",
        ));
    }
    let source = from_table.map(|table| Source::find(&attempt, table, columns, &home));
    let mut dimension = one_of("dimension", dimension, told.dimension);
    let mut storage = storage.unwrap_or("vector");
    if let Some(source) = &source {
        let has = source.dimension;
        if let Some(wanted) = dimension.filter(|wanted| *wanted != has) {
            let message = format!(
                "dimension {wanted} differs from the {has} of column {} of table {}",
                source.vector, source.table
            );
            raise(Fault::new(DATA_EXCEPTION, message).hint("Leave it out: the column tells it."));
        }
        if storage == "halfvec" && source.storage.name() != storage {
            let message = format!(
                "storage halfvec differs from the type of column {} of table {}",
                source.vector, source.table
            );
            raise(Fault::new(DATATYPE_MISMATCH, message).hint("Leave it out: the column tells it."));
        }
        (dimension, storage) = (Some(has), source.storage.name());
    }
    let definition = Definition::new(Wish {
        dimension,
        metric: one_of("metric", metric, told.metric.as_deref()),
        vector_type,
        storage,
        m: m.unwrap_or(16),
        ef_construction: ef_construction.unwrap_or(64),
    })
    .or_raise();
    let deletion_protection = deletion_protection.unwrap_or("disabled");
    check_deletion_protection(deletion_protection).or_raise();
    let metric = definition.metric.name();
    let whole_schema = told.whole(vector_type, Some(definition.dimension), metric);
    let tags = tags.map_or(Tags::new(), |tags| merge(Tags::new(), tags.text()).or_raise());

    let sql = "INSERT INTO pc.index_reg (index_id, name, vector_type, dimension, metric, storage, m, \
                                         ef_construction, spec, deletion_protection, tags, project_id, \
                                         schema, deployment, read_capacity, is_view, has_namespaces) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
               ON CONFLICT (project_id, name) DO NOTHING";
    let project = Uuid::from_bytes(attempt.who.project);
    parents::require_project(project);
    // Before a number is taken, which no refusal gives back.
    if as_owner(|| is_taken(project, name)) {
        already_exists(name);
    }
    let id = as_owner(free_number);
    let params = [
        Param::int(id),
        Param::text(name),
        Param::text(vector_type),
        Param::int(definition.dimension),
        Param::text(metric),
        Param::text(storage),
        Param::int(definition.m),
        Param::int(definition.ef_construction),
        Param::json(forms.spec.as_deref()),
        Param::text(deletion_protection),
        Param::json(&*to_json(&tags)),
        Param::uuid(project),
        Param::json(&*whole_schema),
        Param::json(forms.deployment.as_deref()),
        Param::json(forms.read_capacity.as_deref()),
        Param::of(pg_sys::BOOLOID, source.is_some().into_datum()),
        Param::of(
            pg_sys::BOOLOID,
            source.as_ref().is_none_or(|source| source.namespace.is_some()).into_datum(),
        ),
    ];
    let fields =
        told.filterable_names().filter(|names| names.len() <= Fields::MAX).map(|names| quote_literal(&names));
    let fields = fields.as_deref();
    let extension = schema_of(fcinfo);
    roles::open_schema(&extension);
    roles::open_schema(&home);
    as_owner(|| {
        if run(Mode::Write, sql, &params, |rows| rows.count) == 0 {
            already_exists(name);
        }
        if source.is_none() {
            create_table(&table(id), &home, &extension, &definition, fields);
            policy::protect(project, id);
            triggers::create(&table(id));
            base::begin(&table(id));
        }
    });
    if let Some(source) = &source {
        adopt(source, project, id, &home, &extension, &definition, fields);
        if let Some(others) = source.others_wanted() {
            notice!("new records need values for further columns of table {}: {others}", source.table);
        }
    }
    roles::admit_new(project, id);
    attempt.done(None);
    return_description(fcinfo, Mode::Write, name);
}

/// What is said by an argument, or by the field of `schema` that holds the vectors.
///
/// # Errors
/// Raises 22023 if the two differ.
fn one_of<T: PartialEq>(name: &str, argument: Option<T>, field: Option<T>) -> Option<T> {
    if let (Some(argument), Some(field)) = (&argument, &field)
        && argument != field
    {
        raise(Fault::new(
            INVALID_PARAMETER_VALUE,
            format!("{name} differs from that of the vectors in schema"),
        ));
    }
    argument.or(field)
}

/// Raises 42P07.
fn already_exists(name: &str) -> ! {
    raise(Fault::new(DUPLICATE_TABLE, format!("index \"{name}\" already exists")))
}

/// Whether an index of a project has this name.
fn is_taken(project: Uuid, name: &str) -> bool {
    let sql = "SELECT FROM pc.index_reg \
                WHERE project_id OPERATOR(pg_catalog.=) $1 AND name OPERATOR(pg_catalog.=) $2";
    run(Mode::Write, sql, &[Param::uuid(project), Param::text(name)], |rows| rows.count > 0)
}

/// The next number whose table name is free. After a schema-only restore there are tables that the
/// registry and its sequence know nothing of.
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
fn create_table(table: &str, home: &str, extension: &str, definition: &Definition, fields: Option<&str>) {
    let dimension = definition.dimension;
    let storage = definition.storage.name();
    let values_check = values_check(definition.metric);
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
            \"values\" {home}.{storage}({dimension}) NOT NULL,
            sparse_values {home}.sparsevec {sparse_check},
            metadata pg_catalog.jsonb NOT NULL DEFAULT '{{}}',
            PRIMARY KEY (namespace, id),
            CONSTRAINT values_valid CHECK ({values_check}(id, \"values\")),
            CONSTRAINT metadata_valid CHECK (pc.check_metadata(id, metadata))
        )"
    ));
    let graph = Graph {
        table,
        namespace: Some("namespace"),
        vector: "\"values\"",
        metadata: "metadata",
        home,
        extension,
        fields,
    };
    graph.create("", "", definition);
}
