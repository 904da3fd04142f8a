"""Rows come and go, in clusters that lie apart: what is left is found as in an index made anew, by the exact answers."""

import random

import pytest

from tests.hnsw.index_checks import check

ROWS, DIM, CLUSTERS, QUERIES = 6000, 32, 30, 60
KINDS = {
    "vector_l2_ops": "<->",
    "vector_cosine_ops": "<=>",
    "vector_l1_ops": "<+>",
}


def clustered(chance, count, in_a_row=False):
    """Points around centres that are the same for all, drawn at random or one cluster after the other."""
    centres = random.Random(7)
    centres = [[centres.gauss(0, 1) for _ in range(DIM)] for _ in range(CLUSTERS)]
    for i in range(count):
        centre = centres[i * CLUSTERS // count] if in_a_row else chance.choice(centres)
        yield "[" + ",".join(f"{x + chance.gauss(0, 0.2):.4f}" for x in centre) + "]"


def fill(db, rows):
    with db.cursor().copy("COPY t FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def recall(db, operator, queries, ef):
    """The part of the ten nearest that is found, by distance."""
    statement = f"SELECT v {operator} %s FROM t ORDER BY 1 LIMIT 10"
    found = 0
    for query in queries:
        db.execute("SET enable_indexscan = off")
        last = db.execute(statement, [query]).fetchall()[-1][0]
        db.execute(f"SET enable_indexscan = on; SET enable_seqscan = off; SET hnsw.ef_search = {ef}")
        found += sum(distance <= last for (distance,) in db.execute(statement, [query]).fetchall())
        db.execute("RESET enable_seqscan")
    return found / (10 * len(queries))


@pytest.fixture
def table(db):
    """A function that fills a table with clusters and makes an index of that class; it returns the points and queries."""

    def table(name):
        chance = random.Random(12)
        points = list(enumerate(clustered(chance, ROWS)))
        db.execute(f"CREATE TABLE t (i int, v vector({DIM})) WITH (autovacuum_enabled = off)")
        fill(db, points)
        db.execute(f"CREATE INDEX t_v ON t USING hnsw (v {name})")
        return points, list(clustered(chance, QUERIES))

    return table


@pytest.mark.parametrize("name", KINDS)
def test_three_quarters_go(db, table, name):
    _, queries = table(name)
    db.execute("DELETE FROM t WHERE i % 4 <> 0")
    db.execute("VACUUM t")
    left = [recall(db, KINDS[name], queries, ef) for ef in (20, 80)]
    check(db, "t_v")
    db.execute("REINDEX INDEX t_v")
    fresh = [recall(db, KINDS[name], queries, ef) for ef in (20, 80)]
    assert all(a >= b - 0.01 for a, b in zip(left, fresh)), (left, fresh)


@pytest.mark.parametrize("name", ["vector_l2_ops", "vector_cosine_ops"])
def test_a_third_goes_and_comes_back(db, table, name):
    """None of the nodes that the index was built with is left in the end."""
    points, queries = table(name)
    for part in range(3):
        db.execute(f"DELETE FROM t WHERE i % 3 = {part}")
        db.execute("VACUUM t")
        fill(db, [point for point in points if point[0] % 3 == part])
    check(db, "t_v")
    assert recall(db, KINDS[name], queries, 80) >= 0.975


@pytest.mark.parametrize("name", ["vector_l2_ops", "vector_cosine_ops"])
def test_clusters_come_in_a_row(db, name):
    """Into an index that is there. What has come first is found, also before there was a level 1."""
    chance = random.Random(12)
    db.execute(f"CREATE TABLE t (i int, v vector({DIM})); CREATE INDEX t_v ON t USING hnsw (v {name})")
    fill(db, enumerate(clustered(chance, ROWS // 2, in_a_row=True)))
    check(db, "t_v")
    queries = list(clustered(chance, QUERIES))
    assert recall(db, KINDS[name], queries, 40) >= 0.98
