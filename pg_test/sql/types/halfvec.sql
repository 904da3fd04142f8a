-- halfvec: what differs from vector, which are the elements. All else is one body for both (see vector_*.sql).
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, left(SQLERRM, 80), nullif(detail, ''));
END $$;

-- text in and out: rounded to the nearest half, ties to even
SELECT v::halfvec FROM (VALUES
    (1, '[1,2,3]'), (2, ' [ 1,  .5 ,    -3e1  ] '), (3, '[0.1,-0.1,1234.5678]'), (4, '[65504,-65504,65519.99]'),
    (5, '[2049,2051,1.0004883,1.0004882]'), (6, '[6.1035156e-05,6e-8,5.9604645e-08,-0]'), (7, '[2.9802322e-08,2.9802325e-08]')
) t(i, v) ORDER BY i;
SELECT v, pg_temp.refused(format('SELECT %L::halfvec', v)) FROM (VALUES
    (1, ''), (2, '[]'), (3, '{1,2}'), (4, '[1'), (5, '[1,]'), (6, '[1]]'), (7, '[a]'), (8, '[NaN]'), (9, '[1,-inf]'),
    (10, '[65520]'), (11, '[1, -65536 ]'), (12, '[1e39]'), (13, '[100000,junk]'), (14, '[junk,100000]')
) t(i, v) ORDER BY i;
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::halfvec);
SELECT pg_temp.refused($$SELECT ('[' || repeat('1,', 16000) || '1]')::halfvec$$);

-- type modifiers and columns
SELECT m, pg_temp.refused(format('SELECT ''[1,2,3]''::halfvec(%s)', m)) FROM (VALUES
    (1, '3'), (2, '2'), (3, '0'), (4, '-1'), (5, '16001'), (6, '1,2')
) t(i, m) ORDER BY i;
CREATE TABLE t (id int, v halfvec(3));
\d t
INSERT INTO t VALUES (1, '[1,2,3]'), (2, NULL), (3, ARRAY[0.1,0.2,0.3]);
INSERT INTO t VALUES (4, '[1,2]');
UPDATE t SET v = v * '[60000,1,1]';
SELECT * FROM t ORDER BY id;

-- binary form, and the stored one: two bytes an element
SELECT halfvec_send('[1,-2,6e-8]');
\copy t TO 'results/halfvec.copy' (FORMAT binary)
CREATE TABLE back (LIKE t);
\copy back FROM 'results/halfvec.copy' (FORMAT binary)
SELECT count(*) FROM t JOIN back USING (id) WHERE halfvec_send(t.v) IS NOT DISTINCT FROM halfvec_send(back.v);
DROP TABLE t, back;
SELECT typstorage, typalign, typlen FROM pg_type WHERE oid = 'halfvec'::regtype;
CREATE TABLE form (name text, v halfvec);
INSERT INTO form VALUES ('short', '[1,2,3]'), ('longest short', array_fill(0.5, ARRAY[61])), ('shortest plain', array_fill(0.5, ARRAY[62])),
    ('out of line', array_fill(0.5, ARRAY[3000])), ('largest', array_fill(0.125, ARRAY[16000]));
SELECT name, vector_dims(v), pg_column_size(v), round(l2_norm(v)::numeric, 3) AS norm, v <-> v AS l2, v = v::text::halfvec AS text,
       v::real[]::halfvec = v AS array, length(halfvec_send(v)) AS binary FROM form ORDER BY 2;
DROP TABLE form;

-- distances, of halves in single precision
SELECT l2_distance('[0,0]'::halfvec, '[3,4]'), '[0,0]'::halfvec <-> '[3,4]', halfvec_l2_squared_distance('[0,0]', '[3,4]'), '[65504]'::halfvec <-> '[-65504]';
SELECT inner_product('[1,2]'::halfvec, '[3,4]'), '[1,2]'::halfvec <#> '[3,4]', halfvec_negative_inner_product('[65504]', '[65504]');
SELECT cosine_distance('[1,0]'::halfvec, '[0,2]'), '[1,1]'::halfvec <=> '[-1,-1]', '[1,2]'::halfvec <=> '[0,0]', '[65504]'::halfvec <=> '[65504]', '[6e-8]'::halfvec <=> '[6e-8]';
SELECT l1_distance('[0,0]'::halfvec, '[3,4]'), '[0,0]'::halfvec <+> '[3,-4]', '[1,2,3,4,5,6,7,8,9]'::halfvec <+> '[0,3,2,5,4,7,6,9,8]';
SELECT halfvec_spherical_distance('[1,0]', '[0,1]'), halfvec_spherical_distance('[1,0]', '[-1,0]'), halfvec_spherical_distance('[3]', '[3]');
SELECT f, pg_temp.refused(format('SELECT %s(''[1,2]''::halfvec, ''[3]''::halfvec)', f)) FROM unnest(ARRAY[
    'l2_distance', 'inner_product', 'cosine_distance', 'l1_distance', 'halfvec_l2_squared_distance',
    'halfvec_negative_inner_product', 'halfvec_spherical_distance', 'halfvec_add', 'halfvec_sub', 'halfvec_mul']) f;

-- norms, parts, arithmetic
SELECT l2_norm('[3,4]'::halfvec), l2_norm('[0]'::halfvec), l2_norm('[65504,65504]'::halfvec)::real;
SELECT l2_normalize('[3,4]'::halfvec), l2_normalize('[0,0.1]'::halfvec), l2_normalize('[0,0]'::halfvec), l2_normalize('[65504]'::halfvec), l2_normalize('[6e-8]'::halfvec);
SELECT vector_dims('[1,2,3]'::halfvec), subvector('[1,2,3,4,5]'::halfvec, 2, 3), subvector('[1,2,3,4,5]'::halfvec, -1, 3), '[1,2]'::halfvec || '[3]', binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,6e-8]'::halfvec);
SELECT '[1,2,3]'::halfvec + '[4,5,6]', '[1,2,3]'::halfvec - '[4,5,6]', '[1,2,3]'::halfvec * '[4,5,6]', '[2048]'::halfvec + '[1]', '[2048]'::halfvec + '[3]';
SELECT e, pg_temp.refused('SELECT ' || e) FROM unnest(ARRAY[
    '''[65504]''::halfvec + ''[15]''', '''[65504]''::halfvec + ''[16]''', '''[-65504]''::halfvec - ''[65504]''', '''[256]''::halfvec * ''[256]''', '''[1e-4]''::halfvec * ''[1e-4]''',
    'subvector(''[1]''::halfvec, 2, 1)', '''[1]''::halfvec || array_fill(1, ARRAY[16000])::halfvec']) e;

-- order
SELECT a, b, a < b lt, a <= b le, a = b eq, a <> b ne, a >= b ge, a > b gt, halfvec_cmp(a, b) cmp
FROM (VALUES ('[1,2,3]'::halfvec, '[1,2,3]'::halfvec), ('[1,2]', '[1,2,3]'), ('[2,3]', '[1,2,3]'), ('[0]', '[-0]'), ('[-1]', '[1]'), ('[-2]', '[-1]'), ('[6e-8]', '[0]')) t(a, b);
CREATE TABLE t (id int, v halfvec);
INSERT INTO t VALUES (1, '[2,1]'), (2, '[1]'), (3, NULL), (4, '[1,5]'), (5, '[2,1]'), (6, '[-1,9,9]'), (7, '[1,5,0]');
CREATE INDEX t_v ON t (v);
SET enable_seqscan = off;
EXPLAIN (COSTS off) SELECT id FROM t WHERE v > '[1]' ORDER BY v;
SELECT id, v FROM t WHERE v > '[1]' ORDER BY v, id;
RESET enable_seqscan;
SELECT v, count(*) FROM t GROUP BY v ORDER BY v;
DROP TABLE t;

-- casts
SELECT ARRAY[1,2,3]::halfvec, '{0.1,65519}'::real[]::halfvec, '{0.1,1e-9}'::float8[]::halfvec(2), '{0.1,2}'::numeric[]::halfvec;
SELECT '[0.1,65504]'::vector::halfvec, '[0.1,65504,6e-8]'::halfvec::vector, '[0.1,2]'::halfvec::real[], '[1e-9,1]'::vector::halfvec(2);
SELECT t AS type, v, pg_temp.refused(format('SELECT ''{1,%s}''::%s[]::halfvec', v, t))
FROM unnest(ARRAY['integer', 'real', 'double precision', 'numeric']) WITH ORDINALITY AS types(t, i),
     unnest(ARRAY['65519', '65520', '-1234567', 'NULL']) WITH ORDINALITY AS vs(v, j) ORDER BY i, j;
SELECT t AS type, v, pg_temp.refused(format('SELECT ''{%s}''::%s[]::halfvec', v, t))
FROM unnest(ARRAY['real', 'double precision', 'numeric']) WITH ORDINALITY AS types(t, i),
     unnest(ARRAY['NaN', '-Infinity', '1e39', 'NaN,1e5']) WITH ORDINALITY AS vs(v, j) ORDER BY i, j;
SELECT v, pg_temp.refused(format('SELECT %L::vector::halfvec(2)', v)) FROM unnest(ARRAY['[1,65520]', '[1,2,3]', '[-3e38,1]']) v;
-- a vector becomes a halfvec where one is asked for, not the other way round
SELECT pg_temp.refused('SELECT ''[1,2]''::vector <-> ''[1,2]''::halfvec'), pg_temp.refused('SELECT vector_norm(''[1]''::halfvec)'), l2_norm('[3,4]'::vector::halfvec);
CREATE TABLE t (v vector(2), h halfvec(2));
INSERT INTO t SELECT h, v FROM (VALUES ('[1,2]'::vector, '[0.1,3]'::halfvec)) x(v, h) RETURNING *;
DROP TABLE t;

-- aggregates
SELECT avg(v), sum(v) FROM unnest(ARRAY['[1,2,3]', '[3,5,7]', NULL]::halfvec[]) v;
SELECT avg(v), sum(v) FROM unnest(ARRAY[NULL]::halfvec[]) v;
SELECT avg(v) FROM unnest(ARRAY['[65504]', '[65504]']::halfvec[]) v;
SELECT sum(v) FROM unnest(ARRAY['[65504]', '[65504]']::halfvec[]) v;
SELECT avg(v) FROM unnest(ARRAY['[1,2]', '[3]']::halfvec[]) v;
SELECT i, sum(v) OVER w, avg(v) OVER w FROM (SELECT i, ARRAY[i, -i]::halfvec v FROM generate_series(1, 4) i) t WINDOW w AS (ORDER BY i ROWS 1 PRECEDING);
SELECT halfvec_accum('{0}', '[1,2]'), halfvec_combine('{1,2}', '{2,3}'), halfvec_avg('{2,4,6}'), halfvec_avg('{0}');
SELECT e, pg_temp.refused('SELECT ' || e) FROM unnest(ARRAY[
    'halfvec_accum(''{1,1}'', ''[1,2]'')', 'halfvec_accum(''{}'', ''[1]'')', 'halfvec_avg(''{}'')', 'halfvec_avg(''{1}'')', 'halfvec_avg(''{1,65519}'')',
    'halfvec_avg(''{1,65520}'')', 'halfvec_avg(''{1,1e39}'')', 'halfvec_avg(''{NaN,1}'')', 'halfvec_combine(''{1,2}'', ''{1,2,3}'')']) e;
