"""hnsw_check: what it reads, and what it tells of where it is. What it finds is in test_corruption."""

import pytest

ROWS = 3000


@pytest.fixture
def index(db):
    db.execute("CREATE TABLE t (id int, v vector(64)) WITH (autovacuum_enabled = off)")
    db.execute("INSERT INTO t SELECT i, (SELECT array_agg(sin(i * j)) FROM generate_series(1, 64) j)::vector(64) FROM generate_series(1, %s) i", [ROWS])
    db.execute("CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops)")
    db.execute("DELETE FROM t WHERE id %% 50 = 0; INSERT INTO t SELECT * FROM t WHERE id %% 50 = 1".replace("%%", "%"))
    return db


def pages(db, name):
    return db.execute("SELECT pg_relation_size(%s) / 8192", [name]).fetchone()[0]


def test_pages_are_read_in_their_order(index):
    """Each a few times, however many edges lead to what is on it, and each of the table once."""
    index.execute("SELECT count(*) FROM hnsw_check('t_v')")  # catalogs are read
    plan = index.execute("EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM hnsw_check('t_v')").fetchone()[0][0]["Plan"]
    read = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
    assert plan["Actual Rows"] == 0
    assert read < 5 * pages(index, "t_v") + pages(index, "t") + 100


def test_it_tells_where_it_is(index):
    told = []
    index.add_notice_handler(lambda notice: told.append((notice.severity, notice.message_primary)))
    index.execute("SET max_parallel_maintenance_workers = 1; SET maintenance_work_mem = '1MB'; SET client_min_messages = error")
    assert index.execute("SELECT * FROM hnsw_check('t_v')").fetchall() == [] and told == []
    assert index.execute("SELECT * FROM hnsw_check('t_v', verbose => true)").fetchall() == []
    assert {severity for severity, _ in told} == {"INFO"}
    n = pages(index, "t_v")
    tenths = [f", {page} of {n} pages" for page in sorted({-(-part * n // 10) for part in range(1, 10)})]
    counted = [f", {n} pages", *tenths]
    steps = [*(f"looking whether all pages can be read{pages}" for pages in counted), "2 threads"]
    steps += [f"reading nodes{pages}" for pages in counted]
    steps += [f"comparing nodes with their neighbours{pages}" for pages in counted]
    steps += ["looking for rows in the table", "following links", "looking again at 0 nodes", f"{ROWS + ROWS // 50} rows checked, 0 findings"]
    assert [text for _, text in told] == [f'index "t_v": {step}' for step in steps]
    # Vectors that maintenance_work_mem has no room for take another look each time.
    index.execute("CREATE TABLE large AS SELECT i, (SELECT array_agg(sin(i * j)) FROM generate_series(1, 256) j)::vector(256) AS v FROM generate_series(1, 2500) i")
    index.execute("CREATE INDEX large_v ON large USING hnsw (v vector_l2_ops)")
    told.clear()
    assert index.execute("SELECT * FROM hnsw_check('large_v', true)").fetchall() == []
    looks = {text.split(":")[1].split(",")[0] for _, text in told if "comparing" in text}
    assert looks == {f" comparing nodes with their neighbours ({k} of 2)" for k in (1, 2)}
