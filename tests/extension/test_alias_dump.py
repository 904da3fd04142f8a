"""Dumps of databases with pgvector's extension `vector` restore into ours unchanged, and ours into pgvector's."""

import pytest

from tests.extension.pgvector_database import FILL, content, schema, searches
from tests.support.comparison import close

pytestmark = pytest.mark.peer


def moved(source, database, target, restored, form, tmp_path):
    """Dump one database and restore it into another one, empty and on another server."""
    if form == "plain":
        target.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", restored, stdin=source.run("pg_dump", database))
    else:
        source.run("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), database)
        target.run("pg_restore", "--exit-on-error", "-d", restored, str(tmp_path / "dump"))


@pytest.mark.parametrize("form", ["plain", "custom"])
@pytest.mark.parametrize("way", ["from pgvector", "to pgvector"])
def test_dump_and_restore(alias_server, peer_server, way, form, tmp_path):
    source, target = (peer_server, alias_server) if way == "from pgvector" else (alias_server, peer_server)
    name, back = "dump_source", "dump_target"
    try:
        source.create_database(name)
        with source.connect(name) as session:
            session.execute("CREATE EXTENSION vector")
            session.execute(FILL)
        with source.connect(name) as session:
            before, found = content(session), searches(session)
        target.create_database(back)
        moved(source, name, target, back, form, tmp_path)
        with target.connect(back) as session:
            # distances may differ in their last digits
            for (query, old), new in zip(before + found, [rows for _, rows in content(session) + searches(session)]):
                assert close(old, new), (query, [pair for pair in zip(old, new) if not close(*pair)][:5], len(old), len(new))
            whose = session.execute("SELECT DISTINCT probin FROM pg_proc WHERE proname = 'vector_in'").fetchall()
            assert whose == [("$libdir/conifer",) if target is alias_server else ("$libdir/vector",)]
            if target is alias_server:
                indexes = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_am a ON a.oid = relam AND amname IN ('hnsw', 'ivfflat') WHERE relkind = 'i'"
                for (index,) in session.execute(indexes).fetchall():
                    assert session.execute("SELECT * FROM hnsw_check(%s)", [index]).fetchall() == [], index
        assert schema(target, back) == schema(source, name)
    finally:
        source.drop_database(name)
        target.drop_database(back)
