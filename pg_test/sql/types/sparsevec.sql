-- sparsevec: input and output, type modifier, binary form, storage

-- text in and out
SELECT '{1:0.5,3:2}/5'::sparsevec;
SELECT ' { 3 : 2 , +1 : .5 } / 5 '::sparsevec;
SELECT '{}/1'::sparsevec, '{ } / 1000000000'::sparsevec, '{1000000000:-1e-45}/1000000000'::sparsevec;
SELECT '{1:0x1p-3,2:3.4028235e38,3:16777217,4:1e3}/4'::sparsevec;
-- zeros are dropped, wherever they stand
SELECT '{1:0,2:-0,2:1,9:0.0,-3:0e9}/2'::sparsevec;

-- refused text
SELECT ''::sparsevec;
SELECT '[1,2,3]'::sparsevec;
SELECT '{1:1'::sparsevec;
SELECT '{1:1,}/2'::sparsevec;
SELECT '{1}/2'::sparsevec;
SELECT '{1.5:1}/2'::sparsevec;
SELECT '{1:a}/2'::sparsevec;
SELECT '{1:1}'::sparsevec;
SELECT '{1:1}/'::sparsevec;
SELECT '{1:1}/2 x'::sparsevec;

-- refused values
SELECT '{0:1}/5'::sparsevec;
SELECT '{6:1}/5'::sparsevec;
SELECT '{-1:1}/5'::sparsevec;
SELECT '{99999999999999999999:1}/5'::sparsevec;
SELECT '{3:1,1:1,3:2}/5'::sparsevec;
SELECT '{}/0'::sparsevec;
SELECT '{}/-1'::sparsevec;
SELECT '{}/1000000001'::sparsevec;
SELECT '{1:NaN}/5'::sparsevec;
SELECT '{1:-inf}/5'::sparsevec;
SELECT '{1:1e39}/5'::sparsevec;
SELECT '{1:1e-46}/5'::sparsevec;
SELECT ('{' || string_agg(i || ':1', ',') || '}/20000')::sparsevec FROM generate_series(1, 16001) i;

-- type modifier
CREATE TABLE bad (v sparsevec(0));
CREATE TABLE bad (v sparsevec(1000000001));
CREATE TABLE bad (v sparsevec(1, 2));
CREATE TABLE t (id int, v sparsevec(5), w sparsevec);
\d t
INSERT INTO t VALUES (1, '{1:0.5,3:2}/5', '{1:0.5,3:2}/5'), (2, '{}/5', '{7:-1}/7'), (3, NULL, NULL);
INSERT INTO t VALUES (4, '{1:1}/4', NULL);
INSERT INTO t VALUES (4, '{5:1}/4', NULL);
UPDATE t SET v = w;
UPDATE t SET v = w WHERE id = 1;
ALTER TABLE t ALTER w TYPE sparsevec(5);
SELECT '{1:1}/2'::sparsevec(2), sparsevec('{1:1}/2'::sparsevec, -1, true);
SELECT '{1:1}/2'::sparsevec(3);
SELECT ARRAY['{1:1,2:2}/2', NULL]::sparsevec[], '{"{1:1,2:2}/2"}'::sparsevec(2)[];

-- binary form
SELECT sparsevec_send('{1:0.5,3:2}/5'), sparsevec_send('{}/1000000000');
COPY t TO STDOUT;
\copy t TO 'results/sparsevec.copy' (FORMAT binary)
CREATE TABLE back (LIKE t);
\copy back FROM 'results/sparsevec.copy' (FORMAT binary)
SELECT * FROM back ORDER BY id;
CREATE TABLE narrow (id int, v sparsevec(4), w sparsevec);
\copy narrow FROM 'results/sparsevec.copy' (FORMAT binary)

-- stored out of line, and compressed
CREATE TABLE large AS
    SELECT n, ('{' || string_agg(i || ':' || i % 7 + 0.5, ',') || '}/1000000')::sparsevec AS v
    FROM unnest(ARRAY[1, 100, 16000]) n, generate_series(1, n) i GROUP BY n;
SELECT n, pg_column_size(v), length(v::text), md5(sparsevec_send(v)) FROM large ORDER BY n;
ALTER TABLE large ALTER v SET STORAGE extended;
UPDATE large SET v = v::text::sparsevec;
SELECT n, pg_column_size(v) < 12 + 8 * n AS smaller, length(v::text), md5(sparsevec_send(v)) FROM large ORDER BY n;
