"""What the planner makes of statements that users complain about elsewhere: when an index is used, and when not."""

import re

TABLES = """
CREATE TABLE items (id int PRIMARY KEY, tenant int, kind int, half boolean, v vector(8), w vector(8));
INSERT INTO items
    SELECT i, i % 50, i % 2000, i % 2 = 0, ARRAY[sin(i), cos(i), i % 7, i % 11, i % 13, sin(2 * i), 1, 2]::vector, '[1,2,3,4,5,6,7,8]'
    FROM generate_series(1, 20000) AS i;
CREATE INDEX ON items (kind);
CREATE INDEX items_v ON items USING hnsw (v vector_l2_ops);
CREATE INDEX items_half ON items USING hnsw (v vector_cosine_ops) WHERE half;
CREATE INDEX items_tenant ON items USING hnsw (tenant, v vector_ip_ops);
CREATE TABLE tiny (id int, v vector(8));
INSERT INTO tiny SELECT id, v FROM items LIMIT 40;
CREATE INDEX tiny_v ON tiny USING hnsw (v vector_l2_ops);
-- on 2 pages, and as many as there are rows beside it
CREATE TABLE long (id int, v vector(1536));
INSERT INTO long SELECT i, array_agg(sin(i * j))::vector FROM generate_series(1, 1200) AS i, generate_series(1, 1536) AS j GROUP BY i;
CREATE INDEX long_v ON long USING hnsw (v vector_cosine_ops);
CREATE TABLE names (id int PRIMARY KEY, name text);
INSERT INTO names SELECT i, 'name ' || i FROM generate_series(1, 20000) AS i;
CREATE TABLE asked (n int, q vector(8));
INSERT INTO asked SELECT id, v FROM items LIMIT 5;
VACUUM ANALYZE;
"""
Q = "'[1,0,3,4,5,0,1,2]'"
LONG = "(SELECT v FROM long WHERE id = 7)"

CASES = [
    # the usual, and tables of all sizes
    (f"SELECT id FROM items ORDER BY v <-> {Q} LIMIT 10", "Limit.*Index Scan using items_v"),
    (f"SELECT id, v <-> {Q} FROM items ORDER BY 2 LIMIT 100", "Limit.*Index Scan using items_v"),
    (f"SELECT id FROM tiny ORDER BY v <-> {Q} LIMIT 10", "Sort.*Seq Scan on tiny"),
    (f"SELECT id FROM long ORDER BY v <=> {LONG} LIMIT 10", "Index Scan using long_v"),
    # nothing that makes the index useful
    (f"SELECT id FROM items ORDER BY v <-> {Q}", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items ORDER BY v <-> {Q} DESC LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items ORDER BY v <+> {Q} LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items ORDER BY v <-> {Q}, v <-> '[1,2,3,4,5,6,7,8]' LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items WHERE tenant = 7 ORDER BY v <#> {Q}, v <#> '[1,2,3,4,5,6,7,8]' LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items ORDER BY w <-> {Q} LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items ORDER BY (v <-> {Q}) + 1 LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT count(*) FROM items WHERE v <-> {Q} < 5", "Aggregate.*Seq Scan on items"),
    ("SELECT count(*) FROM items", "Aggregate.*(Seq|Index Only) Scan (on|using) items"),
    # filters: those that leave many rows, a few, one
    (f"SELECT id FROM items WHERE id % 3 = 0 OR tenant > 1 ORDER BY v <-> {Q} LIMIT 10", "Index Scan using items_v.*Filter"),
    (f"SELECT id FROM items WHERE tenant < 25 ORDER BY v <-> {Q} LIMIT 10", "Index Scan using items_v.*Filter"),
    (f"SELECT id FROM items WHERE v <-> {Q} < 5 ORDER BY v <-> {Q} LIMIT 10", "Index Scan using items_v.*Filter"),
    (f"SELECT id FROM items WHERE kind = 77 ORDER BY v <-> {Q} LIMIT 10", "Sort.*items_kind_idx"),
    (f"SELECT id FROM items WHERE id = 77 ORDER BY v <-> {Q} LIMIT 10", "Sort.*Index Scan using items_pkey"),
    (f"SELECT id FROM items WHERE id IN (1, 2, 3) ORDER BY v <-> {Q} LIMIT 10", "Sort.*items_pkey"),
    # partial indexes
    (f"SELECT id FROM items WHERE half ORDER BY v <=> {Q} LIMIT 10", "Index Scan using items_half"),
    (f"SELECT id FROM items WHERE half AND tenant < 25 ORDER BY v <=> {Q} LIMIT 10", "Index Scan using items_half.*Filter"),
    (f"SELECT id FROM items ORDER BY v <=> {Q} LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items WHERE NOT half ORDER BY v <=> {Q} LIMIT 10", "Sort.*Seq Scan on items"),
    # a graph for each key
    (f"SELECT id FROM items WHERE tenant = 7 ORDER BY v <#> {Q} LIMIT 10", "Index Scan using items_tenant.*Index Cond"),
    (f"SELECT id FROM items WHERE tenant = 7 AND id > 100 ORDER BY v <#> {Q} LIMIT 10", "Index Scan using items_tenant.*Index Cond.*Filter"),
    (f"SELECT id FROM items WHERE tenant = 7 ORDER BY v <-> {Q} LIMIT 10", "Index Scan using items_v.*Filter"),
    (f"SELECT id FROM items ORDER BY v <#> {Q} LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items WHERE tenant < 7 ORDER BY v <#> {Q} LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items WHERE tenant IS NOT NULL ORDER BY v <#> {Q} LIMIT 10", "Sort.*Seq Scan on items"),
    (f"SELECT id FROM items WHERE tenant IN (7, 8) ORDER BY v <#> {Q} LIMIT 10", "Index Scan using items_tenant.*Index Cond"),
    (f"SELECT id FROM items WHERE tenant IS NULL ORDER BY v <#> {Q} LIMIT 10", "Index Scan using items_tenant.*Index Cond"),
    # joins
    (f"SELECT name FROM items JOIN names USING (id) ORDER BY v <-> {Q} LIMIT 10",
     "Nested Loop.*Index Scan using items_v.*Index Scan using names_pkey"),
    (f"SELECT name FROM (SELECT id FROM items ORDER BY v <-> {Q} LIMIT 10) AS near JOIN names USING (id)",
     "Index Scan using items_v"),
    ("SELECT n, near.id FROM asked, LATERAL (SELECT id FROM items ORDER BY v <-> q LIMIT 3) AS near",
     "Nested Loop.*Seq Scan on asked.*Limit.*Index Scan using items_v"),
    ("SELECT n, near.id FROM asked, LATERAL (SELECT id FROM items WHERE tenant = n ORDER BY v <#> q LIMIT 3) AS near",
     "Nested Loop.*Seq Scan on asked.*Limit.*Index Scan using items_tenant.*Index Cond: \\(tenant = asked.n\\)"),
    ("SELECT n, (SELECT id FROM items ORDER BY v <-> q LIMIT 1) FROM asked", "Seq Scan on asked.*SubPlan.*Index Scan using items_v"),
    (f"SELECT id FROM items i WHERE EXISTS (SELECT FROM names n WHERE n.id = i.id AND name <> 'name 3') ORDER BY v <-> {Q} LIMIT 10",
     "Index Scan using items_v"),
    # not twice the same, and not too early
    (f"(SELECT id FROM items ORDER BY v <-> {Q} LIMIT 5) UNION ALL (SELECT id FROM items WHERE half ORDER BY v <=> {Q} LIMIT 5)",
     "Append.*Index Scan using items_v.*Index Scan using items_half"),
    (f"WITH near AS MATERIALIZED (SELECT id, tenant FROM items ORDER BY v <-> {Q} LIMIT 50) SELECT id FROM near WHERE tenant = 1",
     "CTE near.*Index Scan using items_v"),
]


def plan(db, statement):
    return "\n".join(line for (line,) in db.execute(f"EXPLAIN (COSTS OFF) {statement}", prepare=False).fetchall())


def test_plans(db):
    for statement in TABLES.split(";\n"):
        db.execute(statement)
    wrong = []
    for statement, wanted in CASES:
        found = plan(db, statement)
        if not re.search(wanted, found, re.DOTALL):
            wrong.append(f"{statement}\n{found}\nwanted: {wanted}")
    assert not wrong, "\n\n".join(wrong)
    # a plan made once for all parameters
    db.execute("SET plan_cache_mode = force_generic_plan")
    db.execute("PREPARE near (vector, int) AS SELECT id FROM items WHERE tenant = $2 ORDER BY v <#> $1 LIMIT 10")
    found = plan(db, f"EXECUTE near ({Q}, 7)")
    assert re.search(r"Index Scan using items_tenant.*tenant = \$2", found, re.DOTALL), found
    assert len(db.execute(f"EXECUTE near ({Q}, 7)").fetchall()) == 10
    db.execute("PREPARE most (vector, int) AS SELECT id FROM items ORDER BY v <-> $1 LIMIT $2")
    assert "Index Scan using items_v" in plan(db, f"EXECUTE most ({Q}, 7)")
    # whoever wants no index scans gets none, and an index that needs its key is not used without it even then
    db.execute("RESET plan_cache_mode")
    db.execute("SET enable_indexscan = off")
    assert "Seq Scan on items" in plan(db, f"SELECT id FROM items ORDER BY v <-> {Q} LIMIT 10")
    db.execute("SET enable_indexscan = on")
    db.execute("SET enable_seqscan = off")
    assert "items_tenant" not in plan(db, f"SELECT id FROM items ORDER BY v <#> {Q} LIMIT 10")
    # more to look at costs more: with a large ef_search, sorting what a filter leaves is cheaper
    db.execute("RESET enable_seqscan")
    filtered = f"SELECT id FROM items WHERE kind < 40 ORDER BY v <-> {Q} LIMIT 10"
    db.execute("SET hnsw.ef_search = 1000")
    assert "Sort" in plan(db, filtered), plan(db, filtered)


def test_distances_that_nobody_reads(db):
    """The column that a query is ordered by is not computed where nothing but a LIMIT passes it on."""
    db.execute("CREATE TABLE wide (id int PRIMARY KEY, v vector(1500))")
    db.execute("INSERT INTO wide SELECT i, ARRAY(SELECT sin(i * j) FROM generate_series(1, 1500) j)::vector FROM generate_series(1, 200) i")
    db.execute("CREATE INDEX wide_v ON wide USING hnsw (v vector_l2_ops); ANALYZE wide")
    db.execute("SET enable_seqscan = off; SET hnsw.ef_search = 40")
    query = db.execute("SELECT v::text FROM wide WHERE id = 150").fetchone()[0]

    def explained(statement):
        plan = db.execute(f"EXPLAIN (ANALYZE, VERBOSE, BUFFERS, COSTS OFF, TIMING OFF, FORMAT JSON) {statement}").fetchone()[0][0]["Plan"]
        buffers = plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]
        while plan["Node Type"] != "Index Scan":
            plan = plan["Plans"][0]
        return plan["Output"], buffers

    distance = f"v <-> '{query}'"
    plain = f"SELECT id FROM wide ORDER BY {distance}"
    exact = f"SELECT id FROM (SELECT id, v FROM wide OFFSET 0) s ORDER BY {distance}"
    output, few = explained(f"{plain} LIMIT 20")
    assert output == ["id", "NULL::double precision"]
    output, more = explained(f"SELECT id, {distance} FROM wide ORDER BY {distance} LIMIT 20")
    assert "NULL" not in str(output) and more > few + 40
    for tail in ["LIMIT 20", "LIMIT 5 OFFSET 5", "", "LIMIT 0"]:
        assert explained(f"{plain} {tail}")[0] == ["id", "NULL::double precision"]
        found = db.execute(f"{plain} {tail}").fetchall()
        assert found == db.execute(f"{exact} {tail}").fetchall()[: len(found)] and (tail or len(found) >= 20)
    # whatever reads it gets it: a sort by one more column, a merge of partitions
    nearest = db.execute(f"{exact} LIMIT 20").fetchall()
    db.execute("CREATE TABLE parts (LIKE wide) PARTITION BY HASH (id)")
    for part in range(3):
        db.execute(f"CREATE TABLE part{part} PARTITION OF parts FOR VALUES WITH (MODULUS 3, REMAINDER {part})")
    db.execute("INSERT INTO parts TABLE wide; CREATE INDEX ON parts USING hnsw (v vector_l2_ops); SET enable_sort = off")
    for statement, wanted in [
        (f"SELECT id FROM wide ORDER BY {distance} FETCH FIRST 3 ROWS WITH TIES", [(150,)]),
        (f"SELECT id, {distance} AS d FROM wide ORDER BY d LIMIT 3", [(150, 0.0)]),
        (f"SELECT id FROM (SELECT id, {distance} AS d FROM wide ORDER BY {distance} LIMIT 3) s WHERE d = 0", [(150,)]),
        (f"SELECT id, d IS NULL FROM (SELECT id, {distance} AS d FROM wide ORDER BY {distance} LIMIT 3) s ORDER BY d DESC", None),
        (f"SELECT id, min({distance}) OVER () FROM wide ORDER BY {distance} LIMIT 1", [(150, 0.0)]),
        (f"(SELECT id FROM wide ORDER BY {distance} LIMIT 1) UNION ALL (SELECT id FROM wide ORDER BY {distance} LIMIT 1)", [(150,), (150,)]),
        (f"SELECT (SELECT id FROM wide ORDER BY {distance} LIMIT 1)", [(150,)]),
        (f"SELECT id FROM wide ORDER BY {distance} LIMIT 1 FOR UPDATE", [(150,)]),
        (f"SELECT DISTINCT ON ({distance}) id FROM wide ORDER BY {distance} LIMIT 3", nearest[:3]),
        (f"SELECT id FROM wide ORDER BY {distance}, id LIMIT 3", nearest[:3]),
        (f"SELECT id FROM wide ORDER BY {distance}, id DESC", nearest[:20]),
        (f"SELECT id FROM parts ORDER BY {distance} LIMIT 3", nearest[:3]),
        (f"SELECT id FROM parts ORDER BY {distance}, id", nearest[:20]),
    ]:
        found = db.execute(statement).fetchall()
        if wanted is None:
            assert [null for _, null in found] == [False] * 3
        else:
            assert found[: len(wanted)] == wanted, statement.replace(query, "…")
    db.execute(f"CREATE TABLE kept AS SELECT id FROM wide ORDER BY {distance} LIMIT 3; INSERT INTO kept SELECT id FROM wide ORDER BY {distance} LIMIT 2")
    assert db.execute("SELECT count(*), count(id) FROM kept").fetchone() == (5, 5)
    db.execute(f"DECLARE c SCROLL CURSOR WITH HOLD FOR SELECT id FROM wide ORDER BY {distance} LIMIT 5")
    forth = db.execute("FETCH ALL FROM c").fetchall()
    assert forth[0] == (150,) and db.execute("FETCH BACKWARD ALL FROM c").fetchall() == forth[::-1]
