"""VACUUM with its options: what is left is found, nothing else is, and the index is whole."""

import random
import re

import pytest

from tests.hnsw.index_checks import check, whole
from tests.hnsw.random_vectors import vector, vectors

DIM = 6
FEW = 10


@pytest.fixture
def table(db):
    """A table with indexes of three kinds, and the texts of VERBOSE."""
    db.execute(f"CREATE TABLE t (id serial PRIMARY KEY, ns int, v vector({DIM})) WITH (autovacuum_enabled = off)")
    fill(db, 900, 1)
    db.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)")
    db.execute("CREATE INDEX t_ip ON t USING hnsw (v vector_ip_ops)")
    db.execute("CREATE INDEX t_ns ON t USING hnsw (ns, v vector_l2_ops)")
    said = []
    db.add_notice_handler(lambda diagnostic: said.append(f"{diagnostic.message_primary} {diagnostic.message_detail}"))
    return said


def fill(db, rows, seed):
    db.execute("INSERT INTO t (ns, v) SELECT i %% 3, v::vector FROM unnest(%s::text[]) WITH ORDINALITY AS u (v, i)", [vectors(random.Random(seed), DIM, rows)])


def good(db, seed):
    source = random.Random(seed)
    check(db, "t_v", "t_ip", "t_ns")
    # Small graphs and large ones; the planner takes the index that fits.
    whole(db, "t", vector(source, DIM))
    whole(db, "t", vector(source, DIM), op="<#>")
    whole(db, "t", vector(source, DIM), "ns = 1")


def tuples(db):
    return [db.execute("SELECT sum(tuples) FROM hnsw_stats(%s)", [index]).fetchone()[0] for index in ("t_v", "t_ip", "t_ns")]


def test_parallel(db, table):
    """Each index by whichever process comes to it."""
    db.execute("SET min_parallel_index_scan_size = 0; SET max_parallel_maintenance_workers = 2")
    for step in range(3):
        db.execute(f"DELETE FROM t WHERE id % 4 = {step}")
        good(db, step)
        table.clear()
        db.execute("VACUUM (PARALLEL 2, VERBOSE) t")
        assert any(re.search(r"launched [12] parallel vacuum workers? for index vacuuming", text) for text in table), table
        good(db, step)
        rows = db.execute("SELECT count(*) FROM t").fetchone()[0]
        assert tuples(db) == [rows] * 3
        fill(db, 150, 50 + step)
        good(db, step)


def buffers(db):
    """Accesses to buffers of the index `c_v` so far."""
    db.execute("SELECT pg_stat_force_next_flush()")
    return db.execute("SELECT idx_blks_hit + idx_blks_read FROM pg_statio_user_indexes WHERE indexrelname = 'c_v'").fetchone()[0]


@pytest.mark.parametrize("name", ["vector_l2_ops", "vector_l1_ops", "wide"])
def test_few_dead_rows_cost_little(db, name):
    """Each page is read once to find them and once to find whoever leads to them, and their neighbourhoods about once."""
    chance = random.Random(9)
    rows, dim = (4000, 24) if name != "wide" else (400, 2500)
    centres = [[chance.gauss(0, 1) for _ in range(24)] for _ in range(20)]
    db.execute(f"CREATE TABLE c (id int, v vector({dim})) WITH (autovacuum_enabled = off)")
    with db.cursor().copy("COPY c FROM STDIN") as copy:
        for i in range(rows):
            near = [f"{x + chance.gauss(0, 0.5):.3f}" for x in chance.choice(centres)]
            copy.write_row((i, "[" + ",".join((near * (dim // 24 + 1))[:dim]) + "]"))
    db.execute(f"CREATE INDEX c_v ON c USING hnsw (v {'vector_l2_ops' if name == 'wide' else name})")
    pages = db.execute("SELECT pg_relation_size('c_v') / 8192").fetchone()[0]
    db.execute("DELETE FROM c WHERE id < %s", [FEW])
    before = buffers(db)
    db.execute("VACUUM (INDEX_CLEANUP ON) c")
    cost = buffers(db) - before
    check(db, "c_v")
    assert db.execute("SELECT tuples FROM hnsw_stats('c_v')").fetchone() == (rows - FEW,)
    assert 2 * pages <= cost + 2 and cost <= 2 * pages + 500 * FEW, (pages, cost)


def test_without_index_cleanup(db, table):
    """Rows stay in the index until a vacuum cleans it, and nobody is given them."""
    db.execute("DELETE FROM t WHERE id % 3 = 1")
    for step in range(2):
        table.clear()
        db.execute("VACUUM (INDEX_CLEANUP OFF, VERBOSE) t")
        assert tuples(db) == [900 + 100 * step] * 3
        good(db, step)
        # New rows take no place of those that are still in the index.
        fill(db, 100, 60 + step)
        good(db, step)
    db.execute("VACUUM (INDEX_CLEANUP ON) t")
    assert tuples(db) == [800] * 3
    good(db, 5)


def test_several_passes(db, table):
    """What is dead does not fit the memory, so the indexes are cleaned again and again."""
    # Of most rows the index knows nothing; their places fill the memory all the same.
    db.execute("INSERT INTO t (ns) SELECT 7 FROM generate_series(1, 200000)")
    fill(db, 300, 2)
    db.execute("INSERT INTO t (ns) SELECT 7 FROM generate_series(1, 200000)")
    fill(db, 300, 3)
    db.execute("DELETE FROM t WHERE ns = 7 OR id % 3 = 0")
    db.execute("SET maintenance_work_mem = '1MB'")
    table.clear()
    db.execute("VACUUM (VERBOSE, PARALLEL 0) t")
    passes = [int(n) for text in table for n in re.findall(r"index scans: (\d+)", text)]
    assert max(passes) >= 3, table
    rows = db.execute("SELECT count(*) FROM t").fetchone()[0]
    assert tuples(db) == [rows] * 3
    good(db, 6)
    fill(db, 500, 4)
    good(db, 7)
