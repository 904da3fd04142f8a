"""Bytes that nobody has written in the pages of an index: errors or results, never the end of a server, and REINDEX heals."""

import os
import random

import psycopg
import pytest

from tests.inverted.index_checks import check, whole
from tests.inverted.sparse_vectors import sparse
from tests.inverted.statements import INDEX, KEYED, TABLE, insert
from tests.support.cluster import Cluster
from tests.support.soak import SOAK
from tests.support.spoilt_pages import PAGE, spoil

FEW = 8
# Rows that are merged, and rows that wait.
TABLES = {"merged": (600, 0), "waiting": (0, 60), "mixed": (300, 40), "tiny": (3, 0), "keyed": (300, 30)}
WORK = [
    "SELECT id FROM {t} {where} ORDER BY v <#> '{near}' LIMIT 5",
    "SELECT count(*) FROM (SELECT id FROM {t} {where} ORDER BY v <#> '{near}') s",
    "INSERT INTO {t} (v) VALUES ('{near}'), ('{other}')",
    "UPDATE {t} SET v = '{near}' WHERE id % 7 = 3",
    "SELECT * FROM inverted_check('{t}_v')",
    "SELECT * FROM inverted_stats('{t}_v')",
    "VACUUM (INDEX_CLEANUP ON) {t}",
    "INSERT INTO {t} (v) SELECT '{near}' FROM generate_series(1, 100)",
    "DELETE FROM {t} WHERE id % 5 = 2",
    "VACUUM (INDEX_CLEANUP ON) {t}",
    "SELECT id FROM {t} {where} ORDER BY v <#> '{other}' LIMIT 50",
]


@pytest.fixture(scope="module")
def spoilt():
    """A server whose tables have indexes, without what would notice by itself."""
    server = Cluster(15, "spoilt", {"autovacuum": "off", "statement_timeout": "30s"})
    try:
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            for table, (merged, waiting) in TABLES.items():
                session.execute(TABLE.format(table))
                session.execute((KEYED if table == "keyed" else INDEX).format(table))
                if merged:
                    insert(table, 1, merged)(session)
                    session.execute(f"VACUUM {table}")
                if waiting:
                    insert(table, 2, waiting)(session)
        yield server
    finally:
        server.destroy()


def change_files(server, change) -> dict:
    """Call `change(table, content)` with the bytes of each index while the server is down; what it returned, by table."""
    with server.connect("postgres") as session:
        session.execute("CHECKPOINT")
        files = {t: session.execute("SELECT pg_relation_filepath(%s)", [f"{t}_v"]).fetchone()[0] for t in TABLES}
    server.stop()
    done = {}
    for table, file in files.items():
        with open(server.home / "data" / file, "r+b") as index:
            content = bytearray(index.read())
            done[table] = change(table, content)
            index.seek(0)
            index.write(content)
            index.truncate()
    server.resume()
    return done


def work(server, table: str, source: random.Random) -> list[str]:
    """Do everything with the table; the complaints that should not be."""
    wrong = []
    given = {"t": table, "where": "WHERE ns IN (1, 2)" if table == "keyed" else "", "near": sparse(source), "other": sparse(source)}
    with server.connect("postgres") as session:
        session.execute("SET enable_seqscan = off; SET enable_sort = off")
        for statement in WORK:
            try:
                session.execute(statement.format(**given))
            except psycopg.Error as error:
                assert error.sqlstate is not None, f"{statement.format(**given)[:80]}: {error}"
                message, hint = error.diag.message_primary, error.diag.message_hint
                named = hint == f"Run REINDEX INDEX public.{table}_v." and (error.sqlstate != "XX002" or f'index "{table}_v"' in message)
                refused = error.sqlstate == "XX001" and hint == f"Run REINDEX INDEX {table}_v."
                known = error.sqlstate == "XX002" or error.sqlstate == "0A000" and "index has format" in message
                if not (refused or known and named):
                    wrong.append(f"{table}: {statement.format(**given)[:60]}: {error.sqlstate} {error} {hint}")
    return wrong


def test_corrupted_pages(spoilt):
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    print("SEED", seed)
    source = random.Random(seed)
    wrong = []
    for _ in range(SOAK or FEW):
        done = change_files(spoilt, lambda _, content: spoil(source, content))
        for table in TABLES:
            wrong += [f"{done[table]}: {line}" for line in work(spoilt, table, source)]
        with spoilt.connect("postgres") as session:
            for table in TABLES:
                session.execute(f"REINDEX INDEX {table}_v")
                check(session, f"{table}_v")
                whole(session, table, sparse(source), "ns = 2" if table == "keyed" else "true")
    log = (spoilt.home / "log/server").read_text()
    assert "PANIC" not in log and "terminated by signal" not in log
    assert not wrong, "\n".join(wrong)


def test_check_finds(spoilt):
    """A bit of any page that is in use, whatever it means, and pages that the server itself refuses."""
    source = random.Random(3)
    with spoilt.connect("postgres") as session:
        for table in TABLES:
            session.execute(f"REINDEX INDEX {table}_v")
    spoilt_pages = {}

    def flip(table, content):
        page = source.randrange(len(content) // PAGE)
        used = int.from_bytes(content[page * PAGE + 12 : page * PAGE + 14], "little")
        content[page * PAGE + source.randrange(24, used)] ^= 1 << source.randrange(8)
        spoilt_pages[table] = page

    for _ in range(6):
        change_files(spoilt, flip)
        with spoilt.connect("postgres") as session:
            for table, page in spoilt_pages.items():
                found = session.execute("SELECT page, finding FROM inverted_check(%s)", [f"{table}_v"]).fetchall()
                assert found, f"{table}: a bit of page {page}"
                session.execute(f"REINDEX INDEX {table}_v")
                check(session, f"{table}_v")

    def header(table, content):
        page = len(content) // PAGE - 1
        content[page * PAGE + 14 : page * PAGE + 16] = b"\xff\xff"  # pd_upper beyond the page

    change_files(spoilt, header)
    with spoilt.connect("postgres") as session:
        for table in TABLES:
            found = session.execute("SELECT page, finding FROM inverted_check(%s)", [f"{table}_v"]).fetchall()
            assert found[0][1].startswith("invalid page in block"), found
            # The session goes on, and the statement leaves nothing locked.
            assert session.execute("SELECT count(*) FROM pg_locks WHERE relation = %s::regclass", [f"{table}_v"]).fetchone() == (0,)
            session.execute(f"REINDEX INDEX {table}_v")


def test_rows_that_the_table_does_not_have(spoilt):
    """TIDs of an index whose table was replaced behind its back."""
    with spoilt.connect("postgres") as session:
        session.execute(TABLE.format("lost"))
        session.execute(INDEX.format("lost"))
        insert("lost", 5, 100)(session)
        session.execute("VACUUM lost")
        session.execute("CHECKPOINT")
        rows = session.execute("SELECT count(v) FROM lost").fetchone()[0]
        file = session.execute("SELECT pg_relation_filepath('lost')").fetchone()[0]
        check(session, "lost_v")
    spoilt.stop()
    (spoilt.home / "data" / file).write_bytes(b"")
    spoilt.resume()
    with spoilt.connect("postgres") as session:
        found = session.execute("SELECT finding FROM inverted_check('lost_v')").fetchall()
        assert len(found) == rows and all("is not in the table" in text for (text,) in found)
        session.execute("SET enable_seqscan = off")
        with pytest.raises(psycopg.errors.IndexCorrupted, match=r"it has a row on page \d+ of the table") as told:
            session.execute(f"SELECT id FROM lost ORDER BY v <#> '{sparse(random.Random(6))}' LIMIT 1")
        assert told.value.diag.message_hint == "Run REINDEX INDEX public.lost_v."
