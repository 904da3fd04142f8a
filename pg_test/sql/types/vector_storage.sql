-- How vectors are stored: with short headers, plain, compressed, out of line; every form is read the same.
SET client_min_messages = warning;
CREATE TABLE form (name text PRIMARY KEY, v vector);
-- by default out of line without compression
SELECT typstorage, typalign, typlen FROM pg_type WHERE oid = 'vector'::regtype;
SELECT attstorage FROM pg_attribute WHERE attrelid = 'form'::regclass AND attname = 'v';
INSERT INTO form (name, v) VALUES
    ('short', '[1,2,3]'),
    ('longest short', array_fill(0.5, ARRAY[29])),
    ('shortest plain', array_fill(0.5, ARRAY[30])),
    ('plain', array_fill(0.25, ARRAY[400])),
    ('out of line', array_fill(0.5, ARRAY[1536])),
    ('largest', array_fill(0.125, ARRAY[16000]));
ALTER TABLE form ALTER v SET STORAGE main;
INSERT INTO form (name, v) VALUES ('compressed', array_fill(0.75, ARRAY[1537]));
ALTER TABLE form ALTER v SET STORAGE extended;
INSERT INTO form (name, v) SELECT 'compressed out of line', array_agg(CASE WHEN i % 2 = 0 THEN 0.75 ELSE sin(i) END ORDER BY i)::vector FROM generate_series(1, 15000) i;
SELECT name, vector_dims(v) AS dims, pg_column_size(v) AS stored,
       pg_column_size(v) < 8 + 4 * vector_dims(v) AS smaller, pg_column_compression(v) IS NOT NULL AS compressed
FROM form WHERE name <> 'compressed out of line' ORDER BY dims, name;
SELECT name, pg_column_compression(v), pg_column_size(v) < 60008 AS smaller FROM form WHERE name LIKE 'compressed%' ORDER BY name;
SELECT pg_relation_size(reltoastrelid) > 60000 AS toasted FROM pg_class WHERE oid = 'form'::regclass;

-- all functions see the whole value
SELECT name, round(vector_norm(v)::numeric, 3) AS norm, v = v::text::vector AS text, v <-> v AS l2, round((v <=> v)::numeric, 6) AS cosine,
       vector_dims(v || '[1]'::vector) AS longer, v + v - v = v AS arithmetic, v::real[]::vector = v AS array, length(vector_send(v)) AS binary,
       length(binary_quantize(v)) AS bits, vector_cmp(v, v) AS cmp
FROM form WHERE name <> 'largest' ORDER BY vector_dims(v), name;
SELECT count(*) FROM form a JOIN form b ON a.v = b.v;
SELECT vector_dims(avg(v)), vector_dims(sum(v)) FROM form WHERE vector_dims(v) = 16000;
-- coercion returns its argument, whatever form that has
CREATE TABLE copy AS SELECT name, v::vector(1536) FROM form WHERE name = 'out of line';
SELECT v = (SELECT v FROM form WHERE name = 'out of line') FROM copy;
-- a vector in an array, in a record, in a variable
SELECT count(*) FROM (SELECT unnest(array_agg(v)) u FROM form) x JOIN form ON u = v;
DO $$
DECLARE x vector; y vector[];
BEGIN
    SELECT v INTO x FROM form WHERE name = 'compressed';
    y := ARRAY[x, x];
    UPDATE form SET v = x + x WHERE name = 'plain';
    IF y[1] <> x OR vector_dims(y[2]) <> 1537 OR (SELECT v <> x + y[1] FROM form WHERE name = 'plain') THEN
        RAISE 'variables differ';
    END IF;
END $$;
DELETE FROM form WHERE name = 'compressed out of line';
VACUUM form;
SELECT count(*), sum(vector_dims(v)) FROM form;
DROP TABLE form, copy;
