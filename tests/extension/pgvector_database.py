"""A database with all that pgvector's extension `vector` can put into one, and what is compared when it has moved."""

import re

# All that a database can have of pgvector: types with and without dimensions, as elements, in domains, composites and
# partitions' bounds; operators in views, rules, constraints and expressions; indexes of each kind and operator class.
FILL = """
CREATE TABLE items (
    id int PRIMARY KEY,
    v vector(3) DEFAULT '[0,0,0]' NOT NULL,
    h halfvec(3),
    s sparsevec(5),
    b bit(8),
    w vector,
    many vector[],
    norm float8 GENERATED ALWAYS AS (vector_norm(v)) STORED,
    CONSTRAINT near CHECK (v <-> '[0,0,0]' < 1000)
);
INSERT INTO items (id, v, h, s, b, w, many)
    SELECT i, ARRAY[i % 17, i % 23, i / 9.0], ARRAY[i % 17, i % 5, i / 9.0], format('{1:%s,%s:1.5}/5', i % 7 + 1, i % 4 + 2)::sparsevec,
        (i % 256)::bit(8), CASE WHEN i % 3 = 0 THEN ARRAY[i, 1]::vector ELSE ARRAY[i, 1, 2]::vector END, ARRAY[ARRAY[i, 1]::vector, NULL]
    FROM generate_series(1, 600) i;
INSERT INTO items (id) VALUES (0);
CREATE INDEX items_l2 ON items USING hnsw (v vector_l2_ops) WITH (m = 8, ef_construction = 32);
CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops);
CREATE INDEX items_l1 ON items USING hnsw (v vector_l1_ops);
CREATE INDEX items_half ON items USING hnsw (h halfvec_ip_ops) WHERE id > 10;
CREATE INDEX items_sparse ON items USING hnsw (s sparsevec_cosine_ops);
CREATE INDEX items_jaccard ON items USING hnsw (b bit_jaccard_ops);
CREATE INDEX items_cast ON items USING hnsw ((v::halfvec(3)) halfvec_l2_ops);
CREATE INDEX items_bits ON items USING hnsw ((binary_quantize(v)::bit(3)) bit_hamming_ops) WHERE id <= 40;
CREATE INDEX items_partly ON items USING hnsw ((w::vector(2)) vector_l2_ops) WHERE vector_dims(w) = 2;
CREATE INDEX items_lists ON items USING ivfflat (v) WITH (lists = 7);
CREATE INDEX items_lists_ip ON items USING ivfflat (v vector_ip_ops) WITH (lists = 3);
CREATE INDEX items_lists_half ON items USING ivfflat (h halfvec_cosine_ops) WITH (lists = 3);
CREATE INDEX items_lists_bits ON items USING ivfflat (b bit_hamming_ops) WITH (lists = 3);
CREATE INDEX items_lists_partly ON items USING ivfflat ((w::vector(3)) vector_cosine_ops) WHERE vector_dims(w) = 3;
CREATE UNIQUE INDEX items_order ON items (w, id);
CREATE VIEW seen AS SELECT avg(v) AS mean, sum(h) AS sum, min(v <=> '[1,2,3]') AS nearest FROM items WHERE v > '[1]' AND v <> '[0,0,0]';
CREATE MATERIALIZED VIEW kept AS SELECT id, v || w AS joined, subvector(v, 1, 2) AS first, l2_normalize(h) AS unit FROM items;
CREATE INDEX kept_first ON kept USING hnsw ((first::vector(2)) vector_l2_ops);
CREATE DOMAIN unit AS vector(2) CHECK (abs(vector_norm(VALUE) - 1) < 1e-5);
CREATE TYPE pair AS (a vector(2), b sparsevec(2));
CREATE TABLE units (u unit, p pair);
INSERT INTO units VALUES ('[0,-1]', ('[1,2]', '{1:1}/2'));
CREATE TABLE parts (v vector(2)) PARTITION BY RANGE (v);
CREATE TABLE low PARTITION OF parts FOR VALUES FROM (MINVALUE) TO ('[0.5,0]');
CREATE TABLE high PARTITION OF parts FOR VALUES FROM ('[0.5,0]') TO (MAXVALUE);
CREATE INDEX ON parts USING hnsw (v vector_l2_ops);
INSERT INTO parts VALUES ('[0,1]'), ('[0.5,-1]'), ('[7,8]');
CREATE FUNCTION nearest(query vector, n int DEFAULT 3) RETURNS SETOF int LANGUAGE sql STABLE
    AS 'SELECT id FROM items ORDER BY v <-> query, id LIMIT n';
CREATE FUNCTION nearest_later(query vector) RETURNS SETOF int LANGUAGE sql STABLE
    BEGIN ATOMIC SELECT id FROM items ORDER BY v OPERATOR(public.<#>) query, id LIMIT 3; END;
CREATE RULE quiet AS ON UPDATE TO units WHERE NEW.u <-> OLD.u = 0 DO INSTEAD NOTHING;
CREATE STATISTICS items_s ON v, h FROM items;
CREATE OPERATOR CLASS own FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 vector_l2_squared_distance(vector, vector);
CREATE OPERATOR CLASS own_half FOR TYPE halfvec USING ivfflat AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops, FUNCTION 1 halfvec_l2_squared_distance(halfvec, halfvec),
    FUNCTION 3 l2_distance(halfvec, halfvec), FUNCTION 5 ivfflat_halfvec_support(internal);
CREATE INDEX items_own ON items USING hnsw (v own);
CREATE INDEX items_own_half ON items USING ivfflat (h own_half) WITH (lists = 2);
ANALYZE items;
"""

CONTENT = [
    "SELECT id, v::text, h::text, s::text, b::text, w::text, many::text, norm FROM items ORDER BY id",
    "SELECT id, vector_send(v), halfvec_send(h), sparsevec_send(s) FROM items ORDER BY id",
    "SELECT mean::text, sum::text, nearest FROM seen",
    "SELECT id, joined::text, first::text, unit::text FROM kept ORDER BY id",
    "SELECT u::text, p::text FROM units",
    "SELECT tableoid::regclass::text, v::text FROM parts ORDER BY v",
    "SELECT nearest('[1,2,3]')",
    "SELECT nearest_later('[1,2,3]')",
    """SELECT attrelid::regclass::text, attname, format_type(atttypid, atttypmod), attstorage FROM pg_attribute
        WHERE attrelid IN ('items'::regclass, 'units'::regclass, 'parts'::regclass) AND attnum > 0 ORDER BY 1, attnum""",
    """SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid), indisvalid FROM pg_index
        WHERE indrelid::regclass::text IN ('items', 'kept', 'parts', 'low', 'high') ORDER BY 1""",
]

# The whole order, which every index gives if it looks far enough: what is asked, and the index that has to serve it.
SEARCHES = [
    ("items_l2|items_own|items_lists", "SELECT v <-> '[3,4,50]' FROM items ORDER BY v <-> '[3,4,50]' LIMIT 20"),
    ("items_cosine", "SELECT v <=> '[3,4,50]' FROM items ORDER BY v <=> '[3,4,50]' LIMIT 20"),
    ("items_l1", "SELECT v <+> '[3,4,50]' FROM items ORDER BY v <+> '[3,4,50]' LIMIT 20"),
    ("items_half", "SELECT h <#> '[3,4,50]' FROM items WHERE id > 10 ORDER BY h <#> '[3,4,50]' LIMIT 20"),
    ("items_sparse", "SELECT s <=> '{1:1,3:2}/5' FROM items ORDER BY s <=> '{1:1,3:2}/5' LIMIT 20"),
    ("items_jaccard", "SELECT b <%> B'10110000' FROM items ORDER BY b <%> B'10110000' LIMIT 20"),
    ("items_cast|items_own_half", "SELECT v::halfvec(3) <-> '[3,4,50]' FROM items ORDER BY v::halfvec(3) <-> '[3,4,50]' LIMIT 20"),
    ("items_bits",
     "SELECT binary_quantize(v)::bit(3) <~> B'101' FROM items WHERE id <= 40 ORDER BY binary_quantize(v)::bit(3) <~> B'101' LIMIT 20"),
    ("items_partly", "SELECT w::vector(2) <-> '[7,1]' FROM items WHERE vector_dims(w) = 2 ORDER BY w::vector(2) <-> '[7,1]' LIMIT 20"),
    ("items_lists_ip", "SELECT v <#> '[3,4,50]' FROM items ORDER BY v <#> '[3,4,50]' LIMIT 20"),
    # pgvector's takes unit vectors of half precision, so the order of those that are next to parallel is another one
    ("items_lists_half", "SELECT round((h <=> '[3,-4,5]')::numeric, 2)::float8 FROM items ORDER BY h <=> '[3,-4,5]' LIMIT 20"),
    ("items_lists_bits", "SELECT b <~> B'10110000' FROM items ORDER BY b <~> B'10110000' LIMIT 20"),
    ("items_lists_partly",
     "SELECT w::vector(3) <=> '[7,1,2]' FROM items WHERE vector_dims(w) = 3 ORDER BY w::vector(3) <=> '[7,1,2]' LIMIT 20"),
    ("items_own_half|items_half", "SELECT h <-> '[3,4,50]' FROM items ORDER BY h <-> '[3,4,50]' LIMIT 20"),
    ("kept_first", "SELECT first::vector(2) <-> '[3,4]' FROM kept ORDER BY first::vector(2) <-> '[3,4]' LIMIT 20"),
]


def content(session):
    """Each query, with its rows. Some may use lists, of which pgvector chooses the centres by chance."""
    session.execute("SET ivfflat.probes = 1000")
    return [(query, session.execute(query).fetchall()) for query in CONTENT]


def searches(session):
    """What the indexes find; the plans prove that they do."""
    session.execute("SET enable_seqscan = off; SET enable_sort = off; SET hnsw.ef_search = 1000; SET ivfflat.probes = 1000")
    found = []
    for index, query in SEARCHES:
        plan = str(session.execute(f"EXPLAIN (COSTS OFF) {query}").fetchall())
        assert re.search(f"Index Scan using ({index}) ", plan), plan
        found.append((query, session.execute(query).fetchall()))
    return found


def schema(server, database):
    """What pg_dump writes of a database but for rows, and its random words."""
    dump = server.run("pg_dump", "--schema-only", database)
    return re.sub(r"(?m)^\\(un)?restrict .*\n|^COMMENT ON EXTENSION .*\n", "", dump)
