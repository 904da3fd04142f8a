"""Attacks by people with a role of their own in the database: what they plant for others to step on, and what they ask for
themselves. Mallory has the right to create things in a schema of hers, and ProjectViewer on project `own`."""

import psycopg
import pytest

from tests.pinecone.access.world import create_key, ids, state, world
from tests.support.cluster import Cluster

__all__ = ["world"]


@pytest.fixture
def mallory(world):
    """Her session; the role goes when the test is over."""
    name = f"mallory_{world.database}"
    world.db.execute(f"CREATE ROLE {name} LOGIN; CREATE SCHEMA evil AUTHORIZATION {name}")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", [name])
    session = world.login(name)
    yield session
    session.close()
    world.db.execute(f"DROP SCHEMA evil CASCADE; DROP OWNED BY {name}")
    world.db.execute("DELETE FROM pc_auth.member WHERE member = %s", [name])
    world.db.execute(f"DROP ROLE {name}")


def name(session) -> str:
    return session.info.user


def spies(session) -> None:
    """An operator or function for every one that our statements could mean, which tells who calls it."""
    session.execute("CREATE TABLE evil.seen (who text, what text)")
    session.execute("GRANT ALL ON evil.seen TO PUBLIC; GRANT USAGE ON SCHEMA evil TO PUBLIC")
    types = ["text", "name", "uuid", "oid", "integer", "bigint", "boolean", "timestamptz", "interval", "jsonb", '"char"', "text[]",
             "name[]", "regrole", "double precision", "real", "public.vector", "bytea", "inet"]
    for number, kind in enumerate(types):
        for operator in ("=", "<>", "<", ">", "<=", ">=", "~", "||", "+", "-", "*", "&", "@>", "<=>", "<->", "<#>"):
            spy = f"spy{number}"
            if operator == "=":
                session.execute(f"""CREATE FUNCTION evil.{spy}(a {kind}, b {kind}) RETURNS boolean LANGUAGE plpgsql AS $$
                    BEGIN INSERT INTO evil.seen VALUES (current_user, '{kind}'); RETURN true; END $$""")
            session.execute(f"CREATE OPERATOR evil.{operator} (LEFTARG = {kind}, RIGHTARG = {kind}, FUNCTION = evil.{spy})")
    for function, arguments in {"count": "", "coalesce_": "text", "now": "", "hashtext": "text", "format": "text, text", "to_regclass": "text",
                                "pg_has_role": "name, oid, text", "current_setting": "text", "unnest": "anyarray", "sum": "bigint",
                                "jsonb_build_object": "VARIADIC \"any\"", "json_build_object": "VARIADIC \"any\"", "clock_timestamp": "",
                                "pg_backend_pid": "", "nextval": "regclass", "check_namespace": "text", "role_number": "name"}.items():
        if "any\"" in arguments:
            continue
        session.execute(f"""CREATE FUNCTION evil.{function}({arguments}) RETURNS text LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO evil.seen VALUES (current_user, '{function}'); RETURN NULL; END $$""")
    for table in ("api_key", "project", "member", "index_reg", "pg_roles", "pg_auth_members", "group_role"):
        session.execute(f"CREATE VIEW evil.{table} AS SELECT 'mine' AS project_id, evil.now() AS name")


def calls(world, key) -> list[str]:
    """Every kind of statement that people and keys make."""
    return [
        "SELECT * FROM public.pc_query('a', public.vector_in('[1,1]', 0, -1), namespace => 'n1', include_values => true)",
        "SELECT * FROM public.pc_query('a', id => 'n1-1', namespace => 'n1')",
        "SELECT * FROM public.pc_fetch('a', '{n1-1}', namespace => 'n1')",
        "SELECT * FROM public.pc_list('a', namespace => 'n1', prefix => 'n')",
        "SELECT public.pc_describe_index_stats('a')",
        """SELECT public.pc_upsert('a', '[{"id": "n1-1", "values": [1, 1]}]', 'n1')""",
        "SELECT public.pc_delete('a', '{none}', namespace => 'n1')",
        "SELECT public.pc_delete('a', delete_all => true, namespace => 'n9')",
        "SELECT public.pc_list_indexes()", "SELECT public.pc_has_index('a')", "SELECT public.pc_describe_index('a')",
        "SELECT public.pc_create_index('fresh', 2)", "SELECT public.pc_configure_index('fresh', tags => '{}')",
        "SELECT public.pc_delete_index('fresh')", "SELECT public.pc_whoami()", "SELECT public.pc_list_projects()",
        "SELECT public.pc_describe_project('own')", "SELECT public.pc_create_project('fresh')",
        "SELECT public.pc_delete_project('fresh')", "SELECT public.pc_list_members()", "SELECT public.pc_list_api_keys()",
        "SELECT public.pc_create_api_key('fresh', indexes => '{a}')",
        f"SELECT public.pc_update_api_key('{key[0]}', name => 'spied on')", f"SELECT public.pc_describe_api_key('{key[0]}')",
        f"SELECT public.pc_rotate_api_key('{key[0]}')",
        f"SELECT public.pc_grant_role('{world.stranger}', 'ProjectViewer', 'own')",
        f"SELECT public.pc_revoke_role('{world.stranger}', 'ProjectViewer', 'own')",
        "SELECT public.pc_set_default_role(NULL)", "SELECT public.pc_sync_roles()", "SELECT public.pc_audit()",
        "SELECT public.pc_security_report()",
        f"SELECT namespace FROM {world.tables['a']}",
    ]


def test_names_in_a_hostile_search_path(world, mallory):
    """With her operators, functions and views before the server's, no statement of ours runs any."""
    spies(mallory)
    key = world.key("spied", namespaces='{"a": ["n1"]}')
    with world.login(key[0]) as one, world.login(world.gateway, autocommit=False) as pooled, \
            world.login(world.people["OrgOwner"]) as owner, world.login(name(mallory)) as viewer:
        pooled.execute("SET search_path = evil, pg_catalog, public; SET conifer.project = 'own'")
        pooled.commit()
        for session in (one, pooled, owner, viewer):
            if session is not pooled:
                session.execute("SET search_path = evil, pg_catalog, public; SET conifer.project = 'own'")
            for call in calls(world, key):
                if session is pooled:
                    session.execute("SELECT public.pc_use_key(%s)", [key[1]])
                said = state(session, call)
                assert said in (None, "42501", "42P01", "42704") or session is owner and "security_report" in call, (session.info.user, call, said)
                if session is owner:
                    assert said is None, call
                session.execute("ROLLBACK") if session is pooled else None
    assert world.db.execute("SELECT DISTINCT who, what FROM evil.seen").fetchall() == []


def test_rows_in_a_hostile_search_path(world, mallory):
    """What the triggers of rows do, and the hook of a renaming, in the session of a superuser who has her schema before the server's."""
    spies(mallory)
    key = world.key("spied")
    person = world.people["ProjectViewer"]
    with world.login("postgres") as session:
        session.execute("SET search_path = evil, pg_catalog, public")
        session.execute(f"DROP ROLE {key[0]}")  # it is made again
        for table, column in {"project": "name", "api_key": "name", "group_role": "level", "member": "role", "organisation": "default_role"}.items():
            session.execute(f"UPDATE pc_auth.{table} SET {column} = {column}")
        session.execute(f"ALTER ROLE {person} RENAME TO {person}_x; ALTER ROLE {person}_x RENAME TO {person}; UPDATE pc.index_reg SET name = name")
        session.execute(f"DROP OWNED BY {key[0]}")
        session.execute("SELECT public.pc_list_api_keys(), public.pc_list_members(), public.pc_sync_roles()")
    assert world.db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [key[0]]).fetchone()
    assert world.db.execute("SELECT DISTINCT who, what FROM evil.seen").fetchall() == []


def test_a_database_without_the_extension(world):
    """The library is loaded where a key logs in, and by `shared_preload_libraries`; schemas of our names belong to whoever made them
    there. Nothing of theirs is run as `conifer_owner`."""
    server, database, planter = world.server, f"{world.database}_bare", f"planter_{world.database}"
    key = world.key("strays")
    server.create_database(database)
    world.db.execute(f"CREATE ROLE {planter} LOGIN; GRANT CREATE ON DATABASE {database} TO {planter}")
    planted = {
        "project": "'00000000-0000-0000-0000-000000000000'::uuid AS project_id, 'default'::text AS name",
        "api_key": f"""'{key[0]}'::text AS key_id, '00000000-0000-0000-0000-000000000000'::uuid AS project_id, 'w'::"char" AS control_plane,
                       'w'::"char" AS data_plane, false AS scoped, NULL::timestamptz AS expires_at, NULL::timestamptz AS revoked_at""",
        "member": "'OrgOwner'::text AS role, NULL::uuid AS project_id, '0'::oid AS role_oid",
        "organisation": "'ProjectOwner'::text AS default_role, NULL::uuid AS default_project",
    }
    try:
        with server.connect(database, user=planter) as session:
            session.execute("""CREATE SCHEMA evil; CREATE TABLE evil.seen (who text, what text); CREATE SCHEMA pc_auth; CREATE SCHEMA pc_data;
                CREATE FUNCTION evil.tell(what text) RETURNS boolean LANGUAGE plpgsql AS $$
                    BEGIN INSERT INTO evil.seen VALUES (current_user, what); RETURN true; END $$;
                CREATE TABLE pc_data.i_1 (id text)""")
            for view, columns in planted.items():
                session.execute(f"CREATE VIEW pc_auth.{view} AS SELECT {columns} WHERE evil.tell('{view}')")
            session.execute("""GRANT USAGE ON SCHEMA evil, pc_auth, pc_data TO PUBLIC; GRANT ALL ON evil.seen TO PUBLIC;
                GRANT SELECT ON ALL TABLES IN SCHEMA pc_auth, pc_data TO PUBLIC""")
        loaded = "-c session_preload_libraries=conifer -c conifer.audit_data_plane=on"
        with server.connect(database, options=loaded) as session:
            assert session.execute("SELECT * FROM pc_data.i_1").fetchall() == []
        with server.connect(database, user=key[0]) as session:
            assert state(session, "CREATE TEMP TABLE t (a int)") == "42501"
        with server.connect(database) as session:
            assert session.execute("SELECT DISTINCT who, what FROM evil.seen").fetchall() == []
    finally:
        server.drop_database(database)
        world.db.execute(f"DROP ROLE {planter}")


def test_schemas_that_a_superuser_gave_away(world):
    """Nobody acts by rows that somebody else may write."""
    with world.login("postgres", autocommit=False) as session:
        session.execute("ALTER SCHEMA pc_auth OWNER TO postgres")
        session.execute("SAVEPOINT one")
        for call in ("SELECT pc_list_indexes()", "SELECT pc_query('a', '[1,1]')", "SELECT pc_list_api_keys()"):
            assert state(session, call) == "55000", call
            session.execute("ROLLBACK TO one")
        assert session.execute("SELECT kind FROM pc_whoami()").fetchone() == ("none",)
        session.rollback()
        assert state(session, "SELECT pc_list_indexes()") is None


def test_temporary_tables_in_front(world):
    """Temporary relations come before all others unless a path names them last: views of the names of ours and the
    server's, which tell who reads them, are read by nobody and change no answer."""
    world.db.execute("CREATE SCHEMA evil; CREATE TABLE evil.seen (who text, what text)")
    world.db.execute("GRANT ALL ON evil.seen TO PUBLIC; GRANT USAGE ON SCHEMA evil TO PUBLIC")
    names = [row[0] for row in world.db.execute("""SELECT DISTINCT relname FROM pg_class
        WHERE relnamespace::regnamespace::text IN ('pc', 'pc_auth', 'pg_catalog') AND relkind IN ('r', 'v')""")]
    key = world.key("behind", namespaces='{"a": ["n1"]}')
    try:
        with world.login(key[0]) as one, world.login(world.people["OrgOwner"]) as owner:
            assert state(one, "CREATE FUNCTION pg_temp.tell() RETURNS int LANGUAGE sql AS 'SELECT 1'") == "42501"
            owner.execute("SET conifer.project = 'own'")
            before = [state(owner, call) for call in calls(world, key)]
            owner.execute("""CREATE FUNCTION pg_temp.tell(what text) RETURNS text LANGUAGE plpgsql AS $$
                BEGIN INSERT INTO evil.seen VALUES (current_user, what); RETURN what; END $$""")
            for relation in names:
                owner.execute(f"""CREATE TEMP VIEW "{relation}" AS SELECT pg_temp.tell('{relation}') AS name""")
            owner.execute("SELECT * FROM api_key")
            assert owner.execute("DELETE FROM evil.seen RETURNING what").fetchall() == [("api_key",)]
            after = [state(owner, call) for call in calls(world, key)]
            different = [at for at in zip(calls(world, key), before, after) if at[1] != at[2]]
            assert different == [], (owner.info.user, different)
            assert owner.execute("SELECT DISTINCT who, what FROM evil.seen").fetchall() == []
    finally:
        world.db.execute("DROP SCHEMA evil CASCADE")


DEEDS = {
    "grant_role": "PERFORM public.pc_grant_role('{me}', 'OrgOwner')",
    "create_api_key": "INSERT INTO evil.loot SELECT api_key FROM public.pc_create_api_key('loot', project => 'other')",
    "delete_index": "PERFORM set_config('conifer.project', 'other', true); PERFORM public.pc_delete_index('c')",
    "revoke": "PERFORM public.pc_set_default_role('ProjectOwner', 'other')",
}


@pytest.mark.parametrize("deed", DEEDS)
@pytest.mark.parametrize("way", ["ANALYZE", "REINDEX", "REFRESH", "definer", "VACUUM"])
def test_a_superuser_does_nothing_for_her(world, mallory, way, deed):
    """Maintenance of her tables runs her functions, as herself, in the session of a superuser."""
    body = DEEDS[deed].format(me=name(mallory))
    mallory.execute("CREATE TABLE evil.loot (key text); CREATE TABLE evil.tried (error text); CREATE TABLE evil.t (a int)")
    mallory.execute(f"""CREATE FUNCTION evil.h() RETURNS int LANGUAGE plpgsql AS $$ BEGIN
        BEGIN {body}; INSERT INTO evil.tried VALUES ('it worked');
        EXCEPTION WHEN others THEN INSERT INTO evil.tried VALUES (sqlstate || sqlerrm); END; RETURN 1; END $$""")
    mallory.execute("CREATE FUNCTION evil.f(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN evil.h(); END'")
    mallory.execute("CREATE INDEX f ON evil.t (evil.f(a)); INSERT INTO evil.t SELECT generate_series(1, 100)")
    mallory.execute("CREATE MATERIALIZED VIEW evil.m AS SELECT evil.f(1) WITH NO DATA")
    mallory.execute("CREATE FUNCTION evil.g() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT evil.f(1)'")
    mallory.execute("TRUNCATE evil.tried")
    world.db.execute({"ANALYZE": "ANALYZE evil.t", "VACUUM": "VACUUM ANALYZE evil.t", "REINDEX": "REINDEX TABLE evil.t",
                      "REFRESH": "REFRESH MATERIALIZED VIEW evil.m", "definer": "SELECT evil.g()"}[way])
    tried = mallory.execute("SELECT DISTINCT error FROM evil.tried").fetchall()
    assert tried and all(error[:5] == "42501" for error, in tried), tried
    assert mallory.execute("SELECT count(*) FROM evil.loot").fetchone() == (0,)
    world.db.execute("SET conifer.project = 'own'")


def test_an_owner_of_all_does_nothing_for_her(world, mallory):
    """Nor does a person with more rights, who calls a function of hers that says it runs as its owner."""
    mallory.execute(f"""CREATE FUNCTION evil.f() RETURNS void LANGUAGE sql SECURITY DEFINER AS
        $$ SELECT public.pc_grant_role('{name(mallory)}', 'ProjectOwner', 'own') $$""")
    mallory.execute("GRANT USAGE ON SCHEMA evil TO PUBLIC")
    with world.login(world.people["OrgOwner"]) as owner:
        assert state(owner, "SELECT evil.f()") == "42501"


def test_definer_functions_do_not_widen_a_key(world):
    """A function that a superuser or an owner lends to keys judges the key."""
    key, foreign = world.key("narrow", namespaces='{"a": ["n1"]}'), create_key(world.db, "foreign", project="other")
    owner = world.people["ProjectOwner"]
    for role in ("postgres", owner):
        world.db.execute(f"""CREATE FUNCTION public.lent() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS
            $$ SELECT namespace || id FROM {world.tables['a']} $$; ALTER FUNCTION public.lent() OWNER TO {role};
            CREATE FUNCTION public.listed() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER AS
            $$ SELECT id FROM public.pc_list('a', namespace => 'n2') $$; ALTER FUNCTION public.listed() OWNER TO {role}""")
        with world.login(key[0]) as one, world.login(foreign[0]) as two, world.login(world.gateway, autocommit=False) as pooled:
            if role == owner:
                assert ids(one, "SELECT public.lent()") == ["n1n1-1", "n1n1-2"]
                assert state(two, "SELECT public.lent()") == "42501"
                assert state(pooled, "SELECT public.lent()") == "42501", "and a pooled session without a key is still nobody"
                pooled.rollback()
            assert state(one, "SELECT public.listed()") == "42501"
            assert state(two, "SELECT public.listed()") == "42P01"
            assert state(pooled, "SELECT public.listed()") == "28000"
        world.db.execute("DROP FUNCTION public.lent(); DROP FUNCTION public.listed()")


def test_what_policies_do_not_hold_for(world):
    """A superuser's view and definer function show keys all, as docs/access.md warns; those that it tells to make do not."""
    key, table = world.key("narrow", namespaces='{"a": ["n1"]}'), world.tables["a"]
    world.db.execute(f"""CREATE VIEW public.of_owner AS SELECT namespace FROM {table};
        CREATE VIEW public.of_caller WITH (security_invoker = true) AS SELECT namespace FROM {table};
        CREATE FUNCTION public.as_owner() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER SET search_path = pg_temp AS $$ SELECT namespace FROM {table} $$;
        CREATE FUNCTION public.as_caller() RETURNS SETOF text LANGUAGE sql SET search_path = pg_temp AS $$ SELECT namespace FROM {table} $$;
        GRANT SELECT ON public.of_owner, public.of_caller TO conifer_keys""")
    with world.login(key[0]) as session:
        for source in ("public.of_owner", "public.as_owner() AS t (namespace)"):
            assert ids(session, f"SELECT DISTINCT namespace FROM {source}") == ["n1", "n2"]
        for source in ("public.of_caller", "public.as_caller() AS t (namespace)"):
            assert ids(session, f"SELECT DISTINCT namespace FROM {source}") == ["n1"]
    world.db.execute("DROP VIEW public.of_owner, public.of_caller; DROP FUNCTION public.as_owner(), public.as_caller()")


@pytest.mark.parametrize("options", ["", "WITH (security_invoker = true)", "WITH (security_barrier = true)"])
def test_views(world, mallory, options):
    """A view of a table that its owner may read shows others no more than their own rows."""
    foreign, narrow = create_key(world.db, "foreign", project="other"), world.key("narrow", data_plane="ReadOnly", namespaces='{"a": ["n1"]}')
    mallory.execute(f"CREATE VIEW evil.v {options} AS SELECT * FROM {world.tables['a']}")
    mallory.execute("GRANT USAGE ON SCHEMA evil TO PUBLIC; GRANT ALL ON evil.v TO PUBLIC")
    assert len(mallory.execute("SELECT * FROM evil.v").fetchall()) == 4
    with world.login(foreign[0]) as other, world.login(narrow[0]) as one, world.login(world.stranger) as nobody:
        for session in (other, nobody):
            try:
                assert session.execute("SELECT * FROM evil.v").fetchall() == []
            except psycopg.errors.InsufficientPrivilege:
                pass
        assert ids(one, "SELECT DISTINCT namespace FROM evil.v") == ["n1"]
        for session in (other, nobody, one):
            assert state(session, "DELETE FROM evil.v") == "42501", "nobody has that right"


def test_triggers_rules_and_foreign_keys(world, mallory):
    """What she attaches to tables of hers does not reach ours, and cannot be attached to ours."""
    table = world.tables["a"]
    mallory.execute("CREATE TABLE evil.t (namespace text, id text)")
    for statement in (f"ALTER TABLE evil.t ADD FOREIGN KEY (namespace, id) REFERENCES {table}",
                      f"CREATE TABLE evil.r (namespace text, id text, FOREIGN KEY (namespace, id) REFERENCES {table})",
                      f"CREATE TABLE evil.i () INHERITS ({table})", f"ALTER TABLE {table} INHERIT evil.t",
                      f"CREATE RULE r AS ON SELECT TO {table} DO INSTEAD SELECT 1",
                      f"CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
                      f"CREATE STATISTICS evil.s ON namespace, id FROM {table}", f"CREATE INDEX ON {table} (id)",
                      f"CREATE PUBLICATION p FOR TABLE {table}", f"ALTER TABLE {table} SET SCHEMA evil",
                      "CREATE TRIGGER t AFTER INSERT ON evil.t FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_key()",
                      "CREATE TRIGGER t AFTER INSERT ON evil.t FOR EACH ROW EXECUTE FUNCTION pc_auth.follow_member()",
                      "CREATE EVENT TRIGGER e ON ddl_command_start EXECUTE FUNCTION pc_auth.before_drop()"):
        assert state(mallory, statement) == "42501", statement
    mallory.execute(f"CREATE RULE r AS ON INSERT TO evil.t DO ALSO DELETE FROM {table}")
    mallory.execute("GRANT USAGE ON SCHEMA evil TO PUBLIC; GRANT ALL ON evil.t TO PUBLIC")
    key = world.key("all")
    with world.login(key[0]) as session:
        assert state(session, "INSERT INTO evil.t VALUES ('a', 'b')") == "42501", "a rule has its owner's privileges"
    assert world.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (4,)


def test_triggers_of_ours_on_tables_of_others(world, mallory):
    """Even if a superuser attaches them."""
    mallory.execute("CREATE TABLE evil.api_key (key_id text, member name, role_name name, project_id uuid, one boolean)")
    key = world.key("victim")
    for function in ("follow_key", "follow_scope", "follow_group", "follow_member", "follow_project", "follow_organisation"):
        world.db.execute(f"CREATE TRIGGER t AFTER INSERT ON evil.api_key FOR EACH ROW EXECUTE FUNCTION pc_auth.{function}()")
        assert state(mallory, f"INSERT INTO evil.api_key VALUES ('{key[0]}', '{key[0]}', '{key[0]}', gen_random_uuid(), true)") == "42501"
        world.db.execute("DROP TRIGGER t ON evil.api_key")
        assert state(world.db, f"SELECT pc_auth.{function}()") in ("42501", "0A000")
    assert world.db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [key[0]]).fetchone()


def test_a_role_of_the_same_name(world):
    """One that is dropped and made again has nothing of what the first one had, whatever becomes of others' roles."""
    role = f"twin_{world.database}"
    for given, project in (("OrgOwner", None), ("ProjectOwner", "own"), ("DataPlaneViewer", "own")):
        world.db.execute(f"CREATE ROLE {role} LOGIN")
        world.db.execute("SELECT pc_grant_role(%s, %s, %s)", [role, given, project])
        with world.login(role) as session:
            session.execute("SET conifer.project = 'own'")
            assert state(session, f"SELECT 1 FROM {world.tables['a']}") is None
        world.db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}; CREATE ROLE {role} LOGIN")
        # Each of these looks at the rows of everybody.
        world.db.execute("SELECT pc_create_project('twins'); SELECT pc_delete_project('twins')")
        world.db.execute("SELECT pc_sync_roles()")
        with world.login(role) as session:
            session.execute("SET conifer.project = 'own'")
            assert state(session, f"SELECT 1 FROM {world.tables['a']}") == "42501", given
            assert state(session, "SELECT pc_list_indexes()") == "42501", given
        world.db.execute("SELECT pc_grant_role(%s, 'ControlPlaneViewer', 'own')", [role])
        with world.login(role) as session:
            assert state(session, "SELECT pc_list_indexes()") is None
            assert state(session, f"SELECT 1 FROM {world.tables['a']}") == "42501", "only what the new one was given"
            assert state(session, "SELECT pc_create_api_key('x')") == "42501"
        world.db.execute("SELECT pc_grant_role(%s, %s, %s)", [role, given, project])
        with world.login(role) as session:
            session.execute("SET conifer.project = 'own'")
            assert state(session, f"SELECT 1 FROM {world.tables['a']}") is None, "what is given again counts again"
        world.db.execute("SELECT pc_revoke_role(%s, %s, %s), pc_revoke_role(%s, 'ControlPlaneViewer', 'own')", [role, given, project, role])
        world.db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_key_of_the_same_name(world):
    """Roles that look like keys, made by hand: after a revocation, or from nothing."""
    revoked = world.key("revoked")[0]
    world.db.execute("SELECT pc_revoke_api_key(%s)", [revoked])
    for role in (revoked, "cfk_" + "0" * 16, "cfp_" + "0" * 16, "cfk_short"):
        world.db.execute(f"CREATE ROLE {role} LOGIN")
        try:
            for more in ("", "GRANT conifer_keys TO {}", "GRANT conifer_people TO {}"):
                world.db.execute(more.format(role))
                with world.login(role) as session:
                    for statement in ("SELECT pc_list_indexes()", f"SELECT 1 FROM {world.tables['a']}"):
                        assert state(session, statement) in ("28000", "42501"), (role, more)
                    try:
                        assert session.execute("SELECT * FROM pc.index_reg").fetchall() == []
                    except psycopg.Error as error:
                        assert error.sqlstate in ("28000", "42501")
            assert state(world.db, "SELECT pc_grant_role(%s, 'ProjectOwner', 'own')", role) == ("22023" if role != "cfk_short" else None)
        finally:
            world.db.execute("DELETE FROM pc_auth.member WHERE member = %s", [role])
            world.db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_a_key_whose_role_was_tampered_with(world):
    """What a DBA's slip gave to a key's role is taken back when roles are made to agree."""
    key = world.key("tampered")[0]
    world.db.execute(f"ALTER ROLE {key} CREATEROLE CREATEDB BYPASSRLS REPLICATION PASSWORD NULL")
    assert world.db.execute("SELECT pc_sync_roles()").fetchone()[0] >= 1
    attributes = "SELECT rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, rolsuper, rolpassword IS NULL FROM pg_authid WHERE rolname = %s"
    assert world.db.execute(attributes, [key]).fetchone() == (False,) * 6


@pytest.mark.parametrize("planted", ["conifer_owner", "conifer_keys", "conifer_people", "conifer_gateway"])
@pytest.mark.parametrize("how", ["LOGIN", "SUPERUSER", "CREATEROLE", "BYPASSRLS", "REPLICATION", "CREATEDB", "member"])
def test_planted_roles(planted, how, planted_server):
    """CREATE EXTENSION refuses roles of our names that somebody has prepared."""
    if how == "member" and planted != "conifer_owner":
        pytest.skip("in a second database these have members")
    with planted_server.connect("postgres") as db:
        db.execute("CREATE ROLE planter" if how == "member" else "SELECT 1")
        db.execute(f"CREATE ROLE {planted} {'' if how == 'member' else how}")
        if how == "member":
            db.execute(f"GRANT {planted} TO planter")
        try:
            assert state(db, "CREATE EXTENSION conifer CASCADE") == "42710"
            assert state(db, "CREATE EXTENSION conifer") == "42710"
        finally:
            db.execute(f"DROP EXTENSION IF EXISTS conifer; DROP ROLE {planted}; DROP ROLE IF EXISTS planter")


@pytest.fixture(scope="module")
def planted_server():
    server = Cluster(15, "planted")
    yield server
    server.destroy()


def test_planted_schemas_and_objects(planted_server):
    """Nor does it take over a schema that is there."""
    with planted_server.connect("postgres") as db:
        for schema in ("pc", "pc_auth", "pc_data"):
            db.execute(f"CREATE SCHEMA {schema}")
            assert state(db, "CREATE EXTENSION conifer") == "42P06"
            db.execute(f"DROP SCHEMA {schema}")


def test_two_databases(server, world):
    """Keys and people of one database are nobody in another of the same cluster, and what one does leaves the other alone."""
    with server.connect("postgres") as db:
        db.execute("DROP DATABASE IF EXISTS second")
    server.create_database("second", "with_conifer")
    key, person = world.key("here"), world.people["OrgOwner"]
    viewer = world.people["ProjectViewer"]
    try:
        with server.connect("second") as db:
            db.execute("SELECT pc_create_index('a', 2)")
            db.execute("""SELECT pc_upsert('a', '[{"id": "x", "values": [1, 1]}]')""")
            table = db.execute("SELECT table_name::text FROM pc_describe_index('a')").fetchone()[0]
            for role in (key[0], person, viewer):
                with server.connect("second", user=role) as session:
                    for statement in (f"SELECT 1 FROM {table}", "SELECT pc_list('a')", "SELECT pc_list_indexes()", "SELECT pc_create_api_key('x')"):
                        assert state(session, statement) in ("42501", "28000"), (role, statement)
            db.execute("SELECT pc_grant_role(%s, 'ProjectViewer')", [viewer])
            with world.login(viewer) as session:
                assert session.execute(f"SELECT count(*) FROM {world.tables['a']}").fetchone() == (4,), "still"
            db.execute("SELECT pc_revoke_role(%s, 'ProjectViewer')", [viewer])
            with world.login(viewer) as session:
                assert session.execute(f"SELECT count(*) FROM {world.tables['a']}").fetchone() == (4,), "still"
                assert state(session, "SELECT pc_list_indexes()") is None
            with server.connect("second", user=viewer) as session:
                assert state(session, f"SELECT 1 FROM {table}") == "42501"
            assert state(db, "SELECT pc_use_key(%s)", key[1]) == "42501"
            with server.connect("second", user=world.gateway) as pooled:
                assert state(pooled, "SELECT pc_use_key(%s)", key[1]) == "28P01"
    finally:
        server.drop_database("second")


def test_direct_calls(world, mallory):
    """Neither by name nor by number: the schema is closed."""
    functions = ids(world.db, "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = 'pc_auth'::regnamespace")
    assert len(functions) >= 12
    key = world.key("calls")
    with world.login(key[0]) as session:
        for one in (session, mallory):
            for function in functions:
                arguments = ", ".join("NULL" for _ in range(function.count(",") + (not function.endswith("()"))))
                assert state(one, f"SELECT {function.split('(')[0]}({arguments})") == "42501", function


def test_projects_are_listed_for_whoever_acts(world):
    """A superuser who becomes a person is that person."""
    with world.login("postgres") as session:
        session.execute(f"SET ROLE {world.people['ProjectViewer']}")
        assert [row[0][1] for row in session.execute("SELECT pc_list_projects()")] == ["own"]


TEXTS = ["'; DROP TABLE pc_auth.api_key; --", '"; SELECT 1; --', "$1", "%s %I %L", "\\'; SELECT 1", "a'b\"c`d", "$$x$$", "ä€😀", "x\ny\tz",
         "{\"a\": 1}", "{a,b}", "NULL", "pg_catalog", "cfk_0000000000000000", "/*", "--", "\\x00", "'||current_user||'", "x" * 512]


@pytest.mark.parametrize("text", TEXTS)
def test_sql_in_texts(world, text):
    """Whatever a name, namespace, id, filter or metadata says, it is data, or refused as such."""
    import json

    refused = (None, "22023", "22P02", "42704", "42P01", "42602", "54000", "22000", "0A000", "22026", "22001", "22P05", "42622", "2200B")
    db = world.db
    key = world.key(text[:80])
    assert db.execute("SELECT name FROM pc_describe_api_key(%s)", [key[0]]).fetchone() == (text[:80],)
    assert db.execute("SELECT name FROM pc_create_project(%s)", [text]).fetchone() == (text,)
    assert state(db, "SELECT pc_list_api_keys(%s)", text) is None
    with world.login(key[0]) as session:
        calls = [
            ("SELECT pc_create_index(%s, 2)", text), ("SELECT pc_describe_index(%s)", text), ("SELECT pc_has_index(%s)", text),
            ("SELECT pc_delete_index(%s)", text), ("SELECT pc_list(%s)", text), ("SELECT pc_list('a', namespace => %s)", text),
            ("SELECT pc_list('a', prefix => %s, namespace => 'n1')", text), ("SELECT pc_list('a', pagination_token => %s)", text),
            ("SELECT pc_fetch('a', ARRAY[%s], namespace => 'n1')", text), ("SELECT pc_query('a', id => %s)", text),
            ("SELECT pc_query('a', '[1,1]', filter => %s)", json.dumps({text: text})),
            ("SELECT pc_delete('a', ARRAY[%s])", text), ("SELECT pc_delete('a', filter => %s)", json.dumps({"k": text})),
            ("SELECT pc_upsert('a', %s)", json.dumps([{"id": text, "values": [1, 1], "metadata": {text: text}}])),
            ("SELECT pc_upsert('a', %s, %s)", json.dumps([{"id": "x", "values": [1, 1]}]), text),
            ("SELECT pc_configure_index('a', tags => %s)", json.dumps({text: text})),
            ("SELECT pc_create_index('x', 2, %s)", text), ("SELECT pc_create_index('x', 2, vector_type => %s)", text),
            ("SELECT pc_create_index('x', 2, storage => %s)", text), ("SELECT pc_create_index('x', 2, deletion_protection => %s)", text),
            ("SELECT set_config('conifer.project', %s, false)", text), ("SELECT pc_list_indexes()",),
        ]
        for call in calls:
            said = state(session, *call)
            assert said in refused, (call, said)
    for call in (("SELECT pc_create_api_key('x', indexes => ARRAY[%s])", text), ("SELECT pc_create_api_key('x', namespaces => %s)", json.dumps({"a": [text]})),
                 ("SELECT pc_create_api_key('x', namespaces => %s)", json.dumps({text: ["x"]})), ("SELECT pc_create_api_key('x', roles => ARRAY[%s])", text),
                 ("SELECT pc_create_api_key('x', general => %s)", text), ("SELECT pc_revoke_api_key(%s)", text), ("SELECT pc_rotate_api_key(%s)", text),
                 ("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", text), ("SELECT pc_grant_role(%s, 'ProjectViewer', %s)", world.stranger, text),
                 ("SELECT pc_revoke_role(%s, %s)", text, text), ("SELECT pc_set_default_role(%s)", text), ("SELECT pc_audit(actor => %s, action => %s)", text, text)):
        said = state(db, *call)
        assert said in refused, (call, said)
    db.execute("DELETE FROM pc_auth.member WHERE member = %s", [world.stranger])
    assert db.execute("SELECT count(*) FROM pc_auth.api_key").fetchone()[0] > 0
    world.db.execute(f"DELETE FROM {world.tables['a']} WHERE id = 'x' OR namespace NOT IN ('n1', 'n2')")
