"""Many clients in one index at once; indexes that are made while the table is written."""

import random
import threading

import psycopg
import pytest

from tests.hnsw.index_checks import check, scan, sequential, whole
from tests.hnsw.random_vectors import vector, vectors
from tests.support.load import Load
from tests.support.soak import SOAK
from tests.support.waiting import until

KEYS = 5
SECONDS = SOAK or 4
LIMITS = "-c deadlock_timeout=200ms -c lock_timeout=20s -c statement_timeout=60s"


@pytest.fixture
def tables(db):
    """Tables `plain` and `keyed` with an index each, and one without."""
    for table in ("plain", "keyed", "bare"):
        db.execute(f"CREATE TABLE {table} (id serial PRIMARY KEY, ns int, v vector(8)) WITH (autovacuum_enabled = off)")
    db.execute("CREATE INDEX plain_v ON plain USING hnsw (v vector_l2_ops)")
    db.execute("CREATE INDEX keyed_v ON keyed USING hnsw (ns, v vector_l2_ops)")


def insert(table, seed, most=None):
    """Work that inserts some rows at a time, but no more while there are `most`."""
    source = random.Random(seed)

    def work(session):
        n = source.randrange(1, 20)
        if most and session.execute(f"SELECT count(*) FROM {table}").fetchone() > (most,):
            return
        session.execute(f"INSERT INTO {table} (ns, v) SELECT n, v::vector FROM unnest(%s::int[], %s::text[]) AS r (n, v)",
                        [[source.randrange(KEYS) for _ in range(n)], vectors(source, 8, n)])

    return work


def update(table, seed):
    source = random.Random(seed)

    def work(session):
        session.execute(f"UPDATE {table} SET v = %s, ns = %s WHERE id %% 22 = %s",
                        [vector(source, 8), source.randrange(KEYS), 2 * source.randrange(11)])

    return work


def delete(table, seed):
    """Work that deletes rows with odd numbers, which the updates leave alone, and whole keys of these."""
    source = random.Random(seed)

    def work(session):
        session.execute(f"DELETE FROM {table} WHERE id %% 2 = 1 AND (ns = %s OR id %% 5 = 0)", [source.randrange(2 * KEYS)])

    return work


def query(table, seed):
    """Work that asserts that a scan gives no row twice and none but those that a snapshot has."""
    source = random.Random(seed)

    def work(session):
        where = f"ns = {source.randrange(KEYS)}" if table == "keyed" else "true"
        near = vector(source, 8)
        with session.transaction():
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            found = scan(session, table, near, where)
            rows = sequential(session, table, near, where)
        assert len(set(found)) == len(found) and set(found) <= set(rows)
        assert len(found) >= 0.9 * len(rows)

    return work


def all_found(session, table):
    near = vector(random.Random(1), 8)
    for where in [f"ns = {n}" for n in range(KEYS)] if table == "keyed" else ["true"]:
        whole(session, table, near, where)


def test_all_at_once(db, connect, tables):
    load = Load(lambda: connect(options=LIMITS))
    for table in ("plain", "keyed"):
        for writer in range(4):
            load.add(insert(table, f"{table} {writer}", 800))
        load.add(update(table, table))
        load.add(delete(table, table))
        load.add(query(table, table))
        load.add(lambda session, table=table: session.execute(f"VACUUM {table}"))
    load.stop(SECONDS)
    for _ in range(2):
        for table in ("plain", "keyed"):
            check(db, f"{table}_v")
            all_found(db, table)
            db.execute(f"VACUUM {table}")
            rows = db.execute(f"SELECT count(*) FROM {table}").fetchone()
            assert db.execute("SELECT sum(tuples) FROM hnsw_stats(%s)", [f"{table}_v"]).fetchone() == rows


def test_checked_while_all_changes(db, connect):
    """Nothing is told of an index that is as it should be, though others change node records between two looks."""
    db.execute("CREATE TABLE t (id serial PRIMARY KEY, ns int, v vector(8)) WITH (autovacuum_enabled = off)")
    db.execute("CREATE INDEX t_v ON t USING hnsw (ns, v vector_l2_ops) WITH (m = 2)")
    with Load(lambda: connect(options=LIMITS)) as load:
        for writer in range(3):
            load.add(insert("t", writer, 800))
        load.add(delete("t", 3))
        load.add(update("t", 4))
        load.add(lambda session: session.execute("VACUUM t"))
        for _ in range(40 * (SOAK or 2)):
            check(db, "t_v")


@pytest.mark.parametrize("function", ["hnsw_recall('t_v', ARRAY[v], 1)", "hnsw_check('t_v')"])
def test_dropped_while_looked_at(db, connect, function):
    """Whoever waits for the table does not keep its owner from the index."""
    db.execute("CREATE TABLE t AS SELECT '[1,1]'::vector(2) AS v; CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)")
    reader = connect(options=LIMITS)
    pid = reader.info.backend_pid
    failures = []

    def look():
        try:
            reader.execute(f"SELECT {function} FROM (SELECT '[1,1]'::vector AS v) q")
        except psycopg.Error as failure:
            failures.append(failure.sqlstate)

    db.execute("SET deadlock_timeout = '100ms'")
    with db.transaction():
        db.execute("LOCK TABLE t")
        thread = threading.Thread(target=look)
        thread.start()
        until(lambda: db.execute("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", [pid]).fetchone() == (1,))
        db.execute("DROP INDEX t_v")
    thread.join()
    assert failures == ["XX000"]  # there is no such index any more


@pytest.mark.parametrize("column", ["v", "ns, v"])
def test_made_while_the_table_is_written(db, connect, tables, column):
    """No row is left out, and none is in the index twice."""
    db.execute("INSERT INTO bare (ns, v) SELECT i %% 5, v::vector FROM unnest(%s::text[]) WITH ORDINALITY AS u (v, i)",
               [vectors(random.Random(7), 8, 300)])
    with Load(lambda: connect(options=LIMITS)) as load:
        for writer in range(2):
            load.add(insert("bare", writer, 500))
        load.add(update("bare", 3))
        load.add(delete("bare", 4))
        for _ in range(SOAK or 2):
            db.execute(f"CREATE INDEX CONCURRENTLY bare_v ON bare USING hnsw ({column} vector_l2_ops)")
            db.execute("REINDEX INDEX CONCURRENTLY bare_v")
            db.execute("DROP INDEX IF EXISTS before")
            db.execute("ALTER INDEX bare_v RENAME TO before")
    check(db, "before")
    wheres = ["true"] if column == "v" else [f"ns = {n}" for n in range(KEYS)]
    for where in wheres:
        whole(db, "bare", vector(random.Random(1), 8), where)
    db.execute("VACUUM bare")
    rows = db.execute("SELECT count(*) FROM bare").fetchone()
    assert db.execute("SELECT sum(tuples) FROM hnsw_stats('before')").fetchone() == rows


@pytest.mark.parametrize("columns, op", [("v vector_l2_ops", "<->"), ("ns, v vector_l2_ops", "<->"), ("v vector_l1_ops", "<+>")])
def test_written_while_all_its_rows_leave(db, connect, columns, op):
    """Rows come while a vacuum takes out all that graphs had: none is lost. Of the last, node records have four edge slots."""
    db.execute("CREATE TABLE t (id serial PRIMARY KEY, ns int, v vector(8)) WITH (autovacuum_enabled = off)")
    db.execute(f"CREATE INDEX t_v ON t USING hnsw ({columns}) WITH (m = 2)")
    near, source = vector(random.Random(1), 8), random.Random(2)
    for _ in range(SOAK or 6):
        db.execute("INSERT INTO t (ns, v) SELECT n %% 5, v::vector FROM unnest(%s::text[]) WITH ORDINALITY AS u (v, n)", [vectors(source, 8, 600)])
        db.execute("DELETE FROM t")
        with Load(lambda: connect(options=LIMITS)) as load:
            for _ in range(2):
                rows = random.Random(source.random())
                load.add(lambda session, rows=rows: insert("t", rows.random(), 200)(session))
            db.execute("VACUUM t")
        check(db, "t_v")
        for where in [f"ns = {n}" for n in range(KEYS)] if "ns" in columns else ["true"]:
            whole(db, "t", near, where, op=op)


def cursor(session, near, batch):
    """A scan of t's index that goes on when it is asked to."""
    for name, value in (("enable_seqscan", "off"), ("enable_sort", "off"), ("hnsw.ef_search", batch), ("hnsw.iterative_scan", "relaxed_order")):
        session.execute("SELECT set_config(%s, %s, false)", [name, str(value)])
    session.execute("BEGIN")
    session.execute(f"DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <-> '{near}'")


def table_of(db, rows):
    db.execute("CREATE TABLE t (id serial PRIMARY KEY, v vector(8)) WITH (autovacuum_enabled = off)")
    db.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)")
    db.execute("INSERT INTO t (v) SELECT v::vector FROM unnest(%s::text[]) WITH ORDINALITY AS u (v, n) ORDER BY n", [rows])


def test_chain_is_shortened_under_a_scan(db, connect):
    """A node with many rows was read; then a vacuum frees the first records of its TID list. The others are found."""
    near, far = "[1,1,1,1,1,1,1,1]", "[9,9,9,9,9,9,9,9]"
    table_of(db, [near] + [far] * 1000)
    db.execute("DELETE FROM t WHERE id > 300")
    reader = connect()
    cursor(reader, near, 100)
    assert reader.execute("FETCH 1 FROM c").fetchall() == [(1,)]
    db.execute("VACUUM (INDEX_CLEANUP ON) t")
    check(db, "t_v")
    db.execute("INSERT INTO t (v) SELECT %s FROM generate_series(1, 400)", [far])
    assert sorted(reader.execute("FETCH ALL FROM c").fetchall()) == [(id,) for id in range(2, 301)]


def test_last_row_of_a_chain_moves_under_a_scan(db, connect):
    """A node with many rows was read; then a vacuum leaves one of them, which takes the place of the first. It is found, once."""
    near, far = "[1,1,1,1,1,1,1,1]", "[9,9,9,9,9,9,9,9]"
    for left in (2, 3, 500, 1000):
        db.execute("DROP TABLE IF EXISTS t")
        table_of(db, [near] + [far] * 1000)
        db.execute("DELETE FROM t WHERE id NOT IN (1, %s)", [left])
        reader = connect()
        cursor(reader, near, 100)
        assert reader.execute("FETCH 1 FROM c").fetchall() == [(1,)]
        db.execute("VACUUM (INDEX_CLEANUP ON) t")
        check(db, "t_v")
        db.execute("INSERT INTO t (v) SELECT %s FROM generate_series(1, 400)", [far])
        assert reader.execute("FETCH ALL FROM c").fetchall() == [(left,)]
        reader.execute("COMMIT")


def test_block_becomes_a_chain_under_a_scan(db, connect):
    """The record of a node that a scan has read holds rows of another when the scan comes to that."""
    source = random.Random(5)
    near = "[0,0,0,0,0,0,0,0]"
    table_of(db, ["[" + ",".join(f"{source.uniform(1, 9):.4f}" for _ in range(8)) + "]" for _ in range(600)])
    db.execute(f"DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY v <-> '{near}' LIMIT 5)")
    reader = connect()
    cursor(reader, near, 1)
    first = reader.execute("FETCH 1 FROM c").fetchall()
    db.execute("VACUUM (INDEX_CLEANUP ON) t")
    db.execute(f"INSERT INTO t (v) SELECT v FROM t ORDER BY v <-> '{near}' DESC LIMIT 400")
    rows = db.execute("SELECT id FROM t WHERE id <= 600").fetchall()
    assert sorted(first + reader.execute("FETCH ALL FROM c").fetchall()) == sorted(rows)
    check(db, "t_v")
