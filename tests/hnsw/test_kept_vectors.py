"""Vectors that a session keeps of rows it has read: what comes is what a sequential scan gives, whatever has happened to the rows."""

import json
import random

import pytest

from tests.support.load import Load
from tests.support.soak import SOAK
from tests.support.waiting import until

DIM, ROWS, MATCHES = 16, 500, 200
FAR = '{"far": 1}'


def vector(source, far, dim=DIM):
    """Matches lie on one side, all others and the queries on the other, so that no walk is worth while."""
    x = [source.gauss(0, 1) for _ in range(dim)]
    x[0] += 4 if far else -4
    return "[" + ",".join(f"{value:.4f}" for value in x) + "]"


def insert(db, source, matches, others, dim=DIM, table="t"):
    with db.cursor().copy(f"COPY {table} (v, meta) FROM STDIN") as copy:
        for i in range(matches + others):
            far = i * matches // (matches + others) < (i + 1) * matches // (matches + others)
            copy.write_row((vector(source, far, dim), json.dumps({"far": int(far)})))


def fill(db, source, type=f"vector({DIM})", ops="vector_l2_ops", matches=MATCHES, others=ROWS, dim=DIM, table="t", fillfactor=100):
    db.execute(
        f"CREATE TABLE {table} (id serial, v {type}, meta jsonb, note int, pad text DEFAULT repeat('x', 900)) "
        f"WITH (autovacuum_enabled = off, fillfactor = {fillfactor})"
    )
    insert(db, source, matches, others, dim, table)
    db.execute(f"CREATE INDEX {table}_v ON {table} USING hnsw (v {ops}, meta pc_filter_ops)")
    db.execute(f"CREATE INDEX ON {table} USING gin (meta pc_filter_ops)")
    db.execute(f"VACUUM ANALYZE {table}")


def ask(db, query, k, operator="<->", table="t", exact=False, explain="", filter=FAR):
    """What is nearest, by the index unless `exact`: ids and distances."""
    statement = f"SELECT id, v {operator} '{query}' FROM {table} WHERE meta @@@ '{filter}' ORDER BY v {operator} '{query}' LIMIT {k}"
    with db.transaction():
        for settings, on in ((("enable_indexscan", "enable_bitmapscan"), not exact), (("enable_seqscan", "enable_sort"), exact)):
            for setting in settings:
                db.execute(f"SET LOCAL {setting} = {'on' if on else 'off'}")
        plan = "\n".join(row[0] for row in db.execute("EXPLAIN " + statement))
        assert (f"Index Scan using {table}_v" in plan) != exact, plan
        return db.execute(explain + statement).fetchall()


def same(db, queries, **how):
    """Asks for few and for all of each query, twice: the answers are those of a sequential scan."""
    for query in queries:
        there = [row for row in ask(db, query, 10_000, exact=True, **how) if row[1] is not None]
        for k in (10, 10_000, 10):
            here = ask(db, query, k, **how)
            assert [row[1] for row in here] == [row[1] for row in there[:k]]
            if k > len(there):
                assert sorted(row[0] for row in here) == sorted(row[0] for row in there)
    return there


def blocks(db, query, **how):
    ((plan,),) = ask(db, query, 10, explain="EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ", **how)
    plan = plan[0]["Plan"]
    return plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


@pytest.mark.parametrize("type, ops, operator, kept", [
    ("vector", "vector_l2_ops", "<->", True),
    ("vector", "vector_ip_ops", "<#>", True),
    ("vector", "vector_cosine_ops", "<=>", True),
    ("vector", "vector_l1_ops", "<+>", False),
    ("halfvec", "halfvec_l2_ops", "<->", True),
    ("halfvec", "halfvec_ip_ops", "<#>", True),
    ("halfvec", "halfvec_cosine_ops", "<=>", True),
])
def test_rows_that_cannot_be_near_are_not_read(db, type, ops, operator, kept):
    source = random.Random(1)
    fill(db, source, f"{type}({DIM})", ops)
    # The origin has no direction, and a vector that is too long no bound.
    if type == "vector":
        db.execute("INSERT INTO t (v, meta) SELECT array_fill(x, ARRAY[%s])::vector, %s FROM unnest(ARRAY[0, 1e19::real]) x", [DIM, FAR])
        db.execute("INSERT INTO t (v, meta) VALUES (NULL, %s)", [FAR])
    queries = [vector(source, False) for _ in range(5)]
    if "cosine" not in ops and "ip" not in ops:
        same(db, queries, operator=operator)
    else:
        # Vectors without a distance that an order means something of are given where the table has them.
        db.execute("DELETE FROM t WHERE id > %s", [MATCHES + ROWS])
        same(db, queries, operator=operator)
    with_cache = blocks(db, queries[0], operator=operator)
    db.execute("SET hnsw.filter_cache_mem = 0")
    without = blocks(db, queries[0], operator=operator)
    assert (with_cache < 0.7 * without) == kept, (with_cache, without)
    same(db, queries[:1], operator=operator)
    db.execute("RESET hnsw.filter_cache_mem")
    # Nothing is left of before.
    assert blocks(db, queries[0], operator=operator) > 0.9 * without
    same(db, queries, operator=operator)


def test_vectors_in_a_toast_table(db):
    source, dim = random.Random(2), 700
    fill(db, source, f"vector({dim})", "vector_cosine_ops", 120, 200, dim)
    queries = [vector(source, False, dim) for _ in range(3)]
    same(db, queries, operator="<=>")
    with_cache = blocks(db, queries[0], operator="<=>")
    db.execute("SET hnsw.filter_cache_mem = 0")
    assert with_cache < blocks(db, queries[0], operator="<=>") / 2


def test_what_is_kept_is_forgotten(db, connect):
    """What was kept of rows says nothing of others that get their TIDs."""
    source, other = random.Random(3), connect()
    fill(db, source)
    queries = [vector(source, False) for _ in range(2)]
    same(db, queries)
    for writer in (db, other):
        for where in ("true", "id % 3 = 0"):
            db.execute("CREATE TABLE old AS SELECT ctid AS place, * FROM t WHERE " + where)
            writer.execute("DELETE FROM t WHERE id IN (SELECT id FROM old)")
            same(db, queries)
            writer.execute("VACUUM t")
            same(db, queries)
            writer.execute("INSERT INTO t (v, meta) SELECT v, meta FROM old ORDER BY random()")
            taken = db.execute("SELECT count(*) FROM t JOIN old ON t.ctid = old.place WHERE t.v <> old.v").fetchone()[0]
            assert taken > MATCHES / 10, "hardly a TID is another row's"
            same(db, queries)
            writer.execute("VACUUM t")
            same(db, queries)
            db.execute("DROP TABLE old")
        # Vectors that change, and rows that change beside their vectors.
        writer.execute("UPDATE t SET v = v + v WHERE id % 5 = 0")
        same(db, queries)
        writer.execute("UPDATE t SET note = id")
        same(db, queries)
        writer.execute("VACUUM FULL t")
        same(db, queries)
    # The index's file, made anew in one transaction.
    with db.transaction():
        db.execute("CREATE TABLE u (LIKE t INCLUDING DEFAULTS)")
        db.execute("CREATE INDEX u_v ON u USING hnsw (v vector_l2_ops, meta pc_filter_ops)")
        db.execute("CREATE INDEX ON u USING gin (meta pc_filter_ops)")
        for _ in range(3):
            db.execute("INSERT INTO u SELECT * FROM t ORDER BY random()")
            same(db, queries, table="u")
            db.execute("TRUNCATE u")
    db.execute("REINDEX INDEX t_v")
    same(db, queries)


def test_line_pointers_that_come_free_without_a_vacuum(db):
    """A page takes a row in the place of an updated one that no index has, and a bitmap without TIDs shows every place of a page."""
    source = random.Random(8)
    fill(db, source, matches=1500, others=300, fillfactor=10)
    queries = [vector(source, False)]
    same(db, queries)
    # Less than pages have matches: whole pages are in it.
    db.execute("SET work_mem = '64kB'")
    for _ in range(2):
        beside = set()
        for note in ("id", "-id", "0"):
            db.execute(f"UPDATE t SET note = {note}")
            same(db, queries)
            beside |= {row[0] for row in db.execute("SELECT ctid::text FROM t")}
        db.execute("UPDATE t SET v = v + v WHERE id % 2 = 0")
        moved = {row[0] for row in db.execute("SELECT ctid::text FROM t WHERE id % 2 = 0")}
        assert len(beside & moved) > 100, "hardly a row is where another was"
        same(db, queries)
        db.execute("RESET work_mem")
        same(db, queries)
        db.execute("SET work_mem = '64kB'")
        db.execute("VACUUM t")
        same(db, queries)
    db.execute("SELECT pg_stat_force_next_flush()")
    assert db.execute("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 't'").fetchone()[0] > 1500


def test_tables_and_indexes_that_are_made_anew(db):
    source = random.Random(9)
    fill(db, source)
    db.execute("ALTER TABLE t ADD PRIMARY KEY (id)")
    queries = [vector(source, False)]
    before = same(db, queries)
    changes = [
        f"ALTER TABLE t ALTER v TYPE vector({DIM}) USING v + v",
        "UPDATE t SET id = -id; CLUSTER t USING t_pkey",
        "TRUNCATE t; INSERT INTO t (v, meta) SELECT v, meta FROM old WHERE id % 3 > 0 ORDER BY random()",
        "REINDEX TABLE t; UPDATE t SET v = v + v",
    ]
    db.execute("CREATE TABLE old AS SELECT * FROM t")
    for change in changes:
        now = same(db, queries)
        with db.transaction(force_rollback=True):
            db.execute(change)
            same(db, queries)
            with db.transaction(force_rollback=True):
                db.execute("TRUNCATE t; INSERT INTO t (v, meta) SELECT v, meta FROM old WHERE id % 2 > 0 ORDER BY random()")
                same(db, queries)
            same(db, queries)
        assert same(db, queries) == now
        db.execute(change)
        same(db, queries)
    assert same(db, queries) != before
    # The same file, emptied by the server at each end.
    db.execute("CREATE TEMP TABLE temporary (LIKE t INCLUDING DEFAULTS) ON COMMIT DELETE ROWS")
    db.execute("CREATE INDEX temporary_v ON temporary USING hnsw (v vector_l2_ops, meta pc_filter_ops)")
    db.execute("CREATE INDEX ON temporary USING gin (meta pc_filter_ops)")
    for _ in range(3):
        with db.transaction():
            db.execute("INSERT INTO temporary SELECT * FROM t ORDER BY random()")
            same(db, queries, table="temporary")


@pytest.mark.parametrize("seed", range(SOAK or 2))
def test_any_sequence(db, connect, seed):
    """Whatever two sessions do, one of which has rows kept, and a transaction that may be rolled back."""
    source, other = random.Random(seed), connect()
    type, ops = source.choice([("vector", "vector_l2_ops"), ("halfvec", "halfvec_l2_ops")])
    fill(db, source, f"{type}({DIM})", ops, fillfactor=source.choice([20, 60, 100]))
    queries = [vector(source, False)]

    def change(writer, nested=0):
        where = f"WHERE id % {source.randint(2, 9)} = 0"
        steps = [
            lambda: writer.execute(f"DELETE FROM t {where}"),
            lambda: insert(writer, source, source.randint(20, 90), 10),
            lambda: writer.execute(f"UPDATE t SET v = v + v {where}"),
            lambda: writer.execute(f"UPDATE t SET v = old.v FROM t AS old WHERE old.id = t.id + 1 AND t.id % {source.randint(2, 9)} = 0"),
            lambda: writer.execute(f"UPDATE t SET note = id {where}"),
            lambda: writer.execute(f"SET hnsw.filter_cache_mem = '{source.choice(['0', '64kB', '200kB', '8MB', '2147483647kB'])}'"),
        ]
        if not nested:
            steps += [lambda: writer.execute("VACUUM t")] * 4
        if nested < 2:
            steps += [lambda: several(writer, nested + 1)] * 2
        source.choice(steps)()
        if writer is db:
            same(db, queries)

    def several(writer, nested):
        with writer.transaction(force_rollback=source.random() < 0.6):
            for _ in range(source.randint(1, 3)):
                change(writer, nested)

    same(db, queries)
    for _ in range(40):
        change(source.choice([db, other]))
        same(db, queries)


def test_beside_writers_and_vacuums(server, database, db):
    """Rows go and others get their TIDs at any moment, between and within the statements of sessions that keep vectors."""
    source = random.Random(12)
    rounds = []
    fill(db, source)

    def write(seed):
        mine = random.Random(seed)

        def work(session):
            session.execute(f"DELETE FROM t WHERE id % 3 = {mine.randrange(3)}")
            session.execute("VACUUM t")
            insert(session, mine, 100, 100)
            session.execute(f"UPDATE t SET v = v + v WHERE id % 11 = {mine.randrange(11)}")
            rounds.append("written")

        return work

    def read(seed):
        queries = [vector(random.Random(seed), False)]

        def work(session):
            with session.transaction():
                session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                same(session, queries)
            here = [row[1] for row in ask(session, queries[0], 50)]
            assert len(here) == 50 and here == sorted(here)
            rounds.append("read")

        return work

    with Load(lambda: server.connect(database)) as load:
        for work in (write(1), read(2), read(3)):
            load.add(work)
        load.over.wait(SOAK or 5)
        # A machine may be busy with others.
        until(lambda: load.over.is_set() or min(rounds.count("written"), rounds.count("read")) >= 3)
        load.stop()
    same(db, [vector(source, False)])


def test_on_a_standby(server, database, db):
    """A vacuum of the primary is one of its standby."""
    source = random.Random(13)
    fill(db, source)
    queries = [vector(source, False)]
    # Told what the standby still sees, a vacuum would leave rows.
    standby = server.standby("kept", {"hot_standby_feedback": "off", "max_standby_streaming_delay": "-1"})
    try:
        with standby.connect(database) as there:

            def follow():
                end = db.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]
                until(lambda: there.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [end]).fetchone()[0])
                same(there, queries)

            follow()
            for _ in range(2):
                db.execute("CREATE TABLE old AS SELECT ctid AS place, * FROM t WHERE id % 3 <> 0")
                db.execute("DELETE FROM t WHERE id % 3 <> 0")
                follow()
                db.execute("VACUUM t")
                follow()
                db.execute("INSERT INTO t (v, meta) SELECT v, meta FROM old ORDER BY random()")
                assert db.execute("SELECT count(*) FROM t JOIN old ON t.ctid = old.place WHERE t.v <> old.v").fetchone()[0] > 20
                follow()
                db.execute("VACUUM t")
                follow()
                db.execute("DROP TABLE old")
    finally:
        standby.destroy()


def test_a_worker_keeps_its_own(db):
    source = random.Random(10)
    fill(db, source)
    queries = [vector(source, False)]
    same(db, queries)
    db.execute("SET force_parallel_mode = on")
    db.execute("SET hnsw.filter_cache_mem = '2147483647kB'")
    same(db, queries)
    db.execute("VACUUM t")
    same(db, queries)


def test_memory_of_cursors_that_stay_open(db, connect):
    """Cursors hold what other indexes have taken the place of, and no memory for it."""
    source, dim = random.Random(11), 1000
    tables = [f"t{i}" for i in range(6)]
    for table in tables:
        fill(db, source, f"halfvec({dim})", "halfvec_l2_ops", 900, 100, dim, table)
    query = vector(source, False, dim)

    def taken(memory):
        """Private memory of a session with a cursor over each table, in bytes."""
        session = connect()
        (pid,) = session.execute("SELECT pg_backend_pid()").fetchone()
        session.execute(f"SET hnsw.filter_cache_mem = '{memory}'; SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_sort = off")
        with session.transaction():
            for table in tables:
                order = f"v <-> '{query}'"
                session.execute(f"DECLARE {table}_c CURSOR FOR SELECT id FROM {table} WHERE meta @@@ '{FAR}' ORDER BY {order}")
                assert len(session.execute(f"FETCH 20 FROM {table}_c").fetchall()) == 20
            with open(f"/proc/{pid}/status") as status:
                (line,) = [line for line in status if line.startswith("RssAnon:")]
            for table in tables:
                assert len(session.execute(f"FETCH ALL FROM {table}_c").fetchall()) == 880
        return int(line.split()[1]) * 1024

    none, little, all = (taken(memory) for memory in ("0", "2MB", "64MB"))
    assert all - none > 4e6, "nothing is kept, or it cannot be seen so"
    assert little - none < 3e6, (none, little, all)


def test_what_was_rolled_back(db):
    source = random.Random(4)
    fill(db, source)
    queries = [vector(source, False) for _ in range(2)]
    before = same(db, queries)
    with db.transaction():
        for _ in range(2):
            with db.transaction(force_rollback=True):
                insert(db, source, 100, 0)
                db.execute("UPDATE t SET v = v + v WHERE id % 3 = 0")
                same(db, queries)
            assert same(db, queries) == before
    db.execute("VACUUM t")
    assert same(db, queries) == before
    insert(db, source, 100, 0)
    same(db, queries)


def test_an_old_snapshot_sees_its_rows(db, connect):
    """One session reads by an old snapshot and by new ones, cursors included."""
    source, other = random.Random(5), connect()
    fill(db, source)
    queries = [vector(source, False) for _ in range(2)]
    other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    seen = same(other, queries)
    for _ in range(2):
        db.execute("UPDATE t SET v = v + v")
        db.execute("DELETE FROM t WHERE id % 7 = 0")
        db.execute("VACUUM t")
        insert(db, source, 50, 0)
        same(db, queries)
        assert same(other, queries) == seen
    other.execute("COMMIT")
    there = same(other, queries)
    other.execute("BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    other.execute(
        f"DECLARE c CURSOR FOR SELECT id, v <-> '{queries[-1]}' FROM t WHERE meta @@@ '{FAR}' ORDER BY v <-> '{queries[-1]}'"
    )
    here = other.execute("FETCH 20 FROM c").fetchall()
    for step in ("DELETE FROM t WHERE id % 5 = 0", "UPDATE t SET v = v + v"):
        db.execute(step)
        db.execute("VACUUM t")
        insert(db, source, 100, 0)
        same(other, queries)
        here += other.execute("FETCH 60 FROM c").fetchall()
    here += other.execute("FETCH ALL FROM c").fetchall()
    other.execute("COMMIT")
    assert [row[1] for row in here] == [row[1] for row in there]
    same(other, queries)


@pytest.mark.parametrize("memory", ["0", "8kB", "64kB", "128kB", "512kB"])
def test_little_memory(db, memory):
    """Indexes take from each other; where there is no room, rows are read."""
    source = random.Random(6)
    for table in ("t", "u"):
        fill(db, source, "halfvec(100)", "halfvec_l2_ops", dim=100, table=table)
    db.execute(f"SET hnsw.filter_cache_mem = '{memory}'")
    queries = [vector(source, False, 100) for _ in range(2)]
    for table in "tuut":
        same(db, queries, table=table)
    db.execute("SET work_mem = '64kB'")
    for table in "tu":
        same(db, queries, table=table)


def test_the_setting(db):
    db.execute("SELECT '[1]'::vector")
    assert db.execute("SHOW hnsw.filter_cache_mem").fetchone() == ("16MB",)
    for wrong in ("-1", "2147483648kB", "much"):
        with pytest.raises(Exception, match="hnsw.filter_cache_mem"):
            db.execute(f"SET hnsw.filter_cache_mem = '{wrong}'")
