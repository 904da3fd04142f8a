-- Making inverted indexes: the class, options, what is refused.
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT amname, amhandler, obj_description(a.oid, 'pg_am') FROM pg_am a WHERE amname = 'inverted';
SELECT opcname, opcdefault, opcintype::regtype FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'inverted';
SELECT opcname, amname FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE opcname = 'sparsevec_ip_ops' ORDER BY 2;
SELECT p, pg_indexam_has_property(a.oid, p) FROM pg_am a, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) p
WHERE amname = 'inverted';
SELECT oid::regclass FROM pg_opclass WHERE NOT amvalidate(oid) AND opcmethod = (SELECT oid FROM pg_am WHERE amname = 'inverted');

CREATE TABLE t (id int, v sparsevec(1000), w sparsevec, d vector(3));
INSERT INTO t SELECT i, format('{%s:1,%s:%s}/1000', 1 + i % 10, 11 + i % 90, i)::sparsevec, format('{%s:1}/7', 1 + i % 7)::sparsevec
FROM generate_series(1, 500) i;
-- with rows, and written out to a table that is empty
CREATE TABLE empty (LIKE t);
CREATE INDEX t_v ON t USING inverted (v);
CREATE INDEX empty_v ON empty USING inverted (v sparsevec_ip_ops);
SELECT c.relname, pg_get_indexdef(c.oid), s.rows, s.dead, s.terms, s.postings, (SELECT count(*) FROM inverted_check(c.oid)) AS findings
FROM pg_class c JOIN pg_am a ON a.oid = relam AND amname = 'inverted', LATERAL inverted_stats(c.oid) s ORDER BY 1;
INSERT INTO empty SELECT * FROM t LIMIT 100;
SELECT count(*) FROM inverted_check('empty_v');
VACUUM empty;
SELECT rows, dead, pending_pages, terms, postings FROM inverted_stats('empty_v');
SELECT count(*) FROM inverted_check('empty_v');
DROP TABLE empty;

-- options
CREATE INDEX a1 ON t USING inverted (v) WITH (pending_list_limit = 64);
CREATE INDEX a2 ON t USING inverted (v) WITH (pending_list_limit = 2147483647);
SELECT relname, reloptions, (SELECT count(*) FROM inverted_check(oid)) AS findings FROM pg_class WHERE relname IN ('a1', 'a2') ORDER BY 1;
CREATE INDEX ON t USING inverted (v) WITH (pending_list_limit = 63);
CREATE INDEX ON t USING inverted (v) WITH (pending_list_limit = 2147483648);
CREATE INDEX ON t USING inverted (v) WITH (pending_list_limit = many);
CREATE INDEX ON t USING inverted (v) WITH (m = 16);
CREATE INDEX ON t USING inverted (v) WITH (fastupdate = off);
ALTER INDEX a1 SET (pending_list_limit = 1);
ALTER INDEX a1 SET (pending_list_limit = 128);
INSERT INTO t VALUES (501, '{1:1}/1000');
ALTER INDEX a1 RESET (pending_list_limit);
INSERT INTO t VALUES (502, '{1:1}/1000');
REINDEX INDEX a1;
SELECT rows FROM inverted_stats('a1');

-- no dimensions, and rows of others than the expression's
CREATE INDEX ON t USING inverted (w);
CREATE INDEX ON t USING inverted ((w::sparsevec));
CREATE INDEX ON t USING inverted ((w::sparsevec(8)));
CREATE INDEX w7 ON t USING inverted ((w::sparsevec(7)));
INSERT INTO t (id, w) VALUES (1000, '{1:1}/8');
DROP INDEX w7;
-- as many as the type has
CREATE TABLE wide (v sparsevec(1000000000));
INSERT INTO wide VALUES ('{1:1,1000000000:2}/1000000000'), ('{}/1000000000');
CREATE INDEX wide_v ON wide USING inverted (v);
INSERT INTO wide VALUES ('{999999999:1,1000000000:3}/1000000000');
SELECT v, v <#> '{1000000000:1}/1000000000' FROM wide ORDER BY 2;
SELECT count(*) FROM inverted_check('wide_v');
-- a vector of all elements that one may have
CREATE TABLE long (id int, v sparsevec(20000));
INSERT INTO long SELECT 1, ('{' || string_agg(format('%s:%s', i, i % 7 + 1), ',') || '}/20000')::sparsevec FROM generate_series(1, 16000) i;
CREATE INDEX long_v ON long USING inverted (v);
INSERT INTO long SELECT id + i, v FROM long, generate_series(1, 3) i;
SELECT count(*) FROM inverted_check('long_v');
SET enable_seqscan = off;
SELECT id, v <#> '{16000:2,20000:1}/20000' FROM long ORDER BY 2, 1;
VACUUM long;
SELECT rows, pending_pages, terms, postings FROM inverted_stats('long_v');
SELECT id, v <#> '{16000:2,20000:1}/20000' FROM long ORDER BY 2, 1;
RESET enable_seqscan;

-- what it is not for
CREATE INDEX ON t USING inverted (d);
CREATE INDEX ON t USING inverted (id);
CREATE INDEX ON t USING inverted (v sparsevec_l2_ops);
CREATE INDEX ON t USING inverted (v, id);
CREATE INDEX ON t USING inverted (id, id);
CREATE INDEX ON t USING inverted (id, v, v);
CREATE INDEX ON t USING inverted (d, v);
CREATE UNIQUE INDEX ON t USING inverted (v);
CREATE INDEX ON t USING inverted (v) INCLUDE (id);
CREATE INDEX ON t USING inverted (v DESC);
CREATE INDEX ON t USING inverted (v NULLS FIRST);
CLUSTER t USING a1;
-- somebody's own class
CREATE OPERATOR CLASS own FOR TYPE sparsevec USING inverted AS
    OPERATOR 1 <-> (sparsevec, sparsevec) FOR ORDER BY float_ops, FUNCTION 1 sparsevec_l2_squared_distance(sparsevec, sparsevec);
CREATE INDEX ON t USING inverted (v own);
CREATE OPERATOR CLASS nothing FOR TYPE sparsevec USING inverted AS OPERATOR 1 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops;
CREATE INDEX ON t USING inverted (v nothing);
CREATE OPERATOR CLASS odd FOR TYPE sparsevec USING inverted AS
    OPERATOR 1 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops, FUNCTION 2 l2_norm(sparsevec);
CREATE INDEX ON t USING inverted (v odd);
CREATE OPERATOR CLASS same FOR TYPE sparsevec USING inverted AS
    OPERATOR 1 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops, FUNCTION 1 sparsevec_negative_inner_product(sparsevec, sparsevec);
CREATE INDEX same_v ON t USING inverted (v same);
SELECT rows FROM inverted_stats('same_v');

-- concurrently, unlogged, temporary, partitioned
CREATE INDEX CONCURRENTLY later ON t USING inverted (v);
REINDEX INDEX CONCURRENTLY later;
SELECT rows, (SELECT count(*) FROM inverted_check('later')) AS findings FROM inverted_stats('later');
CREATE UNLOGGED TABLE u AS SELECT id, v FROM t;
CREATE INDEX u_v ON u USING inverted (v);
CREATE TEMP TABLE mine AS SELECT id, v FROM t;
CREATE INDEX mine_v ON mine USING inverted (v);
INSERT INTO u VALUES (1, '{1:1}/1000');
INSERT INTO mine VALUES (1, '{1:1}/1000');
VACUUM u, mine;
SELECT rows FROM inverted_stats('u_v') UNION ALL SELECT rows FROM inverted_stats('mine_v');
CREATE TABLE parts (id int, v sparsevec(1000)) PARTITION BY HASH (id);
CREATE TABLE part_0 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE part_1 PARTITION OF parts FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX parts_v ON parts USING inverted (v);
INSERT INTO parts SELECT id, v FROM t WHERE id <= 500;
SET enable_seqscan = off;
SET enable_sort = off;
SELECT id, v <#> '{5:10,20:1}/1000' FROM parts ORDER BY 2 LIMIT 3;
SELECT inverted_stats('parts_v');
DROP TABLE parts, u, mine, wide, long;
-- within one transaction, with what is undone
BEGIN;
CREATE TABLE fresh (id int, v sparsevec(10));
CREATE INDEX fresh_v ON fresh USING inverted (v);
INSERT INTO fresh VALUES (1, '{1:1}/10'), (2, '{1:2}/10');
SAVEPOINT s;
INSERT INTO fresh VALUES (3, '{1:3}/10');
ROLLBACK TO s;
SELECT id FROM fresh ORDER BY v <#> '{1:1}/10';
TRUNCATE fresh;
INSERT INTO fresh VALUES (4, '{1:1}/10');
SELECT id FROM fresh ORDER BY v <#> '{1:1}/10';
COMMIT;
SELECT rows, pending_pages FROM inverted_stats('fresh_v');
DROP OPERATOR CLASS own USING inverted;
DROP OPERATOR CLASS nothing USING inverted;
