-- Namespaces as a whole: list, describe, create, delete, rename, copy; queries over several.
\set VERBOSITY terse
SELECT count(*) FROM pc_create_index('spaces', 2, 'euclidean');
SELECT pc_upsert('spaces', '[{"id": "a", "values": [1, 0]}, {"id": "b", "values": [2, 0], "metadata": {"k": "v"}}]', 'films');
SELECT pc_upsert('spaces', '[{"id": "a", "values": [0, 1]}]', 'books'), pc_upsert('spaces', '[{"id": "d", "values": [5, 5]}]');
SELECT * FROM pc_list_namespaces('spaces');

-- one that is made is there before it has records; a schema comes back
SELECT * FROM pc_create_namespace('spaces', 'empty');
SELECT * FROM pc_create_namespace('spaces', 'planned', '{"fields": {"genre": {"filterable": true}}}');
SELECT * FROM pc_list_namespaces('spaces');
SELECT * FROM pc_describe_namespace('spaces', 'empty');
SELECT * FROM pc_describe_namespace('spaces', 'films');
SELECT * FROM pc_describe_namespace('spaces', '__default__');
SELECT pc_describe_index_stats('spaces')->'namespaces';

-- prefix and pages
SELECT name, next_token IS NULL AS last, total_count FROM pc_list_namespaces('spaces', prefix => 'p');
SELECT name, total_count FROM pc_list_namespaces('spaces', prefix => 'zzz');
SELECT name, next_token IS NULL AS last, total_count FROM pc_list_namespaces('spaces', "limit" => 3);
SELECT max(next_token) AS token FROM pc_list_namespaces('spaces', "limit" => 3) \gset
SELECT name, next_token IS NULL AS last, total_count FROM pc_list_namespaces('spaces', "limit" => 3, pagination_token => :'token');
SELECT name FROM pc_list_namespaces('spaces', prefix => 'p', pagination_token => :'token');
SELECT name FROM pc_list_namespaces('spaces', pagination_token => 'films');
SELECT id FROM pc_list('spaces', pagination_token => :'token');

-- rename, with and without records
SELECT * FROM pc_rename_namespace('spaces', 'films', 'movies');
SELECT * FROM pc_rename_namespace('spaces', 'planned', 'plans');
SELECT id FROM pc_list('spaces', namespace => 'films');
SELECT id, "values", metadata FROM pc_fetch('spaces', '{a,b}', 'movies');
SELECT id, score FROM pc_query('spaces', '[2,0]', namespace => 'movies');

-- copy
SELECT * FROM pc_copy_namespace('spaces', 'movies', 'archive');
SELECT * FROM pc_copy_namespace('spaces', 'plans', 'plans 2');
SELECT pc_update('spaces', 'a', '[9,9]', namespace => 'archive');
SELECT id, "values", metadata FROM pc_fetch('spaces', '{a,b}', 'movies');
SELECT id, "values", metadata FROM pc_fetch('spaces', '{a,b}', 'archive');
SELECT name, record_count, total_count FROM pc_list_namespaces('spaces');

-- one top-k over several
SELECT * FROM pc_query_namespaces('spaces', '[1,0]', '{movies,books,archive}', top_k => 3);
SELECT * FROM pc_query_namespaces('spaces', '[1,0]', '{movies,movies,__default__,nowhere}', include_values => true, include_metadata => true);
SELECT * FROM pc_query_namespaces('spaces', '[1,0]', NULL, top_k => 10);
SELECT * FROM pc_query_namespaces('spaces', '[1,0]', '{nowhere}');

-- deleting: records and name go
SELECT * FROM pc_delete_namespace('spaces', 'archive');
SELECT * FROM pc_delete_namespace('spaces', 'plans 2');
SELECT * FROM pc_delete_namespace('spaces', '');
SELECT name, record_count FROM pc_list_namespaces('spaces');
-- one that was made stays when its records go, one that was not does not
SELECT pc_upsert('spaces', '[{"id": "x", "values": [1, 1]}]', 'empty');
SELECT pc_delete('spaces', delete_all => true, namespace => 'empty'), pc_delete('spaces', delete_all => true, namespace => 'books');
SELECT name, record_count FROM pc_list_namespaces('spaces');

-- refusals: SQLSTATE and message
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT pc_create_namespace('spaces', 'empty');
SELECT pc_create_namespace('spaces', 'movies');
SELECT pc_describe_namespace('spaces', 'nowhere');
SELECT pc_delete_namespace('spaces', 'nowhere');
SELECT pc_rename_namespace('spaces', 'nowhere', 'somewhere');
SELECT pc_rename_namespace('spaces', 'movies', 'empty');
SELECT pc_rename_namespace('spaces', 'movies', 'movies');
SELECT pc_rename_namespace('spaces', '', '__default__');
SELECT pc_copy_namespace('spaces', 'nowhere', 'somewhere');
SELECT pc_copy_namespace('spaces', 'movies', 'empty');
SELECT pc_create_namespace('spaces', NULL);
SELECT pc_create_namespace('spaces', 'größe');
SELECT pc_create_namespace('spaces', repeat('n', 513));
SELECT pc_create_namespace('spaces', 'new', '{"fields": {"genre": {"filterable": false}}}');
SELECT pc_create_namespace('spaces', 'new', '{"fields": {"_values": {"type": "dense_vector"}}}');
SELECT pc_create_namespace('nope', 'new');
SELECT pc_list_namespaces('spaces', "limit" => 0);
SELECT pc_list_namespaces('spaces', "limit" => 1001);
SELECT pc_list_namespaces('nope');
SELECT pc_query_namespaces('spaces', '[1,0]', '{}');
SELECT pc_query_namespaces('spaces', '[1,0]', '{a,NULL}');
SELECT pc_query_namespaces('spaces', '[1,0,0]', '{a}');
SELECT pc_query_namespaces('spaces', NULL, '{a}');
SELECT pc_query_namespaces('spaces', '[1,0]', array_fill('a'::text, ARRAY[1001]));
SELECT pc_query_namespaces('spaces', '[1,0]', '{größe}');
SELECT pc_query_namespaces('spaces', '[1,0]', '{a}', top_k => 0);
SELECT pc_query_namespaces('spaces', '[1,0]', '{a}', sparse_vector => '{1:1}/5');
SELECT count(*) FROM pc_list_namespaces('spaces');
SELECT pc_delete_index('spaces');
SELECT count(*) FROM pc.namespace;
SELECT count(*) FROM pc.record_count;
SELECT count(*) FROM pc.counted;
\set VERBOSITY sqlstate
SELECT count(*) FROM pc_create_index('states', 2);
SELECT count(*) FROM pc_create_namespace('states', 'a');
SELECT pc_create_namespace('states', 'a');
SELECT pc_describe_namespace('states', 'b');
SELECT pc_delete_namespace('states', 'b');
SELECT pc_rename_namespace('states', 'b', 'c');
SELECT pc_rename_namespace('states', 'a', 'ü');
SELECT pc_list_namespaces('states', pagination_token => 'x');
SELECT pc_delete_index('states');
