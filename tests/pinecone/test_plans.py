"""What a session keeps for the statements that it has run."""

INDEXES, MOST = 90, 320
PLANS = "SELECT {} FROM pg_backend_memory_contexts WHERE name = 'CachedPlanSource'"


def test_a_session_that_serves_many_indexes_keeps_few_plans(db):
    """Those that were used lately: a pooled session goes through all indexes that there are."""
    for i in range(INDEXES):
        db.execute("SELECT pc_create_index(%s, 2)", [f"i{i}"])
        db.execute("SELECT pc_upsert(%s, %s)", [f"i{i}", '[{"id": "a", "values": [1, 2]}]'])
    first, last = (db.execute("SELECT index_id FROM pc.index_reg WHERE name = %s", [f"i{i}"]).fetchone()[0] for i in (0, INDEXES - 1))
    for _ in range(2):
        for i in range(INDEXES):
            for name in ("i0", f"i{i}"):
                assert db.execute("SELECT count(*) FROM pc_fetch(%s, ARRAY['a'])", [name]).fetchone() == (1,)
            for statement in ("pc_list(%s)", "pc_list(%s, prefix => 'a')", "pc_query(%s, '[1,1]')", "pc_describe_index_stats(%s)"):
                assert db.execute(f"SELECT count(*) FROM {statement}", [f"i{i}"]).fetchone() == (1,)
    assert 200 < db.execute(PLANS.format("count(*)")).fetchone()[0] <= MOST
    of = PLANS.format("count(*)") + r" AND ident ~ 'pc_data\.i_{}\M'"
    counts = [db.execute(of.format(index)).fetchone()[0] for index in (first, first + 1, last)]
    assert counts[0] == 1 and counts[1] == 0 and counts[2] > 3, counts
