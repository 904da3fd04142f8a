"""Many equal vectors, many keys, and what deleted rows leave: places that the next rows take."""

import random
import re

from graphs import check, scan, whole

FILL = "INSERT INTO t (ns, v) SELECT n, v::vector FROM unnest(%s::int[], %s::text[]) AS r (n, v)"


def table(db, columns="v vector_l2_ops", dim=8):
    db.execute(f"CREATE TABLE t (id serial PRIMARY KEY, ns int, v vector({dim})) WITH (autovacuum_enabled = off)")
    db.execute(f"CREATE INDEX t_v ON t USING hnsw ({columns})")


def fill(db, n, seed=1, keys=1, dim=8):
    source = random.Random(seed)
    values = ["[" + ",".join(f"{source.uniform(-9, 9):.4f}" for _ in range(dim)) + "]" for _ in range(n)]
    db.execute(FILL, [[i % keys for i in range(n)], values])


def size(db):
    return db.execute("SELECT pg_relation_size('t_v')").fetchone()[0]


def stats(db):
    return db.execute("SELECT count(*), sum(nodes), sum(dead), sum(tuples) FROM hnsw_stats('t_v')").fetchone()


def buffers(db, statement):
    """Pages of shared buffers that a statement has touched."""
    plan = db.execute(f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF) {statement}").fetchall()
    line = next(line for (line,) in plan if "Buffers: shared" in line)
    return sum(int(n) for n in re.findall(r"(?:hit|read)=(\d+)", line))


def test_equal_vectors(db):
    """10,000 rows with one vector are one node, built or inserted, and any part of them can go."""
    db.execute("CREATE TABLE t (id serial PRIMARY KEY, ns int, v vector(4)) WITH (autovacuum_enabled = off)")
    db.execute("INSERT INTO t (ns, v) SELECT 0, '[1,2,3,4]' FROM generate_series(1, 5000)")
    db.execute("INSERT INTO t (ns, v) VALUES (0, '[4,3,2,1]')")
    db.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)")
    db.execute("INSERT INTO t (ns, v) SELECT 0, '[1,2,3,4]' FROM generate_series(1, 5000)")
    assert stats(db) == (1, 2, 0, 10001)
    for condition in ("id % 2 = 0", "id < 4000", "id % 100 <> 1"):
        whole(db, "t", "[1,2,3,5]")
        check(db, "t_v")
        db.execute(f"DELETE FROM t WHERE {condition}")
        db.execute("VACUUM t")
    check(db, "t_v")
    whole(db, "t", "[1,2,3,5]")
    left = db.execute("SELECT count(*) FROM t").fetchone()[0]
    assert 0 < left < 100 and stats(db)[3] == left
    before = size(db)
    db.execute("INSERT INTO t (ns, v) SELECT 0, '[1,2,3,4]' FROM generate_series(1, 5000)")
    assert size(db) <= before
    whole(db, "t", "[1,2,3,5]")
    db.execute("DELETE FROM t")
    db.execute("VACUUM t")
    assert stats(db)[0] == 0
    check(db, "t_v")


def test_many_keys_built(db):
    db.execute("CREATE TABLE t (id int, ns int, v vector(4)) WITH (autovacuum_enabled = off)")
    db.execute("INSERT INTO t SELECT i, i % 100000, ARRAY[i % 7, i % 11, i % 13, i % 17]::vector FROM generate_series(1, 102000) i")
    db.execute("CREATE INDEX t_v ON t USING hnsw (ns, v vector_l2_ops)")
    db.execute("CREATE INDEX ON t (ns)")
    assert stats(db) == (100000, 102000, 0, 102000)
    for ns in (0, 1, 1999, 2001, 77777, 99999):
        assert len(scan(db, "t", "[1,2,3,4]", f"ns = {ns}")) == (2 if 0 < ns <= 2000 else 1)
    assert scan(db, "t", "[1,2,3,4]", "ns = 100000") == []


def test_many_keys_inserted(db):
    """5,000 keys one after the other; their graphs go with their rows."""
    table(db, "ns, v vector_l2_ops", 4)
    fill(db, 5200, keys=5000, dim=4)
    assert stats(db) == (5000, 5200, 0, 5200)
    check(db, "t_v")
    for ns in random.Random(1).sample(range(5000), 20):
        whole(db, "t", "[1,2,3,4]", f"ns = {ns}")
    db.execute("DELETE FROM t WHERE ns % 10 <> 3")
    db.execute("VACUUM t")
    assert stats(db)[0] == 500 and stats(db)[2] == 0
    check(db, "t_v")
    before = size(db)
    fill(db, 4000, seed=2, keys=5000, dim=4)
    assert size(db) <= 1.05 * before
    check(db, "t_v")
    for ns in (0, 3, 13, 3999, 4993):
        whole(db, "t", "[1,2,3,4]", f"ns = {ns}")


def test_all_places_are_taken_again(db):
    table(db)
    fill(db, 1000)
    before = size(db)
    for _ in range(3):
        db.execute("DELETE FROM t")
        db.execute("VACUUM t")
        assert stats(db)[0] == 0
        fill(db, 1000)
        assert size(db) <= 1.05 * before
    check(db, "t_v")
    whole(db, "t", "[1,2,3,4,5,6,7,8]")


def test_places_among_others_are_taken_again(db):
    """Three of four rows go: the same number comes again without growth, at the same price in pages."""
    table(db)
    fill(db, 1200)
    insert = "INSERT INTO t (ns, v) SELECT 0, ARRAY[{0}, x, -x, {0} % 3, x, 2, 1, 0]::vector FROM generate_series(1, 20) x"
    price = buffers(db, insert.format(7))
    db.execute("DELETE FROM t WHERE id % 4 <> 0")
    db.execute("VACUUM t")
    check(db, "t_v")
    before = size(db)
    fill(db, 850, seed=2)
    assert size(db) == before
    assert stats(db)[2] <= 2
    assert buffers(db, insert.format(8)) <= 1.25 * price
    check(db, "t_v")
    whole(db, "t", "[1,2,3,4,5,6,7,8]")
