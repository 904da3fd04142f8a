"""All processes of a server are killed at any point of inserts, updates, deletes, vacuums and builds; then the indexes are whole."""

import os
import random

import pytest

from tests.hnsw.index_checks import check, whole
from tests.hnsw.random_vectors import vector, vectors
from tests.support.cluster import Cluster
from tests.support.load import Load
from tests.support.soak import SOAK

ROUNDS = SOAK or 20
KEYS = 4
MOST = {"plain": 400, "keyed": 200, "wide": 16}
DIMS = {"plain": 8, "keyed": 8, "wide": 3300}  # a node of `wide` is on two pages


@pytest.fixture(scope="module")
def crashing():
    """A server of its own, without an autovacuum that would come between."""
    server = Cluster(15, "crashing", {"autovacuum": "off", "shared_buffers": "32MB"})
    try:
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
        yield server
    finally:
        server.destroy()


def insert(table, seed):
    """Work that inserts some rows at a time, into few keys."""
    source, dim = random.Random(seed), DIMS[table]

    def work(session):
        n = source.randrange(1, MOST[table] // 8)
        session.execute(f"INSERT INTO {table} (ns, v) SELECT n, v::vector FROM unnest(%s::int[], %s::text[]) AS r (n, v)",
                        [[source.randrange(KEYS) for _ in range(n)], vectors(source, dim, n)])

    return work


def change(table, seed):
    """Work that deletes, all rows of a key sometimes, updates, and keeps the table small."""
    source, dim = random.Random(seed), DIMS[table]

    def work(session):
        session.execute(f"DELETE FROM {table} WHERE (SELECT count(*) FROM {table}) > %s AND random() < 0.6", [MOST[table]])
        session.execute(f"DELETE FROM {table} WHERE ns = %s", [source.randrange(3 * KEYS)])
        session.execute(f"UPDATE {table} SET v = %s WHERE id %% 11 = %s", [vector(source, dim), source.randrange(11)])

    return work


def build(source):
    """Work that makes and drops one more index, or one anew."""

    def work(session):
        what = source.randrange(3)
        if what == 0:
            session.execute("REINDEX INDEX keyed_v")
        elif what == 1:
            session.execute("CREATE INDEX other ON plain USING hnsw (ns, v vector_l2_ops); DROP INDEX other")
        else:
            session.execute("CREATE INDEX another ON plain USING hnsw (v vector_ip_ops)")
            session.execute("DROP INDEX another")

    return work


def test_killed_at_any_point(crashing):
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print("SEED", seed)
    source = random.Random(seed)
    with crashing.connect("postgres") as session:
        for table, dim in DIMS.items():
            session.execute(f"CREATE TABLE {table} (id serial PRIMARY KEY, ns int, v vector({dim}))")
            key = "ns, " if table == "keyed" else ""
            session.execute(f"CREATE INDEX {table}_v ON {table} USING hnsw ({key}v vector_l2_ops)")
    for _ in range(ROUNDS):
        load = Load(lambda: crashing.connect("postgres"), fatal=True)
        for table in DIMS:
            load.add(insert(table, source.random()))
        load.add(insert(source.choice(["plain", "keyed"]), source.random()))
        for table in DIMS:
            load.add(change(table, source.random()))
            load.add(lambda session, table=table: session.execute(f"VACUUM {table}"))
        load.add(build(source))
        if source.random() < 0.3:
            load.add(lambda session: session.execute("CHECKPOINT; SELECT pg_sleep(0.1)"))
        load.over.wait(source.uniform(0.2, 1))
        crashing.kill()
        load.stop()
        crashing.resume()
        with crashing.connect("postgres") as session:
            session.execute("DROP INDEX IF EXISTS other, another")
            check(session, *(f"{table}_v" for table in DIMS))
            for table in ("plain", "wide"):
                whole(session, table, vector(source, DIMS[table]))
            for ns in range(KEYS):
                whole(session, "keyed", vector(source, 8), f"ns = {ns}")
