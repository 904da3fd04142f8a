"""Many clients in one index at once; indexes that are made while the table is written."""

import random

import pytest

from tests.inverted.index_checks import check, whole
from tests.inverted.sparse_vectors import sparse
from tests.inverted.statements import INDEX, KEYED, KEYS, TABLE, change, insert, query, vacuum
from tests.support.load import Load
from tests.support.soak import SOAK

SECONDS = SOAK or 4
LIMITS = "-c deadlock_timeout=200ms -c lock_timeout=20s -c statement_timeout=60s"


@pytest.fixture
def table(db):
    """A table `t` without an index."""
    db.execute(TABLE.format("t"))
    return "t"


@pytest.mark.parametrize("keyed", [False, True], ids=["plain", "keyed"])
def test_all_at_once(db, connect, table, keyed):
    db.execute((KEYED if keyed else INDEX).format(table))
    load = Load(lambda: connect(options=LIMITS))
    for writer in range(3):
        load.add(insert(table, writer, rows=800))
    load.add(change(table, 3, 800))
    load.add(query(table, 4, keyed))
    load.add(query(table, 5, keyed))
    load.add(vacuum(table))
    # Nothing is told of an index that is as it should be, though others change it meanwhile.
    load.add(lambda session: check(session, "t_v"))
    load.stop(SECONDS)
    for seed in range(2):
        check(db, "t_v")
        for where in [f"ns = {n}" for n in range(KEYS)] if keyed else ["true"]:
            whole(db, table, sparse(random.Random(seed)), where)
        db.execute("VACUUM t")
        rows = db.execute("SELECT count(v) FROM t").fetchone()
        assert db.execute("SELECT rows FROM inverted_stats('t_v')").fetchone() == rows


def test_made_while_the_table_is_written(db, connect, table):
    """No row is left out, and none is in the index twice."""
    insert(table, 1, 500)(db)
    with Load(lambda: connect(options=LIMITS)) as load:
        load.add(insert(table, 2, rows=1500))
        load.add(change(table, 3, 1500))
        for _ in range(SOAK or 4):
            db.execute("CREATE INDEX CONCURRENTLY t_v ON t USING inverted (v) WITH (pending_list_limit = 64)")
            check(db, "t_v")
            db.execute("REINDEX INDEX CONCURRENTLY t_v")
            check(db, "t_v")
            last = load.over.is_set()
            if not last:
                db.execute("DROP INDEX t_v")
    db.execute("CREATE INDEX CONCURRENTLY t_v ON t USING inverted (v)")
    whole(db, table, sparse(random.Random(4)))


def test_cursor_outlives_its_segment(db, connect, table):
    """A scan goes on, with all its rows, when the segments that it reads are merged and their pages used again."""
    db.execute(INDEX.format(table))
    insert(table, 1, 400)(db)
    db.execute("VACUUM t")
    rows = db.execute("SELECT count(*) FROM t").fetchone()[0]
    with connect() as reader, reader.transaction():
        reader.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        reader.execute(f"DECLARE c CURSOR FOR SELECT id FROM t ORDER BY v <#> '{sparse(random.Random(2))}'")
        found = reader.execute("FETCH 5 FROM c").fetchall()
        for seed in range(12):
            insert(table, seed, 100)(db)
            db.execute("DELETE FROM t WHERE id % 3 = 0")
            db.execute("VACUUM t")
        found += reader.execute("FETCH ALL FROM c").fetchall()
    assert len(found) == len(set(found)) == rows
    check(db, "t_v")
    whole(db, table, sparse(random.Random(3)))
