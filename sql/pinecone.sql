-- The Pinecone layer: catalogs, and the functions over them. It stands on sql/engine.sql and is no
-- part of it. What a function does is written at its Rust twin in src/pinecone/.

SET LOCAL search_path = pg_catalog, pg_temp;

-- ---------------------------------------------------------------------------------------------
-- The registry. Rows made by users are carried by pg_dump. sql/access.sql made the schemas.

-- A sequence of its own, not an identity column: pg_dump carries its position only if it is registered.
CREATE SEQUENCE pc.index_id_seq AS integer;
CREATE TABLE pc.index_reg (
    index_id integer PRIMARY KEY DEFAULT pg_catalog.nextval('pc.index_id_seq'),
    project_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    name text COLLATE "C" NOT NULL,
    vector_type text NOT NULL CHECK (vector_type IN ('dense', 'sparse')),
    dimension integer CHECK (dimension BETWEEN 1 AND 16000),
    metric text NOT NULL CHECK (metric IN ('cosine', 'euclidean', 'dotproduct')),
    storage text NOT NULL CHECK (storage IN ('vector', 'halfvec')),
    m integer NOT NULL,
    ef_construction integer NOT NULL,
    spec jsonb,
    schema jsonb,
    deployment jsonb,
    read_capacity jsonb,
    deletion_protection text NOT NULL DEFAULT 'disabled' CHECK (deletion_protection IN ('enabled', 'disabled')),
    tags jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    is_view boolean NOT NULL DEFAULT false, -- over a table of the user's
    has_namespaces boolean NOT NULL DEFAULT true,
    UNIQUE (project_id, name),
    CHECK ((dimension IS NOT NULL) = (vector_type = 'dense'))
);
ALTER SEQUENCE pc.index_id_seq OWNED BY pc.index_reg.index_id;
ALTER TABLE pc.index_reg OWNER TO conifer_owner;
CREATE TRIGGER follow AFTER INSERT ON pc.index_reg
    FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_index();
ALTER TABLE pc.index_reg ENABLE ALWAYS TRIGGER follow;
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON pc.index_reg
    FOR EACH ROW EXECUTE FUNCTION pc_auth.tell_index();
ALTER TABLE pc.index_reg ENABLE ALWAYS TRIGGER tell;
CREATE TRIGGER cascade AFTER DELETE ON pc.index_reg
    FOR EACH ROW EXECUTE FUNCTION pc_auth.cascade_index();
CREATE TRIGGER keep_number BEFORE UPDATE OF index_id ON pc.index_reg
    FOR EACH ROW WHEN (OLD.index_id <> NEW.index_id) EXECUTE FUNCTION pc_auth.keep_number();
ALTER TABLE pc.index_reg ENABLE ROW LEVEL SECURITY;
CREATE POLICY describe ON pc.index_reg FOR SELECT USING (pc_auth.describes(project_id, index_id));
SELECT pg_catalog.pg_extension_config_dump('pc.index_reg', '');
SELECT pg_catalog.pg_extension_config_dump('pc.index_id_seq', '');

-- The table that an index's view is of: the one that the view's rule depends on.
CREATE FUNCTION pc.source_of(view oid) RETURNS oid
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    BEGIN ATOMIC
        SELECT d.refobjid FROM pg_catalog.pg_rewrite w
          JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid
           AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> w.ev_class
         WHERE w.ev_class = view LIMIT 1;
    END;

-- ---------------------------------------------------------------------------------------------
-- How many records each namespace has: src/pinecone/counts/README.md. No dump carries these rows, and no replica is to take them
-- over: tables have other numbers there.

CREATE TABLE pc.record_count (
    relid oid NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    n bigint NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_insert_threshold = -1);
CREATE INDEX ON pc.record_count (relid, namespace);
CREATE TABLE pc.counted (
    relid oid PRIMARY KEY,
    triggers text NOT NULL
);
ALTER TABLE pc.record_count REPLICA IDENTITY FULL;
ALTER TABLE pc.record_count OWNER TO conifer_owner;
ALTER TABLE pc.counted OWNER TO conifer_owner;

-- The rows that pc_list_indexes and its kin return, which read them as the owner: a condition of a caller's own on the registry, with
-- the counters and the plan of its scan, would tell the names of others' indexes. A key that is limited to namespaces gets their
-- number of records. The table's name is derived, never stored: an oid would not survive a dump.
CREATE VIEW pc.index_description WITH (security_invoker = true) AS
SELECT r.name,
       r.dimension,
       r.metric,
       r.vector_type,
       CASE WHEN c.oid IS NULL THEN 'InitializationFailed' ELSE 'Ready' END AS status,
       c.oid IS NOT NULL AS ready,
       r.deletion_protection,
       r.tags,
       r.spec,
       CASE WHEN k.names IS NULL THEN GREATEST(t.reltuples::bigint, pg_catalog.pg_stat_get_live_tuples(t.oid), 0)
            ELSE GREATEST((SELECT pg_catalog.sum(n.n)::bigint FROM pc.record_count n
                            WHERE n.relid = c.oid AND n.namespace = ANY (k.names)), 0) END AS record_count_estimate,
       c.oid::regclass AS table_name,
       r.created_at,
       r.storage,
       r.schema,
       r.deployment,
       COALESCE(r.read_capacity, '{"mode": "OnDemand"}') || '{"status": {"state": "Ready"}}' AS read_capacity,
       CASE WHEN r.is_view THEN t.oid::regclass END AS source_table
  FROM pc.index_reg r
  CROSS JOIN LATERAL (SELECT pc_auth.reachable(r.project_id, r.index_id)) AS k (names)
  LEFT JOIN pg_catalog.pg_class c
    ON c.relname = ('i_' || r.index_id)::name
   AND c.relnamespace = 'pc_data'::regnamespace
   AND CASE WHEN r.is_view THEN c.relkind = 'v' ELSE c.relkind IN ('r', 'p') END
  LEFT JOIN pg_catalog.pg_class t ON t.oid = CASE WHEN r.is_view THEN pc.source_of(c.oid) ELSE c.oid END
 WHERE pc_auth.describes(r.project_id, r.index_id);
ALTER VIEW pc.index_description OWNER TO conifer_owner;

CREATE FUNCTION pc.count_records() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'count_records_wrapper';
CREATE FUNCTION pc.keep_own_counts() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'keep_own_counts_wrapper';
REVOKE EXECUTE ON FUNCTION pc.count_records(), pc.keep_own_counts() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION pc.count_records() TO conifer_owner;
CREATE TRIGGER keep_own BEFORE INSERT OR UPDATE OR DELETE ON pc.record_count
    FOR EACH ROW EXECUTE FUNCTION pc.keep_own_counts();
ALTER TABLE pc.record_count ENABLE REPLICA TRIGGER keep_own;
CREATE TRIGGER keep_own BEFORE INSERT OR UPDATE OR DELETE ON pc.counted
    FOR EACH ROW EXECUTE FUNCTION pc.keep_own_counts();
ALTER TABLE pc.counted ENABLE REPLICA TRIGGER keep_own;

-- What comes next is made in the extension's schema, and names the types of the engine.
SELECT pg_catalog.set_config('search_path', pg_catalog.format('%I, %I, pg_temp', own.nspname, engine.nspname), true)
  FROM pg_catalog.pg_extension e
  JOIN pg_catalog.pg_namespace own ON own.oid = e.extnamespace,
       pg_catalog.pg_am a
  JOIN pg_catalog.pg_depend d ON d.classid = a.tableoid AND d.objid = a.oid AND d.deptype = 'e'
  JOIN pg_catalog.pg_extension h ON h.tableoid = d.refclassid AND h.oid = d.refobjid
  JOIN pg_catalog.pg_namespace engine ON engine.oid = h.extnamespace
 WHERE e.extname = 'conifer' AND a.amname = 'hnsw';

-- ---------------------------------------------------------------------------------------------
-- What every row of an index's table must fulfil, however it comes in. The functions are called by
-- CHECK constraints; instead of answering false they raise an error that says what is wrong.

CREATE FUNCTION pc.check_id(id text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'check_id_wrapper';
CREATE FUNCTION pc.check_namespace(namespace text) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'check_namespace_wrapper';
CREATE FUNCTION pc.check_values(id text, "values" vector) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'check_values_wrapper';
CREATE FUNCTION pc.check_direction(id text, "values" vector) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'check_direction_wrapper';
CREATE FUNCTION pc.check_values(id text, "values" halfvec) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'check_half_values_wrapper';
CREATE FUNCTION pc.check_direction(id text, "values" halfvec) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'check_half_direction_wrapper';
CREATE FUNCTION pc.check_metadata(id text, metadata jsonb) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'check_metadata_wrapper';

-- Namespaces that were made by name, which is where an empty one is kept. As the registry, it is carried by pg_dump and has no
-- foreign key.
CREATE TABLE pc.namespace (
    index_id integer NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (pc.check_namespace(name)),
    schema jsonb,
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    PRIMARY KEY (index_id, name)
);
ALTER TABLE pc.namespace OWNER TO conifer_owner;
SELECT pg_catalog.pg_extension_config_dump('pc.namespace', '');

-- ---------------------------------------------------------------------------------------------
-- Metadata filters: src/pinecone/filter/. The operator is leakproof, so that row-level security does
-- not keep it from indexes: an invalid filter is refused when a statement is planned, or is NULL.

CREATE FUNCTION pc.filter_support(internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_support_wrapper';
CREATE FUNCTION pc.filter_matches(metadata jsonb, filter jsonb) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE SUPPORT pc.filter_support
    AS 'MODULE_PATHNAME', 'filter_matches_wrapper';

CREATE OPERATOR @@@ (
    FUNCTION = pc.filter_matches, LEFTARG = jsonb, RIGHTARG = jsonb,
    RESTRICT = matchingsel, JOIN = matchingjoinsel
);

-- The planner puts the operator in its place, so it finds indexes, too. A function in SQL would be called for constants, of which
-- its operator is told nothing.
CREATE FUNCTION pc.filter_function_support(internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'filter_function_support_wrapper';
CREATE FUNCTION pc_filter_matches(metadata jsonb, filter jsonb) RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT LEAKPROOF PARALLEL SAFE SUPPORT pc.filter_function_support
    AS 'MODULE_PATHNAME', 'filter_matches_wrapper';

CREATE FUNCTION pc.gin_filter_extract_value(jsonb, internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_filter_extract_value_wrapper';
CREATE FUNCTION pc.gin_filter_extract_query(jsonb, internal, smallint, internal, internal, internal, internal)
    RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_filter_extract_query_wrapper';
CREATE FUNCTION pc.gin_filter_consistent(internal, smallint, jsonb, integer, internal, internal, internal, internal)
    RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_filter_consistent_wrapper';
CREATE FUNCTION pc.gin_filter_triconsistent(internal, smallint, jsonb, integer, internal, internal, internal)
    RETURNS "char"
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_filter_triconsistent_wrapper';
CREATE FUNCTION pc.gin_filter_compare_partial(bytea, bytea, smallint, internal) RETURNS integer
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_filter_compare_partial_wrapper';

CREATE FUNCTION pc.gin_filter_options(internal) RETURNS void
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_filter_options_wrapper';

-- With pc_filter_ops (fields = '["genre", "year"]') the index keeps these fields only.
CREATE OPERATOR CLASS pc_filter_ops FOR TYPE jsonb USING gin AS
    OPERATOR 1 @@@ (jsonb, jsonb),
    FUNCTION 1 pg_catalog.byteacmp(bytea, bytea),
    FUNCTION 2 pc.gin_filter_extract_value(jsonb, internal, internal),
    FUNCTION 3 pc.gin_filter_extract_query(jsonb, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 pc.gin_filter_consistent(internal, smallint, jsonb, integer, internal, internal, internal, internal),
    FUNCTION 5 pc.gin_filter_compare_partial(bytea, bytea, smallint, internal),
    FUNCTION 6 pc.gin_filter_triconsistent(internal, smallint, jsonb, integer, internal, internal, internal),
    FUNCTION 7 (jsonb) pc.gin_filter_options(internal),
    STORAGE bytea;

-- For columns behind the vector of an hnsw index, which ask the operator of rows near the query: src/engine/hnsw/scan/filter.rs.
CREATE OPERATOR CLASS pc_filter_ops FOR TYPE jsonb USING hnsw AS
    OPERATOR 1 @@@ (jsonb, jsonb);

-- For a namespace as the first column of such an index, so that a search reads the rows of its own.
CREATE FUNCTION pc.gin_text_extract_value(text, internal, internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_text_extract_value_wrapper';
CREATE FUNCTION pc.gin_text_extract_query(text, internal, smallint, internal, internal, internal, internal)
    RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_text_extract_query_wrapper';
CREATE FUNCTION pc.gin_text_consistent(internal, smallint, text, integer, internal, internal, internal, internal)
    RETURNS boolean
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_text_consistent_wrapper';
CREATE FUNCTION pc.gin_text_triconsistent(internal, smallint, text, integer, internal, internal, internal)
    RETURNS "char"
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'gin_text_triconsistent_wrapper';

CREATE OPERATOR CLASS pc_text_ops FOR TYPE text USING gin AS
    OPERATOR 1 pg_catalog.= (text, text),
    FUNCTION 1 pg_catalog.bttextcmp(text, text),
    FUNCTION 2 pc.gin_text_extract_value(text, internal, internal),
    FUNCTION 3 pc.gin_text_extract_query(text, internal, smallint, internal, internal, internal, internal),
    FUNCTION 4 pc.gin_text_consistent(internal, smallint, text, integer, internal, internal, internal, internal),
    FUNCTION 6 pc.gin_text_triconsistent(internal, smallint, text, integer, internal, internal, internal);

-- ---------------------------------------------------------------------------------------------
-- Control plane: src/pinecone/control/

CREATE FUNCTION pc_create_index(
    name text,
    dimension integer DEFAULT NULL,
    metric text DEFAULT NULL,
    vector_type text DEFAULT 'dense',
    spec jsonb DEFAULT NULL,
    deletion_protection text DEFAULT 'disabled',
    tags jsonb DEFAULT '{}',
    storage text DEFAULT 'vector',
    m integer DEFAULT 16,
    ef_construction integer DEFAULT 64,
    schema jsonb DEFAULT NULL,
    deployment jsonb DEFAULT NULL,
    read_capacity jsonb DEFAULT NULL,
    from_table regclass DEFAULT NULL,
    id_column text DEFAULT NULL,
    vector_column text DEFAULT NULL,
    metadata_column text DEFAULT NULL,
    namespace_column text DEFAULT NULL
) RETURNS SETOF pc.index_description
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp ROWS 1
    AS 'MODULE_PATHNAME', 'pc_create_index_wrapper';

CREATE FUNCTION pc_list_indexes() RETURNS SETOF pc.index_description
    LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp ROWS 20
    AS 'MODULE_PATHNAME', 'pc_list_indexes_wrapper';

CREATE FUNCTION pc_describe_index(name text) RETURNS SETOF pc.index_description
    LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp ROWS 1
    AS 'MODULE_PATHNAME', 'pc_describe_index_wrapper';

CREATE FUNCTION pc_has_index(name text) RETURNS boolean
    LANGUAGE c STABLE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pc_has_index_wrapper';

CREATE FUNCTION pc_configure_index(
    name text,
    deletion_protection text DEFAULT NULL,
    tags jsonb DEFAULT NULL,
    spec jsonb DEFAULT NULL,
    read_capacity jsonb DEFAULT NULL
) RETURNS SETOF pc.index_description
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp ROWS 1
    AS 'MODULE_PATHNAME', 'pc_configure_index_wrapper';

CREATE FUNCTION pc_delete_index(name text) RETURNS void
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pc_delete_index_wrapper';

-- ---------------------------------------------------------------------------------------------
-- Data plane: src/pinecone/data/. These run as their caller and set nothing: all names in the SQL
-- that they run are qualified.

CREATE FUNCTION pc_upsert(index_name text, vectors jsonb, namespace text DEFAULT '') RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pc_upsert_wrapper';

CREATE FUNCTION pc_upsert_many(
    index_name text,
    ids text[],
    "values" vector[],
    metadata jsonb[] DEFAULT NULL,
    sparse_values sparsevec[] DEFAULT NULL,
    namespace text DEFAULT ''
) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pc_upsert_many_wrapper';

CREATE FUNCTION pc_query(
    index_name text,
    vector vector DEFAULT NULL,
    top_k integer DEFAULT 10,
    namespace text DEFAULT '',
    filter jsonb DEFAULT NULL,
    include_values boolean DEFAULT false,
    include_metadata boolean DEFAULT false,
    id text DEFAULT NULL,
    sparse_vector sparsevec DEFAULT NULL
) RETURNS TABLE (id text, score real, "values" vector, sparse_values sparsevec, metadata jsonb)
    LANGUAGE c STABLE ROWS 10 AS 'MODULE_PATHNAME', 'pc_query_wrapper';

CREATE FUNCTION pc_query_namespaces(
    index_name text,
    vector vector,
    namespaces text[],
    top_k integer DEFAULT 10,
    filter jsonb DEFAULT NULL,
    include_values boolean DEFAULT false,
    include_metadata boolean DEFAULT false,
    sparse_vector sparsevec DEFAULT NULL
) RETURNS TABLE (namespace text, id text, score real, "values" vector, sparse_values sparsevec, metadata jsonb)
    LANGUAGE c STABLE ROWS 10 AS 'MODULE_PATHNAME', 'pc_query_namespaces_wrapper';

CREATE FUNCTION pc_fetch(index_name text, ids text[], namespace text DEFAULT '')
    RETURNS TABLE (id text, "values" vector, sparse_values sparsevec, metadata jsonb)
    LANGUAGE c STABLE ROWS 10 AS 'MODULE_PATHNAME', 'pc_fetch_wrapper';

CREATE FUNCTION pc_fetch_by_metadata(
    index_name text,
    filter jsonb,
    namespace text DEFAULT '',
    "limit" integer DEFAULT 100,
    pagination_token text DEFAULT NULL
) RETURNS TABLE (id text, "values" vector, sparse_values sparsevec, metadata jsonb, next_token text)
    LANGUAGE c STABLE ROWS 100 AS 'MODULE_PATHNAME', 'pc_fetch_by_metadata_wrapper';

CREATE FUNCTION pc_update(
    index_name text,
    id text DEFAULT NULL,
    "values" vector DEFAULT NULL,
    sparse_values sparsevec DEFAULT NULL,
    set_metadata jsonb DEFAULT NULL,
    filter jsonb DEFAULT NULL,
    namespace text DEFAULT '',
    dry_run boolean DEFAULT false,
    unset_metadata text[] DEFAULT NULL
) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pc_update_wrapper';

CREATE FUNCTION pc_delete(
    index_name text,
    ids text[] DEFAULT NULL,
    delete_all boolean DEFAULT false,
    filter jsonb DEFAULT NULL,
    namespace text DEFAULT ''
) RETURNS bigint
    LANGUAGE c VOLATILE AS 'MODULE_PATHNAME', 'pc_delete_wrapper';

CREATE FUNCTION pc_list(
    index_name text,
    prefix text DEFAULT NULL,
    "limit" integer DEFAULT 100,
    pagination_token text DEFAULT NULL,
    namespace text DEFAULT ''
) RETURNS TABLE (id text, next_token text)
    LANGUAGE c STABLE ROWS 100 AS 'MODULE_PATHNAME', 'pc_list_wrapper';

CREATE FUNCTION pc_describe_index_stats(index_name text, filter jsonb DEFAULT NULL) RETURNS jsonb
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'pc_describe_index_stats_wrapper';

CREATE FUNCTION pc_list_namespaces(
    index_name text,
    prefix text DEFAULT NULL,
    "limit" integer DEFAULT 100,
    pagination_token text DEFAULT NULL
) RETURNS TABLE (name text, record_count bigint, schema jsonb, next_token text, total_count bigint)
    LANGUAGE c STABLE ROWS 100 AS 'MODULE_PATHNAME', 'pc_list_namespaces_wrapper';

CREATE FUNCTION pc_describe_namespace(index_name text, name text)
    RETURNS TABLE (name text, record_count bigint, schema jsonb)
    LANGUAGE c STABLE ROWS 1 AS 'MODULE_PATHNAME', 'pc_describe_namespace_wrapper';

CREATE FUNCTION pc_create_namespace(index_name text, name text, schema jsonb DEFAULT NULL)
    RETURNS TABLE (name text, record_count bigint, schema jsonb)
    LANGUAGE c VOLATILE ROWS 1 AS 'MODULE_PATHNAME', 'pc_create_namespace_wrapper';

CREATE FUNCTION pc_delete_namespace(index_name text, name text)
    RETURNS TABLE (name text, record_count bigint, schema jsonb)
    LANGUAGE c VOLATILE ROWS 1 AS 'MODULE_PATHNAME', 'pc_delete_namespace_wrapper';

CREATE FUNCTION pc_rename_namespace(index_name text, old text, new text)
    RETURNS TABLE (name text, record_count bigint, schema jsonb)
    LANGUAGE c VOLATILE ROWS 1 AS 'MODULE_PATHNAME', 'pc_rename_namespace_wrapper';

CREATE FUNCTION pc_copy_namespace(index_name text, source text, target text)
    RETURNS TABLE (name text, record_count bigint, schema jsonb)
    LANGUAGE c VOLATILE ROWS 1 AS 'MODULE_PATHNAME', 'pc_copy_namespace_wrapper';
