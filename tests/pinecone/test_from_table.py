"""An index over a user's table: whose it is, who reads it, dumps and restores."""

import psycopg
import pytest

from tests.pinecone.access.world import create_key, refusal, state

TABLE = """
    CREATE TABLE docs (id text COLLATE "C" PRIMARY KEY, title text, embedding vector(3) NOT NULL, metadata jsonb NOT NULL DEFAULT '{}');
    INSERT INTO docs SELECT 'd' || i, 't' || i, ARRAY[i, 1, 2]::vector, jsonb_build_object('n', i) FROM generate_series(1, 50) i;
    CREATE TABLE spaced (namespace text COLLATE "C" NOT NULL DEFAULT '', id text COLLATE "C", "values" vector(3) NOT NULL,
        metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id));
    INSERT INTO spaced SELECT 'n' || i % 3, 's' || i, ARRAY[i, 1, 2]::vector, jsonb_build_object('n', i) FROM generate_series(1, 30) i;
"""
QUERIES = [
    "SELECT name, dimension, metric, status, source_table::text FROM pc_list_indexes()",
    "SELECT id, score, metadata FROM pc_query('docs', '[1,2,3]', include_metadata => true, filter => '{\"n\": {\"$gt\": 10}}')",
    "SELECT id, score FROM pc_query('spaced', '[1,2,3]', namespace => 'n1')",
    "SELECT namespace, id FROM pc_query_namespaces('spaced', '[1,2,3]', NULL)",
    "SELECT * FROM pc_list('docs')",
    "SELECT pc_describe_index_stats('docs'), pc_describe_index_stats('spaced')",
]


@pytest.fixture
def made(db):
    """A session in a database with two tables that are indexes."""
    db.execute(TABLE)
    for table in ("docs", "spaced"):
        db.execute("SELECT pc_create_index(%s, from_table => %s::regclass)", [table, table])
    return db


@pytest.fixture
def roles(db, database):
    """Two ordinary roles, the first of which may make indexes."""
    names = [f"{database}_{name}" for name in ("ann", "bob")]
    for name in names:
        db.execute(f"DROP ROLE IF EXISTS {name}; CREATE ROLE {name} LOGIN; GRANT ALL ON SCHEMA public TO {name}")
    db.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'default')", [names[0]])
    yield names
    for name in names:
        db.execute(f"DELETE FROM pc_auth.member WHERE member = '{name}'; DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def answers(db):
    return [db.execute(query).fetchall() for query in QUERIES]


@pytest.mark.parametrize("how", ["plain", "parallel"])
def test_dump_and_restore(server, made, database, empty_database, how, tmp_path):
    before = answers(made)
    if how == "plain":
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database, stdin=server.run("pg_dump", database))
    else:
        server.run("pg_dump", "-Fd", "-f", str(tmp_path / "dump"), database)
        server.run("pg_restore", "--exit-on-error", "-j", "4", "-d", empty_database, str(tmp_path / "dump"))
    with server.connect(empty_database) as restored:
        assert answers(restored) == before
        # the rules still hold, writes go to the same table, and the index can go
        assert state(restored, """SELECT pc_upsert('docs', '[{"id": "z", "values": [0, 0, 0]}]')""") == "22023"
        assert restored.execute("""SELECT pc_upsert('docs', '[{"id": "z", "values": [0, 0, 1]}]')""").fetchone() == (1,)
        assert restored.execute("SELECT embedding::text FROM docs WHERE id = 'z'").fetchone() == ("[0,0,1]",)
        restored.execute("SELECT pc_delete_index('docs')")
        assert restored.execute("SELECT count(*) FROM docs").fetchone() == (51,)
        assert "conifer_" not in server.run("pg_dump", "-t", "docs", empty_database)


def test_only_the_owner_makes_an_index_of_a_table(db, roles, connect):
    ann, bob = roles
    db.execute(TABLE)
    db.execute(f"ALTER TABLE docs OWNER TO {bob}; GRANT SELECT, INSERT, UPDATE, DELETE, REFERENCES, TRIGGER ON docs TO {ann}")
    error = refusal(connect(user=ann), "SELECT pc_create_index('docs', from_table => 'docs')")
    assert (error.sqlstate, error.diag.message_primary) == ("42501", "must be owner of table public.docs")
    # the owner without a role of Pinecone's, and keys, which own no tables
    assert state(connect(user=bob), "SELECT pc_create_index('docs', from_table => 'docs')") == "42501"
    for options in [{"general": "All"}, {"control_plane": "ReadOnly", "data_plane": "ReadWrite"}]:
        key, _ = create_key(db, **options)
        assert state(connect(user=key), "SELECT pc_create_index('docs', from_table => 'docs')") == "42501"
    db.execute(f"ALTER TABLE docs OWNER TO {ann}")
    assert connect(user=ann).execute("SELECT ready FROM pc_create_index('docs', from_table => 'docs')").fetchone() == (True,)


def test_a_table_keeps_its_owner_and_readers(db, roles, connect):
    ann, bob = roles
    db.execute(TABLE)
    db.execute(f"ALTER TABLE docs OWNER TO {ann}; GRANT SELECT, INSERT (id, embedding) ON docs TO {bob}")
    owner, reader = connect(user=ann), connect(user=bob)
    owner.execute("SELECT pc_create_index('docs', from_table => 'docs')")
    assert reader.execute("SELECT count(*) FROM docs").fetchone() == (50,)
    reader.execute("INSERT INTO docs (id, embedding) VALUES ('bob''s', '[1,1,1]')")
    assert state(reader, "DELETE FROM docs") == "42501"
    assert state(reader, "SELECT * FROM pc_query('docs', '[1,2,3]')") == "42501"
    assert state(reader, "SELECT * FROM pc_data.i_1") == "42501"
    owner.execute("ALTER TABLE docs ADD COLUMN more int; CREATE INDEX ON docs (more); ALTER TABLE docs RENAME TO papers")
    assert owner.execute("SELECT count(*) FROM pc_query('docs', '[1,2,3]', 100)").fetchone() == (51,)
    owner.execute("SELECT pc_delete_index('docs'); DROP TABLE papers")


def test_keys_read_and_write_what_they_may(made, connect):
    some, _ = create_key(made, general="All", namespaces='{"spaced": ["n1"]}')
    reads, _ = create_key(made, control_plane="None", data_plane="ReadOnly")
    nothing, _ = create_key(made, control_plane="ReadWrite", data_plane="None")
    some, reads, nothing = (connect(user=key) for key in (some, reads, nothing))
    view, docs = (f"pc_data.i_{n}" for n in (2, 1))

    # within its namespace: the functions, and the view
    assert some.execute("SELECT count(*) FROM pc_query('spaced', '[1,1,1]', 100, 'n1')").fetchone() == (10,)
    assert some.execute(f"SELECT array_agg(DISTINCT namespace) FROM {view}").fetchone() == (["n1"],)
    assert some.execute("""SELECT pc_upsert('spaced', '[{"id": "k", "values": [1, 1, 1]}]', 'n1')""").fetchone() == (1,)
    assert some.execute(f"UPDATE {view} SET metadata = '{{}}'").rowcount == 11
    assert some.execute("SELECT pc_describe_index_stats('spaced')").fetchone()[0]["totalVectorCount"] == 11
    # nothing else of it, nor of the other index, nor the table behind it
    for statement, refused in [
        ("SELECT * FROM pc_query('spaced', '[1,1,1]', namespace => 'n2')", "42501"),
        ("SELECT * FROM pc_query('docs', '[1,1,1]')", "42P01"),
        (f"SELECT * FROM {docs}", "42501"),
        (f"INSERT INTO {view} (namespace, id, \"values\", metadata) VALUES ('n2', 'k', '[1,1,1]', '{{}}')", "42501"),
        (f"UPDATE {view} SET namespace = 'n2'", "42501"),
        ("SELECT * FROM spaced", "42501"),
        ("DELETE FROM spaced", "42501"),
    ]:
        assert state(some, statement) == refused, statement
    assert some.execute(f"DELETE FROM {view} WHERE namespace = 'n2'").rowcount == 0

    assert reads.execute("SELECT count(*) FROM pc_query('docs', '[1,1,1]', 100)").fetchone() == (50,)
    assert reads.execute(f"SELECT count(*) FROM {docs}").fetchone() == (50,)
    assert state(reads, "SELECT pc_delete('docs', '{d1}')") == "42501"
    assert state(reads, f"DELETE FROM {docs}") == "42501"
    assert state(nothing, f"SELECT * FROM {docs}") == "42501"
    assert state(nothing, "SELECT * FROM pc_query('docs', '[1,1,1]')") == "42501"
    # a key that may delete indexes takes the index away, and nothing of the user's
    nothing.execute("SELECT pc_delete_index('docs')")
    assert made.execute("SELECT count(*) FROM docs").fetchone() == (50,)


def test_pooled_sessions_are_judged_by_their_key(made, roles, connect):
    _, secret = create_key(made, control_plane="None", data_plane="ReadOnly")
    made.execute(f"GRANT conifer_gateway TO {roles[1]}")
    pooled = connect(user=roles[1])
    assert state(pooled, "SELECT count(*) FROM pc_data.i_1") == "42501"
    with pooled.transaction():
        pooled.execute("SELECT pc_use_key(%s)", [secret])
        assert pooled.execute("SELECT count(*) FROM pc_data.i_1").fetchone() == (50,)
        for write in ("DELETE FROM pc_data.i_1", """INSERT INTO pc_data.i_1 (id, "values", metadata) VALUES ('x', '[1,1,1]', '{}')"""):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), pooled.transaction():
                pooled.execute(write)
    assert made.execute("SELECT count(*) FROM docs").fetchone() == (50,)


def test_the_index_is_used(made):
    """The plan of a query through the view is that of a query of an index's own table."""
    made.execute("""INSERT INTO docs SELECT 'e' || i, '', ARRAY[random(), random(), random()]::vector, jsonb_build_object('n', i)
                    FROM generate_series(1, 5000) i""")
    made.execute("ANALYZE docs")
    for condition in ("true", """metadata @@@ '{"n": {"$gt": 3000}}'"""):
        plan = made.execute(f"""EXPLAIN (COSTS OFF) SELECT id FROM pc_data.i_1 WHERE namespace = '' AND {condition}
                                ORDER BY "values" <=> '[1,2,3]' LIMIT 5""").fetchall()
        assert "conifer_1_graph" in str(plan), plan


def test_two_sessions_make_an_index_of_one_table(made, connect):
    made.execute("SELECT pc_delete_index('docs')")
    one, other = connect(autocommit=False), connect()
    one.execute("SELECT pc_create_index('one', from_table => 'docs')")
    other.execute("SET lock_timeout = '300ms'")
    assert state(other, "SELECT pc_create_index('other', from_table => 'docs')") == "55P03"
    one.commit()
    assert state(other, "SELECT pc_create_index('other', from_table => 'docs')") == "42710"


def test_the_report_leaves_out_the_view_of_the_index(made):
    """But not a view of somebody's over it."""
    report = "SELECT state, found FROM pc_security_report() WHERE item LIKE 'views that show records%'"
    assert made.execute(report).fetchone() == ("ok", "none")
    made.execute("CREATE VIEW public.shown AS SELECT * FROM pc_data.i_1; GRANT SELECT ON public.shown TO PUBLIC")
    assert made.execute(report).fetchone() == ("warn", "public.shown")
