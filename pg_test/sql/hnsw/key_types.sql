-- Leading columns of many types: equal is what the type calls equal.
\set VERBOSITY terse
\pset tuples_only on
SET enable_seqscan = off;
SET datestyle = 'ISO';
SET timezone = 'UTC';
CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN tenant AS varchar(20) CHECK (value <> '');
CREATE TABLE t (id int, d date, ts timestamp, tz timestamptz, ti time, n numeric, b char(8), bp bpchar, c "char", o oid, r regclass, e mood, y bytea, na name, dom tenant, ip inet, ci cidr, v vector(2));
INSERT INTO t SELECT i, date '2026-01-01' + k, timestamp '2026-01-01' + k * interval '1 hour', timestamptz '2026-01-01' + k * interval '1 hour', time '10:00' + k * interval '1 second',
    k * 1.5, 'k' || k, rpad('k' || k, 3 + i % 5), chr(97 + k)::"char", 100000 + k, (ARRAY['pg_class', 'pg_type', 'pg_proc', 'pg_am', 'pg_index']::regclass[])[k + 1],
    (ARRAY['sad', 'ok', 'happy', 'sad', NULL]::mood[])[k + 1], decode(repeat('0' || k, k), 'hex'), 'k' || k, 'k' || k, ('10.0.0.' || k)::inet, ('10.0.' || k || '.0/24')::cidr, ARRAY[i, k]
FROM generate_series(1, 100) i, LATERAL (SELECT i % 5 AS k) k;
CREATE FUNCTION answer(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE line text; plan text = ''; a text; b text;
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS off) ' || query LOOP plan = plan || line; END LOOP;
    EXECUTE 'SELECT string_agg(id::text, '' '') FROM (' || query || ') s' INTO a;
    SET LOCAL enable_indexscan = off; SET LOCAL enable_seqscan = on;
    EXECUTE 'SELECT string_agg(id::text, '' '') FROM (' || query || ') s' INTO b;
    SET LOCAL enable_indexscan = on; SET LOCAL enable_seqscan = off;
    RETURN coalesce(a, 'none') || CASE WHEN a IS NOT DISTINCT FROM b THEN '' ELSE ' instead of ' || b END || CASE WHEN plan ~ 'Index Cond' THEN '' ELSE ' without the index: ' || plan END;
END $$;
DO $$ DECLARE col text; BEGIN
    FOREACH col IN ARRAY '{d,ts,tz,ti,n,b,bp,c,o,r,e,y,na,dom,ip,ci}'::text[] LOOP
        EXECUTE format('CREATE INDEX t_%s ON t USING hnsw (%s, v vector_l2_ops)', col, col);
    END LOOP;
END $$;
SELECT c.relname, string_agg(s.key || ': ' || s.tuples, ', ' ORDER BY s.key COLLATE "C") FROM pg_class c, LATERAL hnsw_stats(c.oid) s WHERE relname LIKE 't\__' OR relname LIKE 't\___' OR relname = 't_dom' GROUP BY c.relname ORDER BY c.relname;
SELECT c.relname, k.* FROM pg_class c, LATERAL hnsw_check(c.oid) k WHERE relname LIKE 't\_%';
SELECT w, answer('SELECT id FROM t WHERE ' || w || ' ORDER BY v <-> ''[49.6,2]'' LIMIT 3') FROM unnest(ARRAY[
    $$d = '2026-01-03'$$, $$ts = '2026-01-01 03:00'$$, $$tz = '2026-01-01 04:00+01'$$, $$ti = '10:00:01'$$,
    $$n = 3$$, $$n = 3.000$$, $$n = 0$$, $$n = -0.0$$, $$n = 1.5$$, $$n = 15e-1$$, $$n = 2$$, $$n = 'NaN'$$,
    $$b = 'k1'$$, $$b = 'k1     '$$, $$b = 'k1'::char(3)$$, $$b = ' k1'$$, $$bp = 'k1'$$, $$bp = 'k1         '$$,
    $$c = 'b'$$, $$o = 100001$$, $$r = 'pg_am'::regclass$$, $$e = 'sad'$$, $$e = 'ok'$$, $$y = '\x0101'$$, $$y = '\x01'$$, $$y = ''$$,
    $$na = 'k3'$$, $$dom = 'k3'$$, $$dom = 'k3 '$$, $$ip = '10.0.0.2'$$, $$ip = '10.0.0.2/24'$$, $$ci = '10.0.2.0/24'$$]) w;
-- forms of a number
INSERT INTO t (id, n, bp, v) VALUES (200, 3.0000, 'k1', '[49.6,2]'), (201, 3, 'k1   ', '[49.7,2]'), (202, 'NaN', '', '[1,1]'), (203, 'Infinity', '  ', '[0.9,1]'), (204, 1e300, 'x', '[1,1]'), (205, 1e300 + 0.0, 'x ', '[0.9,1]'), (206, 1e-300, NULL, '[1,1]');
SELECT w, answer('SELECT id FROM t WHERE ' || w || ' ORDER BY v <-> ''[49.6,2]'' LIMIT 3') FROM unnest(ARRAY[
    $$n = 3$$, $$n = 3.0$$, $$n = 'NaN'$$, $$n = 'Infinity'$$, $$n = '-Infinity'$$, $$n = 1e300$$, $$n = 1e-300$$, $$bp = 'k1'$$, $$bp = ''$$, $$bp = '   '$$, $$bp = 'x'$$]) w;
SELECT s.key, s.tuples FROM hnsw_stats('t_n') s WHERE length(s.key) < 20 ORDER BY s.key COLLATE "C";
-- another type's value does not fit, or is taken as the column's
SELECT answer($$SELECT id FROM t WHERE n = 3::int ORDER BY v <-> '[49.6,2]' LIMIT 3$$);
SELECT id FROM t WHERE d = timestamp '2026-01-03' ORDER BY v <-> '[1,1]' LIMIT 1;

-- long keys are their hashes
CREATE TABLE long (id int, k text, y bytea, v vector(1));
INSERT INTO long SELECT i, repeat(chr(97 + i % 3), 900 + i % 2 * 200), decode(repeat('ab', 5000 + i % 4), 'hex'), ARRAY[i] FROM generate_series(1, 60) i;
CREATE INDEX long_k ON long USING hnsw (k, v vector_l2_ops);
CREATE INDEX long_ky ON long USING hnsw (k, y, v vector_l2_ops);
CREATE INDEX long_kk ON long USING hnsw (k, (k || ''), v vector_l2_ops);
INSERT INTO long SELECT 100 + i, repeat(chr(97 + i % 4), 900 + i % 2 * 200), decode(repeat('ab', 5000 + i % 4), 'hex'), ARRAY[i + 0.5] FROM generate_series(1, 8) i;
INSERT INTO long VALUES (200, repeat('x', 100000), '', '[1]'), (201, repeat('x', 99999) || 'y', '', '[1]'), (202, repeat('ü', 500), '', '[2]'), (203, repeat('ü', 501), '', '[2]');
SELECT left(key, 10), length(key), tuples FROM hnsw_stats('long_k') ORDER BY key COLLATE "C";
SELECT count(*), sum(tuples) FROM hnsw_stats('long_ky');
SELECT count(*), sum(tuples), max(length(key)) FROM hnsw_stats('long_kk');
SELECT w, answer('SELECT id FROM long WHERE ' || w || ' ORDER BY v <-> ''[5.6]'' LIMIT 3') FROM unnest(ARRAY[
    $$k = repeat('a', 900)$$, $$k = repeat('a', 1100)$$, $$k = repeat('b', 1100)$$, $$k = repeat('a', 1101)$$, $$k = repeat('x', 100000)$$, $$k = repeat('ü', 500)$$, $$k = repeat('ü', 501)$$,
    $$k = repeat('a', 900) AND y = decode(repeat('ab', 5002), 'hex')$$, $$k = repeat('b', 1100) AND y = decode(repeat('ab', 5001), 'hex')$$, $$k = repeat('d', 1100) AND k || '' = repeat('d', 1100)$$]) w;
DELETE FROM long WHERE id % 2 = 0;
VACUUM long;
SELECT * FROM hnsw_check('long_k') UNION ALL SELECT * FROM hnsw_check('long_ky');
SELECT answer($$SELECT id FROM long WHERE k = repeat('a', 1100) ORDER BY v <-> '[5.6]' LIMIT 3$$);

-- what cannot be a key: no equality that the bytes decide
\set VERBOSITY default
CREATE TABLE bad (r real, f float8, j jsonb, a int[], p point, iv interval, x xml, v vector(2));
CREATE INDEX ON bad USING hnsw (r, v vector_l2_ops);
CREATE INDEX ON bad USING hnsw (iv, v vector_l2_ops);
CREATE INDEX ON bad USING hnsw (x, v vector_l2_ops);
CREATE OPERATOR CLASS float8_ops FOR TYPE float8 USING hnsw AS OPERATOR 1 = (float8, float8);
CREATE INDEX ON bad USING hnsw (f float8_ops, v vector_l2_ops);
CREATE OPERATOR CLASS loose_ops FOR TYPE text USING hnsw AS OPERATOR 1 ~~* (text, text);
CREATE INDEX ON bad USING hnsw ((j::text) loose_ops, v vector_l2_ops);
-- a class of one's own, for another type: macaddr's bytes are its value
CREATE OPERATOR CLASS macaddr_ops DEFAULT FOR TYPE macaddr USING hnsw AS OPERATOR 1 = (macaddr, macaddr);
ALTER TABLE t ADD m macaddr;
UPDATE t SET m = ('08:00:2b:01:02:0' || id % 5)::macaddr;
CREATE INDEX t_m ON t USING hnsw (m, v vector_l2_ops);
\set VERBOSITY terse
SELECT answer($$SELECT id FROM t WHERE m = '08-00-2b-01-02-03' ORDER BY v <-> '[49.6,2]' LIMIT 3$$);
-- a type that is taken for text, with an equality of its own, as citext
SET client_min_messages = warning;
CREATE TYPE folded;
CREATE FUNCTION folded_in(cstring) RETURNS folded AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION folded_out(folded) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE folded (INPUT = folded_in, OUTPUT = folded_out, INTERNALLENGTH = VARIABLE, STORAGE = extended, COLLATABLE = true, CATEGORY = 'S');
CREATE CAST (folded AS text) WITHOUT FUNCTION AS IMPLICIT;
CREATE FUNCTION folded_eq(folded, folded) RETURNS bool AS 'SELECT lower($1::text) = lower($2::text)' LANGUAGE sql IMMUTABLE STRICT;
CREATE FUNCTION folded_hash(folded) RETURNS int AS 'SELECT hashtext(lower($1::text))' LANGUAGE sql IMMUTABLE STRICT;
CREATE OPERATOR = (LEFTARG = folded, RIGHTARG = folded, FUNCTION = folded_eq, COMMUTATOR = =, HASHES);
CREATE OPERATOR CLASS folded_ops DEFAULT FOR TYPE folded USING hash AS OPERATOR 1 = (folded, folded), FUNCTION 1 folded_hash(folded);
RESET client_min_messages;
CREATE TABLE fold (id int, k folded, v vector(1));
INSERT INTO fold VALUES (1, 'a', '[1]'), (2, 'A', '[2]'), (3, 'b', '[3]');
\set VERBOSITY default
CREATE INDEX ON fold USING hnsw (k, v vector_l2_ops);
\set VERBOSITY terse
CREATE INDEX ON fold USING hnsw (lower(k::text), v vector_l2_ops);
SELECT answer($$SELECT id FROM fold WHERE lower(k::text) = 'a' ORDER BY v <-> '[4]' LIMIT 3$$);
CREATE INDEX ON fold USING hnsw ((k::text), v vector_l2_ops);
SELECT answer($$SELECT id FROM fold WHERE k::text = 'A' ORDER BY v <-> '[4]' LIMIT 3$$);
