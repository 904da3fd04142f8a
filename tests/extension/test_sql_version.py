"""Library and SQL of different versions: what a session is told, once, and what to run."""

import re

import pytest

from tests.extension.versions import version_of
from tests.support.cluster import Cluster, ROOT, readable

USES = {"conifer": "SELECT count(*) FROM pc_list_indexes()", "vector": "SELECT '[1,2]'::vector <-> '[1,2]'"}
BOTH = pytest.mark.parametrize("name", USES)


def told(server, database, *statements, **options):
    """What one session is told in the course of these statements."""
    notices = []
    with server.connect(database, **options) as session:
        session.add_notice_handler(lambda it: notices.append((it.severity, it.message_primary, it.message_hint)))
        for statement in statements:
            session.execute(statement)
    return notices


def warning(name, script, hint):
    version = version_of(name)
    text = f'extension "{name}" is of version {script} in this database, but the library is of {version}'
    return ("WARNING", text, hint)


def older(name, script):
    return warning(name, script, f"Run ALTER EXTENSION {name} UPDATE.")


@BOTH
def test_other_versions(server, empty_database, name):
    """As a superuser may write them; for the rest of a session nothing is said."""
    use = USES[name]
    with server.connect(empty_database) as session:
        session.execute(f"CREATE EXTENSION {name}")
    assert told(server, empty_database, use, use) == []
    script = "UPDATE pg_extension SET extversion = '{}' WHERE extname = '{}'"
    for version in ("0.0.9", "unpackaged"):
        told(server, empty_database, script.format(version, name))
        assert told(server, empty_database, use, use, use) == [older(name, version)]
    told(server, empty_database, script.format("99.1", name))
    newer = warning(name, "99.1", "Install the library of 99.1, or restart the server if that has been done.")
    assert told(server, empty_database, use, use) == [newer]


def test_who_is_not_told(server, empty_database):
    """Parallel workers, commands, and the rest of the server's processes; dumps are made as ever."""
    with server.connect(empty_database) as session:
        session.execute("CREATE EXTENSION conifer; CREATE EXTENSION vector")
        session.execute("CREATE TABLE items AS SELECT i AS id, ARRAY[i, 1]::vector(2) AS v FROM generate_series(1, 20000) i")
        session.execute("UPDATE pg_extension SET extversion = '0.0.' || extversion WHERE extname IN ('conifer', 'vector')")
    scan = "SELECT count(*) FROM items WHERE v <-> '[1,1]' < 100"
    parallel = ["SET parallel_setup_cost = 0", "SET parallel_tuple_cost = 0", "SET min_parallel_table_scan_size = 0"]
    with server.connect(empty_database) as session:
        for setting in parallel:
            session.execute(setting)
        assert "Workers Launched: 2" in str(session.execute(f"EXPLAIN (ANALYZE) {scan}").fetchall())
    both = [older(name, f"0.0.{version_of(name)}") for name in USES]
    assert told(server, empty_database, *parallel, scan, scan) == both
    assert told(server, empty_database, "LOAD 'conifer'", "CREATE INDEX ON items USING hnsw (v vector_l2_ops)", "VACUUM items") == []
    assert "CREATE EXTENSION IF NOT EXISTS conifer" in server.run("pg_dump", empty_database)


@pytest.fixture(scope="module")
def updated(tmp_path_factory):
    """A server that has the library from the start, and scripts of a version before it, 0.0.9, beside the present ones."""
    place = tmp_path_factory.mktemp("older")
    readable(place)
    (place / "extension").mkdir()
    server = Cluster(18, "fit", {"extension_control_path": f"{place}:$system", "shared_preload_libraries": "conifer"})
    try:
        share = re.match(r".*?\$share\$;\nSELECT pg_catalog\.share_engine\(\);\n", (ROOT / "sql/engine.sql").read_text(), re.DOTALL)[0]
        installed = server.bindir.parent / "share/postgresql/extension"
        for name, source in {"conifer": installed, "vector": ROOT / "target/pg/vector/extension"}.items():
            version = version_of(name)
            script = (source / f"{name}--{version}.sql").read_text()
            new = place / "extension"
            (new / f"{name}.control").write_text((source / f"{name}.control").read_text())
            for made in (version, "0.0.9"):
                (new / f"{name}--{made}.sql").write_text(script)
            (new / f"{name}--0.0.9--{version}.sql").write_text(
                f"{share}\nSELECT '[1,2]'::vector;\nDROP FUNCTION pg_catalog.share_engine();\n"
            )
        yield server
    finally:
        server.destroy()


@pytest.mark.peer
@BOTH
def test_update(updated, name):
    """An update, whose script uses the library, is not told of what it mends."""
    database = f"update_{name}"
    updated.create_database(database)
    assert told(updated, database, f"CREATE EXTENSION {name} VERSION '0.0.9'") == []
    assert told(updated, database, USES[name]) == [older(name, "0.0.9")]
    assert told(updated, database, f"ALTER EXTENSION {name} UPDATE", USES[name]) == []
    assert told(updated, database, USES[name]) == []


@pytest.mark.peer
def test_pgvector_beside(updated):
    """Another library's extension is its own matter."""
    updated.create_database("theirs")
    files = updated.bindir.parent / "share/postgresql"
    assert told(updated, "theirs", "SELECT 1") == []
    with updated.connect("theirs") as session:
        session.execute(f"ALTER SYSTEM SET extension_control_path = '$system:{files}'")
        session.execute("SELECT pg_reload_conf()")
    with updated.connect("theirs") as session:
        session.execute("CREATE EXTENSION vector")
        probin = session.execute("SELECT DISTINCT probin FROM pg_proc WHERE proname = 'hnswhandler'").fetchall()
        assert probin == [("$libdir/vector",)]
        session.execute("UPDATE pg_extension SET extversion = '0.8.5' WHERE extname = 'vector'")
    assert told(updated, "theirs", USES["vector"]) == []
