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


SIZES = {"vector": [1e-40, 1e-30, 1e-21, 1e-17, 1e17, 1e20, 1e25], "halfvec": [6e-8, 1e-6, 60000]}
SIZES["sparsevec"] = SIZES["vector"]


def lowest(distances):
    """In the order of SQL, where NaN comes last."""
    return sorted(distances, key=lambda x: (np.isnan(x), x))


def odd(db, metric, kind, dim, normal, other):
    """A table of vectors of length 1 or so, and of others, `other` of each size; half of them before the index is made."""
    rng = np.random.default_rng(3)
    vectors = [rng.standard_normal(dim) for _ in range(normal)]
    ways = [np.clip(rng.standard_normal(dim), -1, 1) for _ in range(other)]
    # Some have the very direction of others that are not odd.
    vectors += [way * size for size in SIZES[kind] for way in vectors[:1] + ways[1:]]
    rng.shuffle(vectors)
    db.execute(f"CREATE TABLE t (id int PRIMARY KEY, c int, v {kind}({dim}))")

    def add(rows):
        with db.cursor().copy("COPY t FROM STDIN") as copy:
            for i, vector in rows:
                value = text(vector if kind != "halfvec" else np.clip(vector, -65000, 65000))
                if kind == "sparsevec":
                    value = "{" + ",".join(f"{k}:{x:.9g}" for k, x in enumerate(vector, 1) if np.float32(x)) + f"}}/{dim}"
                copy.write_row((i, i % 3, value))

    rows = list(enumerate(vectors))
    add(rows[::2])
    db.execute(f"CREATE INDEX t_v ON t USING hnsw (v {kind}_{metric}_ops)")
    add(rows[1::2])
    assert db.execute("SELECT * FROM hnsw_check('t_v')").fetchall() == []
    return len(rows)


def queries(db, kind, dim):
    """Directions of all lengths."""
    rng = np.random.default_rng(8)
    values = [rng.uniform(0.5, 1, dim) * size for size in [1, 1, 1e-15, 1e15, *SIZES[kind]]]
    if kind == "halfvec":
        values = [x for x in values if 1e-8 < x.max() < 65000]
    return [db.execute(f"SELECT '{text(x)}'::vector::{kind}::text").fetchone()[0] for x in values]


@pytest.mark.parametrize("kind", SIZES)
@pytest.mark.parametrize("metric", OPERATORS)
@pytest.mark.parametrize("dim, normal, other", [(3, 500, 1), (3, 300, 60), (40, 60, 20)])
def test_order_of_odd_lengths(db, metric, kind, dim, normal, other):
    """Where sums of squares are no f32 the operators give what they give: rows come in that order, and none is lost."""
    rows = odd(db, metric, kind, dim, normal, other)
    for query in queries(db, kind, dim):
        order = f"v {OPERATORS[metric]} '{query}'::{kind}"
        exact = dict(db.execute(f"SELECT id, {order} FROM t").fetchall())
        indexed = db.execute("SELECT sum(tuples) FROM hnsw_stats('t_v')").fetchone()[0]
        db.execute("SET enable_seqscan = off")
        first = {row[0] for row in db.execute(f"SELECT id FROM t ORDER BY {order} LIMIT {rows}")}
        for mode in ("off", "strict_order", "relaxed_order"):
            db.execute(f"SET hnsw.iterative_scan = {mode}")
            for limit in (4, 30, rows):
                for where in ("true", "c = 1"):
                    found = [row[0] for row in db.execute(f"SELECT id FROM t WHERE {where} ORDER BY {order} LIMIT {limit}")]
                    assert len(found) == len(set(found)) >= min(limit, 10)
                    if mode == "relaxed_order":
                        # The first batch is all that a scan finds that makes no other; what it missed comes out of order.
                        found = [id for id in found if id in first]
                    got = [exact[id] for id in found]
                    assert got == pytest.approx(lowest(got), nan_ok=True, rel=0, abs=0), (mode, limit, where, query)
                    if indexed <= 256 and where == "true":
                        # All are looked at: these are the nearest.
                        kept = lowest(exact.values())[: len(got)]
                        assert got == pytest.approx(kept, nan_ok=True, rel=0, abs=0)
        db.execute("SET hnsw.ef_search = 1000; SET enable_sort = off; SET hnsw.max_scan_tuples = 1000000; SET hnsw.scan_mem_multiplier = 100")
        assert db.execute(f"SELECT count(DISTINCT id) FROM (SELECT id FROM t ORDER BY {order}) s").fetchone()[0] == indexed
        db.execute("RESET ALL")


@pytest.mark.parametrize("size", [1e-40, 1e-30, 1e-21, 1e20, 1e25])
def test_one_row_breaks_no_query(db, size):
    db.execute("CREATE TABLE t (v vector(3))")
    db.execute("INSERT INTO t SELECT ARRAY[random(), random(), random()] FROM generate_series(1, 500)")
    db.execute("INSERT INTO t VALUES ('[1,2,3]')")
    db.execute("CREATE INDEX ON t USING hnsw (v vector_cosine_ops)")
    db.execute("SET enable_seqscan = off")
    db.execute("INSERT INTO t VALUES (%s)", (f"[{size},{2 * size},{3 * size}]",))
    found = db.execute("SELECT v::text FROM t ORDER BY v <=> '[1,2,3.1]' LIMIT 4").fetchall()
    assert len(found) == 4 and ("[1,2,3]",) in found
