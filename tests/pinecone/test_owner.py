"""What the owner of an index's table may do to it, and what the functions then say. Never a crash."""

import psycopg
import pytest


@pytest.fixture
def table(db):
    """The table of an index of one record."""
    name = db.execute("SELECT table_name::text FROM pc_create_index('mine', 2)").fetchone()[0]
    db.execute("""SELECT pc_upsert('mine', '[{"id": "x", "values": [1, 0], "metadata": {"k": "v"}}]')""")
    return name


QUERIES = [
    "SELECT * FROM pc_query('mine', id => 'x')",
    "SELECT * FROM pc_query('mine', '[1,2]', include_values => true, include_metadata => true)",
    "SELECT * FROM pc_fetch('mine', ARRAY['x'])",
    "SELECT * FROM pc_list('mine')",
    "SELECT pc_describe_index_stats('mine')",
    """SELECT pc_upsert('mine', '[{"id": "y", "values": [1, 0]}]')""",
    "SELECT pc_delete('mine', ARRAY['y'])",
]


def outcomes(db):
    """SQLSTATE of each query, None where it works. The session must survive all of them."""
    states = []
    for query in QUERIES:
        try:
            db.execute(query)
            states.append(None)
        except psycopg.Error as error:
            states.append(error.sqlstate)
    assert db.execute("SELECT 1").fetchone() == (1,)
    return states


def test_values_of_another_type(db, table):
    """A bigint where a vector is expected would be a pointer of the owner's choice."""
    db.execute(f"ALTER TABLE {table} DROP CONSTRAINT values_valid")
    (index,) = db.execute(
        "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class c ON c.oid = indexrelid JOIN pg_am a ON a.oid = relam"
        " WHERE indrelid = %s::regclass AND amname = 'hnsw'", [table]
    ).fetchone()
    db.execute(f"DROP INDEX {index}")
    db.execute(f'ALTER TABLE {table} ALTER "values" TYPE bigint USING 81985529216486895')
    states = outcomes(db)
    assert states[0] == "42804" and None not in states[:3], states


@pytest.mark.parametrize("value", ["5::int", "'[1,2]'::text", "'{1:1}/2'::sparsevec", "ARRAY[1,2]::real[]"])
def test_view_in_place_of_the_table(db, table, value):
    db.execute(f"DROP TABLE {table}")
    db.execute(f"""CREATE VIEW {table} AS SELECT ''::text AS namespace, 'x'::text AS id, {value} AS "values",
                   NULL::sparsevec AS sparse_values, '{{}}'::jsonb AS metadata""")
    assert outcomes(db)[0] == "42804"
    assert db.execute("SELECT ready FROM pc_describe_index('mine')").fetchone() == (False,)


def test_other_columns(db, table):
    db.execute(f"ALTER TABLE {table} ADD COLUMN note text DEFAULT 'n', ADD COLUMN twice int GENERATED ALWAYS AS (2) STORED")
    assert outcomes(db) == [None] * 7
    db.execute(f"ALTER TABLE {table} ALTER id TYPE varchar(700)")
    assert outcomes(db) == [None] * 7
    db.execute(f"DROP INDEX {table}_namespace_metadata_idx, {table}_namespace_values_metadata_idx")
    db.execute(f"ALTER TABLE {table} DROP CONSTRAINT metadata_valid, ALTER metadata DROP DEFAULT, ALTER metadata TYPE text")
    assert set(outcomes(db)) == {None, "42804"}
    db.execute(f"ALTER TABLE {table} DROP COLUMN metadata")
    assert set(outcomes(db)) == {None, "42703"}


def test_table_dropped_by_hand(db, table):
    db.execute(f"DROP TABLE {table}")
    assert outcomes(db) == ["42P01"] * 7
    db.execute("SELECT pc_delete_index('mine')")
    assert db.execute("SELECT pc_has_index('mine')").fetchone() == (False,)


def test_policies_of_the_owner(server, db, database, table):
    """A restrictive policy that is added by hand holds beside ours, in the functions as in any SQL."""
    db.execute("DROP ROLE IF EXISTS reader; CREATE ROLE reader LOGIN")
    try:
        with server.connect(database, user="reader") as reader:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match='role "reader" has no access'):
                reader.execute(QUERIES[0])
            db.execute("SELECT pc_grant_role('reader', 'DataPlaneViewer')")
            db.execute("""SELECT pc_upsert('mine', '[{"id": "hidden", "values": [1, 0]}]')""")
            db.execute(f"CREATE POLICY visible ON {table} AS RESTRICTIVE FOR SELECT TO reader USING (id <> 'hidden')")
            assert reader.execute("SELECT id FROM pc_query('mine', '[1,0]')").fetchall() == [("x",)]
            assert reader.execute("SELECT id FROM pc_query('mine', id => 'hidden')").fetchall() == []
            assert reader.execute("SELECT id FROM pc_list('mine')").fetchall() == [("x",)]
            assert reader.execute("SELECT pc_describe_index_stats('mine')->'totalVectorCount'").fetchone() == (1,)
            assert reader.execute(f"SELECT id FROM {table}").fetchall() == [("x",)]
            for refused in QUERIES[5:]:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    reader.execute(refused)
    finally:
        db.execute("SELECT pc_revoke_role('reader', 'DataPlaneViewer'); DROP OWNED BY reader; DROP ROLE reader")


def test_more_statements_than_are_kept(db):
    """A session that uses more indexes than it keeps plans for goes on working."""
    db.execute("SELECT pc_create_index('i' || n, 2) FROM generate_series(1, 400) n")
    for _ in range(2):
        db.execute("""SELECT pc_upsert('i' || n, '[{"id": "a", "values": [1, 0]}]') FROM generate_series(1, 400) n""")
        count = db.execute(
            """SELECT count(*) FROM generate_series(1, 400) n, pc_query('i' || n, '[1,0]'), pc_fetch('i' || n, '{a}'), pc_list('i' || n)"""
        ).fetchone()
        assert count == (400,)


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII", "EUC_JP"])
def test_other_encodings_are_refused(server, empty_database, encoding):
    name = f"{empty_database}_{encoding.lower()}"
    with server.connect("postgres") as admin:
        admin.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' TEMPLATE template0 LOCALE 'C'")
    try:
        with server.connect(name) as db:
            db.execute("CREATE EXTENSION conifer")
            with pytest.raises(psycopg.errors.FeatureNotSupported, match="UTF8"):
                db.execute("SELECT pc_create_index('a', 2)")
            assert db.execute("SELECT '[1,2]'::vector <-> '[1,2]'").fetchone() == (0.0,)
    finally:
        server.drop_database(name)


def test_writer_sees_what_its_statement_made(db):
    db.execute(
        """WITH made AS MATERIALIZED (SELECT name FROM pc_create_index('fresh', 2))
           SELECT pc_upsert(name, '[{"id": "x", "values": [1, 0]}]') FROM made"""
    )
    assert db.execute("SELECT id FROM pc_list('fresh')").fetchall() == [("x",)]
