"""A database with pgvector moves to Conifer by dump and restore, and back."""

import pytest

from tests.support.cluster import ROOT

pytestmark = pytest.mark.peer

FILL = """
    CREATE TABLE items (
        id int PRIMARY KEY,
        v vector(3) NOT NULL DEFAULT '[0.1,-2,3e-05]',
        h halfvec(3),
        s sparsevec(100),
        b bit(8),
        w vector(3),
        many vector[],
        doubled vector(3) GENERATED ALWAYS AS (v + v) STORED,
        CHECK (vector_norm(v) < 1000)
    );
    INSERT INTO items (id, v, h, s, b, w, many)
        SELECT i, ARRAY[i, sin(i), i % 7], ARRAY[cos(i), i, 1],
               ('{' || 1 + i % 100 || ':' || i || '}/100')::sparsevec, (i % 256)::bit(8), ARRAY[i % 20, i, 2], ARRAY[ARRAY[i]::vector, NULL]
        FROM generate_series(1, 400) i;
    INSERT INTO items (id) VALUES (0);
    CREATE INDEX hnsw_v ON items USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
    CREATE INDEX hnsw_h ON items USING hnsw (h halfvec_cosine_ops);
    CREATE INDEX hnsw_s ON items USING hnsw (s sparsevec_ip_ops) WHERE id > 10;
    CREATE INDEX hnsw_b ON items USING hnsw (b bit_jaccard_ops);
    CREATE INDEX hnsw_e ON items USING hnsw ((subvector(v, 1, 2)::vector(2)) vector_l1_ops);
    CREATE INDEX ivfflat_w ON items USING ivfflat (w) WITH (lists = 5);
    CREATE INDEX ivfflat_h ON items USING ivfflat (h halfvec_ip_ops) WITH (lists = 5);
    CREATE UNIQUE INDEX btree_v ON items (v);
    CREATE VIEW seen AS SELECT avg(v) AS mean, sum(h) AS total, round(min(v <-> '[1,2,3]')::numeric, 4) AS nearest FROM items WHERE v < '[300]';
"""

CONTENT = [
    "SELECT id, v::text, h::text, s::text, b::text, w::text, many::text, doubled::text FROM items ORDER BY id",
    "SELECT vector_send(v), halfvec_send(h), sparsevec_send(s) FROM items ORDER BY id",
    "SELECT mean::text, total::text, nearest FROM seen",
    "SELECT indexdef FROM pg_indexes WHERE tablename = 'items' ORDER BY indexname",
    "SELECT attname, format_type(atttypid, atttypmod), attstorage FROM pg_attribute "
    "WHERE attrelid = 'items'::regclass AND attnum > 0 ORDER BY attnum",
    "SELECT extname, nspname FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace ORDER BY 1",
]

NEAREST = {
    "hnsw_v": "SELECT id FROM items ORDER BY v <-> '[7.2,0.1,3]' LIMIT 10",
    "hnsw_h": "SELECT id FROM items ORDER BY h <=> '[0.5,7,1]' LIMIT 10",
    "hnsw_s": "SELECT id FROM items WHERE id > 10 ORDER BY s <#> '{7:1}/100' LIMIT 2",
    "hnsw_b": "SELECT 1 - (b <%> B'00010111') FROM items ORDER BY b <%> B'00010111' LIMIT 10",
    "hnsw_e": "SELECT id FROM items ORDER BY subvector(v, 1, 2)::vector(2) <+> '[7.2,0.1]' LIMIT 10",
    "ivfflat_w": "SELECT id FROM items ORDER BY w <-> '[7.2,50.3,3]' LIMIT 10",
    "ivfflat_h": "SELECT id FROM items ORDER BY h <#> '[0.5,7,1]' LIMIT 10",
}

LIBRARY = "SELECT DISTINCT probin FROM pg_proc WHERE proname = 'vector_in'"


def seen(session):
    """All that the two have alike. Indexes are used in both, and find what is nearest in ours."""
    session.execute("SET enable_indexscan = off; SET enable_seqscan = on; SET enable_sort = on")
    answers = [session.execute(query).fetchall() for query in [*CONTENT, *NEAREST.values()]]
    session.execute("SET enable_indexscan = on; SET enable_seqscan = off; SET enable_sort = off")
    session.execute("SET hnsw.ef_search = 500; SET ivfflat.probes = 5")
    for index, query in NEAREST.items():
        assert index in str(session.execute(f"EXPLAIN {query}").fetchall())
    if session.execute(LIBRARY).fetchall() == [("$libdir/conifer",)]:
        assert [session.execute(query).fetchall() for query in NEAREST.values()] == answers[len(CONTENT) :]
    return answers


def moved(server, source, target, form, tmp_path):
    """Dump a database and restore the dump into another."""
    if form == "custom":
        server.run("pg_dump", "-Fc", "-f", str(tmp_path / target), source)
        server.run("pg_restore", "--exit-on-error", "-d", target, str(tmp_path / target))
    else:
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", target, stdin=server.run("pg_dump", source))


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_there_and_back(peer_server, form, tmp_path):
    names = ["old", "new", "old_again"]
    for name in names:
        peer_server.create_database(name)
    try:
        with peer_server.connect("new") as session:
            # where CREATE EXTENSION vector brings Conifer, as it does where its files took the place of pgvector's
            session.execute(f"ALTER DATABASE new SET extension_control_path = '{ROOT / 'target/pg/vector'}:$system'")
        with peer_server.connect("old") as session:
            session.execute("CREATE EXTENSION vector")
            session.execute(FILL)
            assert session.execute(LIBRARY).fetchall() == [("$libdir/vector",)]
            before = seen(session)
        moved(peer_server, "old", "new", form, tmp_path)
        with peer_server.connect("new") as session:
            assert session.execute(LIBRARY).fetchall() == [("$libdir/conifer",)]
            assert seen(session) == before
            session.execute("UPDATE items SET v = v + '[0,0,1]'; DELETE FROM items WHERE id % 3 = 0")
            session.execute("VACUUM items")
            changed = seen(session)
        moved(peer_server, "new", "old_again", form, tmp_path)
        with peer_server.connect("old_again") as session:
            assert session.execute(LIBRARY).fetchall() == [("$libdir/vector",)]
            assert seen(session) == changed != before
    finally:
        for name in names:
            peer_server.drop_database(name)
