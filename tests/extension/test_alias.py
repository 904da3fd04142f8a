"""The engine under the name `vector`: alone, before `conifer`, after it, and beside pgvector itself."""

import os
import re
import stat
import subprocess

import psycopg
import pytest

from tests.support.cluster import ROOT, Cluster

VERSION = "0.8.600"
# Of pgvector, which are taken over.
THEIRS = [
    "0.5.0", "0.5.1", "0.6.0", "0.6.1", "0.6.2", "0.7.0", "0.7.1", "0.7.2", "0.7.3", "0.7.4", "0.8.0", "0.8.1", "0.8.2", "0.8.3", "0.8.4",
    "0.8.5", "0.8.6",
]  # fmt: skip
# What lies there of the extension `vector`.
SCRIPTS = {
    f"share/extension/vector{name}"
    for name in (".control", f"--{VERSION}.sql", *(f"--{old}--{VERSION}.sql" for old in THEIRS), f"--{VERSION}--{THEIRS[-1]}.sql")
}

MEMBERS = """
    SELECT e.extname, pg_describe_object(classid, objid, objsubid) FROM pg_depend d
    JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    WHERE extname IN ('conifer', 'vector') ORDER BY 1, 2
"""


def members(session):
    """What belongs to each of the two extensions."""
    rows = session.execute(MEMBERS).fetchall()
    return {name: {member for owner, member in rows if owner == name} for name in ("conifer", "vector")}


def extensions(session):
    query = "SELECT extname, extversion, extnamespace::regnamespace::text FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1"
    return session.execute(query).fetchall()


def use_pinecone(session, name, home=""):
    """The functions work, whatever the search path."""
    session.execute(f"SELECT {home}pc_create_index(%s, 2, metric => 'euclidean')", [name])
    written = f"""SELECT {home}pc_upsert(%s, '[{{"id": "a", "values": [1, 2]}}, {{"id": "b", "values": [2, 1]}}]')"""
    assert session.execute(written, [name]).fetchone() == (2,)
    query = f"""SELECT id, "values"::text FROM {home}pc_query(%s, '[2,1]', include_values => true)"""
    assert session.execute(query, [name]).fetchall() == [("b", "[2,1]"), ("a", "[1,2]")]
    assert session.execute(f"SELECT id FROM {home}pc_query(%s, id => 'a')", [name]).fetchall() == [("a",), ("b",)]


@pytest.fixture
def empty(server, empty_database):
    """A session in a database without any of the extensions."""
    with server.connect(empty_database) as session:
        yield session


def test_vector_alone(empty):
    """What an ORM does in a fresh database."""
    empty.execute("CREATE EXTENSION IF NOT EXISTS vector")
    empty.execute("CREATE EXTENSION IF NOT EXISTS vector")
    assert extensions(empty) == [("vector", VERSION, "public")]
    assert not [member for member in members(empty)["vector"] if "pc_" in member or "schema pc" in member]
    assert empty.execute("SELECT to_regnamespace('pc'), to_regprocedure('pg_catalog.share_engine()')").fetchone() == (None, None)
    empty.execute("CREATE TABLE items (id int, v vector(2))")
    empty.execute("INSERT INTO items SELECT i, ARRAY[i, 1] FROM generate_series(1, 1000) i")
    empty.execute("CREATE INDEX ON items USING hnsw (v vector_l2_ops)")
    nearest = "SELECT id FROM items ORDER BY v <-> '[7.1,1]' LIMIT 2"
    assert "Index Scan" in str(empty.execute(f"EXPLAIN {nearest}").fetchall())
    assert empty.execute(nearest).fetchall() == [(7,), (8,)]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        empty.execute("DROP EXTENSION vector")
    empty.execute("DROP TABLE items; DROP EXTENSION vector")
    for kind in ["type", "proc", "operator", "cast", "opclass", "opfamily", "am"]:
        assert empty.execute(f"SELECT count(*) FROM pg_{kind} WHERE oid >= 16384").fetchone() == (0,), kind


def test_without_a_superuser(server, empty_database, empty, tmp_path):
    """Who owns a database makes, uses, dumps, restores and drops the engine; the functions with their roles are not his to make."""
    empty.execute("DROP ROLE IF EXISTS tenant; CREATE ROLE tenant LOGIN")
    empty.execute(psycopg.sql.SQL("ALTER DATABASE {} OWNER TO tenant").format(psycopg.sql.Identifier(empty_database)))
    try:
        with server.connect(empty_database, user="tenant") as his:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match='permission denied to create extension "conifer"'):
                his.execute("CREATE EXTENSION conifer")
            his.execute("CREATE EXTENSION vector; CREATE TABLE items (id int, v vector(2))")
            his.execute("INSERT INTO items SELECT i, ARRAY[i, 1] FROM generate_series(1, 1000) i")
            his.execute("CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops)")
            nearest = "SELECT id FROM items ORDER BY v <-> '[7.1,1]' LIMIT 2"
            assert his.execute(nearest).fetchall() == [(7,), (8,)]
            assert his.execute("SELECT count(*) FROM hnsw_check('items_v')").fetchone() == (0,)
            # what the script made is not his to change
            for statement in ["DROP FUNCTION vector_in(cstring, oid, integer)", "ALTER TYPE vector OWNER TO tenant"]:
                with pytest.raises(psycopg.Error):
                    his.execute(statement)
            server.run("pg_dump", "-U", "tenant", "-Fc", "-f", str(tmp_path / "dump"), empty_database)
            his.execute("DROP TABLE items; DROP EXTENSION vector")
        server.run("pg_restore", "-U", "tenant", "--exit-on-error", "-d", empty_database, str(tmp_path / "dump"))
        with server.connect(empty_database, user="tenant") as his:
            assert "Index Scan" in str(his.execute(f"EXPLAIN {nearest}").fetchall())
            assert his.execute(nearest).fetchall() == [(7,), (8,)]
    finally:
        empty.execute("DROP OWNED BY tenant CASCADE; REASSIGN OWNED BY tenant TO postgres; DROP ROLE tenant")


@pytest.mark.parametrize("schema", ["public", "extensions", 'Odd ".%'])
def test_vector_before_conifer(empty, schema):
    """conifer is made over it and depends on it, wherever it is and goes."""
    quoted = '"' + schema.replace('"', '""') + '"'
    empty.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
    empty.execute(f"CREATE EXTENSION vector SCHEMA {quoted}")
    engine = members(empty)["vector"]
    empty.execute("CREATE EXTENSION conifer")
    assert members(empty)["vector"] == engine
    empty.execute("SET search_path = nowhere")
    use_pinecone(empty, "one", "public.")
    empty.execute("SET search_path = public")
    for name in ("vector", "conifer"):
        with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refused:
            empty.execute(f"DROP EXTENSION {name}")
        assert name == "conifer" or "extension conifer depends on extension vector" in refused.value.diag.message_detail
    # it may move, as pgvector may
    empty.execute("CREATE SCHEMA other; ALTER EXTENSION vector SET SCHEMA other")
    assert empty.execute("SELECT id FROM pc_query('one', '[2,1]')").fetchall() == [("b",), ("a",)]
    use_pinecone(empty, "two")
    found = empty.execute("SELECT count(*) FROM other.hnsw_check('pc_data.i_1_namespace_values_metadata_idx')")
    assert found.fetchone() == (0,)
    empty.execute("DROP EXTENSION conifer CASCADE")
    assert extensions(empty) == [("vector", VERSION, "other")]
    assert empty.execute("SELECT '[1,2]'::other.vector::text").fetchone() == ("[1,2]",)
    empty.execute("CREATE EXTENSION conifer; DROP EXTENSION vector CASCADE")
    assert extensions(empty) == []


def test_keys_reach_both_schemas(server, empty_database, empty):
    """Functions in one schema and types in another, neither of them for everybody, are both there for an API key."""
    empty.execute("CREATE SCHEMA types; CREATE EXTENSION vector SCHEMA types; CREATE SCHEMA functions; CREATE EXTENSION conifer SCHEMA functions")
    use_pinecone(empty, "one", "functions.")
    make = "SELECT key_id, api_key FROM functions.pc_create_api_key('k', control_plane => 'None', data_plane => 'ReadWrite')"
    key, secret = empty.execute(make).fetchone()
    try:
        with server.connect(empty_database, user=key, password=secret) as session:
            query = "SELECT id FROM functions.pc_query('one', vector => %s::types.vector)"
            assert session.execute(query, ["[2,1]"]).fetchall() == [("b",), ("a",)]
            empty.execute("CREATE SCHEMA moved; ALTER EXTENSION vector SET SCHEMA moved; SELECT functions.pc_sync_roles()")
            assert session.execute(query.replace("types.", "moved."), ["[2,1]"]).fetchall() == [("b",), ("a",)]
    finally:
        empty.execute("SELECT functions.pc_revoke_api_key(%s)", [key])


def test_conifer_before_vector(empty):
    """The types are there, so the name is all that is added."""
    empty.execute("CREATE EXTENSION conifer")
    before = members(empty)["conifer"]
    empty.execute("CREATE EXTENSION IF NOT EXISTS vector")
    assert members(empty) == {"conifer": before, "vector": set()}
    assert [row[0] for row in extensions(empty)] == ["conifer", "vector"]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refused:
        empty.execute("DROP EXTENSION conifer")
    assert refused.value.diag.message_detail == "extension vector depends on extension conifer"
    empty.execute("DROP EXTENSION vector")
    use_pinecone(empty, "one")
    empty.execute("CREATE EXTENSION vector")
    empty.execute("DROP EXTENSION conifer CASCADE")
    assert extensions(empty) == []
    # and from the beginning, in the same session
    empty.execute("CREATE EXTENSION vector; CREATE EXTENSION conifer")
    use_pinecone(empty, "one")


def test_the_same_objects(server, empty_database):
    """Both orders make the same objects, and `vector` has all that `conifer` alone has beside the Pinecone layer."""
    made = []
    for statements in (["conifer"], ["vector", "conifer"]):
        with server.connect(empty_database) as session:
            for name in statements:
                session.execute(f"CREATE EXTENSION {name}")
            made.append(members(session))
            session.execute(f"DROP EXTENSION {statements[0]} CASCADE")
    alone, both = made
    assert alone["conifer"] == both["conifer"] | both["vector"]
    assert [member for member in both["conifer"] if "pc" not in member] == ["operator @@@(jsonb,jsonb)"]


def test_another_schema_than_conifers(empty):
    empty.execute("CREATE SCHEMA apart; CREATE EXTENSION conifer SCHEMA apart")
    with pytest.raises(psycopg.errors.DuplicateObject) as refused:
        empty.execute("CREATE EXTENSION vector")
    assert refused.value.diag.message_primary == 'extension "conifer" has the vector types already, in schema "apart"'
    assert refused.value.diag.message_hint == "Use CREATE EXTENSION vector SCHEMA apart."
    empty.execute("CREATE EXTENSION vector SCHEMA apart")
    assert [schema for _, _, schema in extensions(empty)] == ["apart", "apart"]


@pytest.mark.parametrize("name", ["conifer", "vector"])
def test_types_of_the_user(empty, name):
    """A name that is taken is told, not the whole script."""
    empty.execute("CREATE TYPE sparsevec AS (x int)")
    with pytest.raises(psycopg.errors.DuplicateObject) as refused:
        empty.execute(f"CREATE EXTENSION {name}")
    assert refused.value.diag.message_primary == 'type "sparsevec" already exists in schema "public"'
    assert len(refused.value.diag.context) < 300
    # nor does conifer take it for that of an extension vector elsewhere
    empty.execute("CREATE SCHEMA apart; CREATE EXTENSION vector SCHEMA apart")
    with pytest.raises(psycopg.errors.DuplicateObject):
        empty.execute("CREATE EXTENSION conifer")
    # a table of that name is no obstacle where it is not in the way
    empty.execute("CREATE TEMP TABLE vector (x int)")
    empty.execute("DROP EXTENSION vector; DROP TYPE sparsevec; CREATE EXTENSION conifer")
    assert empty.execute("SELECT '[1]'::public.vector::text").fetchone() == ("[1]",)


@pytest.mark.parametrize("first", ["vector", "conifer"])
@pytest.mark.parametrize("form", ["plain", "custom"])
def test_dump_with_both(server, empty_database, first, form, tmp_path):
    """The one that holds the engine comes first in a dump, though "conifer" sorts before "vector"."""
    other = {"vector": "conifer", "conifer": "vector"}[first]
    restored = f"{empty_database}_restored"
    server.create_database(restored)
    try:
        with server.connect(empty_database) as session:
            schema = "extensions" if first == "vector" else "public"
            session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION {first} SCHEMA {schema}; CREATE EXTENSION {other}")
            use_pinecone(session, "one")
            session.execute(f"CREATE TABLE t (v {schema}.vector(2)); INSERT INTO t VALUES ('[1,2]')")
            session.execute(f"CREATE INDEX t_v ON t USING hnsw (v {schema}.vector_cosine_ops)")
            before = members(session), extensions(session)
        if form == "plain":
            dump = server.run("pg_dump", empty_database)
            assert dump.index(f"CREATE EXTENSION IF NOT EXISTS {first} ") < dump.index(f"CREATE EXTENSION IF NOT EXISTS {other} ")
            server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", restored, stdin=dump)
        else:
            server.run("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), empty_database)
            server.run("pg_restore", "--exit-on-error", "-d", restored, str(tmp_path / "dump"))
        with server.connect(restored) as session:
            assert (members(session), extensions(session)) == before
            assert session.execute("SELECT id FROM pc_query('one', '[2,1]')").fetchall() == [("b",), ("a",)]
            use_pinecone(session, "two")
    finally:
        server.drop_database(restored)


@pytest.mark.peer
def test_where_pgvector_is(peers):
    """The same server has both; the same database cannot, and says why."""
    with pytest.raises(psycopg.errors.DuplicateObject) as refused:
        peers.theirs.execute("CREATE EXTENSION conifer")
    told = refused.value.diag
    assert told.message_primary == 'access method "hnsw" already exists: it belongs to extension "vector"'
    assert "$libdir/vector" in told.message_detail and "database" in told.message_hint
    assert len(told.context) < 300
    assert peers.theirs.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pc%'").fetchone() == (0,)
    use_pinecone(peers.ours, "one")
    with pytest.raises(psycopg.errors.DuplicateObject):
        peers.ours.execute("CREATE EXTENSION vector")


@pytest.mark.peer
@pytest.mark.parametrize("preloaded", ["vector", "conifer", "vector, conifer", "conifer, vector"])
def test_both_libraries_in_one_process(preloaded):
    """Whichever comes first defines the settings, and both heed them."""
    server = Cluster(18, "both", {"shared_preload_libraries": preloaded, "hnsw.ef_search": "77"})
    try:
        for extension in ("conifer", "vector"):
            server.create_database(extension)
            with server.connect(extension) as session:
                session.execute(f"CREATE EXTENSION {extension}")
                session.execute("CREATE TABLE t (v vector(3)); INSERT INTO t SELECT ARRAY[i % 31, i % 37, i % 41] FROM generate_series(1, 3000) i")
                session.execute("CREATE INDEX t_hnsw ON t USING hnsw (v vector_l2_ops)")
                session.execute("CREATE INDEX t_ivfflat ON t USING ivfflat (v vector_ip_ops) WITH (lists = 30)")
            with server.connect(extension) as session:
                session.execute("SET ivfflat.probes = 2; SET enable_seqscan = off; SET enable_sort = off")

                def given(operator):
                    order = f"v {operator} '[3,4,5]'"
                    return session.execute(f"SELECT count(*) FROM (SELECT FROM t ORDER BY {order}) s").fetchone()[0]

                few = given("<#>")
                assert session.execute("SHOW hnsw.ef_search").fetchone() == ("77",)
                settings = "SELECT count(*) FROM pg_settings WHERE name ~ '^(hnsw|ivfflat)'"
                # One is Conifer's alone.
                assert session.execute(settings).fetchone() == (8 if extension == "conifer" or preloaded == "vector, conifer" else 7,)
                session.execute("SET ivfflat.probes = 30")
                assert few < 1000 and given("<#>") == 3000
                few = given("<->")
                session.execute("SET hnsw.ef_search = 700")
                assert 77 <= few < 500 and given("<->") >= 700
                session.execute("SET hnsw.iterative_scan = relaxed_order")
                assert given("<->") == 3000
                session.execute("SET hnsw.max_scan_tuples = 1; SET ivfflat.probes = 1; SET ivfflat.iterative_scan = relaxed_order")
                assert given("<->") < 1500 and given("<#>") == 3000
                session.execute("SET ivfflat.max_probes = 2")
                assert given("<#>") < 1000
                for refused in ("hnsw.ef_search = 0", "ivfflat.probes = 0", "hnsw.nothing = 1", "ivfflat.iterative_scan = strict_order"):
                    with pytest.raises(psycopg.Error):
                        session.execute(f"SET {refused}")
    finally:
        server.destroy()


# A server's programs and libraries, as far as dev/install-vector-alias looks at them.
PG_CONFIG = """#!/bin/sh
case $1 in
    --pkglibdir) echo {0}/lib ;;
    --sharedir) echo {0}/share ;;
    --version) echo PostgreSQL 15.1 ;;
    *) exit 1 ;;
esac
"""


@pytest.fixture
def prefix(tmp_path):
    """Where a server seems to be installed, with Conifer."""
    (tmp_path / "share/extension").mkdir(parents=True)
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/conifer.so").touch()
    program = tmp_path / "pg_config"
    program.write_text(PG_CONFIG.format(tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return tmp_path


def make(prefix, **environment):
    """`make install-vector-alias` there."""
    command = ["make", "-s", "install-vector-alias", f"PG_CONFIG={prefix}/pg_config", *(f"{k}={v}" for k, v in environment.items())]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "MAKEFLAGS": ""})


def files(prefix):
    return {str(file.relative_to(prefix)): file.read_text() for file in prefix.rglob("*") if file.is_file() and file.name != "pg_config"}


def test_install_the_alias(prefix):
    assert make(prefix).returncode == 0
    made = files(prefix)
    assert set(made) == {"lib/conifer.so"} | SCRIPTS
    assert not [name for name, text in made.items() if re.search("@[a-z]+@", text)]
    assert "module_pathname = '$libdir/conifer'" in made["share/extension/vector.control"]
    assert f"default_version = '{VERSION}'" in made["share/extension/vector.control"]
    engine = (ROOT / "sql/engine.sql").read_text()
    assert made[f"share/extension/vector--{VERSION}.sql"].endswith(engine)
    # once more, over itself, and over an older one of ours
    (prefix / "share/extension/vector.control").write_text("default_version = '0.8.5'\nmodule_pathname = '$libdir/conifer'\n")
    assert make(prefix).returncode == 0
    assert files(prefix) == made


def test_install_the_alias_without_conifer(prefix):
    (prefix / "lib/conifer.so").unlink()
    done = make(prefix)
    assert done.returncode and "make install" in done.stderr
    assert files(prefix) == {}


@pytest.mark.parametrize("present", [["control"], ["script"], ["library"], ["control", "script", "library"]])
def test_install_the_alias_over_pgvector(prefix, present):
    scripts = prefix / "share/extension"
    theirs = {
        "control": [(scripts / "vector.control", "default_version = '0.8.5'\nmodule_pathname = '$libdir/vector'\n")],
        "script": [(scripts / f"vector--{name}.sql", "-- theirs") for name in ("0.8.5", "0.8.4--0.8.5", VERSION)],
        "library": [(prefix / "lib/vector.so", "theirs")],
    }
    for file, content in (pair for kind in present for pair in theirs[kind]):
        file.write_text(content)
    before = files(prefix)
    for force in ({}, {"FORCE": ""}, {"FORCE": "0"}):
        done = make(prefix, **force)
        assert done.returncode and "pgvector is there" in done.stderr and "FORCE=1" in done.stderr
        assert files(prefix) == before
    assert make(prefix, FORCE="1").returncode == 0
    after = files(prefix)
    kept = {"lib/vector.so"} if "library" in present else set()
    assert set(after) == kept | {"lib/conifer.so"} | SCRIPTS
    assert "theirs" not in "".join(text for name, text in after.items() if name not in kept)
    # their library stays; it is no obstacle any more
    assert make(prefix).returncode == 0
