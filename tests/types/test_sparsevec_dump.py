"""Tables with a `sparsevec` column through pg_dump, a crash and a COPY that fails."""

import psycopg
import pytest

FILL = """
    CREATE TABLE t (
        id int PRIMARY KEY,
        v sparsevec(20000) DEFAULT '{1:0.5,3:2}/20000',
        w sparsevec,
        CHECK (sparsevec_send(v) IS NOT NULL)
    );
    INSERT INTO t SELECT n, ('{' || string_agg(i || ':' || i / 7.0, ',') || '}/20000')::sparsevec, '{}/1000000000'
        FROM unnest(ARRAY[1, 10, 100, 1000, 16000]) n, generate_series(1, n) i GROUP BY n;
    INSERT INTO t (id) VALUES (0);
    CREATE VIEW seen AS SELECT id, v::sparsevec(20000) AS v FROM t WHERE w::text <> '{1:1}/1';
    CREATE INDEX t_text ON t (md5(v::text));
    CREATE INDEX t_v ON t (v) WHERE id < 1000 AND v <-> '{}/20000' < 1e9;
    CREATE VIEW near AS SELECT id, v <=> '{1:1}/20000' AS cosine, l2_norm(w) AS norm FROM t ORDER BY v;
"""

CONTENT = "SELECT id, v::text, sparsevec_send(v), w::text FROM t ORDER BY id"


@pytest.mark.parametrize("form", ["plain", "inserts", "custom"])
def test_dump_and_restore(server, db, database, empty_database, form, tmp_path):
    db.execute(FILL)
    before = db.execute(CONTENT).fetchall()
    if form == "custom":
        server.run("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), database)
        server.run("pg_restore", "--exit-on-error", "-d", empty_database, str(tmp_path / "dump"))
    else:
        dump = server.run("pg_dump", *(["--inserts"] if form == "inserts" else []), database)
        assert "sparsevec(20000) DEFAULT '{1:0.5,3:2}/20000'::public.sparsevec" in dump
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database, stdin=dump)
    with server.connect(empty_database) as restored:
        assert len(before) == 6 and restored.execute(CONTENT).fetchall() == before
        assert restored.execute("SELECT count(*) FROM seen").fetchone() == (5,)
        near = "SELECT id, cosine, norm FROM near"
        assert restored.execute(near).fetchall() == db.execute(near).fetchall()


def test_crash(server, database, connect):
    session = connect()
    session.execute(FILL)
    before = session.execute(CONTENT).fetchall()
    session.close()
    server.crash()
    server.resume()
    assert connect().execute(CONTENT).fetchall() == before


def test_a_refused_row_leaves_nothing_behind(db):
    db.execute("CREATE TABLE t (v sparsevec(3))")
    for refused in ("{4:1}/3", "{1:1}/4", "{1:1,1:2}/3", "{1:nan}/3", "nonsense"):
        with pytest.raises(psycopg.DataError, match="sparsevec|expected 3 dimensions, not 4") as error:
            with db.cursor().copy("COPY t FROM STDIN") as stream:
                stream.write(f"{{1:1}}/3\n{refused}\n")
        assert error.value.diag.context.startswith("COPY t, line 2, column v")
        assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)
