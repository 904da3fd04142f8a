"""Memory that a backend is refused ends its statement with SQLSTATE 53200, and nothing else.

A backend gets a limit of address space a little above what it has, then more and more until the statement goes through. At no
step does the server restart: it would end the session that looks on.
"""

import json
import os
import random
import resource
import subprocess
from pathlib import Path

import psycopg
import pytest

from tests.hnsw.index_checks import check
from tests.hnsw.random_vectors import vector
from tests.support.cluster import Cluster
from tests.support.soak import SOAK

OUT_OF_MEMORY, NO_THREAD = "53200", "53000"
DIM, ROWS = 64, 3_000
LIST = f"ARRAY(SELECT random() FROM generate_series(1, {DIM}) WHERE i > 0)"
MEMORY = "SET maintenance_work_mem = '64MB'; SET max_parallel_maintenance_workers = 1"
FIRST, MORE = (16 << 10, 1.02) if SOAK else (64 << 10, 1.2)
"""Bytes of the first steps, and by what factor steps grow where this is more."""


@pytest.fixture(scope="module")
def small():
    """A server with a table that has indexes, one without, and an index of the Pinecone layer."""
    server = Cluster(15, "memory", {"autovacuum": "off"})
    try:
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            session.execute(
                f"CREATE TABLE source AS SELECT i AS id, i % 3 AS tenant, {LIST}::vector({DIM}) AS v FROM generate_series(1, {ROWS}) i;"
                "CREATE TABLE t AS SELECT * FROM source; CREATE INDEX t_v ON t USING hnsw (v vector_cosine_ops);"
                "CREATE TABLE b AS SELECT id, tenant, v, v::halfvec AS h, binary_quantize(v) AS b, v::sparsevec AS s FROM source;"
                f"ALTER TABLE b ALTER h TYPE halfvec({DIM}), ALTER s TYPE sparsevec({DIM}), ALTER b TYPE bit({DIM})"
            )
            session.execute("SELECT pc_create_index('docs', %s)", [DIM])
            session.execute("SELECT pc_upsert('docs', %s)", [records(random.Random(2), 500)])
        yield server
    finally:
        server.destroy()


def records(source, n, more=None):
    """`n` records as JSON."""
    return json.dumps([{"id": f"r{i}", "values": [source.random() for _ in range(DIM)], "metadata": {"n": i}} | (more or {}) for i in range(n)])


def size(backend) -> int:
    """Bytes of a process's address space."""
    return int(Path(f"/proc/{backend}/statm").read_text().split()[0]) * resource.getpagesize()


def limit(backend, size) -> None:
    """Let a process map no more; None takes the limit away."""
    # Root may not be allowed to, but the servers' user is.
    user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    subprocess.run([*user, "prlimit", f"--pid={backend}", f"--as={size or 'unlimited'}:"], check=True, cwd="/")


def climb(server, statement, params=None, before="", states=(OUT_OF_MEMORY,), most=None) -> tuple[int, int]:
    """Run a statement with little memory, and with more until it succeeds; returns how often it failed, and with how much it
    went through. `before` is what each session starts with. From `most` bytes on, it need not succeed."""
    failures, room = 0, 0
    with server.connect("postgres") as onlooker:
        while True:
            with server.connect("postgres", client_encoding="utf8") as session:
                session.execute(f"{MEMORY}; SET jit = off; SET enable_seqscan = off")
                session.execute(f"SELECT id FROM t ORDER BY v <=> '{vector(random.Random(1), DIM)}' LIMIT 1")
                session.execute("SELECT pc_fetch('docs', ARRAY['r1']); DO $$ BEGIN END $$")
                if before:
                    session.execute(before)
                backend = session.info.backend_pid
                limit(backend, size(backend) + room)
                try:
                    session.execute(statement, params)
                    failed = None
                except psycopg.Error as error:
                    failed = error
                assert failed is None or failed.sqlstate in states, (room, failed)
                limit(backend, None)
                # The session goes on, and so do all others.
                assert session.execute(f"SELECT count(*) FROM (SELECT FROM t ORDER BY v <=> '{vector(random.Random(1), DIM)}' LIMIT 1) x").fetchone() == (1,)
                assert onlooker.execute("SELECT 1").fetchone() == (1,)
                if failed is None or most and room >= most:
                    return failures, room
            failures += 1
            room = max(room + FIRST, int(room * MORE)) & -resource.getpagesize()
            assert room < 1 << 30, failed


BUILDS = {
    "vector": "hnsw (v vector_cosine_ops)",
    "halfvec": "hnsw (h halfvec_l2_ops)",
    "sparsevec": "hnsw (s sparsevec_ip_ops)",
    "bit": "hnsw (b bit_hamming_ops)",
    "l1": "hnsw (v vector_l1_ops)",
    "few keys": "hnsw (tenant, v vector_l2_ops)",
    "many keys": "hnsw (id, v vector_l2_ops)",
    "ivfflat": "ivfflat (v vector_ip_ops) WITH (lists = 10)",
}


@pytest.mark.parametrize("what", BUILDS)
def test_build(small, what):
    with small.connect("postgres") as session:
        session.execute("DROP INDEX IF EXISTS b_index")
        failures, _ = climb(small, f"CREATE INDEX b_index ON b USING {BUILDS[what]}", states=(OUT_OF_MEMORY, NO_THREAD))
        assert failures > 3
        check(session, "b_index")
        session.execute("DROP INDEX b_index")


def test_build_again(small):
    """Threads map memory of their own: what the heap has free since a construction before is not for them."""
    index = "CREATE INDEX again ON source USING hnsw ((v::halfvec(64)) halfvec_l2_ops) WHERE id < 1000"
    with small.connect("postgres") as session:
        session.execute("DROP INDEX IF EXISTS again")
        climb(small, index, before=f"{index}; DROP INDEX again", states=(OUT_OF_MEMORY, NO_THREAD))
        check(session, "again")
        session.execute("DROP INDEX again")


def test_build_concurrently(small):
    """Where not even little is left, the first error of a session finds what it needs on its way."""
    index = "CREATE INDEX CONCURRENTLY late_v ON late USING hnsw (id, v vector_l2_ops)"
    with small.connect("postgres") as session:
        session.execute("CREATE TABLE late AS SELECT * FROM source")
        failures, _ = climb(small, index, before="DROP INDEX IF EXISTS late_v", most=1 << 20)
        assert failures > 3
        session.execute("DROP TABLE late")


def test_search(small):
    query = f"SELECT id FROM t ORDER BY v <=> '{vector(random.Random(3), DIM)}' LIMIT {{}}"
    wide = "SET hnsw.ef_search = 1000; SET hnsw.iterative_scan = {}; SET hnsw.scan_mem_multiplier = 1000"
    for mode in ("off", "relaxed_order", "strict_order"):
        failures, _ = climb(small, query.format(2 * ROWS), before=wide.format(mode))
        assert failures > 0


def test_insert(small):
    climb(small, f"INSERT INTO t SELECT i, 0, {LIST}::vector FROM generate_series(1, 200) i")
    climb(small, f"UPDATE t SET v = {LIST.replace('i >', 't.id >')}::vector WHERE id < 100")
    with small.connect("postgres") as session:
        check(session, "t_v")


def test_vacuum(small):
    with small.connect("postgres") as session:
        session.execute("DROP TABLE IF EXISTS gone; CREATE TABLE gone AS SELECT * FROM source; CREATE INDEX gone_v ON gone USING hnsw (v vector_l2_ops)")
        session.execute("DELETE FROM gone WHERE id % 3 > 0")
        climb(small, "VACUUM gone")
        check(session, "gone_v")
        assert session.execute("SELECT count(*) FROM gone").fetchone() == (ROWS // 3,)


def test_vacuum_of_many_keys(small):
    """Each has a graph of its own, and half of them go."""
    with small.connect("postgres") as session:
        session.execute("DROP TABLE IF EXISTS leave; CREATE TABLE leave AS SELECT i AS id, ARRAY[i % 9, i]::vector(2) AS v FROM generate_series(1, 20000) i")
        session.execute("CREATE INDEX leave_v ON leave USING hnsw (id, v vector_l2_ops)")
        session.execute("DELETE FROM leave WHERE id % 2 > 0")
        failures, _ = climb(small, "VACUUM leave")
        assert failures > 3
        check(session, "leave_v")


def test_inverted(small):
    """A build, which sorts in memory; insertions, which merge now and then; a scan of all rows, a vacuum, a check."""
    with small.connect("postgres") as session:
        session.execute("DROP INDEX IF EXISTS b_index")
        failures, _ = climb(small, "CREATE INDEX b_index ON b USING inverted (s) WITH (pending_list_limit = 64)")
        assert failures > 3
        session.execute("SET enable_seqscan = off; SET enable_sort = off")
        scan = f"SELECT count(*) FROM (SELECT id FROM b ORDER BY s <#> '{vector(random.Random(4), DIM)}'::vector::sparsevec) s"
        failures, _ = climb(small, scan, before="SET enable_sort = off")
        assert failures > 0
        climb(small, f"INSERT INTO b (id, s) SELECT i, {LIST}::vector::sparsevec FROM generate_series(1, 400) i")
        climb(small, "DELETE FROM b WHERE id % 2 = 0; SELECT * FROM inverted_check('b_index')")
        climb(small, "VACUUM b")
        assert session.execute("SELECT * FROM inverted_check('b_index')").fetchall() == []
        assert session.execute(scan).fetchone() == session.execute("SELECT count(s) FROM b").fetchone()
        session.execute("DROP INDEX b_index")


def test_check(small):
    climb(small, "SELECT * FROM hnsw_check('t_v')")
    with small.connect("postgres") as session:
        session.execute("DROP TABLE IF EXISTS keys; CREATE TABLE keys AS SELECT i AS id, ARRAY[i % 9, i]::vector(2) AS v FROM generate_series(1, 20000) i")
        session.execute("CREATE INDEX keys_v ON keys USING hnsw (id, v vector_l2_ops)")
    # What it says then is of the index, not of memory.
    for what in ("count(*) / (count(*) = 0)::int FROM hnsw_check", "count(*) / (count(*) = 20000)::int FROM hnsw_stats"):
        failures, _ = climb(small, f"SELECT {what}('keys_v')")
        assert failures > 3


def test_cast(small):
    """Arrays of more elements than a vector may have are no less than a sparse one may."""
    with small.connect("postgres") as session:
        session.execute("CREATE TABLE long (a real[]); ALTER TABLE long ALTER a SET STORAGE EXTERNAL; INSERT INTO long SELECT array_fill(0::real, ARRAY[1000000])")
    failures, _ = climb(small, "SELECT a::sparsevec FROM long")
    assert failures > 3


def test_records(small):
    source = random.Random(4)
    for more in ({}, {"metadata": {"long": "\u00e4\n" * 5_000}}):
        climb(small, "SELECT pc_upsert('docs', %s)", [records(source, 100, more)])
    for given in ("vector => %s::vector", "vector => %s::vector, include_values => true, include_metadata => true, top_k => 400"):
        climb(small, f"SELECT * FROM pc_query('docs', {given})", [vector(source, DIM)])
    climb(small, "SELECT * FROM pc_list('docs')")
    climb(small, "SELECT * FROM pc_fetch('docs', ARRAY(SELECT 'r' || i FROM generate_series(1, 300) i))")
    climb(small, "SELECT pc_delete('docs', ARRAY(SELECT 'r' || i FROM generate_series(400, 450) i))")


@pytest.fixture(scope="module")
def filtered(small):
    """The same server with a table whose rows lie on a line of their numbers, and an index that takes filters."""
    with small.connect("postgres") as session:
        session.execute("""CREATE TABLE f AS SELECT i AS id, ARRAY[i / 1000, i / 100 % 10, i / 10 % 10, i % 10]::vector(4) AS v,
                               jsonb_build_object('half', i % 2, 'n', i) AS meta FROM generate_series(1, 20000) i""")
        session.execute("CREATE INDEX f_v ON f USING hnsw (v vector_l2_ops, meta pc_filter_ops); ANALYZE f")
    return small


FAR = """SELECT count(*) FROM (SELECT FROM f WHERE meta @@@ '{{"n": {{"$gt": {}}}}}' ORDER BY v <-> '[0,0,0,0]' LIMIT {}) near"""


@pytest.mark.parametrize("gin", [False, True])
def test_filtered_search(filtered, gin):
    """Walks that go far, with an index of the matches and without one; all of what they keep may be refused."""
    with filtered.connect("postgres") as session:
        session.execute("DROP INDEX IF EXISTS f_meta")
        if gin:
            session.execute("CREATE INDEX f_meta ON f USING gin (meta pc_filter_ops)")
    for multiplier, rows, more in ((1, 19_000, 10), (1000, 19_000, 10), (1000, 100, 15_000)):
        failures, _ = climb(filtered, FAR.format(rows, more), before=f"SET enable_sort = off; SET hnsw.scan_mem_multiplier = {multiplier}")
        # A thousand matches, read by the inverted index, may fit into the memory that a backend has in reserve.
        assert failures > 1 or gin and rows == 19_000, (multiplier, rows)


def test_filtered_search_takes_little(filtered):
    """Where a search may have 64 kB, matches far away are read instead of walked to: what it takes goes by their number."""
    with filtered.connect("postgres") as session:
        session.execute("DROP INDEX IF EXISTS f_meta; CREATE INDEX f_meta ON f USING gin (meta pc_filter_ops)")
    before = "SET enable_sort = off; SET work_mem = '64kB'; SET hnsw.scan_mem_multiplier = 1"
    for rows in (19_000, 12_000, 100):
        _, takes = climb(filtered, FAR.format(rows, 10), before=before)
        assert takes <= (256 << 10) + 40 * (20_000 - rows), (rows, takes)


def test_filters(small):
    """Functions with a filter, and filters as long as they may be."""
    half, many = '{"n": {"$lt": 250}}', json.dumps({"$or": [{"n": {"$in": [*range(9_000)]}}, {"long": {"$in": ["x" * 100 + str(i) for i in range(9_000)]}}]})
    for filter in (half, many):
        climb(small, "SELECT pc_query('docs', %s::vector, 400, filter => %s)", [vector(random.Random(5), DIM), filter])
        climb(small, "SELECT pc_fetch_by_metadata('docs', %s)", [filter])
        climb(small, "SELECT pc_describe_index_stats('docs', %s)", [filter])
        climb(small, "SELECT pc_update('docs', filter => %s, set_metadata => '{\"seen\": true}')", [filter])
    climb(small, "SELECT pc_query_namespaces('docs', %s::vector, NULL, filter => %s)", [vector(random.Random(5), DIM), half])
    climb(small, "SELECT pc_delete('docs', filter => %s)", ['{"n": {"$gt": 480}}'])
    failures, _ = climb(small, "SELECT '{\"a\": 1}'::jsonb @@@ %s::jsonb, pc_filter_matches('{}', %s)", [many, many])
    assert failures > 1


@pytest.fixture(scope="module")
def crowded(small):
    """The same server with more keys than a backend's reserve of memory has room for, and without their roles."""
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    with small.connect("postgres") as session:
        session.execute("ALTER TABLE pc_auth.api_key DISABLE TRIGGER follow")
        with session.cursor().copy("COPY pc_auth.api_key (key_id, project_id, name, control_plane, data_plane, secret_hash, verifier, created_by) FROM STDIN") as copy:
            for i in range(30_000):
                name = "".join(alphabet[i >> 5 * place & 31] for place in range(16))
                copy.write_row((f"cfk_{name}", "00000000-0000-0000-0000-000000000000", f"k{i}", "n", "n", "\\x" + "00" * 32, "SCRAM-SHA-256$", "postgres"))
        session.execute("ALTER TABLE pc_auth.api_key ENABLE ALWAYS TRIGGER follow")
    yield small
    with small.connect("postgres") as session:
        session.execute("ALTER TABLE pc_auth.api_key DISABLE TRIGGER ALL; DELETE FROM pc_auth.api_key; ALTER TABLE pc_auth.api_key ENABLE TRIGGER ALL")
        session.execute("ALTER TABLE pc_auth.api_key ENABLE ALWAYS TRIGGER follow")


def test_many_keys(crowded):
    """What goes through all keys has no room for them, or all there is to do is done."""
    undone = "DO $$ BEGIN {}; RAISE SQLSTATE 'UNDON'; EXCEPTION WHEN SQLSTATE 'UNDON' THEN NULL; END $$"
    failures, _ = climb(crowded, undone.format("DROP EXTENSION conifer CASCADE"))
    assert failures > 3


@pytest.mark.parametrize(
    "statement, state",
    [
        ("SELECT ('[1,' || repeat('x', 20000000))::vector", "22P02"),
        ("SELECT pc_upsert('docs', jsonb_build_array(jsonb_build_object('id', repeat(E'\\n', 3000000))))", "22023"),
        ("SELECT pc_upsert('docs', jsonb_build_array(jsonb_build_object(repeat(E'\\n', 3000000), 1)))", "22023"),
        ("SELECT pc_create_api_key('k', roles => array_fill('a'::text, ARRAY[300000]))", "22023"),
        ("SELECT pc_create_api_key('k', indexes => array_fill(null::text, ARRAY[3000000]))", "22004"),
        ("SELECT pc_create_api_key('k', namespaces => jsonb_build_object('docs', array_fill('a'::text, ARRAY[300000])))", "22023"),
        ("SELECT pc_describe_api_key('cfk_' || repeat('x', 30000000))", "42704"),
        ("""SELECT pc_list('docs', "limit" => 1, pagination_token => (SELECT left(max(next_token), 16) FROM pc_list('docs', "limit" => 1)) || repeat('61', 20000000))""", "22023"),
        ("SELECT pc_query('docs', filter => jsonb_build_object('a', repeat(E'\\n', 3000000)), id => 'r1')", "22023"),
        ("SELECT pc_update('docs', 'r1', set_metadata => jsonb_build_object('a', repeat(E'\\n', 3000000)))", "22023"),
        ("SELECT pc_query_namespaces('docs', '[1]', array_fill(repeat('x', 1000), ARRAY[30000]))", "22023"),
        ("SELECT pc_create_namespace('docs', repeat('x', 30000000))", "22023"),
    ],
)
def test_long_input(small, statement, state):
    """What a user can make as long as values may be is refused for what it is, or for want of memory."""
    climb(small, f"DO $do$ BEGIN PERFORM {statement.removeprefix('SELECT')}; EXCEPTION WHEN sqlstate '{state}' THEN NULL; END $do$")


def test_library(small):
    """A session that uses the library for the first time."""
    room, failures = 0, 0
    while True:
        with small.connect("postgres") as session:
            backend = session.info.backend_pid
            limit(backend, size(backend) + room)
            try:
                session.execute("SELECT '[1,2]'::vector <-> '[1,3]'")
                break
            except psycopg.Error as error:
                assert error.sqlstate in (OUT_OF_MEMORY, "58P01", "XX000"), error  # the loader's own refusal
            limit(backend, None)
            assert session.execute("SELECT '[1,2]'::vector <-> '[1,3]'").fetchone() == (1.0,)
        failures += 1
        room += 256 << 10
    assert failures > 0


def test_long_prefix(small):
    """Nothing recurses by a text's length."""
    with small.connect("postgres") as session:
        assert session.execute("SELECT * FROM pc_list('docs', prefix => repeat(U&'\\+10FFFF', 5000000))").fetchall() == []
