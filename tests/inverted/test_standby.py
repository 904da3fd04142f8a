"""A streaming standby that is queried while its primary inserts, merges and vacuums, then promoted."""

import random
import time

import psycopg
import pytest

from tests.inverted.index_checks import check, whole
from tests.inverted.sparse_vectors import sparse
from tests.inverted.statements import INDEX, TABLE, change, insert, query, vacuum
from tests.support.cluster import Cluster
from tests.support.load import Load
from tests.support.soak import SOAK
from tests.support.waiting import until

SECONDS = SOAK or 5
ROWS = 600


@pytest.fixture
def pair():
    """A primary and its standby, which gives way to what it replays soon, and ends if a page turns out another than there."""
    primary = Cluster(15, "primary", {"autovacuum": "off", "wal_consistency_checking": "generic"})
    standby = None
    try:
        with primary.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            session.execute(TABLE.format("t"))
            session.execute(INDEX.format("t"))
        standby = primary.standby("standby", {"max_standby_streaming_delay": "300ms"})
        yield primary, standby
    finally:
        if standby:
            standby.destroy()
        primary.destroy()


def test_standby(pair):
    primary, standby = pair
    counts = {"queries": 0, "conflicts": 0, "checks": 0}

    def read(seed):
        look = query("t", seed)

        def work(_):
            try:
                with standby.connect("postgres") as session:
                    look(session)
            except psycopg.OperationalError as failure:
                # between two statements, a conflict ends the session
                assert "conflict with recovery" in str(failure) or failure.sqlstate is None
                counts["conflicts"] += 1
                return
            counts["queries"] += 1

        return work

    def look_on(_):
        try:
            with standby.connect("postgres") as session:
                check(session, "t_v")
        except psycopg.errors.ObjectInUse as failure:
            assert "changes while it is checked" in str(failure)
        except psycopg.OperationalError as failure:
            assert "conflict with recovery" in str(failure) or failure.sqlstate is None
        counts["checks"] += 1

    writers = Load(lambda: primary.connect("postgres"))
    readers = Load(lambda: standby.connect("postgres"))
    writers.add(insert("t", 1, rows=ROWS))
    writers.add(insert("t", 2, rows=ROWS))
    writers.add(change("t", 3, ROWS))
    writers.add(vacuum("t"))
    readers.add(read(4))
    readers.add(read(5))
    readers.add(look_on)
    time.sleep(SECONDS)
    writers.stop()
    readers.stop()
    print(counts)
    assert counts["queries"] > 10 and counts["checks"] > 10
    log = (standby.home / "log/server").read_text()
    assert "PANIC" not in log and "terminated by signal" not in log
    with primary.connect("postgres") as session:
        end = session.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0]
        # Asked of the primary: the standby ends any statement that what is left to replay conflicts with.
        replayed = "SELECT bool_and(replay_lsn >= %s::pg_lsn) FROM pg_stat_replication"
        until(lambda: session.execute(replayed, [end]).fetchone()[0])
    source = random.Random(6)
    with standby.connect("postgres") as session:
        check(session, "t_v")
        whole(session, "t", sparse(source))
        primary.crash()
        session.execute("SELECT pg_promote()")
        for seed in range(20):
            insert("t", seed)(session)
        check(session, "t_v")
        whole(session, "t", sparse(source))
        session.execute("VACUUM t")
        check(session, "t_v")
        whole(session, "t", sparse(source))


def test_scan_outlives_its_segment(pair):
    """A cursor of a standby goes on, with all its rows, when the segments that it reads are merged and their pages used again."""
    primary, standby = pair
    source = random.Random(7)
    with primary.connect("postgres") as session, standby.connect("postgres") as reader:
        insert("t", 8, 400)(session)
        session.execute("VACUUM t")
        rows = session.execute("SELECT count(*) FROM t").fetchone()[0]
        until(lambda: reader.execute("SELECT count(*) FROM t").fetchone() == (rows,))
        with reader.transaction():
            reader.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
            reader.execute(f"DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <#> '{sparse(source)}'")
            found = reader.execute("FETCH 5 FROM c").fetchall()
            # These merge. No vacuum comes, so nothing that is replayed conflicts with the cursor.
            for seed in range(12):
                insert("t", seed, 100)(session)
            end = session.execute("SELECT pg_current_wal_insert_lsn()").fetchone()[0]
            until(lambda: session.execute("SELECT bool_and(replay_lsn >= %s::pg_lsn) FROM pg_stat_replication", [end]).fetchone()[0])
            found += reader.execute("FETCH ALL FROM c").fetchall()
        assert len(found) == len(set(found)) == rows
