"""Lists of all matches that a session keeps: what comes is what a sequential scan gives, whoever has added rows meanwhile, and whenever."""

import random

import pytest

from tests.hnsw.test_kept_vectors import DIM, FAR, MATCHES, ask, fill, insert, same, vector

HELD = 7


def looks_up(db, query):
    """Whether a query asks the inverted index, and gives what a sequential scan does."""
    exact = [row[1] for row in ask(db, query, 10, exact=True)]
    scans = "SELECT COALESCE(pg_stat_get_xact_numscans('t_meta_idx'::regclass), 0)"
    with db.transaction():
        before = db.execute(scans).fetchone()
        assert [row[1] for row in ask(db, query, 10)] == exact
        return db.execute(scans).fetchone() != before


def learn(db, query):
    """Asks until a list is kept."""
    assert any(not looks_up(db, query) for _ in range(80))
    assert not looks_up(db, query)


@pytest.fixture
def source():
    return random.Random(11)


def test_a_list_is_read_until_a_row_is_added(db, connect, source):
    fill(db, source)
    query, other = vector(source, False), connect()
    learn(db, query)
    changes = [
        lambda by: insert(by, source, 3, 3),
        lambda by: by.execute("UPDATE t SET meta = %s WHERE id = 10", [FAR]),
        lambda by: by.execute("UPDATE t SET v = %s WHERE meta @@@ %s AND id %% 7 = 0", [query, FAR]),
        lambda by: by.execute("INSERT INTO t (v, meta) SELECT v, meta FROM t WHERE meta @@@ %s LIMIT 1", [FAR]),
    ]
    for change in changes:
        for by in (db, other):
            change(by)
            looks_up(db, query)
            learn(db, query)
    # Rows that go, and versions without other values in the index, leave the list as it is.
    for change in ("DELETE FROM t WHERE id % 11 = 0", "UPDATE t SET note = 1 WHERE id % 5 = 0"):
        other.execute(change)
        looks_up(db, query)
    same(db, [query])
    other.execute("VACUUM t")
    looks_up(db, query)
    learn(db, query)
    for change in ("REINDEX TABLE t", "VACUUM FULL t"):
        other.execute(change)
        same(db, [query])
    db.execute("TRUNCATE t")
    assert ask(db, query, 10) == []
    insert(db, source, MATCHES, 100)
    same(db, [query])


def test_rows_of_open_transactions(db, connect, source):
    """A row is found as soon as it is committed, whether the list was made before it was added or after."""
    fill(db, source)
    query = vector(source, False)
    for first in (True, False):
        other = connect(autocommit=False)
        if first:
            insert(other, source, 1, 0)
            other.execute("UPDATE t SET v = %s WHERE id = (SELECT max(id) FROM t)", [query])
            learn(db, query)
        else:
            learn(db, query)
            insert(other, source, 1, 0)
            other.execute("UPDATE t SET v = %s WHERE id = (SELECT max(id) FROM t)", [query])
        before = ask(db, query, 1)
        assert before[0][1] > 0
        other.commit()
        assert ask(db, query, 1)[0][1] == 0
        db.execute("DELETE FROM t WHERE v = %s", [query])
        other.close()


def test_own_rows_before_the_commit_and_after_a_rollback(db, source):
    fill(db, source)
    query = vector(source, False)
    learn(db, query)
    with db.transaction(force_rollback=True):
        insert(db, source, 2, 2)
        same(db, [query])
        with db.transaction(force_rollback=True):
            insert(db, source, 2, 2)
            same(db, [query])
        same(db, [query])
    same(db, [query])
    learn(db, query)


def test_a_row_that_is_in_the_graph_and_not_yet_in_the_inverted_index(db, connect, source):
    """A list that is made in between lacks the row, and is not read once the row can be seen."""
    fill(db, source)
    db.execute("""DROP INDEX t_meta_idx;
        CREATE FUNCTION waits(integer) RETURNS integer IMMUTABLE LANGUAGE plpgsql
            AS $$ BEGIN IF $1 = -1 THEN PERFORM pg_advisory_xact_lock(%s); END IF; RETURN $1; END $$;
        CREATE INDEX ON t (waits(note));
        CREATE INDEX t_meta_idx ON t USING gin (meta pc_filter_ops)""" % HELD)
    query, holder, writer = vector(source, False), connect(), connect()
    holder.execute("SELECT pg_advisory_lock(%s)", [HELD])
    sql = f"INSERT INTO t (v, meta, note) VALUES ('{query}', '{FAR}', -1)"
    writer.pgconn.send_query(sql.encode())
    while not db.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted").fetchone()[0]:
        pass
    learn(db, query)
    holder.execute("SELECT pg_advisory_unlock(%s)", [HELD])
    while (result := writer.pgconn.get_result()) is not None:
        assert not result.error_message, result.error_message
    assert ask(db, query, 1)[0][1] == 0
    same(db, [query])


def test_old_snapshots(db, connect, source):
    """A snapshot from before a list was made sees its own rows, and so does one that is older than the rows of the list."""
    fill(db, source)
    query, old = vector(source, False), connect(autocommit=False)
    old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    before = ask(old, query, 10)
    learn(old, query)
    db.execute("UPDATE t SET v = %s WHERE id %% 3 = 0", [query])
    db.execute("DELETE FROM t WHERE id % 3 = 1")
    for _ in range(10):
        assert ask(old, query, 10) == before
    old.commit()
    same(old, [query])
    # Rows that no snapshot sees are read each time, and a list of many is none.
    assert all(looks_up(db, query) for _ in range(20))
    old.close()
    db.execute("VACUUM t")
    learn(db, query)


@pytest.mark.parametrize("memory", ["0", "64kB", "128kB", "8MB"])
def test_memory(db, source, memory):
    fill(db, source)
    db.execute(f"SET hnsw.filter_cache_mem = '{memory}'")
    queries = [vector(source, False) for _ in range(3)]
    for _ in range(5):
        same(db, queries)


def test_conditions_of_their_own(db, source):
    """Lists of one index by other conditions are others', and so are those of other namespaces."""
    db.execute(f"CREATE TABLE n (id serial, ns text, v vector({DIM}), meta jsonb)")
    for i in range(600):
        db.execute("INSERT INTO n (ns, v, meta) VALUES (%s, %s, %s)", [f"n{i % 3}", vector(source, i % 2 == 0), f'{{"far": {int(i % 2 == 0)}, "i": {i}}}'])
    db.execute("CREATE INDEX n_v ON n USING hnsw (ns, v vector_l2_ops, meta pc_filter_ops)")
    db.execute("CREATE INDEX n_meta ON n USING gin (meta pc_filter_ops)")
    db.execute("VACUUM ANALYZE n")
    queries = [vector(source, False) for _ in range(2)]
    for _ in range(12):
        for query in queries:
            for ns in ("n0", "n1", "n2"):
                for filter in (FAR, '{"i": {"$lt": 300}}', '{"i": {"$gte": 300}}'):
                    sql = f"SELECT v <-> '{query}' FROM n WHERE ns = '{ns}' AND meta @@@ '{filter}' ORDER BY v <-> '{query}' LIMIT 10"
                    with db.transaction():
                        db.execute("SET LOCAL enable_sort = off; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off")
                        here = db.execute(sql).fetchall()
                        db.execute("SET LOCAL enable_sort = on; SET LOCAL enable_seqscan = on; SET LOCAL enable_indexscan = off")
                        assert here == db.execute(sql).fetchall()
