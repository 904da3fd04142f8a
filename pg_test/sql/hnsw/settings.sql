-- The settings hnsw.*: ranges and defaults.
SELECT '[1]'::vector;
SELECT name, setting, short_desc, extra_desc, context, vartype, min_val, max_val, enumvals, boot_val FROM pg_settings WHERE name LIKE 'hnsw.%' ORDER BY 1;
SET hnsw.ef_search = 0;
SET hnsw.ef_search = 1001;
SET hnsw.ef_search = 'x';
SET hnsw.ef_search = 1000;
SET hnsw.iterative_scan = on;
SET hnsw.iterative_scan = Relaxed_Order;
SHOW hnsw.iterative_scan;
SET hnsw.max_scan_tuples = 0;
SET hnsw.max_scan_tuples = 2147483648;
SET hnsw.scan_mem_multiplier = 0.5;
SET hnsw.scan_mem_multiplier = 1001;
SET hnsw.scan_mem_multiplier = 2.5;
SHOW hnsw.scan_mem_multiplier;
SET hnsw.nothing = 1;
RESET ALL;

-- what they do: a scan ends after its first rows, or goes on
CREATE TABLE t (id int, c int, v vector(3)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, i % 50, ARRAY[i % 31, i % 37, i % 41] FROM generate_series(1, 2000) i;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
SET enable_seqscan = off;
SELECT count(*) >= 40, count(*) < 1000 FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3]') s;
SET hnsw.ef_search = 100;
SELECT count(*) >= 100, count(*) < 1000 FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3]') s;
SET hnsw.ef_search = 1;
SELECT count(*) BETWEEN 1 AND 60 FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3]') s;
SET hnsw.ef_search = 40;
SET hnsw.iterative_scan = strict_order;
SELECT count(*) > 40 FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3]') s;
SELECT count(*) > 5 AS some, count(*) FILTER (WHERE d < before) AS disorder FROM
    (SELECT d, lag(d) OVER () AS before FROM (SELECT v <-> '[1,2,3]' AS d FROM t WHERE c = 7 ORDER BY v <-> '[1,2,3]' LIMIT 20) s) s;
SET hnsw.iterative_scan = relaxed_order;
SELECT count(*) > 1980 FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3]') s;
SELECT count(*) FROM (SELECT id FROM t WHERE c = 7 ORDER BY v <-> '[1,2,3]' LIMIT 20) s;
SET hnsw.max_scan_tuples = 1;
SELECT count(*) < 1000 FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3]') s;
RESET hnsw.max_scan_tuples;
SET work_mem = '64kB';
SELECT count(*) < 2000 FROM (SELECT id FROM t ORDER BY v <-> '[1,2,3]') s;
