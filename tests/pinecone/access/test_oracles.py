"""Plans, counters and messages tell of rows before a policy does: who may not read a table gets none of them, and who may read
some of its rows gets no plans."""

import json
import time

import psycopg
import pytest

from tests.pinecone.access.world import create_key, refusal, state, world

__all__ = ["world"]

# What a session is asked of a table: plans, and statements after which a counter would tell.
ASKED = (
    "EXPLAIN SELECT 1 FROM {t} WHERE namespace = 'n1' AND id = 'n1-1'",
    "EXPLAIN (ANALYZE, COSTS OFF) SELECT 1 FROM {t} WHERE namespace = 'n1' AND id = 'n1-1'",
    "EXPLAIN (ANALYZE, COSTS OFF) DELETE FROM {t} WHERE namespace = 'n1'",
    "SELECT 1 FROM {t} WHERE namespace = 'n1' AND id = 'n1-1'",
    "SELECT 1 FROM {t} x WHERE EXISTS (SELECT FROM {t} y WHERE y.id < x.id)",
    "WITH gone AS (DELETE FROM {t} RETURNING 1) SELECT count(*) FROM gone",
    "UPDATE {t} SET metadata = '{{}}'",
    "MERGE INTO {t} t USING (SELECT 'n1' AS n) s ON t.namespace = n WHEN MATCHED THEN DELETE",
    "COPY {t} TO STDOUT",
    "COPY (SELECT id FROM {t}) TO STDOUT",
    "DECLARE c CURSOR FOR SELECT id FROM {t}",
    "PREPARE p AS SELECT id FROM {t}; EXECUTE p",
    "SELECT * FROM ts_stat('SELECT to_tsvector(id) FROM {t}')",
)

OF_A_TABLE = """
    CREATE TABLE public.of_a_user (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(2) NOT NULL,
        metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id));
    INSERT INTO public.of_a_user VALUES ('n1', 'n1-1', '[1,1]');
    SELECT pc_create_index('e', from_table => 'public.of_a_user');
"""


def answer(session, statement):
    """The SQLSTATE of a statement that is taken back; None if it works."""
    session.execute("SAVEPOINT asked")
    try:
        if statement.startswith("COPY"):
            with session.cursor().copy(statement) as copy:
                list(copy)
        else:
            session.execute(statement)
        return None
    except psycopg.Error as error:
        return error.sqlstate
    finally:
        session.execute("ROLLBACK TO asked")


@pytest.fixture
def whoever(world):
    """Sessions of those who have nothing on the table of index c, each with its name."""
    keys = {
        "another project's": world.key("wide"),
        "none": create_key(world.db, "none", project="other", control_plane="None", data_plane="None"),
        "control only": create_key(world.db, "control", project="other", control_plane="ReadWrite"),
    }
    with world.login("postgres") as admin:
        admin.execute("SET conifer.project = 'other'; SELECT pc_create_index('d', 2)")
        admin.execute(OF_A_TABLE)
        keys["another index's"] = create_key(admin, "scoped", project="other", indexes=["d"])
    sessions = {f"login: {name}": (world.login(key[0], autocommit=False), None) for name, key in keys.items()}
    sessions |= {f"pooled: {name}": (world.login(world.gateway, autocommit=False), key[1]) for name, key in keys.items()}
    sessions["pooled: no key"] = (world.login(world.gateway, autocommit=False), None)
    sessions["person of another project"] = (world.login(world.people["ProjectOwner"], autocommit=False), None)
    for session, key in sessions.values():
        if key:
            session.execute("SELECT pc_use_key(%s)", [key])
    yield {name: session for name, (session, _) in sessions.items()}
    for session, _ in sessions.values():
        session.close()
    with world.login("postgres") as admin:
        admin.execute("SET conifer.project = 'other'; SELECT pc_delete_index('d'), pc_delete_index('e'); DROP TABLE public.of_a_user")


@pytest.mark.parametrize("asked", ASKED)
def test_a_table_on_which_a_session_has_nothing(world, whoever, asked):
    """It is refused before any plan runs."""
    answers = {name: answer(session, asked.format(t=world.tables["c"])) for name, session in whoever.items()}
    assert set(answers.values()) == {"42501"}, answers


@pytest.mark.parametrize("asked", ASKED)
def test_a_view_of_a_user_s_table_on_which_a_session_has_nothing(world, whoever, asked):
    """It has no policies of its own, and is refused like a table; what the server does with no view, it says first."""
    (view,) = world.db.execute("SELECT 'pc_data.i_' || index_id FROM pc.index_reg WHERE name = 'e'").fetchone()
    answers = {name: answer(session, asked.format(t=view)) for name, session in whoever.items()}
    no_view = {"42809", "0A000"} if asked.startswith(("MERGE", "COPY {t}")) else set()
    assert set(answers.values()) - no_view <= {"42501"}, answers
    error = refusal(whoever["login: none"], f"SELECT FROM {view}")
    assert error.diag.message_primary == f"permission denied for view {view.removeprefix('pc_data.')}"
    whoever["login: none"].rollback()
    with world.login(world.people["OrgOwner"], autocommit=False) as owner:
        owner.execute("SET conifer.project = 'other'")
        assert answer(owner, asked.format(t=view)) in no_view | {None}


def test_a_view_of_a_user_s_table_within_a_superuser_s_view(world, whoever):
    """The policies of the table behind it hold there, too, and so does the refusal."""
    (view,) = world.db.execute("SELECT 'pc_data.i_' || index_id FROM pc.index_reg WHERE name = 'e'").fetchone()
    world.db.execute(f"CREATE VIEW public.shown AS SELECT id FROM {view}; GRANT SELECT ON public.shown TO PUBLIC")
    try:
        for name, session in whoever.items():
            for asked in ("SELECT id FROM public.shown", "EXPLAIN (ANALYZE, COSTS OFF) SELECT FROM public.shown WHERE id = 'n1-1'"):
                assert answer(session, asked) == "42501", name
        with world.login("postgres") as admin:
            admin.execute("SET conifer.project = 'other'")
            assert admin.execute("SELECT id FROM public.shown").fetchall() == [("n1-1",)]
    finally:
        world.db.execute("DROP VIEW public.shown")


def test_the_first_plan_of_a_session_that_has_not_loaded_the_library(world):
    """A pooled session without preloading: the planner loads the library, before there is a plan."""
    table = world.tables["a"]
    world.db.execute(f"ANALYZE {table}")
    libraries = "SELECT current_setting('shared_preload_libraries') || current_setting('session_preload_libraries')"
    assert "conifer" not in world.db.execute(libraries).fetchone()[0]
    for asked in ASKED:
        with world.login(world.gateway, autocommit=False) as session:
            assert answer(session, asked.format(t=table)) == "42501", asked
    # A table without its indexes, whose access method is of the library, too.
    with world.login("postgres") as admin:
        admin.execute("SET conifer.project = 'own'")
        bare = admin.execute("SELECT table_name::text FROM pc_create_index('bare', 2)").fetchone()[0]
        for (index,) in admin.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary", [bare]).fetchall():
            admin.execute(f"DROP INDEX {index}")
        for asked in ASKED:
            with world.login(world.gateway, autocommit=False) as session:
                assert answer(session, asked.format(t=bare)) == "42501", asked
        admin.execute("SELECT pc_delete_index('bare')")


def test_refusals_of_pooled_sessions_say_what_to_do(world):
    with world.login(world.gateway) as session:
        error = refusal(session, f"SELECT * FROM {world.tables['a']}")
        assert error.sqlstate == "42501" and error.diag.message_primary == "permission denied for table i_1"
        assert "pc_use_key" in error.diag.message_hint


@pytest.mark.parametrize("asked", [
    "SELECT * FROM pc.index_reg", "SELECT * FROM pc.index_description", "EXPLAIN ANALYZE SELECT 1 FROM pc.index_reg WHERE name = 'c'",
    "SELECT 1 FROM pc.index_reg WHERE name < 'd'", "COPY pc.index_reg TO STDOUT",
])
def test_the_registry_is_read_by_functions(world, whoever, asked):
    """Names of indexes are not to be had by a condition on the registry."""
    for name, session in whoever.items():
        assert answer(session, asked) == "42501", name
    for role in (world.people["OrgMember"], world.people["OrgOwner"], world.stranger):
        with world.login(role, autocommit=False) as session:
            assert answer(session, asked) == "42501", role


def test_people_have_what_they_have_in_the_table_s_project(world):
    """An owner of the organisation acts in one project at a time, and is refused no table; whoever has a role elsewhere is."""
    with world.login(world.people["OrgOwner"], autocommit=False) as session:
        session.execute("SET conifer.project = 'own'")
        assert session.execute(f"SELECT count(*) FROM {world.tables['c']}").fetchone() == (0,)
        assert session.execute(f"SELECT count(*) FROM {world.tables['a']}").fetchone() == (4,)


def test_a_lower_role_beside_a_default_one(world):
    """The group of all people has the privileges of the default role; a person with another role has not that."""
    table = world.tables["a"]
    world.db.execute("SELECT pc_set_default_role('ProjectViewer', project => 'own')")
    try:
        with world.login(world.people["ControlPlaneViewer"], autocommit=False) as session:
            for asked in ASKED:
                assert answer(session, asked.format(t=table)) == "42501", asked
    finally:
        world.db.execute("SELECT pc_set_default_role(NULL, project => 'own')")


def test_settings_that_show_plans(world):
    """The server sends plans and their estimates to a client that asks for its log."""
    table = world.tables["a"]
    world.db.execute(f"ANALYZE {table}")
    narrow, wide = world.key("narrow", namespaces='{"a": ["n1"]}'), world.key("wide")

    def told(user, key=None, options=""):
        notices = []
        with world.login(user, autocommit=False, options=options) as session:
            session.add_notice_handler(lambda diag: notices.append(f"{diag.message_primary} {diag.message_detail}"))
            if not options:
                session.execute("SET LOCAL client_min_messages = log; SET LOCAL debug_print_plan = on")
            if key:
                session.execute("SELECT pc_use_key(%s)", [key])
                notices.clear()
            answer(session, f"SELECT FROM {table} WHERE namespace = 'n2'")
        return "\n".join(notices)

    assert "PLANNEDSTMT" in told(world.people["ProjectOwner"])
    for user, key in ((narrow[0], None), (wide[0], None), (world.gateway, None), (world.gateway, narrow[1])):
        for options in ("", "-c client_min_messages=log -c debug_print_plan=on"):
            assert "PLANNEDSTMT" not in told(user, key, options), (user, options)


def test_a_limited_key_s_counts_are_its_own(world):
    """In the descriptions of indexes, too."""
    count = "SELECT record_count_estimate FROM pc_describe_index('b')"
    world.db.execute("SET conifer.project = 'own'")
    world.db.execute("""SELECT pc_upsert('b', '[{"id": "x", "values": [1, 1]}, {"id": "y", "values": [1, 1]}, {"id": "z", "values": [1, 1]}]', 'n3')""")
    world.db.execute(f"ANALYZE {world.tables['b']}")
    assert world.db.execute(count).fetchone() == (7,)
    for namespaces, want in ((["n1"], 2), (["n1", "n3"], 5), (["none"], 0)):
        role, whole = world.key("narrow", namespaces=json.dumps({"b": namespaces}))
        with world.login(role) as session:
            assert session.execute(count).fetchone() == (want,)
            assert session.execute("SELECT record_count_estimate FROM pc_list_indexes()").fetchall() == [(want,)]
        with world.login(world.gateway, autocommit=False) as session:
            session.execute("SELECT pc_use_key(%s)", [whole])
            assert session.execute(count).fetchone() == (want,)


def test_limited_keys_keep_their_index(world):
    """Neither the policy nor the refusal of plans keeps a query of theirs from the index: it reads no more pages than a wide key's."""
    world.db.execute("SET conifer.project = 'own'")
    table = world.db.execute("SELECT table_name::text FROM pc_create_index('many', 2)").fetchone()[0]
    world.db.execute(f"""INSERT INTO {table} (namespace, id, "values") SELECT 'n' || (i % 2), 'r' || i, ARRAY[1, i]::vector FROM generate_series(1, 4000) i""")
    world.db.execute(f"ANALYZE {table}")
    role, _ = world.key("narrow", namespaces='{"many": ["n1"]}')
    read = "SELECT seq_scan, idx_scan FROM pg_stat_all_tables WHERE relid = %s::regclass"
    with world.login(role) as session:
        before = world.db.execute(read, [table]).fetchone()
        for i in range(5):
            assert session.execute(f"SELECT id FROM {table} WHERE namespace = 'n1' AND id = 'r{2 * i + 1}'").fetchone() == (f"r{2 * i + 1}",)
        session.execute("SELECT pg_stat_force_next_flush()")
    after = world.db.execute(read, [table]).fetchone()
    assert after[0] == before[0] and after[1] >= before[1] + 5
    world.db.execute("SELECT pc_delete_index('many')")


def test_a_pool_role_that_is_also_a_person(world):
    """It is nobody without a key, however it came to be both."""
    pool, group = f"{world.gateway}_both", f"{world.gateway}_group"
    world.db.execute(f"CREATE ROLE {pool} LOGIN; CREATE ROLE {group}")
    try:
        for role in (pool, group):
            world.db.execute("SELECT pc_grant_role(%s, 'ProjectOwner', 'own')", [role])
        world.db.execute(f"GRANT conifer_gateway TO {pool}; GRANT {group} TO {pool}")
        whole = world.key("acting")[1]
        for become in ("SELECT 1", f"SET ROLE {group}"):
            with world.login(pool, autocommit=False) as session:
                session.execute(become)
                session.execute("SET LOCAL conifer.project = 'own'")
                assert answer(session, f"SELECT count(*) FROM {world.tables['a']}") == "42501", become
                assert answer(session, "SELECT pc_list_indexes()") == "28000", become
                assert answer(session, "EXPLAIN SELECT 1") == "42501", become
                session.execute("RESET ROLE")
                session.execute("SELECT pc_use_key(%s)", [whole])
                assert session.execute(f"SELECT count(*) FROM {world.tables['a']}").fetchone() == (4,)
                assert session.execute("SELECT kind FROM pc_whoami()").fetchone() == ("key",)
    finally:
        for role in (pool, group):
            world.db.execute("SELECT pc_revoke_role(%s, 'ProjectOwner', 'own')", [role])
        world.db.execute(f"DROP ROLE {pool}; DROP ROLE {group}")


def test_counters_of_the_server(world):
    """Those of all of it, and those that a library keeps, count hidden rows as well."""
    narrow, wide = world.key("narrow", namespaces='{"a": ["n1"]}'), world.key("wide")
    asked = ["SELECT * FROM pg_stat_bgwriter"]
    if world.db.info.server_version >= 160000:
        asked.append("SELECT * FROM pg_stat_io")
    for statement in asked:
        for role, want in ((narrow[0], "42501"), (wide[0], None)):
            with world.login(role) as session:
                assert state(session, statement) == want, (statement, role)


FUZZY = ("SELECT 1", "SET gin_fuzzy_search_limit = 1", "SET LOCAL gin_fuzzy_search_limit = 1", "SELECT set_config('gin_fuzzy_search_limit', '1', {})", "RESET ALL",
         "SET SESSION gin_fuzzy_search_limit TO DEFAULT", "UPDATE pg_settings SET setting = '1' WHERE name = 'gin_fuzzy_search_limit'", "SAVEPOINT s; RESET ALL; ROLLBACK TO s")


@pytest.mark.parametrize("path", ["login", "pooled"])
def test_scans_leave_no_rows_out_by_chance(world, path):
    """With this setting a scan of a GIN index leaves out rows of a key's own, the more the more hidden ones there are; it deletes fewer by a filter, too."""
    with world.login("postgres") as admin:
        admin.execute("SET conifer.project = 'own'")
        (table,) = admin.execute("SELECT table_name::text FROM pc_create_index('fuzzy', 2)").fetchone()
        admin.execute(f"""INSERT INTO {table} (namespace, id, "values", metadata) SELECT CASE WHEN i > 50 THEN 'n2' ELSE 'n1' END, 'r' || i, '[1,1]', '{{"of": "x"}}'
                            FROM generate_series(1, 6000) i""")
        admin.execute(f"VACUUM ANALYZE {table}")
        role, whole = world.key("narrow", namespaces='{"fuzzy": ["n1"]}')
        only = "SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off; SET LOCAL enable_indexonlyscan = off"
        found = f"""SELECT count(*) FROM {table} WHERE metadata @@@ '{{"of": "x"}}'"""
        admin.execute(f"BEGIN; {only}; SET LOCAL gin_fuzzy_search_limit = 1")
        assert admin.execute(found).fetchone()[0] < 6000, "what the setting does"
        admin.execute("ROLLBACK")
        for options in ("", "-c gin_fuzzy_search_limit=1"):
            with world.login(role if path == "login" else world.gateway, autocommit=False, options=options) as session:
                for sets in FUZZY:
                    for local in ("true", "false") if "{}" in sets else ("",):
                        if path == "pooled":
                            session.execute("SELECT pc_use_key(%s)", [whole])
                        session.execute("SAVEPOINT t")
                        if state(session, sets.format(local)):
                            session.execute("ROLLBACK TO t")
                        session.execute(only)
                        assert session.execute(found).fetchone() == (50,), (sets, options)
                        # in the middle of a statement
                        within = f"SELECT s, ({found.replace('WHERE', 'WHERE s IS NOT NULL AND')}) FROM (SELECT set_config('gin_fuzzy_search_limit', '1', {local or 'true'}) OFFSET 0) AS w (s)"
                        session.execute("SAVEPOINT t")
                        assert state(session, within) == "42501", sets
                        session.execute("ROLLBACK TO t")
                        assert session.execute("SELECT pc_delete('fuzzy', filter => '{\"of\": \"x\"}', namespace => 'n1')").fetchone() is not None
                        assert session.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
                        session.rollback()
        admin.execute("SELECT pc_delete_index('fuzzy')")


@pytest.fixture(scope="module")
def narrow(world):
    """A key that reads and writes n1 of index `deep`, whose n2 is hidden, with a table of each kind: of the index, and of a user's."""
    with world.login("postgres") as admin:
        admin.execute("SET conifer.project = 'own'")
        own = admin.execute("SELECT table_name::text FROM pc_create_index('deep', 2)").fetchone()[0]
        admin.execute("""CREATE TABLE public.behind (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(2) NOT NULL,
            metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id))""")
        for table in (own, "public.behind"):
            admin.execute(f"""INSERT INTO {table} (namespace, id, "values", metadata) SELECT 'n' || (1 + i % 2), 'r' || i, ARRAY[1, i]::vector,
                jsonb_build_object('genre', 'g' || i % 2) FROM generate_series(1, 200) i""")
        view = admin.execute("SELECT table_name::text FROM pc_create_index('behind', from_table => 'public.behind')").fetchone()[0]
        admin.execute(f"ANALYZE {own}; ANALYZE public.behind")
        role, whole = world.key("narrow", namespaces='{"deep": ["n1"], "behind": ["n1"]}')
        yield role, whole, (own, view)
        admin.execute("SELECT pc_delete_index('deep'), pc_delete_index('behind'); DROP TABLE public.behind")


@pytest.fixture(params=["login", "pooled"])
def session(world, narrow, request):
    with world.login(narrow[0] if request.param == "login" else world.gateway, autocommit=False) as session:
        if request.param == "pooled":
            session.execute("SELECT pc_use_key(%s)", [narrow[1]])
        yield session


VOLATILE = (
    "SELECT 1 FROM {t} WHERE {c} AND random() < 2",
    "SELECT 1 FROM {t} WHERE {c} AND pg_sleep(0) IS NOT NULL",
    "SELECT 1 FROM {t} WHERE {c} AND CASE WHEN random() < 2 THEN true END",
    "SELECT 1 FROM {t} WHERE {c} AND 1 / (random()::int * 0) = 1",
    "SELECT 1 FROM {t} WHERE {c} AND (SELECT random()) < 2",
    "SELECT 1 FROM {t} WHERE {c} AND NOT (NOT (metadata @@@ '{{}}') OR random() > 2)",
    "SELECT 1 FROM {t} WHERE {c} AND EXISTS (SELECT 1 WHERE random() < 2)",
    "SELECT 1 FROM (SELECT * FROM {t} WHERE {c}) s WHERE random() < 2",
    "SELECT 1 FROM (SELECT * FROM {t} WHERE {c} AND random() < 2) s",
    "WITH s AS (SELECT * FROM {t} WHERE {c}) SELECT 1 FROM s WHERE random() < 2",
    "SELECT 1 FROM generate_series(1, 2) LEFT JOIN {t} ON {c} AND random() < 2",
    "SELECT namespace, id FROM {t} GROUP BY 1, 2 HAVING {c} AND random() < 2",
    "SELECT 1 WHERE EXISTS (SELECT 1 FROM {t} WHERE {c} AND random() < 2)",
    "SELECT (SELECT 1 FROM {t} WHERE {c} AND random() < 2)",
    "SELECT 1 FROM {t} WHERE {c} AND random() < 2 UNION ALL SELECT 2",
    "INSERT INTO {t} (namespace, id, \"values\") SELECT namespace, id, \"values\" FROM {t} WHERE {c} AND random() < 2",
    "UPDATE {t} SET metadata = '{{}}' WHERE {c} AND random() < 2",
    "DELETE FROM {t} WHERE {c} AND random() < 2",
    "DEALLOCATE ALL; PREPARE p (int) AS SELECT 1 FROM {t} WHERE {c} AND random() < $1; EXECUTE p(2)",
    "DECLARE c CURSOR FOR SELECT 1 FROM {t} WHERE {c} AND random() < 2",
    "COPY (SELECT 1 FROM {t} WHERE {c} AND random() < 2) TO STDOUT",
    "SELECT query_to_xml('SELECT 1 FROM {t} WHERE namespace = ''n2'' AND random() < 2', true, true, '')",
)


@pytest.mark.parametrize("asked", VOLATILE)
def test_volatile_functions_in_conditions(world, narrow, session, asked):
    """They would be called once for each hidden row, and leave another state behind."""
    for table in narrow[2]:
        assert answer(session, asked.format(t=table, c="namespace = 'n2' AND id = 'r1'")) == "42501", table


def test_volatile_functions_in_a_merge(world, narrow, session):
    merge = "MERGE INTO {t} t USING (SELECT 1) s ON t.namespace = 'n2' AND random() < 2 WHEN MATCHED THEN DELETE"
    assert answer(session, merge.format(t=narrow[2][0])) == "42501"


def test_the_refusal_says_what_to_do(world, narrow):
    with world.login(narrow[0]) as session:
        error = refusal(session, f"SELECT FROM {narrow[2][0]} WHERE random() < 2")
        assert error.diag.message_primary == (
            "permission denied: a volatile function in a condition is not for keys that are limited to namespaces"
        )
        assert "statement of its own" in error.diag.message_hint


# Each calls random() for what is shown, or raises an error for a row that is: `{bad}` is no JSON.
LAZY = (
    "SELECT 1 FROM {t} WHERE {c} AND metadata @@@ current_setting('test.filter')::jsonb",
    "SELECT 1 FROM (SELECT *, current_setting('test.filter') AS f FROM {t}) s WHERE {c} AND metadata @@@ f::jsonb",
    "SELECT 1 FROM (SELECT *, current_setting('test.filter')::jsonb AS f FROM {t}) s WHERE {c} AND metadata @@@ f",
    "SELECT 1 FROM {t} JOIN (VALUES (current_setting('test.filter'))) v (f) ON {c} AND metadata @@@ f::jsonb",
    "WITH v AS (SELECT current_setting('test.filter')::jsonb AS f) SELECT 1 FROM {t}, v WHERE {c} AND metadata @@@ f",
    "SELECT 1 FROM {t} WHERE {c} AND metadata @@@ (SELECT current_setting('test.filter')::jsonb)",
    "SELECT 1 FROM {t} WHERE {c} AND (metadata @@@ (SELECT current_setting('test.filter')::jsonb) OR id = 'x')",
    "SELECT 1 FROM {t} WHERE {c} AND ((false AND lower(id) = 'x') OR metadata @@@ current_setting('test.filter')::jsonb)",
    "SELECT 1 FROM {t} WHERE {c} AND metadata @@@ (CASE WHEN true THEN current_setting('test.filter') ELSE id END)::jsonb",
    "SELECT 1 FROM {t} WHERE {c} AND (metadata @@@ current_setting('test.filter')::jsonb) = (lower(id || NULL) = 'x') IS NULL",
    "SELECT namespace, id FROM {t} GROUP BY 1, 2, metadata HAVING {c} AND metadata @@@ current_setting('test.filter')::jsonb",
    "SELECT 1 FROM generate_series(1, 2) LEFT JOIN {t} ON {c} AND metadata @@@ current_setting('test.filter')::jsonb",
    "SELECT 1 FROM {t} WHERE {c} AND id IN (SELECT current_setting('test.filter')::jsonb::text)",
    "SELECT 1 FROM {t} WHERE {c} AND id IN (VALUES ('x'), (current_setting('test.filter')::jsonb::text))",
    "SELECT 1 FROM {t} WHERE {c} AND NOT id = ANY (SELECT current_setting('test.filter')::jsonb::text UNION ALL SELECT 'x')",
    "SELECT 1 FROM {t} x WHERE {c} AND EXISTS (SELECT 1 WHERE x.metadata @@@ current_setting('test.filter')::jsonb)",
    "SELECT 1 FROM {t} WHERE {c} AND (EXISTS (SELECT current_setting('test.filter')::jsonb OFFSET 0) OR id = 'x')",
    "SELECT 1 FROM {t} JOIN (VALUES ('x'), (current_setting('test.filter'))) v (f) ON {c} AND metadata @@@ f::jsonb",
    "SELECT id FROM {t} WHERE {c} AND id <> ALL (ARRAY[(SELECT current_setting('test.filter')::jsonb::text)])",
)


@pytest.mark.parametrize("asked", LAZY)
def test_errors_in_conditions(world, narrow, asked):
    """A sub-select, or a call without columns, is evaluated for a row that is shown, or always, and for no hidden one."""
    with world.login(narrow[0]) as session:
        # The statement is planned while the setting is good, and so raises no error before it is run.
        session.execute("SET test.filter = '{}'; SET enable_indexscan = off; SET enable_bitmapscan = off")
        for table in narrow[2]:
            for index, condition in enumerate(("namespace = 'n2' AND id = 'r1'", "namespace = 'n2' AND id = 'none'", "namespace = 'n9'")):
                session.execute(f"PREPARE p{index} AS {asked.format(t=table, c=condition)}")
                session.execute(f"EXECUTE p{index}")
            session.execute("SET test.filter = 'bad'")
            answers = [state(session, f"EXECUTE p{index}") for index in range(3)]
            session.execute("SET test.filter = '{}'; DEALLOCATE ALL")
            assert len(set(answers)) == 1, (table, answers)


RAISING = (
    "id = 'q' OR current_setting('no.such') = 'x'", "id = 'q' OR has_table_privilege('nosuch', 'SELECT')", "id = 'q' OR to_date('x', 'YYYY') = now()",
    "id = 'q' OR date_part('nosuch', now()) = 1", "id = 'q' OR 1 / (SELECT 0) = 1", "id = 'q' OR 'x' ~ (SELECT '(')", "id <> (SELECT (1 / count(*))::text WHERE false)",
    "NOT (id <> 'q' AND current_setting('no.such') <> 'x')", "(CASE WHEN id = 'q' THEN true ELSE current_setting('no.such') = 'x' END)",
    "coalesce(nullif(id, id), current_setting('no.such')) = 'x'", "id IN ('q', current_setting('no.such'))", "(id, 'x') = ('q', current_setting('no.such'))",
)


@pytest.mark.parametrize("condition", RAISING)
def test_errors_of_calls_without_columns(world, narrow, condition):
    """A statement ends alike whether there is a hidden row or none; for a key's own row it raises what it has to."""
    with world.login(narrow[0]) as session:
        for table in narrow[2]:
            for command in ("SELECT 1 FROM", "DELETE FROM", "UPDATE {} SET metadata = '{{}}'"):
                command = command.format(table) if "{}" in command else f"{command} {table}"
                for plans in ("on", "off"):
                    session.execute(f"SET enable_indexscan = {plans}; SET enable_bitmapscan = {plans}")
                    states = [state(session, f"{command} WHERE namespace = 'n2' AND id = '{id}' AND ({condition})") for id in ("r1", "none")]
                    assert states[0] == states[1], (command, states)


def test_a_cast_parameter_in_a_condition(world, narrow):
    """As a driver sends it that gives parameters their types."""
    with world.login(narrow[0]) as session:
        session.execute("SET plan_cache_mode = force_generic_plan; SET enable_indexscan = off; SET enable_bitmapscan = off")
        for table in narrow[2]:
            session.execute(f"PREPARE p (text, text) AS SELECT id FROM {table} WHERE namespace = $1 AND metadata @@@ $2::jsonb")
            assert state(session, "EXECUTE p('n2', 'bad')") == state(session, "EXECUTE p('none', 'bad')") is None
            assert state(session, "EXECUTE p('n1', 'bad')") == "22P02"
            assert len(session.execute("""EXECUTE p('n1', '{"genre": "g0"}')""").fetchall()) == 100
            session.execute("DEALLOCATE ALL")


def test_limited_keys_ask_as_others_do(world, narrow, session):
    """What is put behind the policies gives the same rows as it did before them."""
    wide = world.key("wide")[0]
    with world.login(wide) as other:
        for table in narrow[2]:
            for condition in (
                "metadata @@@ jsonb_build_object('genre', 'g0')", "id IN (SELECT 'r' || g FROM generate_series(1, 9) g)",
                "id IN (VALUES ('r2'), ('r4'))", "id NOT IN (SELECT max(id) FROM {t} WHERE namespace = 'n1')", "id IN (SELECT 'r2' UNION SELECT 'r3')",
                "id = (SELECT max(id) FROM {t} WHERE namespace = 'n1')", "EXISTS (SELECT FROM {t} y WHERE y.id > x.id AND y.namespace = 'n1')",
                "lower(id) LIKE 'r1%%'", "(metadata ->> 'genre') IN ('g0', 'g1')", """"values" <-> '[1,3]' < 3""", "id > current_user",
                "NOT (id < 'r2' AND metadata @> '{{}}')", "id = ANY (ARRAY['r2', concat('r', 4)])", "(id, namespace) >= ('r3', 'n1')",
            ):
                asked = f"SELECT id FROM {table} x WHERE namespace = 'n1' AND {condition.format(t=table)}".replace("%%", "%")
                assert sorted(session.execute(asked)) == sorted(other.execute(asked)), asked
            joined = f"SELECT x.id FROM {table} x JOIN {table} y USING (namespace, id) JOIN generate_series(1, 200) g ON x.id = 'r' || g WHERE namespace = 'n1'"
            assert len(session.execute(joined).fetchall()) == 100
            assert session.execute(f"SELECT count(random()) FROM {table}").fetchone() == (100,)
            assert len(session.execute(f"SELECT id FROM {table} ORDER BY random() LIMIT 3").fetchall()) == 3


def test_plans_that_were_kept_of_another_key(world, narrow):
    """A pooled session keeps its plans: those of a wide key hold for no limited one."""
    table, wide = narrow[2][0], world.key("wide")[1]
    with world.login(world.gateway, autocommit=False) as session:
        session.execute("SET plan_cache_mode = force_generic_plan; SET enable_indexscan = off; SET enable_bitmapscan = off")
        session.commit()
        for key, rows in ((wide, 200), (narrow[1], 100), (wide, 200), (world.key("other", namespaces='{"deep": ["n2"]}')[1], 100)):
            for times in range(3):
                session.execute("SELECT pc_use_key(%s)", [key], prepare=False)
                found = session.execute(f"SELECT id FROM {table} WHERE metadata @@@ %s::text::jsonb", ["{}"], prepare=True).fetchall()
                named = "n1" if key in (wide, narrow[1]) else "n2"
                matches = session.execute("SELECT count(*) FROM pc_query('deep', '[1,1]', 50, %s)", [named], prepare=True).fetchone()
                assert matches == (50,), (rows, times)
                assert len(found) == rows, (rows, times)
                if rows == 100 and key == narrow[1]:
                    bad = "SELECT id FROM {} WHERE namespace = 'n2' AND metadata @@@ %s::text::jsonb".format(table)
                    assert session.execute(bad, ["bad"], prepare=True).fetchall() == []
                session.rollback()


def test_a_key_that_is_limited_while_its_session_goes_on(world, narrow):
    """Its plans are made anew, or refused once."""
    table = narrow[2][0]
    role, _ = world.key("shrinks")
    with world.login(role) as session:
        session.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE p (text, text) AS SELECT id FROM {table} WHERE namespace = $1 AND metadata @@@ $2::jsonb")
        assert len(session.execute("EXECUTE p('n2', '{}')").fetchall()) == 100
        world.db.execute("SET conifer.project = 'own'")
        (index,) = world.db.execute("SELECT index_id FROM pc.index_reg WHERE name = 'deep'").fetchone()
        with world.db.transaction():
            world.db.execute("UPDATE pc_auth.api_key SET scoped = true WHERE key_id = %s", [role])
            world.db.execute("INSERT INTO pc_auth.key_scope (key_id, index_id, namespaces) VALUES (%s, %s, '{n1}')", [role, index])
        assert state(session, "EXECUTE p('n2', 'bad')") in (None, "40001")
        assert session.execute("EXECUTE p('n2', 'bad')").fetchall() == []
        assert len(session.execute("EXECUTE p('n1', '{}')").fetchall()) == 100


def test_hidden_neighbours_take_no_place(world):
    """A search over several namespaces finds a key's own rows, however many hidden ones are nearer."""
    with world.login("postgres") as admin:
        admin.execute("SET conifer.project = 'own'")
        table = admin.execute("SELECT table_name::text FROM pc_create_index('near', 2)").fetchone()[0]
        admin.execute("""CREATE TABLE public.near (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(2) NOT NULL,
            metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id))""")
        for of in (table, "public.near"):
            admin.execute(f"""INSERT INTO {of} (namespace, id, "values") SELECT 'n1', 'own' || i, ARRAY[-1 - i, 1]::vector FROM generate_series(1, 900) i
                UNION ALL SELECT 'n2', 'hidden' || i, ARRAY[1, 1 + i / 1000.0]::vector FROM generate_series(1, 900) i""")
        view = admin.execute("SELECT table_name::text FROM pc_create_index('near-view', from_table => 'public.near')").fetchone()[0]
        admin.execute(f"ANALYZE {table}; ANALYZE public.near")
        role, _ = world.key("narrow", namespaces='{"near": ["n1"], "near-view": ["n1"]}')
        asked = """SELECT id FROM {t} WHERE namespace IN {names} ORDER BY "values" <=> '[1,1]' LIMIT 40"""
        with world.login(role) as session:
            session.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off")
            for of in (table, view):
                alone = session.execute(asked.format(t=of, names="('n1', 'none')")).fetchall()
                assert len(alone) == 40
                assert session.execute(asked.format(t=of, names="('n1', 'n2')")).fetchall() == alone, of
                both = session.execute(f"""SELECT id FROM {of} ORDER BY "values" <=> '[1,1]' LIMIT 40""").fetchall()
                assert both == alone, of
        admin.execute("SELECT pc_delete_index('near'), pc_delete_index('near-view'); DROP TABLE public.near")


def test_the_log_of_a_statement_that_has_begun(world):
    """A session that asks for the server's log while a statement runs, or a cursor is open, is sent none of its end either."""
    table = world.tables["a"]
    narrow, wide = world.key("narrow", namespaces='{"a": ["n1"]}'), world.key("wide")
    world.db.execute(f"ALTER DATABASE {world.database} SET session_preload_libraries = 'auto_explain'")
    world.db.execute(f"ALTER DATABASE {world.database} SET auto_explain.log_min_duration = 0")
    world.db.execute(f"ALTER DATABASE {world.database} SET auto_explain.log_nested_statements = on")

    def told(user, key=None):
        notices = []
        with world.login(user, autocommit=False) as session:
            session.add_notice_handler(lambda diag: notices.append(diag.message_primary))
            if key:
                session.execute("SELECT pc_use_key(%s)", [key])
            if user != world.gateway:
                session.execute(f"SELECT count(*), (SELECT set_config('client_min_messages', 'log', true)) FROM {table}")
            session.execute("SET LOCAL client_min_messages = notice")
            session.execute(f"DECLARE c CURSOR FOR SELECT id FROM {table} WHERE namespace = 'n2'; FETCH ALL FROM c")
            session.execute("SET LOCAL client_min_messages = log; CLOSE c")
            session.commit()
        with world.login(user, autocommit=True) as session:
            session.add_notice_handler(lambda diag: notices.append(diag.message_primary))
            session.execute("SET client_min_messages = log")
            state(session, "SELECT * FROM pc_whoami()")
        return [notice for notice in notices if "plan:" in notice]

    try:
        assert told(world.people["ProjectOwner"])
        for user, key in ((narrow[0], None), (wide[0], None), (world.gateway, narrow[1])):
            assert told(user, key) == [], user
        with world.login("postgres", autocommit=False) as session:
            # A superuser who has taken a key's role gets the log back with its own.
            notices = []
            session.add_notice_handler(lambda diag: notices.append(diag.message_primary))
            session.execute("LOAD 'conifer'")
            session.execute(f"SET client_min_messages = log; SET ROLE {narrow[0]}; SELECT 1; RESET ROLE")
            assert notices == []
            session.execute("SELECT 1; SELECT 2")
            assert "plan:" in notices[-1]
    finally:
        world.db.execute(f"ALTER DATABASE {world.database} RESET session_preload_libraries")
        world.db.execute(f"ALTER DATABASE {world.database} RESET auto_explain.log_min_duration")
        world.db.execute(f"ALTER DATABASE {world.database} RESET auto_explain.log_nested_statements")


@pytest.fixture
def preloading(world):
    """Pooled sessions that load the library from the start, as an administrator sets it for them."""
    world.db.execute(f"ALTER ROLE {world.gateway} SET session_preload_libraries = 'conifer'")
    yield
    world.db.execute(f"ALTER ROLE {world.gateway} RESET session_preload_libraries")


def test_locks_of_serializable_transactions(world, preloading):
    """They are of the rows that a statement has read, and each session's are shown to all."""
    narrow, wide = world.key("narrow", namespaces='{"a": ["n1"]}'), world.key("wide")
    for user, key in ((narrow[0], None), (wide[0], None), (world.gateway, None), (world.gateway, narrow[1])):
        with world.login(user, autocommit=False) as session:
            session.execute("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            if key:
                session.execute("SELECT pc_use_key(%s)", [key])
            for asked in ("SELECT * FROM pg_locks", "SELECT pg_lock_status()", "SELECT query_to_xml('TABLE pg_locks', true, true, '')",
                          "SELECT pg_blocking_pids(pg_backend_pid())", "SELECT pg_safe_snapshot_blocking_pids(pg_backend_pid())"):
                assert answer(session, asked) == "42501", (user, asked)
    with world.login(world.people["ProjectOwner"]) as session:
        assert session.execute("SELECT count(*) > 0 FROM pg_locks").fetchone() == (True,)


def test_counters_of_plans_and_calls(world):
    """How often a statement was planned tells of estimates, and how often a function was called tells of rows."""
    narrow, wide = world.key("narrow", namespaces='{"a": ["n1"]}'), world.key("wide")
    function = "'pc.filter_matches'::regproc"
    last = ["SELECT pg_stat_get_lastscan(0)"] if world.db.info.server_version >= 160000 else []
    for asked in ("SELECT * FROM pg_prepared_statements", f"SELECT currtid2('{world.tables['a']}', '(0,1)')", *last, *(f"SELECT pg_stat_get_{name}({function})" for name in (
        "function_calls", "function_total_time", "function_self_time", "xact_function_calls", "xact_function_total_time", "xact_function_self_time",
    ))):
        for role, want in ((narrow[0], "42501"), (wide[0], None)):
            with world.login(role) as session:
                assert state(session, asked.replace("'pc.filter_matches'::regproc", "0")) == want, (asked, role)


def test_functions_of_libraries_that_count(world):
    """Those of preloaded libraries, and of the ones that look into tables; no others."""
    narrow, wide = world.key("narrow", namespaces='{"a": ["n1"]}'), world.key("wide")
    preloaded = world.db.execute("SHOW shared_preload_libraries").fetchone()[0]
    extensions = ["pg_buffercache", "pg_trgm", "citext", "hstore", "pgcrypto", "unaccent", "uuid-ossp", "pg_stat_statements"]
    for name in extensions:
        world.db.execute(f'CREATE EXTENSION "{name}"')
    # As an administrator gives them to others.
    world.db.execute("GRANT SELECT ON pg_buffercache TO PUBLIC; GRANT EXECUTE ON FUNCTION pg_buffercache_pages() TO PUBLIC")
    world.db.execute(f"ALTER ROLE {narrow[0]} SET session_preload_libraries = 'conifer', '$libdir/hstore'")
    try:
        with world.login(narrow[0]) as session:
            assert state(session, "SELECT 'a=>1'::hstore -> 'a'") == "42501"
        world.db.execute(f"ALTER ROLE {narrow[0]} SET session_preload_libraries = 'conifer'")
        for role, want in ((narrow[0], "42501"), (wide[0], None)):
            with world.login(role) as session:
                assert state(session, "SELECT count(*) FROM pg_buffercache") == want
                statements = state(session, "SELECT count(*) FROM pg_stat_statements")
                # It must be loaded with the server, and says so to those who may ask.
                assert statements == (want or (None if "pg_stat_statements" in preloaded else "55000"))
                assert session.execute("SELECT similarity('a', 'a'), 'A'::citext = 'a', 'a=>1'::hstore -> 'a', unaccent('é')").fetchone() == (1, True, "1", "e")
                assert session.execute("SELECT length(digest('a', 'sha256')), uuid_nil()::text <> '', '[1]'::vector <-> '[2]'").fetchone() == (32, True, 1)
                assert session.execute(f"SELECT id FROM {world.tables['a']} WHERE similarity(id, 'n1-1') = 1").fetchall() == [("n1-1",)]
    finally:
        world.db.execute("DROP EXTENSION " + ", ".join(f'"{name}"' for name in extensions))


def test_copy_is_the_first_statement_of_a_session(world):
    """There is no plan yet that could have been made for others."""
    limited = world.key("copies", namespaces='{"a": ["n1"]}')
    with world.login(limited[0]) as session, session.cursor().copy(f"COPY {world.tables['a']} (id) TO STDOUT") as copy:
        assert sorted(row[0] for row in copy.rows()) == ["n1-1", "n1-2"]


def test_a_limited_key_does_not_keep_a_processor_busy(world):
    """A long list of values in many conditions is looked at once, and may be cancelled."""
    limited = world.key("busy", namespaces='{"a": ["n1"]}')
    values = ", ".join(f"('v{number}')" for number in range(50_000))
    conditions = " AND ".join(f"v.x <> 'q{number}'" for number in range(3_000))
    with world.login(limited[0], options="-c statement_timeout=3s") as session:
        begun = time.monotonic()
        state(session, f"SELECT count(*) FROM {world.tables['a']} t, (VALUES {values}) v (x) WHERE {conditions} AND v.x = 'none'")
        assert time.monotonic() - begun < 8


def test_samples_of_so_many_rows(world, narrow):
    """Of such a sample the policies leave a key its own, which tells how many there are of others. Prepared by a pool without a key, too."""
    role, whole, (own, _) = narrow
    world.db.execute("CREATE EXTENSION tsm_system_rows")
    try:
        asked = f"SELECT count(*) FROM {own} TABLESAMPLE {{}} (100)"
        with world.login(role) as session:
            assert state(session, asked.format("system_rows")) == "42501"
            assert state(session, f"WITH s AS ({asked.format('system_rows')}) SELECT * FROM s") == "42501"
            assert session.execute(asked.format("bernoulli")).fetchone() == (100,)
            assert session.execute(asked.format("system")).fetchone() == (100,)
        with world.login(world.gateway, autocommit=False) as session:
            session.execute("SELECT '[1]'::vector")
            session.commit()
            assert not session.pgconn.prepare(b"sample", asked.format("system_rows").encode()).error_message
            session.commit()
            session.execute("SELECT pc_use_key(%s)", [whole])
            assert "permission denied" in session.pgconn.exec_prepared(b"sample", None).error_message.decode()
        with world.login(world.key("wide")[0]) as session:
            assert session.execute(asked.format("system_rows")).fetchone() == (100,)
    finally:
        world.db.execute("DROP EXTENSION tsm_system_rows")


def test_hidden_neighbours_in_an_index_of_a_user_s(world):
    """A table may have an index of its owner's that knows no namespaces: its nearest rows of all would leave a limited key its own of these, or none."""
    vector = '"values" <-> \'[0,0,0,0]\''
    with world.login("postgres") as admin:
        admin.execute("SET conifer.project = 'own'")
        admin.execute("""CREATE TABLE public.crowd (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(4) NOT NULL,
            metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id))""")
        admin.execute("""INSERT INTO public.crowd SELECT CASE WHEN i % 20 = 0 THEN 'n1' ELSE 'n2' END, 'r' || i,
            ARRAY[i % 20 * 0.01 + CASE WHEN i % 20 = 0 THEN 5 ELSE 0 END, i * 0.0001, 0, 0]::vector FROM generate_series(1, 4000) i""")
        admin.execute("""CREATE INDEX of_all ON public.crowd USING hnsw ("values" vector_l2_ops)""")
        admin.execute("""CREATE INDEX of_lists ON public.crowd USING ivfflat ("values" vector_l2_ops)""")
        (view,) = admin.execute("SELECT table_name::text FROM pc_create_index('crowd', from_table => 'public.crowd', metric => 'euclidean')").fetchone()
        admin.execute("ANALYZE public.crowd")
        limited, wide = world.key("limited", namespaces='{"crowd": ["n1"]}'), world.key("wide")
        scans = "SELECT indexrelname::text, idx_scan FROM pg_stat_user_indexes WHERE relname = 'crowd' AND indexrelname LIKE 'of%' ORDER BY 1"
        try:
            for path in ("login", "pooled"):
                with world.login(limited[0] if path == "login" else world.gateway, autocommit=False) as session:
                    for sets in ("SELECT 1", "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off; SET LOCAL hnsw.ef_search = 1"):
                        for where in ("", "WHERE namespace = 'n1'", "WHERE id >= 'r1'"):
                            if path == "pooled":
                                session.execute("SELECT pc_use_key(%s)", [limited[1]])
                            session.execute(sets)
                            assert len(session.execute(f"SELECT id FROM {view} {where} ORDER BY {vector} LIMIT 10").fetchall()) == 10, (path, sets, where)
                            session.commit()
            assert [row[1] for row in admin.execute(scans)] == [0, 0]
            with world.login(wide[0]) as session:
                assert len(session.execute(f"SELECT id FROM {view} ORDER BY {vector} LIMIT 10").fetchall()) == 10
                session.execute("SELECT pg_stat_force_next_flush()")
            assert sum(row[1] for row in admin.execute(scans)) == 1
        finally:
            admin.execute("SELECT pc_delete_index('crowd'); DROP TABLE public.crowd")
