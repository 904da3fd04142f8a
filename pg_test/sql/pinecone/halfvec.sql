-- An index that stores its vectors as halfvec: the same functions, with vectors in and out.
\set VERBOSITY terse
SELECT name, dimension, metric, storage FROM pc_create_index('half', 3, storage => 'halfvec')
UNION ALL SELECT name, dimension, metric, storage FROM pc_create_index('halfeuc', 3, 'euclidean', storage => 'halfvec')
UNION ALL SELECT name, dimension, metric, storage FROM pc_create_index('halfdot', 3, 'dotproduct', storage => 'halfvec');
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = (SELECT table_name FROM pc_describe_index('half')) AND NOT indisprimary ORDER BY 1;
SELECT pc_upsert(name, '[{"id": "a", "values": [0.1, 1, 2]}, {"id": "b", "values": [1, 1, 1]}]'),
       pc_upsert_many(name, '{c}', ARRAY['[3,2,1]']::vector[], namespace => 'many') FROM pc_list_indexes();
SELECT * FROM pc_fetch('half', '{a,b}');
SELECT pg_typeof("values") FROM pc_fetch('half', '{a}');
SELECT id, round(score::numeric, 3), "values" FROM pc_query('half', '[1,1,1]', include_values => true);
SELECT id, round(score::numeric, 3), "values" FROM pc_query('halfeuc', '[1,1,1]', include_values => true);
SELECT id, round(score::numeric, 3), "values" FROM pc_query('halfdot', '[1,1,1]', include_values => true);
SELECT id, round(score::numeric, 3) FROM pc_query('half', id => 'b');
SELECT namespace, id, round(score::numeric, 3) FROM pc_query_namespaces('half', '[1,1,1]', '{many,""}');
SELECT pc_update('half', 'a', "values" => '[5,5,5.001]');
SELECT id, "values" FROM pc_fetch('half', '{a}');
SELECT * FROM pc_copy_namespace('half', 'many', 'more');
SELECT pc_describe_index_stats('half');

\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT pc_upsert('half', '[{"id": "x", "values": [1e-9, 0, 0]}]');
SELECT pc_upsert('half', '[{"id": "x", "values": [0, 0, 0]}]');
SELECT pc_upsert('half', '[{"id": "x", "values": [70000, 0, 0]}]');
SELECT pc_upsert('half', '[{"id": "x", "values": [1, 0]}]');
SELECT pc_update('half', 'a', "values" => '[70000,0,0]');
SELECT pc_query('half', '[1,1]');
SELECT pc_query('half', '[70000,1,1]');
SELECT name, dimension FROM pc_create_index('wide', 16000, storage => 'halfvec');
SELECT pc_upsert('wide', jsonb_build_array(jsonb_build_object('id', 'w', 'values', array_fill(0.5, ARRAY[16000]))));
SELECT id, score FROM pc_query('wide', array_fill(0.5, ARRAY[16000])::vector);
SELECT pc_create_index('wider', 16001, storage => 'halfvec');
SELECT pc_delete_index(name) FROM pc_list_indexes();
