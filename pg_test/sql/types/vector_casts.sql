-- Casts from and to arrays.
\set VERBOSITY terse
SET client_min_messages = warning;
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' | ', SQLSTATE, left(SQLERRM, 80));
END $$;

SELECT ARRAY[1,2,3]::vector, ARRAY[1.5,2]::vector, ARRAY[1,2]::real[]::vector, ARRAY[0.1,2]::float8[]::vector, '{1,2}'::numeric[]::vector(2);
SELECT '{2147483647,16777217}'::int[]::vector, '{1e-46,0.1}'::float8[]::vector, '{0.1,0.1234567890123456789}'::numeric[]::vector;
SELECT '[5:6]={1,2}'::int[]::vector, (ARRAY[NULL,2,3])[2:3]::real[]::vector, array_remove(ARRAY[1,NULL,2], NULL)::vector;
SELECT '[1,2.5]'::vector::real[], vector_to_float4('[1,2]', -1, false), cardinality('[1,2,3]'::vector::real[]), '[1]'::vector = ARRAY[1]::vector;
SELECT vector('[1,2]', 2, true), vector('[1,2]', -1, false), vector_dims(array_fill(1.5, ARRAY[16000])::vector);

SELECT t AS type, a AS array, pg_temp.refused(format('SELECT %L::%s[]::vector', a, t))
FROM unnest(ARRAY['integer', 'real', 'double precision', 'numeric']) WITH ORDINALITY AS types(t, i),
     unnest(ARRAY['{}', '{NULL}', '{1,NULL}', '{{1,2}}', '{{{1}}}']) WITH ORDINALITY AS arrays(a, j)
ORDER BY i, j;
SELECT t AS type, pg_temp.refused(format('SELECT array_fill(1, ARRAY[16001])::%s[]::vector', t)),
       pg_temp.refused(format('SELECT ''{1,2}''::%s[]::vector(3)', t)), pg_temp.refused(format('SELECT array_to_vector(''{1,2}''::%s[], 1, false)', t))
FROM unnest(ARRAY['integer', 'real', 'double precision', 'numeric']) WITH ORDINALITY AS types(t, i) ORDER BY i;
SELECT t AS type, v, pg_temp.refused(format('SELECT ''{%s}''::%s[]::vector', v, t))
FROM unnest(ARRAY['real', 'double precision', 'numeric']) WITH ORDINALITY AS types(t, i),
     unnest(ARRAY['NaN', 'Infinity', '-Infinity', '1e39', '1e-46']) WITH ORDINALITY AS vs(v, j)
ORDER BY i, j;
SELECT pg_temp.refused('SELECT ''{1}''::bigint[]::vector'), pg_temp.refused('SELECT array_length(''[1]''::vector, 1)'), pg_temp.refused('SELECT ''[1]''::vector::integer[]'), pg_temp.refused('SELECT vector(''[1,2]'', 3, true)');

-- by assignment, and implicitly to real[]
CREATE TABLE t (v vector(2), r real[]);
INSERT INTO t VALUES (ARRAY[1,2], '[3]'::vector), ('{1.5,2}'::float8[], NULL), (ARRAY[0.5,1], '{7}');
INSERT INTO t (v) VALUES (ARRAY[1,2,3]);
INSERT INTO t (v) VALUES (ARRAY[1,NULL]);
SELECT v, r, v || '[9]' AS longer FROM t ORDER BY v;
ALTER TABLE t ALTER v TYPE real[];
ALTER TABLE t ALTER v TYPE vector(2);
SELECT v FROM t ORDER BY v;
DROP TABLE t;
-- a binary operator takes no array for a vector
SELECT '[1]'::vector <-> ARRAY[1];
