-- Leading columns: a scan gives all rows of the keys that are asked for, and no others.
\set VERBOSITY terse
\pset tuples_only on
CREATE FUNCTION plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE line text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP
        IF line !~ '^ *Disabled:' THEN RETURN NEXT line; END IF;
    END LOOP;
END $$;
CREATE TABLE t (id int PRIMARY KEY, ns text, n numeric, v sparsevec(3000)) WITH (autovacuum_enabled = off);
CREATE FUNCTION row_of(i int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{' || coalesce(string_agg(format('%s:%s', d, CASE WHEN (i + d) % 5 = 0 THEN -1 ELSE 1 END * (1 + (i * d) % 97) / 8.0), ','), '') || '}/3000')::sparsevec
    FROM (SELECT DISTINCT 1 + ((i * k * 79) % 50) * ((i + k) % 53) AS d FROM generate_series(1, i % 29) k) s
$$;
-- keys of many rows and of one, null, and empty; with rows that are merged and rows that wait
CREATE FUNCTION ns_of(i int) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN i % 50 = 0 THEN NULL WHEN i % 50 = 1 THEN '' WHEN i % 50 < 10 THEN 'tenant ' || i ELSE 'ns ' || i % 4 END $$;
INSERT INTO t SELECT i, ns_of(i), i % 3, row_of(i) FROM generate_series(1, 2000) i;
INSERT INTO t VALUES (3001, 'ns 1', 1, NULL);
CREATE INDEX t_v ON t USING inverted (ns, v) WITH (pending_list_limit = 64);
INSERT INTO t SELECT i, ns_of(i), i % 3, row_of(i) FROM generate_series(2001, 2600) i;
ANALYZE t;
SELECT plan($$SELECT id FROM t WHERE ns = 'ns 1' ORDER BY v <#> '{1:1,71:2}/3000' LIMIT 10$$);
-- without a value for the column there is no scan, nor with another condition on it
SELECT plan($$SELECT id FROM t ORDER BY v <#> '{1:1,71:2}/3000' LIMIT 10$$);
SELECT plan($$SELECT id FROM t WHERE ns > 'ns 1' ORDER BY v <#> '{1:1,71:2}/3000' LIMIT 10$$);
SELECT plan($$SELECT id FROM t WHERE ns IS NOT NULL ORDER BY v <#> '{1:1,71:2}/3000' LIMIT 10$$);
SET enable_seqscan = off;
SET enable_sort = off;
SET enable_bitmapscan = off;
SELECT plan($$SELECT id FROM t WHERE ns IN ('ns 1', 'ns 2') ORDER BY v <#> '{1:1,71:2}/3000' LIMIT 10$$);
SELECT plan($$SELECT id FROM t WHERE ns IS NULL ORDER BY v <#> '{1:1,71:2}/3000'$$);

CREATE FUNCTION agrees(q sparsevec, condition text, most int DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
DECLARE scanned float8[]; sorted float8[]; ids int; statement text; line text; scan text := 'no scan';
BEGIN
    statement := format('SELECT array_agg(d), (SELECT count(DISTINCT one) FROM unnest(array_agg(id)) one) FROM (SELECT id, v <#> $1 AS d FROM t WHERE (%s) AND v IS NOT NULL ORDER BY v <#> $1 LIMIT $2) s', condition);
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || statement USING q, most LOOP
        IF line ~ 'Index Scan using t_' AND line !~ 't_pkey' THEN scan := 'a scan'; END IF;
    END LOOP;
    EXECUTE statement INTO scanned, ids USING q, most;
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_sort', 'on', true), set_config('enable_seqscan', 'on', true);
    EXECUTE statement INTO sorted USING q, most;
    PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true);
    RETURN format('%s: %s rows, %s', scan, ids, CASE WHEN scanned IS NOT DISTINCT FROM sorted THEN 'the same' ELSE 'others' END);
END $$;
CREATE TABLE conditions (n serial, c text);
INSERT INTO conditions (c) VALUES ('ns = ''ns 1'''), ('ns = ''ns 3'''), ('ns = ''tenant 1005'''), ('ns = ''nobody'''), ('ns = '''''), ('ns IS NULL'),
    ('ns = NULL'), ('ns IN (''ns 1'', ''tenant 1005'', ''nobody'', ''ns 1'')'), ('ns = ANY (ARRAY[''ns 0'', NULL, ''ns 2''])'), ('ns = ANY (''{}'')'),
    ('ns = ''ns 1'' AND ns IN (''ns 2'', ''ns 3'')'), ('ns = ''ns 1'' AND ns IS NOT NULL'), ('ns = ''ns 1'' AND id % 3 = 0'), ('ns = ''ns 1'' AND n = 1');
SELECT c, agrees(row_of(37), c), agrees('{1:1,71:2}/3000', c, 7), agrees('{}/3000', c, 5) FROM conditions ORDER BY n;
-- rows that come, change their key and go
UPDATE t SET ns = 'ns 1' WHERE ns = 'ns 2' AND id % 3 = 0;
DELETE FROM t WHERE ns = 'ns 3' OR id % 7 = 0;
SELECT c, agrees(row_of(37), c) FROM conditions WHERE n IN (1, 2, 6, 8, 9) ORDER BY n;
VACUUM t;
SELECT rows, dead, pending_pages, keys > 100 AS keys, (SELECT count(*) FROM inverted_check('t_v')) AS findings FROM inverted_stats('t_v');
SELECT c, agrees(row_of(37), c) FROM conditions WHERE n IN (1, 2, 6, 8, 9) ORDER BY n;
INSERT INTO t SELECT i, ns_of(i), i % 3, row_of(i) FROM generate_series(4001, 6000) i;
SELECT c, agrees(row_of(37), c) FROM conditions WHERE n IN (1, 2, 6, 8, 9) ORDER BY n;
SELECT count(*) FROM inverted_check('t_v');
REINDEX INDEX t_v;
SELECT c, agrees(row_of(37), c) FROM conditions WHERE n IN (1, 2, 6, 8, 9) ORDER BY n;
-- prepared statements, and keys from another table
PREPARE p(text, sparsevec) AS SELECT count(*) FROM (SELECT id FROM t WHERE ns = $1 ORDER BY v <#> $2 LIMIT 2000) s;
SET plan_cache_mode = force_generic_plan;
EXECUTE p('ns 1', '{1:1}/3000');
EXECUTE p('tenant 1005', '{1:1}/3000');
EXECUTE p(NULL, '{1:1}/3000');
RESET plan_cache_mode;
SELECT plan($$SELECT k, s.d FROM unnest(ARRAY['ns 1', 'tenant 1005', 'nobody']) k, LATERAL (SELECT v <#> '{1:1}/3000' AS d FROM t WHERE ns = k ORDER BY v <#> '{1:1}/3000' LIMIT 1) s$$);
SELECT k, s.n FROM unnest(ARRAY['ns 1', 'tenant 1005', 'nobody', NULL]) k, LATERAL (SELECT count(*) AS n FROM (SELECT id FROM t WHERE ns = k ORDER BY v <#> '{1:1}/3000' LIMIT 50) r) s;
DROP INDEX t_v;
-- several columns; equal is what the type calls equal; a long value
CREATE INDEX t_two ON t USING inverted (ns, n, v);
SELECT agrees(row_of(37), c) FROM (VALUES ('ns = ''ns 1'' AND n = 1.00'), ('ns = ''ns 1'' AND n IS NULL'), ('ns IN (''ns 1'', ''ns 0'') AND n = 2'),
    ('ns = ''ns 1''')) s (c);
INSERT INTO t VALUES (7001, repeat('long ', 1000), 1, '{1:7}/3000'), (7002, repeat('long ', 1001), 1, '{1:8}/3000');
SELECT id FROM t WHERE ns = repeat('long ', 1000) AND n = 1 ORDER BY v <#> '{1:1}/3000';
SELECT count(*) FROM inverted_check('t_two');
-- what is no key
CREATE INDEX ON t USING inverted (v, ns);
CREATE INDEX ON t USING inverted (ns, n);
CREATE INDEX ON t USING inverted (v, v);
CREATE TABLE odd (j jsonb, f float8, s text COLLATE "C", v sparsevec(3));
CREATE INDEX ON odd USING inverted (j, v);
CREATE INDEX ON odd USING inverted (f, v);
CREATE INDEX odd_s ON odd USING inverted (s, lower(s), v);
INSERT INTO odd VALUES (NULL, NULL, 'A', '{1:1}/3'), (NULL, NULL, 'a', '{1:2}/3');
SELECT s FROM odd WHERE s = 'A' AND lower(s) = 'a' ORDER BY v <#> '{1:1}/3';
