"""Rows of an index scan come in the exact order of the operator's distances, also where they are nearly the same."""

import numpy as np
import pytest

OPERATORS = {"l2": "<->", "ip": "<#>", "cosine": "<=>"}


def random(rng, rows, dim):
    """Nothing special."""
    return rng.standard_normal((rows, dim)), rng.standard_normal((1, dim))


def shell(rng, rows, dim):
    """Around each query a shell of vectors whose distances differ by 1e-5 of them."""
    queries = rng.standard_normal((1, dim))
    ways = rng.standard_normal((rows, dim))
    ways /= np.linalg.norm(ways, axis=1, keepdims=True)
    radius = 1 + 1e-5 * rng.integers(0, 50, (rows, 1))
    return queries[np.zeros(rows, int)] + ways * radius, queries


def copies(rng, rows, dim):
    """Vectors that differ in their last digits, or not at all."""
    base = rng.standard_normal((20, dim))[rng.integers(0, 20, rows)]
    return base * (1 + 1e-6 * rng.integers(0, 4, (rows, 1))), rng.standard_normal((1, dim))


def large(rng, rows, dim):
    """Far from the origin, and near to each other."""
    middle = 1000 * rng.standard_normal(dim)
    return middle + rng.standard_normal((rows, dim)), middle + rng.standard_normal((1, dim))


def spread(rng, rows, dim):
    """Elements of all sizes, so that squares of lengths are beyond the largest number or none."""
    return (rng.standard_normal(size) * 10.0 ** rng.uniform(-40, 30, size) for size in ((rows, dim), (3, dim)))


def faint(rng, rows, dim):
    """Vectors so short that squares of their lengths are none, and queries that bring their products back."""
    return 1e-25 * rng.standard_normal((rows, dim)), 1e28 * rng.standard_normal((3, dim))


def text(vector):
    return "[" + ",".join(f"{x:.9g}" for x in vector) + "]"


@pytest.mark.parametrize("dim", [3, 100])
@pytest.mark.parametrize("kind", ["vector", "halfvec"])
@pytest.mark.parametrize("metric", OPERATORS)
@pytest.mark.parametrize("data", [random, shell, copies, large])
def test_order(db, data, metric, kind, dim):
    ordered(db, data, metric, kind, dim)


@pytest.mark.parametrize("dim", [3, 100])
@pytest.mark.parametrize("metric", ["l2", "ip"])
@pytest.mark.parametrize("data", [spread, faint])
def test_order_of_any_length(db, data, metric, dim):
    ordered(db, data, metric, "vector", dim)


def ordered(db, data, metric, kind, dim):
    """Assert that the rows of scans are in order."""
    vectors, queries = data(np.random.default_rng(7), 300, dim)
    if kind == "halfvec":
        vectors, queries = (np.clip(x, -60000, 60000) for x in (vectors, queries))
    operator = OPERATORS[metric]
    db.execute(f"CREATE TABLE t (id int PRIMARY KEY, c int, v {kind}({dim}))")
    with db.cursor().copy("COPY t FROM STDIN") as copy:
        for i, vector in enumerate(vectors):
            copy.write_row((i, i % 7, text(vector)))
    db.execute(f"CREATE INDEX t_v ON t USING hnsw (v {kind}_{metric}_ops)")
    exact = {}
    for query in map(text, queries):
        rows = db.execute(f"SELECT id, v {operator} %s::{kind} FROM t", (query,)).fetchall()
        exact[query] = dict(rows)
    db.execute("SET enable_seqscan = off")
    for mode in ("off", "strict_order", "relaxed_order"):
        db.execute(f"SET hnsw.iterative_scan = {mode}")
        for query, distances in exact.items():
            for condition in ("true", "c = 3"):
                # Of a relaxed scan only the first rows are in order.
                limit = 20 if mode == "relaxed_order" and condition == "true" else 300
                order = f"FROM t WHERE {condition} ORDER BY v {operator} '{query}'::{kind} LIMIT {limit}"
                plan = "".join(row[0] for row in db.execute(f"EXPLAIN SELECT id {order}"))
                assert "Index Scan using t_v" in plan
                found = [row[0] for row in db.execute(f"SELECT id {order}")]
                assert len(found) == len(set(found)) > 0
                if mode == "relaxed_order" and limit > 20:
                    continue
                got = [distances[id] for id in found]
                wrong = [(i, a, b) for i, (a, b) in enumerate(zip(got, got[1:])) if a > b]
                assert not wrong, (mode, condition, wrong[:5])
