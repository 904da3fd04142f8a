"""A streaming standby that is queried while its primary inserts and vacuums, then promoted."""

import random
import time

import psycopg
import pytest

from tests.hnsw.index_checks import check, scan, sequential, whole
from tests.hnsw.random_vectors import vector, vectors
from tests.support.cluster import Cluster
from tests.support.load import Load
from tests.support.soak import SOAK
from tests.support.waiting import until

SECONDS = SOAK or 5


@pytest.fixture
def pair():
    """A primary and its standby, which gives way to what it replays soon, and ends if a page turns out another than there."""
    primary = Cluster(15, "primary", {"autovacuum": "off", "wal_consistency_checking": "generic"})
    standby = None
    try:
        with primary.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            session.execute("CREATE TABLE t (id serial PRIMARY KEY, ns int, v vector(8)); CREATE TABLE u (LIKE t INCLUDING ALL)")
            session.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)")
            session.execute("CREATE INDEX u_v ON u USING hnsw (ns, v vector_l2_ops)")
        standby = primary.standby("standby", {"max_standby_streaming_delay": "300ms"})
        yield primary, standby
    finally:
        if standby:
            standby.destroy()
        primary.destroy()


def test_standby(pair):
    primary, standby = pair
    counts = {"queries": 0, "conflicts": 0}

    def write(seed):
        source = random.Random(seed)

        def work(session):
            n = source.randrange(1, 30)
            for table in ("t", "u"):
                session.execute(f"INSERT INTO {table} (ns, v) SELECT n, v::vector FROM unnest(%s::int[], %s::text[]) AS r (n, v)",
                                [[source.randrange(4) for _ in range(n)], vectors(source, 8, n)])
                session.execute(f"DELETE FROM {table} WHERE ns = %s AND random() < 0.7", [source.randrange(4)])

        return work

    def vacuum(session):
        session.execute("VACUUM t")
        session.execute("VACUUM u")

    def read(seed):
        source = random.Random(seed)

        def work(_):
            table, where = source.choice([("t", "true"), ("u", f"ns = {source.randrange(4)}")])
            near = vector(source, 8)
            try:
                with standby.connect("postgres") as session, session.transaction():
                    session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    rows = sequential(session, table, near, where)
                    found = scan(session, table, near, where)
            except psycopg.OperationalError as failure:
                # between two statements, a conflict ends the session
                assert "conflict with recovery" in str(failure) or failure.sqlstate is None
                counts["conflicts"] += 1
                return
            assert len(set(found)) == len(found) and set(found) <= set(rows)
            assert len(found) >= 0.9 * len(rows)
            counts["queries"] += 1

        return work

    writers = Load(lambda: primary.connect("postgres"))
    readers = Load(lambda: standby.connect("postgres"))
    writers.add(write(1))
    writers.add(write(2))
    writers.add(vacuum)
    readers.add(read(3))
    readers.add(read(4))
    time.sleep(SECONDS)
    writers.stop()
    readers.stop()
    print(counts)
    assert counts["queries"] > 10
    log = (standby.home / "log/server").read_text()
    assert "PANIC" not in log and "terminated by signal" not in log
    with primary.connect("postgres") as session:
        end = session.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0]
        # Asked of the primary: the standby ends any statement that what is left to replay conflicts with.
        replayed = "SELECT bool_and(replay_lsn >= %s::pg_lsn) FROM pg_stat_replication"
        until(lambda: session.execute(replayed, [end]).fetchone()[0])
    with standby.connect("postgres") as session:

        def good():
            check(session, "t_v", "u_v")
            whole(session, "t", vector(random.Random(1), 8))
            for ns in range(4):
                whole(session, "u", vector(random.Random(1), 8), f"ns = {ns}")

        good()
        primary.crash()
        session.execute("SELECT pg_promote()")
        for seed in range(40):
            # other processes, with other places that the first page remembers
            with standby.connect("postgres") as writer:
                write(seed)(writer)
        good()
        vacuum(session)
        good()
