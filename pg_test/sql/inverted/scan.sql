-- Scans of inverted indexes: all rows, in the exact order of the inner product.
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

-- terms as texts have them, few in most rows and many in few; one weight of five is negative; some rows are empty, one is null
CREATE TABLE t (id int PRIMARY KEY, c int, v sparsevec(5000)) WITH (autovacuum_enabled = off);
CREATE FUNCTION row_of(i int) RETURNS sparsevec LANGUAGE sql IMMUTABLE AS $$
    SELECT ('{' || coalesce(string_agg(format('%s:%s', d, CASE WHEN (i + d) % 5 = 0 THEN -1 ELSE 1 END * (1 + (i * d) % 97) / 8.0), ','), '') || '}/5000')::sparsevec
    FROM (SELECT DISTINCT 1 + ((i * k * 79) % 70) * ((i + k) % 71) AS d FROM generate_series(1, i % 23) k) s
$$;
INSERT INTO t SELECT i, i % 3, row_of(i) FROM generate_series(1, 4000) i;
INSERT INTO t VALUES (4001, 0, NULL);
CREATE INDEX t_v ON t USING inverted (v);
ANALYZE t;
-- the planner takes it for the first rows, and sorts where all are wanted
SELECT plan($$SELECT id FROM t ORDER BY v <#> '{1:1,71:2}/5000' LIMIT 10$$);
SELECT plan($$SELECT id FROM t ORDER BY v <#> '{1:1,71:2}/5000'$$);
SET enable_seqscan = off;
SET enable_sort = off;

-- the same rows in the same order as without the index
CREATE FUNCTION agrees(q sparsevec, most int DEFAULT NULL, condition text DEFAULT 'true') RETURNS text LANGUAGE plpgsql AS $$
DECLARE scanned float8[]; sorted float8[]; ids int; statement text;
BEGIN
    -- count(DISTINCT id) beside array_agg would have rows come in the order of id from 16 on.
    statement := format('SELECT array_agg(d), (SELECT count(DISTINCT one) FROM unnest(array_agg(id)) one) FROM (SELECT id, v <#> $1 AS d FROM t WHERE %s AND v IS NOT NULL ORDER BY v <#> $1 LIMIT $2) s', condition);
    EXECUTE statement INTO scanned, ids USING q, most;
    PERFORM set_config('enable_indexscan', 'off', true), set_config('enable_sort', 'on', true), set_config('enable_seqscan', 'on', true);
    EXECUTE statement INTO sorted USING q, most;
    PERFORM set_config('enable_indexscan', 'on', true), set_config('enable_sort', 'off', true), set_config('enable_seqscan', 'off', true);
    RETURN format('%s rows, %s', ids, CASE WHEN scanned IS NOT DISTINCT FROM sorted THEN 'the same' ELSE 'others: ' || left(scanned::text, 200) || ' not ' || left(sorted::text, 200) END);
END $$;
SELECT plan($$SELECT id FROM t ORDER BY v <#> '{1:1,71:2}/5000'$$);
SELECT n, agrees('{1:1,71:2}/5000', n) FROM unnest(ARRAY[0, 1, 2, 10, 31, 32, 33, 300, 4000, 5000]) n;
SELECT i, agrees(row_of(i), 10), agrees(row_of(i)) FROM generate_series(7, 400, 37) i;
-- weights of the query that are negative, or large, or small
SELECT agrees('{1:-1,71:2,141:-0.5}/5000'), agrees('{1:-1}/5000'), agrees('{1:3e38,71:3e38}/5000'), agrees('{1:1e-40,2:1e-45}/5000');
-- no term in common with any row, and no term at all: all rows are equally near
SELECT agrees('{4999:1}/5000'), agrees('{}/5000'), agrees('{}/5000', 7);
-- a condition beside the index: as many rows as are wanted, if there are as many
SELECT agrees('{1:1,71:2}/5000', 20, 'c = 1'), agrees('{1:1,71:2}/5000', NULL, 'id % 100 = 5'), agrees('{71:2}/5000', 5, 'id = 17');
SELECT count(*) FROM (SELECT id FROM t WHERE v <#> '{1:1}/5000' < 0 ORDER BY v <#> '{1:1}/5000') s;
SELECT count(*) FROM t WHERE v <#> '{1:1}/5000' < 0;
SELECT count(*) FROM (SELECT id FROM t WHERE v IS NULL ORDER BY v <#> '{1:1}/5000') s;

-- the distance that is returned is the operator's
SELECT count(*), count(*) FILTER (WHERE d = v <#> '{1:1.1,71:0.3,3:7.7}/5000') FROM (SELECT v, v <#> '{1:1.1,71:0.3,3:7.7}/5000' AS d FROM t ORDER BY d) s;
SELECT id, d FROM (SELECT id, v <#> '{1:1,71:2}/5000' AS d FROM t ORDER BY d LIMIT 5) s ORDER BY d, id;
SELECT id, '{1:1,71:2}/5000' <#> v AS d FROM t ORDER BY d LIMIT 1;
-- the operator that belongs to no index, or another order
SELECT plan($$SELECT id FROM t ORDER BY v <-> '{1:1}/5000' LIMIT 5$$);
SELECT plan($$SELECT id FROM t ORDER BY v <#> '{1:1}/5000' DESC LIMIT 5$$);
SELECT plan($$SELECT id FROM t ORDER BY -(v <#> '{1:1}/5000') LIMIT 5$$);
SELECT plan($$SELECT id FROM t WHERE v <#> '{1:1}/5000' < 3$$);
SELECT plan($$SELECT id FROM t WHERE c = 1$$);
-- ties beyond the column are put right
SELECT id FROM t ORDER BY v <#> '{1:1,71:2}/5000', id LIMIT 3;
SELECT id FROM t ORDER BY v <#> '{}/5000', id LIMIT 3;
SELECT id FROM t ORDER BY v <#> '{1:1,71:2}/5000' FETCH FIRST 1 ROWS WITH TIES;

-- queries that are null, of other dimensions, or none
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <#> NULL) s;
SELECT count(*), count(d) FROM (SELECT id, v <#> (SELECT NULL::sparsevec) AS d FROM t ORDER BY d) s;
SELECT id FROM t ORDER BY v <#> '{1:1}/4999' LIMIT 1;
SELECT id FROM t ORDER BY v <#> (SELECT '{}/1'::sparsevec) LIMIT 1;
SELECT id FROM t ORDER BY v <#> '{1:x}/5000' LIMIT 1;
CREATE TABLE none (v sparsevec(3));
CREATE INDEX none_v ON none USING inverted (v);
SELECT * FROM none ORDER BY v <#> '{1:1}/3';
SELECT * FROM none ORDER BY v <#> '{1:1}/4';
INSERT INTO none VALUES (NULL);
SELECT * FROM none ORDER BY v <#> '{1:1}/4';
INSERT INTO none VALUES ('{1:1}/3');
SELECT * FROM none ORDER BY v <#> '{1:1}/4';
SELECT * FROM none ORDER BY v <#> '{1:1}/3';
-- sums that are no numbers come last, as they do without the index
CREATE TABLE large (id int, v sparsevec(3));
INSERT INTO large VALUES (1, '{1:3e38,2:3e38}/3'), (2, '{1:3e38,2:-3e38}/3'), (3, '{1:1}/3'), (4, '{1:-3e38}/3'), (5, '{}/3');
CREATE INDEX large_v ON large USING inverted (v);
SELECT id, v <#> '{1:3e38,2:3e38}/3' FROM large ORDER BY 2;
SELECT id, v <#> '{1:10,2:10}/3' FROM large ORDER BY 2;

-- partial and expression indexes
CREATE INDEX t_part ON t USING inverted (v) WHERE c = 2;
DROP INDEX t_v;
SELECT plan($$SELECT id FROM t WHERE c = 2 ORDER BY v <#> '{1:1,71:2}/5000' LIMIT 3$$);
SELECT agrees('{1:1,71:2}/5000', NULL, 'c = 2');
CREATE TABLE dense (id int, d vector(4));
INSERT INTO dense SELECT i, ARRAY[i % 3, 0, i % 5, 0] FROM generate_series(1, 100) i;
CREATE INDEX dense_s ON dense USING inverted ((d::sparsevec(4)));
SELECT plan($$SELECT id FROM dense ORDER BY d::sparsevec(4) <#> '{1:10,3:1}/4' LIMIT 3$$);
SELECT sum(id % 3), sum(id % 5) FROM (SELECT id FROM dense ORDER BY d::sparsevec(4) <#> '{1:10,3:1}/4' LIMIT 6) s;
CREATE INDEX t_v ON t USING inverted (v);

-- joins: the query comes from another table, the scan starts again for each row
CREATE TABLE q (n int, v sparsevec(5000));
INSERT INTO q VALUES (1, '{1:1,71:2}/5000'), (2, NULL), (3, '{3:1}/5000'), (4, '{1:1,71:2}/5000'), (5, '{}/5000');
SELECT plan($$SELECT n, s.d FROM q, LATERAL (SELECT t.v <#> q.v AS d FROM t ORDER BY t.v <#> q.v LIMIT 2) s$$);
SELECT n, s.d FROM q, LATERAL (SELECT t.v <#> q.v AS d FROM t ORDER BY t.v <#> q.v LIMIT 2) s WHERE n <> 2;
SELECT n, count(s.id) FROM q LEFT JOIN LATERAL (SELECT id FROM t ORDER BY t.v <#> q.v LIMIT 2) s ON true GROUP BY n ORDER BY n;
SELECT n, (SELECT t.v <#> q.v FROM t ORDER BY t.v <#> q.v LIMIT 1) FROM q WHERE n <> 2;

-- prepared statements, custom and generic plans
PREPARE p(sparsevec, int) AS SELECT v <#> $1 FROM t ORDER BY v <#> $1 LIMIT $2;
EXECUTE p('{1:1,71:2}/5000', 2);
SET plan_cache_mode = force_generic_plan;
EXECUTE p('{1:1,71:2}/5000', 2);
EXECUTE p('{3:1}/5000', 3);
EXECUTE p(NULL, 0);
EXECUTE p('{3:1}/3', 1);
RESET plan_cache_mode;

-- cursors
BEGIN;
DECLARE f NO SCROLL CURSOR FOR SELECT v <#> '{3:1}/5000' FROM t ORDER BY v <#> '{3:1}/5000';
FETCH 2 FROM f;
FETCH 2 FROM f;
FETCH PRIOR FROM f;
ROLLBACK;
BEGIN;
SELECT plan($$DECLARE b SCROLL CURSOR FOR SELECT v <#> '{3:1}/5000' FROM t ORDER BY v <#> '{3:1}/5000'$$);
DECLARE b SCROLL CURSOR FOR SELECT v <#> '{3:1}/5000' FROM t ORDER BY v <#> '{3:1}/5000';
FETCH 3 FROM b;
FETCH PRIOR FROM b;
FETCH ABSOLUTE 1 FROM b;
MOVE LAST FROM b;
FETCH RELATIVE 0 FROM b;
DECLARE h CURSOR WITH HOLD FOR SELECT v <#> '{3:1}/5000' FROM t ORDER BY v <#> '{3:1}/5000' LIMIT 2;
COMMIT;
FETCH ALL FROM h;
CLOSE h;
-- a cursor goes on while rows come and go, and sees none of it
BEGIN;
DECLARE o CURSOR FOR SELECT id FROM t WHERE id <= 4000 ORDER BY v <#> '{}/5000';
MOVE 40 FROM o;
INSERT INTO t SELECT i, 0, row_of(i) FROM generate_series(5001, 5200) i;
DELETE FROM t WHERE id > 3900;
MOVE ALL FROM o;
ROLLBACK;
-- rows keep their places
BEGIN;
DECLARE w CURSOR FOR SELECT id FROM t ORDER BY v <#> '{3:1}/5000' FOR UPDATE;
FETCH 1 FROM w \gset
UPDATE t SET c = 77 WHERE CURRENT OF w;
SELECT count(*) FROM t WHERE c = 77 AND id = :id;
ROLLBACK;

-- in a subtransaction that fails, and in functions
BEGIN;
SAVEPOINT s;
SELECT id FROM t ORDER BY v <#> '{1:1}/3' LIMIT 1;
ROLLBACK TO s;
SELECT v <#> '{3:1}/5000' FROM t ORDER BY v <#> '{3:1}/5000' LIMIT 1;
COMMIT;
CREATE FUNCTION near(sparsevec, OUT d float8) LANGUAGE plpgsql AS $$ DECLARE n int := 0; BEGIN
    FOR d IN SELECT t.v <#> $1 FROM t ORDER BY v <#> $1 LOOP
        n := n + 1;
        IF n > 100 THEN RETURN; END IF;
    END LOOP;
END $$;
SELECT near('{3:1}/5000') = near('{3:1}/5000'), near('{1:1}/5000') < 0;
SELECT idx_scan > 0 AS counted FROM pg_stat_get_xact_numscans('t_v'::regclass) idx_scan;
-- a merge join reads neither side twice
BEGIN;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_nestloop = off;
SELECT count(*) FROM (SELECT id, v <#> '{3:1}/5000' AS d FROM t ORDER BY v <#> '{3:1}/5000' LIMIT 50) a
    JOIN (SELECT id, v <#> '{3:1}/5000' AS d FROM t ORDER BY v <#> '{3:1}/5000' LIMIT 50) b ON a.d = b.d AND a.id = b.id;
ROLLBACK;
