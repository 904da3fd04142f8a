-- hnsw_recall: part of the nearest rows that an index finds.
\set VERBOSITY terse
CREATE SCHEMA "Odd one";
CREATE TABLE "Odd one"."T ""1""" (id int, "select" vector(4), h halfvec(4), w vector);
INSERT INTO "Odd one"."T ""1""" SELECT i, v, v, v FROM generate_series(1, 200) i, LATERAL (SELECT ARRAY[sin(i), cos(i * i), sin(i * 7), i % 3]::vector AS v) v;
INSERT INTO "Odd one"."T ""1""" VALUES (201, NULL, NULL, '[1]'), (202, '[0,0,0,0]', NULL, '[1,2]');
CREATE INDEX l ON "Odd one"."T ""1""" USING hnsw ("select" vector_l2_ops);
CREATE INDEX i ON "Odd one"."T ""1""" USING hnsw ("select" vector_ip_ops);
CREATE INDEX c ON "Odd one"."T ""1""" USING hnsw ("select" vector_cosine_ops);
CREATE INDEX hl ON "Odd one"."T ""1""" USING hnsw (h halfvec_l2_ops);
CREATE INDEX e ON "Odd one"."T ""1""" USING hnsw ((w::vector(4)) vector_l2_ops) WHERE vector_dims(w) = 4 AND id <> 7;
CREATE INDEX e2 ON "Odd one"."T ""1""" USING hnsw (subvector("select", 1, 2) vector_l2_ops);
CREATE INDEX e2 ON "Odd one"."T ""1""" USING hnsw ((subvector("select", 1, 2)::vector(2)) vector_l2_ops);
SET search_path = "Odd one", public;
-- a small graph is searched completely
SELECT hnsw_recall('l', ARRAY['[1,2,3,4]', '[0,0,1,0]', '[0,0,0,0]']::vector[]);
SELECT hnsw_recall('i', ARRAY['[1,2,3,4]', '[0,0,1,0]', '[0,0,0,0]']::vector[], 5);
SELECT hnsw_recall('c', ARRAY['[1,2,3,4]', '[0,0,1,0]', '[0,0,0,0]']::vector[], 100);
SELECT hnsw_recall('hl', ARRAY['[1,2,3,4]', '[0,0,1,0]']::halfvec[], k => 1);
SELECT hnsw_recall('e', ARRAY['[1,2,3,4]', '[0,0,1,0]']::vector[]);
SELECT hnsw_recall('e2', ARRAY['[1,2]', '[0,0]']::vector[]);
RESET search_path;
SELECT hnsw_recall('"Odd one".l', (SELECT array_agg("select") FROM "Odd one"."T ""1""" WHERE id < 20), 1000);
-- nothing to compare
SELECT hnsw_recall('"Odd one".l', '{}'::vector[]), hnsw_recall('"Odd one".c', ARRAY['[0,0,0,0]']::vector[]), hnsw_recall('"Odd one".l', NULL::vector[]);
-- what is missing is missed: a scan that finds 1 of 10
CREATE TABLE big (id int, v vector(8)) WITH (autovacuum_enabled = off);
INSERT INTO big SELECT i, array_agg(sin(i * j)) FROM generate_series(1, 1500) i, generate_series(1, 8) j GROUP BY i;
CREATE INDEX big_v ON big USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 4);
SET hnsw.ef_search = 1;
SELECT hnsw_recall('big_v', (SELECT array_agg(v) FROM big WHERE id % 100 = 0), 500) < 0.5;
SET hnsw.ef_search = 400;
SELECT hnsw_recall('big_v', (SELECT array_agg(v) FROM big WHERE id % 100 = 0)) BETWEEN 0.95 AND 1;
RESET hnsw.ef_search;
-- the index that is named, not another one
CREATE INDEX big_good ON big USING hnsw (v vector_l2_ops);
SELECT hnsw_recall('big_v', a, 300) < hnsw_recall('big_good', a, 10) FROM (SELECT array_agg(v) AS a FROM big WHERE id % 100 = 0) s;
-- settings are as before
SELECT name, setting FROM pg_settings WHERE name IN ('enable_seqscan', 'enable_sort', 'enable_indexscan') ORDER BY 1;
-- refused
SELECT hnsw_recall('big_v', ARRAY['[1,2]']::vector[]);
SELECT hnsw_recall('big_v', ARRAY['[1,2]']::halfvec[]);
SELECT hnsw_recall('big_v', ARRAY[1, 2]);
SELECT hnsw_recall('big_v', ARRAY[NULL]::vector[]);
SELECT hnsw_recall('big_v', '{}'::vector[], 0);
SELECT hnsw_recall('big', '{}'::vector[]);
CREATE INDEX big_key ON big USING hnsw (id, v vector_l2_ops) WHERE id < 10;
SELECT hnsw_recall('big_key', '{}'::vector[]);
SELECT name, setting FROM pg_settings WHERE name IN ('enable_seqscan', 'enable_sort', 'enable_indexscan') ORDER BY 1;
-- as the caller
CREATE ROLE regress_hnsw_reader;
SET ROLE regress_hnsw_reader;
SELECT hnsw_recall('big_good', ARRAY['[1,2,3,4,5,6,7,8]']::vector[]);
RESET ROLE;
GRANT SELECT ON big TO regress_hnsw_reader;
ALTER TABLE big ENABLE ROW LEVEL SECURITY;
SET ROLE regress_hnsw_reader;
SELECT hnsw_recall('big_good', ARRAY['[1,2,3,4,5,6,7,8]']::vector[]);
RESET ROLE;
CREATE POLICY half ON big USING (id % 2 = 0);
SET ROLE regress_hnsw_reader;
SELECT hnsw_recall('big_good', ARRAY['[1,2,3,4,5,6,7,8]']::vector[]) > 0.9;
RESET ROLE;
DROP TABLE big;
DROP ROLE regress_hnsw_reader;
