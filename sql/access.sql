-- Access: projects, API keys, people, and the roles that stand for them. The design is in
-- src/pinecone/access/README.md. What a function does is written at its Rust twin there.
--
-- No function here is SECURITY DEFINER: those that need more than their caller may, take it in Rust, for a
-- single statement, after they have judged who acts (src/pinecone/access/elevate.rs).

-- An operator that others have put into the extension's schema would be taken for the server's where its types are nearer: nothing there
-- is looked at where expressions are read or run.
SET LOCAL search_path = pg_catalog, pg_temp;

-- ---------------------------------------------------------------------------------------------
-- Roles that are there from the start, in the whole cluster. None can log in.

DO $roles$
DECLARE
    wanted name;
    giver name;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['conifer_owner', 'conifer_keys', 'conifer_people', 'conifer_gateway'] LOOP
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = wanted) THEN
            EXECUTE pg_catalog.format('CREATE ROLE %I NOLOGIN', wanted);
        ELSIF EXISTS (SELECT FROM pg_catalog.pg_roles
                       WHERE rolname = wanted AND (rolcanlogin OR rolsuper OR rolcreaterole OR rolcreatedb OR rolreplication
                                                   OR rolbypassrls)) THEN
            RAISE EXCEPTION 'role "%" exists and has attributes that it must not have', wanted
                USING ERRCODE = 'duplicate_object', HINT = 'Drop or rename the role.';
        END IF;
        -- As somebody without the rights of a superuser who has made the role, from PostgreSQL 16 on.
        SELECT r.rolname INTO giver FROM pg_catalog.pg_auth_members m JOIN pg_catalog.pg_roles r ON r.oid = m.member
         WHERE m.roleid = wanted::pg_catalog.regrole AND m.admin_option AND NOT r.rolsuper LIMIT 1;
        IF giver IS NOT NULL THEN
            RAISE EXCEPTION 'role "%" exists and can be given to anybody by role "%"', wanted, giver
                USING ERRCODE = 'duplicate_object', HINT = 'Drop or rename the role, or revoke its ADMIN OPTION.';
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_catalog.pg_auth_members WHERE roleid = 'conifer_owner'::pg_catalog.regrole) THEN
        RAISE EXCEPTION 'role "conifer_owner" has members'
            USING ERRCODE = 'duplicate_object', HINT = 'It owns the records of all projects: revoke it from its members.';
    END IF;
END
$roles$;

COMMENT ON ROLE conifer_owner IS 'Conifer: owns registry and index tables';
COMMENT ON ROLE conifer_keys IS 'Conifer: all API keys';
COMMENT ON ROLE conifer_people IS 'Conifer: all ordinary roles with a role of Pinecone''s';
COMMENT ON ROLE conifer_gateway IS 'Conifer: pooled sessions, which act as a key by pc_use_key';

-- ---------------------------------------------------------------------------------------------
-- Schemas. Their names are fixed, whatever schema the extension is created in.

CREATE SCHEMA pc AUTHORIZATION conifer_owner;       -- the registry of indexes, and internal functions
CREATE SCHEMA pc_auth AUTHORIZATION conifer_owner;  -- projects, keys, people
CREATE SCHEMA pc_data AUTHORIZATION conifer_owner;  -- one table an index, i_<index_id>

COMMENT ON SCHEMA pc IS 'Conifer: registry of indexes';
COMMENT ON SCHEMA pc_auth IS 'Conifer: projects and access';
COMMENT ON SCHEMA pc_data IS 'Conifer: one table for each index';

GRANT USAGE ON SCHEMA pc, pc_data TO conifer_keys, conifer_people, conifer_gateway;

-- ---------------------------------------------------------------------------------------------
-- Catalogs. Only conifer_owner and superusers read them. Rows made by users are carried by pg_dump; the default
-- project is made by the script itself and so must not be dumped a second time.
--
-- There are no foreign keys among them: a dump holds no order for the rows of an extension's tables, so a parallel restore,
-- and a subscription's first copy, write children before their parents. The functions hold the parents of what they write
-- (src/pinecone/access/parents.rs), and triggers take the children of a row along (roles/cascade.rs).

CREATE TABLE pc_auth.project (
    project_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    name text COLLATE "C" NOT NULL UNIQUE CHECK (pg_catalog.char_length(name) BETWEEN 1 AND 512),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now()
);
INSERT INTO pc_auth.project (project_id, name) VALUES ('00000000-0000-0000-0000-000000000000', 'default');

-- Groups that carry the privileges on tables: of a project, or of an index for keys that are limited to some. Made when
-- the first key or person needs them. The names are random, for roles belong to the cluster and projects to a database.
CREATE TABLE pc_auth.group_role (
    role_name name PRIMARY KEY CHECK (role_name ~ '^cf[pi]_[0-9a-hjkmnp-tv-z]{16}$'),
    project_id uuid NOT NULL,
    index_id integer,
    level "char" NOT NULL CHECK (level IN ('r', 'w')),
    UNIQUE NULLS NOT DISTINCT (project_id, index_id, level)
);

CREATE TABLE pc_auth.api_key (
    key_id text COLLATE "C" PRIMARY KEY CHECK (key_id ~ '^cfk_[0-9a-hjkmnp-tv-z]{16}$'),
    project_id uuid NOT NULL,
    name text NOT NULL CHECK (pg_catalog.char_length(name) BETWEEN 1 AND 80),
    control_plane "char" NOT NULL CHECK (control_plane IN ('n', 'r', 'w')),
    data_plane "char" NOT NULL CHECK (data_plane IN ('n', 'r', 'w')),
    scoped boolean NOT NULL DEFAULT false,
    secret_hash bytea NOT NULL CHECK (pg_catalog.octet_length(secret_hash) = 32),
    verifier text NOT NULL CHECK (verifier LIKE 'SCRAM-SHA-256$%'),
    created_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by name NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz,
    revoked_by name,
    rotated_from text COLLATE "C"
);
CREATE INDEX ON pc_auth.api_key (project_id, created_at);

-- By number: an index that is dropped and made again under the same name is out of the scope.
CREATE TABLE pc_auth.key_scope (
    key_id text COLLATE "C" NOT NULL,
    index_id integer NOT NULL,
    namespaces text[] COLLATE "C",
    PRIMARY KEY (key_id, index_id)
);

-- Apart from the keys: a row lock there would let a key keep its own revocation waiting.
CREATE TABLE pc_auth.key_use (
    key_id text COLLATE "C" PRIMARY KEY,
    last_used_at timestamptz NOT NULL
) WITH (fillfactor = 50);

CREATE FUNCTION pc_auth.role_number(name name) RETURNS oid
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'role_number_wrapper';
CREATE TABLE pc_auth.member (
    -- What a subscriber knows the row by: an organisation's role has no project, and a column that is computed cannot be part
    -- of a replica identity.
    grant_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    member name NOT NULL,
    -- Of the role that the name meant when the row came in: not of one that is made later under the same name. No dump
    -- carries it.
    role_oid oid NOT NULL GENERATED ALWAYS AS (pc_auth.role_number(member)) STORED,
    role text COLLATE "C" NOT NULL CHECK (role IN (
        'OrgOwner', 'OrgManager', 'OrgMember', 'OrgBillingAdmin', 'ProjectOwner', 'ProjectManager', 'ProjectMember',
        'ProjectEditor', 'ProjectViewer', 'ControlPlaneEditor', 'ControlPlaneViewer', 'DataPlaneEditor', 'DataPlaneViewer')),
    project_id uuid,
    granted_by name NOT NULL,
    granted_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    -- The role was in conifer_people before it was given anything here, and stays there when all is taken from it.
    by_hand boolean NOT NULL DEFAULT false,
    UNIQUE NULLS NOT DISTINCT (member, role, project_id),
    CHECK ((project_id IS NULL) = (role LIKE 'Org%'))
);

-- One row once it is set.
CREATE TABLE pc_auth.organisation (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    default_role text COLLATE "C",
    default_project uuid
);

-- What the numbers of locks on users' names are hashed with, which everybody sees (src/pinecone/access/locks.rs). Each database draws its
-- own, which no dump carries; a subscription may bring the publisher's beside it, and the first one counts.
CREATE TABLE pc_auth.lock_secret (secret uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid());
INSERT INTO pc_auth.lock_secret DEFAULT VALUES;

-- The numbers of the databases in which a key's role was made, or made to agree with its row. No dump carries them: a key that has another
-- database's number and not this one's came with a copy by TEMPLATE (src/pinecone/access/roles/home_database.rs). A subscription may bring the
-- publisher's beside it.
CREATE TABLE pc_auth.key_home (
    home_id uuid PRIMARY KEY DEFAULT pg_catalog.gen_random_uuid(),
    key_id text COLLATE "C" NOT NULL,
    database oid NOT NULL
);
CREATE INDEX ON pc_auth.key_home (key_id);

CREATE SEQUENCE pc_auth.audit_seq;
CREATE TABLE pc_auth.audit (
    seq bigint PRIMARY KEY DEFAULT pg_catalog.nextval('pc_auth.audit_seq'),
    at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp(),
    actor text NOT NULL,
    actor_type text NOT NULL,
    session_role name NOT NULL,
    client inet,
    application text,
    project_id uuid,
    action text NOT NULL,
    resource_type text NOT NULL,
    resource text,
    outcome text NOT NULL CHECK (outcome IN ('success', 'failure')),
    reason text,
    parameters jsonb
);
CREATE INDEX ON pc_auth.audit (at);
ALTER SEQUENCE pc_auth.audit_seq OWNED BY pc_auth.audit.seq;

DO $own$
DECLARE
    mine regclass;
BEGIN
    FOR mine IN SELECT oid FROM pg_catalog.pg_class WHERE relnamespace = 'pc_auth'::pg_catalog.regnamespace AND relkind = 'r' LOOP
        EXECUTE pg_catalog.format('ALTER TABLE %s OWNER TO conifer_owner', mine);
    END LOOP;
END
$own$;

SELECT pg_catalog.pg_extension_config_dump('pc_auth.project',
    $$WHERE project_id <> '00000000-0000-0000-0000-000000000000'$$);
SELECT pg_catalog.pg_extension_config_dump('pc_auth.group_role', '');
SELECT pg_catalog.pg_extension_config_dump('pc_auth.api_key', '');
SELECT pg_catalog.pg_extension_config_dump('pc_auth.key_scope', '');
SELECT pg_catalog.pg_extension_config_dump('pc_auth.key_use', '');
-- Without the rows of roles that were dropped, or renamed and not yet written anew: a dump carries names, and the name may be that of
-- another role where it is restored.
SELECT pg_catalog.pg_extension_config_dump('pc_auth.member',
    $$WHERE role_oid = '0' OR EXISTS (SELECT FROM pg_catalog.pg_roles r WHERE r.oid = role_oid AND r.rolname = member)$$);
SELECT pg_catalog.pg_extension_config_dump('pc_auth.organisation', '');
SELECT pg_catalog.pg_extension_config_dump('pc_auth.audit', '');
SELECT pg_catalog.pg_extension_config_dump('pc_auth.audit_seq', '');

-- ---------------------------------------------------------------------------------------------
-- Roles follow rows: whoever writes these tables, be it a function of ours, a restore or a subscription, makes, changes
-- and drops the login role of a key, the groups and the memberships in them.

CREATE FUNCTION pc_auth.follow_key() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'follow_key_wrapper';
CREATE FUNCTION pc_auth.follow_scope() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'follow_scope_wrapper';
CREATE FUNCTION pc_auth.follow_group() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'follow_group_wrapper';
CREATE FUNCTION pc_auth.follow_member() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'follow_member_wrapper';
CREATE FUNCTION pc_auth.follow_project() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'follow_project_wrapper';
CREATE FUNCTION pc_auth.follow_organisation() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'follow_organisation_wrapper';
CREATE FUNCTION pc_auth.follow_index() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'follow_index_wrapper';
CREATE FUNCTION pc_auth.cascade_project() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cascade_project_wrapper';
CREATE FUNCTION pc_auth.cascade_key() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cascade_key_wrapper';
CREATE FUNCTION pc_auth.cascade_index() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'cascade_index_wrapper';
CREATE FUNCTION pc_auth.keep_number() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'keep_number_wrapper';
CREATE FUNCTION pc_auth.adopt_default() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'adopt_default_wrapper';
CREATE FUNCTION pc_auth.tell_index() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'tell_index_wrapper';
CREATE FUNCTION pc_auth.freeze_audit() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'freeze_audit_wrapper';
REVOKE EXECUTE ON FUNCTION pc_auth.follow_key(), pc_auth.follow_scope(), pc_auth.follow_group(), pc_auth.follow_member(),
    pc_auth.follow_project(), pc_auth.follow_organisation(), pc_auth.follow_index(), pc_auth.cascade_project(),
    pc_auth.cascade_key(), pc_auth.cascade_index(), pc_auth.keep_number(), pc_auth.adopt_default(),
    pc_auth.tell_index(), pc_auth.freeze_audit() FROM PUBLIC;

CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON pc_auth.api_key
    FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_key();
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON pc_auth.key_scope
    FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_scope();
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON pc_auth.group_role
    FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_group();
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON pc_auth.member
    FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_member();
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON pc_auth.project
    FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_project();
CREATE TRIGGER follow AFTER INSERT OR UPDATE OR DELETE ON pc_auth.organisation
    FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_organisation();
CREATE TRIGGER frozen BEFORE UPDATE OR DELETE ON pc_auth.audit
    FOR EACH ROW EXECUTE FUNCTION pc_auth.freeze_audit();
CREATE TRIGGER frozen_all BEFORE TRUNCATE ON pc_auth.audit
    FOR EACH STATEMENT EXECUTE FUNCTION pc_auth.freeze_audit();
ALTER TABLE pc_auth.api_key ENABLE ALWAYS TRIGGER follow;
ALTER TABLE pc_auth.key_scope ENABLE ALWAYS TRIGGER follow;
ALTER TABLE pc_auth.group_role ENABLE ALWAYS TRIGGER follow;
ALTER TABLE pc_auth.member ENABLE ALWAYS TRIGGER follow;
ALTER TABLE pc_auth.project ENABLE ALWAYS TRIGGER follow;
ALTER TABLE pc_auth.organisation ENABLE ALWAYS TRIGGER follow;

-- Sessions keep the secret; a subscription may bring another one.
CREATE TRIGGER tell AFTER INSERT OR UPDATE OR DELETE ON pc_auth.lock_secret
    FOR EACH ROW EXECUTE FUNCTION pc_auth.tell_index();
ALTER TABLE pc_auth.lock_secret ENABLE ALWAYS TRIGGER tell;

-- As foreign keys' actions, these leave a subscriber alone, which is sent what the publisher's did.
CREATE TRIGGER cascade AFTER DELETE ON pc_auth.project
    FOR EACH ROW EXECUTE FUNCTION pc_auth.cascade_project();
CREATE TRIGGER cascade AFTER DELETE ON pc_auth.api_key
    FOR EACH ROW EXECUTE FUNCTION pc_auth.cascade_key();
CREATE TRIGGER keep_number BEFORE UPDATE OF project_id ON pc_auth.project
    FOR EACH ROW WHEN (OLD.project_id <> NEW.project_id) EXECUTE FUNCTION pc_auth.keep_number();
CREATE TRIGGER keep_number BEFORE UPDATE OF key_id ON pc_auth.api_key
    FOR EACH ROW WHEN (OLD.key_id <> NEW.key_id) EXECUTE FUNCTION pc_auth.keep_number();

-- Every database has the default project: a subscription that copies it takes it over instead of failing over and over.
CREATE TRIGGER adopt BEFORE INSERT ON pc_auth.project
    FOR EACH ROW WHEN (NEW.project_id = '00000000-0000-0000-0000-000000000000')
    EXECUTE FUNCTION pc_auth.adopt_default();
ALTER TABLE pc_auth.project ENABLE ALWAYS TRIGGER adopt;

-- Before DROP EXTENSION conifer, and what takes the extension along: the roles of keys and groups go with it.
CREATE FUNCTION pc_auth.before_drop() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'before_drop_wrapper';
REVOKE EXECUTE ON FUNCTION pc_auth.before_drop() FROM PUBLIC;
-- And before other commands by which its objects may go or move: a session that has not loaded the library loads it by this (src/pinecone/access/hooks/drops.rs).
CREATE EVENT TRIGGER pc_before_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED', 'ALTER EXTENSION', 'ALTER SCHEMA', 'DROP TYPE', 'DROP FUNCTION',
                                                              'DROP ROUTINE', 'DROP AGGREGATE', 'DROP CAST', 'DROP OPERATOR', 'DROP OPERATOR CLASS', 'DROP OPERATOR FAMILY',
                                                              'DROP ACCESS METHOD')
    EXECUTE FUNCTION pc_auth.before_drop();

-- A session that has not loaded the library loads it by this before it makes an index, or what locks a table before the server asks whose it is; CREATE SCHEMA
-- may have these in it.
CREATE FUNCTION pc_auth.before_index() RETURNS event_trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'before_index_wrapper';
REVOKE EXECUTE ON FUNCTION pc_auth.before_index() FROM PUBLIC;
CREATE EVENT TRIGGER pc_before_index ON ddl_command_start WHEN TAG IN ('CREATE INDEX', 'CREATE SCHEMA', 'CREATE RULE', 'CREATE TRIGGER', 'CREATE STATISTICS', 'CREATE TABLE', 'ALTER TABLE',
                                                               'CREATE FOREIGN TABLE', 'ALTER FOREIGN TABLE', 'ALTER INDEX', 'ALTER MATERIALIZED VIEW', 'COMMENT', 'SECURITY LABEL')
    EXECUTE FUNCTION pc_auth.before_index();

-- ---------------------------------------------------------------------------------------------
-- What the policies ask. They judge whoever acts, not their arguments' owner: everybody may ask about themselves.

-- The planner asks this about each call of the others, so that the library is loaded before there is a plan.
CREATE FUNCTION pc_auth.policy_support(internal) RETURNS internal
    LANGUAGE c IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'policy_support_wrapper';
CREATE FUNCTION pc_auth.reads_all(project_id uuid, index_id integer) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 10 SUPPORT pc_auth.policy_support
    AS 'MODULE_PATHNAME', 'reads_all_wrapper';
CREATE FUNCTION pc_auth.readable(project_id uuid, index_id integer) RETURNS text[]
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 10 SUPPORT pc_auth.policy_support
    AS 'MODULE_PATHNAME', 'readable_wrapper';
CREATE FUNCTION pc_auth.writes_all(project_id uuid, index_id integer) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 10 SUPPORT pc_auth.policy_support
    AS 'MODULE_PATHNAME', 'writes_all_wrapper';
CREATE FUNCTION pc_auth.writable(project_id uuid, index_id integer) RETURNS text[]
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 10 SUPPORT pc_auth.policy_support
    AS 'MODULE_PATHNAME', 'writable_wrapper';
CREATE FUNCTION pc_auth.describes(project_id uuid, index_id integer) RETURNS boolean
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 10 AS 'MODULE_PATHNAME', 'describes_wrapper';
-- The namespaces of an index that can be reached; NULL if all can.
CREATE FUNCTION pc_auth.reachable(project_id uuid, index_id integer) RETURNS text[]
    LANGUAGE c STABLE STRICT PARALLEL RESTRICTED COST 10 AS 'MODULE_PATHNAME', 'reachable_wrapper';

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
-- Projects

CREATE FUNCTION pc_create_project(name text)
    RETURNS TABLE (project_id uuid, name text, created_at timestamptz)
    LANGUAGE c VOLATILE ROWS 1 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_create_project_wrapper';
CREATE FUNCTION pc_list_projects()
    RETURNS TABLE (project_id uuid, name text, created_at timestamptz)
    LANGUAGE c STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_list_projects_wrapper';
CREATE FUNCTION pc_describe_project(name text)
    RETURNS TABLE (project_id uuid, name text, created_at timestamptz)
    LANGUAGE c STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_describe_project_wrapper';
CREATE FUNCTION pc_delete_project(name text) RETURNS void
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_delete_project_wrapper';

-- ---------------------------------------------------------------------------------------------
-- API keys

CREATE FUNCTION pc_create_api_key(
    name text,
    general text DEFAULT NULL,
    control_plane text DEFAULT NULL,
    data_plane text DEFAULT NULL,
    roles text[] DEFAULT NULL,
    project text DEFAULT NULL,
    indexes text[] DEFAULT NULL,
    namespaces jsonb DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL
) RETURNS TABLE (key_id text, api_key text)
    LANGUAGE c VOLATILE ROWS 1 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_create_api_key_wrapper';

CREATE FUNCTION pc_list_api_keys(project text DEFAULT NULL)
    RETURNS TABLE (
        key_id text, name text, project text, control_plane text, data_plane text, indexes text[], namespaces jsonb,
        created_at timestamptz, created_by name, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz)
    LANGUAGE c STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_list_api_keys_wrapper';

CREATE FUNCTION pc_describe_api_key(key_id text)
    RETURNS TABLE (
        key_id text, name text, project text, control_plane text, data_plane text, indexes text[], namespaces jsonb,
        created_at timestamptz, created_by name, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz)
    LANGUAGE c STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_describe_api_key_wrapper';

CREATE FUNCTION pc_update_api_key(
    key_id text,
    name text DEFAULT NULL,
    general text DEFAULT NULL,
    control_plane text DEFAULT NULL,
    data_plane text DEFAULT NULL,
    roles text[] DEFAULT NULL,
    indexes text[] DEFAULT NULL,
    namespaces jsonb DEFAULT NULL,
    expires_at timestamptz DEFAULT NULL
) RETURNS TABLE (
        key_id text, name text, project text, control_plane text, data_plane text, indexes text[], namespaces jsonb,
        created_at timestamptz, created_by name, expires_at timestamptz, revoked_at timestamptz, last_used_at timestamptz)
    LANGUAGE c VOLATILE ROWS 1 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_update_api_key_wrapper';

CREATE FUNCTION pc_rotate_api_key(key_id text, overlap interval DEFAULT '1 hour')
    RETURNS TABLE (key_id text, api_key text)
    LANGUAGE c VOLATILE ROWS 1 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_rotate_api_key_wrapper';
CREATE FUNCTION pc_revoke_api_key(key_id text) RETURNS void
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_revoke_api_key_wrapper';

CREATE FUNCTION pc_use_key(api_key text) RETURNS void
    LANGUAGE c VOLATILE PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'pc_use_key_wrapper';
CREATE FUNCTION pc_whoami()
    RETURNS TABLE (kind text, id text, project text, control_plane text, data_plane text, scoped boolean)
    LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 1 SET search_path = pg_catalog, pg_temp
    AS 'MODULE_PATHNAME', 'pc_whoami_wrapper';

CREATE FUNCTION pc_make_independent() RETURNS bigint
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_make_independent_wrapper';
CREATE FUNCTION pc_sync_roles(claim boolean DEFAULT false) RETURNS bigint
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_sync_roles_wrapper';

-- ---------------------------------------------------------------------------------------------
-- People

CREATE FUNCTION pc_grant_role(member name, role text, project text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_grant_role_wrapper';
CREATE FUNCTION pc_revoke_role(member name, role text, project text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_revoke_role_wrapper';
CREATE FUNCTION pc_list_members(project text DEFAULT NULL)
    RETURNS TABLE (member name, role text, project text, granted_by name, granted_at timestamptz)
    LANGUAGE c STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_list_members_wrapper';
CREATE FUNCTION pc_set_default_role(role text, project text DEFAULT NULL) RETURNS void
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_set_default_role_wrapper';

-- ---------------------------------------------------------------------------------------------
-- Audit and report

CREATE FUNCTION pc_audit(since timestamptz DEFAULT NULL, until timestamptz DEFAULT NULL, actor text DEFAULT NULL,
                         action text DEFAULT NULL)
    RETURNS TABLE (
        seq bigint, at timestamptz, actor text, actor_type text, session_role name, client inet, application text,
        project text, action text, resource_type text, resource text, outcome text, reason text, parameters jsonb)
    LANGUAGE c STABLE ROWS 100 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_audit_wrapper';
CREATE FUNCTION pc_prune_audit(before timestamptz) RETURNS bigint
    LANGUAGE c VOLATILE SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_prune_audit_wrapper';
CREATE FUNCTION pc_security_report()
    RETURNS TABLE (area text, item text, state text, found text, advice text)
    LANGUAGE c STABLE ROWS 50 SET search_path = pg_catalog, pg_temp AS 'MODULE_PATHNAME', 'pc_security_report_wrapper';
