-- Making hnsw indexes: classes, options, what is refused.
\set VERBOSITY default
\set SHOW_CONTEXT never
CREATE TABLE t (id int, v vector(3), h halfvec(3), w vector, x halfvec);
INSERT INTO t SELECT i, ARRAY[i, 1, i % 7], ARRAY[i, 1, i % 7], ARRAY[i, 1, i % 7], ARRAY[i, 1, i % 7] FROM generate_series(1, 300) i;

-- every class, also written out to a table that is empty
CREATE TABLE empty (LIKE t);
DO $$
DECLARE kind text; metric text; tab text;
BEGIN
    FOREACH tab IN ARRAY ARRAY['t', 'empty'] LOOP
        FOREACH kind IN ARRAY ARRAY['vector', 'halfvec'] LOOP
            FOREACH metric IN ARRAY ARRAY['l2', 'ip', 'cosine'] LOOP
                EXECUTE format('CREATE INDEX %1$s_%2$s_%3$s ON %1$s USING hnsw (%4$s %2$s_%3$s_ops)', tab, kind, metric, left(kind, 1));
            END LOOP;
        END LOOP;
    END LOOP;
END $$;
SELECT c.relname, pg_get_indexdef(c.oid), s.nodes, s.dead, s.tuples, (SELECT count(*) FROM hnsw_check(c.oid)) AS findings
FROM pg_class c JOIN pg_am a ON a.oid = relam AND amname = 'hnsw' LEFT JOIN LATERAL hnsw_stats(c.oid) s ON true ORDER BY 1;
INSERT INTO empty TABLE t LIMIT 100;
SELECT c.relname, s.nodes, s.tuples, (SELECT count(*) FROM hnsw_check(c.oid)) AS findings
FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid, LATERAL hnsw_stats(c.oid) s WHERE indrelid = 'empty'::regclass ORDER BY 1;
DROP TABLE empty;
SELECT amname, opcname, opcdefault, opcintype::regtype FROM pg_opclass JOIN pg_am a ON a.oid = opcmethod WHERE amname = 'hnsw' ORDER BY 2;

-- options
CREATE INDEX a1 ON t USING hnsw (v vector_l2_ops) WITH (m = 2, ef_construction = 4);
CREATE INDEX a2 ON t USING hnsw (v vector_l2_ops) WITH (m = 100, ef_construction = 1000);
SELECT relname, reloptions, (SELECT count(*) FROM hnsw_check(oid)) AS findings FROM pg_class WHERE relname IN ('a1', 'a2') ORDER BY 1;
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 1);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 101);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 3);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (ef_construction = 1001);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 16, ef_construction = 31);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = 40);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (lists = 100);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) WITH (m = many);
-- they hold from the next REINDEX on
ALTER INDEX a1 SET (ef_construction = 3);
ALTER INDEX a1 SET (m = 50);
INSERT INTO t VALUES (0, '[0,1,0]');
REINDEX INDEX a1;
ALTER INDEX a1 SET (ef_construction = 100);
REINDEX INDEX a1;
ALTER INDEX a1 RESET (m, ef_construction);
REINDEX INDEX a1;
SELECT nodes, dead, tuples FROM hnsw_stats('a1');

-- no dimensions, and too many
CREATE INDEX ON t USING hnsw (w vector_l2_ops);
CREATE INDEX ON t USING hnsw (x halfvec_ip_ops);
CREATE INDEX ON t USING hnsw ((w::halfvec) halfvec_cosine_ops);
CREATE TABLE wide (v vector(16001));
CREATE INDEX ON t USING hnsw ((w::vector(16001)) vector_l2_ops);
-- rows of other dimensions than the expression's
CREATE INDEX ON t USING hnsw ((w::vector(4)) vector_l2_ops);
CREATE INDEX w3 ON t USING hnsw ((w::vector(3)) vector_l2_ops) WHERE vector_dims(w) = 3;
CREATE INDEX x3 ON t USING hnsw ((x::halfvec(3)) halfvec_l2_ops) WHERE vector_dims(x) = 3;
INSERT INTO t (id, w, x) VALUES (1000, '[1,2]', '[1,2,3,4]');
DROP INDEX w3;
CREATE INDEX w3 ON t USING hnsw ((w::vector(3)) vector_l2_ops);
DELETE FROM t WHERE id = 1000;

-- what it is not for
CREATE INDEX ON t USING hnsw (v);
CREATE INDEX ON t USING hnsw (id);
CREATE INDEX ON t USING hnsw (v halfvec_l2_ops);
CREATE INDEX ON t USING hnsw (v vector_ops);
CREATE UNIQUE INDEX ON t USING hnsw (v vector_l2_ops);
CREATE INDEX ON t USING hnsw (v vector_l2_ops) INCLUDE (id);
CREATE INDEX ON t USING hnsw (v vector_l2_ops DESC);
CREATE INDEX ON t USING hnsw (v vector_l2_ops NULLS FIRST);
CLUSTER t USING a1;
-- somebody's own class
CREATE OPERATOR CLASS own FOR TYPE vector USING hnsw AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 l1_distance(vector, vector);
CREATE INDEX ON t USING hnsw (v own);
CREATE OPERATOR CLASS odd FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops, FUNCTION 1 vector_spherical_distance(vector, vector);
CREATE INDEX ON t USING hnsw (v odd);
CREATE OPERATOR CLASS none FOR TYPE vector USING hnsw AS OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops;
CREATE INDEX ON t USING hnsw (v none);

-- rows that are not there: null, and zero under the cosine
CREATE TABLE n (id int, v vector(2), h halfvec(2));
INSERT INTO n VALUES (1, NULL, NULL), (2, '[0,0]', '[0,0]'), (3, '[1,2]', '[1,2]');
CREATE INDEX n_vl ON n USING hnsw (v vector_l2_ops);
CREATE INDEX n_vi ON n USING hnsw (v vector_ip_ops);
CREATE INDEX n_vc ON n USING hnsw (v vector_cosine_ops);
CREATE INDEX n_hc ON n USING hnsw (h halfvec_cosine_ops);
INSERT INTO n VALUES (4, NULL, NULL), (5, '[0,0]', '[0,0]'), (6, '[-0,0]', '[0,-0]'), (7, '[1,1]', '[1,1]');
SELECT c.relname, s.nodes, s.tuples FROM pg_class c, LATERAL hnsw_stats(c.oid) s WHERE relname IN ('n_vl', 'n_vi', 'n_vc', 'n_hc') ORDER BY 1;
CREATE TABLE nothing (v vector(2));
INSERT INTO nothing VALUES (NULL);
CREATE INDEX nothing_v ON nothing USING hnsw (v vector_cosine_ops);
SELECT * FROM hnsw_stats('nothing_v');
SELECT * FROM hnsw_check('nothing_v');

-- what is in a cosine index is the direction, down to the smallest and the largest numbers
CREATE TABLE extreme (id int, v vector(3));
INSERT INTO extreme VALUES (1, '[1e-45,0,0]'), (2, '[3e38,3e38,3e38]'), (3, '[1e-38,-1e-38,0]'), (4, '[1,0,1e-20]'), (5, '[-3e38,0,1]');
CREATE INDEX extreme_c ON extreme USING hnsw (v vector_cosine_ops);
CREATE INDEX extreme_l ON extreme USING hnsw (v vector_l2_ops);
CREATE INDEX extreme_i ON extreme USING hnsw (v vector_ip_ops);
SELECT c.relname, s.nodes, s.tuples, (SELECT count(*) FROM hnsw_check(c.oid)) FROM pg_class c, LATERAL hnsw_stats(c.oid) s WHERE relname LIKE 'extreme\__' ORDER BY 1;

-- dimensions from one to the maximum, with node records of several pages
CREATE TABLE dims (dim int PRIMARY KEY, rows bigint, found int[], findings bigint);
DO $$
DECLARE d int; kind text;
BEGIN
    FOREACH d IN ARRAY ARRAY[1, 2, 64, 65, 2000, 7777, 16000] LOOP
        FOREACH kind IN ARRAY ARRAY['vector', 'halfvec'] LOOP
            EXECUTE format('CREATE TABLE d%s (id int, v %s(%s))', d, kind, d);
            EXECUTE format('INSERT INTO d%s SELECT i, array_agg(sin(i * j)) FROM generate_series(1, 8) i, generate_series(1, %1$s) j GROUP BY i', d);
            EXECUTE format('CREATE INDEX d%s_v ON d%1$s USING hnsw (v %s_l2_ops)', d, kind);
            EXECUTE format('INSERT INTO d%s SELECT i, array_agg(sin(i * j)) FROM generate_series(9, 11) i, generate_series(1, %1$s) j GROUP BY i', d);
            EXECUTE format('DELETE FROM d%s WHERE id %% 5 = 0', d);
            SET LOCAL enable_seqscan = off;
            EXECUTE format('INSERT INTO dims SELECT %s, count(*), array_agg(id ORDER BY n), (SELECT count(*) FROM hnsw_check(''d%1$s_v'')) '
                'FROM (SELECT id, row_number() OVER () AS n FROM (SELECT id FROM d%1$s ORDER BY v <-> (SELECT v FROM d%1$s WHERE id = 3)) s) s '
                'ON CONFLICT (dim) DO UPDATE SET findings = dims.findings + excluded.findings, found = dims.found || excluded.found', d);
            EXECUTE format('DROP TABLE d%s', d);
        END LOOP;
    END LOOP;
END $$;
SELECT dim, rows, found[1:2] AS vector, found[rows + 1:rows + 2] AS halfvec, findings FROM dims ORDER BY 1;
