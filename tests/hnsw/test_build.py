"""CREATE INDEX: the threads it takes, the rows it counts, vectors of several pages."""

import re
from pathlib import Path

import numpy as np
import pytest

from tests.hnsw.index_checks import check
from tests.support.running import Running
from tests.support.waiting import until


@pytest.mark.parametrize("columns", ["v vector_l2_ops", "k, v vector_l2_ops"])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_threads(db, workers, columns):
    """As many threads build as a parallel build of the server's own would have processes, and nobody else but the backend."""
    db.execute("CREATE TABLE t (k int, v vector(16))")
    db.execute("INSERT INTO t SELECT i / 1000, ARRAY(SELECT sin(i * j) FROM generate_series(1, 16) j) FROM generate_series(1, 6000) i")
    db.execute(f"SET max_parallel_maintenance_workers = {workers}")
    tasks, seen = Path(f"/proc/{db.info.backend_pid}/task"), []

    def look():
        names = []
        for task in tasks.iterdir():
            try:
                names.append((task / "comm").read_text().strip())
            except (FileNotFoundError, ProcessLookupError):
                pass  # it has ended
        seen.append((len(names), sum(bool(re.fullmatch(r"hnsw \d+", name)) for name in names)))

    running = Running(db, f"CREATE INDEX ON t USING hnsw ({columns})")
    until(lambda: running.is_over() or look(), 60)
    running.thread.join()
    assert running.failure is None
    assert max(threads for _, threads in seen) == 1 + workers
    assert max(all for all, _ in seen) == 1 + (1 + workers)
    until(lambda: len(list(tasks.iterdir())) == 1, 2)


def test_rows_are_counted(db):
    """`reltuples` of an index is the number of its rows, that of the table the number of all."""
    db.execute("CREATE TABLE t (id int, k int, v vector(3)) WITH (autovacuum_enabled = off)")
    db.execute("INSERT INTO t SELECT i, nullif(i % 4, 0), CASE WHEN i % 5 > 0 THEN ARRAY[i % 2, i % 3, i % 7] END FROM generate_series(1, 840) i")
    where = {
        "v vector_l2_ops": "v IS NOT NULL",
        "v vector_cosine_ops": "v IS NOT NULL AND v <> '[0,0,0]'",
        "v vector_l2_ops) WHERE (id <= 300": "v IS NOT NULL AND id <= 300",
        "k, v vector_ip_ops": None,
        "(id % 3), v vector_l1_ops": "v IS NOT NULL",
        "k, v vector_l2_ops) WHERE (k = 2": "v IS NOT NULL AND k = 2",
    }
    for columns, condition in where.items():
        db.execute(f"CREATE INDEX t_v ON t USING hnsw ({columns})")
        counted = db.execute("SELECT reltuples FROM pg_class WHERE oid = 't_v'::regclass").fetchone()[0]
        stored = db.execute("SELECT sum(tuples) FROM hnsw_stats('t_v')").fetchone()[0]
        assert counted == stored > 0, columns
        if condition:
            assert counted == db.execute(f"SELECT count(*) FROM t WHERE {condition}").fetchone()[0], columns
        assert db.execute("SELECT reltuples FROM pg_class WHERE oid = 't'::regclass").fetchone() == (840,)
        db.execute("DROP INDEX t_v")
    db.execute("CREATE TABLE none (v vector(3)); INSERT INTO none SELECT NULL FROM generate_series(1, 50); CREATE INDEX n ON none USING hnsw (v vector_l2_ops)")
    assert db.execute("SELECT reltuples FROM pg_class WHERE oid IN ('n'::regclass, 'none'::regclass) ORDER BY relname").fetchall() == [(0,), (50,)]


@pytest.mark.parametrize("metric, operator", [("l2", "<->"), ("cosine", "<=>")])
def test_vectors_of_several_pages(db, metric, operator):
    """Built, inserted and vacuumed, with the recall of small ones."""
    rng = np.random.default_rng(5)
    dim, rows = 4000, 450
    centers = rng.standard_normal((15, dim))
    vectors = centers[rng.integers(0, 15, rows)] + 0.7 * rng.standard_normal((rows, dim))
    queries = centers[:8] + 0.7 * rng.standard_normal((8, dim))
    text = ["[" + ",".join(f"{x:.5g}" for x in vector) + "]" for vector in [*vectors, *queries]]
    db.execute(f"CREATE TABLE t (id int, v vector({dim})) WITH (autovacuum_enabled = off)")

    def add(ids):
        with db.cursor().copy("COPY t FROM STDIN") as copy:
            for id in ids:
                copy.write_row((id, text[id]))

    def recall():
        check(db, "t_v")
        found = 0
        for query in text[rows:]:
            order = f"SELECT id FROM t ORDER BY v {operator} '{query}' LIMIT 10"
            db.execute("SET enable_indexscan = off")
            exact = {id for (id,) in db.execute(order)}
            db.execute("RESET enable_indexscan; SET enable_seqscan = off; SET enable_sort = off")
            assert "Index Scan using t_v" in str(db.execute(f"EXPLAIN {order}").fetchall())
            found += len(exact & {id for (id,) in db.execute(order)})
            db.execute("RESET enable_seqscan; RESET enable_sort")
        return found / 80

    db.execute("SET hnsw.ef_search = 100")
    add(range(0, rows, 3))
    add(range(1, rows, 3))
    db.execute(f"CREATE INDEX t_v ON t USING hnsw (v vector_{metric}_ops)")
    assert recall() >= 0.9
    add(range(2, rows, 3))
    assert recall() >= 0.9
    db.execute("DELETE FROM t WHERE id % 4 = 1")
    assert recall() >= 0.9
    db.execute("VACUUM t")
    assert recall() >= 0.9
    add(range(1, rows, 4))
    assert recall() >= 0.9
    assert db.execute("SELECT nodes, dead, tuples FROM hnsw_stats('t_v')").fetchone() == (rows, 0, rows)
