-- sparsevec: distances, norms, order, casts
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' | ', SQLSTATE, left(SQLERRM, 80));
END $$;

-- distances: l2, inner product, cosine, l1
SELECT l2_distance('{}/2'::sparsevec, '{1:3,2:4}/2'), '{1:3}/2'::sparsevec <-> '{2:4}/2', sparsevec_l2_squared_distance('{1:3}/2', '{2:4}/2'), '{1:3e38}/1'::sparsevec <-> '{}/1';
SELECT inner_product('{1:1,2:2}/3'::sparsevec, '{2:4,3:5}/3'), '{1:1,2:2}/2'::sparsevec <#> '{1:2,2:4}/2', sparsevec_negative_inner_product('{1:3e38}/1', '{1:3e38}/1'), inner_product('{1:1}/2'::sparsevec, '{2:1}/2');
SELECT cosine_distance('{1:1}/2'::sparsevec, '{2:2}/2'), '{1:1,2:1}/2'::sparsevec <=> '{1:-1,2:-1}/2', '{1:1}/2'::sparsevec <=> '{}/2', round(cosine_distance('{1:1,2:1}/2'::sparsevec, '{1:1.1,2:1.1}/2')::numeric, 6);
SELECT l1_distance('{1:3}/2'::sparsevec, '{2:-4}/2'), '{1:1,3:2}/1000000000'::sparsevec <+> '{3:5,1000000000:7}/1000000000';
SELECT f, pg_temp.refused(format('SELECT %s(''{}/2''::sparsevec, ''{}/3''::sparsevec)', f)) FROM unnest(ARRAY[
    'l2_distance', 'inner_product', 'cosine_distance', 'l1_distance', 'sparsevec_l2_squared_distance', 'sparsevec_negative_inner_product']) f;
SELECT o, pg_temp.refused(format('SELECT ''{}/2''::sparsevec %s ''{}/3''::sparsevec', o)) FROM unnest(ARRAY['<->', '<#>', '<=>', '<+>', '+', '||']) o;
SELECT '{1:1}/1'::sparsevec <-> NULL, l2_norm(NULL::sparsevec);

-- norms
SELECT l2_norm('{1:3,9:4}/9'::sparsevec), l2_norm('{}/9'::sparsevec), l2_norm('{1:3e37,2:4e37}/2'::sparsevec)::real;
SELECT l2_normalize('{1:3,9:4}/9'::sparsevec), l2_normalize('{}/9'::sparsevec), l2_normalize('{1:1e-45}/1'::sparsevec);
-- what becomes 0 is left out
SELECT l2_normalize('{1:1e-10,2:3e38}/3'::sparsevec), sparsevec_send(l2_normalize('{1:1e-10,2:3e38}/3'::sparsevec));

-- order: as with the zeros, element by element, then by dimensions
SELECT a, b, a < b lt, a <= b le, a = b eq, a <> b ne, a >= b ge, a > b gt, sparsevec_cmp(a, b) cmp
FROM (VALUES ('{1:1,2:2,3:3}/3'::sparsevec, '{1:1,2:2,3:3}/3'::sparsevec), ('{}/3', '{}/4'), ('{}/3', '{3:1}/3'), ('{}/3', '{3:-1}/3'), ('{}/3', '{4:-1}/4'),
             ('{1:1}/3', '{2:5}/3'), ('{1:-1}/3', '{2:-5}/3'), ('{1:1,3:-1}/3', '{1:1}/3'), ('{2:2}/9', '{2:1,9:9}/9')) t(a, b);
CREATE TABLE t (id int, v sparsevec);
INSERT INTO t SELECT i, ARRAY[i % 3 - 1, i % 2]::sparsevec FROM generate_series(1, 8) i;
INSERT INTO t VALUES (9, NULL), (10, '{}/1'), (11, '{}/3'), (12, '{3:-1}/3');
SELECT array_agg(id ORDER BY v, id) = array_agg(id ORDER BY v::vector, id) FROM t;
CREATE INDEX t_v ON t (v);
SET enable_seqscan = off;
SET enable_bitmapscan = off;
EXPLAIN (COSTS off) SELECT id FROM t WHERE v > '{1:-1,2:1}/2' ORDER BY v;
SELECT v, array_agg(id ORDER BY id) FROM t WHERE v > '{1:-1,2:1}/2' GROUP BY v ORDER BY v;
SELECT id FROM t WHERE v = '{2:1}/2' ORDER BY id;
RESET enable_seqscan;
RESET enable_bitmapscan;
CREATE UNIQUE INDEX t_u ON t (v);
DROP TABLE t;

-- nearest first, without an index
CREATE TABLE t (id int, v sparsevec(1000));
INSERT INTO t SELECT i, format('{%s:%s,500:10}/1000', i, i)::sparsevec FROM generate_series(1, 9) i;
SELECT id, v <-> '{3:3,500:10}/1000' AS l2 FROM t ORDER BY 2, 1 LIMIT 3;
SELECT id, v <#> '{7:1,8:1}/1000' AS ip FROM t ORDER BY 2, 1 LIMIT 3;
SELECT id, v <+> '{3:3,500:10}/1000' AS l1 FROM t ORDER BY 2, 1 LIMIT 3;
DROP TABLE t;

-- casts from arrays
SELECT ARRAY[0,1,0,-2]::sparsevec, ARRAY[0,0]::sparsevec, '{1.5,0}'::real[]::sparsevec(2), '{0,1e-46,0.1}'::float8[]::sparsevec, '{0.0,2.5}'::numeric[]::sparsevec;
SELECT t AS type, a AS array, pg_temp.refused(format('SELECT %L::%s[]::sparsevec(2)', a, t))
FROM unnest(ARRAY['integer', 'real', 'double precision', 'numeric']) WITH ORDINALITY AS types(t, i),
     unnest(ARRAY['{1,0}', '{1}', '{}', '{1,NULL}', '{{1,2}}']) WITH ORDINALITY AS arrays(a, j) ORDER BY i, j;
SELECT v, pg_temp.refused(format('SELECT ''{0,%s}''::float8[]::sparsevec', v)) FROM unnest(ARRAY['NaN', 'Infinity', '1e39']) v;
SELECT n, pg_temp.refused(format('SELECT array_fill(1, ARRAY[%s])::sparsevec', n)) FROM unnest(ARRAY[16000, 16001]) n;

-- casts from and to the other types
SELECT '[0,1.5,-0,2]'::vector::sparsevec, '[0,1e-8,0.1]'::halfvec::sparsevec(3), '{2:1.5}/3'::sparsevec::vector, '{2:0.1,3:1e-8}/3'::sparsevec::halfvec(3);
SELECT e, pg_temp.refused('SELECT ' || e) FROM unnest(ARRAY[
    '''[0,1]''::vector::sparsevec(3)', '''[0,1]''::halfvec::sparsevec(3)', '''{}/2''::sparsevec::vector(3)', '''{}/2''::sparsevec::halfvec(3)',
    '''{}/16001''::sparsevec::vector', '''{}/16001''::sparsevec::halfvec', '''{2:65520}/2''::sparsevec::halfvec', '''{1:1}/1''::sparsevec::real[]']) e;
CREATE TABLE t (v vector(3), h halfvec(3), s sparsevec(3));
INSERT INTO t SELECT s, s, v FROM (VALUES ('[0,0.5,0]'::vector, '{3:0.1}/3'::sparsevec)) x(v, s) RETURNING *;
INSERT INTO t SELECT h, v, h FROM t RETURNING *;
DROP TABLE t;
