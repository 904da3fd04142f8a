-- The functions that take a filter: queries, fetches, updates, deletions and stats.
\set VERBOSITY terse
SELECT count(*) FROM pc_create_index('films', 2, 'euclidean');
SELECT pc_upsert('films', jsonb_agg(jsonb_build_object('id', 'f' || lpad(i::text, 3, '0'), 'values', ARRAY[i, 1], 'metadata',
    jsonb_build_object('n', i, 'genre', CASE WHEN i % 3 = 0 THEN 'drama' ELSE 'comedy' END, 'tags', CASE WHEN i % 50 = 0 THEN '["rare"]'::jsonb ELSE '[]' END))), 'a')
  FROM generate_series(1, 500) i;
SELECT pc_upsert('films', '[{"id": "x", "values": [1, 1], "metadata": {"genre": "drama"}}, {"id": "y", "values": [2, 1]}]', 'b');
SELECT table_name AS films FROM pc_describe_index('films') \gset
ANALYZE :films;

-- queries: matches only, and as many as there are, however far away
SELECT id, score FROM pc_query('films', '[1,1]', top_k => 3, namespace => 'a', filter => '{"genre": "drama"}');
SELECT id, score FROM pc_query('films', '[1,1]', top_k => 20, namespace => 'a', filter => '{"tags": "rare"}');
SELECT id FROM pc_query('films', id => 'f001', top_k => 3, namespace => 'a', filter => '{"n": {"$gte": 250, "$lt": 260}, "genre": {"$ne": "drama"}}');
SELECT count(*), count(DISTINCT id) FROM pc_query('films', '[250,1]', top_k => 1000, namespace => 'a', filter => '{"genre": "drama"}');
SELECT id FROM pc_query('films', '[1,1]', namespace => 'a', filter => '{"genre": "western"}');
SELECT count(*) FROM pc_query('films', '[1,1]', top_k => 7, namespace => 'a', filter => '{}');
SELECT count(*) FROM pc_query('films', '[1,1]', top_k => 7, namespace => 'a', filter => NULL);
SELECT namespace, id FROM pc_query_namespaces('films', '[1,1]', '{a,b}', top_k => 3, filter => '{"genre": "drama"}');
SHOW hnsw.iterative_scan;
SHOW plan_cache_mode;

-- all matches, a page at a time; a token belongs to its filter and namespace
SELECT id, "values", metadata->'n' AS n, next_token FROM pc_fetch_by_metadata('films', '{"tags": "rare"}', 'a');
SELECT id, next_token IS NULL AS last FROM pc_fetch_by_metadata('films', '{"tags": "rare"}', 'a', "limit" => 4);
SELECT max(next_token) AS token FROM pc_fetch_by_metadata('films', '{"tags": "rare"}', 'a', "limit" => 4) \gset
SELECT id, next_token IS NULL AS last FROM pc_fetch_by_metadata('films', '{"tags": "rare"}', 'a', "limit" => 4, pagination_token => :'token');
SELECT max(next_token) AS next FROM pc_fetch_by_metadata('films', '{"tags": "rare"}', 'a', "limit" => 4, pagination_token => :'token') \gset
SELECT id, next_token IS NULL AS last FROM pc_fetch_by_metadata('films', '{"tags": "rare"}', 'a', "limit" => 4, pagination_token => :'next');
SELECT count(*) FROM pc_fetch_by_metadata('films', '{"genre": "western"}', 'a');
SELECT count(*) FROM pc_fetch_by_metadata('films', '{"n": {"$exists": true}}', 'a', "limit" => 10000);

-- stats: of what matches
SELECT pc_describe_index_stats('films', '{"genre": "drama"}')->'namespaces', pc_describe_index_stats('films', '{"genre": "drama"}')->'totalVectorCount';
SELECT pc_describe_index_stats('films', '{}')->'totalVectorCount', pc_describe_index_stats('films', '{"genre": "western"}')->'namespaces';

-- updates
SELECT pc_update('films', filter => '{"tags": "rare"}', set_metadata => '{"shelf": 1}', namespace => 'a', dry_run => true);
SELECT count(*) FROM pc_fetch_by_metadata('films', '{"shelf": 1}', 'a');
SELECT pc_update('films', filter => '{"tags": "rare"}', set_metadata => '{"shelf": 1}', unset_metadata => '{tags}', namespace => 'a');
SELECT id, metadata FROM pc_fetch_by_metadata('films', '{"shelf": 1}', 'a', "limit" => 2);
SELECT pc_update('films', filter => '{"tags": "rare"}', set_metadata => '{"shelf": 2}', namespace => 'a');
SELECT pc_update('films', filter => '{"shelf": 1}', namespace => 'b', set_metadata => '{"shelf": 2}');

-- deletions
SELECT pc_delete('films', filter => '{"genre": "drama", "n": {"$lte": 300}}', namespace => 'a');
SELECT pc_delete('films', filter => '{"genre": "western"}', namespace => 'a'), pc_delete('films', filter => '{"genre": "drama"}', namespace => 'nowhere');
SELECT pc_describe_index_stats('films')->'namespaces';
SELECT pc_delete('films', filter => '{"genre": {"$exists": false}}', namespace => 'b');
SELECT id FROM pc_list('films', namespace => 'b');

-- a filter full of quotes is data
SELECT pc_update('films', 'x', set_metadata => '{"it''s; \"x\"": "'' OR true --"}', namespace => 'b');
SELECT id FROM pc_query('films', '[1,1]', namespace => 'b', filter => '{"it''s; \"x\"": "'' OR true --"}');
SELECT pc_delete('films', filter => '{"genre": "'' OR true --"}', namespace => 'b');

-- refusals
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT pc_update('films', filter => '{}', set_metadata => '{"a": 1}', namespace => 'a');
SELECT pc_update('films', 'x', filter => '{}', namespace => 'a');
SELECT pc_update('films', filter => '{"a": 1}', "values" => '[1,1]', namespace => 'a');
SELECT pc_update('films', filter => '{"a": [1]}', set_metadata => '{"a": 1}', namespace => 'a');
SELECT pc_update('films', filter => '"x"', set_metadata => '{"a": 1}', namespace => 'a');
SELECT pc_delete('films', filter => '{}', namespace => 'a');
SELECT pc_delete('films', filter => '{"$gt": 5}', namespace => 'a');
SELECT pc_delete('films', '{x}', filter => '{"a": 1}', namespace => 'a');
SELECT pc_query('films', '[1,1]', filter => '{"a": {"$regex": "x"}}');
SELECT pc_query_namespaces('films', '[1,1]', '{a}', filter => '{"$and": []}');
SELECT pc_fetch_by_metadata('films', '{}');
SELECT pc_fetch_by_metadata('films', NULL);
SELECT pc_fetch_by_metadata('films', '{"a": 1}', "limit" => 0);
SELECT pc_fetch_by_metadata('films', '{"a": 1}', "limit" => 10001);
SELECT pc_fetch_by_metadata('films', '{"a": 1}', 'a', pagination_token => 'forged');
SELECT pc_fetch_by_metadata('films', '{"tags": "other"}', 'a', pagination_token => :'token');
SELECT pc_fetch_by_metadata('films', '{"tags": "rare"}', 'b', pagination_token => :'token');
SELECT pc_list('films', pagination_token => :'token', namespace => 'a');
SELECT pc_describe_index_stats('films', '{"a": {"$in": "x"}}');
SELECT pc_query('films', '[1,1]', filter => jsonb_build_object('a', jsonb_build_object('$in', (SELECT jsonb_agg(i) FROM generate_series(1, 10001) i))));

SELECT pc_delete_index('films');
