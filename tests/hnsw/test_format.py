"""Indexes that an earlier library has written, kept as files, are opened, queried, inserted into and vacuumed by this one."""

import gzip

import pytest

from tests.hnsw.index_checks import check, whole
from tests.hnsw.kept_indexes import FIXTURES, TABLES, add, stopped_server, version, where

KEPT = sorted(FIXTURES.glob("hnsw-format-*"))


def test_todays_is_kept():
    """Whoever changes the format keeps an index of it, by dev/fixture-index."""
    assert KEPT
    for folder in KEPT:
        for table in TABLES:
            assert folder.name == f"hnsw-format-{version(gzip.decompress((folder / f'{table}.gz').read_bytes()))}"


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: folder.name)
def test_kept_indexes(folder):
    with stopped_server() as (server, files):
        for table, index in files.items():
            todays = index.read_bytes()
            assert f"hnsw-format-{version(todays)}" in [kept.name for kept in KEPT], "dev/fixture-index keeps today's format"
            with open(index, "r+b") as out:  # its owner is the server's
                out.write(gzip.decompress((folder / f"{table}.gz").read_bytes()))
                out.truncate()
            for map_of_space in index.parent.glob(f"{index.name}_*"):
                map_of_space.unlink()
        server.resume()
        with server.connect("postgres") as session:
            for table, (_, _, op, rows, _) in TABLES.items():
                def sound():
                    check(session, f"{table}_v")
                    query = session.execute(f"SELECT v::text FROM {table} WHERE id = 1").fetchone()[0]
                    whole(session, table, query, where(table), op=op)

                sound()
                add(session, table, rows + 1, 2 * rows)
                sound()
                session.execute(f"DELETE FROM {table} WHERE id % 3 = 0")
                session.execute(f"VACUUM (INDEX_CLEANUP ON) {table}")
                sound()
