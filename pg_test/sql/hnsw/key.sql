-- Leading columns: a graph for each key.
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
SET enable_seqscan = off;
CREATE TABLE t (id int, s smallint, i int, b bigint, x text, c varchar(40), u uuid, f bool, v vector(2), h halfvec(2)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT n, k, k, k, 'key ' || k, 'key ' || k, md5(k::text)::uuid, k % 2 = 0, ARRAY[n, k], ARRAY[n, k]
FROM generate_series(1, 400) n, LATERAL (SELECT n % 8 - 3 AS k) k;
CREATE INDEX t_s ON t USING hnsw (s, v vector_l2_ops);
CREATE INDEX t_i ON t USING hnsw (i, v vector_ip_ops);
CREATE INDEX t_b ON t USING hnsw (b, v vector_cosine_ops);
CREATE INDEX t_x ON t USING hnsw (x, v vector_l2_ops);
CREATE INDEX t_c ON t USING hnsw (c, h halfvec_l2_ops);
CREATE INDEX t_u ON t USING hnsw (u, h halfvec_ip_ops);
CREATE INDEX t_f ON t USING hnsw (f, h halfvec_cosine_ops);
SELECT c.relname, s.key, s.nodes, s.tuples FROM pg_class c, LATERAL hnsw_stats(c.oid) s WHERE relname LIKE 't\__' ORDER BY relname, s.key COLLATE "C";
SELECT c.relname, (SELECT count(*) FROM hnsw_check(c.oid)) FROM pg_class c WHERE relname LIKE 't\__' ORDER BY 1;

-- the condition leads to the graph
SELECT plan($$SELECT id FROM t WHERE s = 2::smallint ORDER BY v <-> '[5,2]' LIMIT 3$$);
SELECT id FROM t WHERE s = 2::smallint ORDER BY v <-> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE i = -3 ORDER BY v <#> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE b = 4::bigint ORDER BY v <=> '[1,2]' LIMIT 3;
SELECT id FROM t WHERE x = 'key 1' ORDER BY v <-> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE c = 'key 1' ORDER BY h <-> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE u = md5('0')::uuid ORDER BY h <#> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE f = true ORDER BY h <=> '[1,2]' LIMIT 1;
SELECT id FROM t WHERE f ORDER BY h <=> '[1,2]' LIMIT 1;
SELECT count(*), count(*) FILTER (WHERE f) FROM (SELECT f FROM t WHERE NOT f ORDER BY h <=> '[1,2]') s;
-- the planners before 16 know indexes on booleans of their own methods alone, but for values that come later
SELECT id FROM t WHERE f = (SELECT true) ORDER BY h <=> '[1,2]' LIMIT 1;
-- numbers of other types, also those that the column cannot hold
SELECT plan($$SELECT id FROM t WHERE s = 2 ORDER BY v <-> '[5,2]' LIMIT 3$$);
SELECT id FROM t WHERE s = 2 ORDER BY v <-> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE s = 2::bigint ORDER BY v <-> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE s = -1::bigint ORDER BY v <-> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE s = 65538 ORDER BY v <-> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE i = 2::smallint ORDER BY v <#> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE i = -2::bigint ORDER BY v <#> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE i = 4294967298 ORDER BY v <#> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE b = -2::smallint ORDER BY v <=> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE b = -2 ORDER BY v <=> '[5.5,2]' LIMIT 3;
SELECT id FROM t WHERE 3 = b ORDER BY v <=> '[5.5,2]' LIMIT 3;
-- a numeric is no key
SELECT plan($$SELECT id FROM t WHERE i = 2.0 ORDER BY v <#> '[5,2]' LIMIT 3$$);
-- keys that are not there, conflicts, nulls
SELECT id FROM t WHERE x = 'nobody' ORDER BY v <-> '[5.5,2]';
SELECT id FROM t WHERE x = '' ORDER BY v <-> '[5.5,2]';
SELECT id FROM t WHERE i = 1 AND i = 2 ORDER BY v <#> '[5.5,2]';
SELECT count(*) FROM (SELECT id FROM t WHERE i = (SELECT 1) AND i = (SELECT 2) ORDER BY v <#> '[5.5,2]') s;
SELECT id FROM t WHERE i = (SELECT 1) AND i = (SELECT 1::bigint) ORDER BY v <#> '[5.5,2]' LIMIT 1;
SELECT id FROM t WHERE i = NULL ORDER BY v <#> '[5.5,2]';
SELECT id FROM t WHERE i = (SELECT NULL::int) ORDER BY v <#> '[5.5,2]';
SELECT plan($$SELECT id FROM t WHERE i IS NULL ORDER BY v <#> '[5,2]' LIMIT 3$$);
SELECT plan($$SELECT id FROM t WHERE i IN (1, 2) ORDER BY v <#> '[5,2]' LIMIT 3$$);
SELECT plan($$SELECT id FROM t WHERE i > 1 ORDER BY v <#> '[5,2]' LIMIT 3$$);
SELECT plan($$SELECT id FROM t ORDER BY v <#> '[5,2]' LIMIT 3$$);
SELECT plan($$SELECT id FROM t WHERE i = 1$$);
SELECT plan($$SELECT id FROM t WHERE x LIKE 'key 1' ORDER BY v <-> '[5,2]' LIMIT 3$$);
SELECT id FROM t WHERE i IS NULL ORDER BY v <#> '[5,2]' LIMIT 3;
SELECT count(*) FROM (SELECT id FROM t WHERE i IN (1, 2) ORDER BY v <#> '[5,2]' LIMIT 300) s;
-- null is a key; vectors that are null or zero are in no graph
INSERT INTO t (id, s, x, f, v, h) VALUES (1000, NULL, NULL, NULL, '[1,1]', '[1,1]'), (1001, 1, 'key 1', true, NULL, NULL), (1002, 1, 'key 1', true, '[0,0]', '[0,0]');
SELECT sum(tuples) FROM hnsw_stats('t_x');
SELECT sum(tuples) FROM hnsw_stats('t_f');
SELECT id FROM t WHERE x IS NULL ORDER BY v <-> '[1,1]';
-- new keys by INSERT, others by UPDATE
INSERT INTO t (id, x, v) VALUES (2000, 'new', '[1,1]'), (2001, 'new', '[2,2]'), (2002, 'New', '[1,1]'), (2003, 'new ', '[1,1]'), (2004, '', '[1,1]');
SELECT id FROM t WHERE x = 'new' ORDER BY v <-> '[2,2]';
SELECT id FROM t WHERE x = '' ORDER BY v <-> '[2,2]';
UPDATE t SET x = 'moved' WHERE id = 2001;
SELECT id FROM t WHERE x = 'new' ORDER BY v <-> '[2,2]';
SELECT id FROM t WHERE x = 'moved' ORDER BY v <-> '[2,2]';
DELETE FROM t WHERE x = 'key 2';
VACUUM t;
SELECT key, nodes, dead <= 2 AS dead, tuples FROM hnsw_stats('t_x') ORDER BY key COLLATE "C";
SELECT * FROM hnsw_check('t_x');
SELECT id FROM t WHERE x = 'key 2' ORDER BY v <-> '[2,2]';
INSERT INTO t (id, x, v) VALUES (3000, 'key 2', '[1,1]');
SELECT id FROM t WHERE x = 'key 2' ORDER BY v <-> '[2,2]';

-- joins and parameters on the key
CREATE TABLE q (n int, k bigint);
INSERT INTO q VALUES (1, 1), (2, NULL), (3, -3), (4, 99);
SELECT plan($$SELECT n, s.id FROM q, LATERAL (SELECT id FROM t WHERE i = q.k ORDER BY v <#> '[1,1]' LIMIT 2) s$$);
SELECT n, s.id FROM q, LATERAL (SELECT id FROM t WHERE i = q.k ORDER BY v <#> '[1,1]' LIMIT 2) s ORDER BY n, id;
SELECT n, (SELECT id FROM t WHERE s = q.k ORDER BY v <-> '[100,1]' LIMIT 1) FROM q ORDER BY n;
PREPARE p(text, vector) AS SELECT id FROM t WHERE x = $1 ORDER BY v <-> $2 LIMIT 2;
SET plan_cache_mode = force_generic_plan;
EXECUTE p('key 1', '[5.5,2]');
EXECUTE p('nobody', '[5.5,2]');
EXECUTE p(NULL, '[5.5,2]');
EXECUTE p('key -1', '[399,2]');
RESET plan_cache_mode;
-- the conditions of a subquery, through a view
CREATE VIEW w AS SELECT id, x, v FROM t;
SELECT id FROM w WHERE x = 'key 1' ORDER BY v <-> '[5.5,2]' LIMIT 1;

-- several columns, all of which are needed
CREATE TABLE m (id int, a text, b int, c uuid, v vector(2));
INSERT INTO m SELECT n, chr(97 + n % 3), n % 2, md5((n % 2)::text)::uuid, ARRAY[n, 1] FROM generate_series(1, 120) n;
INSERT INTO m VALUES (500, NULL, 1, md5('1')::uuid, '[1,1]'), (501, 'a', NULL, md5('1')::uuid, '[1,1]'), (502, 'a', 1, NULL, '[1,1]');
CREATE INDEX m_v ON m USING hnsw (a, b, c, v vector_l2_ops);
SELECT key, nodes FROM hnsw_stats('m_v') ORDER BY key COLLATE "C";
SELECT plan($$SELECT id FROM m WHERE a = 'b' AND b = 1 AND c = md5('1')::uuid ORDER BY v <-> '[30,1]' LIMIT 3$$);
SELECT id FROM m WHERE a = 'b' AND b = 1 AND c = md5('1')::uuid ORDER BY v <-> '[30.1,1]' LIMIT 3;
SELECT id FROM m WHERE c = md5('0')::uuid AND b = 0 AND a = 'c' ORDER BY v <-> '[30.1,1]' LIMIT 3;
SELECT id FROM m WHERE a = 'b' AND b = 0 AND c = md5('1')::uuid ORDER BY v <-> '[30.1,1]' LIMIT 3;
SELECT plan($$SELECT id FROM m WHERE a = 'b' AND b = 1 ORDER BY v <-> '[30,1]' LIMIT 3$$);
-- texts cannot be mistaken for each other where columns meet
CREATE TABLE ab (a text, b text, v vector(1));
INSERT INTO ab VALUES ('a', 'bc', '[1]'), ('ab', 'c', '[2]'), ('', 'abc', '[3]'), ('abc', '', '[4]');
CREATE INDEX ab_v ON ab USING hnsw (a, b, v vector_l2_ops);
SELECT count(*) FROM hnsw_stats('ab_v');
SELECT v FROM ab WHERE a = 'ab' AND b = 'c' ORDER BY v <-> '[1]';

-- conditions beside the key; partial indexes; expressions
SELECT id FROM t WHERE i = 1 AND id > 100 ORDER BY v <#> '[-1,0]' LIMIT 2;
CREATE INDEX t_part ON t USING hnsw (c, v vector_l2_ops) WHERE f;
SELECT id FROM t WHERE c = 'key 4' AND f ORDER BY v <-> '[5.5,2]' LIMIT 2;
CREATE INDEX t_ex ON t USING hnsw (lower(x), (v + '[1,1]')::vector(2) vector_l2_ops);
CREATE INDEX t_ex ON t USING hnsw (lower(x), ((v + '[1,1]')::vector(2)) vector_l2_ops);
SELECT id FROM t WHERE lower(x) = 'new' ORDER BY (v + '[1,1]')::vector(2) <-> '[2,2]' LIMIT 2;

-- what cannot be a key
CREATE TABLE bad (n numeric, r real, j jsonb, a int[], e text COLLATE "C", v vector(2), h halfvec(2), i int);
CREATE INDEX ON bad USING hnsw (r, v vector_l2_ops);
CREATE INDEX ON bad USING hnsw (j, v vector_l2_ops);
CREATE INDEX ON bad USING hnsw (a, v vector_l2_ops);
CREATE INDEX ON bad USING hnsw (v vector_l2_ops, i);
CREATE INDEX ON bad USING hnsw (v vector_l2_ops, h halfvec_l2_ops);
CREATE INDEX ON bad USING hnsw (i, v vector_l2_ops, i);
CREATE INDEX ON bad USING hnsw (i, e);
CREATE INDEX ON bad USING hnsw (i int8_ops, v vector_l2_ops);
CREATE INDEX ON bad USING hnsw (i, v vector_l2_ops) INCLUDE (n);
CREATE UNIQUE INDEX ON bad USING hnsw (i, v vector_l2_ops);
-- collations: bytes decide, so only those where bytes decide
CREATE INDEX e_v ON bad USING hnsw (e, v vector_l2_ops);
INSERT INTO bad (e, v) VALUES ('a', '[1,1]'), ('A', '[2,2]');
SELECT v FROM bad WHERE e = 'a' ORDER BY v <-> '[2,2]';
SELECT plan($$SELECT v FROM bad WHERE e = 'a' COLLATE "POSIX" ORDER BY v <-> '[2,2]' LIMIT 1$$);
DO $$ BEGIN
    CREATE COLLATION loose (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
    ALTER TABLE bad ADD o text COLLATE loose;
    CREATE INDEX ON bad USING hnsw (o, v vector_l2_ops);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE '%', CASE WHEN SQLERRM ~ 'ICU is not supported' THEN 'nondeterministic collations are not supported in the key of an hnsw index' ELSE SQLERRM END;
END $$;

-- many keys: the directory grows over several pages, by building and by inserting
CREATE TABLE many (k int, v vector(2)) WITH (autovacuum_enabled = off);
INSERT INTO many SELECT i, ARRAY[i, j] FROM generate_series(1, 3000) i, generate_series(1, 2) j;
CREATE INDEX many_v ON many USING hnsw (k, v vector_l2_ops);
INSERT INTO many SELECT i, ARRAY[i, j] FROM generate_series(2001, 5000) i, generate_series(3, 4) j;
SELECT count(*), sum(nodes), sum(tuples) FROM hnsw_stats('many_v');
SELECT * FROM hnsw_check('many_v');
SELECT count(*), sum(n) FROM generate_series(0, 5001) k, LATERAL (SELECT count(*) AS n FROM (SELECT v FROM many WHERE many.k = k.k ORDER BY v <-> '[0,0]') s) s WHERE n > 0;
SELECT v FROM many WHERE k = 2500 ORDER BY v <-> '[0,0]';
DELETE FROM many WHERE k % 2 = 0;
VACUUM many;
SELECT count(*), sum(nodes), sum(tuples) FROM hnsw_stats('many_v');
SELECT * FROM hnsw_check('many_v');
