"""Filters in the graph scan: the answers are those of a sequential scan, whatever the filter, and whatever happens meanwhile."""

import json
import random
import threading
import time

import psycopg
import pytest

DIM, ROWS, K = 16, 2_500, 10
# Shares of the rows, by a number that is drawn for each row, and by where a row's vector lies.
SHARES = {"half": 2, "tenth": 10, "twentieth": 20, "percent": 100, "few": 600}
FILTERS = [
    *({name: 1} for name in SHARES),
    {"half": {"$ne": 1}, "tenth": {"$in": [1, 2, 3]}},
    {"number": {"$gte": 100, "$lt": 160}},
    {"side": "left"},
    {"corner": True},
    {"$or": [{"percent": 3}, {"few": {"$gt": 590}}]},
    {"few": {"$exists": False}},
    {"absent": 1},
    {},
]


def vector(source):
    return "[" + ",".join(f"{source.gauss(0, 1):.4f}" for _ in range(DIM)) + "]"


def metadata(source, v):
    if source.random() < 0.02:
        return None
    first, second = json.loads(v)[:2]
    data = {name: source.randrange(n) for name, n in SHARES.items()}
    data |= {"number": source.randrange(1000), "side": "left" if first < 0 else "right"}
    if first > 1 and second > 1:
        data["corner"] = True
    return json.dumps(data)


def fill(db, source, rows=ROWS, gin="meta pc_filter_ops", key=""):
    db.execute(f"CREATE TABLE t (id serial PRIMARY KEY, ns text, v vector({DIM}), meta jsonb)")
    insert(db, source, rows)
    db.execute(f"CREATE INDEX t_v ON t USING hnsw ({key}v vector_l2_ops, meta pc_filter_ops)")
    if gin:
        db.execute(f"CREATE INDEX t_meta ON t USING gin ({gin})")
    db.execute("ANALYZE t")


def insert(db, source, rows):
    with db.cursor().copy("COPY t (ns, v, meta) FROM STDIN") as copy:
        for _ in range(rows):
            v = vector(source)
            copy.write_row((source.choice("ab"), v, metadata(source, v)))


def near(db, filter, query, k=K, ns=None, exact=False):
    """The distances of the nearest rows that match; by the index, unless `exact`."""
    scope = "" if ns is None else "ns = %(ns)s AND "
    statement = (
        f"SELECT v <-> %(query)s::vector FROM t WHERE {scope}meta @@@ %(filter)s::jsonb "
        "ORDER BY v <-> %(query)s::vector LIMIT %(k)s"
    )
    values = {"query": query, "filter": json.dumps(filter), "k": k, "ns": ns}
    with db.transaction():
        for settings, on in ((("enable_indexscan", "enable_bitmapscan"), not exact), (("enable_seqscan", "enable_sort"), exact)):
            for setting in settings:
                db.execute(f"SET LOCAL {setting} = {'on' if on else 'off'}")
        plan = "\n".join(row[0] for row in db.execute("EXPLAIN " + statement, values))
        assert ("Index Scan using t_v" in plan and "meta @@@" in plan.split("Index Cond")[1]) != exact, plan
        return [row[0] for row in db.execute(statement, values)]


def compare(db, source, queries=3, k=K, ns=None, filters=FILTERS):
    """Recall over all filters; each answer has as many rows as match, in order."""
    right = total = 0
    for filter in filters:
        for _ in range(queries):
            query = vector(source)
            there = near(db, filter, query, k, ns, exact=True)
            here = near(db, filter, query, k, ns)
            assert len(here) == len(there), (filter, len(here), len(there))
            # Where a batch is followed by another, a row that it has missed comes last.
            assert k > K or here == sorted(here), filter
            right += sum(distance <= there[-1] for distance in here)
            total += len(there)
    return right / total


@pytest.mark.parametrize("gin, key, ns", [
    ("meta pc_filter_ops", "", None),
    (None, "", None),
    ("ns pc_text_ops, meta pc_filter_ops", "ns, ", "a"),
    ("meta pc_filter_ops", "ns, ", "b"),
])
def test_answers_are_those_of_a_sequential_scan(db, gin, key, ns):
    source = random.Random(7)
    fill(db, source, gin=gin, key=key)
    assert compare(db, source, ns=ns) >= 0.99
    assert compare(db, source, queries=1, k=60, ns=ns) >= 0.98
    # Rows that are gone, have changed or are new, before and after a vacuum; the second time they are not all new.
    for _ in range(2):
        db.execute("DELETE FROM t WHERE id % 5 = 1")
        db.execute("""UPDATE t SET meta = meta || '{"half": 1, "few": 77}' WHERE id % 7 = 2""")
        db.execute("UPDATE t SET v = v + v WHERE id % 11 = 3")
        insert(db, source, 500)
        assert compare(db, source, queries=1, ns=ns) >= 0.99
        db.execute("VACUUM t")
        assert compare(db, source, queries=1, ns=ns) >= 0.99
    assert db.execute("SELECT count(*) FROM hnsw_check('t_v')").fetchone() == (0,)


def test_random_filters_match_what_they_match(db):
    """Everything that matches comes, once, if all of it is asked for."""
    source = random.Random(8)
    fill(db, source, rows=3000)
    db.execute("SET enable_seqscan = off")
    db.execute("SET enable_sort = off")
    for filter in FILTERS:
        statement = "SELECT id FROM t WHERE meta @@@ %s::jsonb"
        there = {row[0] for row in db.execute(statement, [json.dumps(filter)])}
        here = [row[0] for row in db.execute(statement + f" ORDER BY v <-> '{vector(source)}'", [json.dumps(filter)])]
        assert len(here) == len(set(here)) and set(here) == there, filter


def test_row_level_security(db, connect, database):
    """A policy keeps neither the filter from the index nor a row from its reader."""
    source = random.Random(9)
    fill(db, source, key="ns, ", gin="ns pc_text_ops, meta pc_filter_ops")
    role, reader = f"reader_{database}", connect()
    db.execute(f"CREATE ROLE {role}")
    try:
        db.execute(f"GRANT SELECT ON t TO {role}")
        db.execute("ALTER TABLE t ENABLE ROW LEVEL SECURITY")
        db.execute("CREATE POLICY own ON t USING (ns = current_setting('app.ns', true))")
        reader.execute(f"SET ROLE {role}")
        reader.execute("SET app.ns = 'a'")
        query = vector(source)
        statement = f"""SELECT ns, id FROM t WHERE meta @@@ '{{"half": 1}}' ORDER BY v <-> '{query}' LIMIT 10"""
        plan = "\n".join(row[0] for row in reader.execute("EXPLAIN " + statement))
        assert "Index Scan using t_v" in plan and "Sort" not in plan, plan
        condition = next(line for line in plan.splitlines() if "Index Cond" in line)
        assert "ns = " in condition and "meta @@@" in condition, plan
        rows = reader.execute(statement).fetchall()
        assert len(rows) == 10 and {row[0] for row in rows} == {"a"}
        # A policy that is no condition of the index: the scan goes on until there are enough.
        db.execute("ALTER POLICY own ON t USING (ns = current_setting('app.ns', true) AND id % 50 = 7)")
        reader.execute("SET enable_sort = off")
        rows = reader.execute(statement).fetchall()
        assert len(rows) == 10 and all(row[1] % 50 == 7 for row in rows)
    finally:
        reader.close()
        db.execute(f"DROP OWNED BY {role}")
        db.execute(f"DROP ROLE {role}")
    

def test_while_others_write(db, connect):
    """In one snapshot, the index and the table say the same, whatever others do."""
    source = random.Random(10)
    fill(db, source)
    stop, errors = threading.Event(), []

    def write(seed):
        session, own = connect(), random.Random(seed)
        try:
            while not stop.is_set():
                v = vector(own)
                session.execute("INSERT INTO t (ns, v, meta) VALUES ('a', %s, %s)", [v, metadata(own, v)])
                change = {"percent": own.randrange(100)}
                session.execute("UPDATE t SET meta = meta || %s::jsonb WHERE id = %s", [json.dumps(change), own.randrange(ROWS)])
                session.execute("DELETE FROM t WHERE id = %s", [own.randrange(ROWS)])
                if own.random() < 0.02:
                    session.execute("VACUUM t")
        except psycopg.Error as error:
            errors.append(error)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for writer in writers:
        writer.start()
    try:
        reader = connect()
        recalls = []
        for _ in range(12):
            with reader.transaction():
                reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                recalls.append(compare(reader, source, queries=1))
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert not errors and sum(recalls) / len(recalls) >= 0.99, (errors, recalls)
    assert db.execute("SELECT count(*) FROM hnsw_check('t_v')").fetchone() == (0,)


def test_rows_of_the_own_transaction(db):
    """Rows count as the statement sees them: those inserted before it, not those of a savepoint that was rolled back."""
    source = random.Random(11)
    fill(db, source, rows=2000)
    query = vector(source)
    mark = {"mark": 1}
    assert near(db, mark, query) == []
    db.execute("INSERT INTO t (v, meta) SELECT v, '{\"mark\": 1}' FROM t LIMIT 5")
    assert len(near(db, mark, query)) == 5
    with db.transaction():
        db.execute("INSERT INTO t (v, meta) SELECT v, '{\"mark\": 1}' FROM t LIMIT 5")
        assert len(near(db, mark, query)) == 10
        db.execute("SAVEPOINT s")
        db.execute("UPDATE t SET meta = '{}' WHERE meta @@@ '{\"mark\": 1}'")
        assert near(db, mark, query) == []
        db.execute("ROLLBACK TO s")
        assert len(near(db, mark, query)) == 10
        raise psycopg.Rollback()
    assert len(near(db, mark, query)) == 5
    db.execute("UPDATE t SET meta = '{}' WHERE meta @@@ '{\"mark\": 1}'")
    assert near(db, mark, query) == []
    # Equal vectors are one node.
    v = vector(source)
    db.execute("INSERT INTO t (v, meta) SELECT %s, jsonb_build_object('same', i) FROM generate_series(1, 900) AS i", [v])
    assert len(near(db, {"same": {"$gt": 0}}, query, k=2000)) == 900
    assert len(near(db, {"same": 500}, query)) == 1


def test_cursor_of_a_definer(db, connect, database):
    """A cursor that a SECURITY DEFINER function has opened goes on for a caller who may not read the table."""
    source = random.Random(12)
    fill(db, source, rows=2000)
    role = f"caller_{database}"
    db.execute(f"CREATE ROLE {role}")
    try:
        db.execute(f"""
            CREATE FUNCTION open(c refcursor) RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER AS $$
            BEGIN
                OPEN c FOR SELECT id FROM t WHERE meta @@@ '{{"tenth": 1}}' ORDER BY v <-> '{vector(source)}';
                RETURN c;
            END $$""")
        db.execute("SET enable_seqscan = off; SET enable_sort = off")
        expected = db.execute("SELECT count(*) FROM t WHERE meta @@@ '{\"tenth\": 1}'").fetchone()[0]
        db.execute(f"SET ROLE {role}")
        db.execute("BEGIN")
        db.execute("SELECT open('c')")
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
            db.execute("SELECT count(*) FROM t")
        assert len(db.execute("FETCH 5 FROM c").fetchall()) == 5
        assert len(db.execute("FETCH ALL FROM c").fetchall()) == expected - 5
    finally:
        db.rollback()
        db.execute("RESET ROLE")
        db.execute(f"DROP ROLE {role}")


def test_updates_that_wait_for_others(db, connect):
    """A row that another session has changed is asked again as it is now."""
    source = random.Random(13)
    fill(db, source, rows=1000)
    query = vector(source)
    db.execute("INSERT INTO t (v, meta) SELECT v, '{\"lock\": 1}' FROM t LIMIT 3")
    statement = f"""
        UPDATE t SET ns = 'z' WHERE id IN (SELECT id FROM t WHERE meta @@@ '{{"lock": 1}}' ORDER BY v <-> '{query}' LIMIT 3 FOR UPDATE)
    """
    other = connect()
    other.execute("SET enable_seqscan = off; SET enable_sort = off")
    db.execute("BEGIN")
    db.execute("UPDATE t SET meta = '{}' WHERE id = (SELECT max(id) FROM t)")
    done = []
    thread = threading.Thread(target=lambda: done.append(other.execute(statement).rowcount))
    thread.start()
    thread.join(1)
    assert not done
    db.execute("COMMIT")
    thread.join()
    assert done == [2]


def test_cancelled_at_once(db, connect):
    """A walk over the whole graph, without an index that knows better, can be ended."""
    source = random.Random(14)
    fill(db, source, gin=None)
    db.execute("SET statement_timeout = '300ms'")
    db.execute("SET enable_seqscan = off; SET enable_sort = off; SET enable_material = off; SET enable_memoize = off")
    with pytest.raises(psycopg.errors.QueryCanceled):
        db.execute(f"""
            SELECT count(*) FROM generate_series(1, 100000) g, LATERAL
            (SELECT id FROM t WHERE meta @@@ jsonb_build_object('absent', g) ORDER BY v <-> '{vector(source)}' LIMIT 5) found""")


def test_dump_and_restore(server, db, database):
    source = random.Random(15)
    fill(db, source, rows=300, key="ns, ")
    dump = server.run("pg_dump", "--schema-only", "--table=t", database)
    assert "USING hnsw (ns, v public.vector_l2_ops, meta public.pc_filter_ops)" in dump.replace('"', "")


def same(db, queries):
    """Asks all queries of one filter twice: what comes matches, and is nearly all of what is nearest."""
    right = total = 0
    for query in queries:
        there = near(db, {"half": 1}, query, k=5 * K, exact=True)
        for _ in range(2):
            here = near(db, {"half": 1}, query)
            assert len(here) == len(there[:K]) and here == sorted(here) and set(here) <= set(there)
            right += sum(distance <= there[:K][-1] for distance in here)
            total += len(here)
    assert right >= 0.98 * total, right / total


FLIP = """UPDATE t SET meta = meta || jsonb_build_object('half', 1 - (meta->>'half')::int)"""


def test_what_a_session_has_learned_is_forgotten(db, connect):
    """What a scan has seen of rows says nothing of others that get their TIDs and nodes."""
    source = random.Random(17)
    fill(db, source)
    db.execute("DELETE FROM t WHERE meta IS NULL")
    db.execute("VACUUM t")
    queries = [vector(source) for _ in range(20)]
    same(db, queries)
    # The same vectors and TIDs, and the other half matches.
    for where in ("true", "id % 3 = 0", "meta @@@ '{\"half\": 1}'"):
        db.execute("CREATE TEMP TABLE old AS SELECT ctid AS place, * FROM t WHERE " + where)
        db.execute("DELETE FROM t WHERE id IN (SELECT id FROM old)")
        same(db, queries)
        db.execute("VACUUM t")
        same(db, queries)
        db.execute("INSERT INTO t (ns, v, meta) SELECT ns, v, meta FROM old ORDER BY random()")
        taken = db.execute("SELECT count(*) FROM t JOIN old ON t.ctid = old.place WHERE t.v <> old.v").fetchone()[0]
        assert taken > 0, "no TID is another row's"
        same(db, queries)
        # Marks pages as seen by all, and takes nothing out.
        db.execute("VACUUM t")
        same(db, queries)
        db.execute("DROP TABLE old")
    # Without a vacuum: by updates, and back.
    for _ in range(2):
        db.execute(FLIP)
        same(db, queries)
    # In the index's file made anew, in one transaction.
    with db.transaction():
        db.execute("CREATE TABLE other (LIKE t)")
        db.execute("INSERT INTO other SELECT * FROM t")
        db.execute("DROP TABLE t")
        db.execute("ALTER TABLE other RENAME TO t")
        db.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops, meta pc_filter_ops)")
        same(db, queries)
        db.execute("CREATE TEMP TABLE old AS SELECT * FROM t")
        db.execute("TRUNCATE t")
        db.execute("INSERT INTO t SELECT * FROM old ORDER BY random()")
        db.execute(FLIP)
        same(db, queries)
    db.execute("REINDEX INDEX t_v")
    same(db, queries)
    assert db.execute("SELECT count(*) FROM hnsw_check('t_v')").fetchone() == (0,)


def test_what_was_rolled_back_was_not_learned(db):
    source = random.Random(18)
    fill(db, source)
    query = vector(source)
    before = near(db, {"half": 1}, query)
    for savepoint in (False, True):
        with db.transaction():
            with db.transaction(force_rollback=True):
                # Rows nearer than all others: some match, most do not.
                db.execute("UPDATE t SET meta = meta || '{\"half\": 1}' WHERE id % 4 = 0")
                db.execute(
                    "INSERT INTO t (v, meta) SELECT %s::vector, jsonb_build_object('half', i %% 2) FROM generate_series(1, 50) i", [query]
                )
                db.execute(f"INSERT INTO t (v, meta) SELECT %s::vector + v, '{{\"half\": 1}}' FROM t WHERE id < 500", [query])
                same(db, [query])
                assert near(db, {"half": 1}, query)[0] == 0
            if savepoint:
                assert near(db, {"half": 1}, query) == before
                same(db, [query])
        assert near(db, {"half": 1}, query) == before
        db.execute("VACUUM t")
        assert near(db, {"half": 1}, query) == before


def test_an_old_snapshot_sees_what_it_saw(db, connect):
    """A session learns by a new snapshot and by an old one of the same rows."""
    source = random.Random(19)
    fill(db, source)
    queries = [vector(source) for _ in range(10)]
    other = connect()
    other.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    same(other, queries)
    seen = near(other, {"half": 1}, queries[0], k=100, exact=True)
    for _ in range(2):
        db.execute(FLIP)
        db.execute("VACUUM t")
        same(db, queries)
        same(other, queries)
        assert near(other, {"half": 1}, queries[0], k=100, exact=True) == seen
    # A cursor of the old snapshot beside scans of new ones, in one session.
    other.execute("COMMIT")
    other.execute("SET enable_seqscan = off")
    other.execute("SET enable_sort = off")
    there = near(other, {"half": 1}, queries[0], k=200, exact=True)
    other.execute("BEGIN")
    other.execute(
        f"""DECLARE c CURSOR FOR SELECT v <-> '{queries[0]}' FROM t WHERE meta @@@ '{{"half": 1}}' ORDER BY v <-> '{queries[0]}'"""
    )
    here = [row[0] for row in other.execute("FETCH 20 FROM c")]
    for step in ("DELETE FROM t WHERE id % 5 = 0", FLIP):
        db.execute(step)
        db.execute("VACUUM t")
        insert(db, source, 300)
        same(other, queries)
        here += [row[0] for row in other.execute("FETCH 60 FROM c")]
    other.execute("COMMIT")
    same(other, queries)
    assert here == sorted(here) and len(set(here) & set(there)) >= 135


def test_what_was_learned_on_a_standby(server, db, database):
    """A vacuum of the primary is one of its standby."""
    source = random.Random(20)
    fill(db, source)
    standby = server.standby("learned", {"hot_standby_feedback": "on"})
    try:
        with standby.connect(database) as there:
            queries = [vector(source) for _ in range(10)]

            def follow():
                end = db.execute("SELECT pg_current_wal_flush_lsn()").fetchone()[0]
                while not there.execute("SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn", [end]).fetchone()[0]:
                    time.sleep(0.05)
                same(there, queries)

            follow()
            for _ in range(2):
                db.execute("CREATE TABLE old AS SELECT * FROM t WHERE id % 3 <> 0")
                db.execute("DELETE FROM t WHERE id % 3 <> 0")
                follow()
                db.execute("VACUUM t")
                follow()
                db.execute("INSERT INTO t (ns, v, meta) SELECT ns, v, meta FROM old ORDER BY random()")
                db.execute("VACUUM t")
                follow()
                db.execute("DROP TABLE old")
    finally:
        standby.destroy()
