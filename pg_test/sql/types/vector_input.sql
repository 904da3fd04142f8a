-- Text input and output, type modifiers, and what both refuse.
\set VERBOSITY terse
SET client_min_messages = warning;
-- The error of a statement: SQLSTATE, message and detail.
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE detail text;
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' | ', SQLSTATE, left(SQLERRM, 80), nullif(detail, ''));
END $$;

SELECT v::vector FROM (VALUES
    (1, '[1,2,3]'), (2, '[-1,-2,-3]'), (3, '[1.,2.,3.]'), (4, ' [ 1,  2 ,    3  ] '), (5, '[1.23456]'),
    (6, '[.5,-.5,+.5]'), (7, '[1e3,1E-3,1e+3]'), (8, E'[\t1\n,\r2\f,\x0b3 ]\n'), (9, '[0,-0]'),
    (10, '[3.4028235e38,-3.4028235e38]'), (11, '[1.17549435e-38,1e-45,1e-46,-1e-400]'),
    (12, '[16777217,0.1,0.30000001192092896]'), (13, '[0x10,0x1.8p1]'), (14, '[1e20,1e21,123456789,1e-5,0.0001]')
) t(i, v) ORDER BY i;

SELECT v, pg_temp.refused(format('SELECT %L::vector', v)) FROM (VALUES
    (1, ''), (2, ' '), (3, '['), (4, '[]'), (5, '[ ]'), (6, '1,2'), (7, '{1,2}'), (8, 'hello, world'),
    (9, '[1'), (10, '[1,'), (11, '[1,]'), (12, '[,1]'), (13, '[1,,2]'), (14, '[1 2]'), (15, '[1]]'), (16, '[1],'),
    (17, '[1a]'), (18, '[a]'), (19, '[1.2.3]'), (20, '[--1]'), (21, '[0x]'), (22, '[1e]'), (23, '[é]'),
    (24, '[NaN]'), (25, '[-nan]'), (26, '[Infinity]'), (27, '[1,-inf]'),
    (28, '[1e39]'), (29, '[1, -1e39 ]'), (30, '[4e38,junk]'), (31, '[junk,4e38]')
) t(i, v) ORDER BY i;

-- as many dimensions as there may be, and one more
SELECT vector_dims(('[' || repeat('1,', 15999) || '1]')::vector);
SELECT pg_temp.refused($$SELECT ('[' || repeat('1,', 16000) || '1]')::vector$$);
SELECT pg_temp.refused($$SELECT ('[' || repeat('1,', 16000) || 'junk')::vector$$);

-- type modifiers
SELECT '[1,2,3]'::vector(3), NULL::vector(3), '[1,2,3]'::vector(3)::vector, '[1]'::vector(1);
SELECT format_type('vector'::regtype, -1), format_type('vector'::regtype, 3), format_type('vector'::regtype, 16000);
SELECT m, pg_temp.refused(format('SELECT ''[1,2,3]''::vector(%s)', m)) FROM (VALUES
    (1, '2'), (2, '4'), (3, '0'), (4, '-1'), (5, '16001'), (6, '1,2'), (7, '''x'''), (8, '99999999999'), (9, '16000')
) t(i, m) ORDER BY i;
SELECT a, pg_temp.refused(format('SELECT vector_typmod_in(%L)', a)) FROM (VALUES
    (1, '{3}'), (2, '{}'), (3, '{1,2}'), (4, '{NULL}'), (5, '{{3}}')
) t(i, a) ORDER BY i;

-- columns
CREATE TABLE bad (v vector(0));
CREATE TABLE bad (v vector(16001));
CREATE TABLE bad (v vector(1, 2));
CREATE TABLE t (id int, v vector(3));
INSERT INTO t VALUES (1, '[1,2,3]'), (2, NULL);
INSERT INTO t VALUES (3, '[1,2]');
INSERT INTO t VALUES (3, '[1,2,3,4]');
INSERT INTO t VALUES (3, '[1,2,NaN]');
UPDATE t SET v = '[1]';
ALTER TABLE t ALTER v TYPE vector(4);
SELECT * FROM t ORDER BY id;
DROP TABLE t;

-- arrays of vectors
SELECT ARRAY['[1,2]', NULL, '[3]']::vector[], '{"[1,2]","[3]"}'::vector[];
SELECT pg_temp.refused($$SELECT '{"[1,2]","[3]"}'::vector(2)[]$$);

-- text and back
SELECT bool_and(v = v::text::vector AND v::text = v::text::vector::text)
FROM (SELECT ARRAY[x, -x, x / 3, x * 1e30, x * 1e-40]::real[]::vector v FROM generate_series(1, 1000) x) t;
