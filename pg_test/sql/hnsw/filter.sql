-- Columns behind the vector: conditions on them are asked while the graph is walked.
\set VERBOSITY terse
\pset tuples_only on
-- the plan, without what only PostgreSQL 18 says
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        IF line !~ '^ *Disabled:' THEN RETURN NEXT line; END IF;
    END LOOP;
END $$;
CREATE TABLE items (id int PRIMARY KEY, ns text, v vector(3), meta jsonb);
INSERT INTO items
    SELECT i, CASE WHEN i % 4 = 0 THEN 'b' ELSE 'a' END, ARRAY[i % 50, i / 50, (i * 7) % 13]::vector,
        CASE WHEN i % 10 = 9 THEN NULL ELSE jsonb_build_object('half', i % 2, 'tenth', i % 10, 'rare', i % 500, 'name', 'n' || i % 3) END
    FROM generate_series(1, 3000) AS i;
CREATE INDEX items_v ON items USING hnsw (ns, v vector_l2_ops, meta pc_filter_ops);
CREATE INDEX items_meta ON items USING gin (meta pc_filter_ops);
ANALYZE items;
SELECT pg_get_indexdef('items_v'::regclass);

-- the plan: conditions of the index, and nothing that the executor has to look at again
SET enable_sort = off;
SELECT plan($$SELECT id FROM items WHERE ns = 'a' AND meta @@@ '{"half": 1}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 5$$);
SELECT plan($$SELECT id FROM items WHERE ns = 'a' AND meta @@@ '{"half": 1}' AND meta @@@ '{"name": "n1"}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 5$$);
RESET enable_sort;
SELECT plan($$SELECT id FROM items WHERE meta @@@ '{"rare": 7}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 5$$);

-- answers, beside those of the table
CREATE FUNCTION compared(filter text, ns text DEFAULT 'a', k int DEFAULT 5) RETURNS TABLE (here int[], there int[]) LANGUAGE plpgsql AS $$
DECLARE
    statement text := format('SELECT array_agg(id ORDER BY n) FROM (SELECT id, row_number() OVER () AS n FROM
        (SELECT id FROM items WHERE ns = %L AND %s ORDER BY v <-> ''[20.3,30.1,5.7]'' LIMIT %s) AS near) AS rows', ns, filter, k);
    plan text;
    line text;
BEGIN
    PERFORM set_config('enable_seqscan', 'off', true), set_config('enable_sort', 'off', true);
    FOR line IN EXECUTE 'EXPLAIN ' || statement LOOP plan := concat(plan, line, E'\n'); END LOOP;
    IF plan !~ 'Index Scan using items_v' OR plan !~ 'Index Cond: [^\n]*meta ' THEN RAISE 'plan: %', plan; END IF;
    EXECUTE statement INTO here;
    PERFORM set_config('enable_seqscan', 'on', true), set_config('enable_sort', 'on', true);
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_bitmapscan', 'off', true);
    EXECUTE statement INTO there;
    PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_bitmapscan', 'on', true);
    RETURN NEXT;
END $$;
SELECT * FROM compared('meta @@@ ''{"half": 1}''');
SELECT * FROM compared('meta @@@ ''{"tenth": 3}''');
SELECT * FROM compared('meta @@@ ''{"rare": 77}''');
SELECT * FROM compared('meta @@@ ''{"rare": 77}''', 'b');
SELECT * FROM compared('meta @@@ ''{"rare": 72}''', 'b', 100);
SELECT * FROM compared('meta @@@ ''{"half": 1}'' AND meta @@@ ''{"name": "n1"}''');
SELECT * FROM compared('meta @@@ ''{"absent": 1}''');
SELECT * FROM compared('meta @@@ ''{}''');
SELECT * FROM compared('meta @@@ ''{"rare": {"$gte": 498}}''');
SELECT * FROM compared('meta @@@ ''{"rare": {"$lt": 498}, "half": {"$ne": 0}}''');
SELECT * FROM compared('meta IS NULL AND meta @@@ ''{}''');
SELECT * FROM compared('meta IS NOT NULL AND meta @@@ ''{"half": 1}''');
SELECT * FROM compared('meta IS NULL');
SELECT cardinality(here), cardinality(there), here @> there FROM compared('meta @@@ ''{"half": 1}''', 'a', 1000);
SELECT cardinality(here), cardinality(there), here @> there FROM compared('meta @@@ ''{"tenth": 3}''', 'a', 1000);
SELECT ns, count(*) FROM (SELECT ns FROM items WHERE ns IN ('a', 'b', 'c') AND meta @@@ '{"rare": {"$in": [4, 5]}}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 100) AS near GROUP BY ns ORDER BY ns;

-- parameters, nulls among them, and a scan that starts again and again
SET plan_cache_mode = force_generic_plan;
PREPARE near(text, jsonb, vector, int) AS SELECT id FROM items WHERE ns = $1 AND meta @@@ $2 ORDER BY v <-> $3 LIMIT $4;
SELECT plan($$EXECUTE near('a', '{"half": 1}', '[20.3,30.1,5.7]', 3)$$);
EXECUTE near('a', '{"half": 1}', '[20.3,30.1,5.7]', 3);
EXECUTE near('a', NULL, '[20.3,30.1,5.7]', 3);
EXECUTE near(NULL, '{"half": 1}', '[20.3,30.1,5.7]', 3);
EXECUTE near('a', '{"rare": 77}', '[20.3,30.1,5.7]', 3);
EXECUTE near('nowhere', '{"rare": 77}', '[20.3,30.1,5.7]', 3);
EXECUTE near('a', '{"rare": {"$nothing": 1}}', '[20.3,30.1,5.7]', 3);
SELECT count(*) FROM (SELECT id FROM items WHERE ns = 'a' AND meta @@@ '{"rare": 77}' ORDER BY v <-> NULL LIMIT 3) AS near;
EXECUTE near('a', '{"rare": 77}', '[20,30]', 3);
SELECT filter, near.id FROM (VALUES (1, '{"rare": 5}'::jsonb), (2, NULL), (3, '{"half": 1}'), (4, '{"rare": 6}')) AS filters(n, filter),
    LATERAL (SELECT id FROM items WHERE ns = 'a' AND meta @@@ filter ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 2) AS near ORDER BY n, near.id;
RESET plan_cache_mode;

-- cursors: on and on, and with changes between
BEGIN;
SET LOCAL enable_seqscan = off;
SET LOCAL enable_sort = off;
DECLARE near CURSOR FOR SELECT id FROM items WHERE ns = 'a' AND meta @@@ '{"rare": {"$in": [1, 2, 3, 5, 6, 7]}}' ORDER BY v <-> '[20.3,30.1,5.7]';
FETCH 3 FROM near;
UPDATE items SET meta = '{"rare": 999}' WHERE meta @@@ '{"rare": 5}';
DELETE FROM items WHERE meta @@@ '{"rare": 6}';
FETCH ALL FROM near;
SELECT count(*) FROM (SELECT id FROM items WHERE ns = 'a' AND meta @@@ '{"rare": 999}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 100) AS near;
SELECT count(*) FROM (SELECT id FROM items WHERE ns = 'a' AND meta @@@ '{"rare": {"$in": [5, 6]}}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 100) AS near;
DECLARE last CURSOR FOR SELECT id FROM items WHERE ns = 'a' AND meta @@@ '{"rare": 999}' ORDER BY v <-> '[20.3,30.1,5.7]' FOR UPDATE;
FETCH 1 FROM last;
UPDATE items SET meta = NULL WHERE CURRENT OF last;
FETCH ALL FROM last;
ROLLBACK;

-- order: each row in its place, or after all others
SET hnsw.iterative_scan = strict_order;
SELECT cardinality(here), here = there FROM compared('meta @@@ ''{"tenth": 3}''', 'a', 50);
SET hnsw.iterative_scan = relaxed_order;
SELECT cardinality(here) FROM compared('meta @@@ ''{"tenth": 3}''', 'a', 50);
RESET hnsw.iterative_scan;

-- several filters, one of which is to hold: a condition of the index from PostgreSQL 17 on
SET hnsw.iterative_scan = strict_order;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT id FROM items WHERE ns = 'a' AND meta @@@ ANY (ARRAY['{"rare": 77}', '{"rare": 78}', NULL]::jsonb[]) ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 4;
SELECT id FROM items WHERE ns = 'a' AND meta @@@ ANY (ARRAY[]::jsonb[]) ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 4;
RESET enable_sort;
RESET enable_seqscan;
RESET hnsw.iterative_scan;

-- neither the settings of unfiltered scans nor little memory keep rows back
SET hnsw.max_scan_tuples = 1;
SET work_mem = '64kB';
SELECT cardinality(here), here = there FROM compared('meta @@@ ''{"rare": 77}''', 'a', 50);
SELECT cardinality(here), here @> there FROM compared('meta @@@ ''{"half": 1}''', 'a', 500);
RESET work_mem;
RESET hnsw.max_scan_tuples;

-- without an inverted index, with one of keys and filters, with one that is of no use
DROP INDEX items_meta;
SELECT * FROM compared('meta @@@ ''{"rare": 77}''');
CREATE INDEX items_part ON items USING gin (meta pc_filter_ops) WHERE id < 10;
SELECT * FROM compared('meta @@@ ''{"rare": 77}''');
CREATE INDEX items_meta ON items USING gin (ns pc_text_ops, meta pc_filter_ops);
SELECT * FROM compared('meta @@@ ''{"rare": 77}''');
SELECT * FROM compared('meta @@@ ''{"rare": 72}''', 'b', 100);

-- what is said of the index and done to it
SELECT key, nodes, dead, tuples FROM hnsw_stats('items_v') ORDER BY key;
SELECT * FROM hnsw_check('items_v');
REINDEX INDEX items_v;
REINDEX INDEX CONCURRENTLY items_v;
SELECT * FROM compared('meta @@@ ''{"tenth": 3}''');
UPDATE items SET meta = jsonb_build_object('rare', 1000) WHERE id % 100 = 1;
DELETE FROM items WHERE id % 100 = 2;
SELECT * FROM compared('meta @@@ ''{"rare": 1000}''');
SELECT * FROM compared('meta @@@ ''{"tenth": 1}''');
VACUUM items;
SELECT * FROM compared('meta @@@ ''{"rare": 1000}''');
SELECT * FROM compared('meta @@@ ''{"tenth": 2}''');
SELECT * FROM hnsw_check('items_v');
ALTER TABLE items ALTER COLUMN meta TYPE jsonb USING meta || '{"new": 1}';
SELECT * FROM compared('meta @@@ ''{"rare": 1000, "new": 1}''');

-- vectors that are in no index
INSERT INTO items VALUES (-1, 'a', NULL, '{"rare": -1}'), (-2, 'a', '[1,1,1]', '{"rare": -1}'), (-3, 'a', '[0,0,0]', '{"rare": -1}');
SELECT id FROM items WHERE ns = 'a' AND meta @@@ '{"rare": -1}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 5;
CREATE INDEX items_cosine ON items USING hnsw (v vector_cosine_ops, meta pc_filter_ops);
SET enable_sort = off;
SELECT plan($$SELECT id FROM items WHERE meta @@@ '{"rare": -1}' ORDER BY v <=> '[20.3,30.1,5.7]' LIMIT 5$$);
SELECT id FROM items WHERE meta @@@ '{"rare": -1}' ORDER BY v <=> '[20.3,30.1,5.7]' LIMIT 5;
SELECT id FROM items WHERE meta @@@ '{"rare": -1}' ORDER BY v <=> '[0,0,0]' LIMIT 5;
SELECT hnsw_recall('items_cosine', ARRAY['[20.3,30.1,5.7]', '[1,2,3]']::vector[]) > 0.9 AS good;
SELECT hnsw_recall('items_v', ARRAY['[20.3,30.1,5.7]']::vector[]);
RESET enable_sort;

-- partial, of expressions, of several filters, and of other types and distances
CREATE INDEX items_partial ON items USING hnsw (v vector_ip_ops, meta pc_filter_ops) WHERE id % 2 = 0;
SELECT plan($$SELECT id FROM items WHERE id % 2 = 0 AND meta @@@ '{"rare": {"$in": [13, 14]}}' ORDER BY v <#> '[20.3,30.1,5.7]' LIMIT 20$$);
SELECT count(*), bool_and(id % 2 = 0) FROM (SELECT id FROM items WHERE id % 2 = 0 AND meta @@@ '{"rare": {"$in": [13, 14]}}' ORDER BY v <#> '[20.3,30.1,5.7]' LIMIT 20) AS near;
CREATE INDEX items_half ON items USING hnsw (lower(ns), (v::halfvec(3)) halfvec_l1_ops, (meta -> 'absent') pc_filter_ops, meta pc_filter_ops);
SELECT plan($$SELECT id FROM items WHERE lower(ns) = 'a' AND meta @@@ '{"rare": 14}' ORDER BY v::halfvec(3) <+> '[20.3,30.1,5.7]' LIMIT 20$$);
SELECT id FROM items WHERE lower(ns) = 'a' AND meta @@@ '{"rare": 14}' ORDER BY v::halfvec(3) <+> '[20.3,30.1,5.7]' LIMIT 20;
SELECT id FROM items WHERE lower(ns) = 'a' AND meta @@@ '{"rare": 14}' AND meta -> 'absent' @@@ '{}' ORDER BY v::halfvec(3) <+> '[20.3,30.1,5.7]' LIMIT 20;
CREATE TABLE bits (id int, b bit(16), meta jsonb);
INSERT INTO bits SELECT i, (i * 37 % 65536)::bit(16), jsonb_build_object('tenth', i % 10) FROM generate_series(1, 1000) AS i;
CREATE INDEX bits_b ON bits USING hnsw (b bit_hamming_ops, meta pc_filter_ops);
SET enable_seqscan = off;
SELECT count(*), max(b <~> 3::bit(16)) FROM (SELECT b FROM bits WHERE meta @@@ '{"tenth": 3}' ORDER BY b <~> 3::bit(16) LIMIT 10) AS near;
SET enable_indexscan = off;
SET enable_seqscan = on;
SELECT count(*), max(b <~> 3::bit(16)) FROM (SELECT b FROM bits WHERE meta @@@ '{"tenth": 3}' ORDER BY b <~> 3::bit(16) LIMIT 10) AS near;
RESET enable_indexscan;
RESET enable_seqscan;

-- partitions
CREATE TABLE parts (id int, v vector(3), meta jsonb) PARTITION BY RANGE (id);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (1000) TO (2000);
INSERT INTO parts SELECT i, ARRAY[i % 50, i / 50, i % 13]::vector, jsonb_build_object('rare', i % 100) FROM generate_series(1, 1999) AS i;
CREATE INDEX parts_v ON parts USING hnsw (v vector_l2_ops, meta pc_filter_ops);
CREATE INDEX parts_meta ON parts USING gin (meta pc_filter_ops);
ANALYZE parts;
SET enable_sort = off;
SELECT plan($$SELECT id FROM parts WHERE meta @@@ '{"rare": 7}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 5$$);
SELECT id FROM parts WHERE meta @@@ '{"rare": 7}' ORDER BY v <-> '[20.3,30.1,5.7]' LIMIT 5;
RESET enable_sort;

-- what is refused
CREATE INDEX ON items USING hnsw (meta pc_filter_ops);
CREATE INDEX ON items USING hnsw (meta pc_filter_ops, v vector_l2_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, meta);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, id);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, id, meta pc_filter_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, meta pc_filter_ops, id);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, meta pc_filter_ops, v vector_l2_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, v vector_l2_ops, meta pc_filter_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, meta pc_filter_ops) INCLUDE (id);
CREATE UNIQUE INDEX ON items USING hnsw (v vector_l2_ops, meta pc_filter_ops);
CREATE INDEX ON items USING ivfflat (v vector_l2_ops, meta pc_filter_ops);
CREATE INDEX ON items USING hnsw (v vector_l2_ops, ns pc_filter_ops);
CREATE OPERATOR CLASS lists_overlap FOR TYPE anyarray USING hnsw AS OPERATOR 1 && (anyarray, anyarray);
CREATE OPERATOR CLASS third FOR TYPE anyarray USING hnsw AS OPERATOR 3 && (anyarray, anyarray);
CREATE OPERATOR CLASS same FOR TYPE int[] USING hnsw AS OPERATOR 1 = (anyarray, anyarray);
CREATE TABLE lists (id int PRIMARY KEY, v vector(2), list int[]);
INSERT INTO lists SELECT i, ARRAY[i, 1]::vector, ARRAY[i % 3, i % 5] FROM generate_series(1, 500) i;
\set VERBOSITY default
CREATE INDEX ON lists USING hnsw (v vector_l2_ops, list third);
CREATE INDEX ON lists USING hnsw (v vector_l2_ops, list same);
CREATE INDEX ON lists USING hnsw (v vector_l2_ops, id);
CREATE INDEX ON lists USING hnsw (list lists_overlap, v vector_l2_ops);
CREATE INDEX ON lists USING hnsw (list lists_overlap);
\set VERBOSITY terse
-- a class over arrays of all types serves as well as another
CREATE INDEX ON lists USING hnsw (v vector_l2_ops, list lists_overlap);
SET enable_seqscan = off;
SET enable_sort = off;
SELECT plan($$SELECT id FROM lists WHERE list && '{2,4}' ORDER BY v <-> '[1,1]' LIMIT 5$$);
SELECT id FROM lists WHERE list && '{2,4}' ORDER BY v <-> '[1,1]' LIMIT 5;
RESET enable_seqscan;
RESET enable_sort;
