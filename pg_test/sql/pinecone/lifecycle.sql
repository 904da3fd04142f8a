-- Pinecone's classic first program, and the rest of an index's life.
\set VERBOSITY terse
SELECT name, dimension, metric, vector_type, status, ready, deletion_protection, tags, spec, record_count_estimate
  FROM pc_create_index('quickstart', dimension => 8, metric => 'cosine');
SELECT pc_upsert('quickstart', '[
    {"id": "vec1", "values": [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], "metadata": {"genre": "drama"}},
    {"id": "vec2", "values": [0.2, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2], "metadata": {"genre": "comedy", "year": 2020}}]');
SELECT id, round(score::numeric, 5) AS score, "values", sparse_values, metadata
  FROM pc_query('quickstart', vector => '[0.3,0.3,0.3,0.3,0.3,0.3,0.3,0.3]', top_k => 2, include_values => true);
SELECT id, round(score::numeric, 5) AS score, "values", sparse_values, metadata
  FROM pc_query('quickstart', vector => '[0.3,0.3,0.3,0.3,0.3,0.3,0.3,0.3]', top_k => 1, include_metadata => true);
SELECT id, round(score::numeric, 5) AS score FROM pc_query('quickstart', id => 'vec2', top_k => 5);
SELECT * FROM pc_query('quickstart', id => 'nobody');
SELECT * FROM pc_query('quickstart', vector => '[1,0,0,0,0,0,0,0]', namespace => 'nowhere');
SELECT * FROM pc_fetch('quickstart', ARRAY['vec2', 'nobody', 'vec1', 'vec2']);
SELECT * FROM pc_list('quickstart');
SELECT pc_describe_index_stats('quickstart');

-- an upsert replaces the whole record; of two with one id the last wins
SELECT pc_upsert('quickstart', '[
    {"id": "vec1", "values": [1, 0, 0, 0, 0, 0, 0, 0], "metadata": {"kept": "no"}},
    {"id": "vec1", "values": [0, 1, 0, 0, 0, 0, 0, 0]}]');
SELECT * FROM pc_fetch('quickstart', ARRAY['vec1']);
SELECT pc_upsert_many('quickstart', ARRAY['b', 'a', 'b'],
    ARRAY['[1,0,0,0,0,0,0,0]', '[2,0,0,0,0,0,0,0]', '[3,0,0,0,0,0,0,0]']::vector[],
    metadata => ARRAY['{"n": 1}', NULL, '{"n": 3}']::jsonb[], namespace => 'many');
SELECT * FROM pc_fetch('quickstart', ARRAY['a', 'b'], namespace => 'many');

-- deleting
SELECT pc_delete('quickstart', ids => ARRAY['vec1', 'nobody']);
SELECT pc_delete('quickstart', delete_all => true, namespace => 'nowhere');
SELECT pc_describe_index_stats('quickstart');
SELECT pc_delete('quickstart', delete_all => true, namespace => 'many');
SELECT pc_describe_index_stats('quickstart');

-- describing
SELECT pc_has_index('quickstart'), pc_has_index('nothing'), pc_has_index(NULL);
SELECT name, dimension, metric, m.count, table_name = ('pc_data.i_' || index_id)::regclass AS named
  FROM pc_describe_index('quickstart') JOIN pc.index_reg USING (name, dimension, metric),
       LATERAL (SELECT count(*) FROM pc_list('quickstart')) m;
SELECT name, metric FROM pc_create_index('another-1', 3, 'euclidean', tags => '{"env": "test"}',
    spec => '{"serverless": {"cloud": "aws", "region": "us-east-1"}}', deletion_protection => 'enabled');
SELECT name, dimension, metric, tags, spec, deletion_protection FROM pc_list_indexes();

-- configuring: tags merge, an empty value removes a key
SELECT tags, deletion_protection FROM pc_configure_index('another-1', tags => '{"team": "search", "env": ""}');
SELECT tags, deletion_protection FROM pc_configure_index('another-1', deletion_protection => 'disabled');
SELECT tags, spec FROM pc_configure_index('another-1', spec => '{"pod": {"environment": "local"}}');

-- the limits themselves are within the limits: 1000 records, 40960 bytes of metadata
SELECT pc_upsert('another-1', jsonb_agg(jsonb_build_object('id', i::text, 'values', ARRAY[1, i, 2]))) FROM generate_series(1, 1000) i;
SELECT pc_upsert('another-1', jsonb_build_array(jsonb_build_object('id', 'big', 'values', ARRAY[1, 2, 3],
       'metadata', jsonb_build_object('k', repeat('ü"', 10238)))));
SELECT name, metric, deletion_protection, tags FROM pc_create_index('nulls', 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT pc_delete_index('nulls');

-- deleting an index takes its table along
SELECT pc_delete_index('another-1');
SELECT pc_delete_index('quickstart');
SELECT count(*) FROM pc_list_indexes();
SELECT count(*) FROM pg_class WHERE relnamespace = 'pc_data'::regnamespace;

-- a name can be used again, and knows nothing of its former life
SELECT name, dimension FROM pc_create_index('quickstart', 2);
SELECT * FROM pc_query('quickstart', '[1,2]');
SELECT pc_delete_index('quickstart');

-- a rolled-back transaction leaves nothing
BEGIN;
SELECT name FROM pc_create_index('gone', 2);
SELECT pc_upsert('gone', '[{"id": "a", "values": [1, 2]}]');
SELECT count(*) FROM pc_query('gone', '[1,2]');
ROLLBACK;
SELECT pc_has_index('gone');
SELECT count(*) FROM pg_class WHERE relnamespace = 'pc_data'::regnamespace;
SELECT name FROM pc_create_index('kept', 2);
BEGIN;
SELECT pc_upsert('kept', '[{"id": "a", "values": [1, 2]}]');
SAVEPOINT s;
SELECT pc_delete('kept', ids => ARRAY['a']);
SELECT pc_delete_index('kept');
ROLLBACK TO s;
SELECT id FROM pc_list('kept');
ROLLBACK;
SELECT count(*) FROM pc_list('kept');
SELECT pc_delete_index('kept');
