"""Functions with filters: as many matches as there are, by whatever plan, and nobody's but the caller's."""

import json
import threading

import psycopg
import pytest

ROWS = 3000


@pytest.fixture
def films(db):
    """The table of an index whose records have labels of half, a tenth, a hundredth and none of them, in two namespaces."""
    (table,) = db.execute("SELECT table_name::text FROM pc_create_index('films', 4, 'euclidean')").fetchone()
    db.execute("SELECT setseed(0.5)")
    db.execute(f"""INSERT INTO {table} (namespace, id, "values", metadata)
        SELECT 'n' || i % 2, 'r' || i, ARRAY(SELECT random() FROM generate_series(1, 4) j WHERE i > 0)::vector,
               jsonb_build_object('half', i % 4 < 2, 'tenth', i % 20 < 2, 'hundredth', i % 200 < 2, 'n', i)
          FROM generate_series(1, {ROWS}) i""")
    db.execute(f"ANALYZE {table}")
    return table


@pytest.mark.parametrize("filter", [{"half": True}, {"tenth": True}, {"hundredth": True}, {"n": {"$gt": 2990}}, {"never": 1},
                                    {"half": {"$ne": True}}, {"n": {"$exists": True}}, {"$or": [{"hundredth": True}, {"n": 7}]}])
@pytest.mark.parametrize("top_k", [1, 10, 200])
def test_queries_are_exact_enough_and_whole(db, films, filter, top_k):
    """Each answer has as many records as an exact one; over all queries nearly all of them are the same."""
    text, met, asked = json.dumps(filter), 0, 0
    for i in range(0, 10, 2):
        query = str([i / 10, 1 - i / 10, (i * 7 % 10) / 10, (i * 3 % 10) / 10])
        for where, call in [
            ("namespace = 'n0'", "SELECT namespace, q.id FROM (SELECT 'n0' AS namespace, id FROM pc_query('films', %s, %s, 'n0', %s)) q"),
            ("true", "SELECT namespace, id FROM pc_query_namespaces('films', %s, '{n0,n1}', %s, %s)"),
        ]:
            exact = db.execute(f"""SELECT namespace, id FROM {films} WHERE {where} AND metadata @@@ '{text}'
                                   ORDER BY (("values" <-> '{query}') ^ 2)::real, id, namespace LIMIT {top_k}""").fetchall()
            found = db.execute(call, [query, top_k, text]).fetchall()
            assert len(found) == len(exact)
            met, asked = met + len(set(found) & set(exact)), asked + len(exact)
    assert met >= 0.97 * asked


def test_several_namespaces_are_searched_as_one(db, films):
    """A query over namespaces goes through their graphs in one scan of the index, and gives what a merge of all would."""
    db.execute("SELECT pg_stat_force_next_flush()")
    scans = f"SELECT t.seq_scan, i.idx_scan FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid) WHERE relid = '{films}'::regclass AND indexrelname LIKE '%values%'"
    before = db.execute(scans).fetchone()
    found = db.execute("SELECT namespace, id, score FROM pc_query_namespaces('films', '[0.3,-0.5,0.1,0.9]', '{n0,n1}', 10)").fetchall()
    db.execute("SELECT pg_stat_force_next_flush()")
    after = db.execute(scans).fetchone()
    assert after == (before[0], before[1] + 1)
    merged = []
    for namespace in ("n0", "n1"):
        merged += [(namespace, *row) for row in db.execute("SELECT id, score FROM pc_query('films', '[0.3,-0.5,0.1,0.9]', 10, %s)", [namespace])]
    assert found == sorted(merged, key=lambda row: (row[2], row[1], row[0]))[:10]


def test_pages_give_each_match_once(db, films):
    seen, token = [], None
    while True:
        page = db.execute("""SELECT id, metadata, next_token FROM pc_fetch_by_metadata('films', '{"tenth": true}', 'n0', "limit" => 7, pagination_token => %s)""", [token]).fetchall()
        assert len({row[2] for row in page}) == 1 and all(row[1]["tenth"] for row in page)
        seen += [row[0] for row in page]
        token = page[-1][2]
        if token is None:
            break
    expected = [row[0] for row in db.execute(f"""SELECT id FROM {films} WHERE namespace = 'n0' AND metadata @@@ '{{"tenth": true}}' ORDER BY id COLLATE "C" """)]
    assert seen == expected and len(seen) == 150


def test_limit_of_an_update(db):
    """One record more than a call may update: it is refused as a whole."""
    (table,) = db.execute("SELECT table_name::text FROM pc_create_index('many', 2)").fetchone()
    for (index,) in db.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass AND NOT indisprimary", [table]).fetchall():
        db.execute(f"DROP INDEX {index}")
    db.execute(f"""INSERT INTO {table} (id, "values", metadata) SELECT i::text, '[1,1]', '{{"a": 1}}' FROM generate_series(1, 100001) i""")
    assert db.execute("""SELECT pc_update('many', filter => '{"a": 1}', dry_run => true)""").fetchone() == (100001,)
    with pytest.raises(psycopg.errors.ProgramLimitExceeded, match="more than 100000 records"):
        db.execute("""SELECT pc_update('many', filter => '{"a": 1}', set_metadata => '{"b": 2}')""")
    assert db.execute("""SELECT pc_update('many', filter => '{"b": 2}', dry_run => true)""").fetchone() == (0,)
    db.execute("SELECT pc_delete('many', ARRAY['7'])")
    assert db.execute("""SELECT pc_update('many', filter => '{"a": 1}', set_metadata => '{"b": 2}')""").fetchone() == (100000,)


def test_update_and_delete_at_once(db, connect, films):
    """Updates, deletions and upserts of the same records lock them in one order."""
    failures = []

    def run(work):
        session = connect()
        try:
            for _ in range(8):
                work(session)
        except psycopg.Error as failure:
            failures.append(failure)

    upsert = "SELECT pc_upsert('films', (SELECT jsonb_agg(jsonb_build_object('id', 'r' || i, 'values', ARRAY[1,2,3,i], 'metadata', jsonb_build_object('half', true)) ORDER BY -i) FROM generate_series(2, 400, 4) i), 'n0')"
    works = [
        lambda session: session.execute("""SELECT pc_update('films', filter => '{"half": true}', set_metadata => '{"seen": true}', namespace => 'n0')"""),
        lambda session: session.execute("""SELECT pc_delete('films', filter => '{"half": true}', namespace => 'n0')"""),
        lambda session: session.execute(upsert),
    ]
    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_limited_keys(server, db, database, films):
    """A filter that matches everything, nothing, or only records that the caller may not see."""
    key, _ = db.execute("SELECT * FROM pc_create_api_key('k', namespaces => '{\"films\": [\"n0\"]}')").fetchone()
    try:
        with server.connect(database, user=key) as session:
            stats = "SELECT pc_describe_index_stats('films', %s)->'namespaces'"
            assert session.execute(stats, ['{"half": true}']).fetchone() == ({"n0": {"vectorCount": 750}},)
            hidden = json.dumps({"n": {"$in": [1, 3, 5]}})  # of n1
            assert session.execute(stats, [hidden]).fetchone() == session.execute(stats, ['{"n": -1}']).fetchone() == ({},)
            for call in ("pc_update('films', filter => %s, set_metadata => '{\"a\": 1}', namespace => 'n0')", "pc_delete('films', filter => %s, namespace => 'n0')",
                         "(SELECT count(*) FROM pc_query('films', '[1,0,0,0]', namespace => 'n0', filter => %s))",
                         "(SELECT count(*) FROM pc_fetch_by_metadata('films', %s, 'n0'))"):
                assert session.execute(f"SELECT {call}", [hidden]).fetchone() == (0,)
            for call in ("pc_update('films', filter => %s, namespace => 'n1')", "pc_delete('films', filter => %s, namespace => 'n1')",
                         "pc_query('films', '[1,0,0,0]', namespace => 'n1', filter => %s)", "pc_fetch_by_metadata('films', %s, 'n1')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match='no access to namespace "n1"'):
                    session.execute(f"SELECT {call}", [hidden])
    finally:
        db.execute("SELECT pc_revoke_api_key(key_id) FROM pc_auth.api_key")
