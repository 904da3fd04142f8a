-- Comparison, sorting, grouping and btree indexes.
SET client_min_messages = warning;
SELECT a, b, a < b lt, a <= b le, a = b eq, a <> b ne, a >= b ge, a > b gt, vector_cmp(a, b) cmp
FROM (VALUES ('[1,2,3]'::vector, '[1,2,3]'::vector), ('[1,2,3]', '[1,2]'), ('[1,2]', '[1,2,3]'), ('[1,2]', '[2,3,4]'), ('[2,3]', '[1,2,3]'),
             ('[0]', '[-0]'), ('[-1]', '[1]')) t(a, b);
SELECT vector_lt('[1]', '[2]'), vector_le('[1]', '[2]'), vector_eq('[1]', '[2]'), vector_ne('[1]', '[2]'), vector_ge('[1]', '[2]'), vector_gt('[1]', '[2]');

CREATE TABLE t (id int, v vector);
INSERT INTO t VALUES (1, '[2,1]'), (2, '[1]'), (3, NULL), (4, '[1,5]'), (5, '[2,1]'), (6, '[-1,9,9]'), (7, '[1,5,0]');
SELECT id, v FROM t ORDER BY v, id;
SELECT id, v FROM t ORDER BY v DESC, id;
SELECT v, count(*) FROM t GROUP BY v ORDER BY v;
SELECT DISTINCT v FROM t ORDER BY v;
SELECT a.id, b.id FROM t a JOIN t b ON a.v = b.v AND a.id < b.id;
SELECT id FROM t WHERE v IN ('[1]', '[1,5]') ORDER BY id;

CREATE INDEX t_v ON t (v);
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM t WHERE v = '[2,1]';
SELECT id FROM t WHERE v = '[2,1]' ORDER BY id;
SELECT id FROM t WHERE v > '[1]' AND v <= '[1,5,0]' ORDER BY v, id;
SELECT id FROM t WHERE v >= '[2]' ORDER BY v, id;
SELECT id FROM t WHERE v < '[1]';
RESET enable_seqscan;
CREATE UNIQUE INDEX t_u ON t (v);
CREATE UNIQUE INDEX t_u ON t (v) WHERE id <> 5;
INSERT INTO t VALUES (8, '[1]');
INSERT INTO t VALUES (8, '[1]') ON CONFLICT DO NOTHING;
DROP TABLE t;

-- nearest first, without an index
CREATE TABLE t (id int, v vector(2));
INSERT INTO t SELECT i, ARRAY[i, 10 - i] FROM generate_series(1, 9) i;
INSERT INTO t VALUES (10, NULL), (11, '[0,0]');
SELECT id, v <-> '[3,3]' AS l2 FROM t ORDER BY v <-> '[3,3]', id LIMIT 4;
SELECT id, v <#> '[3,3]' AS ip FROM t ORDER BY v <#> '[1,3]', id LIMIT 3;
SELECT id, round((v <=> '[3,3]')::numeric, 6) AS cosine FROM t ORDER BY v <=> '[3,3]', id OFFSET 7;
SELECT id, v <+> '[3,3]' AS l1 FROM t ORDER BY v <+> '[3,3]', id LIMIT 3;
DROP TABLE t;

-- sorting agrees with arrays, whatever the length
SELECT array_agg(i ORDER BY v, i) = array_agg(i ORDER BY v::real[], i)
FROM (SELECT i, array_fill((i * 7) % 5, ARRAY[1 + i % 40])::vector v FROM generate_series(1, 500) i) t;
