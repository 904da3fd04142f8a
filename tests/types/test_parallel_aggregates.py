"""Aggregates over many rows: serial and parallel plans agree."""

import pytest

ROWS = 1_000_000

AGGREGATES = {
    # whole numbers, whose sums are exact in any order
    "exact": "avg(v)::text, sum(v)::text, avg(h)::text, count(v)",
    # distances and averages of fractions, where the order of additions shows in the last digits
    "near": "avg(v * '[0.1,0.2,0.3]'), sum(v <-> '[0.5,0.5,0.5]'), avg(l2_normalize(h + '[9,9,9]'))",
}


@pytest.fixture
def filled(db):
    """A table of a million vectors and halves; some rows are null, some groups small."""
    db.execute("CREATE TABLE t (g int, v vector(3), h halfvec(3)) WITH (autovacuum_enabled = off)")
    db.execute(
        """INSERT INTO t SELECT i %% 1000 / 250, v, v FROM (SELECT i, CASE WHEN i %% 10 > 0 THEN
                ('[' || i %% 7 - 3 || ',' || i %% 11 - 5 || ',' || i %% 13 || ']')::vector END AS v
            FROM generate_series(1, %s) i) s""",
        [ROWS],
    )
    db.execute("INSERT INTO t VALUES (99, NULL, NULL), (100, '[1,2,3]', '[4,5,6]')")
    return db


def numbers(row):
    """All numbers of a row, vectors taken apart."""
    return [float(x) for value in row for x in str(value).strip("[]").split(",")]


def test_parallel_aggregates(filled):
    answers = {}
    for workers in (0, 3):
        filled.execute(
            f"""SET max_parallel_workers_per_gather = {workers}; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0;
                SET min_parallel_table_scan_size = 0"""
        )
        for name, aggregates in AGGREGATES.items():
            for grouped in ("", "g"):
                query = f"SELECT {aggregates} FROM t" + (" GROUP BY g ORDER BY g" if grouped else "")
                plan = str(filled.execute(f"EXPLAIN {query}").fetchall())
                assert ("Partial" in plan and "Gather" in plan) == (workers > 0), plan
                answers[workers, name, grouped] = filled.execute(query).fetchall()
    for (workers, name, grouped), rows in answers.items():
        serial = answers[0, name, grouped]
        assert len(rows) == (6 if grouped else 1)
        if name == "exact":
            assert rows == serial
        else:
            pairs = [pair for row, other in zip(rows, serial) if None not in row for pair in zip(numbers(row), numbers(other))]
            assert len(pairs) > 6 and all(abs(a - b) <= 1e-5 * max(1, abs(b)) for a, b in pairs)
    whole = answers[3, "exact", ""][0]
    assert whole[3] == ROWS * 9 // 10 + 1
    mean, total = numbers([whole[0]]), numbers([whole[1]])
    assert all(abs(a * whole[3] - b) <= 1e-5 * max(1, abs(b)) for a, b in zip(mean, total))
