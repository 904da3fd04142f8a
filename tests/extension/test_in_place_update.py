"""ALTER EXTENSION vector UPDATE takes a database of pgvector over, from each of its versions, and gives it back: docs/coming-from-pgvector.md."""

import re
import shlex
import threading
import time

import psycopg
import pytest

from tests.extension.definition import definition
from tests.extension.pgvector_database import FILL, content, schema, searches
from tests.extension.versions import version_of
from tests.support.cluster import ROOT, Cluster, readable
from tests.support.comparison import close

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
    readable(place)
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
        if version > newest:  # of the same SQL
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
    if session.execute("SHOW lock_timeout").fetchone() == ("0",):
        session.execute("SET lock_timeout = '60s'")
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
    return [str(row) for row in (*members, held.fetchone(), comment.fetchone(), *operators)] + definition(server, database, 400)


def rows_of_catalogs(session):
    """The very rows that describe the extension and the indexes, which stay where they are if nothing has changed."""
    catalogs = ["proc", "type", "operator", "cast", "am", "opclass", "opfamily", "amop", "amproc", "extension", "index", "depend"]
    rows = [session.execute(f"SELECT ctid, xmin, c::text FROM pg_{name} c ORDER BY ctid").fetchall() for name in catalogs]
    # What the server counts of a relation may change at any time.
    files = session.execute("SELECT oid, relname, relowner, relam, relfilenode, reloptions FROM pg_class ORDER BY oid").fetchall()
    return [*rows, files]


def test_each_version_has_a_script(server, theirs):
    """Of one step; and one leads back."""
    with server.connect("postgres") as session:
        session.execute(f"SET extension_control_path = '{OURS}:$system'")
        paths = dict(session.execute("SELECT source || ' ' || target, path FROM pg_extension_update_paths('vector')").fetchall())
    version = version_of("vector")
    for old in VERSIONS:
        assert paths[f"{old} {version}"] == f"{old}--{version}"
    assert paths[f"{version} {VERSIONS[-1]}"] == f"{version}--{VERSIONS[-1]}"
    texts = {re.sub(r"^.*\n", "", file.read_text()) for file in (OURS / "extension").glob(f"vector--*--{version}.sql")}
    assert len(texts) == 1


@pytest.mark.parametrize("version", ["0.5.0", "0.6.0", "0.6.1", "0.7.0", "0.8.0", "0.8.6"])
def test_each_version(server, database, theirs, fresh, version):
    """Those that differ in SQL. Afterwards the catalog is that of a new database; rows, views and indexes are there."""
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


ITEMS = """
    CREATE TABLE items (id int PRIMARY KEY, v vector(3));
    INSERT INTO items SELECT i, ARRAY[i % 31, i % 37, i / 100.0] FROM generate_series(1, 2000) i;
    CREATE INDEX items_hnsw ON items USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
    CREATE INDEX items_ivfflat ON items USING ivfflat (v vector_ip_ops) WITH (lists = 5);
"""
BY_INDEX = "SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 400; SET ivfflat.probes = 5"
NEAREST = "SELECT id FROM items ORDER BY v <-> '[7.2,0.1,3]' LIMIT 5"


def nearest(session):
    """What is nearest, by the index; the same without it."""
    session.execute(BY_INDEX)
    assert "items_hnsw" in str(session.execute(f"EXPLAIN {NEAREST}").fetchall())
    found = session.execute(NEAREST).fetchall()
    session.execute("SET enable_indexscan = off; SET enable_sort = on; SET enable_seqscan = on")
    assert session.execute(NEAREST).fetchall() == found
    session.execute("RESET enable_indexscan")
    return found


def refused(session, error, message, to=None):
    """Run it, and see that it ends with that error. What the error tells comes back."""
    with pytest.raises(error) as raised:
        move(session, to)
    told = raised.value.diag
    assert message in told.message_primary
    # Servers from 18 on show the statement of a script that fails, which is short here.
    assert len(told.context or "") < 1500
    return told


def test_kinds_of_tables(server, database, theirs):
    """Whoever owns them, wherever they are, whatever they are like: the objects stay what they are."""
    create(server, database, theirs, fill="""
        CREATE SCHEMA "Odd ""'.%"; ALTER EXTENSION vector SET SCHEMA "Odd ""'.%"; SET search_path = "Odd ""'.%", public;
        CREATE ROLE alice;
        GRANT ALL ON SCHEMA "Odd ""'.%", public TO alice;
    """)
    with server.connect(database) as session:
        session.execute("SET allow_in_place_tablespaces = on")
        session.execute("CREATE TABLESPACE apart LOCATION ''")
        session.execute("""SET search_path = "Odd ""'.%", public; GRANT CREATE ON TABLESPACE apart TO alice; SET ROLE alice""")
        session.execute("""
            CREATE FUNCTION as_alice(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
                IF current_user <> 'alice' THEN RAISE 'the function ran as %', current_user; END IF;
                RETURN v; END $$;
            CREATE TABLE "a table" (id int, v vector(2), state text);
            INSERT INTO "a table" SELECT i, ARRAY[i, i % 5], 'new' FROM generate_series(1, 300) i;
            CREATE INDEX "by function" ON "a table" USING hnsw ((as_alice(v)::vector(2)) vector_cosine_ops) TABLESPACE apart;
            CREATE INDEX partial ON "a table" USING ivfflat (v) WITH (lists = 7) WHERE state = 'new';
            ALTER INDEX "by function" ALTER COLUMN 1 SET STATISTICS 17;
            COMMENT ON INDEX partial IS 'a remark';
            CREATE UNLOGGED TABLE unlogged AS SELECT * FROM "a table";
            ALTER TABLE unlogged ALTER v TYPE vector(2);
            CREATE INDEX unlogged_v ON unlogged USING hnsw (v vector_l2_ops);
            CREATE TABLE top (id int, v vector(2)) PARTITION BY RANGE (id);
            CREATE TABLE low PARTITION OF top FOR VALUES FROM (0) TO (100) PARTITION BY RANGE (id);
            CREATE TABLE lowest PARTITION OF low FOR VALUES FROM (0) TO (50);
            CREATE TABLE high PARTITION OF top FOR VALUES FROM (100) TO (200);
            CREATE INDEX top_v ON top USING hnsw (v vector_l2_ops) WITH (m = 5, ef_construction = 20);
            INSERT INTO top SELECT i, ARRAY[i, 1] FROM generate_series(100, 199) i;
            CREATE MATERIALIZED VIEW kept AS SELECT id, v FROM top;
            CREATE INDEX kept_v ON kept USING hnsw (v vector_l2_ops);
            CREATE TABLE parent (v vector(2)); CREATE TABLE child () INHERITS (parent);
            INSERT INTO child SELECT ARRAY[i, 1] FROM generate_series(1, 50) i;
            CREATE INDEX parent_v ON parent USING hnsw (v vector_l2_ops); CREATE INDEX child_v ON child USING hnsw (v vector_l2_ops);
            CREATE TABLE failed AS SELECT * FROM child; ALTER TABLE failed ALTER v TYPE vector(2);
            CREATE INDEX failed_v ON failed USING hnsw (v vector_l2_ops);
        """)
        session.execute("RESET ROLE; UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'failed_v'::regclass")
        state = """SELECT c.oid, relname, relkind, relowner, reltablespace, reloptions, relpersistence, attstattarget, obj_description(c.oid), indpred::text, indisvalid
            FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum = 1 LEFT JOIN pg_index ON indexrelid = c.oid
            WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE relname = 'failed_v') AND relname <> 'mine_v' ORDER BY 1"""
        before = session.execute(state).fetchall()
        # One that this session alone can see.
        session.execute("CREATE TEMP TABLE mine AS SELECT ARRAY[i, 1]::vector(2) AS v FROM generate_series(1, 20) i; CREATE INDEX mine_v ON mine USING hnsw (v vector_l2_ops)")
        move(session)
        assert session.execute(LIBRARY).fetchall() == MINE
        session.execute("""SET search_path = "Odd ""'.%", public""")
        after = session.execute(state).fetchall()
        # Making an index anew makes it valid, as ever.
        assert [row[:-1] for row in after] == [row[:-1] for row in before]
        assert {row[1] for row, then in zip(before, after) if row != then} == {"failed_v"}
        session.execute("SET ROLE alice")
        session.execute("""INSERT INTO "a table" VALUES (0, '[1,1]', 'new'); INSERT INTO unlogged VALUES (0, '[1,1]'); INSERT INTO failed VALUES ('[1,1]')""")
        session.execute("INSERT INTO low VALUES (3, '[1,1]'); REFRESH MATERIALIZED VIEW kept")
        session.execute("CREATE TABLE lower PARTITION OF low FOR VALUES FROM (50) TO (100); INSERT INTO lower SELECT 60, '[1,2]'")
        session.execute("RESET ROLE; INSERT INTO mine VALUES ('[1,1]')")
        names = whole(session)
        assert len(names) == 11 and "mine_v" in str(names)
    server.crash()
    server.resume()
    with server.connect(database) as session:
        session.execute("""SET search_path = "Odd ""'.%", public; INSERT INTO unlogged VALUES (0, '[1,1]')""")
        assert len(whole(session)) == 10
        session.execute("SET enable_seqscan = off")
        assert session.execute("SELECT v::text FROM unlogged ORDER BY v <-> '[1,1]'").fetchall() == [("[1,1]",)]
        session.execute("DROP OWNED BY alice CASCADE; DROP ROLE alice")


@pytest.mark.parametrize("reason", ["row", "lock", "cancel"])
def test_failure(server, database, theirs, reason):
    """Whatever ends it, all is pgvector's as before, in that session as well, and a further try succeeds."""
    create(server, database, theirs, "0.6.2", ITEMS + """
        CREATE TABLE switch (broken bool); INSERT INTO switch VALUES (false);
        CREATE FUNCTION checked(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN
            IF (SELECT broken FROM public.switch) THEN RAISE 'this row is not for an index'; END IF;
            IF (SELECT broken IS NULL FROM public.switch) THEN PERFORM pg_sleep(1); END IF;
            RETURN v; END $$;
        CREATE TABLE more AS SELECT v FROM items LIMIT 200;
        CREATE INDEX more_v ON more USING hnsw ((checked(v)::vector(3)) vector_l2_ops);
    """)  # fmt: skip
    with server.connect(database) as session, server.connect(database) as other:
        before = rows_of_catalogs(session)
        found = nearest(session)
        if reason == "row":
            session.execute("UPDATE switch SET broken = true")
            refused(session, psycopg.errors.RaiseException, "this row is not for an index")
        elif reason == "lock":
            with other.transaction():
                other.execute("SELECT FROM items LIMIT 1")
                session.execute("SET lock_timeout = '200ms'")
                refused(session, psycopg.errors.LockNotAvailable, "lock timeout")
        else:
            session.execute("UPDATE switch SET broken = NULL")
            pid = session.info.backend_pid
            thread = threading.Thread(target=refused, args=(session, psycopg.errors.QueryCanceled, "canceling statement"))
            thread.start()
            building = "SELECT count(*) FROM pg_stat_progress_create_index WHERE pid = %s AND index_relid = 'more_v'::regclass"
            while not other.execute(building, [pid]).fetchone()[0]:
                time.sleep(0.01)
            other.execute("SELECT pg_cancel_backend(%s)", [pid])
            thread.join()
        session.execute("UPDATE switch SET broken = false")
        assert rows_of_catalogs(other) == before
        for one in (session, other):
            assert nearest(one) == found
        for one, z in ((session, 3), (other, 3.01)):
            one.execute("INSERT INTO items SELECT max(id) + 1, ARRAY[7.2, 0.1, %s]::vector FROM items", [z])
        assert nearest(other) != found
        assert other.execute("SELECT count(*) FROM pg_proc WHERE proname IN ('hnsw_anew', 'move_engine', 'hnsw_check')").fetchone() == (0,)
        move(session)
        assert nearest(session) == nearest(other) and len(whole(other)) == 3


def test_sessions(server, database, theirs):
    """Sessions that were there before know pgvector's functions, plans and indexes; afterwards they use Conifer's."""
    create(server, database, theirs, fill=ITEMS + "CREATE FUNCTION five() RETURNS SETOF int LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY " + NEAREST + "; END $$")
    insert = "INSERT INTO items SELECT max(id) + 1, '[90,90,90]' FROM items"
    with server.connect(database) as mover, server.connect(database) as reader, server.connect(database) as writer, server.connect(database) as cursor:
        for session in (mover, reader, writer, cursor):
            session.execute(BY_INDEX)
            session.execute("SET plan_cache_mode = force_generic_plan")
            session.execute(f"PREPARE near AS {NEAREST}; PREPARE put AS {insert}")
            before = [session.execute(query).fetchall() for query in ("EXECUTE near", "SELECT * FROM five()", NEAREST)]
            session.execute("EXECUTE put")
        # A cursor that is open holds it up.
        with cursor.transaction():
            cursor.execute("DECLARE c CURSOR FOR SELECT id FROM items ORDER BY v <-> '[7.2,0.1,3]'; FETCH 2 FROM c")
            mover.execute("SET lock_timeout = '100ms'")
            refused(mover, psycopg.errors.LockNotAvailable, "lock timeout")
            mover.execute("RESET lock_timeout")
            cursor.execute("FETCH 2 FROM c")
        # One that has waited for it goes on with what there is then.
        for end in ("ROLLBACK", "COMMIT"):
            mover.execute("BEGIN")
            move(mover)
            results = []
            threads = [
                threading.Thread(target=lambda: results.append(writer.execute("EXECUTE put").statusmessage)),
                threading.Thread(target=lambda: results.append(reader.execute("EXECUTE near").fetchall())),
                threading.Thread(target=lambda: results.append(cursor.execute("VACUUM items").statusmessage)),
            ]
            for thread in threads:
                thread.start()
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = %s)"
            with server.connect("postgres") as look:
                while look.execute(waiting, [database]).fetchone()[0] < 3:
                    time.sleep(0.01)
            mover.execute(end)
            for thread in threads:
                thread.join()
            assert sorted(map(str, results)) == sorted(map(str, ["INSERT 0 1", before[0], "VACUUM"]))
        for session in (mover, reader, writer, cursor):
            assert [session.execute(query).fetchall() for query in ("EXECUTE near", "SELECT * FROM five()", NEAREST)] == before
            session.execute("EXECUTE put")
            session.execute("UPDATE items SET v = v + '[0,0,1]' WHERE id = 1; DELETE FROM items WHERE id = 2")
            session.execute("VACUUM items")
            assert len(whole(session)) == 2
        every = "SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[90,90,90]' LIMIT 8) s JOIN items USING (id) WHERE v = '[90,90,90]'"
        assert reader.execute(every).fetchone() == (8,)


def test_within_a_transaction(server, database, theirs):
    """Indexes that the server would make by the old functions, or that are in use, and how that is told."""
    create(server, database, theirs, fill=ITEMS)
    with server.connect(database) as session:
        for change in ("CREATE INDEX fresh ON items USING hnsw (v vector_l1_ops)", "REINDEX INDEX items_hnsw", "TRUNCATE items"):
            session.execute("BEGIN")
            session.execute(change)
            told = refused(session, psycopg.errors.ObjectInUse, "in this transaction")
            assert "in a transaction of its own" in told.message_hint
            session.execute("ROLLBACK")
        session.execute("BEGIN; DECLARE c CURSOR FOR " + NEAREST + "; FETCH 1 FROM c")
        refused(session, psycopg.errors.ObjectInUse, "is being used by active queries in this session")
        session.execute("ROLLBACK")
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
        told = refused(session, psycopg.errors.ObjectNotInPrerequisiteState, "cannot be seen in this transaction")
        assert "READ COMMITTED" in told.message_hint
        session.execute("ROLLBACK")
        found = nearest(session)
        session.execute("BEGIN; SAVEPOINT a")
        move(session)
        session.execute("ROLLBACK TO a")
        assert nearest(session) == found and session.execute(LIBRARY).fetchall() == THEIRS
        move(session)
        session.execute("COMMIT")
        assert nearest(session) == found and len(whole(session)) == 2


def test_temporary_tables_of_others(server, database, theirs):
    create(server, database, theirs, fill=ITEMS)
    with server.connect(database) as session, server.connect(database) as other:
        other.execute("CREATE TEMP TABLE apart AS TABLE items; CREATE INDEX apart_v ON apart USING hnsw (v vector_l2_ops)")
        told = refused(session, psycopg.errors.ObjectInUse, 'index "apart_v" is on a temporary table of another session')
        assert "pg_temp_" in told.message_hint
        other.execute("DROP TABLE apart")
        move(session)
        assert len(whole(session)) == 2


def test_who_may(server, database, theirs):
    """The owner of the extension is not enough."""
    create(server, database, theirs, fill=ITEMS)
    with server.connect(database) as session:
        session.execute("CREATE ROLE somebody")
        try:
            session.execute("UPDATE pg_extension SET extowner = 'somebody'::regrole WHERE extname = 'vector'")
            session.execute(f"SET extension_control_path = '{OURS}:$system'; SET ROLE somebody")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("ALTER EXTENSION vector UPDATE")
            session.execute("RESET ROLE; UPDATE pg_extension SET extowner = 10 WHERE extname = 'vector'")
        finally:
            session.execute("RESET ROLE; DROP ROLE somebody")


PLANTED = {
    "function": "CREATE FUNCTION binary_quantize(vector) RETURNS bit LANGUAGE sql IMMUTABLE AS $$SELECT B'1'$$",
    "operator": "CREATE OPERATOR <+> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = l1_distance)",
    "type": "CREATE TYPE halfvec AS (x int)",
    "class": "CREATE OPERATOR CLASS int4_ops FOR TYPE int4 USING hnsw AS OPERATOR 1 =",
}


@pytest.mark.parametrize("planted", PLANTED)
def test_planted_objects(server, database, theirs, planted):
    """What has a name that the engine needs, and is not the extension's, is never taken for it."""
    create(server, database, theirs, "0.6.2", PLANTED[planted])
    with server.connect(database) as session:
        session.execute("CREATE TABLE items AS SELECT '[1,2]'::vector(2) AS v; CREATE INDEX ON items USING hnsw (v vector_l2_ops)")
        before = rows_of_catalogs(session)
        with pytest.raises(psycopg.Error) as raised:
            move(session)
        assert "exists" in str(raised.value) or "not a member" in str(raised.value)
        assert rows_of_catalogs(session) == before


def test_shadowing(server, database, theirs):
    """Whoever may create objects in the extension's schema has none of them run by the script."""
    create(server, database, theirs, "0.6.2", ITEMS + "CREATE TABLE ran (what text)")
    shadows = []
    kinds = {"text": "text", "name": "name", "oid": "oid", "char": '"char"', "bool": "bool", "regproc": "regproc", "int4": "int"}
    for left, one in kinds.items():
        for right, other in kinds.items():
            for number, operator in enumerate(["=", "<>", "~", "!~", "||"]):
                name = f"shadow_{number}_{left}_{right}"
                result = "text" if operator == "||" else "bool"
                shadows.append(f"CREATE FUNCTION {name}({one}, {other}) RETURNS {result} LANGUAGE plpgsql AS $$ BEGIN RAISE 'shadow % ran', '{name}'; END $$;")
                shadows.append(f"CREATE OPERATOR {operator} (LEFTARG = {one}, RIGHTARG = {other}, FUNCTION = {name});")
    for name in ("format(text, name)", "format(text, name, name)", "quote_ident(name)", "format_type(oid, int)", "set_config(text, text, bool)", "btrim(text, text)"):
        shadows.append(f"CREATE FUNCTION {name} RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'shadow ran'; END $$;")
    for name in ("move_engine()", "move_engine(int DEFAULT 1)", "move_engine(VARIADIC text[])", "hnsw_anew(regclass, bool)", "hnsw_anew(oid, bool)"):
        shadows.append(f"CREATE FUNCTION {name} RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE 'shadow ran'; END $$;")
    with server.connect(database) as session:
        session.execute("".join(shadows))
    moved(server, database)
    with server.connect(database) as session:
        assert len(whole(session)) == 2


@pytest.fixture
def mallory(server, theirs, database, tmp_path):
    """The owner of the database, no superuser, and what he has of pgvector: there it is trusted, so the extension is his."""
    readable(tmp_path)
    (tmp_path / "extension").mkdir()
    for file in (theirs / "extension").iterdir():
        more = "\ntrusted = true\n" if file.name == "vector.control" else ""
        (tmp_path / "extension" / file.name).write_text(file.read_text() + more)
    with server.connect("postgres") as session:
        session.execute(f"CREATE ROLE mallory LOGIN; ALTER DATABASE {database} OWNER TO mallory")
    with server.connect(database) as session:
        session.execute(f"SET extension_control_path = '{tmp_path}:$system'; SET ROLE mallory; CREATE EXTENSION vector VERSION '0.6.2'")
        session.execute(ITEMS)
        assert session.execute("SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'vector'").fetchone() == ("mallory",)
    yield "mallory"
    with server.connect("postgres") as session:
        session.execute(f"DROP DATABASE {database} WITH (FORCE)")
        session.execute("DROP ROLE mallory")


ADDED = {
    "function": ("CREATE FUNCTION l2_normalize(vector) RETURNS vector LANGUAGE sql AS 'SELECT $1'; ALTER EXTENSION vector ADD FUNCTION l2_normalize(vector)", "function l2_normalize(vector)"),
    "operator": ("CREATE OPERATOR <+> (LEFTARG = vector, RIGHTARG = vector, FUNCTION = l2_distance, COMMUTATOR = <+>); ALTER EXTENSION vector ADD OPERATOR <+> (vector, vector)", "operator <+>(vector,vector)"),
}  # fmt: skip


@pytest.mark.parametrize("added", ADDED)
def test_added_by_the_owner(server, database, mallory, added):
    """What he has added to his extension is not taken for pgvector's."""
    statement, name = ADDED[added]
    with server.connect(database) as session:
        session.execute(f"SET ROLE mallory; {statement}; RESET ROLE")
        before = rows_of_catalogs(session)
        told = refused(session, psycopg.errors.ObjectNotInPrerequisiteState, 'of extension "vector" belongs to "mallory", who is no superuser')
        assert name.split(" ", 1)[1] in told.message_primary.replace("public.", "") and "ALTER EXTENSION vector DROP" in told.message_hint
        assert rows_of_catalogs(session) == before
        kind, rest = name.split(" ", 1)
        session.execute(f"ALTER EXTENSION vector DROP {kind} {rest}; DROP {kind} {rest.replace('(vector,', '(vector, ')}")
        move(session)
        assert len(whole(session)) == 2


def test_by_the_owner(server, database, mallory):
    """The owner of a trusted extension needs no superuser for it, and becomes none by it: what his indexes call runs as him."""
    with server.connect(database) as session:
        session.execute("""SET ROLE mallory;
            CREATE FUNCTION seen(v vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql SET search_path = public AS $$ BEGIN
                RAISE WARNING 'ran as %', current_user;
                RETURN v;
            END $$;
            CREATE INDEX ON items USING hnsw ((seen(v)::vector(3)) vector_l2_ops)""")
        notices = []
        session.add_notice_handler(lambda notice: notices.append(notice.message_primary))
        session.execute("RESET ROLE")
        session.execute(f"SET extension_control_path = '{OURS}:$system'; SET ROLE mallory; ALTER EXTENSION vector UPDATE; RESET ROLE")
        assert notices and {text for text in notices if text.startswith("ran as")} == {"ran as mallory"}
        assert session.execute("SELECT extowner::regrole::text FROM pg_extension WHERE extname = 'vector'").fetchone() == ("mallory",)
        assert session.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'").fetchone() == (False,)
        assert len(whole(session)) == 3


def test_schema_that_changes_names(server, database, mallory):
    """Who owns the schema cannot put another in its place while a superuser is at it, and have functions of his run."""
    swap = """ALTER SCHEMA public RENAME TO aside; CREATE SCHEMA public; GRANT ALL ON SCHEMA public TO public;
        CREATE FUNCTION public.{} RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE public.ran AS SELECT current_user; END $$"""
    with server.connect(database) as session, server.connect(database) as other, server.connect(database) as third:
        for one in (other, third):
            one.execute("SET ROLE mallory; SET lock_timeout = '200ms'")
        # Before the first function of the script is made, which waits for one of that name.
        other.execute("BEGIN; CREATE FUNCTION public.move_engine() RETURNS void LANGUAGE sql AS ''")
        third.execute("BEGIN; LOCK TABLE items IN ACCESS SHARE MODE")
        told = []

        def run():
            try:
                move(session)
                told.append("done")
            except psycopg.Error as error:
                told.append(str(error))

        thread = threading.Thread(target=run)
        thread.start()
        with server.connect("postgres") as look:
            while not look.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s", [session.info.backend_pid]).fetchone()[0]:
                time.sleep(0.01)
        # It waits for the function, or, as it should, for the table.
        third.execute("SAVEPOINT a")
        try:
            third.execute(swap.format("move_engine()"))
            third.execute("CREATE FUNCTION public.hnsw_anew(regclass, boolean) RETURNS void LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE public.ran AS SELECT current_user; END $$")
            swapped = True
        except psycopg.errors.LockNotAvailable:
            third.execute("ROLLBACK TO a")
            swapped = False
        third.execute("COMMIT")
        other.execute("ROLLBACK")
        thread.join()
        assert session.execute("SELECT to_regclass('public.ran')::text").fetchone() == (None,)
        assert not swapped and told == ["done"]
        assert len(whole(session)) == 2


@pytest.mark.parametrize("extension", ["vector", "conifer"])
@pytest.mark.parametrize("held", ["FUNCTION public.share_engine() RETURNS name LANGUAGE sql AS 'SELECT NULL::name'", "TYPE public.vector AS (x int)"])
def test_schema_that_changes_names_in_create(server, database, extension, held):
    """As above, while a superuser makes the extension."""
    with server.connect("postgres") as session:
        session.execute(f"CREATE ROLE mallory; ALTER DATABASE {database} OWNER TO mallory")
    try:
        with server.connect(database) as session, server.connect(database) as holder, server.connect(database) as swapper:
            for one in (holder, swapper):
                one.execute("SET ROLE mallory; SET lock_timeout = '200ms'")
            session.execute(f"SET extension_control_path = '{OURS}:$system'")
            # It waits for what has the same name as something that the script makes in that schema.
            holder.execute(f"BEGIN; CREATE {held}")
            making = threading.Thread(target=session.execute, args=(f"CREATE EXTENSION {extension}",))
            making.start()
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s"
            with server.connect("postgres") as look:
                while making.is_alive() and not look.execute(waits, [session.info.backend_pid]).fetchone()[0]:
                    time.sleep(0.01)
            swapped = False
            if making.is_alive():
                try:
                    swapper.execute("""ALTER SCHEMA public RENAME TO aside; CREATE SCHEMA public; CREATE FUNCTION public.share_engine() RETURNS name
                        LANGUAGE plpgsql AS $$ BEGIN CREATE TABLE public.ran AS SELECT current_user; RETURN NULL; END $$""")
                    swapped = True
                except psycopg.errors.LockNotAvailable:
                    pass
            holder.execute("ROLLBACK")
            making.join()
            assert session.execute("SELECT to_regclass('public.ran')::text").fetchone() == (None,)
            assert not swapped
            query = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = %s"
            assert session.execute(query, [extension]).fetchone() == ("public",)
    finally:
        with server.connect("postgres") as session:
            session.execute(f"DROP DATABASE {database} WITH (FORCE)")
            session.execute("DROP ROLE mallory")


@pytest.mark.parametrize("setting", ["standard_conforming_strings = off", "quote_all_identifiers = on", "plpgsql.extra_errors = 'all'", "plpgsql.variable_conflict = use_variable"])
def test_settings(server, database, theirs, setting):
    """Whatever says how SQL is to be read and written, there and back."""
    create(server, database, theirs, "0.6.0", ITEMS)
    for to, library in ((None, MINE), (VERSIONS[-1], THEIRS)):
        with server.connect(database) as session:
            # Without a look at the database: as the first statement, where pgvector's library is to be loaded.
            session.execute(f"SET {setting}")
            move(session, to)
            assert session.execute(LIBRARY).fetchall() == library
            name, value = setting.replace("'", "").split(" = ")
            assert session.execute(f"SHOW {name}").fetchone() == (value,)


@pytest.fixture(scope="module")
def genuine(server, theirs):
    """What CREATE EXTENSION vector of pgvector makes."""
    server.create_database("genuine")
    create(server, "genuine", theirs, VERSIONS[-1])
    with server.connect("genuine") as session:
        return catalog(server, session, "genuine")


def test_there_and_back(server, database, theirs, genuine):
    """All that pgvector has goes there and back, in sessions of their own, and in one that has used pgvector before."""
    create(server, database, theirs, "0.7.4", FILL)
    with server.connect(database) as session:
        before, found = content(session), searches(session)
    as_made = schema(server, database)

    def same(session):
        for (query, old), new in zip(before + found, [rows for _, rows in content(session) + searches(session)]):
            assert close(old, new), query

    for sessions in ("two", "one"):
        with server.connect(database) as session:
            if sessions == "one":
                searches(session)
            move(session)
            assert session.execute(LIBRARY).fetchall() == MINE
            assert len(whole(session)) > 15
            if sessions == "two":
                with server.connect(database) as other:
                    same(other)
                assert schema(server, database) == as_made
            else:
                move(session, VERSIONS[-1])
                # Theirs serves all at once.
                assert session.execute(LIBRARY).fetchall() == THEIRS
                session.execute("INSERT INTO items (id) SELECT max(id) + 1 FROM items; DELETE FROM items WHERE id = (SELECT max(id) FROM items)")
                session.execute("VACUUM items")
        if sessions == "two":
            with server.connect(database) as session:
                move(session, VERSIONS[-1])
        with server.connect(database) as session:
            assert session.execute(LIBRARY).fetchall() == THEIRS
            same(session)
        assert schema(server, database) == as_made
    server.drop_database(database)
    server.create_database(database)
    create(server, database, theirs, "0.5.0")
    moved(server, database)
    with server.connect(database) as session:
        move(session, VERSIONS[-1])
        made = catalog(server, session, database)
    # Comments are none of pgvector's business, but what little it says of its own.
    assert [line for line in made if line not in genuine] == ["('vector data types, and hnsw and ivfflat access methods (pgvector)',)", *[line for line in made if line.startswith("COMMENT ON EXTENSION vector")]]
    assert all("COMMENT ON" in line or "vector data type and" in line for line in genuine if line not in made)


def test_sessions_back(server, database, theirs):
    """Sessions that were there when it went back use pgvector's functions then."""
    create(server, database, theirs, fill=ITEMS)
    with server.connect(database) as older, server.connect(database) as writer:
        before = nearest(older)
        moved(server, database)
        for session in (older, writer):
            session.execute(BY_INDEX)
            session.execute(f"SET plan_cache_mode = force_generic_plan; PREPARE near AS {NEAREST}")
            session.execute("PREPARE put AS INSERT INTO items SELECT max(id) + 1, '[90,90,90]' FROM items")
            assert session.execute("EXECUTE near").fetchall() == before
            session.execute("EXECUTE put")
        with server.connect(database) as mover:
            move(mover, VERSIONS[-1])
        # One that has used pgvector before, and one that has not: it cannot load that library beside Conifer's settings.
        assert older.execute("EXECUTE near").fetchall() == before
        older.execute("EXECUTE put")
        with pytest.raises(psycopg.errors.InternalError_, match="attempt to redefine parameter"):
            writer.execute("EXECUTE put")
        with server.connect(database) as session:
            assert nearest(session) == before
            session.execute("EXPLAIN DELETE FROM items; REINDEX INDEX items_hnsw; INSERT INTO items SELECT max(id) + 1, '[90,90,90]' FROM items")
            session.execute(BY_INDEX)
            every = "SELECT count(*) FROM (SELECT id FROM items ORDER BY v <-> '[90,90,90]' LIMIT 4) s JOIN items USING (id) WHERE v = '[90,90,90]'"
            assert session.execute(every).fetchone() == (4,)


BEYOND = {
    "a key": ("CREATE INDEX keyed ON items USING hnsw (id, v vector_l2_ops)", "int4_ops", "index public.keyed"),
    "dimensions": ("CREATE TABLE wide (v vector(2001)); CREATE INDEX wide_v ON wide USING hnsw (v vector_l2_ops)", "2000 dimensions", None),
    "an inverted index": ("CREATE TABLE terms (v sparsevec(9)); CREATE INDEX terms_v ON terms USING inverted (v)", "sparsevec_ip_ops", "index public.terms_v"),
    "a view": ("CREATE VIEW sizes AS SELECT * FROM hnsw_size('items_hnsw')", "hnsw_size", "view public.sizes"),
    "conifer": ("CREATE EXTENSION conifer", 'extension "conifer" uses the engine', None),
}


@pytest.mark.parametrize("beyond", BEYOND)
def test_what_cannot_go_back(server, database, theirs, beyond):
    statement, message, detail = BEYOND[beyond]
    create(server, database, theirs, fill=ITEMS)
    moved(server, database)
    with server.connect(database) as session:
        session.execute(statement)
        before = rows_of_catalogs(session)
    with server.connect(database) as session:
        told = refused(session, psycopg.Error, message, VERSIONS[-1])
        assert detail is None or detail in told.message_detail
        assert beyond != "dimensions" or "wide_v" in told.context
    with server.connect(database) as session:
        assert rows_of_catalogs(session) == before
        assert len(whole(session)) >= 2
        nearest(session)


def test_back_in_a_session_of_conifer(server, database, theirs):
    """Its settings are there, and pgvector's library would not load; a new session can."""
    create(server, database, theirs, fill=ITEMS)
    moved(server, database)
    with server.connect(database) as session:
        found = nearest(session)
        told = refused(session, psycopg.errors.ObjectNotInPrerequisiteState, "pgvector's library cannot be loaded", VERSIONS[-1])
        assert "new session" in told.message_hint and "shared_preload_libraries" in told.message_hint
        assert nearest(session) == found
    with server.connect(database) as session:
        move(session, VERSIONS[-1])
        assert session.execute(LIBRARY).fetchall() == THEIRS
        assert nearest(session) == found


def test_without_pgvectors_library(server, database, theirs):
    """As its package leaves a server when Conifer's takes its place."""
    create(server, database, theirs, "0.6.2", ITEMS)
    with server.connect(database) as session:
        session.execute("UPDATE pg_proc SET probin = '$libdir/away' WHERE probin = '$libdir/vector'")
    with server.connect(database) as session:
        with pytest.raises(psycopg.errors.UndefinedFile):
            session.execute("SELECT '[1]'::vector")
        move(session)
        assert nearest(session) and len(whole(session)) == 2
    with server.connect(database) as session:
        nearest(session)


@pytest.mark.parametrize("libraries", ["conifer", "vector, conifer"])
def test_preloaded(theirs, libraries):
    """With libraries that all sessions have from the start."""
    server = Cluster(18, "in-place-pre", {"shared_preload_libraries": libraries})
    try:
        server.create_database("moved")
        create(server, "moved", theirs, "0.8.2", ITEMS)
        with server.connect("moved") as session, server.connect("moved") as other:
            found = nearest(session)
            assert nearest(other) == found
            move(session)
            for one in (session, other):
                assert nearest(one) == found
                assert one.execute("SHOW hnsw.ef_search").fetchone() == ("400",)
        with server.connect("moved") as session:
            if libraries == "conifer":
                # Each session of a database with Conifer defines them at its first statement.
                told = refused(session, psycopg.errors.ObjectNotInPrerequisiteState, "cannot be loaded", VERSIONS[-1])
                assert "put vector before it" in told.message_hint
                assert nearest(session) == found
            else:
                move(session, VERSIONS[-1])
                assert session.execute(LIBRARY).fetchall() == THEIRS
                assert nearest(session) == found
    finally:
        server.destroy()


def test_conifer_and_dumps_afterwards(server, database, theirs, tmp_path):
    """A database that has come along is one as any other."""
    create(server, database, theirs, "0.8.0", ITEMS)
    moved(server, database)
    with server.connect(database) as session:
        session.execute("CREATE EXTENSION conifer")
        session.execute("SELECT pc_create_index('films', 3)")
        session.execute("""SELECT pc_upsert('films', '[{"id": "a", "values": [1, 2, 3]}]')""")
        found = nearest(session)
    server.run("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), database)
    server.create_database("restored")
    with server.connect("restored") as session:
        session.execute(f"ALTER DATABASE restored SET extension_control_path = '{OURS}:$system'")
    server.run("pg_restore", "--exit-on-error", "-d", "restored", str(tmp_path / "dump"))
    with server.connect("restored") as session:
        assert session.execute(LIBRARY).fetchall() == MINE
        assert nearest(session) == found
        assert session.execute("SELECT id FROM pc_query('films', '[1,2,3]')").fetchall() == [("a",)]
        assert len(whole(session)) > 2
    server.drop_database("restored")


@pytest.fixture(scope="module")
def halfway(tmp_path_factory):
    """Our files with a script that leaves indexes as they are."""
    place = tmp_path_factory.mktemp("halfway")
    readable(place)
    (place / "extension").mkdir()
    for file in (OURS / "extension").iterdir():
        text = file.read_text()
        (place / "extension" / file.name).write_text(text.replace("EXECUTE format('REINDEX", "PERFORM format('REINDEX"))
    return place


@pytest.mark.parametrize("index, method", [("items_hnsw", "hnsw"), ("items_ivfflat", "ivfflat")])
def test_an_index_of_pgvectors(server, database, theirs, halfway, index, method):
    """Served by our library, however that came about: all refuse it by its name, and it stays as it is until it is made anew."""
    create(server, database, theirs, fill="CREATE SCHEMA \"S\"; SET search_path = \"S\", public;" + ITEMS)
    with server.connect(database) as session:
        session.execute(f"""SET search_path = "S", public; DROP INDEX {({"items_hnsw", "items_ivfflat"} - {index}).pop()}""")
        move(session, path=halfway)
        assert session.execute(LIBRARY).fetchall() == MINE
    with server.connect(database) as session:
        session.execute("""SET search_path = "S", public; SET enable_seqscan = off; SET enable_sort = off""")
        file = f"SELECT md5(pg_read_binary_file(pg_relation_filepath('{index}')))"
        session.execute("CHECKPOINT")
        before = session.execute(file).fetchone()
        operator = "<->" if method == "hnsw" else "<#>"
        session.execute("DELETE FROM items WHERE id = 7")
        for statement in (
            f"SELECT id FROM items ORDER BY v {operator} '[1,2,3]' LIMIT 1", "INSERT INTO items VALUES (0, '[1,2,3]')", "UPDATE items SET v = '[1,2,3]' WHERE id = 1",
            "VACUUM items", f"SELECT * FROM hnsw_stats('{index}')", f"SELECT * FROM hnsw_size('{index}')", f"SELECT hnsw_recall('{index}', ARRAY['[1,2,3]'::vector])",
        ):  # fmt: skip
            with pytest.raises(psycopg.errors.FeatureNotSupported) as raised:
                session.execute(statement)
            assert raised.value.diag.message_primary == f'index "{index}" is in the format of pgvector\'s {method}', statement
            assert raised.value.diag.message_hint == f'Run REINDEX INDEX "S".{index}.'
        found = session.execute(f"SELECT finding FROM hnsw_check('{index}')").fetchall()
        assert found == [(f'index "{index}" is in the format of pgvector\'s {method}. Run REINDEX INDEX "S".{index}.',)]
        session.execute("CHECKPOINT")
        assert session.execute(file).fetchone() == before
        session.execute(f'REINDEX INDEX "S".{index}')
        session.execute("INSERT INTO items VALUES (0, '[1,2,3]')")
        session.execute("VACUUM items")
        assert len(whole(session)) == 1


def test_standby(server, theirs):
    """It follows, and its sessions as well."""
    server = Cluster(18, "in-place-main")
    standby = None
    try:
        server.create_database("moved")
        create(server, "moved", theirs, fill=ITEMS)
        standby = server.standby("in-place-standby")
        with server.connect("moved") as main, standby.connect("moved") as session:
            before = nearest(session)
            move(main)
            caught_up = "SELECT pg_last_wal_replay_lsn() >= %s"
            lsn = main.execute("SELECT pg_current_wal_flush_lsn()").fetchone()
            while not session.execute(caught_up, lsn).fetchone()[0]:
                time.sleep(0.05)
            assert session.execute(LIBRARY).fetchall() == MINE
            assert nearest(session) == before
            assert len(whole(main)) == 2
    finally:
        if standby:
            standby.destroy()
        server.destroy()


def test_what_the_document_says(server, database, theirs):
    """Its commands, one after the other, each in a session of its own."""
    create(server, database, theirs, fill=ITEMS)
    with server.connect(database) as session:
        session.execute(f"ALTER DATABASE {database} SET extension_control_path = '{OURS}:$system'")
    text = (ROOT / "docs/coming-from-pgvector.md").read_text()
    commands = re.findall(r"^psql -d shop (.*ALTER EXTENSION.*)$", text, re.MULTILINE)
    assert len(commands) == 2
    for command, library in zip(commands, [MINE, THEIRS]):
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", database, *shlex.split(command))
        with server.connect(database) as session:
            assert session.execute(LIBRARY).fetchall() == library
    assert f"pgvector {VERSIONS[0]} to {VERSIONS[-1]}" in text


def test_where_pgvectors_files_are_back(server, database, theirs, tmp_path):
    """Its control file beside our scripts: both ways, by their versions."""
    readable(tmp_path)
    (tmp_path / "extension").mkdir()
    for place in (OURS, theirs):
        for file in (place / "extension").iterdir():
            (tmp_path / "extension" / file.name).write_text(file.read_text())
    create(server, database, theirs, fill=ITEMS)
    with server.connect(database) as session:
        found = nearest(session)
        for to, library in ((version_of("vector"), MINE), (VERSIONS[-1], THEIRS)):
            move(session, to, tmp_path)
            assert session.execute(LIBRARY).fetchall() == library
            assert nearest(session) == found


def test_of_another_holder(server, database):
    """An extension that is labelled as pgvector's is looked at, not believed."""
    with server.connect(database) as session:
        session.execute(f"SET extension_control_path = '{OURS}:$system'")
        session.execute("CREATE EXTENSION conifer; CREATE EXTENSION vector; UPDATE pg_extension SET extversion = '0.8.6' WHERE extname = 'vector'")
        told = refused(session, psycopg.errors.ObjectNotInPrerequisiteState, 'access method "hnsw" is not of extension "vector"')
        assert 'extension "conifer"' in told.message_detail and "create it again" in told.message_hint
        session.execute("DROP EXTENSION conifer CASCADE; CREATE EXTENSION vector; UPDATE pg_extension SET extversion = '0.8.6' WHERE extname = 'vector'")
        session.execute(ITEMS)
        move(session)
        assert len(whole(session)) == 2 and nearest(session)
        session.execute("ALTER EXTENSION vector DROP ACCESS METHOD ivfflat; UPDATE pg_extension SET extversion = '0.8.6' WHERE extname = 'vector'")
        told = refused(session, psycopg.errors.ObjectNotInPrerequisiteState, 'access method "ivfflat" is not of extension "vector"')
        assert "It belongs to no extension" in told.message_detail


def test_an_index_made_at_the_same_moment(server, database, theirs):
    """One that nobody else can see yet stays pgvector's: its session uses it as such, the others are told, and REINDEX helps."""
    create(server, database, theirs, fill=ITEMS)
    with server.connect(database) as maker, server.connect(database) as session:
        maker.execute("BEGIN; CREATE TABLE late AS SELECT i AS id, ARRAY[i, 1, 2]::vector(3) AS v FROM generate_series(1, 500) i; CREATE INDEX late_v ON late USING hnsw (v vector_l2_ops)")
        move(session)
        maker.execute("INSERT INTO late VALUES (-1, '[1,2,3]'); COMMIT")
        for one in (maker, session):
            one.execute("SET enable_seqscan = off")
        by_index = "SELECT count(*) FROM (SELECT FROM late ORDER BY v <-> '[1,2,3]' LIMIT 40) s"
        insert = "INSERT INTO late VALUES (-2, '[1,2,3]')"
        for statement in (by_index, insert, "VACUUM late"):
            with pytest.raises(psycopg.errors.FeatureNotSupported) as raised:
                session.execute(statement)
            assert raised.value.diag.message_hint == "Run REINDEX INDEX public.late_v."
        session.execute("REINDEX INDEX public.late_v")
        for one in (maker, session):
            one.execute(insert)
            assert one.execute(by_index).fetchone() == (40,)
        maker.execute("DELETE FROM late WHERE id = -1")
        maker.execute("VACUUM late")
        assert len(whole(maker)) == 3
