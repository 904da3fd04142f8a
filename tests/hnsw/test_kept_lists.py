"""Lists of all matches that a session keeps: what comes is what a sequential scan gives, whoever has added rows meanwhile, and whenever."""

import json
import random
import sys
import time
from collections import Counter

import psycopg
import pytest

from tests.hnsw.test_kept_vectors import DIM, FAR, MATCHES, ask, fill, insert, same, vector
from tests.support.cluster import Cluster
from tests.support.load import Load
from tests.support.soak import SOAK
from tests.support.waiting import until

HELD = 7
NEAREST = "UPDATE t SET v = %s WHERE id = (SELECT max(id) FROM t)"


def looks_up(db, query):
    """Whether a query asks the inverted index, and gives what a sequential scan does."""
    exact = [row[1] for row in ask(db, query, 10, exact=True)]
    with db.transaction():
        before = scans(db)
        assert [row[1] for row in ask(db, query, 10)] == exact
        return scans(db) != before


def index_buffers(db, query, filter):
    """Buffers that a query takes of the index: of one that reads a list, hardly any."""
    with db.transaction():
        before = db.execute("SELECT pg_stat_get_xact_blocks_fetched('t_v'::regclass)").fetchone()[0]
        ask(db, query, 10, filter=filter)
        return db.execute("SELECT pg_stat_get_xact_blocks_fetched('t_v'::regclass)").fetchone()[0] - before


def scans(db):
    """How often this transaction has asked the inverted index."""
    return db.execute("SELECT COALESCE(pg_stat_get_xact_numscans('t_meta_idx'::regclass), 0)").fetchone()[0]


def learn(db, query):
    """Asks until a list is kept."""
    assert any(not looks_up(db, query) for _ in range(80))
    assert not looks_up(db, query)


@pytest.fixture(scope="module")
def own():
    """A server of this file, on which transactions can be prepared, and pages go to the disk and come back all the time."""
    settings = {"max_prepared_transactions": "4", "autovacuum": "off", "shared_buffers": "1MB", "wal_log_hints": "on"}
    server = Cluster(15, "lists", settings)
    try:
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
        yield server
    finally:
        server.destroy()


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


def test_rows_of_other_filters_say_nothing(db, source):
    """A list is made though the last one was of a few rows whose vectors were kept already."""
    db.execute(f"CREATE TABLE t (id serial, v vector({DIM}), meta jsonb)")
    with db.cursor().copy("COPY t (v, meta) FROM STDIN") as copy:
        for i in range(8000):
            copy.write_row((vector(source, True), json.dumps({"lot": i % 10, "few": i % 500})))
    db.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops, meta pc_filter_ops); CREATE INDEX ON t USING gin (meta pc_filter_ops)")
    db.execute("VACUUM ANALYZE t")
    queries = [vector(source, True) for _ in range(50)]
    for few in ('{"few": 0}', '{"few": {"$in": [0, 0]}}'):
        for query in queries[:8]:
            ask(db, query, 10, filter=few)
    read = [index_buffers(db, query, '{"lot": 5}') for query in queries]
    assert min(read[:2]) > 50 and max(read[40:]) < 20, read


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


def test_unrelated_transactions(db, connect, source):
    """A list lasts through the ends of transactions that have written elsewhere, and not through that of one that had the table locked."""
    fill(db, source)
    db.execute("CREATE TABLE u (i int)")
    query, other = vector(source, False), connect(autocommit=False)
    other.execute("INSERT INTO u VALUES (1)")
    learn(db, query)
    other.commit()
    assert not looks_up(db, query)
    other.execute("UPDATE t SET note = 1 WHERE id = 1")
    db.execute("SET hnsw.filter_cache_mem = 0")
    looks_up(db, query)
    db.execute("RESET hnsw.filter_cache_mem")
    learn(db, query)
    other.commit()
    assert looks_up(db, query)
    learn(db, query)


def test_snapshots_of_other_sessions(db, connect, source):
    """A list is good for a snapshot that another session has taken before it was made."""
    fill(db, source)
    query, old = vector(source, False), connect(autocommit=False)
    old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    (snapshot,) = old.execute("SELECT pg_export_snapshot()").fetchone()
    before = ask(db, query, 10_000)
    insert(db, source, 40, 0)
    db.execute(NEAREST, [query])
    db.execute("DELETE FROM t WHERE id % 5 = 0")
    learn(db, query)
    with db.transaction():
        db.execute(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET TRANSACTION SNAPSHOT '{snapshot}'")
        for _ in range(3):
            assert ask(db, query, 10_000) == before
    same(db, [query])


def test_cursors(db, connect, source):
    """A cursor goes on in the list that it has begun with."""
    fill(db, source)
    query, other = vector(source, False), connect()
    learn(db, query)
    there = ask(db, query, 10_000)
    db.execute("BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off")
    db.execute(f"DECLARE c CURSOR FOR SELECT id, v <-> '{query}' FROM t WHERE meta @@@ '{FAR}' ORDER BY v <-> '{query}'")
    here = db.execute("FETCH 5 FROM c").fetchall()
    for step in (lambda: insert(other, source, 20, 0), lambda: other.execute("DELETE FROM t WHERE id % 3 = 0"), lambda: other.execute("VACUUM t")):
        step()
        same(db, [query])
        here += db.execute("FETCH 20 FROM c").fetchall()
    db.execute("SET hnsw.filter_cache_mem = 0")
    same(db, [query])
    here += db.execute("FETCH ALL FROM c").fetchall()
    db.execute("COMMIT")
    assert here == there


def test_serializable(db, connect, source):
    """Of two transactions that read what the other adds to, one fails, though neither looks anything up."""
    fill(db, source)
    query = vector(source, False)
    sessions = [connect(), connect()]
    for session in sessions:
        learn(session, query)
    for session in sessions:
        session.execute("BEGIN ISOLATION LEVEL SERIALIZABLE")
        # No sequential scan, which would have the table locked as a whole.
        before = scans(session)
        ask(session, query, 10)
        assert scans(session) == before
    with pytest.raises(psycopg.errors.SerializationFailure):
        for session in sessions:
            session.execute("INSERT INTO t (v, meta) VALUES (%s, %s)", [query, FAR])
        for session in sessions:
            session.execute("COMMIT")


def test_prepared_statements_and_policies(db, connect, source):
    """Lists are those of the values of parameters, and of what policies ask for."""
    db.execute(f"CREATE TABLE n (id serial, ns text, v vector({DIM}), meta jsonb)")
    rows = [(f"n{i % 2}", vector(source, i % 4 < 2), json.dumps({"far": int(i % 4 < 2), "i": i % 5})) for i in range(800)]
    db.cursor().executemany("INSERT INTO n (ns, v, meta) VALUES (%s, %s, %s)", rows)
    db.execute(
        "CREATE INDEX n_v ON n USING hnsw (ns, v vector_l2_ops, meta pc_filter_ops); CREATE INDEX n_meta_idx ON n USING gin (meta pc_filter_ops);"
        "ALTER TABLE n ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON n USING (ns = current_setting('lists.ns'));"
        "CREATE ROLE lists_reader; GRANT SELECT ON n TO lists_reader; ANALYZE n"
    )
    query = vector(source, False)
    try:
        session = connect()
        session.execute("SET ROLE lists_reader; SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_bitmapscan = off")
        session.execute(f"PREPARE s (jsonb) AS SELECT id FROM n WHERE meta @@@ $1 ORDER BY v <-> '{query}' LIMIT 20")
        for i in range(200):
            ns, filter = f"n{source.randrange(2)}", json.dumps({"far": 1, "i": source.randrange(2)})
            session.execute(f"SET lists.ns = '{ns}'")
            here = [row[0] for row in session.execute(f"EXECUTE s ('{filter}')")]
            if i % 10 == 0 or i > 150:
                sql = f"SELECT id FROM n WHERE ns = '{ns}' AND meta @@@ '{filter}' ORDER BY (v <-> '{query}') + 0 LIMIT 20"
                assert here == [row[0] for row in db.execute(sql)] and len(here) == 20
            if i % 50 == 49:
                db.execute("UPDATE n SET meta = meta || '{\"i\": 1}' WHERE id IN (SELECT id FROM n WHERE meta @@@ '{\"i\": 0}' LIMIT 5)")
    finally:
        db.execute("DROP TABLE n; DROP ROLE lists_reader")


def test_memory_that_is_given_back(db, source):
    """Lists do not outlast a setting that has no room for them."""
    fill(db, source, matches=700, others=300)
    query = vector(source, False)
    for memory in ("0", "64kB"):
        learn(db, query)
        db.execute(f"SET hnsw.filter_cache_mem = '{memory}'")
        assert all(looks_up(db, query) for _ in range(3))
        db.execute("RESET hnsw.filter_cache_mem")
        assert looks_up(db, query)


def test_on_a_standby_and_after_its_promotion(own, source):
    """Rows come to a standby without being counted there: it keeps no lists until it is promoted."""
    with own.connect("postgres") as db:
        db.execute("DROP TABLE IF EXISTS t")
        fill(db, source)
        query = vector(source, False)
        standby = own.standby("follower")
        try:
            with standby.connect("postgres") as there, standby.connect("postgres", autocommit=False) as old:

                def follow():
                    (end,) = db.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
                    until(lambda: there.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [end]).fetchone()[0])

                assert all(looks_up(there, query) for _ in range(30))
                for _ in range(2):
                    insert(db, source, 2, 2)
                    follow()
                    assert looks_up(there, query)
                for gid in ("a", "b"):
                    db.execute("BEGIN")
                    insert(db, source, 1, 0)
                    db.execute(NEAREST, [query])
                    db.execute(f"PREPARE TRANSACTION '{gid}'")
                follow()
                old.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                before = ask(old, query, 10)
                there.execute("SELECT pg_promote()")
                learn(there, query)
                learn(old, query)
                there.execute("COMMIT PREPARED 'a'")
                assert ask(old, query, 10) == before
                assert ask(there, query, 1)[0][1] == 0
                learn(there, query)
                with standby.connect("postgres") as third:
                    third.execute("COMMIT PREPARED 'b'")
                    assert [row[1] for row in ask(there, query, 2)] == [0, 0]
                    old.commit()
                    same(old, [query])
                    insert(third, source, 3, 3)
                same(there, [query])
                same(old, [query])
        finally:
            standby.destroy()
            db.execute("ROLLBACK PREPARED 'a'; ")
            db.execute("ROLLBACK PREPARED 'b'")


def test_insertions_are_counted(server, database, db, source):
    """Each one, by several sessions at once, and through vacuums and new graphs, which change the page in the WAL."""
    db.execute(f"CREATE TABLE n (ns int, v vector({DIM}), meta jsonb)")
    for columns in ("v vector_l2_ops, meta pc_filter_ops", "ns, v vector_l2_ops"):
        db.execute(f"TRUNCATE n; DROP INDEX IF EXISTS n_v; CREATE INDEX n_v ON n USING hnsw ({columns})")

        def counted():
            db.execute("CHECKPOINT")
            page = "pg_read_binary_file(pg_relation_filepath('n_v'), 24 + 256, 8)"
            return int.from_bytes(db.execute(f"SELECT {page}").fetchone()[0], sys.byteorder)

        def write(seed):
            mine = random.Random(seed)

            def work(session):
                rows = [(mine.randrange(1000), vector(mine, True), FAR) for _ in range(20)]
                session.cursor().executemany("INSERT INTO n VALUES (%s, %s, %s)", rows)
                inserted.append(20)

            return work

        inserted = []
        with Load(lambda: server.connect(database)) as load:
            for seed in range(3):
                load.add(write(seed))
            for part in range(3):
                until(lambda: len(inserted) > 5 * part)
                db.execute("DELETE FROM n WHERE ns % 5 = 0")
                db.execute("VACUUM n")
            load.stop()
        assert counted() == sum(inserted)
        # Rows that the index does not take are none.
        db.execute("INSERT INTO n (v) VALUES (NULL)")
        assert counted() == sum(inserted)


FILTERS = [FAR, '{"far": 1, "i": 0}', '{"far": 1, "i": {"$gte": 1}}', '{"far": 1, "i": {"$in": [0, 2]}}']


def compare(session, query, filter, k):
    """Whether the index gives in one statement what a sequential scan does, and whether the inverted index was asked."""
    shown = f"FROM t WHERE meta @@@ '{filter}' ORDER BY"
    before = scans(session)
    near, exact = session.execute(
        f"SELECT (SELECT array_agg(d ORDER BY d) FROM (SELECT v <-> '{query}' AS d {shown} v <-> '{query}' LIMIT {k}) near),"
        f"(SELECT array_agg(d) FROM (SELECT (v <-> '{query}') + 0 AS d {shown} 1 LIMIT {k}) exact)"
    ).fetchone()
    listed = scans(session) == before
    assert near == exact, (listed, filter, k, len(near or []), len(exact or []), set(exact or []) ^ set(near or []))
    return listed


def row(source):
    return vector(source, True), json.dumps({"far": 1, "i": source.randrange(4)})


def change(session, source):
    """One change of rows, of any kind."""
    some = f"id IN (SELECT id FROM t OFFSET {source.randrange(500)} LIMIT {source.randint(1, 3)})"
    v, meta = row(source)
    statement = source.choice([
        f"INSERT INTO t (v, meta) VALUES ('{v}', '{meta}')",
        f"INSERT INTO t (v, meta) SELECT v, meta FROM t WHERE {some}",
        f"INSERT INTO t (v, meta) SELECT '{v}', '{meta}' FROM generate_series(1, {source.randint(1, 3)})",
        f"DELETE FROM t WHERE {some}",
        f"UPDATE t SET note = {source.randrange(9)} WHERE {some}",
        f"UPDATE t SET v = '{v}' WHERE {some} AND meta @@@ '{FAR}'",
        f"UPDATE t SET meta = '{meta}' WHERE {some} AND v <-> '{v}' < 6",
        f"UPDATE t SET meta = '{meta}', v = '{v}' WHERE {some}",
        f"UPDATE t SET meta = '{{\"far\": 0}}' WHERE {some} AND v <-> '{v}' < 3",
    ])
    session.execute(statement)


def changes(session, source, depth=0, between=lambda: None):
    """Changes in a transaction, some of which are taken back."""
    for _ in range(source.randint(1, 4)):
        if depth < 3 and source.random() < 0.25:
            with session.transaction(force_rollback=source.random() < 0.5):
                changes(session, source, depth + 1, between)
        elif source.random() < 0.01:
            # More subtransactions than a process has room for.
            for _ in range(70):
                with session.transaction():
                    session.execute("INSERT INTO t (v, meta) VALUES (%s, %s)", row(source))
        else:
            change(session, source)
        between()


def test_beside_writers(own):
    """Sessions that keep lists, and write, beside others that write, at all levels of isolation: each statement gives what a sequential scan of
    the same snapshot does."""
    source, db = random.Random(SOAK or 21), own.connect("postgres")
    db.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (id serial, v vector(16), meta jsonb, note int, pad text DEFAULT repeat('x', 300)) WITH (fillfactor = 70)")
    db.cursor().executemany("INSERT INTO t (v, meta) VALUES (%s, %s)", [row(source) for _ in range(250)] + [(vector(source, False), '{"far": 0}') for _ in range(600)])
    db.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops, meta pc_filter_ops); CREATE INDEX t_meta_idx ON t USING gin (meta pc_filter_ops)")
    db.execute("VACUUM ANALYZE t")
    rounds = Counter()
    levels = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]

    def attempt(session, work, level, prepared=False):
        try:
            if prepared:
                session.execute(f"BEGIN ISOLATION LEVEL {level}")
                work()
                name = f"p{session.info.backend_pid}"
                session.execute(f"PREPARE TRANSACTION '{name}'")
                time.sleep(source.random() / 10)
                session.execute(f"{source.choice(['COMMIT', 'ROLLBACK'])} PREPARED '{name}'")
                rounds["prepared"] += 1
                return
            with session.transaction(force_rollback=source.random() < 0.2):
                session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                work()
        except (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected):
            session.rollback()
            rounds["failed"] += 1

    def reader(seed):
        mine = random.Random(seed)
        memory = mine.choice(["8MB", "8MB", "1MB"])

        def work(session):
            # In strict order, walks to all matches leave out a row that comes too late for its place.
            session.execute("SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off; SET hnsw.iterative_scan = relaxed_order")
            session.execute(f"SET hnsw.filter_cache_mem = '{memory}'")

            def look():
                for _ in range(mine.randint(1, 12)):
                    listed = compare(session, vector(mine, False), mine.choice(FILTERS), mine.choice([1, 10, 10, 10_000]))
                    rounds["listed" if listed else "asked"] += 1

            def all():
                look()
                if mine.random() < 0.1:
                    changes(session, mine, between=look)
                if mine.random() < 0.3:
                    session.execute("SELECT pg_sleep(%s)", [mine.random() / 20])
                    look()

            attempt(session, all, mine.choice(levels))
            if mine.random() < 0.05:
                session.execute("DISCARD ALL")

        return work

    def writer(seed):
        mine = random.Random(seed)

        def pause():
            time.sleep(mine.choice([0, 0, 0.01, 0.1]))

        def work(session):
            def restore():
                """Few matches, and many rows before them: no walk is worth while, which might miss a row."""
                for far, wanted in ((1, 250), (0, 600)):
                    filter = json.dumps({"far": far})
                    (many,) = session.execute("SELECT count(*) FROM t WHERE meta @@@ %s", [filter]).fetchone()
                    excess = max(many - wanted, 0)
                    session.execute("DELETE FROM t WHERE id IN (SELECT id FROM t WHERE meta @@@ %s ORDER BY random() LIMIT %s)", [filter, excess])
                    insert(session, mine, far * max(wanted - many, 0), (1 - far) * max(wanted - many, 0))

            attempt(session, lambda: changes(session, mine, between=pause), mine.choice(levels), prepared=mine.random() < 0.2)
            if mine.random() < 0.2:
                attempt(session, restore, levels[0])
            if mine.random() < 0.02:
                try:
                    session.execute(mine.choice(["REINDEX INDEX t_v", "REINDEX INDEX t_meta_idx", "VACUUM FULL t"]))
                except psycopg.errors.DeadlockDetected:
                    rounds["failed"] += 1
            # Rows that no snapshot sees keep lists from being made.
            elif mine.random() < 0.7:
                session.execute("VACUUM t")
            rounds["written"] += 1
            time.sleep(mine.choice([0.05, 0.2, 0.5]))

        return work

    with Load(lambda: own.connect("postgres")) as load:
        for work in (writer(1), writer(2), reader(3), reader(4), reader(5)):
            load.add(work)
        end = time.monotonic() + (SOAK or 5)
        until(lambda: load.failures or time.monotonic() > end, seconds=2 * SOAK + 30)
        # A machine may be busy with others.
        until(lambda: load.failures or rounds["written"] >= 10 and rounds["prepared"] > 0 and min(rounds["listed"], rounds["asked"]) > 100)
        load.stop()
    db.close()
    assert rounds["listed"] > 100 and rounds["asked"] > 100 and rounds["prepared"] > 0, rounds
