"""An index is an ordinary table: people select from it, join it, reference it and copy it."""

import io

import psycopg
import pytest

RECORDS = """[
    {"id": "a", "values": [1, 0.5, -2], "metadata": {"genre": "drama", "tags": ["x", "y\\t\\\\"]}},
    {"id": "b'\\"\\\\\\t;", "values": [0.1, 1e-7, 3e38]},
    {"id": "c", "values": [0.30000001, 2, 1]}]"""


@pytest.fixture
def index(db):
    """An index of three records in two namespaces; the name of its table."""
    table = db.execute("SELECT table_name::text FROM pc_create_index('things', 3, 'euclidean')").fetchone()[0]
    db.execute("SELECT pc_upsert('things', %s), pc_upsert('things', %s, 'other; \"ns\"')", [RECORDS, RECORDS])
    return table


def everything(db, table):
    return db.execute(f'SELECT namespace, id, "values"::text, metadata FROM {table} ORDER BY 1, 2').fetchall()


def test_select_and_join(db, index):
    db.execute("CREATE TABLE owner (thing text, name text)")
    db.execute("INSERT INTO owner VALUES ('a', 'Ann'), ('c', 'Cy')")
    rows = db.execute(
        f"""SELECT o.name, i.metadata->>'genre' FROM {index} i JOIN owner o ON o.thing = i.id
            WHERE i.namespace = '' ORDER BY i."values" <-> '[0,2,1]' """
    ).fetchall()
    assert rows == [("Cy", None), ("Ann", "drama")]


def test_function_joins_table(db, index):
    rows = db.execute(
        f"""SELECT q.id, q.score, i."values" = q."values" FROM pc_query('things', id => 'a', include_values => true) q
            JOIN {index} i ON i.id = q.id AND i.namespace = '' ORDER BY q.score LIMIT 1"""
    ).fetchall()
    assert rows == [("a", 0.0, True)]


def test_foreign_key_cascades(db, index):
    db.execute(
        f"""CREATE TABLE note (namespace text DEFAULT '', id text, body text,
            FOREIGN KEY (namespace, id) REFERENCES {index} ON DELETE CASCADE)"""
    )
    db.execute("INSERT INTO note (id, body) VALUES ('a', 'about a'), ('c', 'about c')")
    assert db.execute("SELECT pc_delete('things', ARRAY['a'])").fetchone() == (1,)
    assert db.execute("SELECT body FROM note").fetchall() == [("about c",)]


@pytest.mark.parametrize("options", ["", "(FORMAT binary)", "(FORMAT csv)"], ids=["text", "binary", "csv"])
def test_copy_out_and_in(db, index, options):
    before = everything(db, index)
    queried = db.execute("SELECT id, score FROM pc_query('things', '[1,1,1]')").fetchall()
    buffer = io.BytesIO()
    with db.cursor().copy(f"COPY {index} TO STDOUT {options}") as out:
        for block in out:
            buffer.write(block)
    db.execute(f"DELETE FROM {index}")
    with db.cursor().copy(f"COPY {index} FROM STDIN {options}") as into:
        into.write(buffer.getvalue())
    assert everything(db, index) == before
    assert db.execute("SELECT id, score FROM pc_query('things', '[1,1,1]')").fetchall() == queried


def test_insert_select_beyond_the_limit_of_a_call(db, index):
    db.execute(
        f"""INSERT INTO {index} (namespace, id, "values")
            SELECT 'bulk', 'n' || i, ARRAY[i, 1, 0]::vector FROM generate_series(1, 5000) i"""
    )
    rows = db.execute("SELECT id, score FROM pc_query('things', '[7,1,0]', 3, 'bulk')").fetchall()
    assert rows == [("n7", 0.0), ("n6", 1.0), ("n8", 1.0)]
    stats = db.execute("SELECT pc_describe_index_stats('things')").fetchone()[0]
    assert stats["namespaces"]["bulk"]["vectorCount"] == 5000
    assert stats["totalVectorCount"] == 5006


def test_fan_out_of_top_k(db, index):
    db.execute(
        f"""INSERT INTO {index} (namespace, id, "values")
            SELECT 'bulk', i::text, ARRAY[i, 1, 0]::vector FROM generate_series(1, 12000) i"""
    )
    count = "SELECT count(*), count(DISTINCT id) FROM pc_query('things', '[1,1,0]', %s, 'bulk')"
    assert db.execute(count, [10000]).fetchone() == (10000, 10000)
    # pages of pc_list give every id once
    seen, token = [], None
    while True:
        page = db.execute(
            """SELECT id, next_token FROM pc_list('things', "limit" => 1000, pagination_token => %s, namespace => 'bulk')""",
            [token],
        ).fetchall()
        seen += [row[0] for row in page]
        token = page[-1][1]
        if token is None:
            break
    assert seen == sorted(str(i) for i in range(1, 12001))


def test_binary_results(db, index):
    """Drivers that ask for binary get the vector's wire form."""
    row = db.cursor(binary=True).execute("""SELECT id, "values" FROM pc_fetch('things', ARRAY['a'])""").fetchone()
    assert row == ("a", bytes.fromhex("0003" "0000" "3f800000" "3f000000" "c0000000"))


def test_batch_that_fails_late_leaves_nothing(db, index):
    before = everything(db, index)
    with pytest.raises(psycopg.errors.InvalidParameterValue) as refused:
        db.execute(
            """SELECT pc_upsert('things', '[{"id": "new", "values": [1, 2, 3]}, {"id": "a", "values": [9, 9, 9]},
                                            {"id": "z", "values": [1, 2, 3], "metadata": {"x": null}}]')"""
        )
    assert refused.value.diag.message_detail == 'Record "z".'
    assert everything(db, index) == before


def test_queries_use_the_index(db):
    """A query walks the graph of its namespace, and reads no more of the table than it returns, ties included."""
    (table,) = db.execute("SELECT table_name::text FROM pc_create_index('walked', 8, 'euclidean')").fetchone()
    db.execute(f"""INSERT INTO {table} SELECT 'n' || i % 2, 'r' || i,
                   ARRAY(SELECT sin(i * j) FROM generate_series(1, 8) j)::vector FROM generate_series(1, 4000) i""")
    db.execute(f"INSERT INTO {table} SELECT 'n0', 'same' || i, '[2,2,2,2,2,2,2,2]' FROM generate_series(1, 20) i")
    db.execute(f"ANALYZE {table}")
    counts = f"""SELECT t.seq_scan, i.idx_scan FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid)
                 WHERE relid = '{table}'::regclass AND indexrelname LIKE '%values%'"""

    def scans():
        db.execute("SELECT pg_stat_force_next_flush()")
        return db.execute(counts).fetchone()

    before = scans()
    for query, more in [("[1,1,1,1,1,1,1,1]", ""), ("[2,2,2,2,2,2,2,2]", ", include_metadata => true"), ("[1,0,1,0,1,0,1,0]", ", top_k => 100")]:
        found = db.execute(f"SELECT id FROM pc_query('walked', '{query}', namespace => 'n0'{more})").fetchall()
        exact = db.execute(
            f"""SELECT id FROM {table} WHERE namespace = 'n0'
                ORDER BY (("values" <-> '{query}') ^ 2)::real, id LIMIT {100 if 'top_k' in more else 10}"""
        ).fetchall()
        assert len(found) == len(exact) and len(set(found) & set(exact)) >= 0.9 * len(exact)
        if query.startswith("[2"):
            assert found == exact, "ties go by id"
    after = scans()
    assert after[1] == before[1] + 3, "the index was not used"
