-- Dimensions of what is indexed: of a column, of a domain, of an expression.
\set VERBOSITY terse
SET client_min_messages = warning;
SET enable_seqscan = off;
CREATE DOMAIN three AS vector(3);
CREATE DOMAIN unit AS three CHECK (vector_norm(VALUE) > 0);
CREATE DOMAIN half AS halfvec(3);
CREATE DOMAIN flags AS bit(3);
CREATE DOMAIN sparse AS sparsevec(3);
CREATE DOMAIN loose AS vector;
CREATE DOMAIN many AS varbit(3);
CREATE TABLE t (id int, t three, u unit, h half, b flags, s sparse, l loose, m many, v vector, n vector(3), a real[], vs vector(3)[]);
INSERT INTO t SELECT i, w, w, w, (i % 8)::bit(3), w, w, (i % 8)::bit(3), w, w, w, ARRAY[w::vector(3)]
FROM (SELECT i, ARRAY[i, i % 7, 1]::vector AS w FROM generate_series(1, 200) i) s;

-- each is made by both methods, as far as they have the class, and used; the plan's order, and the nearest
CREATE FUNCTION used(method name, expression text, class text, query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text; nearest int[]; o text := CASE WHEN class ~ 'bit' THEN '<~>' ELSE '<->' END;
BEGIN
    EXECUTE format('CREATE INDEX i ON t USING %s ((%s) %s)', method, expression, class);
    FOR line IN EXECUTE format('EXPLAIN (COSTS off) SELECT id FROM t ORDER BY (%s) %s %s LIMIT 2', expression, o, query) LOOP
        plan := coalesce(plan || ' ', '') || trim(line);
    END LOOP;
    EXECUTE format('SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM t ORDER BY (%s) %s %s LIMIT 1) s', expression, o, query) INTO nearest;
    DROP INDEX i;
    RETURN CASE WHEN plan ~ 'Index Scan using i' THEN 'used ' ELSE plan END || nearest::text;
EXCEPTION WHEN OTHERS THEN RETURN sqlstate || ' ' || sqlerrm;
END $$;
SELECT expression, class, used('hnsw', expression, class, query) AS hnsw, CASE WHEN class !~ 'sparse' THEN used('ivfflat', expression, class, query) END AS ivfflat
FROM (VALUES
    ('t', 'vector_l2_ops', '''[12,5,1]'''), ('u', 'vector_l2_ops', '''[12,5,1]'''), ('h', 'halfvec_l2_ops', '''[12,5,1]'''),
    ('s', 'sparsevec_l2_ops', '''{1:12,2:5,3:1}/3'''), ('l', 'vector_l2_ops', '''[12,5,1]'''), ('m', 'bit_hamming_ops', 'B''111'''),
    ('t::vector', 'vector_l2_ops', '''[12,5,1]'''), ('u::three', 'vector_l2_ops', '''[12,5,1]'''), ('v::three', 'vector_l2_ops', '''[12,5,1]'''),
    ('v::unit', 'vector_l2_ops', '''[12,5,1]'''), ('l::vector(3)', 'vector_l2_ops', '''[12,5,1]'''), ('t::halfvec(3)', 'halfvec_l2_ops', '''[12,5,1]'''),
    ('l::halfvec(3)', 'halfvec_l2_ops', '''[12,5,1]'''), ('t::halfvec', 'halfvec_l2_ops', '''[12,5,1]'''), ('(v::vector(3))::vector', 'vector_l2_ops', '''[12,5,1]'''),
    ('a::vector(3)', 'vector_l2_ops', '''[12,5,1]'''), ('(v + v)::vector(3)', 'vector_l2_ops', '''[24,10,2]'''), ('vs[1]', 'vector_l2_ops', '''[12,5,1]'''),
    ('v::sparsevec(3)', 'sparsevec_l2_ops', '''{1:12,2:5,3:1}/3'''), ('v', 'vector_l2_ops', '''[12,5,1]'''), ('v + v', 'vector_l2_ops', '''[24,10,2]'''),
    ('CASE WHEN vector_dims(v) = 3 THEN v::vector(3) END', 'vector_l2_ops', '''[12,5,1]'''),
    ('CASE WHEN id < 100 THEN n WHEN id < 150 THEN t END', 'vector_l2_ops', '''[12,5,1]'''),
    ('CASE WHEN id < 100 THEN n ELSE v END', 'vector_l2_ops', '''[12,5,1]'''), ('CASE WHEN id < 100 THEN n ELSE v::vector(2) END', 'vector_l2_ops', '''[12,5,1]'''),
    ('coalesce(n, ''[0,0,0]'')', 'vector_l2_ops', '''[12,5,1]'''), ('coalesce(t, u)', 'vector_l2_ops', '''[12,5,1]'''), ('coalesce(n, ''[0,0]'')', 'vector_l2_ops', '''[12,5,1]'''),
    ('nullif(n, ''[0,0,0]'')', 'vector_l2_ops', '''[12,5,1]'''), ('m::bit(3)', 'bit_hamming_ops', 'B''1110''::bit(3)'), ('m::flags', 'bit_hamming_ops', 'B''1110''::bit(3)'),
    ('coalesce(b, B''000'')', 'bit_hamming_ops', 'B''1110''::bit(3)'), ('m::bit', 'bit_hamming_ops', 'B''1''')) c(expression, class, query);

-- a domain of bits: many rows are as near as each other
CREATE INDEX ON t USING hnsw (b bit_hamming_ops);
EXPLAIN (COSTS off) SELECT b FROM t ORDER BY b <~> B'101' LIMIT 1;
SELECT b FROM t ORDER BY b <~> B'101' LIMIT 1;

-- later rows
CREATE INDEX ON t USING hnsw (u vector_cosine_ops);
CREATE INDEX ON t USING hnsw ((CASE WHEN id <> 7 THEN coalesce(n, '[0,0,9]') END) vector_l2_ops);
INSERT INTO t (id, u) VALUES (500, '[0,1,0]');
INSERT INTO t (id, u) VALUES (501, '[0,1]');
INSERT INTO t (id, u) VALUES (501, '[0,0,0]');
UPDATE t SET n = NULL WHERE id IN (7, 8);
SELECT id FROM t ORDER BY u <=> '[0,2,0]' LIMIT 1;
SELECT id FROM t WHERE id < 500 ORDER BY (CASE WHEN id <> 7 THEN coalesce(n, '[0,0,9]') END) <-> '[0,0,8]' LIMIT 1;
SELECT id FROM t ORDER BY u <=> '[0,2]' LIMIT 1;
REINDEX TABLE t;
SELECT id FROM t ORDER BY u <=> '[0,2,0]' LIMIT 1;

-- the order of dimensions in a message is pgvector's: the query with rows, if there are any, or lists with the query
CREATE TABLE e (v vector(3));
CREATE INDEX i ON e USING hnsw (v vector_l2_ops);
SELECT * FROM e ORDER BY v <-> '[1,2]';
INSERT INTO e VALUES ('[1,2,3]');
SELECT * FROM e ORDER BY v <-> '[1,2]';
SELECT * FROM e ORDER BY '[1,2]' <-> v;
DROP INDEX i;
TRUNCATE e;
CREATE INDEX i ON e USING ivfflat (v);
SELECT * FROM e ORDER BY v <-> '[1,2]';
INSERT INTO e VALUES ('[1,2,3]');
SELECT * FROM e ORDER BY '[1,2]' <-> v;
