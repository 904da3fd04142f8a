-- The access method ivfflat: told once that it is a graph, options and settings, what scans give.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE TABLE t (id int, v vector(3), h halfvec(3), b bit(16), w vector) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, ARRAY[i % 31, i % 37, i % 41], ARRAY[i % 31, i % 37, i % 41], (i * 2654435761 % 65536)::int::bit(16) FROM generate_series(1, 2000) i;
CREATE INDEX t_l2 ON t USING ivfflat (v) WITH (lists = 20);
CREATE INDEX t_ip ON t USING ivfflat (v vector_ip_ops);
CREATE INDEX t_cosine ON t USING ivfflat (v vector_cosine_ops) WITH (lists = 1);
CREATE INDEX t_hl2 ON t USING ivfflat (h halfvec_l2_ops) WITH (lists = 32768);
CREATE INDEX t_hip ON t USING ivfflat (h halfvec_ip_ops);
CREATE INDEX t_hcosine ON t USING ivfflat (h halfvec_cosine_ops);
CREATE INDEX t_bit ON t USING ivfflat (b bit_hamming_ops);
SELECT c.relname, pg_get_indexdef(c.oid), s.nodes, s.dead, s.tuples, (SELECT count(*) FROM hnsw_check(c.oid)) AS findings
FROM pg_class c JOIN pg_am a ON a.oid = relam AND amname = 'ivfflat', LATERAL hnsw_stats(c.oid) s ORDER BY 1;
SELECT kind, count > 0 AS some FROM hnsw_size('t_l2') ORDER BY 1;
DROP INDEX t_ip, t_cosine, t_hl2, t_hip, t_hcosine;

-- what is refused
CREATE INDEX ON t USING ivfflat (v) WITH (lists = 0);
CREATE INDEX ON t USING ivfflat (v) WITH (lists = 32769);
CREATE INDEX ON t USING ivfflat (v) WITH (m = 16);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (lists = 16);
CREATE INDEX ON t USING ivfflat (id, v);
CREATE INDEX ON t USING ivfflat (h);
CREATE INDEX ON t USING ivfflat (v vector_l1_ops);
CREATE INDEX ON t USING ivfflat (b bit_jaccard_ops);
CREATE INDEX ON t USING ivfflat (w);
CREATE TABLE wide (b bit(64001));
CREATE INDEX ON wide USING ivfflat (b bit_hamming_ops);
CREATE OPERATOR CLASS odd FOR TYPE vector USING ivfflat AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 vector_spherical_distance(vector, vector);
CREATE INDEX ON t USING ivfflat (v odd);
SELECT name, setting, short_desc, extra_desc, context, vartype, min_val, max_val, enumvals, boot_val FROM pg_settings WHERE name LIKE 'ivfflat.%' ORDER BY 1;
SET ivfflat.probes = 0;
SET ivfflat.probes = 32769;
SET ivfflat.iterative_scan = strict_order;
SET ivfflat.max_probes = 0;
SET ivfflat.nothing = 1;

-- more probes look farther, and give more rows; all give all, in order
SET enable_seqscan = off;
SET enable_sort = off;
EXPLAIN (COSTS OFF) SELECT id FROM t ORDER BY v <-> '[1,2,3]' LIMIT 5;
CREATE FUNCTION given(OUT rows bigint, OUT disorder bigint) LANGUAGE sql AS $$
    SELECT count(*), count(*) FILTER (WHERE d < before) FROM
        (SELECT d, lag(d) OVER () AS before FROM (SELECT v <-> '[1,2,3]' AS d FROM t ORDER BY v <-> '[1,2,3]') s) s $$;
SELECT rows BETWEEN 100 AND 400 AS some, disorder FROM given();
SET ivfflat.probes = 5;
SELECT rows BETWEEN 500 AND 1500 AS some, disorder FROM given();
SET ivfflat.probes = 20;
SELECT rows, disorder FROM given();
SELECT hnsw_recall('t_l2', ARRAY['[1,2,3]', '[7,7,7]', '[30,1,40]']::vector[], 100);
SET ivfflat.probes = 1;
SET ivfflat.iterative_scan = relaxed_order;
SELECT rows FROM given();
SET ivfflat.max_probes = 2;
SELECT rows BETWEEN 200 AND 700 AS some FROM given();
RESET ivfflat.max_probes;
SELECT count(*) FROM (SELECT id FROM t WHERE id % 100 = 7 ORDER BY v <-> '[1,2,3]' LIMIT 30) s;
-- they are those of ivfflat alone
SET hnsw.ef_search = 1000;
SET hnsw.iterative_scan = strict_order;
RESET ivfflat.iterative_scan;
SELECT rows BETWEEN 100 AND 400 AS some, disorder FROM given();
-- lists can be changed; what is searched changes with them
ALTER INDEX t_l2 SET (lists = 1);
SELECT rows, disorder FROM given();
ALTER INDEX t_l2 RESET (lists);
SELECT reloptions FROM pg_class WHERE relname = 't_l2';
SELECT rows < 100 AS some, disorder FROM given();
-- bits
SET ivfflat.probes = 100;
SELECT count(*), min(d), max(d) <= 16 AS bounded FROM (SELECT b <~> B'1010101010101010' AS d FROM t ORDER BY b <~> B'1010101010101010') s;

-- rows that come and go
INSERT INTO t SELECT id + 5000, v + '[0.5,0.5,0.5]', h, b FROM t WHERE id <= 500;
DELETE FROM t WHERE id % 3 = 0;
VACUUM t;
SELECT tuples, (SELECT count(*) FROM t) AS rows, (SELECT count(*) FROM hnsw_check('t_l2')) AS findings FROM hnsw_stats('t_l2');
SELECT id FROM t ORDER BY v <-> (SELECT v FROM t WHERE id = 5002) LIMIT 1;
-- an empty table is indexed like any
CREATE TABLE empty (v vector(2));
CREATE INDEX ON empty USING ivfflat (v);
INSERT INTO empty VALUES ('[1,2]'), (NULL), ('[3,4]');
SELECT * FROM empty ORDER BY v <-> '[3,3]' LIMIT 5;
SELECT * FROM empty ORDER BY v <-> '[3,3,3]' LIMIT 5;
