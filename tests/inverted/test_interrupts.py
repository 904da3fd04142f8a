"""Statements that are cancelled, or run out of room for files: they end at once, and nothing of them is left."""

import random
import time

import psycopg
import pytest

from tests.inverted.index_checks import check, whole
from tests.inverted.sparse_vectors import DIMS, sparse
from tests.inverted.statements import TABLE
from tests.support.running import Running
from tests.support.waiting import until

ROWS = 12_000
MAKE = "CREATE INDEX t_v ON t USING inverted (v)"
NEAR = sparse(random.Random(1))


def fill(rows: int) -> str:
    """A statement that inserts so many rows."""
    return f"""INSERT INTO t (v) SELECT ('{{' || (SELECT string_agg(d || ':' || (1 + (d + i) % 7), ',')
        FROM (SELECT DISTINCT 1 + floor(random() ^ 2 * {DIMS - 1})::int AS d FROM generate_series(1, 60) WHERE i > 0) s) || '}}/{DIMS}')::sparsevec
        FROM generate_series(1, {rows}) i"""


@pytest.fixture
def table(db):
    """A table `t` without an index, and a session that has little memory for builds."""
    db.execute(TABLE.format("t"))
    db.execute(fill(ROWS))
    db.execute("SET maintenance_work_mem = '1MB'")
    return db


def nothing_left(session):
    """Assert that there are no temporary files, and no files without a relation."""
    assert session.execute("SELECT name FROM pg_ls_tmpdir()").fetchall() == []
    session.execute("CHECKPOINT")
    lost = session.execute("""
        SELECT f FROM pg_ls_dir('base/' || (SELECT oid FROM pg_database WHERE datname = current_database())) f
        WHERE f ~ '^[0-9]+$' AND NOT EXISTS (SELECT FROM pg_class WHERE pg_relation_filenode(oid) = f::oid)
    """).fetchall()
    assert lost == []


def phase(other, running):
    """What a CREATE INDEX is at."""
    found = other.execute("SELECT phase FROM pg_stat_progress_create_index WHERE pid = %s", [running.session.info.backend_pid]).fetchone()
    return found[0].removeprefix("building index: ") if found else None


@pytest.mark.parametrize("wanted", ["loading tuples", "writing pages"])
def test_build_cancelled(table, connect, wanted):
    other = connect()
    for _ in range(5):
        running = Running(table, MAKE)
        until(lambda: running.is_over() or phase(other, running) == wanted, 60)
        if running.cancel(other):
            break
        # The phase was over before anyone saw it.
        table.execute("DROP INDEX t_v")
    assert running.failure, f"it was not seen at {wanted}"
    nothing_left(other)
    table.execute(MAKE)
    check(table, "t_v")
    whole(table, "t", NEAR)
    nothing_left(other)


def test_no_room_for_the_file(table):
    table.execute("SET temp_file_limit = '64kB'")
    with pytest.raises(psycopg.errors.ConfigurationLimitExceeded):
        table.execute(MAKE)
    nothing_left(table)
    table.execute("RESET temp_file_limit")
    table.execute(MAKE)
    check(table, "t_v")
    whole(table, "t", NEAR)


def test_vacuum_and_insert_cancelled(table, connect):
    """Wherever they are cut off, all rows are found; the next vacuum gives back what was left."""
    other = connect()
    table.execute(MAKE.replace("(v)", "(v) WITH (pending_list_limit = 64)"))
    size = "SELECT pg_relation_size('t_v')"
    table.execute("DELETE FROM t WHERE id % 3 <> 0")
    delay, cancelled = 0.01, 0
    while True:
        running = Running(table, "VACUUM t")
        time.sleep(delay)
        if not running.cancel(other):
            break
        cancelled, delay = cancelled + 1, delay * 2.5
        check(table, "t_v")
        whole(table, "t", NEAR)
    assert running.failure is None and cancelled > 0
    check(table, "t_v")
    for delay in (0.3, 0.6):
        running = Running(table, fill(10 * ROWS))
        time.sleep(delay)
        assert running.cancel(other)
        check(table, "t_v")
        whole(table, "t", NEAR)
    for statement in ("DELETE FROM t", "VACUUM t", "VACUUM t"):
        table.execute(statement)
    before = table.execute(size).fetchone()
    table.execute(fill(1000))
    table.execute("VACUUM t")
    assert table.execute(size).fetchone() == before
    assert table.execute("SELECT rows, dead, pending_pages FROM inverted_stats('t_v')").fetchone() == (1000, 0, 0)


def test_scan_cancelled(table, connect):
    other = connect()
    table.execute(MAKE)
    table.execute("SET enable_seqscan = off; SET enable_sort = off")
    endless = f"SELECT count(*) FROM generate_series(1, 100000) g, LATERAL (SELECT id FROM t WHERE id < 0 * g ORDER BY v <#> '{NEAR}' LIMIT 1) f"
    plan = "\n".join(line for (line,) in table.execute(f"EXPLAIN {endless}").fetchall())
    assert "Index Scan using t_v" in plan, plan
    for delay in (0.1, 0.4):
        running = Running(table, endless)
        time.sleep(delay)
        assert running.cancel(other)
