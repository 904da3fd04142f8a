"""ALTER EXTENSION vector UPDATE takes a database of pgvector over, from each of its versions, and gives it back: docs/coming-from-pgvector.md."""

import re
import threading
import time

import psycopg
import pytest

import test_alias_dump as dump
from cluster import ROOT, Cluster
from peer import close
from test_releases import definition, version_of

pytestmark = pytest.mark.peer

OURS = (ROOT / "target/pg/vector").resolve()
VERSIONS = [
    "0.5.0", "0.5.1", "0.6.0", "0.6.1", "0.6.2", "0.7.0", "0.7.1", "0.7.2", "0.7.3", "0.7.4", "0.8.0", "0.8.1", "0.8.2", "0.8.3", "0.8.4",
    "0.8.5", "0.8.6",
]  # fmt: skip
LIBRARY = "SELECT DISTINCT probin FROM pg_proc WHERE proname IN ('vector_in', 'hnswhandler', 'ivfflathandler', 'l2_distance')"
THEIRS, MINE = [("$libdir/vector",)], [("$libdir/conifer",)]
INDEXES = """SELECT c.oid::regclass::text FROM pg_class c JOIN pg_am a ON a.oid = relam AND amname IN ('hnsw', 'ivfflat')
    WHERE relkind = 'i' ORDER BY 1"""

# What 0.6.0 and 0.6.1 changed, the way it was before.
BEFORE = {
    "0.6.0": "ALTER TYPE vector SET (STORAGE = extended);",
    "0.6.1": """
        CREATE OPERATOR - (LEFTARG = vector, RIGHTARG = vector, PROCEDURE = vector_sub, COMMUTATOR = -);
        ALTER OPERATOR <= (vector, vector) SET (RESTRICT = scalarltsel, JOIN = scalarltjoinsel);
        ALTER OPERATOR >= (vector, vector) SET (RESTRICT = scalargtsel, JOIN = scalargtjoinsel);""",
}


def undone(script):
    """Statements that drop what a script of pgvector makes, the last first."""
    drops = []
    for statement in re.sub(r"^(--|\\).*$", "", script, flags=re.MULTILINE).split(";"):
        made = re.match(r"\s*CREATE (FUNCTION|AGGREGATE|TYPE|CAST|OPERATOR CLASS|OPERATOR) (.*)", statement, re.DOTALL)
        if not made:
            continue
        kind, rest = made.groups()
        if kind in ("FUNCTION", "AGGREGATE"):
            drops.append(f"DROP {kind} IF EXISTS {rest[: rest.index(')') + 1]};")
        elif kind == "TYPE":
            drops.append(f"DROP TYPE IF EXISTS {rest.split()[0]} CASCADE;")
        elif kind == "CAST":
            drops.append(f"DROP CAST IF EXISTS {rest[: rest.index(')') + 1]};")
        elif kind == "OPERATOR CLASS":
            name, method = re.match(r"(\w+).*USING (\w+)", rest, re.DOTALL).groups()
            drops.append(f"DROP OPERATOR FAMILY IF EXISTS {name} USING {method} CASCADE;")
        else:
            name, left, right = re.match(r"(\S+) \(\s*LEFTARG = (\w+), RIGHTARG = (\w+)", rest).groups()
            drops.append(f"DROP OPERATOR IF EXISTS {name} ({left}, {right});")
    return "\n".join(reversed(drops))


@pytest.fixture(scope="module")
def server():
    """A server with both, of its own: tests change what all sessions of a server see."""
    server = Cluster(18, "in-place")
    yield server
    server.destroy()


@pytest.fixture(scope="module")
def theirs(server, tmp_path_factory):
    """A directory with scripts that make all versions of pgvector from its own ones, by undoing what came later."""
    place = tmp_path_factory.mktemp("theirs")
    for directory in (place, *place.parents[:2]):
        directory.chmod(0o755)
    extension = place / "extension"
    extension.mkdir()
    source = server.bindir.parent / "share/postgresql/extension"
    control = (source / "vector.control").read_text()
    (newest,) = re.findall(r"default_version = '(.*)'", control)
    assert newest in VERSIONS
    (extension / "vector.control").write_text(control)
    script = (source / f"vector--{newest}.sql").read_text()
    (extension / f"vector--{newest}.sql").write_text(script)
    for number, version in enumerate(VERSIONS):
        if version > newest: # of the same SQL
            (extension / f"vector--{version}.sql").write_text(script)
        elif version < newest:
            undo = []
            for older, newer in zip(VERSIONS[number:], VERSIONS[number + 1 :]):
                if newer <= newest:
                    undo.insert(0, undone((source / f"vector--{older}--{newer}.sql").read_text()) + BEFORE.get(newer, ""))
            (extension / f"vector--{newest}--{version}.sql").write_text("\n".join(undo))
    return place


@pytest.fixture
def database(server):
    """The name of a database that is empty."""
    name = "moved"
    server.create_database(name)
    yield name
    server.drop_database(name)


def create(server, database, theirs, version=None, fill=""):
    """Make pgvector in it, and what is wanted of a user."""
    with server.connect(database) as session:
        session.execute(f"SET extension_control_path = '{theirs}:$system'")
        session.execute("CREATE EXTENSION vector" + (f" VERSION '{version}'" if version else ""))
        session.execute(fill or "SELECT")
        assert session.execute(LIBRARY).fetchall() == THEIRS


def move(session, to=None, path=OURS):
    """What a superuser does where our files are in the place of pgvector's."""
    session.execute(f"SET extension_control_path = '{path}:$system'")
    session.execute("ALTER EXTENSION vector UPDATE" + (f" TO '{to}'" if to else ""))


def moved(server, database, **options):
    with server.connect(database, **options) as session:
        move(session)
        assert session.execute(LIBRARY).fetchall() == MINE


def whole(session):
    """Whether all indexes are ours, and as they should be."""
    names = [name for (name,) in session.execute(INDEXES).fetchall()]
    for name in names:
        assert session.execute("SELECT * FROM hnsw_check(%s)", [name]).fetchall() == [], name
    return names


@pytest.fixture(scope="module")
def fresh(server):
    """What CREATE EXTENSION vector makes."""
    server.create_database("fresh")
    with server.connect("fresh") as session:
        session.execute(f"SET extension_control_path = '{OURS}:$system'")
        session.execute("CREATE EXTENSION vector")
        return catalog(server, session, "fresh")


def catalog(server, session, database):
    """All that an extension has, member by member."""
    members = session.execute("""SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend JOIN pg_extension e ON e.oid = refobjid
        WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND extname = 'vector' ORDER BY 1""").fetchall()
    held = session.execute("SELECT extversion, extconfig::regclass[]::text, extcondition, extrelocatable FROM pg_extension WHERE extname = 'vector'")
    comment = session.execute("SELECT obj_description(oid) FROM pg_extension WHERE extname = 'vector'")
    operators = session.execute("SELECT oid::regoperator::text, oprcom::regoperator::text, oprnegate::regoperator::text FROM pg_operator WHERE oid > 16384 ORDER BY 1")
    return [str(row) for row in (*members, held.fetchone(), comment.fetchone(), *operators)] + definition(server, database)


@pytest.mark.parametrize("version", VERSIONS)
def test_each_version(server, database, theirs, fresh, version):
    """Afterwards the catalog is that of a new database; rows, views and indexes are there."""
    create(server, database, theirs, version, """
        CREATE TABLE items AS SELECT i AS id, ARRAY[i, i % 7, 1]::vector(3) AS v FROM generate_series(1, 300) i;
        CREATE INDEX ON items USING hnsw (v vector_l2_ops);
        CREATE INDEX ON items USING ivfflat (v vector_ip_ops) WITH (lists = 3);
        CREATE VIEW seen AS SELECT id, v - '[1,1,1]' AS less, v <= '[3]' AS low FROM items;
    """)
    with server.connect(database) as session:
        assert session.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'").fetchone() == (version,)
        before = session.execute("SELECT * FROM seen").fetchall()
    moved(server, database)
    with server.connect(database) as session:
        assert session.execute("SELECT * FROM seen").fetchall() == before
        assert len(whole(session)) == 2
        session.execute("SET enable_seqscan = off")
        assert session.execute("SELECT id FROM items ORDER BY v <-> '[7,0,1]' LIMIT 1").fetchall() == [(7,)]
        session.execute("DROP TABLE items CASCADE")
        made = catalog(server, session, database)
    assert [line for line in made if line not in fresh] == [] and [line for line in fresh if line not in made] == []
    assert made == fresh


def test_all_that_a_database_has(server, database, theirs):
    create(server, database, theirs, fill=dump.FILL)
    with server.connect(database) as session:
        before, found = dump.content(session), dump.searches(session)
    schema = dump.schema(server, database)
    moved(server, database)
    with server.connect(database) as session:
        for (query, old), new in zip(before + found, [rows for _, rows in dump.content(session) + dump.searches(session)]):
            assert close(old, new), query
        assert len(whole(session)) > 15
    assert dump.schema(server, database) == schema
