"""Work of clients on a table `(id serial, v sparsevec)` with an inverted index."""

import random

from tests.inverted.index_checks import same, scan, sequential
from tests.inverted.sparse_vectors import DIMS, sparse, sparses

TABLE = f"CREATE TABLE {{}} (id serial PRIMARY KEY, v sparsevec({DIMS})) WITH (autovacuum_enabled = off)"
INDEX = "CREATE INDEX {0}_v ON {0} USING inverted (v) WITH (pending_list_limit = 64)"


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
        session.execute(f"UPDATE {table} SET v = %s WHERE id %% 11 = %s", [source.choice([sparse(source), None]), source.randrange(11)])

    return work


def query(table: str, seed):
    """Work that asserts that a scan gives the rows that its snapshot has, all of them or the first, in order."""
    source = random.Random(seed)

    def work(session):
        near, limit = sparse(source), source.choice([None, 1, 10, 100])
        with session.transaction():
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            found = scan(session, table, near, limit)
            rows = sequential(session, table, near)
        assert len(found) == min(len(rows), limit or len(rows)), f"{len(found)} of {len(rows)} rows, LIMIT {limit}"
        same(rows, found)

    return work


def vacuum(table: str):
    """Work that vacuums."""
    return lambda session: session.execute(f"VACUUM {table}")
