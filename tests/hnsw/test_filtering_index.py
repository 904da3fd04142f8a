"""An index that takes a filter beside others of the same vectors: a statement with the filter gets as many rows as match."""

import random

import pytest

ROWS, FEW = 5000, 200


@pytest.fixture
def table(db):
    """A table whose filter column has many values; each test makes its indexes."""
    source = random.Random(3)
    db.execute("CREATE TABLE t (id int PRIMARY KEY, tenant int NOT NULL, kind int, v vector(8), meta jsonb)")
    with db.cursor().copy("COPY t FROM STDIN") as copy:
        for i in range(ROWS):
            v = [round(source.gauss(0, 1), 3) for _ in range(8)]
            copy.write_row((i, i % 2, i % 50, str(v), f'{{"half": {i % 2}, "few": {i % FEW}}}'))
    db.execute("CREATE INDEX ON t USING gin (meta pc_filter_ops)")
    return "t"


def plan(db, statement):
    return "\n".join(line for (line,) in db.execute(f"EXPLAIN (COSTS OFF) {statement}").fetchall())


NEAR = "SELECT id FROM t WHERE {} ORDER BY v <-> '[0,1,0,1,0,1,0,1]' LIMIT 20"
HALF, FEWER = """meta @@@ '{"half": 1}'""", """meta @@@ '{"few": 7}'"""


def whole(db, condition, order="v <-> '[0,1,0,1,0,1,0,1]'", limit=20):
    """Whether as many rows are found as match, and which index found them."""
    statement = f"SELECT id FROM t WHERE {condition} ORDER BY {order} LIMIT {limit}"
    found = db.execute(statement).fetchall()
    match = db.execute(f"SELECT least(count(*), {limit}) FROM t WHERE {condition}").fetchone()[0]
    assert len(found) == match, plan(db, statement)
    return plan(db, statement)


@pytest.mark.parametrize("plain", [
    "hnsw (v vector_l2_ops)", "hnsw (v vector_l2_ops) WITH (m = 4)", "ivfflat (v vector_l2_ops) WITH (lists = 10)", "hnsw (tenant, v vector_l2_ops)",
    "hnsw (v vector_l2_ops) WHERE tenant = 1",
])
@pytest.mark.parametrize("seqscan", ["on", "off"])
def test_a_plain_one_is_left_alone(db, table, plain, seqscan):
    """However many match, and whatever else is asked."""
    db.execute(f"CREATE INDEX plain ON t USING {plain}")
    db.execute("CREATE INDEX filtering ON t USING hnsw (v vector_l2_ops, meta pc_filter_ops); ANALYZE t")
    db.execute(f"SET enable_seqscan = {seqscan}; SET enable_sort = {seqscan}; SET hnsw.ef_search = 10")
    for more in ("", " AND tenant = 1", " AND tenant IN (0, 1)", " AND kind < 25", " AND tenant = 1 AND kind IS NOT NULL"):
        for filter in (HALF, FEWER, f"pc_filter_matches({HALF.replace(' @@@ ', ', ')})"):
            found = whole(db, filter + more)
            assert "using plain" not in found and (seqscan == "on" or "using filtering" in found), found
    # where nothing is asked of the column, the plain one serves
    db.execute("DROP INDEX filtering")
    assert "using plain" in plan(db, NEAR.format("tenant = 1"))


def test_statements_of_all_parameters(db, table):
    db.execute("CREATE INDEX plain ON t USING hnsw (v vector_l2_ops)")
    db.execute("CREATE INDEX filtering ON t USING hnsw (v vector_l2_ops, meta pc_filter_ops); ANALYZE t")
    db.execute("SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET enable_sort = off")
    db.execute("PREPARE near (jsonb) AS SELECT id FROM t WHERE meta @@@ $1 ORDER BY v <-> '[0,1,0,1,0,1,0,1]' LIMIT 20")
    assert "using filtering" in plan(db, """EXECUTE near ('{"few": 7}')""")
    assert len(db.execute("""EXECUTE near ('{"few": 7}')""").fetchall()) == 20


def test_where_the_other_one_cannot_serve(db, table):
    """An index that needs a key, one of another distance, one of some rows: none of them keeps a plain one out."""
    db.execute("CREATE INDEX plain ON t USING hnsw (v vector_l2_ops)")
    db.execute("CREATE INDEX keyed ON t USING hnsw (tenant, v vector_l2_ops, meta pc_filter_ops)")
    db.execute("CREATE INDEX cosine ON t USING hnsw (v vector_cosine_ops, meta pc_filter_ops)")
    db.execute("CREATE INDEX partial ON t USING hnsw (v vector_l2_ops, meta pc_filter_ops) WHERE kind > 10; ANALYZE t")
    db.execute("SET enable_seqscan = off; SET enable_sort = off")
    assert "using plain" in plan(db, NEAR.format(HALF))
    assert "using keyed" in whole(db, f"{HALF} AND tenant = 1")
    assert "using keyed" in whole(db, f"{FEWER} AND tenant IN (0, 1)")
    assert "using partial" in whole(db, f"{FEWER} AND kind > 20")
    assert "using cosine" in whole(db, FEWER, "v <=> '[0,1,0,1,0,1,0,1]'")
    # of a row of the same table, of which no index can be asked
    assert "using plain" in plan(db, NEAR.format("meta @@@ meta"))
    assert "using plain" in plan(db, NEAR.format("meta @@@ ANY (ARRAY['{}', '{\"half\": 1}']::jsonb[])")) or db.info.server_version >= 170000


def test_two_that_filter(db, table):
    """Each takes a condition of its own; either will do, as both go on until there are enough rows."""
    db.execute("CREATE OPERATOR CLASS below FOR TYPE int USING hnsw AS OPERATOR 1 < (int, int)")
    db.execute("CREATE INDEX by_meta ON t USING hnsw (v vector_l2_ops, meta pc_filter_ops)")
    db.execute("CREATE INDEX by_kind ON t USING hnsw (v vector_l2_ops, kind below); ANALYZE t")
    db.execute("SET enable_seqscan = off; SET enable_sort = off")
    assert "Index Scan using by_" in whole(db, f"{HALF} AND kind < 20")
    assert "using by_kind" in whole(db, "kind < 20") and "using by_kind" in whole(db, "20 > kind")
    assert "using by_meta" in whole(db, FEWER)


def test_under_policies(db, connect, database, table):
    """A condition that is not leakproof waits for the policy: no index takes it then, so that none is preferred for it."""
    role, reader = f"reader_{database}", connect()
    db.execute("CREATE FUNCTION is_mod_5(int, int) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS 'BEGIN RETURN $1 % 5 = $2; END'")
    db.execute("CREATE OPERATOR =%= (FUNCTION = is_mod_5, LEFTARG = int, RIGHTARG = int)")
    db.execute("CREATE OPERATOR CLASS mods FOR TYPE int USING hnsw AS OPERATOR 1 =%= (int, int)")
    db.execute("CREATE INDEX plain ON t USING hnsw (v vector_l2_ops)")
    db.execute("CREATE INDEX by_kind ON t USING hnsw (v vector_l2_ops, kind mods)")
    db.execute("CREATE INDEX by_meta ON t USING hnsw (v vector_l2_ops, meta pc_filter_ops); ANALYZE t")
    db.execute(f"CREATE ROLE {role}; GRANT SELECT ON t TO {role}; ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY own ON t USING (tenant = 1)")
    try:
        for session in (db, reader):
            if session is reader:
                session.execute(f"SET ROLE {role}")
            session.execute("SET enable_seqscan = off; SET enable_sort = off")
            found = plan(session, NEAR.format("kind =%= 1"))
            assert "Index Scan using" in found and ("using by_kind" in found) == (session is db), found
            assert "using by_meta" in plan(session, NEAR.format(FEWER))
            assert len(session.execute(NEAR.format(FEWER)).fetchall()) == 20
    finally:
        reader.close()
        db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
