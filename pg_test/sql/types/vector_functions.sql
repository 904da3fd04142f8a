-- Distances, norms, parts and arithmetic, as functions and operators.
\set VERBOSITY terse
CREATE FUNCTION pg_temp.refused(statement text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN concat_ws(' | ', SQLSTATE, left(SQLERRM, 80));
END $$;

-- distances: l2, inner product, cosine, l1
SELECT l2_distance('[0,0]'::vector, '[3,4]'), l2_distance('[0,0]'::vector, '[0,1]'), l2_distance('[3e38]'::vector, '[-3e38]');
SELECT l2_distance('[1,1,1,1,1,1,1,1,1]'::vector, '[1,1,1,1,1,1,1,4,5]'), '[0,0]'::vector <-> '[3,4]';
SELECT inner_product('[1,2]'::vector, '[3,4]'), inner_product('[3e38]'::vector, '[3e38]'), '[1,2]'::vector <#> '[3,4]';
SELECT inner_product('[1,1,1,1,1,1,1,1,1]'::vector, '[1,2,3,4,5,6,7,8,9]'), vector_negative_inner_product('[1]', '[2]');
SELECT round(cosine_distance('[1,2]'::vector, '[2,4]')::numeric, 6), cosine_distance('[1,2]'::vector, '[0,0]'), cosine_distance('[1,1]'::vector, '[1,1]');
SELECT cosine_distance('[1,0]'::vector, '[0,2]'), cosine_distance('[1,1]'::vector, '[-1,-1]'), '[1,0]'::vector <=> '[0,1]';
SELECT cosine_distance('[3e38]'::vector, '[3e38]'), round(cosine_distance('[1,1]'::vector, '[1.1,1.1]')::numeric, 6);
SELECT l1_distance('[0,0]'::vector, '[3,4]'), l1_distance('[3e38]'::vector, '[-3e38]'), '[0,0]'::vector <+> '[3,-4]';
SELECT l1_distance('[1,2,3,4,5,6,7,8,9]'::vector, '[1,2,3,4,5,6,7,8,9]'), l1_distance('[1,2,3,4,5,6,7,8,9]'::vector, '[0,3,2,5,4,7,6,9,8]');
SELECT vector_l2_squared_distance('[0,0]', '[3,4]'), vector_spherical_distance('[1,0]', '[0,1]'),
       vector_spherical_distance('[1,0]', '[1,0]'), vector_spherical_distance('[1,0]', '[-1,0]'), vector_spherical_distance('[3]', '[3]');
SELECT f, pg_temp.refused(format('SELECT %s(''[1,2]''::vector, ''[3]''::vector)', f)) FROM unnest(ARRAY[
    'l2_distance', 'inner_product', 'cosine_distance', 'l1_distance', 'vector_l2_squared_distance',
    'vector_negative_inner_product', 'vector_spherical_distance', 'vector_add', 'vector_sub', 'vector_mul']) f;
SELECT o, pg_temp.refused(format('SELECT ''[1,2]''::vector %s ''[3]''::vector', o)) FROM unnest(ARRAY[
    '<->', '<#>', '<=>', '<+>', '+', '-', '*']) o;
SELECT l2_distance(NULL, '[1]'::vector), '[1]'::vector <-> NULL, vector_norm(NULL), '[1]'::vector + NULL;

-- norms
SELECT vector_norm('[3,4]'), vector_norm('[0,1]'), vector_norm('[0]'), vector_norm('[3e37,4e37]')::real, vector_norm('[3e38,4e37]')::real;
SELECT l2_normalize('[3,4]'::vector), l2_normalize('[3,0]'::vector), l2_normalize('[0,0.1]'::vector), l2_normalize('[0,0]'::vector), l2_normalize('[3e38]'::vector), l2_normalize('[1e-45]'::vector);

-- dimensions and parts
SELECT vector_dims('[1,2,3]'::vector), vector_dims('[1]'::vector);
SELECT subvector('[1,2,3,4,5]'::vector, 1, 3), subvector('[1,2,3,4,5]'::vector, 3, 2), subvector('[1,2,3,4,5]'::vector, -1, 3), subvector('[1,2,3,4,5]'::vector, 3, 9),
       subvector('[1,2,3,4,5]'::vector, 1, 2147483647), subvector('[1,2,3,4,5]'::vector, 5, 1), subvector('[1,2,3,4,5]'::vector, -2147483640, 2147483647);
SELECT start, count, pg_temp.refused(format('SELECT subvector(''[1,2,3,4,5]''::vector, %s, %s)', start, count)) FROM (VALUES
    (1, 0), (1, -1), (6, 1), (0, 1), (-1, 2), (-1, 0), (2147483647, 10), (-2147483648, 2147483647)) t(start, count);
SELECT '[1,2]'::vector || '[3]'::vector, vector_concat('[1]', '[2]');
SELECT vector_dims(a || a) FROM (SELECT array_fill(1, ARRAY[8000])::vector a) t;
SELECT pg_temp.refused('SELECT a || ''[1]'' FROM (SELECT array_fill(1, ARRAY[16000])::vector a) t');
SELECT binary_quantize('[1,0,-1]'::vector), binary_quantize('[0,0.1,-0.2,-0.3,0.4,0.5,0.6,-0.7,0.8,-0.9,1]'::vector), binary_quantize('[-0]'::vector), length(binary_quantize('[1,2,3,4,5,6,7,8]'::vector));

-- arithmetic
SELECT '[1,2,3]'::vector + '[4,5,6]', vector_add('[1]', '[2]'), '[1,2,3]'::vector - '[4,5,6]', vector_sub('[1]', '[2]'),
       '[1,2,3]'::vector * '[4,5,6]', vector_mul('[2]', '[3]'), '[0,1]'::vector * '[1e-45,0]';
SELECT e, pg_temp.refused('SELECT ' || e) FROM unnest(ARRAY[
    '''[3e38]''::vector + ''[3e38]''', '''[-3e38]''::vector - ''[3e38]''', '''[1e37]''::vector * ''[1e37]''', '''[1e-37]''::vector * ''[1e-37]''']) e;

-- binary output
SELECT vector_send('[1,-2]'), length(vector_send(array_fill(1, ARRAY[16000])::vector));
