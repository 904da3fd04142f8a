"""pg_dump | psql into a new database: the same indexes, the same answers."""

import pytest

QUERIES = [
    "SELECT name, dimension, metric, tags, spec, deletion_protection, created_at FROM pc_list_indexes()",
    "SELECT * FROM pc_query('cos', '[1,2,3]', include_values => true, include_metadata => true)",
    "SELECT * FROM pc_query('euc', '[1,2,3]', namespace => 'it''s')",
    "SELECT * FROM pc_query('dot', id => 'r5', top_k => 3)",
    "SELECT * FROM pc_fetch('cos', ARRAY['r1', 'r2'])",
    "SELECT * FROM pc_list('euc', namespace => 'it''s')",
    "SELECT pc_describe_index_stats('cos'), pc_describe_index_stats('euc')",
    "SELECT total, avg FROM summary",
]


@pytest.fixture
def filled(db, database):
    """A database with three indexes, a gap in their numbers, and a view over one of them."""
    for name, metric in [("cos", "cosine"), ("gone", "cosine"), ("euc", "euclidean"), ("dot", "dotproduct")]:
        db.execute(
            """SELECT pc_create_index(%s, 3, %s, tags => '{"env": "test"}', spec => '{"pod": {"environment": "x"}}')""",
            [name, metric],
        )
    db.execute("SELECT pc_delete_index('gone')")
    db.execute("SELECT pc_configure_index('dot', deletion_protection => 'enabled')")
    for index, namespace in [("cos", ""), ("euc", "it's"), ("dot", "")]:
        db.execute(
            """SELECT pc_upsert(%s, jsonb_agg(jsonb_build_object('id', 'r' || i, 'values', ARRAY[i, sqrt(i), -i],
                      'metadata', jsonb_build_object('n', i, 'l', ARRAY['a', i::text])))
                 , %s) FROM generate_series(1, 50) i""",
            [index, namespace],
        )
    table = db.execute("SELECT table_name::text FROM pc_describe_index('cos')").fetchone()[0]
    db.execute(f'CREATE VIEW summary AS SELECT count(*) AS total, avg("values") AS avg FROM {table}')
    return database


def answers(db):
    return [db.execute(query).fetchall() for query in QUERIES]


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_dump_and_restore(server, db, filled, empty_database, form, tmp_path):
    before = answers(db)
    if form == "plain":
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database, stdin=server.run("pg_dump", filled))
    else:
        server.run("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), filled)
        server.run("pg_restore", "--exit-on-error", "-d", empty_database, str(tmp_path / "dump"))
    with server.connect(empty_database) as restored:
        assert answers(restored) == before
        # life goes on there: numbers are not given out twice, names are still taken, rules still hold
        restored.execute("SELECT pc_create_index('new', 2)")
        assert restored.execute("SELECT count(*) FROM pc_list_indexes() WHERE ready").fetchone() == (4,)
        for refused in [
            "SELECT pc_create_index('cos', 3)",
            "SELECT pc_delete_index('dot')",
            """SELECT pc_upsert('cos', '[{"id": "bad", "values": [0, 0, 0]}]')""",
        ]:
            with pytest.raises(Exception):
                restored.execute(refused)
        restored.execute("DROP VIEW summary")
        restored.execute("SELECT pc_delete_index('cos')")
        # a dump of the restored database restores as well
        assert "i_1" not in server.run("pg_dump", empty_database)


def test_schema_only_dump_restores(server, filled, empty_database):
    """The tables come back without their registry; new indexes step around them."""
    server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database,
               stdin=server.run("pg_dump", "--schema-only", filled))
    with server.connect(empty_database) as restored:
        assert restored.execute("SELECT count(*) FROM pc_list_indexes()").fetchone() == (0,)
        assert restored.execute("SELECT ready FROM pc_create_index('new', 2)").fetchone() == (True,)
