"""What else can be done with tables and indexes: after each, the index is used and gives the rows of a sequential scan."""

import contextlib
import itertools
import random
import subprocess

import psycopg
import pytest

from tests.hnsw.index_checks import check
from tests.hnsw.random_vectors import vector
from tests.support.cluster import Cluster
from tests.support.load import Load
from tests.support.waiting import until

DIM, KEYS = 8, 4
NEAR = vector(random.Random(1), DIM)
INDEXES = {
    "t_v": "t USING hnsw (v vector_l2_ops)",
    "t_ns_v": "t USING hnsw (ns, v vector_l2_ops)",
    "t_part": "t USING hnsw (v vector_ip_ops) WHERE ns = 2",
    "t_half": "t USING hnsw ((v::halfvec(8)) halfvec_cosine_ops)",
    "t_l1": "t USING hnsw (v vector_l1_ops) WITH (m = 4)",
}
# Of each index: a query's distance, and its condition.
QUERIES = {
    "t_v": (f"v <-> '{NEAR}'", "true"),
    "t_ns_v": (f"v <-> '{NEAR}'", "ns = 1"),
    "t_part": (f"v <#> '{NEAR}'", "ns = 2"),
    "t_half": (f"v::halfvec(8) <=> '{NEAR}'", "true"),
    "t_l1": (f"v <+> '{NEAR}'", "true"),
}


_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def changing():
    """A server of its own, that may be crashed."""
    server = Cluster(15, "changing", {"autovacuum": "off", "max_prepared_transactions": "4"})
    try:
        server.create_database("with_conifer")
        with server.connect("with_conifer") as session:
            session.execute("CREATE EXTENSION conifer")
        yield server
    finally:
        server.destroy()


@pytest.fixture
def name(changing):
    """The name of a fresh database there."""
    name = f"test_{next(_numbers)}"
    changing.create_database(name, "with_conifer")
    yield name
    changing.drop_database(name)


@pytest.fixture
def db(changing, name):
    """A session in it."""
    with changing.connect(name) as session:
        yield session


def fill(session, n=300, table="t", seed=1):
    """Add rows, no two at the same distance from anything."""
    source = random.Random(seed)
    values = ["[" + ",".join(f"{source.uniform(-9, 9):.4f}" for _ in range(DIM)) + "]" for _ in range(n)]
    session.execute(f"INSERT INTO {table} (ns, v) SELECT n %% {KEYS}, v::vector FROM unnest(%s::text[]) WITH ORDINALITY AS u (v, n)", [values])


def create(session, *names, kind="TABLE"):
    """Make the table `t` with 300 rows and some of the indexes above."""
    session.execute(f"CREATE {kind} t (id serial PRIMARY KEY, ns int NOT NULL, v vector({DIM}), note text DEFAULT 'note')")
    fill(session)
    for name in names:
        session.execute(f"CREATE INDEX {name} ON {INDEXES[name]}")
    session.execute("ANALYZE t")


@contextlib.contextmanager
def settings(session, **values):
    """Settings for the statements within, whatever else those change is undone."""
    with session.transaction(force_rollback=True):
        for name, value in values.items():
            session.execute("SELECT set_config(%s, %s, true)", [name.replace("__", "."), str(value)])
        yield


def indexed(session):
    """Settings that lead to a scan of an index that gives all rows."""
    return settings(session, enable_seqscan="off", enable_sort="off", enable_bitmapscan="off", hnsw__ef_search=1000,
                    hnsw__iterative_scan="relaxed_order")


def plain(session):
    """Settings that lead to a sequential scan."""
    return settings(session, enable_indexscan="off", enable_bitmapscan="off", enable_indexonlyscan="off")


def plan(session, statement):
    return "\n".join(line for (line,) in session.execute(f"EXPLAIN (COSTS OFF) {statement}").fetchall())


def alike(session, statement, name="t_v"):
    """Assert that a statement scans an index, and gives what it gives without; returns that."""
    with indexed(session):
        found = plan(session, statement)
        assert f"using {name} " in found and "Order By" in found, found
        rows = session.execute(statement).fetchall()
    with plain(session):
        found = plan(session, statement)
        assert f"using {name} " not in found, found
        assert rows == session.execute(statement).fetchall()
    return rows


def good(session, *names):
    """Assert that each of these indexes of `t` is whole, used, and gives what a sequential scan gives."""
    for name in names:
        check(session, name)
        distance, where = QUERIES[name]
        statement = f"SELECT id, {distance} FROM t WHERE {where} ORDER BY {distance}"
        with indexed(session):
            for other in names:
                # It would be as good.
                if other != name:
                    session.execute(f"DROP INDEX {other}")
            assert f"using {name} " in plan(session, statement), plan(session, statement)
            found = session.execute(statement).fetchall()
        with plain(session):
            rows = session.execute(statement).fetchall()
        assert [distance for _, distance in found] == [distance for _, distance in rows], name
        assert sorted(found) == sorted(rows), name


def count(session, table="t"):
    return session.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


NEAREST = f"SELECT id, note FROM t ORDER BY v <-> '{NEAR}' LIMIT 5"


@pytest.mark.parametrize("index", ["t_ns_v", "t_part", "t_half"])
def test_concurrently(changing, name, db, index):
    create(db)
    sources = [random.Random(n) for n in range(3)]

    def insert(session):
        if count(session) < 600:
            session.execute("INSERT INTO t (ns, v) VALUES (%s, %s)", [sources[0].randrange(KEYS), vector(sources[0], DIM)])

    def update(session):
        session.execute("UPDATE t SET v = %s, ns = %s WHERE id %% 50 = %s",
                        [vector(sources[1], DIM), sources[1].randrange(KEYS), sources[1].randrange(50)])

    def delete(session):
        session.execute("DELETE FROM t WHERE id %% 97 = %s AND (SELECT count(*) FROM t) > 300", [sources[2].randrange(97)])

    with Load(lambda: changing.connect(name)) as load:
        for work in (insert, update, delete):
            load.add(work)
        db.execute(f"CREATE INDEX CONCURRENTLY {index} ON {INDEXES[index]}")
        for _ in range(3):
            db.execute(f"REINDEX INDEX CONCURRENTLY {index}")
        db.execute(f"REINDEX INDEX {index}")
        load.over.wait(0.2)
    good(db, index)
    db.execute("VACUUM t")
    good(db, index)


def test_made_anew(db):
    """Whatever writes the table or its indexes anew."""
    create(db, *INDEXES)
    files = "SELECT pg_relation_filenode(oid) FROM pg_class WHERE relname = ANY(%s) ORDER BY 1"
    before = db.execute(files, [list(INDEXES)]).fetchall()
    db.execute("DELETE FROM t WHERE id % 7 = 3")
    for statement in ("REINDEX TABLE t", "REINDEX TABLE CONCURRENTLY t", "VACUUM FULL t", "CLUSTER t USING t_pkey",
                      "ALTER TABLE t SET UNLOGGED", "ALTER TABLE t SET LOGGED"):
        db.execute(statement)
        after = db.execute(files, [list(INDEXES)]).fetchall()
        assert not set(before) & set(after), statement
        before = after
        fill(db, 10, seed=statement)
        good(db, *INDEXES)
    with pytest.raises(psycopg.errors.FeatureNotSupported):
        db.execute("CLUSTER t USING t_v")
    db.execute("TRUNCATE t")
    good(db, *INDEXES)
    assert [db.execute("SELECT count(*) FROM hnsw_stats(%s)", [name]).fetchone() for name in INDEXES] == [(0,)] * len(INDEXES)
    with settings(db):
        fill(db, 50)
        db.execute("TRUNCATE t")
        fill(db, 20)
        db.execute("SAVEPOINT s")
        db.execute("TRUNCATE t")
        fill(db, 30)
        assert len(alike(db, f"SELECT id FROM t ORDER BY v <-> '{NEAR}'")) == 30
        db.execute("ROLLBACK TO s")
        assert len(alike(db, f"SELECT id FROM t ORDER BY v <-> '{NEAR}'")) == 20
    assert count(db) == 0
    fill(db)
    good(db, *INDEXES)


def test_other_columns_and_options(db):
    create(db, "t_v", "t_ns_v")
    db.execute("ALTER TABLE t ADD COLUMN first int DEFAULT 7, DROP COLUMN note, ADD COLUMN note text DEFAULT 'new'")
    good(db, "t_v", "t_ns_v")
    edges = db.execute("SELECT edges FROM hnsw_stats('t_v')").fetchone()
    db.execute("ALTER INDEX t_v SET (m = 40, ef_construction = 90)")
    fill(db, 20, seed=3)
    good(db, "t_v", "t_ns_v")
    db.execute("REINDEX INDEX t_v")
    assert db.execute("SELECT edges FROM hnsw_stats('t_v')").fetchone() > edges
    good(db, "t_v", "t_ns_v")
    db.execute("ALTER INDEX t_v RESET (m, ef_construction)")
    db.execute("ALTER TABLE t ALTER COLUMN ns TYPE bigint")
    good(db, "t_v", "t_ns_v")
    with pytest.raises(psycopg.errors.DataException):
        db.execute("ALTER TABLE t ALTER COLUMN v TYPE vector(9)")
    db.execute("UPDATE t SET ns = 1")
    db.execute(f"ALTER TABLE t ALTER COLUMN v TYPE vector({DIM + 1}) USING (v::real[] || ns::real)::vector")
    near = NEAR.replace("]", ",3]")
    for where, index in (("true", "t_v"), ("ns = 1", "t_ns_v")):
        check(db, index)
        with settings(db):
            db.execute("DROP INDEX " + ("t_v" if index == "t_ns_v" else "t_ns_v"))
            assert len(alike(db, f"SELECT id FROM t WHERE {where} ORDER BY v <-> '{near}' LIMIT 50", index)) == 50
    db.execute("ALTER TABLE t DROP COLUMN ns")
    assert db.execute("SELECT to_regclass('t_ns_v')").fetchone() == (None,)


def test_tablespace(changing, db):
    directory = changing.home / "data" / "../log/space"
    subprocess.run(["install", "-d", "-o", (changing.home / "data").owner(), directory], check=True)
    db.execute(f"CREATE TABLESPACE space LOCATION '{directory.resolve()}'")
    try:
        create(db, "t_v", "t_ns_v")
        db.execute("ALTER INDEX t_v SET TABLESPACE space")
        assert "pg_tblspc" in db.execute("SELECT pg_relation_filepath('t_v')").fetchone()[0]
        fill(db, 10, seed=2)
        good(db, "t_v", "t_ns_v")
        db.execute("SET temp_tablespaces = space; SET maintenance_work_mem = '1MB'")
        db.execute("REINDEX (TABLESPACE space) INDEX t_ns_v")
        good(db, "t_v", "t_ns_v")
        db.execute("ALTER INDEX ALL IN TABLESPACE space SET TABLESPACE pg_default")
        good(db, "t_v", "t_ns_v")
    finally:
        db.execute("DROP TABLE t")
        db.execute("DROP TABLESPACE space")


def test_temporary_tablespaces(changing, db, name):
    """The file of a build lies where `temp_tablespaces` says, be it set before, or for the role."""
    directory = changing.home / "data" / "../log/temporary"
    subprocess.run(["install", "-d", "-o", (changing.home / "data").owner(), directory], check=True)
    db.execute(f"CREATE TABLESPACE temporary LOCATION '{directory.resolve()}'")
    db.execute("CREATE TABLE wide AS SELECT array_fill(sin(i), ARRAY[100])::vector(100) AS v FROM generate_series(1, 3000) i")
    files = []

    def build(session):
        files.clear()
        session.execute("SET maintenance_work_mem = '1MB'; SET log_temp_files = 0; SET client_min_messages = log")
        session.execute("CREATE INDEX i ON wide USING hnsw (v vector_l2_ops)")
        session.execute("SET client_min_messages = warning; DROP INDEX i")
        return [line for line in files if line.startswith("temporary file: path")]

    try:
        db.add_notice_handler(lambda diagnostic: files.append(diagnostic.message_primary))
        (file,) = build(db)
        assert 'path "base/pgsql_tmp/' in file
        db.execute("SET temp_tablespaces = temporary")
        (file,) = build(db)
        assert 'path "pg_tblspc/' in file
        db.execute("ALTER ROLE CURRENT_USER SET temp_tablespaces = temporary")
        with changing.connect(name) as other:
            other.add_notice_handler(lambda diagnostic: files.append(diagnostic.message_primary))
            (file,) = build(other)
        assert 'path "pg_tblspc/' in file
    finally:
        db.execute("ALTER ROLE CURRENT_USER RESET temp_tablespaces")
        db.execute("DROP TABLE wide")
        db.execute("DROP TABLESPACE temporary")


def test_unlogged(changing, name):
    """After a crash the table is empty and its indexes are as well, and of use; a logged one has all its rows."""
    with changing.connect(name) as session:
        create(session, *INDEXES, kind="UNLOGGED TABLE")
        good(session, *INDEXES)
        session.execute("CHECKPOINT")
    changing.kill()
    changing.resume()
    with changing.connect(name) as session:
        assert count(session) == 0
        good(session, *INDEXES)
        fill(session, 100)
        good(session, *INDEXES)
        session.execute("DELETE FROM t WHERE id % 2 = 0")
        session.execute("VACUUM t")
        fill(session, 100, seed=2)
        good(session, *INDEXES)
        session.execute("ALTER TABLE t SET LOGGED")
        fill(session, 50, seed=3)
        rows = count(session)
    changing.kill()
    changing.resume()
    with changing.connect(name) as session:
        assert count(session) == rows == 200
        good(session, *INDEXES)
        session.execute("ALTER TABLE t SET UNLOGGED")
        fill(session, 50, seed=4)
        good(session, *INDEXES)
    changing.stop()
    changing.resume()
    with changing.connect(name) as session:
        assert count(session) == rows + 50
        good(session, *INDEXES)


def test_temporary(db):
    create(db, *INDEXES, kind="TEMP TABLE")
    good(db, *INDEXES)
    db.execute("DELETE FROM t WHERE id % 2 = 0")
    db.execute("VACUUM t")
    fill(db, 100, seed=2)
    good(db, *INDEXES)
    db.execute(f"CREATE TEMP TABLE u (id serial, ns int, v vector({DIM})) ON COMMIT DELETE ROWS")
    db.execute("CREATE INDEX u_v ON u USING hnsw (v vector_l2_ops); CREATE INDEX u_ns_v ON u USING hnsw (ns, v vector_l2_ops)")
    for n in (10, 400):
        with db.transaction():
            fill(db, n, "u")
            assert len(alike(db, f"SELECT id FROM u ORDER BY v <-> '{NEAR}'", "u_v")) == n
            check(db, "u_v", "u_ns_v")
        assert alike(db, f"SELECT id FROM u ORDER BY v <-> '{NEAR}'", "u_v") == []


def test_partitions(db):
    db.execute(f"CREATE TABLE p (id serial, ns int, v vector({DIM})) PARTITION BY LIST (ns)")
    for ns in range(KEYS):
        db.execute(f"CREATE TABLE p{ns} PARTITION OF p FOR VALUES IN ({ns})")
    db.execute("CREATE INDEX p_v ON p USING hnsw (v vector_l2_ops)")
    fill(db, 400, "p")
    db.execute("CREATE TABLE other (LIKE p INCLUDING ALL)")
    db.execute("INSERT INTO other SELECT id + 1000, 9, v FROM p; ALTER TABLE p ATTACH PARTITION other FOR VALUES IN (9)")
    db.execute("ANALYZE p")
    statement = f"SELECT v <-> '{NEAR}' FROM p ORDER BY v <-> '{NEAR}'"
    with indexed(db):
        assert plan(db, statement).startswith("Merge Append") or "->  Index Scan using p0_v_idx" in plan(db, statement)
    assert len(alike(db, statement, "p0_v_idx")) == 800
    alike(db, f"{statement} LIMIT 7", "other_v_idx")
    alike(db, f"SELECT v <-> '{NEAR}' FROM p WHERE ns = 2 ORDER BY v <-> '{NEAR}'", "p2_v_idx")
    db.execute("UPDATE p SET ns = 3 WHERE ns = 2 AND id % 3 = 0")
    db.execute("ALTER TABLE p DETACH PARTITION p1")
    alike(db, statement, "p3_v_idx")
    check(db, "p0_v_idx", "p1_v_idx", "p2_v_idx", "p3_v_idx", "other_v_idx")
    db.execute("REINDEX INDEX p_v")
    alike(db, statement, "p3_v_idx")


def test_prewarm(db):
    create(db, "t_v")
    db.execute("CREATE EXTENSION pg_prewarm")
    pages = db.execute("SELECT pg_relation_size('t_v') / 8192").fetchone()
    assert db.execute("SELECT pg_prewarm('t_v')").fetchone() == pages
    good(db, "t_v")


def test_dump_and_copy(changing, name, db):
    create(db, *INDEXES)
    db.execute("INSERT INTO t (ns) VALUES (1)")
    dump = changing.run("pg_dump", "--no-owner", name)
    changing.create_database(f"{name}_again")
    try:
        changing.run("psql", "-q", "-v", "ON_ERROR_STOP=1", "-d", f"{name}_again", stdin=dump)
        with changing.connect(f"{name}_again") as again:
            assert again.execute("SELECT * FROM t ORDER BY id").fetchall() == db.execute("SELECT * FROM t ORDER BY id").fetchall()
            defined = "SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 't'::regclass ORDER BY 1"
            assert again.execute(defined).fetchall() == db.execute(defined).fetchall()
            again.execute("DELETE FROM t WHERE v IS NULL")
            good(again, *INDEXES)
            for format in ("text", "binary", "csv"):
                again.execute("TRUNCATE t")
                with db.cursor().copy(f"COPY t TO STDOUT (FORMAT {format})") as source:
                    with again.cursor().copy(f"COPY t FROM STDIN (FORMAT {format})") as target:
                        for data in source:
                            target.write(data)
                assert count(again) == 301
                again.execute("DELETE FROM t WHERE v IS NULL")
                good(again, *INDEXES)
    finally:
        changing.drop_database(f"{name}_again")


def test_transactions(changing, name, db):
    """What was rolled back is not found, by savepoint, by exception, or as a whole; what was prepared, once it is committed."""
    create(db, "t_v", "t_ns_v")
    with db.transaction():
        fill(db, 20, seed=2)
        db.execute("SAVEPOINT a")
        fill(db, 20, seed=3)
        db.execute("SAVEPOINT b")
        db.execute("DELETE FROM t WHERE ns = 1")
        db.execute("RELEASE b; ROLLBACK TO a")
        fill(db, 20, seed=4)
        good(db, "t_v", "t_ns_v")
    assert count(db) == 340
    db.execute("""
        DO $$ BEGIN
          FOR i IN 1..30 LOOP
            BEGIN
              INSERT INTO t (ns, v) SELECT 1, v FROM t WHERE id = i;
              INSERT INTO t (ns, v) VALUES (1, CASE WHEN i % 3 = 0 THEN '[1,2]' ELSE '[1,2,3,4,5,6,7,8]' END::vector);
            EXCEPTION WHEN data_exception THEN
              INSERT INTO t (ns, v) SELECT 2, v FROM t WHERE id = i + 1;
            END;
          END LOOP;
        END $$
    """)
    assert count(db) == 340 + 20 * 2 + 10
    good(db, "t_v", "t_ns_v")
    with changing.connect(name, autocommit=False) as other:
        fill(other, 30, seed=5)
        other.execute("UPDATE t SET v = v + v WHERE id < 20")
        check(db, "t_v", "t_ns_v")
        other.execute("PREPARE TRANSACTION 'one'")
        fill(other, 30, seed=6)
        other.execute("PREPARE TRANSACTION 'two'")
    check(db, "t_v", "t_ns_v")
    distances = f"SELECT v <-> '{NEAR}' FROM t ORDER BY v <-> '{NEAR}'"
    assert len(alike(db, distances)) == 390
    db.execute("VACUUM t")
    changing.crash()
    changing.resume()
    with changing.connect(name) as session:
        assert len(alike(session, distances)) == 390
        session.execute("COMMIT PREPARED 'one'")
        session.execute("ROLLBACK PREPARED 'two'")
        good(session, "t_v", "t_ns_v")
        session.execute("VACUUM t")
        good(session, "t_v", "t_ns_v")
        assert count(session) == 420
        assert session.execute("SELECT sum(tuples) FROM hnsw_stats('t_ns_v')").fetchone() == (420,)


def test_cursors(db):
    create(db, "t_v")
    statement = f"SELECT id FROM t ORDER BY v <-> '{NEAR}'"
    wanted = alike(db, statement)
    with indexed(db):
        db.execute(f"DECLARE one NO SCROLL CURSOR FOR {statement}")
        assert db.execute("FETCH 10 FROM one").fetchall() == wanted[:10]
        fill(db, 30, seed=2)
        db.execute("DELETE FROM t WHERE id % 2 = 0")
        # It sees what was there when it was opened.
        assert db.execute("FETCH 10 FROM one").fetchall() == wanted[10:20]
        with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState), db.transaction():
            db.execute("FETCH BACKWARD 5 FROM one")
    with indexed(db):
        assert "using t_v" in plan(db, f"DECLARE two SCROLL CURSOR FOR {statement}")
        db.execute(f"DECLARE two SCROLL CURSOR FOR {statement}")
        assert db.execute("FETCH 10 FROM two").fetchall() == wanted[:10]
        assert db.execute("FETCH BACKWARD 4 FROM two").fetchall() == wanted[8:4:-1]
        assert db.execute("FETCH ABSOLUTE 200 FROM two").fetchall() == wanted[199:200]
        assert db.execute("FETCH RELATIVE -150 FROM two").fetchall() == wanted[49:50]
        assert db.execute("FETCH LAST FROM two").fetchall() == wanted[-1:]
        assert db.execute("FETCH FIRST FROM two").fetchall() == wanted[:1]
    with db.transaction():
        for name, value in (("enable_seqscan", "off"), ("enable_sort", "off"), ("hnsw.ef_search", "1000"), ("hnsw.iterative_scan", "relaxed_order")):
            db.execute("SELECT set_config(%s, %s, true)", [name, value])
        db.execute(f"DECLARE three CURSOR WITH HOLD FOR {statement}")
        assert db.execute("FETCH 5 FROM three").fetchall() == wanted[:5]
    db.execute("DELETE FROM t WHERE id % 3 = 0")
    db.execute("VACUUM t")
    assert db.execute("FETCH ALL FROM three").fetchall() == wanted[5:]
    db.execute("CLOSE three")
    assert not db.execute("SELECT pg_indexam_has_property(oid, 'can_order') OR pg_index_has_property('t_v', 'backward_scan') "
                          "FROM pg_am WHERE amname = 'hnsw'").fetchone()[0]


def test_statements(changing, name, db):
    """Plans that scan an index again and again, or not to the end, or for others."""
    create(db, "t_v", "t_ns_v")
    db.execute(f"CREATE TABLE q AS SELECT id AS q, ns AS qns, v + '{NEAR}' AS near FROM t WHERE id <= 40; CREATE TABLE words AS SELECT id, 'word ' || id AS word FROM t")
    db.execute("CREATE INDEX ON words (id); ANALYZE q; ANALYZE words")
    found = "found.id, found.distance"
    lateral = f"""
        SELECT q, {found} FROM q, LATERAL (SELECT id, v <-> near AS distance FROM t {{}} ORDER BY v <-> near LIMIT 3) found
        ORDER BY q, found.distance, found.id
    """

    def sorted_alike(statement, index):
        # Rows come sorted; the sort above is no other way to the index.
        with settings(db, enable_seqscan="off", enable_bitmapscan="off", hnsw__ef_search=1000):
            assert f"using {index} " in plan(db, statement), plan(db, statement)
            rows = db.execute(statement).fetchall()
        with plain(db):
            assert db.execute(statement).fetchall() == rows
        return rows

    assert len(sorted_alike(lateral.format("WHERE ns = qns"), "t_ns_v")) == 120
    with settings(db):
        db.execute("DROP INDEX t_ns_v")
        assert len(sorted_alike(lateral.format(""), "t_v")) == 120
        assert len(sorted_alike(f"SELECT q, (SELECT id FROM t ORDER BY v <-> near LIMIT 1) FROM q ORDER BY q", "t_v")) == 40
        alike(db, f"SELECT id, word FROM t JOIN words USING (id) ORDER BY v <-> '{NEAR}' LIMIT 9")
        alike(db, f"SELECT id FROM t WHERE EXISTS (SELECT FROM words w WHERE w.id = t.id AND w.id % 3 = 0) ORDER BY v <-> '{NEAR}' LIMIT 9")
        alike(db, f"SELECT id FROM t WHERE id % 50 = 7 AND note = 'note' ORDER BY v <-> '{NEAR}' LIMIT 3")
        alike(db, f"SELECT v FROM t ORDER BY v <-> '{NEAR}' LIMIT 9")
        alike(db, f"SELECT id FROM t ORDER BY v <-> '{NEAR}' LIMIT 9 FOR UPDATE")
        alike(db, f"SELECT id FROM t ORDER BY v <-> '{NEAR}' OFFSET 20 ROWS FETCH FIRST 9 ROWS ONLY")
        alike(db, f"SELECT id FROM t WHERE v <-> '{NEAR}' < 20 ORDER BY v <-> '{NEAR}'")
        alike(db, f"SELECT id, row_number() OVER (ORDER BY v <-> '{NEAR}') FROM t LIMIT 9")
        alike(db, f"WITH n AS MATERIALIZED (SELECT id, v FROM t ORDER BY v <-> '{NEAR}' LIMIT 40) SELECT id FROM n ORDER BY id % 7, id")
        with settings(db):
            with indexed(db):
                update = f"UPDATE t SET note = 'near' WHERE id IN (SELECT id FROM t ORDER BY v <-> '{NEAR}' LIMIT 9) RETURNING id"
                assert "using t_v " in plan(db, update)
                changed = db.execute(update).fetchall()
            with plain(db):
                assert sorted(changed) == sorted(db.execute(f"SELECT id FROM t ORDER BY v <-> '{NEAR}' LIMIT 9").fetchall())


def test_for_update_waits(changing, name, db):
    """A row that is taken from the index and has changed meanwhile is looked at again."""
    create(db, "t_v")
    first = alike(db, f"SELECT id FROM t ORDER BY v <-> '{NEAR}' LIMIT 2")
    with changing.connect(name, autocommit=False) as other:
        other.execute("UPDATE t SET note = 'other' WHERE id = %s", first[0])
        load = Load(lambda: changing.connect(name))
        found = []

        def take(session):
            session.execute("SET enable_seqscan = off; SET enable_sort = off")
            found.extend(session.execute(f"SELECT id, note FROM t WHERE note = 'note' ORDER BY v <-> '{NEAR}' LIMIT 1 FOR UPDATE").fetchall())
            load.over.set()

        load.add(take)
        until(lambda: db.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s", [name]).fetchone() == (1,))
        other.commit()
        load.threads[0].join()
        load.stop()
    # LIMIT is above the rows that are locked.
    assert found == [(first[1][0], "note")]


def test_prepared_statements(db):
    """The query comes as a parameter, in plans of its own and in one for all."""
    create(db, "t_v", "t_ns_v")
    wanted = {(ns, seed): None for ns in range(KEYS) for seed in range(8)}
    with plain(db):
        for ns, seed in wanted:
            near = vector(random.Random(seed), DIM)
            wanted[ns, seed] = db.execute(f"SELECT id FROM t WHERE ns = {ns} ORDER BY v <-> '{near}' LIMIT 6").fetchall()
    for mode in ("force_custom_plan", "force_generic_plan"):
        with indexed(db):
            db.execute("SELECT set_config('plan_cache_mode', %s, true)", [mode])
            db.execute("PREPARE one (int, vector) AS SELECT id FROM t WHERE ns = $1 ORDER BY v <-> $2 LIMIT 6")
            for (ns, seed), rows in wanted.items():
                execute = f"EXECUTE one ({ns}, '{vector(random.Random(seed), DIM)}')"
                assert "using t_ns_v " in plan(db, execute)
                assert ("$2" in plan(db, execute)) == (mode == "force_generic_plan")
                assert db.execute(execute).fetchall() == rows
            assert len(db.execute("EXECUTE one (1, NULL)").fetchall()) == 6
            db.execute("DROP INDEX t_ns_v")
            assert "using t_v " in plan(db, execute)
            assert db.execute(execute).fetchall() == rows
            with pytest.raises(psycopg.errors.DataException), db.transaction():
                db.execute("EXECUTE one (1, '[1,2]')")
        db.execute("DEALLOCATE one")


def test_parallel(db):
    """An index scan above or below what other processes do; it is never divided among them."""
    create(db, "t_v")
    db.execute("ALTER TABLE t SET (parallel_workers = 2); SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
    statement = f"""
        SELECT id, (SELECT count(*) FROM t AS other WHERE note = 'note') FROM t ORDER BY v <-> '{NEAR}' LIMIT 5
    """
    with settings(db, hnsw__ef_search=1000, enable_sort="off"):
        found = plan(db, statement)
        assert "Gather" in found and "using t_v " in found, found
        assert db.execute(statement).fetchall() == [(id, 300) for id, in db.execute(f"SELECT id FROM t ORDER BY v <-> '{NEAR}' LIMIT 5").fetchall()]
    with settings(db, force_parallel_mode="on"):
        alike(db, f"SELECT id FROM t ORDER BY v <-> '{NEAR}' LIMIT 50")


def test_hidden_rows(changing, name, db):
    """Rows that a policy or a view hides are not found, and those that it shows are."""
    create(db, "t_v")
    db.execute(f"""
        CREATE FUNCTION told(int) RETURNS bool LANGUAGE plpgsql COST 0.0001 AS $$ BEGIN RAISE NOTICE 'saw %', $1; RETURN true; END $$;
        CREATE VIEW shown WITH (security_barrier) AS SELECT * FROM t WHERE id % 3 = 0 ORDER BY v <-> '{NEAR}';
        ALTER TABLE t ENABLE ROW LEVEL SECURITY;
        CREATE POLICY mine ON t USING (note = current_setting('test.note') AND id % 2 = 0);
        UPDATE t SET note = 'mine' WHERE id % 5 = 0;
        DROP ROLE IF EXISTS reader; CREATE ROLE reader; GRANT SELECT ON t, shown TO reader
    """)
    notices = []
    db.add_notice_handler(lambda diagnostic: notices.append(int(diagnostic.message_primary.split()[1])))
    try:
        rows = alike(db, "SELECT id FROM shown WHERE told(id)")
        assert len(rows) == 100 and notices and all(id % 3 == 0 for id in notices)
        notices.clear()
        with settings(db, role="reader", test__note="mine"):
            rows = alike(db, f"SELECT id FROM t WHERE told(id) ORDER BY v <-> '{NEAR}'")
            assert sorted(rows) == [(id,) for id in range(10, 301, 10)] and all(id % 10 == 0 for id in notices)
            with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
                db.execute("SELECT * FROM hnsw_stats('t_v')")
        with settings(db, role="reader", test__note="nobody's"):
            assert alike(db, NEAREST) == []
    finally:
        db.execute("DROP OWNED BY reader; DROP ROLE reader")


def test_recall_runs_nobody_elses_functions_as_a_superuser(db):
    """An index on an expression calls functions of its owner's."""
    db.execute("DROP ROLE IF EXISTS mallory; CREATE ROLE mallory; GRANT CREATE ON SCHEMA public TO mallory; SET ROLE mallory")
    try:
        db.execute("CREATE TABLE traps AS SELECT ARRAY[i, 1]::vector(2) AS v FROM generate_series(1, 50) i")
        db.execute("""CREATE FUNCTION trap(v vector) RETURNS vector(2) IMMUTABLE LANGUAGE plpgsql AS $$
                      BEGIN IF current_user <> 'mallory' THEN RAISE EXCEPTION 'ran as %', current_user; END IF; RETURN v; END $$""")
        db.execute("CREATE INDEX traps_v ON traps USING hnsw ((public.trap(v)::vector(2)) vector_l2_ops)")
        db.execute("RESET ROLE")
        assert db.execute("SELECT hnsw_recall('traps_v', ARRAY['[1,1]']::vector[], 5)").fetchone() == (1.0,)
        assert db.execute("SELECT current_user").fetchone() == ("postgres",)
    finally:
        db.execute("RESET ROLE; DROP OWNED BY mallory; DROP ROLE mallory")
