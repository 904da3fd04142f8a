-- Indexes of values that are compared as they are: taxicab distances, bits, sparse vectors.
SET enable_seqscan = off;

-- vector, halfvec: taxicab
CREATE TABLE taxi (i int PRIMARY KEY, v vector(3), h halfvec(3));
INSERT INTO taxi VALUES (1, '[0,0,0]', '[0,0,0]'), (2, '[1,2,3]', '[1,2,3]'), (3, '[1,1,1]', '[1,1,1]'), (4, NULL, NULL);
CREATE INDEX taxi_v ON taxi USING hnsw (v vector_l1_ops);
CREATE INDEX taxi_h ON taxi USING hnsw (h halfvec_l1_ops);
INSERT INTO taxi VALUES (5, '[1,2,4]', '[1,2,4]'), (6, '[1,2,3]', '[1,2,3]');
EXPLAIN (COSTS OFF) SELECT i FROM taxi ORDER BY v <+> '[3,3,3]';
SELECT * FROM (SELECT i, v <+> '[3,3,3]' AS distance FROM taxi ORDER BY v <+> '[3,3,3]' LIMIT 10) AS nearest ORDER BY distance, i;
SELECT * FROM (SELECT i, h <+> '[3,3,3]' AS distance FROM taxi ORDER BY h <+> '[3,3,3]' LIMIT 10) AS nearest ORDER BY distance, i;
SELECT count(*) FROM (SELECT i FROM taxi ORDER BY v <+> NULL) AS rows;
SELECT i FROM taxi ORDER BY v <+> '[3,3]';
SELECT i FROM taxi ORDER BY h <+> '[3,3]'::halfvec;
DELETE FROM taxi WHERE i IN (2, 3);
VACUUM taxi;
SELECT i FROM taxi ORDER BY v <+> '[3,3,3]';
SELECT * FROM hnsw_check('taxi_v');
SELECT nodes, dead, tuples FROM hnsw_stats('taxi_h');

-- bit
CREATE TABLE bits (i int PRIMARY KEY, b bit(5));
CREATE INDEX bits_hamming ON bits USING hnsw (b bit_hamming_ops);
INSERT INTO bits VALUES (1, B'00000'), (2, B'10101'), (3, B'11111'), (4, NULL), (5, B'10100');
SELECT * FROM (SELECT i, b <~> B'10111' AS distance FROM bits ORDER BY b <~> B'10111' LIMIT 10) AS nearest ORDER BY distance, i;
SELECT count(*) FROM (SELECT i FROM bits ORDER BY b <~> NULL) AS rows;
SELECT i FROM bits ORDER BY b <~> B'101';
DROP INDEX bits_hamming;
CREATE INDEX bits_jaccard ON bits USING hnsw (b bit_jaccard_ops);
SELECT * FROM (SELECT i, round((b <%> B'10111')::numeric, 4) AS distance FROM bits ORDER BY b <%> B'10111' LIMIT 10) AS nearest ORDER BY distance, i;
SELECT * FROM hnsw_check('bits_jaccard');
CREATE TABLE many (b bit(64001));
CREATE INDEX ON many USING hnsw (b bit_hamming_ops);
CREATE TABLE varying (b varbit);
CREATE INDEX ON varying USING hnsw (b bit_hamming_ops);

-- sparsevec
CREATE TABLE sparse (i int PRIMARY KEY, s sparsevec(100000));
INSERT INTO sparse VALUES (1, '{}/100000'), (2, '{1:1,3:2,99999:3}/100000'), (3, '{2:1}/100000'), (4, NULL);
CREATE INDEX sparse_l2 ON sparse USING hnsw (s sparsevec_l2_ops);
INSERT INTO sparse VALUES (5, '{1:1,3:2,99999:4}/100000'), (6, '{1:2,3:4,99999:6}/100000');
SELECT * FROM (SELECT i, round((s <-> '{1:1,3:2,99999:3}/100000')::numeric, 4) AS distance FROM sparse ORDER BY s <-> '{1:1,3:2,99999:3}/100000' LIMIT 10) AS nearest ORDER BY distance, i;
SELECT i FROM sparse ORDER BY s <-> '{1:1}/5';
DROP INDEX sparse_l2;
CREATE INDEX sparse_ip ON sparse USING hnsw (s sparsevec_ip_ops);
SELECT * FROM (SELECT i, s <#> '{1:1,3:2,99999:3}/100000' AS distance FROM sparse ORDER BY s <#> '{1:1,3:2,99999:3}/100000' LIMIT 10) AS nearest ORDER BY distance, i;
DROP INDEX sparse_ip;
-- No direction, no place.
CREATE INDEX sparse_cosine ON sparse USING hnsw (s sparsevec_cosine_ops);
SELECT * FROM (SELECT i, round((s <=> '{1:1,3:2,99999:3}/100000')::numeric, 4) AS distance FROM sparse ORDER BY s <=> '{1:1,3:2,99999:3}/100000' LIMIT 10) AS nearest ORDER BY distance, i;
SELECT count(*) FROM (SELECT i FROM sparse ORDER BY s <=> '{}/100000') AS rows;
DROP INDEX sparse_cosine;
CREATE INDEX sparse_l1 ON sparse USING hnsw (s sparsevec_l1_ops);
SELECT * FROM (SELECT i, s <+> '{1:1,3:2,99999:3}/100000' AS distance FROM sparse ORDER BY s <+> '{1:1,3:2,99999:3}/100000' LIMIT 10) AS nearest ORDER BY distance, i;
-- Values that are longer than their node records are in order, too.
INSERT INTO sparse
    SELECT 10 + k, (SELECT ('{' || string_agg((7 * e) || ':' || 1 + (e * k) % 13, ',' ORDER BY e) || '}/100000')::sparsevec FROM generate_series(1, 50 * k) AS e)
    FROM generate_series(1, 20) AS k;
SELECT bool_and(a = b) AS in_order FROM (
    SELECT array_agg(i ORDER BY i) AS a FROM (SELECT i FROM sparse ORDER BY s <+> '{7:1,14:5,700:9}/100000' LIMIT 12) AS x) AS x, (
    SELECT array_agg(i ORDER BY i) AS b FROM (SELECT i FROM sparse ORDER BY (s <+> '{7:1,14:5,700:9}/100000') + 0 LIMIT 12) AS y) AS y;
SELECT * FROM hnsw_check('sparse_l1');
INSERT INTO sparse SELECT 50, ('{' || string_agg(e || ':1', ',' ORDER BY e) || '}/100000')::sparsevec FROM generate_series(1, 1001) AS e;
CREATE TABLE without (s sparsevec);
CREATE INDEX ON without USING hnsw (s sparsevec_l2_ops);

-- A graph for each key.
CREATE TABLE keyed (tenant int, s sparsevec(10), b bit(8));
INSERT INTO keyed SELECT k % 3, format('{%s:1,10:%s}/10', k % 9 + 1, k + 1)::sparsevec, k::bit(8) FROM generate_series(1, 90) AS k;
CREATE INDEX keyed_s ON keyed USING hnsw (tenant, s sparsevec_l2_ops);
CREATE INDEX keyed_b ON keyed USING hnsw (tenant, b bit_hamming_ops);
INSERT INTO keyed VALUES (7, '{1:1}/10', B'00000000');
SELECT s FROM keyed WHERE tenant = 1 ORDER BY s <-> '{10:50}/10' LIMIT 3;
SELECT b FROM keyed WHERE tenant = 7 ORDER BY b <~> B'11110000';
SELECT key, nodes, tuples FROM hnsw_stats('keyed_b') ORDER BY 1;
SELECT * FROM hnsw_check('keyed_s');

DROP TABLE taxi, bits, many, varying, sparse, without, keyed;
