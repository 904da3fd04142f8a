-- bit: Hamming and Jaccard distance
\set VERBOSITY terse
SELECT hamming_distance('111', '110'), B'111' <~> B'000', B'' <~> B'', B'1' <~> NULL;
SELECT jaccard_distance('1111', '1110'), B'1100' <%> B'0011', B'0' <%> B'0', B'' <%> B'', B'11' <%> B'11', B'1' <%> NULL;
SELECT hamming_distance('1', '10');
SELECT B'111111111' <~> B'00000000';
SELECT jaccard_distance('1', '');
SELECT B'1' <%> B'11';
-- every length around a byte and a word
SELECT bool_and(repeat('1', n)::varbit::bit(200) <~> repeat('0', n)::varbit::bit(200) = n) FROM generate_series(0, 200) n;
SELECT bool_and((repeat('1', n)::varbit)::bit(70) <%> (repeat('1', 2 * n)::varbit)::bit(70) = 0.5) FROM generate_series(1, 35) n;
-- the nearest of quantized vectors
CREATE TABLE t AS SELECT i, ARRAY[i % 2 - 0.5, i % 3 - 1, i % 5 - 2, 1]::vector v FROM generate_series(1, 12) i;
SELECT i, binary_quantize(v) AS bits, binary_quantize(v) <~> B'1111' AS hamming, binary_quantize(v::halfvec) <%> B'1111' AS jaccard
FROM t ORDER BY 3, 1 LIMIT 6;
DROP TABLE t;
-- stored compressed and out of line
CREATE TABLE t AS SELECT i, repeat('10', 1000 * i)::varbit::bit(100000) b FROM generate_series(1, 50, 7) i;
SELECT i, b <~> 0::bit(100000) AS hamming, b <%> repeat('10', 50000)::varbit::bit(100000) AS jaccard FROM t ORDER BY i;
DROP TABLE t;
