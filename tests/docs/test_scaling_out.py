"""docs/scaling-out.md: every example runs, in the order in which it stands there, and what it promises is so."""

import re

import psycopg
import pytest

from tests.support.cluster import ROOT, Cluster

NEAR = "SELECT id FROM {} ORDER BY embedding <=> '[1,2,3]' LIMIT 10"


@pytest.fixture(scope="module")
def databases():
    """Two servers that hold rows and one that is asked, each a database."""
    server = Cluster(15, "scaling-out")
    try:
        for name in ("one", "two", "front"):
            server.create_database(name)
        with server.connect("front") as front, server.connect("one") as one, server.connect("two") as two:
            front.execute("CREATE ROLE shop LOGIN SUPERUSER")
            yield server, front, one, two
    finally:
        server.destroy()


def sections(server):
    """The examples by the heading that they stand under."""
    text = (ROOT / "docs/scaling-out.md").read_text()
    for name in ("one", "two"):
        text = text.replace(f"host '{name}.example', dbname 'shop'", f"host '{server.env['PGHOST']}', port '{server.env['PGPORT']}', dbname '{name}'")
    assert ".example" not in text
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)[1:]
    return {title: re.findall(r"^```sql\n(.*?)^```", body, re.MULTILINE | re.DOTALL) for title, body in zip(parts[::2], parts[1::2])}


def explain(session, query, options=""):
    return "\n".join(line for (line,) in session.execute(f"EXPLAIN (VERBOSE, COSTS OFF{options}) {query}").fetchall())


def exact(session, table):
    with session.transaction(force_rollback=True):
        session.execute(f"CREATE TEMPORARY TABLE copy ON COMMIT DROP AS SELECT * FROM {table}")
        return session.execute(NEAR.format("copy")).fetchall()


def test_every_example(databases):
    server, front, one, two = databases
    found = sections(server)
    assert list(found) == ["Partitions", "Other servers", "Indexes made by pc_create_index", "Citus"] and found["Citus"] == []

    (partitions,) = found["Partitions"]
    front.execute("CREATE EXTENSION conifer")
    front.execute(partitions)
    plan = explain(front, NEAR.format("articles"), ", ANALYZE, TIMING OFF, SUMMARY OFF")
    assert "Merge Append" in plan and plan.count("Index Scan using articles_") == 2, plan
    # Of both together one more than it takes.
    assert sum(int(rows) for rows in re.findall(r"Index Scan.*rows=(\d+)", plan)) <= 11, plan
    assert "Append" not in explain(front, "SELECT id FROM articles WHERE tenant = 3 ORDER BY embedding <=> '[1,2,3]' LIMIT 10")
    assert front.execute(NEAR.format("articles")).fetchall() == exact(front, "articles")

    there, here, single = found["Other servers"]
    for session in (one, two):
        session.execute(there)
    front.execute(here)
    plan = explain(front, NEAR.format("items"), ", ANALYZE, TIMING OFF, SUMMARY OFF")
    assert "Merge Append" in plan and len(re.findall(r"Remote SQL: .* ORDER BY \(embedding OPERATOR\(public\.<=>\)", plan)) == 2, plan
    assert sum(int(rows) for rows in re.findall(r"Foreign Scan.*rows=(\d+)", plan)) <= 11, plan
    assert front.execute(NEAR.format("items")).fetchall() == exact(front, "items")
    tenant = explain(front, "SELECT id FROM items WHERE tenant = 3 ORDER BY embedding <=> '[1,2,3]' LIMIT 10")
    assert "Append" not in tenant and "WHERE ((tenant = 3)) ORDER BY" in tenant, tenant
    for query in ("SELECT id FROM items WHERE embedding <=> '[1,2,3]' < 0.3 ORDER BY embedding <=> '[1,2,3]' LIMIT 10",
                  "SELECT id FROM items ORDER BY embedding::halfvec(3) <-> '[1,2,3]'::halfvec(3) LIMIT 10"):
        plan = explain(front, query)
        assert plan.count(" ORDER BY (embedding") == 2 and ("WHERE (((embedding" in plan) == ("WHERE" in query), plan
    plan = explain(front, NEAR.format("items_one"))
    assert "ORDER BY" in plan and "LIMIT 10" in plan, plan
    front.execute(single)


def test_each_server_searches_its_index(databases):
    _, front, one, two = databases
    scans = "SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'items_embedding'"
    plans = []
    for session in (one, two):
        session.execute("ANALYZE items")
        # As a cursor does it, which plans for a part of the rows.
        session.execute("BEGIN; DECLARE c CURSOR FOR SELECT id, embedding FROM items ORDER BY embedding <=> '[1,2,3]' ASC NULLS LAST")
        plans.append(explain(session, "DECLARE c2 CURSOR FOR SELECT id, embedding FROM items ORDER BY embedding <=> '[1,2,3]' ASC NULLS LAST"))
        session.execute("ROLLBACK")
        assert session.execute(scans).fetchone() is not None
    assert all("Index Scan using items_embedding" in plan for plan in plans), plans
    # Settings of theirs.
    one.execute("CREATE VIEW width AS SELECT current_setting('hnsw.ef_search') AS ef_search")
    front.execute("CREATE FOREIGN TABLE width (ef_search text) SERVER one; SET hnsw.ef_search = 7")
    assert front.execute("SELECT ef_search FROM width").fetchone() == ("100",)
    front.execute("RESET hnsw.ef_search")


def test_what_the_options_are_for(databases):
    """Without them all rows cross."""
    _, front, _, _ = databases

    def plan(*changes):
        with front.transaction(force_rollback=True):
            for server in ("one", "two"):
                for change in changes:
                    front.execute(f"ALTER SERVER {server} OPTIONS ({change})")
            return explain(front, NEAR.format("items"))

    assert "Merge Append" in plan()
    for change in ("DROP extensions", "SET use_remote_estimate 'true'"):
        without = plan(change)
        assert "Merge Append" not in without and "Sort" in without and " ORDER BY (embedding" not in without, without


def test_functions_over_foreign_tables(databases):
    server, front, _, two = databases
    there, here = sections(server)["Indexes made by pc_create_index"]
    for statement in there.strip().split(";\n")[:2]:
        two.execute(statement)
    key = two.execute(there.strip().split(";\n")[2].rstrip(";")).fetchone()[0]
    front.execute("DROP USER MAPPING FOR CURRENT_USER SERVER two")
    front.execute(here.replace("cfk_key_id", key))
    assert front.execute("SELECT id FROM pc_query('docs', '[1,2,3]', 2)").fetchall() == [("far",), ("near",)]
    assert front.execute("SELECT id FROM pc_fetch('docs', '{far,near}') ORDER BY id").fetchall() == [("far",), ("near",)]
    assert front.execute("SELECT id FROM pc_list('docs') ORDER BY id").fetchall() == [("far",), ("farther",), ("near",)]
    assert front.execute("SELECT (pc_describe_index_stats('docs'))->>'totalVectorCount'").fetchone() == ("3",)

    # Keys of the server that is asked: the policies of its own table hold for all rows. (No password is asked for here.)
    front.execute("ALTER USER MAPPING FOR PUBLIC SERVER two OPTIONS (ADD password_required 'false')")
    keys = [front.execute(f"SELECT key_id FROM pc_create_api_key('{name}', indexes => '{{docs}}', namespaces => '{{\"docs\": [\"{namespace}\"]}}')").fetchone()[0]
            for name, namespace in (("all", ""), ("none", "other"))]
    seen = []
    for key in keys:
        with server.connect("front", user=key) as session:
            namespace = "" if key == keys[0] else "other"
            seen.append(session.execute("SELECT id FROM pc_query('docs', '[1,2,3]', 5, %s)", [namespace]).fetchall())
            table = session.execute("SELECT count(*) FROM pc_data.i_1").fetchone()[0]
            assert table == (3 if key == keys[0] else 0)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT * FROM docs_two")
    assert seen == [[("far",), ("near",), ("farther",)], []]

    # What does not go.
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        front.execute("SELECT pc_delete('docs', '{far}')")
    front.execute("""SELECT pc_upsert('docs', '[{"id": "far", "values": [1, 2, 3]}]')""")
    assert front.execute("SELECT id FROM pc_query('docs', '[1,2,3]', 2)").fetchall() == [("far",), ("far",)]
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        front.execute("SELECT pc_delete_index('docs')")
    front.execute("DROP FOREIGN TABLE docs_two; SELECT pc_delete_index('docs')")
