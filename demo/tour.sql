\set QUIET on
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS conifer;
\unset QUIET

-- ====================================================================================
-- 1. Pinecone's first program: create, upsert, query
-- ====================================================================================

SELECT name, dimension, metric, status, table_name
  FROM pc_create_index('quickstart', dimension => 8, metric => 'cosine');

SELECT pc_upsert('quickstart', '[
  {"id": "vec1", "values": [0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1], "metadata": {"genre": "drama"}},
  {"id": "vec2", "values": [0.2, 0.3, 0.2, 0.2, 0.2, 0.2, 0.2, 0.2], "metadata": {"genre": "action"}}
]');

SELECT id, score, "values"
  FROM pc_query('quickstart', vector => '[0.3,0.3,0.3,0.3,0.3,0.3,0.3,0.3]', top_k => 2, include_values => true);

SELECT pc_delete_index('quickstart');

-- ====================================================================================
-- 2. Real data: 4,000 Debian packages, their descriptions as sentence embeddings
-- ====================================================================================

CREATE TABLE package (name text PRIMARY KEY, embedding vector(384), metadata jsonb, description text);
\copy package FROM PROGRAM 'gzip -dc demo/data/packages.tsv.gz'

CREATE TABLE question (question text, embedding vector(384));
\copy question FROM 'demo/data/queries.tsv'

SELECT name, dimension, metric FROM pc_create_index('packages', dimension => 384);

-- all of them, a thousand a call; the games go to a namespace of their own
SELECT namespace, sum(pc_upsert_many('packages', names, embeddings, metadata, namespace => namespace)) AS upserted
  FROM (SELECT namespace, array_agg(name) AS names, array_agg(embedding) AS embeddings, array_agg(metadata) AS metadata
          FROM (SELECT *, CASE metadata->>'section' WHEN 'games' THEN 'games' ELSE '' END AS namespace,
                       row_number() OVER (ORDER BY name) / 1000 AS batch FROM package) AS numbered
         GROUP BY namespace, batch) AS batches
 GROUP BY namespace;

SELECT jsonb_pretty(pc_describe_index_stats('packages'));

-- ====================================================================================
-- 3. Questions: the texts are of packages that are not in the index
-- ====================================================================================

SELECT question, id, score, metadata->>'summary' AS summary
  FROM question, pc_query('packages', vector => embedding, top_k => 3, include_metadata => true);

-- the same in another namespace
SELECT question, id, score, metadata->>'summary' AS summary
  FROM question, pc_query('packages', vector => embedding, top_k => 3, namespace => 'games', include_metadata => true)
 WHERE question LIKE 'chess%';

-- only what a filter matches: Pinecone's language, and as many rows as were asked for, however few match
SELECT question, id, score, metadata->>'summary' AS summary
  FROM question, pc_query('packages', vector => embedding, top_k => 3, include_metadata => true,
                          filter => '{"tags": "interface::commandline", "installed_size": {"$lt": 200}}');

-- one answer over several namespaces, the best of all of them
SELECT question, namespace, id, score
  FROM question, pc_query_namespaces('packages', embedding, ARRAY['', 'games'], top_k => 3)
 WHERE question LIKE 'chess%';

-- neighbours of a record that is there
SELECT id, score, metadata->>'summary' AS summary
  FROM pc_query('packages', id => 'tcpdump', top_k => 5, include_metadata => true);

-- ====================================================================================
-- 4. Fetch, list, update, delete
-- ====================================================================================

SELECT id, vector_dims("values") AS dimensions, metadata FROM pc_fetch('packages', ARRAY['keepassxc', 'no-such-package']);

SELECT id, next_token FROM pc_list('packages', prefix => 'git', "limit" => 5);

-- fields that are named change, the others stay; by id, or all that a filter matches, which a dry run counts
SELECT pc_update('packages', 'keepassxc', set_metadata => '{"priority": "important", "seen": true}', unset_metadata => '{tags}');

SELECT metadata FROM pc_fetch('packages', ARRAY['keepassxc']);

SELECT pc_update('packages', filter => '{"section": "sound"}', set_metadata => '{"loud": true}', dry_run => true) AS would_change;

SELECT pc_update('packages', filter => '{"section": "sound"}', set_metadata => '{"loud": true}') AS changed;

SELECT pc_describe_index_stats('packages', filter => '{"loud": true}');

SELECT pc_delete('packages', ids => ARRAY['keepassxc', 'no-such-package']);

SELECT id, score FROM pc_query('packages', id => 'keepassxc');

-- namespaces as a whole: copied, renamed, deleted
SELECT name, record_count FROM pc_copy_namespace('packages', 'games', 'arcade');

SELECT name, record_count FROM pc_rename_namespace('packages', 'arcade', 'toys');

SELECT name, record_count FROM pc_list_namespaces('packages');

SELECT pc_delete('packages', delete_all => true, namespace => 'games');

SELECT pc_describe_index_stats('packages');

-- ====================================================================================
-- 5. A table that is there already becomes an index, without a copy
-- ====================================================================================

ALTER TABLE package ALTER name TYPE text COLLATE "C", ALTER embedding SET NOT NULL, ALTER metadata SET NOT NULL;

SELECT name, source_table FROM pc_create_index('debian', from_table => 'package', id_column => 'name');

SELECT q.id, score, split_part(description, E'\n', 1) AS description
  FROM pc_query('debian', id => 'tcpdump', top_k => 3, filter => '{"section": {"$in": ["net", "admin"]}}') q
  JOIN package p ON p.name = q.id;

SELECT pc_delete_index('debian');

-- ====================================================================================
-- 6. It is a table: join it, filter it, copy it, dump it
-- ====================================================================================

SELECT table_name AS packages FROM pc_describe_index('packages') \gset

SELECT metadata->>'section' AS section, count(*), round(avg((metadata->>'installed_size')::numeric)) AS average_kib
  FROM :packages GROUP BY section ORDER BY count(*) DESC LIMIT 5;

-- nearest neighbours under any condition that SQL can express, joined with an ordinary table
SELECT i.id, round((1 - (i."values" <=> q.embedding))::numeric, 3) AS score, split_part(p.description, E'\n', 1) AS description
  FROM question AS q, :packages AS i JOIN package AS p ON p.name = i.id
 WHERE q.question LIKE 'packet sniffer%' AND i.metadata->'tags' ? 'interface::text-mode'
 ORDER BY i."values" <=> q.embedding LIMIT 5;
