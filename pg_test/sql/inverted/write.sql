-- Rows that come and go: pending ones, merged ones, dead ones.
\set VERBOSITY terse
\pset tuples_only on
SET enable_seqscan = off;
SET enable_sort = off;
CREATE TABLE t (id int PRIMARY KEY, v sparsevec(3000)) WITH (autovacuum_enabled = off);
CREATE FUNCTION row_of(i int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{' || coalesce(string_agg(format('%s:%s', d, (1 + (i * d) % 97) / 8.0), ','), '') || '}/3000')::sparsevec
    FROM (SELECT DISTINCT 1 + ((i * k * 79::bigint) % 50) * ((i + k) % 53) AS d FROM generate_series(1, i % 29) k) s
$$;
-- how many rows a scan gives, and whether they are those of the table, in the order of their distances
CREATE FUNCTION agrees(q sparsevec) RETURNS text LANGUAGE plpgsql AS $$
DECLARE scanned float8[]; sorted float8[]; ids int; statement text;
BEGIN
    statement := 'SELECT array_agg(d), count(DISTINCT id) FROM (SELECT id, v <#> $1 AS d FROM t WHERE v IS NOT NULL ORDER BY v <#> $1) s';
    EXECUTE statement INTO scanned, ids USING q;
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_sort', 'on', true), set_config('enable_seqscan', 'on', true);
    EXECUTE statement INTO sorted USING q;
    PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true);
    RETURN format('%s rows, %s', ids, CASE WHEN scanned IS NOT DISTINCT FROM sorted THEN 'the same' ELSE 'others' END);
END $$;
CREATE INDEX t_v ON t USING inverted (v) WITH (pending_list_limit = 64);
CREATE VIEW state AS SELECT rows, dead, pending_pages > 0 AS pending, segments > 0 AS segments, (SELECT count(*) FROM inverted_check('t_v')) AS findings
FROM inverted_stats('t_v');

-- a first row, an empty one, a null one
INSERT INTO t VALUES (1, '{1:1}/3000');
INSERT INTO t VALUES (2, '{}/3000'), (3, NULL);
TABLE state;
SELECT agrees('{1:2}/3000');
INSERT INTO t VALUES (4, '{1:1}/2999');
-- few rows wait; many are merged by the insertion that finds them too many
INSERT INTO t SELECT i, row_of(i) FROM generate_series(10, 100) i;
SELECT rows = 0 AS all_wait FROM inverted_stats('t_v');
SELECT agrees(row_of(37)), agrees('{1:1,2:1,3:1}/3000');
INSERT INTO t SELECT i, row_of(i) FROM generate_series(101, 3000) i;
SELECT rows > 2000 AS merged, pending_pages <= 9 AS few_wait, segments BETWEEN 1 AND 12 AS few_segments FROM inverted_stats('t_v');
SELECT agrees(row_of(37)), agrees(row_of(1001)), agrees('{1:1,2:1,3:1}/3000');
SELECT count(*) FROM inverted_check('t_v');
-- a vacuum merges what waits, also if no row is gone
VACUUM t;
TABLE state;
SELECT agrees(row_of(37)), agrees(row_of(1001));
-- rows that are gone: before a vacuum, after it, and after one that writes their segments anew
DELETE FROM t WHERE id % 10 = 3;
SELECT agrees(row_of(37)), agrees(row_of(1003));
VACUUM t;
TABLE state;
SELECT agrees(row_of(37)), agrees(row_of(1003));
DELETE FROM t WHERE id % 2 = 0;
VACUUM t;
TABLE state;
SELECT agrees(row_of(37)), agrees(row_of(1001));
-- updates: the former value is gone, the new one there, also within the transaction
BEGIN;
UPDATE t SET v = row_of(id + 1) WHERE id % 7 = 0;
SELECT agrees(row_of(50)), agrees(row_of(1001));
ROLLBACK;
SELECT agrees(row_of(50)), agrees(row_of(1001));
UPDATE t SET v = row_of(id + 1) WHERE id % 7 = 0;
UPDATE t SET v = NULL WHERE id % 11 = 0;
VACUUM t;
SELECT agrees(row_of(50)), agrees(row_of(1001));
-- what is undone leaves no row
BEGIN;
INSERT INTO t SELECT i, row_of(i) FROM generate_series(4000, 5000) i;
SAVEPOINT s;
INSERT INTO t SELECT i, row_of(i) FROM generate_series(5001, 6000) i;
ROLLBACK TO s;
SELECT agrees(row_of(37));
ROLLBACK;
SELECT agrees(row_of(37));
VACUUM t;
SELECT agrees(row_of(37));
SELECT count(*) FROM inverted_check('t_v');
-- pages are given back: as much again takes no more of them
CREATE TEMP TABLE size AS SELECT pg_relation_size('t_v') AS bytes;
DELETE FROM t;
VACUUM t;
TABLE state;
SELECT agrees(row_of(37));
INSERT INTO t SELECT i, row_of(i) FROM generate_series(1, 1000) i;
VACUUM t;
DELETE FROM t WHERE id > 0;
VACUUM t;
INSERT INTO t SELECT i, row_of(i) FROM generate_series(1, 1000) i;
VACUUM t;
SELECT pg_relation_size('t_v') <= bytes AS no_larger FROM size;
TABLE state;
SELECT agrees(row_of(37));
-- an index that is made of the same rows gives the same
REINDEX INDEX t_v;
TABLE state;
SELECT agrees(row_of(37));
-- a build with little memory
SET maintenance_work_mem = '1MB';
INSERT INTO t SELECT i, row_of(i) FROM generate_series(10001, 40000) i;
REINDEX INDEX t_v;
TABLE state;
SELECT agrees(row_of(37)), agrees('{1:1,2:1,3:1}/3000');
VACUUM (FULL) t;
SELECT agrees(row_of(37));
TRUNCATE t;
TABLE state;
SELECT agrees(row_of(37));
