"""Statements that are cancelled, run out of time or of room for files: they end at once, and nothing of them is left."""

import os
import random
import re
import time
from pathlib import Path

import psycopg
import pytest

from tests.hnsw.index_checks import WHOLE, check, scan, whole
from tests.hnsw.random_vectors import vector
from tests.support.cluster import Cluster
from tests.support.running import AT_ONCE, Running
from tests.support.waiting import until

ROWS, DIM = 8_000, 48
TOO_LARGE = "53400"
NEAR = vector(random.Random(1), DIM)
RANDOM = f"ARRAY(SELECT random() FROM generate_series(1, {DIM}) WHERE i > 0)::vector"
MAKE = "CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)"
PHASES = ["loading tuples", "building graph", "filling edge slots", "writing pages"]
# A filter that no row passes, again and again.
ENDLESS = f"""
    SELECT count(*) FROM generate_series(1, 10000) g, LATERAL
      (SELECT id FROM t WHERE id < 0 * g ORDER BY v <-> '{NEAR}' LIMIT 5) found
"""


@pytest.fixture(scope="module")
def quiet():
    """A server where nobody else makes files or threads."""
    server = Cluster(15, "interrupts", {"autovacuum": "off", "maintenance_work_mem": "64MB"})
    try:
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            session.execute(f"CREATE TABLE source AS SELECT i AS id, i % 3 AS ns, {RANDOM} AS v FROM generate_series(1, {ROWS}) i")
        yield server
    finally:
        server.destroy()


@pytest.fixture
def session(quiet):
    """A session with the table `t`, without indexes."""
    with quiet.connect("postgres") as session:
        session.execute(f"DROP TABLE IF EXISTS t; CREATE TABLE t (id int, ns int, v vector({DIM}))")
        session.execute("INSERT INTO t SELECT * FROM source; CHECKPOINT")
        yield session


def phase(other, running):
    """What a CREATE INDEX is at."""
    found = other.execute("SELECT phase FROM pg_stat_progress_create_index WHERE pid = %s", [running.session.info.backend_pid]).fetchone()
    return found[0].removeprefix("building index: ") if found else None


def nothing_left(session, *indexes):
    """Assert that there are no temporary files, no threads, no files without a relation, and no other indexes of `t`."""
    assert session.execute("SELECT name FROM pg_ls_tmpdir()").fetchall() == []
    until(lambda: len(os.listdir(f"/proc/{session.info.backend_pid}/task")) == 1, 2)
    found = session.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 't'::regclass").fetchall()
    assert sorted(found) == sorted((index,) for index in indexes)
    session.execute("CHECKPOINT")
    lost = session.execute("""
        SELECT f FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database())) f
        WHERE f ~ '^[0-9]+$' AND NOT EXISTS (SELECT FROM pg_class WHERE pg_relation_filenode(oid) = f::oid)
    """).fetchall()
    assert lost == []


def good(session, where="true"):
    check(session, "t_v")
    whole(session, "t", NEAR, where, strict=0.3)  # noise


KEYED = MAKE.replace("(v", "(ns, v")
# The graphs of keys with few rows are built many at a time, each in all its steps.
CANCELLED = [(MAKE, phase) for phase in PHASES] + [(KEYED, phase) for phase in PHASES if phase != "filling edge slots"]


@pytest.mark.parametrize("statement, wanted", CANCELLED)
def test_build_cancelled(quiet, session, statement, wanted):
    with quiet.connect("postgres") as other:
        for _ in range(5):
            running = Running(session, statement)
            until(lambda: running.is_over() or phase(other, running) == wanted, 60)
            if running.cancel(other):
                break
            # The phase was over before anyone saw it.
            session.execute("DROP INDEX t_v")
        assert running.failure, f"it was not seen at {wanted}"
        nothing_left(other)
        nothing_left(session)
        if wanted == PHASES[-1]:
            session.execute(statement)
            good(session, "ns = 1")


def test_build_cancelled_with_many_keys(quiet, session):
    """Small graphs are made many at a time; all of it in a file."""
    session.execute("SET maintenance_work_mem = '1MB'")
    with quiet.connect("postgres") as other:
        for delay in (0.05, 0.3):
            running = Running(session, "CREATE INDEX t_v ON t USING hnsw (id, v vector_l2_ops)")
            time.sleep(delay)
            assert running.cancel(other)
            nothing_left(session)


def test_build_out_of_time(session):
    for timeout in (50, 400):
        session.execute(f"SET statement_timeout = {timeout}")
        begin = time.monotonic()
        with pytest.raises(psycopg.errors.QueryCanceled):
            session.execute(MAKE)
        assert time.monotonic() - begin < timeout / 1000 + AT_ONCE
        session.execute("RESET statement_timeout")
        nothing_left(session)


def test_concurrent_build_cancelled(quiet, session):
    """What CREATE INDEX CONCURRENTLY leaves is invalid and is used by nobody, but written to; it can be made anew."""
    with quiet.connect("postgres") as other:
        running = Running(session, MAKE.replace("INDEX", "INDEX CONCURRENTLY"))
        until(lambda: phase(other, running) == "building graph", 60)
        assert running.cancel(other)
    nothing_left(session, "t_v")
    assert session.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = 't_v'::regclass").fetchone() == (False,)
    session.execute(f"INSERT INTO t VALUES (0, 1, '{NEAR}')")
    session.execute("REINDEX INDEX CONCURRENTLY t_v")
    nothing_left(session, "t_v")
    good(session)


def test_insert_cancelled(quiet, session):
    session.execute("DELETE FROM t WHERE id > 1000")
    session.execute(MAKE)
    with quiet.connect("postgres") as other:
        size = other.execute("SELECT pg_relation_size('t_v')").fetchone()
        running = Running(session, "INSERT INTO t SELECT id + 100000, ns, v FROM source")
        until(lambda: other.execute("SELECT pg_relation_size('t_v')").fetchone() > (size[0] + 200_000,))
        assert running.cancel(other)
    nothing_left(session, "t_v")
    good(session)
    assert session.execute("SELECT count(*) FROM t").fetchone() == (1000,)
    session.execute("VACUUM t")
    good(session)
    assert session.execute("SELECT nodes, tuples FROM hnsw_stats('t_v')").fetchone() == (1000, 1000)


def test_vacuum_cancelled(quiet, session):
    """Wherever a vacuum is cut off, all rows are found, and those that come then; the next one does the rest."""
    session.execute(MAKE)
    session.execute("DELETE FROM t WHERE id % 3 <> 0")
    with quiet.connect("postgres") as other:
        delay, cancelled = 0.02, 0
        while True:
            running = Running(session, "VACUUM t")
            time.sleep(delay)
            if not running.cancel(other):
                break
            cancelled, delay = cancelled + 1, delay * 2.5
            session.execute("INSERT INTO t SELECT id, ns, v FROM source WHERE id %% 3 = 1 AND id %% 400 = %s", [cancelled])
            good(session)
    assert running.failure is None and cancelled > 2
    nothing_left(session, "t_v")
    good(session)
    rows = session.execute("SELECT count(*) FROM t").fetchone()
    assert session.execute("SELECT tuples FROM hnsw_stats('t_v')").fetchone() == rows


def test_scan_cancelled(quiet, session):
    session.execute(MAKE)
    for name, value in (WHOLE | {"hnsw.iterative_scan": "relaxed_order"}).items():
        session.execute("SELECT set_config(%s, %s, false)", [name, value])
    plan = "\n".join(line for (line,) in session.execute(f"EXPLAIN {ENDLESS}").fetchall())
    assert "Index Scan using t_v" in plan, plan
    with quiet.connect("postgres") as other:
        for delay in (0.1, 0.5):
            running = Running(session, ENDLESS)
            time.sleep(delay)
            assert running.cancel(other)
    session.execute("SET statement_timeout = '200ms'")
    begin = time.monotonic()
    with pytest.raises(psycopg.errors.QueryCanceled):
        session.execute(ENDLESS)
    assert time.monotonic() - begin < 0.2 + AT_ONCE
    session.execute("RESET statement_timeout")
    nothing_left(session, "t_v")
    good(session)


@pytest.mark.parametrize("statement", [MAKE, MAKE.replace("(v", "(ns, v")], ids=["plain", "keyed"])
def test_build_in_a_file(quiet, session, statement):
    """With too little memory, a build goes on in a temporary file and says so."""
    session.execute(statement)
    rows = scan(session, "t", NEAR, "ns = 1")
    session.execute("DROP INDEX t_v; SET maintenance_work_mem = '1MB'")
    notices = []
    session.add_notice_handler(lambda diagnostic: notices.append(diagnostic.message_primary))
    files = set()
    with quiet.connect("postgres") as other:
        running = Running(session, statement)
        until(lambda: running.is_over() or files.update(other.execute("SELECT name FROM pg_ls_tmpdir()").fetchall()), 60)
        running.thread.join()
    assert running.failure is None and len(files) == 1
    assert len(notices) == 1 and notices[0].startswith("hnsw build needs more than maintenance_work_mem: "), notices
    nothing_left(session, "t_v")
    good(session, "ns = 1")
    assert sorted(scan(session, "t", NEAR, "ns = 1")) == sorted(rows)


@pytest.mark.parametrize("columns", ["v vector_l2_ops", "k, v vector_l2_ops"])
def test_memory_of_a_build(quiet, session, columns):
    """What is in the backend's own memory, beside maintenance_work_mem, does not grow with the dimensions."""
    rows, dim = 8000, 1000
    session.execute(f"DROP TABLE IF EXISTS long; CREATE TABLE long (k int, v vector({dim}))")
    session.execute(f"INSERT INTO long SELECT i / 800, (SELECT array_agg(sin(i * j)) FROM generate_series(1, {dim}) j)::vector FROM generate_series(1, {rows}) i")
    session.execute("SET maintenance_work_mem = '1MB'; SET client_min_messages = warning")
    status = Path(f"/proc/{session.info.backend_pid}/status")

    def megabytes():
        return int(re.search(r"RssAnon:\s+(\d+) kB", status.read_text()).group(1)) / 1024

    before = megabytes()
    running = Running(session, f"CREATE INDEX long_v ON long USING hnsw ({columns})")
    most = [before]
    until(lambda: running.is_over() or most.append(megabytes()), 60)
    running.thread.join()
    assert running.failure is None and len(most) > 10
    # In the heap, vectors and their forms would take 7 bytes a dimension.
    assert max(most) - before < 16 < rows * dim * 2 / 2**20 + 4, max(most) - before
    assert session.execute("SELECT * FROM hnsw_check('long_v')").fetchall() == []
    session.execute("DROP TABLE long")


@pytest.mark.parametrize("method, columns", [("hnsw", "v vector_l2_ops"), ("ivfflat", "v vector_ip_ops"), ("hnsw", "s sparsevec_l2_ops")])
def test_memory_follows_the_rows(session, method, columns):
    """A small build has no file; a larger one has as much of it as it needs, and the notice knows how much would do without."""
    notices = []
    session.add_notice_handler(lambda diagnostic: notices.append((diagnostic.message_primary, diagnostic.message_hint)))
    session.execute("DROP TABLE IF EXISTS small; CREATE TABLE small (v vector(64), s sparsevec(50))")
    session.execute("SET client_min_messages = warning")

    def add(first, last):
        session.execute(
            "INSERT INTO small SELECT (SELECT array_agg(sin(i * j)) FROM generate_series(1, 64) j)::vector,"
            " format('{1:%%s,7:1,9:%%s}/50', i, sin(i))::sparsevec FROM generate_series(%s::int, %s) i",
            [first, last],
        )

    def build(memory, limit):
        notices.clear()
        session.execute(f"DROP INDEX IF EXISTS small_i; SET maintenance_work_mem = '{memory}MB'; SET temp_file_limit = '{limit}MB'")
        session.execute("SET client_min_messages = notice")
        session.execute(f"CREATE INDEX small_i ON small USING {method} ({columns})")
        session.execute("SET client_min_messages = warning; RESET temp_file_limit")
        return [notice for notice in notices if "temporary" in notice[0]]

    add(1, 300)
    assert build(1, 0) == []
    add(301, 3000)
    ((text, hint),) = build(1, 1000)
    file = re.fullmatch(f"{method} build needs more than maintenance_work_mem: (\\d+) MB are in a temporary file", text).group(1)
    assert 0 < int(file) < 4
    assert build(1, file) == [(text, hint)]
    enough = re.fullmatch(r"A maintenance_work_mem of (\d+) MB would hold all of it\.", hint).group(1)
    assert build(enough, 0) == []
    assert session.execute("SELECT * FROM hnsw_check('small_i')").fetchall() == []
    session.execute("DROP TABLE small")


def test_parts_of_the_file_are_used_again(session):
    """The file is as large as one key's graph asks for, not all of them together."""
    session.execute("SET client_min_messages = warning; CREATE TABLE keys (k int, v vector(64))")
    session.execute("INSERT INTO keys SELECT i % 6, (SELECT array_agg(sin(i * j)) FROM generate_series(1, 64) j)::vector FROM generate_series(1, 6000) i")
    sizes = {}

    def size(diagnostic):
        if found := re.search("temporary file: .* size (\\d+)", diagnostic.message_primary):
            sizes[len(sizes)] = int(found.group(1))

    session.add_notice_handler(size)
    session.execute("SET maintenance_work_mem = '1MB'; SET log_temp_files = 0; SET client_min_messages = log")
    session.execute("CREATE INDEX keys_v ON keys USING hnsw (v vector_l2_ops)")
    session.execute("CREATE INDEX keys_k ON keys USING hnsw (k, v vector_l2_ops)")
    session.execute("SET client_min_messages = warning")
    assert len(sizes) == 2 and sizes[1] < 0.8 * sizes[0], sizes
    assert session.execute("SELECT * FROM hnsw_check('keys_k')").fetchall() == []
    session.execute("DROP TABLE keys")


def test_no_room_for_the_file(session):
    session.execute("SET maintenance_work_mem = '1MB'; SET temp_file_limit = '64kB'")
    for statement in (MAKE, MAKE.replace("(v", "(ns, v"), MAKE.replace("(v", "(id, v")):
        with pytest.raises(psycopg.errors.ConfigurationLimitExceeded) as failure:
            session.execute(statement)
        assert failure.value.sqlstate == TOO_LARGE
        nothing_left(session)
    session.execute("RESET temp_file_limit")
    session.execute(MAKE)
    nothing_left(session, "t_v")
    good(session)


@pytest.mark.parametrize(
    "rows, columns",
    [(20_000, "v vector_l2_ops"), (14_000, "two, v vector_l2_ops"), (150_000, "id, v vector_l2_ops")],
    ids=["plain", "large keys", "small keys"],
)
def test_progress(quiet, session, rows, columns):
    """All steps are shown, and in each of them what is done grows from near 0 to what there is. Pages come by 512."""
    session.execute("DROP TABLE IF EXISTS many; CREATE TABLE many (id int, two int, v vector(8))")
    session.execute(f"INSERT INTO many SELECT i, i % 2, ARRAY[sin(i), cos(i), sin(i * 7), cos(i * 3), sin(i * 5), i % 5, i % 7, i % 11] FROM generate_series(1, {rows}) i")
    index = f"many_{'_'.join(c.split()[0] for c in columns.split(','))}_idx"
    early = False
    with quiet.connect("postgres") as other:
        for _ in range(5):
            steps = watch(other, session, f"CREATE INDEX ON many USING hnsw ({columns})")
            (size,) = session.execute("SELECT pg_relation_size(%s::regclass) / 8192", [index]).fetchone()
            session.execute(f"DROP INDEX {index}")
            loaded, built, written = ([done for done, *_ in steps.get(step, [])] for step in ("loading tuples", "building graph", "writing pages"))
            pages, totals = ([counts[place] for counts in steps.get("writing pages", [])] for place in (2, 3))
            assert all(counts == sorted(counts) for counts in (loaded, built, written, pages))
            assert {total for _, total, *_ in steps.get("building graph", [])} <= {rows} and max(written, default=0) <= rows
            assert all(done <= total for done, total in zip(pages, totals))
            # What was expected is about what came.
            assert not totals or size / 2 < totals[0] < size * 2, (size, totals[0])
            # On a busy machine, nobody may have looked at the beginning of a step.
            if early := (
                loaded and loaded[0] < rows / 2 and built and built[0] < rows / 2 and len(set(built)) > 2
                and pages and pages[0] < totals[-1] / 2 and len(set(pages)) > 2 and written[0] < rows
            ):
                break
    assert early, steps
    session.execute("DROP TABLE many")


def watch(other, session, statement):
    """What another session sees of a CREATE INDEX: of each phase, all counts of rows and pages."""
    seen = []
    query = "SELECT phase, tuples_done, tuples_total, blocks_done, blocks_total FROM pg_stat_progress_create_index WHERE relid = 'many'::regclass"
    running = Running(session, statement)
    until(lambda: running.is_over() or seen.extend(other.execute(query).fetchall()), 60)
    running.thread.join()
    assert running.failure is None
    steps = {}
    for phase, *counts in seen:
        steps.setdefault(phase.removeprefix("building index: "), []).append(counts)
    return steps
