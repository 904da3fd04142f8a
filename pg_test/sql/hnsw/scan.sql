-- Scans of hnsw indexes: what they find, and in which order.
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

-- small tables are searched completely: the exact answer, ties in any order
CREATE TABLE t (id int PRIMARY KEY, c int, v vector(3), h halfvec(3)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, i % 3, ARRAY[i, i * i % 17, i % 5], ARRAY[i, i * i % 17, i % 5] FROM generate_series(1, 200) i;
INSERT INTO t VALUES (201, 0, NULL, NULL), (202, 0, '[0,0,0]', '[0,0,0]');
CREATE INDEX t_vl ON t USING hnsw (v vector_l2_ops);
CREATE INDEX t_vi ON t USING hnsw (v vector_ip_ops);
CREATE INDEX t_vc ON t USING hnsw (v vector_cosine_ops);
CREATE INDEX t_hl ON t USING hnsw (h halfvec_l2_ops);
CREATE INDEX t_hi ON t USING hnsw (h halfvec_ip_ops);
CREATE INDEX t_hc ON t USING hnsw (h halfvec_cosine_ops);
SELECT plan($$SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 5$$);
SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 5;
SELECT id FROM t ORDER BY v <#> '[7.2,3.1,1.5]' LIMIT 5;
SELECT id FROM t ORDER BY v <=> '[7.2,3.1,1.5]' LIMIT 5;
SELECT id FROM t ORDER BY h <-> '[7.2,3.1,1.5]' LIMIT 5;
SELECT id FROM t ORDER BY h <#> '[7.2,3.1,1.5]' LIMIT 5;
SELECT id FROM t ORDER BY h <=> '[7.2,3.1,1.5]' LIMIT 5;
SELECT id, v <-> '[7.2,3.1,1.5]' AS d FROM t ORDER BY d LIMIT 3;
SELECT id FROM t ORDER BY '[7.2,3.1,1.5]' <-> v LIMIT 3;
-- the operator that belongs to no index, or another order
SELECT plan($$SELECT id FROM t ORDER BY v <+> '[7,3,1]' LIMIT 5$$);
SELECT plan($$SELECT id FROM t ORDER BY v <-> '[7,3,1]' DESC LIMIT 5$$);
SELECT plan($$SELECT id FROM t ORDER BY v <-> '[7,3,1]' NULLS FIRST LIMIT 5$$);
SELECT plan($$SELECT id FROM t ORDER BY -(v <-> '[7,3,1]') LIMIT 5$$);
SELECT plan($$SELECT id FROM t ORDER BY l2_distance(v, '[7,3,1]') LIMIT 5$$);
SELECT plan($$SELECT id FROM t ORDER BY v <-> v LIMIT 5$$);
SELECT plan($$SELECT id FROM t WHERE v <-> '[7,3,1]' < 3$$);
SELECT plan($$SELECT count(*) FROM t$$);
-- ties beyond the column are put right
SELECT id FROM t ORDER BY v <-> '[7,15,2]', id DESC LIMIT 3;

-- queries that are null, zero, or of other dimensions
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> NULL) s;
SELECT count(*), count(d) FROM (SELECT id, v <-> (SELECT NULL::vector) AS d FROM t ORDER BY d) s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <=> '[0,0,0]') s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY h <=> '[0,0,0]') s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <#> '[0,0,0]') s;
SELECT id FROM t ORDER BY v <-> '[1,2]' LIMIT 1;
SELECT id FROM t ORDER BY h <=> '[1,2,3,4]' LIMIT 1;
SELECT id FROM t ORDER BY h <#> (SELECT '[1]'::halfvec) LIMIT 1;
SELECT id FROM t ORDER BY v <-> '[1,2,x]' LIMIT 1;
-- the largest numbers
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <-> '[3e38,3e38,3e38]') s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <#> '[3e38,3e38,-3e38]') s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <=> '[3e38,3e38,-3e38]') s;
SELECT count(*) FROM (SELECT id FROM t ORDER BY v <=> '[1e-45,0,0]') s;

-- conditions beside the index
SELECT id FROM t WHERE c = 1 ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 3;
SELECT id FROM t WHERE v <-> '[7.2,3.1,1.5]' < 3 ORDER BY v <-> '[7.2,3.1,1.5]';
SELECT id FROM t WHERE v IS NULL ORDER BY v <-> '[1,2,3]';
-- equal vectors share a node
CREATE TABLE same (id int, v vector(2));
INSERT INTO same SELECT i, ARRAY[i % 2, 1] FROM generate_series(1, 3000) i;
CREATE INDEX same_v ON same USING hnsw (v vector_l2_ops);
INSERT INTO same SELECT i, ARRAY[i % 2, 1] FROM generate_series(3001, 4000) i;
SELECT nodes, tuples FROM hnsw_stats('same_v');
SELECT count(*), count(DISTINCT id) FROM (SELECT id FROM same ORDER BY v <-> '[0,0]') s;
SELECT count(*), min(id % 2) FROM (SELECT id FROM same ORDER BY v <-> '[1,1]' LIMIT 2000) s;
SELECT count(*), sum(id % 2) FROM (SELECT id FROM same ORDER BY v <-> '[1,1]' LIMIT 2100) s;

-- partial and expression indexes
CREATE INDEX t_part ON t USING hnsw (v vector_l2_ops) WHERE c = 2;
DROP INDEX t_vl;
SELECT plan($$SELECT id FROM t WHERE c = 2 ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 3$$);
SELECT id FROM t WHERE c = 2 ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 3;
SELECT plan($$SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 3$$);
CREATE INDEX t_half ON t USING hnsw ((v::halfvec(3)) halfvec_l2_ops);
SELECT plan($$SELECT id FROM t ORDER BY v::halfvec(3) <-> '[7.2,3.1,1.5]' LIMIT 3$$);
SELECT id FROM t ORDER BY v::halfvec(3) <-> '[7.2,3.1,1.5]' LIMIT 3;
CREATE INDEX t_sub ON t USING hnsw ((subvector(v, 1, 2)::vector(2)) vector_l2_ops);
SELECT id FROM t ORDER BY subvector(v, 1, 2)::vector(2) <-> '[7.2,3.1]' LIMIT 3;
CREATE INDEX t_vl ON t USING hnsw (v vector_l2_ops);

-- joins: the query comes from another table, the scan starts again for each row
CREATE TABLE q (n int, v vector(3));
INSERT INTO q VALUES (1, '[7.2,3.1,1.5]'), (2, NULL), (3, '[100,2,2]'), (4, '[7.2,3.1,1.5]');
SELECT plan($$SELECT n, s.id FROM q, LATERAL (SELECT id FROM t ORDER BY t.v <-> q.v LIMIT 2) s$$);
SELECT n, s.id FROM q, LATERAL (SELECT id FROM t ORDER BY t.v <-> q.v LIMIT 2) s WHERE n <> 2 ORDER BY n, s.id;
SELECT n, count(s.id) FROM q LEFT JOIN LATERAL (SELECT id FROM t ORDER BY t.v <-> q.v LIMIT 2) s ON true GROUP BY n ORDER BY n;
SELECT n, (SELECT id FROM t ORDER BY t.v <-> q.v LIMIT 1) FROM q WHERE n <> 2 ORDER BY n;
SELECT n, (SELECT array_agg(id) FROM (SELECT id FROM t ORDER BY v <-> ARRAY[n * 20, 1, 1]::vector LIMIT 3) s) FROM generate_series(1, 3) n;

-- prepared statements, custom and generic plans
PREPARE p(vector, int) AS SELECT id FROM t ORDER BY v <-> $1 LIMIT $2;
EXECUTE p('[7.2,3.1,1.5]', 2);
SET plan_cache_mode = force_generic_plan;
EXECUTE p('[7.2,3.1,1.5]', 2);
EXECUTE p('[100,2,2]', 3);
EXECUTE p(NULL, 0);
EXECUTE p('[1,2]', 1);
RESET plan_cache_mode;

-- cursors
BEGIN;
DECLARE f NO SCROLL CURSOR FOR SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]';
FETCH 2 FROM f;
FETCH 2 FROM f;
FETCH PRIOR FROM f;
ROLLBACK;
BEGIN;
SELECT plan($$DECLARE b SCROLL CURSOR FOR SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]'$$);
DECLARE b SCROLL CURSOR FOR SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]';
FETCH 3 FROM b;
FETCH PRIOR FROM b;
FETCH ABSOLUTE 1 FROM b;
MOVE LAST FROM b;
FETCH RELATIVE 0 FROM b;
FETCH FIRST FROM b;
DECLARE h CURSOR WITH HOLD FOR SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 3;
COMMIT;
FETCH ALL FROM h;
CLOSE h;

-- mark and restore are not there: a merge join puts something between
BEGIN;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_nestloop = off;
SELECT count(*) FROM (SELECT id, v <-> '[1,1,1]' AS d FROM t ORDER BY v <-> '[1,1,1]' LIMIT 50) a
    JOIN (SELECT id, v <-> '[1,1,1]' AS d FROM t ORDER BY v <-> '[1,1,1]' LIMIT 50) b ON a.d = b.d AND a.id = b.id;
ROLLBACK;
BEGIN;
SET LOCAL enable_hashjoin = off;
SET LOCAL enable_mergejoin = off;
SET LOCAL enable_material = off;
SELECT count(*) FROM q, LATERAL (SELECT id FROM t WHERE t.id <> q.n ORDER BY v <-> '[1,1,1]' LIMIT 10) s;
ROLLBACK;
-- in a subtransaction that fails, and in functions
BEGIN;
SAVEPOINT s;
SELECT id FROM t ORDER BY v <-> '[1]' LIMIT 1;
ROLLBACK TO s;
SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 1;
COMMIT;
CREATE FUNCTION near(vector, OUT id int) LANGUAGE plpgsql AS $$ BEGIN
    FOR id IN SELECT t.id FROM t ORDER BY v <-> $1 LOOP
        IF id > 10 THEN RETURN; END IF;
    END LOOP;
END $$;
SELECT near('[7.2,3.1,1.5]'), near('[100,1,1]');
-- rows of the own transaction, and none that are gone
BEGIN;
INSERT INTO t VALUES (300, 1, '[7.2,3.1,1.5]');
SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 2;
UPDATE t SET v = '[1000,0,0]' WHERE id = 300;
SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 2;
SELECT id FROM t ORDER BY v <-> '[1000,0,0]' LIMIT 1;
ROLLBACK;
SELECT id FROM t ORDER BY v <-> '[1000,0,0]' LIMIT 1;
DELETE FROM t WHERE id IN (7, 8);
SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 3;
VACUUM t;
SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 3;
TRUNCATE t;
SELECT id FROM t ORDER BY v <-> '[7.2,3.1,1.5]' LIMIT 3;
-- one dimension
CREATE TABLE line (v vector(1));
INSERT INTO line SELECT ARRAY[i] FROM generate_series(-1000, 1000) i;
CREATE INDEX line_v ON line USING hnsw (v vector_l2_ops);
CREATE INDEX line_i ON line USING hnsw (v vector_ip_ops);
CREATE INDEX line_c ON line USING hnsw (v vector_cosine_ops);
SELECT v FROM line ORDER BY v <-> '[41.3]' LIMIT 4;
SELECT v FROM line ORDER BY v <#> '[41.3]' LIMIT 2;
SELECT count(*), count(*) FILTER (WHERE v > '[0]') FROM (SELECT v FROM line ORDER BY v <=> '[0.1]' LIMIT 500) s;
SELECT nodes, tuples FROM hnsw_stats('line_c');
-- a scan that does not go on gives hnsw.ef_search rows at least, however it is drained, and not all
CREATE FUNCTION drained(ef int, OUT enough boolean, OUT ended boolean) LANGUAGE plpgsql AS $$ DECLARE n int; BEGIN
    PERFORM set_config('hnsw.ef_search', ef::text, true);
    SELECT count(*) INTO n FROM (SELECT v FROM line ORDER BY v <-> '[41.3]') s;
    enough := n >= ef;
    ended := n < 2 * ef + 40;
END $$;
SELECT ef, drained.* FROM unnest(ARRAY[1, 10, 40, 100, 400]) ef, drained(ef);
-- of rows with equal vectors all that a node has, and of a graph of up to 256 nodes all rows
SELECT count(*) FROM (SELECT id FROM same ORDER BY v <-> '[1,1]') s;
CREATE TABLE few AS SELECT v FROM line LIMIT 256;
CREATE INDEX few_v ON few USING hnsw (v vector_l2_ops);
SET hnsw.ef_search = 1;
SELECT count(*) FROM (SELECT v FROM few ORDER BY v <-> '[41.3]') s;
RESET hnsw.ef_search;
-- a cursor reads the index of an expression for whoever fetches from it, as whoever opened it may
CREATE ROLE regress_hnsw_reader;
CREATE FUNCTION own(v vector) RETURNS vector LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN v; END';
REVOKE EXECUTE ON FUNCTION own FROM PUBLIC;
CREATE TABLE owned AS SELECT i AS id, ARRAY[1 + i % 10 / 1e4, i % 3, 1]::vector(3) AS v FROM generate_series(1, 400) i;
CREATE INDEX owned_v ON owned USING hnsw ((own(v)::vector(3)) vector_l2_ops);
CREATE FUNCTION opened() RETURNS refcursor LANGUAGE plpgsql SECURITY DEFINER SET enable_seqscan = off AS $$
DECLARE c refcursor := 'c';
BEGIN
    OPEN c FOR SELECT v FROM owned ORDER BY own(v)::vector(3) <-> '[1,1,1]';
    RETURN c;
END $$;
SET ROLE regress_hnsw_reader;
BEGIN;
SELECT opened();
FETCH 3 FROM c;
COMMIT;
SELECT id FROM owned;
RESET ROLE;
DROP ROLE regress_hnsw_reader;
