-- hnsw_check, hnsw_stats and hnsw_size, and who may call them.
CREATE TABLE t (id int, k text, v vector(8)) WITH (autovacuum_enabled = off);
INSERT INTO t SELECT i, 'k' || i % 3, array_agg(sin(i * j)) FROM generate_series(1, 600) i, generate_series(1, 8) j GROUP BY i;
INSERT INTO t SELECT id + 1000, k, v FROM t WHERE id <= 100;
CREATE INDEX t_v ON t USING hnsw (v vector_l2_ops);
CREATE INDEX t_kv ON t USING hnsw (k, v vector_cosine_ops);
CREATE INDEX t_id ON t (id);
SELECT key, nodes, dead, tuples, level >= 0 AS level, edges > nodes AS edges FROM hnsw_stats('t_v');
SELECT key, nodes, dead, tuples, level >= 0 AS level, edges > nodes AS edges FROM hnsw_stats('t_kv') ORDER BY key;
SELECT * FROM hnsw_check('t_v');
SELECT * FROM hnsw_check('t_kv');
SELECT kind, CASE kind WHEN 'nodes on level 0' THEN count WHEN 'pages' THEN count - pg_relation_size('t_v') / 8192 END AS count, bytes > 0 AS bytes
FROM hnsw_size('t_v') ORDER BY kind;
SELECT kind, CASE kind WHEN 'nodes on level 0' THEN count WHEN 'pages' THEN count - pg_relation_size('t_kv') / 8192 END AS count, bytes > 0 AS bytes
FROM hnsw_size('t_kv') ORDER BY kind;
DELETE FROM t WHERE id % 4 = 0 OR k = 'k2';
VACUUM t;
SELECT key, nodes, dead <= 2 AS dead, tuples FROM hnsw_stats('t_v');
SELECT key, nodes, dead <= 2 AS dead, tuples FROM hnsw_stats('t_kv') ORDER BY key;
SELECT * FROM hnsw_check('t_v');
SELECT * FROM hnsw_check('t_kv');
SELECT kind, count > 0 AS count FROM hnsw_size('t_v') WHERE kind = 'free nodes';

-- what is no hnsw index
SELECT * FROM hnsw_check('t');
SELECT * FROM hnsw_stats('t_id');
SELECT * FROM hnsw_size('pg_class');
SELECT * FROM hnsw_check('nothing');
SELECT * FROM hnsw_check(1);
SELECT * FROM hnsw_check(NULL);
CREATE TABLE p (k int, v vector(2)) PARTITION BY LIST (k);
CREATE INDEX p_v ON p USING hnsw (v vector_l2_ops);
SELECT * FROM hnsw_stats('p_v');
-- whose it is not
CREATE ROLE regress_hnsw_other;
GRANT SELECT ON t TO regress_hnsw_other;
SET ROLE regress_hnsw_other;
SELECT * FROM hnsw_check('t_v');
SELECT * FROM hnsw_stats('t_v');
SELECT * FROM hnsw_size('t_v');
RESET ROLE;
ALTER TABLE t OWNER TO regress_hnsw_other;
SET ROLE regress_hnsw_other;
SELECT nodes FROM hnsw_stats('t_v');
RESET ROLE;
-- the phases of a construction
SELECT n, pg_indexam_progress_phasename(a.oid, n) FROM pg_am a, generate_series(1, 7) n WHERE amname = 'hnsw' ORDER BY 1;
DROP TABLE t;
DROP ROLE regress_hnsw_other;

-- Elements near the maximum of a float4: the rotation of such vectors overflows, which is no corruption.
CREATE TABLE huge (id int, v vector(4));
INSERT INTO huge SELECT i, ARRAY(SELECT (ARRAY[3.4e38, -3.4e38, 1e19, 1e-45, 1])[1 + (i * 7919 + j * (i % 97) * 31 + j) % 5]::real FROM generate_series(1, 4) j)::vector
  FROM generate_series(1, 400) i;
INSERT INTO huge SELECT i, ARRAY[sin(i), cos(i), sin(2 * i), cos(3 * i)]::vector FROM generate_series(401, 800) i;
CREATE INDEX huge_l2 ON huge USING hnsw (v vector_l2_ops);
CREATE INDEX huge_ip ON huge USING hnsw (v vector_ip_ops);
CREATE INDEX huge_cosine ON huge USING hnsw (v vector_cosine_ops);
INSERT INTO huge SELECT 1000 + id, v FROM huge WHERE id % 4 = 0;
INSERT INTO huge SELECT i, ARRAY[-3.4e38, 3.4e38, sin(i), 3e38]::vector FROM generate_series(2001, 2100) i;
SELECT count(*), min(finding) FROM hnsw_check('huge_l2');
SELECT count(*), min(finding) FROM hnsw_check('huge_ip');
SELECT count(*), min(finding) FROM hnsw_check('huge_cosine');
DROP TABLE huge;
