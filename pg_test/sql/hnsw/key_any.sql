-- Several keys at once: = ANY, IN and IS NULL search the graphs of all values given, as one.
\set VERBOSITY terse
\pset tuples_only on
SET enable_seqscan = off;
SELECT setseed(0.5);
-- the plan, without what only PostgreSQL 18 says
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        IF line !~ '^ *(Disabled|Index Searches):' THEN RETURN NEXT line; END IF;
    END LOOP;
END $$;
-- what the index finds, what is different in the table, and whether the condition is the index's
CREATE FUNCTION answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE plan text; a text; b text;
BEGIN
    SELECT string_agg(p, ' ') INTO plan FROM plan(query) p;
    EXECUTE 'SELECT string_agg(id::text, '' '') FROM (' || query || ') s' INTO a;
    SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
    EXECUTE 'SELECT string_agg(id::text, '' '') FROM (' || query || ') s' INTO b;
    SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off;
    RETURN coalesce(a, 'none') || CASE WHEN a IS NOT DISTINCT FROM b THEN '' ELSE ' instead of ' || coalesce(b, 'none') END || CASE WHEN plan ~ 'Index Cond' THEN '' ELSE ' without the index: ' || plan END;
END $$;
-- keys of 1 to 1000 rows: small graphs and large ones; every tenth row has none
CREATE TABLE t (id int, k int, x text, n numeric(6, 2), d date, f bool, v vector(3)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, k, 'key ' || k, k * 0.5, date '2026-01-01' + k, k % 2 = 0, ARRAY[random(), random(), random()]
FROM generate_series(1, 3000) i, LATERAL (SELECT CASE WHEN i % 10 = 0 THEN NULL ELSE floor(log(2, i))::int END AS k) k;
CREATE INDEX t_k ON t USING hnsw (k, v vector_l2_ops);
CREATE INDEX t_x ON t USING hnsw (x, v vector_l2_ops);
CREATE INDEX t_n ON t USING hnsw (n, v vector_l2_ops);
CREATE INDEX t_d ON t USING hnsw (d, v vector_l2_ops);
CREATE INDEX t_fk ON t USING hnsw (f, k, v vector_l2_ops);
ANALYZE t;
SELECT key, tuples FROM hnsw_stats('t_k') ORDER BY tuples, key;

SELECT plan($$SELECT id FROM t WHERE k IN (3, 5) ORDER BY v <-> '[1,1,1]' LIMIT 3$$);
SELECT plan($$SELECT id FROM t WHERE k = ANY('{9}') ORDER BY v <-> '[1,1,1]' LIMIT 3$$);
SELECT plan($$SELECT id FROM t WHERE k IS NULL ORDER BY v <-> '[1,1,1]' LIMIT 3$$);
SELECT w, answer('SELECT id FROM t WHERE ' || w || ' ORDER BY v <-> ''[0.5,0.5,0.5]'' LIMIT 5') FROM unnest(ARRAY[
    'k IN (3, 5)', 'k IN (9, 10, 11)', 'k IN (2, 11)', 'k = ANY(''{9}'')', 'k = ANY(''{9, 9, 9, 10}'')', 'k = ANY(''{9, NULL}'')', 'k = ANY(''{NULL}'')', 'k = ANY(''{}'')',
    'k = ANY(NULL)', 'k = ANY(''{{9, 10}, {3, NULL}}'')', 'k = ANY(''{9, 10}''::bigint[])', 'k = ANY(''{9, 10}''::smallint[])', 'k = ANY(ARRAY[9, 4294967305])', 'k IN (100, 200)',
    'k IS NULL', 'k IS NULL AND k IS NOT NULL', 'k = 9 AND k IS NOT NULL', 'k IN (9, 10) AND k IS NOT NULL', 'k IN (9, 10) AND k IN (10, 11)', 'k IN (9, 10) AND k = 10', 'k IN (9, 10) AND k IS NULL',
    'x IN (''key 3'', ''key 9'')', 'x IS NULL', 'n IN (1.5, 4.50)', 'n = ANY(''{1.500, 4.5}'')', 'd IN (''2026-01-04'', ''2026-01-12'')', 'd = ANY(ARRAY[date ''2026-01-10''])',
    'f = true AND k = 4', 'f AND k IN (4, 10)', 'f = ANY(ARRAY[true, false]) AND k = 4', 'f IS NULL AND k IS NULL', 'f IS NULL AND k = 4']) w;
-- nothing is given, or not enough
SELECT plan($$SELECT id FROM t WHERE k IS NOT NULL ORDER BY v <-> '[1,1,1]' LIMIT 3$$);
SELECT plan($$SELECT id FROM t WHERE k > ANY('{9}') ORDER BY v <-> '[1,1,1]' LIMIT 3$$);
SELECT plan($$SELECT id FROM t WHERE k <> ALL('{9}') ORDER BY v <-> '[1,1,1]' LIMIT 3$$);
-- null vectors are in no index
CREATE TABLE p (id int, v vector(2));
INSERT INTO p VALUES (1, NULL), (2, '[1,1]'), (3, '[2,2]');
CREATE INDEX p_v ON p USING hnsw (v vector_l2_ops);
SELECT plan($$SELECT id FROM p WHERE v IS NULL ORDER BY v <-> '[1,1]' LIMIT 3$$);
SELECT id FROM p WHERE v IS NULL ORDER BY v <-> '[1,1]' LIMIT 3;
SELECT plan($$SELECT id FROM p WHERE v IS NOT NULL ORDER BY v <-> '[1,1]' LIMIT 3$$);
SELECT id FROM p WHERE v IS NOT NULL ORDER BY v <-> '[2,1.9]' LIMIT 3;

-- one value costs what = costs
CREATE FUNCTION buffers(query text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE plan json;
BEGIN
    EXECUTE query;
    EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, TIMING off, SUMMARY off, FORMAT json) ' || query INTO plan;
    RETURN (plan->0->'Plan'->>'Shared Hit Blocks')::bigint + (plan->0->'Plan'->>'Shared Read Blocks')::bigint;
END $$;
SELECT w, buffers('SELECT id FROM t WHERE k = ANY(' || w || ') ORDER BY v <-> ''[0.5,0.5,0.5]'' LIMIT 5') - buffers('SELECT id FROM t WHERE k = 10 ORDER BY v <-> ''[0.5,0.5,0.5]'' LIMIT 5')
FROM unnest('{"''{10}''", "ARRAY[10, NULL, 10]"}'::text[]) w;
SELECT buffers($$SELECT id FROM t WHERE k IN (9, 10, 11) ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 5$$) < 3 * buffers($$SELECT id FROM t WHERE k = 11 ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 5$$);

-- every mode gives rows in order, and with a filter all that there are
CREATE FUNCTION drained(mode text, query text) RETURNS TABLE (rows bigint, different bigint, ascending bool) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('hnsw.iterative_scan', mode, true);
    RETURN QUERY EXECUTE 'SELECT count(*), count(DISTINCT id), bool_and(coalesce(d >= before, true)) FROM (SELECT id, d, lag(d) OVER () AS before FROM (' || query || ') s) s';
    PERFORM set_config('hnsw.iterative_scan', 'off', true);
END $$;
SELECT mode, w, d.* FROM unnest('{strict_order,relaxed_order}'::text[]) mode, unnest('{"k IN (3, 10, 11)", "k IN (1, 2, 3, 4, 5, 6, 7)", "k IS NULL", "k IN (10)"}'::text[]) w,
    LATERAL drained(mode, 'SELECT id, v <-> ''[0.5,0.5,0.5]'' AS d FROM t WHERE ' || w || ' ORDER BY d') d WHERE mode = 'strict_order' OR d.ascending IS NOT NULL;
SELECT w, count(*) FROM unnest('{"k IN (3, 10, 11)", "k IN (1, 2, 3, 4, 5, 6, 7)", "k IS NULL", "k IN (10)"}'::text[]) w, t WHERE CASE w WHEN 'k IN (3, 10, 11)' THEN k IN (3, 10, 11) WHEN 'k IS NULL' THEN k IS NULL WHEN 'k IN (10)' THEN k = 10 ELSE k BETWEEN 1 AND 7 END GROUP BY w ORDER BY w;
SET hnsw.iterative_scan = strict_order;
SELECT answer($$SELECT id FROM t WHERE k IN (9, 10, 11) AND id % 100 = 7 ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 12$$);
RESET hnsw.iterative_scan;

-- random keys of several types, many at a time, and among them such as are not there
CREATE FUNCTION differ(rounds int, kind text, most int, ef int) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE query text; found text; n int; list text; col text; result text;
BEGIN
    PERFORM set_config('hnsw.ef_search', ef::text, true);
    FOR round IN 1..rounds LOOP
        n = 1 + floor(random() * most);
        col = CASE kind WHEN 'int' THEN 'k' WHEN 'text' THEN 'x' WHEN 'numeric' THEN 'n' ELSE 'd' END;
        SELECT string_agg(CASE WHEN random() < 0.1 THEN 'NULL' ELSE CASE kind WHEN 'int' THEN k::text WHEN 'text' THEN format('''key %s''', k) WHEN 'numeric' THEN (k * 0.5)::numeric(9, 5)::text ELSE format('''%s''::date', date '2026-01-01' + k) END END, ', ')
        INTO list FROM (SELECT floor(random() * 14)::int AS k FROM generate_series(1, n)) s;
        query = format('SELECT id FROM t WHERE %s = ANY(ARRAY[%s]%s) ORDER BY v <-> ''[%s,%s,%s]'' LIMIT %s', col, list, CASE kind WHEN 'int' THEN '::int[]' WHEN 'text' THEN '::text[]' WHEN 'numeric' THEN '::numeric[]' ELSE '::date[]' END, random(), random(), random(), 1 + floor(random() * 30));
        result = answer(query);
        IF result ~ 'instead|without' THEN RETURN NEXT query || ': ' || result; END IF;
    END LOOP;
END $$;
SELECT differ(15, kind, 6, 200) FROM unnest('{int,text,numeric,date}'::text[]) kind;

-- parameters: arrays in a generic plan, from the outer side, of rows that a policy shows
PREPARE q(int[], vector) AS SELECT id FROM t WHERE k = ANY($1) ORDER BY v <-> $2 LIMIT 3;
SET plan_cache_mode = force_generic_plan;
EXECUTE q('{9,10}', '[0.5,0.5,0.5]');
EXECUTE q('{}', '[0.5,0.5,0.5]');
EXECUTE q(NULL, '[0.5,0.5,0.5]');
EXECUTE q('{NULL,1}', '[0.5,0.5,0.5]');
SELECT plan($$EXECUTE q('{9,10}', '[0.5,0.5,0.5]')$$);
RESET plan_cache_mode;
CREATE TABLE o (n int, a int[]);
INSERT INTO o VALUES (1, '{9,10}'), (2, NULL), (3, '{}'), (4, '{1,NULL,77}'), (5, '{9}'), (6, (SELECT array_agg(i) FROM generate_series(-5000, 9) i));
SELECT plan($$SELECT n, s.id FROM o, LATERAL (SELECT id FROM t WHERE k = ANY(o.a) ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 2) s$$);
SELECT n, s.id, s.id = (SELECT array_agg(id) FROM (SELECT id FROM t WHERE k = ANY(o.a) ORDER BY (v <-> '[0.5,0.5,0.5]') + 0 LIMIT 2) s) FROM o, LATERAL (SELECT array_agg(id) AS id FROM (SELECT id FROM t WHERE k = ANY(o.a) ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 2) s) s ORDER BY n;
CREATE ROLE key_any_reader;
GRANT SELECT ON t TO key_any_reader;
ALTER TABLE t ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON t USING (k = ANY(string_to_array(current_setting('my.tenants'), ',')::int[]));
SET my.tenants = '9,10';
SET ROLE key_any_reader;
SELECT plan($$SELECT id FROM t ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 3$$);
SELECT id FROM t ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 3;
SELECT id FROM t WHERE k IN (10, 11) ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 3;
SELECT id FROM t WHERE k = 11 ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 3;
RESET ROLE;
ALTER TABLE t DISABLE ROW LEVEL SECURITY;
SELECT id FROM t WHERE k IN (10, 9) ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 3;
BEGIN;
SELECT id FROM t WHERE k IN (10, 9) ORDER BY v <-> '[0.5,0.5,0.5]' LIMIT 3 FOR UPDATE;
ROLLBACK;

-- combinations: of a hundred values of each of two columns, and a third
CREATE TABLE m (id int, a text, b int, c date, v vector(2));
INSERT INTO m SELECT i, CASE WHEN i % 50 = 0 THEN NULL ELSE 'a' || i % 20 END, CASE WHEN i % 49 = 0 THEN NULL ELSE i % 7 END, date '2026-01-01' + i % 3, ARRAY[i % 101, i % 97] FROM generate_series(1, 2000) i;
CREATE INDEX m_v ON m USING hnsw (a, b, c, v vector_l2_ops);
SELECT w, answer('SELECT id FROM m WHERE ' || w || ' ORDER BY v <-> ''[3.1,5.3]'' LIMIT 4') FROM unnest(ARRAY[
    $$a IN ('a1', 'a2', 'b') AND b = 3 AND c = '2026-01-02'$$, $$a IS NULL AND b = 3 AND c = '2026-01-02'$$, $$a = 'a1' AND b IS NULL AND c = '2026-01-02'$$, $$a = ANY((SELECT array_agg('a' || i) FROM generate_series(1, 100) i)::text[]) AND b = 3 AND c = '2026-01-02'$$]) w;
-- arrays of two columns: the planners before 17 order by nothing then, and sort
SELECT w, regexp_replace(answer('SELECT id FROM m WHERE ' || w || ' ORDER BY v <-> ''[3.1,5.3]'' LIMIT 4'), ' without.*', '') FROM unnest(ARRAY[
    $$a IN ('a1', 'a2', 'b') AND b IN (3, 4, 99) AND c = '2026-01-02'$$, $$a IN ('a1', 'a2') AND b IN (3, 4) AND c IN ('2026-01-02', '2026-01-03')$$, $$a IS NULL AND b = ANY('{1,2,3,4,5,6}') AND c IN ('2026-01-02', '2026-01-03')$$,
    $$a = ANY((SELECT array_agg('a' || i) FROM generate_series(1, 100) i)::text[]) AND b = ANY((SELECT array_agg(i) FROM generate_series(1, 100) i)::int[]) AND c = '2026-01-02'$$]) w;
-- thousands of values, most of them not there
SELECT answer($$SELECT id FROM m WHERE a = ANY((SELECT array_agg('a' || i) FROM generate_series(-20000, 20000) i)::text[]) AND b = 3 AND c = '2026-01-02' ORDER BY v <-> '[3.1,5.3]' LIMIT 4$$);
CREATE TABLE many (id int, k int, v vector(2));
INSERT INTO many SELECT i, i % 3000, ARRAY[i % 1009, i % 997] FROM generate_series(1, 9000) i;
CREATE INDEX many_v ON many USING hnsw (k, v vector_l2_ops);
SELECT answer($$SELECT id FROM many WHERE k = ANY((SELECT array_agg(i) FROM generate_series(0, 5000) i)::int[]) ORDER BY v <-> '[500.2,300.1]' LIMIT 7$$);
-- rows come and go
UPDATE many SET k = NULL WHERE k < 10;
DELETE FROM many WHERE k BETWEEN 10 AND 20;
VACUUM many;
SELECT * FROM hnsw_check('many_v');
SELECT answer($$SELECT id FROM many WHERE k IS NULL ORDER BY v <-> '[500.2,300.1]' LIMIT 7$$);
SELECT answer($$SELECT id FROM many WHERE k IN (5, 15, 25) ORDER BY v <-> '[500.2,300.1]' LIMIT 7$$);
DROP OWNED BY key_any_reader;
DROP ROLE key_any_reader;
