"""Work of clients on a table `(id serial, ns int, v sparsevec)` with an inverted index."""

import random

from tests.inverted.index_checks import same, scan, sequential
from tests.inverted.sparse_vectors import DIMS, sparse, sparses

KEYS = 4
TABLE = f"""CREATE TABLE {{}} (id serial PRIMARY KEY, ns int NOT NULL DEFAULT floor(random() * {KEYS}), v sparsevec({DIMS}))
    WITH (autovacuum_enabled = off)"""
INDEX = "CREATE INDEX {0}_v ON {0} USING inverted (v) WITH (pending_list_limit = 64)"
KEYED = INDEX.replace("(v)", "(ns, v)")


def insert(table: str, seed, most: int = 50, rows: int | None = None):
    """Work that inserts up to `most` rows at a time, but none while the table has more than `rows`."""
    source = random.Random(seed)

    def work(session):
        if rows and session.execute(f"SELECT count(*) FROM {table}").fetchone() > (rows,):
            return
        values = sparses(source, source.randrange(1, most))
        session.execute(f"INSERT INTO {table} (v) SELECT v::sparsevec FROM unnest(%s::text[]) AS r (v)", [values])

    return work


def change(table: str, seed, rows: int):
    """Work that deletes and updates rows, and keeps the table at about `rows`."""
    source = random.Random(seed)

    def work(session):
        session.execute(f"DELETE FROM {table} WHERE (SELECT count(*) FROM {table}) > %s AND random() < 0.6", [rows])
        session.execute(f"DELETE FROM {table} WHERE id %% 17 = %s", [source.randrange(17)])
        session.execute(f"UPDATE {table} SET v = %s, ns = %s WHERE id %% 11 = %s",
                        [source.choice([sparse(source), None]), source.randrange(KEYS), source.randrange(11)])

    return work


def query(table: str, seed, keyed: bool = False):
    """Work that asserts that a scan gives the rows that its snapshot has, all of them or the first, in order; of one key or two if `keyed`."""
    source = random.Random(seed)

    def work(session):
        near, limit = sparse(source), source.choice([None, 1, 10, 100])
        where = f"ns IN ({source.randrange(KEYS)}, {source.randrange(KEYS)})" if keyed else "true"
        with session.transaction():
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            found = scan(session, table, near, limit, where)
            rows = sequential(session, table, near, where)
        assert len(found) == min(len(rows), limit or len(rows)), f"{len(found)} of {len(rows)} rows, LIMIT {limit}"
        same(rows, found)

    return work


def vacuum(table: str):
    """Work that vacuums."""
    return lambda session: session.execute(f"VACUUM {table}")
