"""Tables with a `vector` or `halfvec` column through pg_dump, with what may hang on such a column."""

import psycopg
import pytest

from tests.types.vector_expressions import halved

FILL = """
    CREATE TABLE t (
        id int PRIMARY KEY,
        v vector(3) NOT NULL DEFAULT '[0.1,-2,3e-05]',
        w vector,
        longer vector GENERATED ALWAYS AS (v || w) STORED,
        CHECK (vector_norm(v) < 100),
        CHECK (w IS NULL OR vector_dims(w) <> 2)
    );
    INSERT INTO t (id, v, w)
        SELECT i, ARRAY[i, -i, i / 7.0], array_fill(i / 3.0, ARRAY[n])::vector
        FROM unnest(ARRAY[1, 30, 400, 1536, 15997]) WITH ORDINALITY x(n, i);
    INSERT INTO t (id) VALUES (0);
    CREATE UNIQUE INDEX t_v ON t (v);
    CREATE INDEX t_norm ON t (l2_distance(v, '[1,2,3]')) WHERE v > '[0,0,0]';
    CREATE VIEW seen AS SELECT avg(v) AS mean, sum(v * '[1,2,3]') AS sum, min(v <-> '[1,2,3]') AS nearest FROM t WHERE v < '[9]'::vector;
    CREATE TABLE parts (v vector(2)) PARTITION BY RANGE (v);
    CREATE TABLE low PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('[0.5,0]');
    INSERT INTO parts VALUES ('[0,1]'), ('[0.5,-1]');
    CREATE DOMAIN unit AS vector(2) CHECK (vector_norm(VALUE) = 1);
    CREATE TABLE units (v unit, many vector[]);
    INSERT INTO units VALUES ('[0,-1]', ARRAY['[1]', NULL, '[2,3]']::vector[]);
"""

CONTENT = {
    "t": "SELECT id, v::text, vector_send(v), vector_send(w), vector_dims(longer) FROM t ORDER BY id",
    "seen": "SELECT mean::text, sum::text, nearest FROM seen",
    "parts": "SELECT tableoid::regclass::text, v::text FROM parts ORDER BY v",
    "units": "SELECT v::text, many::text FROM units",
    "columns": """SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attstorage FROM pg_attribute
        WHERE attrelid IN ('t'::regclass, 'parts'::regclass, 'units'::regclass) AND attnum > 0 ORDER BY 1, attnum""",
}


# How statements are put for a type, and its column with a default in a dump.
TYPES = {
    "vector": (lambda statement: statement, "vector(3) DEFAULT '[0.1,-2,3e-05]'::public.vector NOT NULL"),
    "halfvec": (halved, "halfvec(3) DEFAULT '[0.099975586,-2,2.9981136e-05]'::public.halfvec NOT NULL"),
}


@pytest.mark.parametrize("form", ["plain", "inserts", "custom"])
@pytest.mark.parametrize("name", TYPES)
def test_dump_and_restore(server, db, database, empty_database, name, form, tmp_path):
    put, column = TYPES[name]
    db.execute(put(FILL))
    content = {name: put(query) for name, query in CONTENT.items()}
    before = {name: db.execute(query).fetchall() for name, query in content.items()}
    assert [len(rows) for rows in before.values()] == [6, 1, 2, 1, 7]
    if form == "custom":
        server.run("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), database)
        server.run("pg_restore", "--exit-on-error", "-d", empty_database, str(tmp_path / "dump"))
    else:
        dump = server.run("pg_dump", *(["--inserts"] if form == "inserts" else []), database)
        assert column in dump
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database, stdin=dump)
    with server.connect(empty_database) as restored:
        assert {name: restored.execute(query).fetchall() for name, query in content.items()} == before
        with pytest.raises(psycopg.errors.UniqueViolation):
            restored.execute("INSERT INTO t (id, v) VALUES (9, '[1,-1,0.14285715]')")


def test_another_schema(server, empty_database):
    """The type works from a schema that is not in the search path, and is restored there."""
    with server.connect(empty_database) as session:
        session.execute("CREATE SCHEMA elsewhere; CREATE EXTENSION conifer SCHEMA elsewhere")
        session.execute("CREATE TABLE t (v elsewhere.vector(2))")
        session.execute("INSERT INTO t VALUES ('[3,4]'), (ARRAY[0,1])")
        rows = session.execute("SELECT v OPERATOR(elsewhere.<->) '[0,0]' FROM t ORDER BY v").fetchall()
        assert rows == [(1.0,), (5.0,)]
        assert session.execute("SELECT elsewhere.avg(v)::text FROM t").fetchone() == ("[1.5,2.5]",)
        with pytest.raises(psycopg.errors.UndefinedObject):
            session.execute("SELECT '[1]'::vector")
        dump = server.run("pg_dump", empty_database)
        assert "v elsewhere.vector(2)" in dump
