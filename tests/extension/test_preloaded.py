"""What a library that all processes have from the start knows before anybody has used it: all of its settings."""

import contextlib

import psycopg
import pytest

from tests.support.cluster import Cluster

NAMES = [
    "hnsw.ef_search", "hnsw.filter_cache_mem", "hnsw.iterative_scan", "hnsw.max_scan_tuples", "hnsw.scan_mem_multiplier",
    "ivfflat.iterative_scan", "ivfflat.max_probes", "ivfflat.probes",
]  # fmt: skip
THEIRS = [name for name in NAMES if name != "hnsw.filter_cache_mem"]
WRONG = ["hnsw.ef_search = 0", "hnsw.iterative_scan = sometimes", "ivfflat.probes = 32769", "hnsw.nothing = 1"]


@contextlib.contextmanager
def server_of(major, libraries, databases):
    """A server with those libraries, and a database for each of these extensions."""
    server = Cluster(major, "preloaded", {"shared_preload_libraries": libraries, "ivfflat.probes": "3"})
    try:
        for extension in databases:
            server.create_database(extension)
            with server.connect(extension) as session:
                session.execute(f"CREATE EXTENSION IF NOT EXISTS {extension}; CREATE ROLE {extension}_user LOGIN")
        yield server
    finally:
        server.destroy()


def known_from_the_start(server, database, user, names=NAMES):
    """Each session's first statement is about a setting."""

    def first(statement, who="postgres"):
        with server.connect(database, user=who) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else None

    assert first("SELECT name FROM pg_settings WHERE name ~ '^(hnsw|ivfflat)\\.' ORDER BY name") == [(name,) for name in names]
    assert first("SELECT setting, source, max_val FROM pg_settings WHERE name = 'ivfflat.probes'") == [("3", "configuration file", "32768")]
    assert first("SHOW hnsw.ef_search") == [("40",)]
    for wrong in WRONG:
        for change in ("SET", "ALTER SYSTEM SET", f"ALTER ROLE {user} SET", f"ALTER DATABASE {database} SET"):
            with pytest.raises((psycopg.errors.InvalidParameterValue, psycopg.errors.UndefinedObject, psycopg.errors.InvalidName)):
                first(f"{change} {wrong}")
    # Roles change their own settings, which they may not of settings that nobody knows.
    first(f"ALTER ROLE {user} SET hnsw.ef_search = 55", user)
    assert first("SHOW hnsw.ef_search", user) == [("55",)]
    first(f"ALTER DATABASE {database} SET hnsw.iterative_scan = strict_order")
    assert first("SHOW hnsw.iterative_scan", user) == [("strict_order",)]
    first("ALTER SYSTEM SET hnsw.ef_search = 66")
    first("SELECT pg_reload_conf()")
    server.stop()
    server.resume()
    assert first("SELECT setting, source FROM pg_settings WHERE name = 'hnsw.ef_search'") == [("66", "configuration file")]
    assert first("SHOW hnsw.ef_search", user) == [("55",)]
    first("ALTER SYSTEM RESET hnsw.ef_search")
    first("SELECT pg_reload_conf()")
    first(f"ALTER DATABASE {database} RESET ALL")


def found(server, database):
    """How many rows a scan with `hnsw.ef_search` finds, in a session that has done nothing else."""
    with server.connect(database) as session:
        session.execute("SET client_min_messages = warning; CREATE TABLE t AS SELECT ARRAY[i % 31, i % 37, i % 41]::vector(3) AS v FROM generate_series(1, 3000) i")
        session.execute("CREATE INDEX ON t USING hnsw (v vector_l2_ops); CREATE INDEX ON t USING ivfflat (v vector_ip_ops) WITH (lists = 10)")
    with server.connect(database) as session:
        session.execute("SET hnsw.ef_search = 500")
        session.execute("SET enable_seqscan = off")
        return session.execute("SELECT count(*) FROM (SELECT FROM t ORDER BY v <-> '[1,2,3]') s").fetchone()[0]


def test_alone():
    """Without pgvector's library, they are there for all databases, with the extension or not."""
    with server_of(15, "conifer", ["conifer", "plpgsql"]) as server:
        known_from_the_start(server, "plpgsql", "plpgsql_user")
        assert 500 <= found(server, "conifer") < 2000


@pytest.mark.peer
@pytest.mark.parametrize("libraries", ["conifer", "vector, conifer", "conifer, vector"])
def test_beside_pgvector(libraries):
    """With it, its databases are as they were, and ours know them from the first statement of a session on."""
    with server_of(18, libraries, ["conifer", "vector"]) as server:
        log = next((server.home / "log").iterdir()).read_text()
        assert ("put vector before conifer in shared_preload_libraries" in log) == (libraries == "conifer")
        known_from_the_start(server, "conifer", "conifer_user")
        if "vector" in libraries:
            # Of all processes where pgvector comes first; else of those of Conifer's databases.
            known_from_the_start(server, "vector", "vector_user", NAMES if libraries == "vector, conifer" else THEIRS)
        for database in ("conifer", "vector"):
            assert 500 <= found(server, database) < 2000
        with server.connect("vector") as session:
            session.execute("SELECT '[1]'::vector")
            assert session.execute("SELECT count(*) FROM pg_settings WHERE name ~ '^(hnsw|ivfflat)'").fetchone() == (
                8 if libraries == "vector, conifer" else 7,
            )
