-- With a schema the inverted index keeps the fields that it calls filterable; filters on others are as right.
SELECT name, schema FROM pc_create_index('some', 3, schema => '{"fields": {"genre": {"type": "string", "filterable": true}, "it''s \"x\"": {"type": "string", "filterable": true}, "note": {"type": "string"}}}');
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = (SELECT table_name FROM pc_describe_index('some')) AND NOT indisprimary ORDER BY 1;
SELECT pc_upsert('some', jsonb_agg(jsonb_build_object('id', 'r' || i, 'values', ARRAY[i, 1, 2], 'metadata', jsonb_build_object('genre', 'g' || i % 10, 'note', 'n' || i % 7, 'year', i)))) FROM generate_series(1, 200) i;
SELECT table_name AS t FROM pc_describe_index('some') \gset
SET enable_seqscan = off;
SELECT count(*) FROM :t WHERE metadata @@@ '{"genre": "g3"}';
SELECT count(*) FROM :t WHERE metadata @@@ '{"note": "n3"}';
SELECT count(*) FROM :t WHERE metadata @@@ '{"note": "n3", "genre": "g3"}';
SELECT count(*) FROM :t WHERE metadata @@@ '{"$or": [{"note": "n3"}, {"genre": "g3"}]}';
SELECT count(*) FROM :t WHERE metadata @@@ '{"note": {"$not": {"$eq": "n3"}}}';
EXPLAIN (COSTS OFF) SELECT count(*) FROM :t WHERE metadata @@@ '{"note": "n3", "genre": "g3"}';
SELECT id, score FROM pc_query('some', '[1,1,2]', 3, filter => '{"year": 177}');
SELECT id, score FROM pc_query('some', '[1,1,2]', 3, filter => '{"genre": "g5"}');
CREATE INDEX ON :t USING gin (metadata pc_filter_ops (fields = 'x'));
CREATE INDEX ON :t USING gin (metadata pc_filter_ops (feilds = 'x'));

SELECT pc_update('some', filter => '{"year": {"$lte": 3}}', set_metadata => '{"old": true}');
SELECT pc_describe_index_stats('some', '{"old": true}');
SELECT pc_delete('some', filter => '{"note": {"$exists": true}}');
-- a schema of fields none of which is filterable
SELECT name FROM pc_create_index('none', 3, schema => '{"fields": {"note": {"type": "string"}}}');
SELECT pc_upsert('none', '[{"id": "a", "values": [1, 1, 2], "metadata": {"note": "x"}}, {"id": "b", "values": [1, 1, 2]}]');
SELECT id FROM pc_query('none', '[1,1,2]', filter => '{"note": "x"}');
