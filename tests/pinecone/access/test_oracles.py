"""Plans, counters and messages tell of rows before a policy does: who may not read a table gets none of them, and who may read
some of its rows gets no plans."""

import json

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
