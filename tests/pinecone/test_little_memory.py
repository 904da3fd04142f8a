"""Queries with a filter in sessions that allow a search next to no memory: right and whole."""

import json
from itertools import product

import pytest

ROWS = 20_000
LITTLE = "SET work_mem = '64kB'; SET hnsw.scan_mem_multiplier = 1; SET hnsw.max_scan_tuples = 1"


@pytest.fixture
def records(db):
    """The table of an index whose records lie on a grid of their numbers, so that a filter can match the far ones only."""
    (table,) = db.execute("SELECT table_name::text FROM pc_create_index('films', 4, 'euclidean')").fetchone()
    indexes = [sql for (sql,) in db.execute("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary", [table])]
    for (index,) in db.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary", [table]).fetchall():
        db.execute(f"DROP INDEX {index}")
    # a few records a page, so that the pages of many are more than a bitmap of 64 kB has room for
    db.execute(f"ALTER TABLE {table} SET (fillfactor = 10)")
    db.execute(f"""INSERT INTO {table} (namespace, id, "values", metadata)
        SELECT 'n', 'r' || i, ARRAY[i / 1000, i / 100 % 10, i / 10 % 10, i % 10]::vector,
               jsonb_build_object('half', i % 2, 'percent', i % 100, 'n', i) || CASE WHEN i % 3 = 0 THEN '{{"third": true}}' ELSE '{{}}'::jsonb END
          FROM generate_series(1, {ROWS}) i""")
    for index in indexes:
        db.execute(index)
    db.execute(f"ANALYZE {table}")
    return table


FILTERS = [
    {"half": 1},  # near and far alike
    {"percent": 7},
    {"n": {"$gt": ROWS - 40}},  # a few, all far away
    {"n": {"$gt": ROWS // 2}},  # half of all, the far one
    {"third": {"$exists": False}},  # the inverted index cannot tell
    {"third": {"$exists": False}, "n": {"$gt": ROWS // 2}},
    {"never": 1},
    {"n": {"$exists": True}},  # all
]


def test_queries_are_right_and_whole(db, records):
    for filter in FILTERS:
        text, met, asked = json.dumps(filter), 0, 0
        for query, top_k in product(("[0,0,0,0]", "[9.2,4.4,4.6,4.1]", "[19,9,9,9]"), (10, 300)):
            db.execute("RESET ALL")
            exact = db.execute(f"""SELECT id, (("values" <-> %s) ^ 2)::real AS score FROM {records} WHERE metadata @@@ %s
                                   ORDER BY score, id LIMIT {top_k}""", [query, text]).fetchall()
            for order in ("off", "relaxed_order", "strict_order"):
                db.execute(f"{LITTLE}; SET hnsw.iterative_scan = {order}")
                found = db.execute("SELECT id, score FROM pc_query('films', %s, %s, 'n', %s)", [query, top_k, text]).fetchall()
                assert len(found) == len(exact), (filter, query, top_k, order)
                assert found == sorted(found, key=lambda row: (row[1], row[0])) and len(set(found)) == len(found)
                # as many records are as near: any of them is right
                met += sum(score <= exact[-1][1] for _, score in found)
                asked += len(exact)
        assert met >= 0.98 * asked, (filter, met, asked)


def test_bitmaps_are_lossy(db, records):
    """What the tests above count on."""
    db.execute(f"{LITTLE}; SET enable_seqscan = off; SET enable_indexscan = off; SET max_parallel_workers_per_gather = 0")
    for filter in ({"half": 1}, {"n": {"$gt": ROWS // 2}}):
        plan = "\n".join(line for (line,) in db.execute(f"EXPLAIN (ANALYZE) SELECT count(*) FROM {records} WHERE metadata @@@ '{json.dumps(filter)}'").fetchall())
        assert "Heap Blocks: exact=" in plan and " lossy=" in plan, plan


def test_settings_are_the_sessions(db, records):
    """What a session has set holds within the functions, too: for a trigger that runs there, say."""
    db.execute(LITTLE)
    db.execute("""CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        IF (current_setting('hnsw.scan_mem_multiplier'), current_setting('hnsw.max_scan_tuples'), current_setting('hnsw.iterative_scan')) <> ('1', '1', 'off') THEN
            RAISE 'settings have changed';
        END IF;
        RETURN coalesce(new, old); END $$""")
    db.execute(f"CREATE TRIGGER same BEFORE UPDATE OR DELETE ON {records} FOR EACH ROW EXECUTE FUNCTION same()")
    few = json.dumps({"n": {"$lt": 5}})
    assert db.execute("""SELECT pc_update('films', filter => %s, set_metadata => '{"seen": true}', namespace => 'n')""", [few]).fetchone() == (4,)
    assert db.execute("SELECT pc_delete('films', filter => %s, namespace => 'n')", [few]).fetchone() == (4,)
