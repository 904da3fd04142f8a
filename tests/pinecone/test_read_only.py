"""Transactions that may not write: those that are READ ONLY, and all on a standby. What reads works, what writes is refused by its name."""

import psycopg
import pytest

from tests.support.cluster import Cluster
from tests.support.waiting import until

WRITES = [
    "pc_create_index('new', 2)", "pc_delete_index('films')", """pc_configure_index('films', tags => '{"a": "b"}')""",
    """pc_upsert('films', '[{"id": "a", "values": [1, 2]}]')""", "pc_upsert_many('films', '{a}', ARRAY['[1,2]'::vector])",
    """pc_update('films', 'a', "values" => '[1,2]')""", """pc_update('films', filter => '{"k": 1}', set_metadata => '{"k": 2}')""",
    "pc_delete('films', '{a}')", "pc_delete('films', delete_all => true)", """pc_delete('films', filter => '{"k": 1}')""",
    "pc_create_namespace('films', 'new')", "pc_delete_namespace('films', '')", "pc_rename_namespace('films', '', 'new')",
    "pc_copy_namespace('films', '', 'new')",
    "pc_create_api_key('new')", "pc_update_api_key('{key}', 'new')", "pc_rotate_api_key('{key}')", "pc_revoke_api_key('{key}')",
    "pc_create_project('new')", "pc_delete_project('spare')", "pc_grant_role('pg_monitor', 'ProjectViewer')",
    "pc_revoke_role('pg_monitor', 'ProjectViewer')", "pc_set_default_role('ProjectViewer')", "pc_sync_roles()", "pc_prune_audit(now())",
]
READS = [
    "pc_query('films', '[1,1]')", """pc_query('films', '[1,1]', filter => '{"k": {"$gte": 1}}')""", """pc_query_namespaces('films', '[1,1]', NULL)""",
    "pc_fetch('films', '{a}')", """pc_fetch_by_metadata('films', '{"k": 1}')""", "pc_list('films')", "pc_describe_index_stats('films')",
    """pc_describe_index_stats('films', '{"k": 1}')""", "pc_list_namespaces('films')", "pc_describe_namespace('films', '')", "name FROM pc_list_indexes()",
    "dimension FROM pc_describe_index('films')", "pc_has_index('films')", "pc_whoami()", "pc_list_api_keys()", "pc_list_projects()", "pc_list_members()",
    "pc_audit()", "area, item FROM pc_security_report()",
    # only counts
    """pc_update('films', 'a', "values" => '[1,2]', dry_run => true)""", """pc_update('films', filter => '{"k": 1}', set_metadata => '{"k": 2}', dry_run => true)""",
]


@pytest.fixture(scope="module")
def pair():
    """A primary with an index of some thousand records, and its standby."""
    primary = Cluster(15, "written", {"autovacuum": "off"})
    standby = None
    try:
        with primary.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer; SELECT pc_create_index('films', 2), pc_create_project('spare')")
            (table,) = session.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()
            session.execute(f"""INSERT INTO {table} (id, "values", metadata) SELECT 'a' || i, ARRAY[sin(i), cos(i)]::vector, jsonb_build_object('k', i % 300)
                                FROM generate_series(1, 3000) i""")
            session.execute("""SELECT pc_upsert('films', '[{"id": "a", "values": [1, 1], "metadata": {"k": 1}}]')""")
            session.execute(f"ANALYZE {table}")
            (key,) = session.execute("SELECT key_id FROM pc_create_api_key('old')").fetchone()
        standby = primary.standby("read", {})
        with primary.connect("postgres") as session, standby.connect("postgres") as reader:
            until(lambda: reader.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", session.execute("SELECT pg_current_wal_lsn()").fetchone()).fetchone()[0])
        yield primary, standby, key
    finally:
        if standby:
            standby.destroy()
        primary.destroy()


@pytest.mark.parametrize("where", ["a read-only transaction", "a standby"])
def test_what_writes_is_refused_by_its_name(pair, where):
    primary, standby, key = pair
    with (primary if where == "a read-only transaction" else standby).connect("postgres") as session:
        session.execute("SET default_transaction_read_only = on")
        for call in WRITES:
            call = call.replace("{key}", key)
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction) as refused:
                session.execute(f"SELECT {call}")
            assert refused.value.diag.message_primary == f"cannot execute {call.split('(')[0]}() in a read-only transaction"
        # what is wrong with a call as such is said of it all the same
        with pytest.raises(psycopg.errors.UndefinedTable):
            session.execute("SELECT pc_create_namespace('nope', 'new')")


@pytest.mark.parametrize("where", ["a read-only transaction", "a standby"])
def test_what_reads_works(pair, where):
    primary, standby, _ = pair
    with primary.connect("postgres") as writer, (primary if where == "a read-only transaction" else standby).connect("postgres") as session:
        session.execute("SET default_transaction_read_only = on")
        for call in READS:
            there = writer.execute(f"SELECT {call}").fetchall()
            assert session.execute(f"SELECT {call}").fetchall() == there, call
            assert there or "audit" in call or "members" in call, call


def test_filters_on_a_standby(pair):
    """In the graph, by the inverted index, and by a bitmap that has room for pages only."""
    primary, standby, _ = pair
    with primary.connect("postgres") as writer, standby.connect("postgres") as session:
        (table,) = session.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()
        for memory in ("4MB", "64kB"):
            session.execute(f"SET work_mem = '{memory}'; SET hnsw.scan_mem_multiplier = 1")
            for filter in ('{"k": {"$gte": 0}}', '{"k": {"$lt": 150}}', '{"k": 7}', '{"k": {"$exists": false}}', '{"k": -1}'):
                for top_k in (1, 10, 2000):
                    exact = writer.execute(f"""SELECT id FROM {table} WHERE metadata @@@ %s ORDER BY ("values" <=> '[1,2]')::real, id LIMIT {top_k}""", [filter]).fetchall()
                    found = session.execute("SELECT id FROM pc_query('films', '[1,2]', %s, filter => %s)", [top_k, filter]).fetchall()
                    assert len(found) == len(exact), (memory, filter, top_k)
                    assert len(set(found) & set(exact)) >= 0.97 * len(exact), (memory, filter, top_k)
