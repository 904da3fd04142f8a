-- Metadata filters in plain SQL: metadata @@@ filter, pc_filter_matches, and GIN.

CREATE TABLE films (id int PRIMARY KEY, metadata jsonb);
INSERT INTO films VALUES
    (1, '{"genre": ["comedy", "documentary"], "year": 2019, "seen": false}'),
    (2, '{"genre": "drama", "year": 2020, "rating": 4.5}'),
    (3, '{"genre": "comedy", "year": "2020", "seen": true}'),
    (4, '{"genre": [], "year": 2020.5, "rating": 0}'),
    (5, '{}'),
    (6, NULL),
    (7, '{"genre": null, "year": {"from": 2020}, "rating": [4.5, "x"]}'),
    (8, '["genre"]'),
    (9, '"genre"'),
    (10, '{"": "empty", "a long name, more than an index keeps of names": "a long text, more than an index keeps of texts"}');

CREATE FUNCTION matching(filter jsonb) RETURNS TABLE (ids int[]) LANGUAGE sql STABLE AS
$$ SELECT array_agg(id ORDER BY id) FROM films WHERE metadata @@@ filter $$;

SELECT filter, ids FROM (VALUES
    (1, '{}'),
    (2, '{"genre": "comedy"}'),
    (3, '{"genre": {"$eq": "comedy"}}'),
    (4, '{"genre": {"$ne": "comedy"}}'),
    (5, '{"genre": {"$in": ["documentary", "drama"]}}'),
    (6, '{"genre": {"$nin": ["documentary", "drama"]}}'),
    (7, '{"genre": {"$in": []}}'),
    (8, '{"genre": {"$nin": []}}'),
    (9, '{"$and": [{"genre": "comedy"}, {"genre": "documentary"}]}'),
    (10, '{"$and": [{"genre": "comedy"}, {"genre": "drama"}]}'),
    (11, '{"$or": [{"genre": "drama"}, {"rating": {"$gte": 0}}]}'),
    (12, '{"year": 2020}'),
    (13, '{"year": "2020"}'),
    (14, '{"year": {"$gt": 2019}}'),
    (15, '{"year": {"$gte": 2019, "$lt": 2020}}'),
    (16, '{"year": {"$lte": 2020.5, "$gt": 2020}}'),
    (17, '{"year": {"$gt": 2021, "$lt": 2020}}'),
    (18, '{"rating": 4.5}'),
    (19, '{"rating": {"$gt": -1}}'),
    (20, '{"rating": {"$in": [0, "x"]}}'),
    (21, '{"seen": false}'),
    (22, '{"seen": {"$in": [true, false]}}'),
    (23, '{"seen": {"$exists": true}}'),
    (24, '{"seen": {"$exists": false}}'),
    (25, '{"seen": {"$not": {"$eq": true}}}'),
    (26, '{"genre": {"$exists": true, "$not": {"$in": ["comedy"]}}}'),
    (27, '{"": "empty"}'),
    (28, '{"a long name, more than an index keeps of names": {"$ne": "x"}}'),
    (29, '{"a long name, more than an index keeps of names": "a long text, more than an index keeps of texts"}'),
    (30, '{"genre": "drama", "year": 2020, "rating": {"$lt": 5}}')
) AS cases (number, filter), matching(filter::jsonb) ORDER BY number;

-- the function is the operator, and NULL is no answer
SELECT count(*) FROM films WHERE pc_filter_matches(metadata, '{"year": {"$exists": true}}');
SELECT pc_filter_matches('{"a": 1}', '{"a": 1}'), pc_filter_matches('{"a": 1}', '{"a": 2}'),
       pc_filter_matches(NULL, '{"a": 1}'), '{"a": 1}'::jsonb @@@ NULL;

-- numbers are float64, of any size and precision
SELECT '{"n": 9007199254740993}'::jsonb @@@ '{"n": 9007199254740992}' AS rounded,
       '{"n": 0.1}'::jsonb @@@ '{"n": 0.10000000000000000555}' AS nearest,
       '{"n": -0.0}'::jsonb @@@ '{"n": {"$in": [0]}}' AS zero,
       '{"n": 1e400}'::jsonb @@@ '{"n": {"$gt": 1e308}}' AS large,
       '{"n": 1e-400}'::jsonb @@@ '{"n": 0}' AS small,
       ('{"n": 1' || repeat('0', 5000) || '.5}')::jsonb @@@ '{"n": {"$gt": 0}}' AS long;

-- another filter for each row
SELECT id, filter FROM films, (VALUES ('{"year": 2019}'::jsonb), ('{"rating": 0}'), ('{"year": 2020}')) f (filter)
 WHERE metadata @@@ filter ORDER BY id;
PREPARE by_filter(jsonb) AS SELECT array_agg(id ORDER BY id) FROM films WHERE metadata @@@ $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_filter('{"year": 2019}');
EXECUTE by_filter('{"genre": "drama"}');
RESET plan_cache_mode;
CREATE FUNCTION one_by_one() RETURNS boolean[] LANGUAGE plpgsql AS $$
DECLARE
    filter jsonb;
    answers boolean[] := '{}';
BEGIN
    FOREACH filter IN ARRAY '{"{\"a\": 1}", "{\"a\": 2}", "{\"b\": 1}", "{\"a\": 1}"}'::jsonb[] LOOP
        answers := answers || ('{"a": 1}'::jsonb @@@ filter) || pc_filter_matches('{"b": 1}', filter);
    END LOOP;
    RETURN answers;
END $$;
SELECT one_by_one();

-- what is wrong with a filter, and where
CREATE FUNCTION refusal(filter text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    hint text;
BEGIN
    -- no row is read, for there is none
    EXECUTE format('SELECT FROM films WHERE false OR metadata @@@ %L LIMIT 0', filter);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(' | ', SQLSTATE, SQLERRM, nullif(hint, ''));
END $$;
SELECT refusal(filter) FROM (VALUES
    (1, '[]'), (2, 'null'), (3, '"x"'), (4, '5'),
    (5, '{"genre": ["comedy"]}'),
    (6, '{"genre": {"$eq": ["comedy"]}}'),
    (7, '{"genre": null}'),
    (8, '{"genre": {}}'),
    (9, '{"genre": {"main": "comedy"}}'),
    (10, '{"$gt": 5}'),
    (11, '{"$not": {"genre": "comedy"}}'),
    (12, '{"$nor": [{"genre": "comedy"}]}'),
    (13, '{"genre": {"$regex": "^c"}}'),
    (14, '{"genre": {"$or": ["comedy"]}}'),
    (15, '{"year": {"$gt": "2020"}}'),
    (16, '{"year": {"$gt": null}}'),
    (17, '{"year": {"$in": 2020}}'),
    (18, '{"year": {"$nin": [2020, [2021]]}}'),
    (19, '{"year": {"$exists": "yes"}}'),
    (20, '{"year": {"$not": 2020}}'),
    (21, '{"year": 1e400}'),
    (22, '{"$and": []}'),
    (23, '{"$or": {"genre": "comedy"}}'),
    (24, '{"$or": [{"genre": "comedy"}, {}]}'),
    (25, '{"$and": [{"genre": "comedy"}, {"$or": [{"year": {"$gte": 2020}}, {"year": {"$lt": true}}]}]}'),
    (26, '{"x'' OR 1=1; --": {"$\"; DROP TABLE films; --": 1}}')
) AS cases (number, filter) ORDER BY number;
-- limits
SELECT refusal(jsonb_build_object('a', jsonb_build_object('$in', (SELECT jsonb_agg(i) FROM generate_series(1, n) i)))::text)
  FROM (VALUES (10000), (10001)) AS sizes (n);
SELECT right(refusal(repeat('{"$and": [', n) || '{"a": 1}' || repeat(']}', n)), 60) FROM (VALUES (50), (51), (500)) AS depths (n);
SELECT refusal(format('{"a": "%s"}', repeat('x', n - 9))) FROM (VALUES (2097152), (2097153)) AS sizes (n);
SELECT '{}'::jsonb @@@ '{"a": {}}';
SELECT pc_filter_matches('{"a": 1}', '{"a": {}}');
SELECT pc_filter_matches('{"a": 1}', '{"$gt": 5}') OR true;
SELECT '{"a": 1}'::jsonb @@@ '{"a": {}}';
SELECT pc_filter_matches(metadata, '{"a": {}}') FROM films;
-- nothing of it depends on metadata
SELECT count(*) FROM films WHERE metadata @@@ '{"year": {"$gte": 0}, "rating": {"$in": ["x", 4.5]}, "genre": {"$exists": true}}';

-- a filter that is not known when the statement is planned, and is invalid, has no answer: an error would tell of the row
SELECT id, '{}'::jsonb @@@ metadata AS matches FROM films ORDER BY id;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_filter('{"year": {}}');
EXECUTE by_filter('{"year": 2019}');
RESET plan_cache_mode;
EXECUTE by_filter('{"year": {}}');

-- GIN
CREATE TABLE packages (namespace text COLLATE "C" NOT NULL, id int, metadata jsonb);
INSERT INTO packages
SELECT CASE WHEN i % 10 = 0 THEN 'small' ELSE 'large' END, i,
       jsonb_strip_nulls(jsonb_build_object(
           'section', (ARRAY['admin', 'libs', 'net', 'a section that has a name of more than 32 bytes, one', 'a section that has a name of more than 32 bytes, two'])[1 + i % 5],
           'size', CASE WHEN i % 7 > 0 THEN (i * 7919 % 10007) / 4.0 - 500 END,
           'essential', i % 50 = 0,
           'tags', CASE i % 4 WHEN 0 THEN '[]'::jsonb WHEN 1 THEN to_jsonb('{cli,gui}'::text[]) WHEN 2 THEN to_jsonb(ARRAY['t' || i % 100]) END,
           'a field whose name has more than 32 bytes', CASE WHEN i % 3 = 0 THEN i % 30 END))
  FROM generate_series(1, 10000) i;
INSERT INTO packages VALUES ('large', 0, NULL), ('large', -1, '[1]'), ('small', -2, '{}');
CREATE INDEX packages_metadata ON packages USING gin (metadata pc_filter_ops);
CREATE INDEX packages_namespace ON packages USING gin (namespace pc_text_ops, metadata pc_filter_ops);
INSERT INTO packages SELECT namespace, id + 100000, metadata FROM packages WHERE id BETWEEN 1 AND 500; -- in the pending list
ANALYZE packages;

EXPLAIN (COSTS OFF) SELECT * FROM packages WHERE metadata @@@ '{"section": "admin", "tags": "t12"}';
EXPLAIN (COSTS OFF) SELECT * FROM packages WHERE pc_filter_matches(metadata, '{"tags": "t12"}');
EXPLAIN (COSTS OFF) SELECT * FROM packages WHERE namespace = 'small' AND metadata @@@ '{"size": {"$gte": 0, "$lt": 5}}';
EXPLAIN (COSTS OFF) SELECT * FROM packages WHERE metadata @@@ '{"size": {"$exists": false}}';
EXPLAIN (COSTS OFF) SELECT * FROM packages a JOIN films b ON a.metadata @@@ b.metadata WHERE b.id = 2;

-- an index scan finds what a sequential scan finds
CREATE TABLE answers (filter jsonb, namespace text, rows bigint, same boolean);
DO $$
DECLARE
    filter jsonb;
    place text;
    sequential int[];
    by_index int[];
BEGIN
    FOR filter, place IN
        SELECT f, n FROM unnest(ARRAY[
            '{}', '{"section": "net"}', '{"section": "none"}', '{"section": {"$ne": "net"}}',
            '{"section": "a section that has a name of more than 32 bytes, one"}',
            '{"section": {"$ne": "a section that has a name of more than 32 bytes, one"}}',
            '{"section": {"$in": ["net", "libs", "none", 5, true]}}', '{"section": {"$nin": ["net", "libs"]}}',
            '{"section": {"$in": []}}', '{"section": {"$nin": []}}',
            '{"size": {"$gt": 100, "$lte": 200}}', '{"size": {"$lt": -400}}', '{"size": {"$gte": 1500}}', '{"size": {"$gt": 9, "$lt": 8}}',
            '{"size": 0.25}', '{"size": {"$ne": 0.25}}', '{"size": {"$exists": true}}', '{"size": {"$exists": false}}',
            '{"size": {"$not": {"$gte": 0}}}', '{"essential": true}', '{"essential": {"$ne": true}}',
            '{"tags": "cli"}', '{"tags": {"$in": ["gui", "t2", "t50"]}}', '{"tags": {"$nin": ["gui"]}}', '{"tags": {"$ne": "none"}}',
            '{"$and": [{"tags": "cli"}, {"tags": "gui"}]}', '{"$and": [{"tags": "cli"}, {"tags": "t2"}]}',
            '{"$or": [{"tags": "t2"}, {"size": {"$lt": -450}}, {"essential": true}]}',
            '{"$or": [{"tags": {"$exists": false}}, {"section": "net"}]}',
            '{"section": "net", "tags": {"$exists": false}}', '{"section": "net", "tags": {"$not": {"$eq": "cli"}}}',
            '{"a field whose name has more than 32 bytes": {"$gte": 6, "$lt": 12}}',
            '{"a field whose name has more than 32 bytes": {"$ne": 6}}',
            '{"$and": [{"size": {"$gte": 0}}, {"$and": [{"size": {"$lt": 10}}, {"essential": false}]}]}'
        ]::jsonb[]) f, unnest('{NULL,small,large,none}'::text[]) n
    LOOP
        SET LOCAL enable_seqscan = on; SET LOCAL enable_bitmapscan = off;
        SELECT array_agg(id ORDER BY id) INTO sequential FROM packages
         WHERE metadata @@@ filter AND (place IS NULL OR namespace = place);
        SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = on;
        IF place IS NULL THEN
            SELECT array_agg(id ORDER BY id) INTO by_index FROM packages WHERE metadata @@@ filter;
        ELSE
            SELECT array_agg(id ORDER BY id) INTO by_index FROM packages WHERE metadata @@@ filter AND namespace = place;
        END IF;
        INSERT INTO answers VALUES (filter, place, coalesce(cardinality(sequential), 0), sequential IS NOT DISTINCT FROM by_index);
    END LOOP;
END $$;
SELECT filter, namespace FROM answers WHERE NOT same;
SELECT filter, string_agg(rows::text, ' ' ORDER BY namespace NULLS FIRST) AS rows FROM answers GROUP BY filter ORDER BY filter;
VACUUM packages; -- the pending list goes to its place
SET enable_seqscan = off;
SELECT count(*) FROM packages WHERE metadata @@@ '{"tags": "t50"}';
SELECT count(*) FROM packages WHERE namespace = 'small' AND metadata @@@ '{"tags": "t50"}';
-- the error of a filter is the same by way of an index
SELECT count(*) FROM packages WHERE metadata @@@ '{"tags": {"$gt": "t50"}}';
PREPARE by_tag(jsonb) AS SELECT count(*) FROM packages WHERE metadata @@@ $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE by_tag('{"tags": {"$gt": "t50"}}');
EXECUTE by_tag('{"tags": "t50"}');
RESET plan_cache_mode;
RESET enable_seqscan;

-- a policy does not keep the operator from indexes, nor the planner from its statistics
CREATE ROLE regress_pc_filter_reader;
GRANT SELECT ON packages TO regress_pc_filter_reader;
ALTER TABLE packages ENABLE ROW LEVEL SECURITY;
CREATE POLICY small_only ON packages FOR SELECT USING (namespace = 'small');
SET ROLE regress_pc_filter_reader;
EXPLAIN (COSTS OFF) SELECT * FROM packages WHERE metadata @@@ '{"tags": "t12"}';
EXPLAIN (COSTS OFF) SELECT * FROM packages WHERE pc_filter_matches(metadata, '{"tags": "t12"}');
SELECT count(*) FROM packages WHERE metadata @@@ '{"tags": "t50"}';
SELECT count(*) FROM packages WHERE metadata @@@ '{"tags": "t1"}';
RESET ROLE;
DROP INDEX packages_metadata; -- the other one reads the rows of the namespace only
SET ROLE regress_pc_filter_reader;
EXPLAIN (COSTS OFF) SELECT * FROM packages WHERE metadata @@@ '{"tags": "t12"}';
SELECT count(*) FROM packages WHERE metadata @@@ '{"tags": "t50"}';
SELECT count(*) FROM packages WHERE metadata @@@ '{"tags": "t1"}';
-- no error tells of rows that it hides, as of the 100 that have t1
PREPARE tell(jsonb) AS SELECT count(*) FROM packages WHERE metadata @@@ '{"tags": "t1"}' AND metadata @@@ $1;
SET plan_cache_mode = force_generic_plan;
EXECUTE tell('{"a": {}}');
SET enable_seqscan = off;
EXECUTE tell('{"a": {}}');
SELECT count(*) FROM packages WHERE '{}'::jsonb @@@ metadata;
RESET ALL;
SELECT count(*) FROM packages WHERE metadata @@@ '{"tags": "no row has this"}' AND metadata @@@ '{"a": {}}';
RESET ROLE;
DROP OWNED BY regress_pc_filter_reader;
DROP ROLE regress_pc_filter_reader;

-- the operator, its estimators and classes
SELECT o.oprname, o.oprrest, o.oprjoin, p.proleakproof, p.provolatile, p.proisstrict, p.proparallel
  FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode WHERE o.oprname = '@@@' AND o.oprleft = 'jsonb'::regtype;
SELECT opcname, amname, amvalidate(c.oid) FROM pg_opclass c JOIN pg_am a ON a.oid = opcmethod
 WHERE opcname IN ('pc_filter_ops', 'pc_text_ops') ORDER BY opcname;
-- more keys than an index is asked for
SELECT count(*) FROM packages WHERE metadata @@@ (SELECT jsonb_build_object('$or', jsonb_agg(jsonb_build_object('k' || i, jsonb_build_object('$gt', i)))) FROM generate_series(1, 1001) i);
-- a filter of a few kilobytes whose text would have a gigabyte finds nothing, either
CREATE TEMP TABLE huge (filter jsonb);
WITH number (n) AS MATERIALIZED (SELECT to_jsonb('1e131071'::numeric)) INSERT INTO huge SELECT jsonb_agg(n) FROM number, generate_series(1, 8300);
SELECT count(*) FROM huge WHERE '{"a": 1}'::jsonb @@@ filter;
DROP TABLE huge;
