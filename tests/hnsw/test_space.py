"""Many equal vectors, many keys, and what deleted rows leave: places that the next rows take."""

import os
import random
import re
import subprocess

import pytest

from tests.hnsw.index_checks import check, scan, whole

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
    # Each row that is left keeps a record of its list: so many are not free, and how full the last page is depends on the process.
    db.execute("INSERT INTO t (ns, v) SELECT 0, '[1,2,3,4]' FROM generate_series(1, 3000)")
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


def test_updated_rows_take_one_place(db):
    """A row that comes again with its vector joins its node, and takes its place there once the old one is gone."""
    table(db)
    fill(db, 600)
    db.execute("CREATE INDEX ON t (ns)")
    for _ in range(2):
        db.execute("UPDATE t SET ns = ns + 1")
        grown = size(db)
        db.execute("VACUUM (INDEX_CLEANUP ON) t")
        check(db, "t_v")
        assert stats(db)[1:] == (600, 0, 600)
        whole(db, "t", "[1,2,3,4,5,6,7,8]")
    # All of what the second rows had is free.
    fill(db, 550, seed=2)
    assert size(db) == grown


def test_all_rows_are_replaced_again_and_again(db):
    """Half of them at a time: old and new rows are there at once, and the index stays well below twice the size of a new one."""
    table(db)
    fill(db, 500)
    source, update = random.Random(5), "UPDATE t SET v = n.v::vector FROM unnest(%s::int[], %s::text[]) AS n (i, v) WHERE t.id = n.i"
    db.execute("REINDEX INDEX t_v")
    queries = ["[" + ",".join(f"{source.uniform(-9, 9):.4f}" for _ in range(8)) + "]" for _ in range(30)]
    for _ in range(6):
        values = ["[" + ",".join(f"{source.uniform(-9, 9):.4f}" for _ in range(8)) + "]" for _ in range(500)]
        for half in (range(0, 250), range(250, 500)):
            db.execute(update, [[i + 1 for i in half], [values[i] for i in half]])
            db.execute("VACUUM (INDEX_CLEANUP ON) t")
    check(db, "t_v")
    old, found = size(db), recall(db, queries)
    db.execute("REINDEX INDEX t_v")
    assert old < 1.75 * size(db), (old, size(db))
    assert found >= recall(db, queries) - 0.02


def recall(db, queries):
    """The part of the ten nearest that is found at ef_search 40."""
    statement = "SELECT id FROM t ORDER BY v <-> %s LIMIT 10"
    found = 0
    for query in queries:
        db.execute("SET enable_indexscan = off")
        nearest = set(db.execute(statement, [query]).fetchall())
        db.execute("SET enable_indexscan = on; SET enable_seqscan = off; SET hnsw.iterative_scan = strict_order")
        found += len(nearest & set(db.execute(statement, [query]).fetchall()))
        db.execute("RESET enable_seqscan; RESET hnsw.iterative_scan")
    return found / (10 * len(queries))


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


@pytest.fixture
def small_disk(server, db, tmp_path):
    """A tablespace `small` on a disk of 6 MB, and a function that fills it to the last byte."""
    os.chmod(tmp_path, 0o755)
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("mounts nothing here")
    try:
        place = disk / "space"
        place.mkdir()
        owner = os.stat(server.home / "data")
        os.chown(place, owner.st_uid, owner.st_gid)
        for above in tmp_path.parents:
            if str(above).startswith("/tmp/"):
                os.chmod(above, os.stat(above).st_mode | 0o055)
        db.execute(f"CREATE TABLESPACE small LOCATION '{place}'")

        def fill():
            with (disk / "filler").open("wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(bytes(4096))
                except OSError:
                    return disk / "filler"

        yield fill
        db.execute("DROP TABLE IF EXISTS t")
        db.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_vacuum_on_a_full_disk(db, small_disk):
    """Where the free space map cannot grow, a vacuum takes rows out all the same, and the next one gives the room back."""
    table(db)
    db.execute("DROP INDEX t_v; SET default_tablespace = small")
    db.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)")
    fill(db, 900)
    before = size(db)
    said = []
    db.add_notice_handler(lambda diagnostic: said.append(diagnostic.message_primary))
    filler = small_disk()
    db.execute("DELETE FROM t WHERE id % 2 = 0")
    db.execute("VACUUM (INDEX_CLEANUP ON) t")
    assert stats(db)[3] == 450 and any("free space map" in text for text in said), said
    check(db, "t_v")
    whole(db, "t", "[1,2,3,4,5,6,7,8]")
    filler.unlink()
    db.execute("DELETE FROM t WHERE id % 10 = 1")
    said.clear()
    db.execute("VACUUM (INDEX_CLEANUP ON) t")
    assert not said
    fill(db, 500, seed=2)
    assert size(db) <= before
    check(db, "t_v")
    whole(db, "t", "[1,2,3,4,5,6,7,8]")
