"""Fixtures of the outside tests: servers for the whole run, a fresh database for each test."""

import itertools
from collections import Counter
from dataclasses import dataclass

import psycopg
import pytest

from tests.support.cluster import ROOT, Cluster

LONGEST = [
    "hnsw/test_recall_vs_pgvector", "hnsw/test_uncoded_vs_pgvector", "hnsw/test_interrupts", "hnsw/test_recall_after_deletes",
    "bench/test_bench", "extension/test_out_of_memory", "pinecone/access/test_dump_and_standby", "extension/test_deb",
    "hnsw/test_ddl", "hnsw/test_space", "clients/test_stores", "extension/test_alias", "pinecone/access/test_audit",
    "pinecone/test_replication", "gateway/test_sdks", "gateway/test_faults",
]
"""Files that take longest, which begin first: where several run side by side, none is left for the end."""

QUICK = {
    "dev/test_audit",
    "docs/test_examples",
    "extension/test_create_and_drop",
    "hnsw/test_check", "hnsw/test_corruption", "hnsw/test_order", "hnsw/test_planner",
    "pinecone/test_concurrency", "pinecone/test_dump", "pinecone/test_filter", "pinecone/test_from_table", "pinecone/test_kept_indexes",
    "pinecone/test_owner",
    "pinecone/access/test_leaks", "pinecone/access/test_matrix", "pinecone/access/test_planted_objects",
    "pinecone/access/test_revocation", "pinecone/access/test_session_identity",
    "support/test_servers",
    "types/test_sparsevec_dump", "types/test_vector_copy", "types/test_vector_dump",
}
"""Files that `make check` runs, but for comparisons with pgvector: together a minute or two."""

_numbers = itertools.count(1)


def file_of(item):
    """The file of a test, below this directory and without its suffix."""
    return item.nodeid.partition(".py::")[0]


def pytest_collection_modifyitems(items):
    gone = [name for name in (*LONGEST, *sorted(QUICK)) if not (ROOT / f"tests/{name}.py").exists()]
    if gone:
        raise pytest.UsageError(f"tests/conftest.py names files that are not there: {', '.join(gone)}")
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(file_of(item), len(places)))
    for item in items:
        if file_of(item) in QUICK and not item.get_closest_marker("peer"):
            item.add_marker(pytest.mark.quick)


def pytest_terminal_summary(terminalreporter):
    """Prints what the slowest files took, which tests of some seconds add up to unnoticed."""
    seconds = Counter()
    for report in itertools.chain(*terminalreporter.stats.values()):
        if isinstance(report, pytest.TestReport):
            seconds[report.nodeid.partition("::")[0]] += report.duration
    if len(seconds) > 1:
        terminalreporter.section("slowest 20 files")
        for file, spent in seconds.most_common(20):
            terminalreporter.write_line(f"{spent:8.1f} s  {file}")


@pytest.fixture(scope="session")
def server():
    """A PostgreSQL 15 server with Conifer installed, and a database `with_conifer` to copy from."""
    yield from _server(15, {"with_conifer": "conifer"})


@pytest.fixture(scope="session")
def peer_server():
    """A PostgreSQL 18 server: `with_conifer` and `with_pgvector` are databases to copy from."""
    yield from _server(18, {"with_conifer": "conifer", "with_pgvector": "vector"})


@pytest.fixture(scope="session")
def alias_server():
    """A PostgreSQL 18 server whose extension `vector` is ours: `with_vector` is a database to copy from."""
    ours = (ROOT / "target/pg/vector").resolve()
    yield from _server(18, {"with_vector": "vector"}, "alias", {"extension_control_path": f"{ours}:$system"})


@pytest.fixture
def database(server):
    """The name of a fresh database on `server` that has the extension; dropped after the test."""
    yield from _database(server, "with_conifer")


@pytest.fixture
def empty_database(server):
    """The name of a fresh database on `server` without the extension; dropped after the test."""
    yield from _database(server, "template1")


@pytest.fixture
def db(server, database):
    """A session in `database`."""
    with server.connect(database) as session:
        yield session


@pytest.fixture
def connect(server, database):
    """A function that opens one more session in `database`; all are closed after the test."""
    sessions = []

    def connect(**options) -> psycopg.Connection:
        sessions.append(server.connect(database, **options))
        return sessions[-1]

    yield connect
    for session in sessions:
        session.close()


@dataclass
class Peers:
    """Two sessions: one with Conifer, one with pgvector."""

    ours: psycopg.Connection
    theirs: psycopg.Connection


@pytest.fixture
def peers(peer_server):
    """Sessions in two fresh databases, one of Conifer and one of pgvector. Mark the test `peer`."""
    ours, theirs = _database(peer_server, "with_conifer"), _database(peer_server, "with_pgvector")
    with peer_server.connect(next(ours)) as one, peer_server.connect(next(theirs)) as other:
        yield Peers(one, other)
    for database in (ours, theirs):
        next(database, None)


@pytest.fixture
def namesakes(alias_server, peer_server):
    """Sessions in two fresh databases, each with an extension `vector`, ours and pgvector's. Mark the test `peer`."""
    ours, theirs = _database(alias_server, "with_vector"), _database(peer_server, "with_pgvector")
    with alias_server.connect(next(ours)) as one, peer_server.connect(next(theirs)) as other:
        yield Peers(one, other)
    for database in (ours, theirs):
        next(database, None)


def _server(major, templates, name="outside", settings=None):
    server = Cluster(major, f"{name}-{major}", settings)
    try:
        for name, extension in templates.items():
            server.create_database(name)
            with server.connect(name) as session:
                session.execute(f"CREATE EXTENSION {extension}")
        yield server
    finally:
        server.destroy()


def _database(server, template):
    name = f"test_{next(_numbers)}"
    server.create_database(name, template)
    yield name
    server.drop_database(name)
