-- avg and sum: values, groups, windows, parallel workers, refusals.
\set VERBOSITY terse
SET client_min_messages = warning;
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', '[3,5,7]', NULL]::vector[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]']::vector[]) v WHERE false;
SELECT avg(v), sum(v) FROM unnest(ARRAY[NULL, NULL]::vector[]) v;
SELECT avg(v), avg(DISTINCT v), sum(DISTINCT v), sum(v) FILTER (WHERE v > '[1]') FROM unnest(ARRAY['[1]', '[1]', '[4]']::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;
SELECT sum(v) FROM unnest(ARRAY['[3e38]', '[3e38]']::vector[]) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v;
SELECT sum(v) FROM unnest(ARRAY['[1,2]', '[3]']::vector[]) v;
SELECT avg('{1,2}'::real[]);

-- short and long states, in groups and windows
CREATE TABLE t AS SELECT i, i % 3 AS g, array_fill(i, ARRAY[CASE i % 3 WHEN 0 THEN 1 WHEN 1 THEN 20 ELSE 900 END])::vector AS v
FROM generate_series(1, 30) i;
SELECT g, vector_dims(sum(v)), subvector(sum(v), 1, 1), subvector(avg(v), vector_dims(avg(v)), 1) FROM t GROUP BY g ORDER BY g;
SELECT i, sum(v) OVER w, avg(v) OVER w, sum(v) OVER (ORDER BY i) FROM t WHERE g = 0 AND i < 16 WINDOW w AS (ORDER BY i ROWS 1 PRECEDING) ORDER BY i;
SELECT g, i, avg(i) OVER w = ((avg(v) OVER w)::real[])[1] AS same FROM t WHERE i < 7 WINDOW w AS (PARTITION BY g ORDER BY i) ORDER BY i;
-- the rows are as they were: a sum does not write over its input
SELECT count(*) FROM t WHERE v <> array_fill(i, ARRAY[vector_dims(v)])::vector;
DROP TABLE t;

-- partial aggregates of parallel workers
CREATE TABLE t AS SELECT ARRAY[i, -i, i % 7, 0.5]::vector AS v, i % 2 AS g FROM generate_series(1, 20000) i;
INSERT INTO t SELECT NULL, 0 FROM generate_series(1, 1000);
ALTER TABLE t SET (parallel_workers = 2);
ANALYZE t;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SET max_parallel_workers_per_gather = 2;
EXPLAIN (COSTS off) SELECT avg(v) FROM t;
SELECT avg(v), avg(v) FILTER (WHERE v IS NULL) FROM t;
EXPLAIN (COSTS off) SELECT sum(v) FROM t;
SELECT sum(v * '[0,0,1,1]') FROM t;
SET parallel_leader_participation = off;
SELECT avg(v), sum(v * '[0,0,1,1]') FROM t;
DROP TABLE t;

-- their functions, called by hand
SELECT vector_accum('{0}', '[1,2]'), vector_accum('{1,1,1}', '[1,2]'), vector_accum('{5}', '[1]');
SELECT vector_combine('{0}', '{1,2}'), vector_combine('{1,2}', '{0}'), vector_combine('{1,2}', '{2,3}'), vector_combine('{0}', '{0}'), vector_combine('{0,1}', '{1,2,3}');
SELECT vector_avg('{0}'), vector_avg('{2,4,6}');
SELECT vector_accum('{1,1}', '[1,2]');
SELECT vector_accum('{}', '[1]');
SELECT vector_accum('{{1,2}}', '[1]');
SELECT vector_accum('{1,NULL}', '[1]');
SELECT vector_accum('{1,Infinity}', '[1]');
SELECT vector_combine('{1,2}', '{1,2,3}');
SELECT vector_combine('{1,2}', '{}');
SELECT vector_combine('{{1,2}}', '{1,2}');
SELECT vector_combine('{1,1e308}', '{1,1e308}');
SELECT vector_avg('{}');
SELECT vector_avg('{1}');
SELECT vector_avg('{1,NULL}');
SELECT vector_avg('{1,1e39}');
SELECT vector_avg('{NaN,1}');
SELECT vector_avg(array_fill(1::float8, ARRAY[16002]));

-- states that no aggregate makes: too long, with other bounds, of no vectors but with sums
SELECT array_length(vector_combine(array_fill(1::float8, ARRAY[16001]), array_fill(1::float8, ARRAY[16001])), 1);
SELECT vector_combine(f, f) FROM (VALUES (array_fill(1::float8, ARRAY[16002]))) t(f);
SELECT halfvec_combine(array_fill(1::float8, ARRAY[16002]), array_fill(1::float8, ARRAY[16002]));
SELECT vector_combine(array_fill(1::float8, ARRAY[16002]), '{0}');
SELECT vector_combine('{0}', array_fill(0::float8, ARRAY[16002]));
SELECT vector_combine('{0,1}', array_fill(0::float8, ARRAY[16002]));
SELECT vector_combine(array_fill(1::float8, ARRAY[16002]), '{1,2}');
SELECT vector_combine('{1,2}', array_fill(1::float8, ARRAY[16002]));
SELECT vector_accum(array_fill(1::float8, ARRAY[16002]), '[1]');
SELECT halfvec_avg(array_fill(1::float8, ARRAY[16002]));
SELECT vector_combine('[0:1]={1,2}', '[-5:-4]={1,2}'), vector_accum('[5:6]={1,2}', '[1]'), vector_avg('[2147483640:2147483641]={2,4}');
SELECT vector_combine('{0,5}', '{0}'), vector_combine('{0,5}', '{0,6,7}'), vector_combine('{-0.0,5}', '{1,6,7}'), vector_accum('{0,1}', '[2]');
SELECT vector_combine('{1,Infinity}', '{0}'), vector_combine('{1,NaN}', '{1,2}'), vector_combine('{Infinity,1}', '{1,2}');
SELECT vector_combine('{1,Infinity}', '{1,2}');
SELECT vector_avg('{0,1}'), vector_avg('{-1,1}'), vector_avg('{Infinity,1}');
SELECT halfvec_accum('{}', '[1]');
SELECT halfvec_accum('{{0}}', '[1]');
SELECT halfvec_combine('{NULL}', '{1,2}');
SELECT halfvec_avg('{1,65520}');
