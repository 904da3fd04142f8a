"""The ground the other tests stand on: right servers, extension installs and goes, databases are separate."""

import pytest


def test_server_is_15(db):
    assert db.info.server_version // 10000 == 15


def test_extension_is_created_and_dropped(server, empty_database):
    with server.connect(empty_database) as session:
        session.execute("CREATE EXTENSION conifer")
        (version,) = session.execute("SELECT extversion FROM pg_extension WHERE extname = 'conifer'").fetchone()
        assert version == _default_version(session)
        assert session.execute("SELECT '[1,2,3]'::vector::text").fetchone() == ("[1,2,3]",)
        session.execute("DROP EXTENSION conifer")
        assert session.execute("SELECT to_regtype('vector')").fetchone() == (None,)


def test_databases_are_separate(server, db, database):
    db.execute("CREATE TABLE here (v vector(3))")
    with server.connect("with_conifer") as other:
        assert other.execute("SELECT to_regclass('here')").fetchone() == (None,)
    assert "CREATE TABLE public.here" in server.run("pg_dump", database)


def test_committed_rows_survive_a_crash(server, database, connect):
    connect().execute("CREATE TABLE kept AS SELECT '[1,2,3]'::vector AS v")
    server.crash()
    server.resume()
    assert connect().execute("SELECT v::text FROM kept").fetchone() == ("[1,2,3]",)


@pytest.mark.peer
def test_peers_are_18_and_two_extensions(peers):
    for session, extension in ((peers.ours, "conifer"), (peers.theirs, "vector")):
        assert session.info.server_version // 10000 == 18
        query = "SELECT '[3,4]'::vector <-> '[0,0]', count(*) FROM pg_extension WHERE extname = %s"
        assert session.execute(query, [extension]).fetchone() == (5.0, 1)


def _default_version(session):
    query = "SELECT default_version FROM pg_available_extensions WHERE name = 'conifer'"
    return session.execute(query).fetchone()[0]
