"""What a key that is limited to namespace n1 of index a can find out about n2 and about other indexes: nothing by any
statement that returns, changes, locks, fails or is explained."""

import json

import psycopg
import pytest

from tests.pinecone.access.world import create_key, refusal, state, world

__all__ = ["world"]


@pytest.fixture(scope="module")
def narrow(world):
    """Sessions limited to n1, which may write: logged in and pooled."""
    key = world.key("narrow", namespaces='{"a": ["n1"]}')
    login = world.login(key[0])
    pooled = world.login(world.gateway, autocommit=False)
    yield key, login, pooled
    login.close()
    pooled.close()


def each(narrow):
    """Both, ready to try something that is rolled back."""
    key, login, pooled = narrow
    for session in (login, pooled):
        session.execute("BEGIN") if session is login else None
        if session is pooled:
            session.execute("SELECT pc_use_key(%s)", [key[1]])
        session.execute("SAVEPOINT one")
        yield session
        session.execute("ROLLBACK")


def said(session, statement):
    """Rows, or the whole text of the error."""
    try:
        return session.execute(statement).fetchall()
    except psycopg.Error as error:
        if error.sqlstate is None:
            return []  # a statement without rows
        told = f"{error.sqlstate} {error} {error.diag.message_detail} {error.diag.context}"
    session.execute("ROLLBACK TO one")
    return told


READS = [
    """INSERT INTO {t} (namespace, id, "values") VALUES ('n2', '{id}', '[1,1]') RETURNING *""",
    """INSERT INTO {t} (namespace, id, "values") VALUES ('n2', '{id}', '[1,1]') ON CONFLICT DO NOTHING RETURNING *""",
    """INSERT INTO {t} AS t (namespace, id, "values") VALUES ('n2', '{id}', '[1,1]')
       ON CONFLICT (namespace, id) DO UPDATE SET metadata = t.metadata RETURNING *""",
    """INSERT INTO {t} AS t (namespace, id, "values") VALUES ('n2', '{id}', '[1,1]')
       ON CONFLICT (namespace, id) DO UPDATE SET namespace = 'n1' WHERE t.metadata <> '{{}}' RETURNING *""",
    "UPDATE {t} SET namespace = 'n2', id = '{id}' WHERE id = 'n1-1'",
    "UPDATE {t} SET namespace = 'n2', id = '{id}'",
    "UPDATE {t} SET metadata = '{{}}' WHERE namespace = 'n2' AND id = '{id}' RETURNING *",
    "DELETE FROM {t} WHERE namespace = 'n2' AND id = '{id}' RETURNING *",
    "SELECT * FROM {t} WHERE namespace = 'n2' AND id = '{id}' FOR UPDATE",
    "SELECT * FROM {t} WHERE namespace = 'n2' AND id = '{id}' FOR KEY SHARE NOWAIT",
    "SELECT count(*) FROM {t} WHERE id = '{id}'",
    "SELECT 1 FROM {t} WHERE id = '{id}' AND 1 / (CASE WHEN namespace = 'n2' THEN 0 ELSE 1 END) = 1",
    "SELECT 1 FROM {t} WHERE (CASE WHEN id = '{id}' THEN namespace END)::int = 1",
    "SELECT 1 FROM {t} WHERE namespace = 'n2' AND (id || 'x')::int = 1",
    """SELECT 1 FROM {t} WHERE "values" <-> ('[1,' || length(id) || ']')::vector < 0 AND namespace = 'n2'""",
    """SELECT id FROM {t} ORDER BY "values" <=> '[1,1]' OFFSET 2""",
    """SELECT id FROM {t} WHERE namespace = 'n2' ORDER BY "values" <=> '[1,1]' LIMIT 1""",
    "SELECT max(id) FROM {t} WHERE id LIKE 'n2%'",
    "SELECT id FROM {t} TABLESAMPLE SYSTEM (100) WHERE id LIKE 'n2%'",
    "SELECT * FROM {t} WHERE ctid = '(0,3)' AND namespace = 'n2'",
    "SELECT (SELECT metadata FROM {t} WHERE id = '{id}' AND namespace = 'n2')",
    "MERGE INTO {t} t USING (VALUES ('{id}')) v (id) ON t.id = v.id AND t.namespace = 'n2' WHEN MATCHED THEN DELETE",
    """MERGE INTO {t} t USING (VALUES ('{id}')) v (id) ON t.id = v.id AND t.namespace = 'n2'
       WHEN NOT MATCHED THEN INSERT (namespace, id, "values") VALUES ('n2', v.id, '[1,1]')""",
    "SELECT * FROM pc_fetch('a', '{{{id}}}', namespace => 'n2')",
    "SELECT * FROM pc_query('a', id => '{id}', namespace => 'n2')",
    "SELECT pc_delete('a', '{{{id}}}', namespace => 'n2')",
    """SELECT pc_upsert('a', '[{{"id": "{id}", "values": [1, 1]}}]', 'n2')""",
    "SELECT query_to_xml('SELECT * FROM {t} WHERE id = ''{id}''', true, false, '')::text",
    "SELECT table_to_xml('{t}', true, false, '')::text NOT LIKE '%n2%'",
    "SELECT * FROM ts_stat('SELECT to_tsvector(id) FROM {t} WHERE id = ''{id}''')",
    "SELECT most_common_vals FROM pg_stats WHERE schemaname = 'pc_data'",
    "SELECT * FROM pg_stats_ext WHERE schemaname = 'pc_data'",
    "SELECT stavalues1 FROM pg_statistic",
    "SELECT * FROM hnsw_stats((SELECT indexrelid FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE indrelid = '{t}'::regclass AND relname LIKE '%values%' LIMIT 1))",
    "SELECT currtid2('{t}', '(0,3)') IS NULL",
]


@pytest.mark.parametrize("statement", READS)
def test_hidden_and_absent_are_one(world, narrow, statement):
    """What is said of a record that is hidden is what is said of one that does not exist."""
    world.db.execute(f"ANALYZE {world.tables['a']}")
    for session in each(narrow):
        answers = {said(session, statement.format(t=world.tables["a"], id=name)).__repr__().replace(name, "ID") for name in ("n2-1", "xx-1")}
        assert len(answers) == 1, answers
        assert "'of': 'a'" not in answers.pop() or "namespace" not in statement


@pytest.mark.parametrize("name", ["b", "c", "never"])
def test_indexes_out_of_reach_and_absent_are_one(world, narrow, name):
    """The same of names of indexes."""
    calls = ["SELECT pc_describe_index('{}')", "SELECT pc_has_index('{}')", "SELECT pc_configure_index('{}', tags => '{{}}')",
             "SELECT pc_delete_index('{}')", "SELECT pc_list('{}')", "SELECT pc_query('{}', '[1,1]')", "SELECT pc_fetch('{}', '{{x}}')",
             "SELECT pc_query('{}', '[1,1,1]')", "SELECT pc_describe_index_stats('{}')", "SELECT pc_delete('{}', '{{x}}')",
             """SELECT pc_upsert('{}', '[{{"id": "x", "values": [1,1,1,1]}}]')""", """SELECT pc_upsert('{}', 'null')"""]
    for session in each(narrow):
        for call in calls:
            there, absent = (str(said(session, call.format(x))) for x in (name, "zzz"))
            assert there.replace(f'"{name}"', "NAME") == absent.replace('"zzz"', "NAME"), call


def test_functions_that_would_show_what_they_are_given(world, narrow):
    """A condition of the key's own that tells what it sees is not asked about hidden rows, by any plan."""
    table = world.tables["a"]
    for session in each(narrow):
        for plan in ("on", "off"):
            session.execute(f"SET LOCAL enable_seqscan = {plan}; SET LOCAL enable_indexscan = {plan}; SET LOCAL enable_bitmapscan = {plan}")
            for condition in ("(namespace || id)::int > 0", "set_config('x.y', id, true) = id", "1 / length(replace(id, 'n2-1', '')) = 1"):
                if session is not narrow[1] and "set_config" in condition:
                    continue
                text = str(said(session, f"SELECT count(*) FROM {table} WHERE {condition}"))
                assert "n2" not in text and "division" not in text, text


def test_explain_shows_no_contents(world, narrow):
    """Conditions, costs and counts; no values of rows, no numbers of projects of others."""
    wide = world.key("wide")
    with world.login(wide[0]) as login:
        for options in ("", "ANALYZE, VERBOSE, BUFFERS,", "ANALYZE, SETTINGS, WAL,"):
            plan = "\n".join(row[0] for row in login.execute(f"EXPLAIN ({options} COSTS) SELECT * FROM {world.tables['a']} WHERE metadata @> '{{}}'"))
            assert "n2-1" not in plan and wide[1] not in plan
    login = narrow[1]
    assert state(login, f"EXPLAIN SELECT * FROM {world.tables['c']}") in ("42501", None)
    assert state(login, f"EXPLAIN ANALYZE SELECT * FROM {world.tables['c']}") == "42501"
    assert state(login, "EXPLAIN ANALYZE CREATE TABLE pg_temp.x AS SELECT 1") == "42501"


def test_plans_and_counters_tell_nothing_of_hidden_rows(world, narrow):
    """An index tests a metadata filter before the policy: how many rows it gives, and is expected to, is for no limited key."""
    table = world.tables["a"]
    question = f"SELECT FROM {table} WHERE metadata @@@ '{{\"of\": \"a\"}}'"
    for session in each(narrow):
        for asked in (
            f"EXPLAIN {question}", f"EXPLAIN ANALYZE {question}", "EXPLAIN SELECT 1", f"SELECT pg_stat_get_xact_tuples_returned('{table}'::regclass)",
            f"SELECT pg_stat_get_tuples_fetched('{table}'::regclass)", "SELECT * FROM pg_stat_xact_user_tables", "SELECT * FROM pg_stat_user_indexes",
            "SELECT * FROM pg_statio_user_tables", "SELECT * FROM pg_stat_database",
        ):
            text = str(said(session, asked))
            assert "is not for keys that are limited to namespaces" in text, text
        assert len(session.execute(question).fetchall()) == 2
    with world.login(world.gateway) as session:
        session.execute("SELECT '[1]'::vector")  # where the library is not preloaded, a session loads it as it first uses it
        assert state(session, "EXPLAIN SELECT 1") == "42501"


def test_errors_show_no_rows_of_others(world, narrow):
    """A row that is refused is the caller's own; the hidden one that it meets is not shown."""
    table = world.tables["a"]
    for session in each(narrow):
        error = refusal(session, f"""INSERT INTO {table} (namespace, id, "values") VALUES ('n1', 'n1-1', '[1,1]')""")
        assert error.sqlstate == "23505"
        session.execute("ROLLBACK TO one")
        error = refusal(session, f"UPDATE {table} SET id = 'same'")
        assert "n2" not in str(error.diag.message_detail)


def test_tables_behind_tables(world, narrow):
    """TOAST tables, indexes as relations, sequences, partitions' parents."""
    toast = world.db.execute("SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = %s::regclass", [world.tables["a"]]).fetchone()[0]
    for session in each(narrow):
        for statement in (f"SELECT * FROM {toast}", "SELECT * FROM pc.index_id_seq", "SELECT last_value FROM pc_auth.audit_seq",
                          "SELECT * FROM pg_authid", "SELECT * FROM pg_statistic", "SELECT * FROM pg_hba_file_rules()", "SELECT * FROM pg_file_settings",
                          "SELECT pg_ls_waldir()", "SELECT pg_stat_file('base')", "SELECT * FROM pg_user_mapping", "SELECT * FROM pg_subscription",
                          "SELECT pg_get_wal_replay_pause_state()", "SELECT pg_logical_emit_message(false, 'x', 'y')",
                          "SELECT pg_create_logical_replication_slot('s', 'pgoutput')"):
            assert state(session, statement) in ("42501", "55000"), statement
            session.execute("ROLLBACK TO one")


def test_sizes_of_shared_tables_are_all_there_is(world, narrow):
    """What can be seen of others, as the documentation says: names that say nothing, and sizes."""
    _, login, _ = narrow
    names = {row[0] for row in login.execute("SELECT relname FROM pg_class WHERE relnamespace = 'pc_data'::regnamespace AND relkind = 'r'")}
    assert all(name.startswith("i_") and name[2:].isdigit() for name in names)
    policies = json.dumps(login.execute("SELECT polname, pg_get_expr(polqual, polrelid) FROM pg_policy").fetchall())
    assert "n1" not in policies and "other" not in policies
    assert login.execute("SELECT rolpassword FROM pg_roles WHERE rolname LIKE 'cfk%' LIMIT 1").fetchone() == ("********",)


@pytest.mark.parametrize("setting", ["force_parallel_mode", None])
def test_parallel_plans_show_the_same(world, setting):
    """With workers and without, on a table large enough, logged in and pooled."""
    table = world.tables["b"]
    keys = {"narrow": world.key("narrow", namespaces='{"b": ["n1"]}'), "all": world.key("all"), "none": world.key("none", control_plane="ReadWrite"),
            "other": create_key(world.db, "other", project="other")}
    world.db.execute(f"""INSERT INTO {table} (namespace, id, "values") SELECT 'n' || (i % 4 + 1), 'bulk-' || i, '[1,1]'
                         FROM generate_series(1, 2000) i ON CONFLICT DO NOTHING""")
    world.db.execute(f"ANALYZE {table}")
    queries = [f"SELECT count(*), min(namespace), max(namespace) FROM {table}", f"SELECT namespace, count(*) FROM {table} GROUP BY 1 ORDER BY 1",
               f"SELECT count(*) FROM {table} x JOIN {table} y USING (namespace, id)"]
    parallel = "SET min_parallel_table_scan_size = 0; SET min_parallel_index_scan_size = 0; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET max_parallel_workers_per_gather = 2"
    if setting:
        parallel += f"; SET {setting} = on"
    used = False
    for name, key in keys.items():
        found = {}
        for pooled in (False, True):
            with world.login(world.gateway if pooled else key[0], autocommit=False) as session:
                for mode in (parallel, "SET max_parallel_workers_per_gather = 0"):
                    session.execute(mode)
                    session.commit()
                    if pooled:
                        session.execute("SELECT pc_use_key(%s)", [key[1]])
                    for query in queries:
                        session.execute("SAVEPOINT one")
                        rows = said(session, query)
                        plan = str(said(session, f"EXPLAIN ANALYZE {query}"))
                        used |= mode == parallel and "Workers Launched: " in plan
                        found.setdefault((query, pooled), set()).add(str(rows))
                    session.rollback()
        for (query, pooled), answers in found.items():
            assert len(answers) == 1, (name, query, pooled, answers)
        counts = {pooled: found[queries[0], pooled].copy().pop() for pooled in (False, True)}
        if name in ("narrow", "all"):
            assert counts[False] == counts[True] and counts[True].startswith("[(502, 'n1', 'n1'" if name == "narrow" else "[(2004, 'n1', 'n4'"), counts
        else:
            assert "42501" in counts[True] and "42501" in counts[False], counts
    assert used, "a worker was launched"


def test_dump_as_a_key(world, narrow):
    """A key cannot dump the database; nor its own table, which pg_dump would lock."""
    key, _, _ = narrow
    for more in ((), ("--enable-row-security",), ("-t", world.tables["a"]), ("-t", "pc_auth.*"), ("-e", "conifer")):
        with pytest.raises(RuntimeError, match="permission denied"):
            print(more, world.server.run("pg_dump", "-U", key[0], "-d", world.database, *more))


def test_nothing_is_left(world, narrow):
    """None of all this changed a row."""
    for index in ("a", "c"):
        rows = world.db.execute(f"SELECT namespace, id, metadata FROM {world.tables[index]} ORDER BY 1, 2").fetchall()
        assert rows == [(n, f"{n}-{i}", {"of": index}) for n in ("n1", "n2") for i in (1, 2)]
