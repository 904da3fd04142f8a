"""All processes of a server are killed at any point of inserts, merges, updates, deletes, vacuums and builds; then the indexes are whole."""

import os
import random

import pytest

from tests.inverted.index_checks import check, whole
from tests.inverted.sparse_vectors import sparse
from tests.inverted.statements import INDEX, KEYED, KEYS, TABLE, change, insert, vacuum
from tests.support.cluster import Cluster
from tests.support.load import Load
from tests.support.soak import SOAK

ROUNDS = SOAK or 10
TABLES = {"few": 150, "many": 1500, "keyed": 600}


@pytest.fixture(scope="module")
def crashing():
    """A server of its own, without an autovacuum that would come between."""
    server = Cluster(15, "crashing", {"autovacuum": "off", "shared_buffers": "16MB"})
    try:
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            for table in TABLES:
                session.execute(TABLE.format(table))
                session.execute((KEYED if table == "keyed" else INDEX).format(table))
        yield server
    finally:
        server.destroy()


def build(source):
    """Work that makes and drops one more index, or one anew."""

    def work(session):
        if source.random() < 0.5:
            session.execute("REINDEX INDEX few_v")
        else:
            session.execute("CREATE INDEX other ON many USING inverted (v)")
            session.execute("DROP INDEX other")

    return work


def test_killed_at_any_point(crashing):
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print("SEED", seed)
    source = random.Random(seed)
    for _ in range(ROUNDS):
        load = Load(lambda: crashing.connect("postgres"), fatal=True)
        for table, rows in TABLES.items():
            load.add(insert(table, source.random(), rows // 10))
            load.add(insert(table, source.random(), rows // 10))
            load.add(change(table, source.random(), rows))
            load.add(vacuum(table))
        load.add(build(source))
        if source.random() < 0.3:
            load.add(lambda session: session.execute("CHECKPOINT; SELECT pg_sleep(0.1)"))
        load.over.wait(source.uniform(0.2, 1))
        crashing.kill()
        load.stop()
        crashing.resume()
        with crashing.connect("postgres") as session:
            session.execute("DROP INDEX IF EXISTS other")
            for table in TABLES:
                check(session, f"{table}_v")
                for where in [f"ns = {n}" for n in range(KEYS)] if table == "keyed" else ["true"]:
                    whole(session, table, sparse(source), where)
    # What the crashes have left is given back: of so few rows, an index of some pages remains.
    with crashing.connect("postgres") as session:
        for table in TABLES:
            for statement in ("DELETE FROM {}", "VACUUM {}", "VACUUM {}"):
                session.execute(statement.format(table))
            check(session, f"{table}_v")
            size = f"SELECT pg_relation_size('{table}_v')"
            before = session.execute(size).fetchone()
            insert(table, 1)(session)
            session.execute(f"VACUUM {table}")
            whole(session, table, sparse(source), "ns = 1" if table == "keyed" else "true")
            assert session.execute(size).fetchone() == before
