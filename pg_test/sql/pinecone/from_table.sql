-- An index over a table that is there already: all functions work on it, and it stays the user's.
CREATE TABLE docs (id text COLLATE "C" PRIMARY KEY, title text, embedding vector(3) NOT NULL, metadata jsonb NOT NULL DEFAULT '{}');
INSERT INTO docs SELECT 'd' || i, 't' || i, ARRAY[i, 1, 2]::vector(3), jsonb_build_object('n', i) FROM generate_series(1, 20) i;
SELECT name, dimension, metric, storage, status, table_name, source_table, record_count_estimate FROM pc_create_index('docs', from_table => 'docs');
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = 'docs'::regclass ORDER BY 1;
SELECT id, round(score::numeric, 4) AS score, metadata FROM pc_query('docs', '[1,1,2]', top_k => 3, include_metadata => true);
SELECT id FROM pc_query('docs', '[1,1,2]', top_k => 3, filter => '{"n": {"$gt": 15}}');
SELECT id FROM pc_query('docs', id => 'd4', top_k => 1);
SELECT count(*) FROM pc_query('docs', '[1,1,2]', namespace => 'elsewhere');
SELECT id FROM pc_query_namespaces('docs', '[1,1,2]', NULL, top_k => 2);
SELECT pc_upsert('docs', '[{"id": "new", "values": [1, 1, 1], "metadata": {"n": 100}}, {"id": "d1", "values": [3, 1, 1]}]'),
       pc_upsert_many('docs', '{many}', ARRAY['[3,2,1]']::vector[]);
SELECT * FROM docs WHERE id IN ('new', 'd1', 'many') ORDER BY id;
SELECT * FROM pc_fetch('docs', '{new,d1}');
SELECT id FROM pc_fetch_by_metadata('docs', '{"n": {"$lte": 3}}', "limit" => 2);
SELECT id FROM pc_list('docs', prefix => 'd1', "limit" => 3);
SELECT pc_update('docs', 'd2', "values" => '[9,9,9]', set_metadata => '{"x": true}');
SELECT pc_update('docs', filter => '{"n": {"$lt": 5}}', set_metadata => '{"small": true}', unset_metadata => '{x}');
SELECT pc_delete('docs', '{d3,d3,nothing}'), pc_delete('docs', filter => '{"n": 4}'), pc_delete('docs', delete_all => true, namespace => 'elsewhere');
SELECT pc_describe_index_stats('docs'), pc_describe_index_stats('docs', '{"small": true}');
SELECT name, record_count FROM pc_list_namespaces('docs');
-- what the user does by SQL is under the same rules
INSERT INTO docs VALUES ('mine', 'my own', '[1,2,3]');
SELECT id FROM pc_query('docs', '[1,2,3]', top_k => 1);
\set VERBOSITY terse
INSERT INTO docs VALUES ('é', 't', '[1,2,3]');
INSERT INTO docs VALUES ('z', 't', '[0,0,0]');
INSERT INTO docs VALUES ('z', 't', '[1,0,0]', '{"a": null}');
SELECT pc_upsert('docs', '[{"id": "z", "values": [0, 0, 0]}]');
SELECT pc_upsert('docs', '[{"id": "z", "values": [1, 0]}]');
SELECT pc_upsert('docs', '[{"id": "z", "values": [1, 0, 1]}]', 'other');
SELECT pc_create_namespace('docs', 'other');
SELECT pc_rename_namespace('docs', '', 'other');
ALTER TABLE docs ALTER embedding TYPE vector(4);
ALTER TABLE docs DROP COLUMN metadata;
DROP TABLE docs;
SELECT pc_create_index('again', from_table => 'docs');
SELECT item, state FROM pc_security_report() WHERE area = 'objects' AND item LIKE '%table%';
ALTER TABLE docs DISABLE ROW LEVEL SECURITY;
SELECT item, state, found FROM pc_security_report() WHERE area = 'objects' AND item LIKE '%table%';
-- the index goes, the table stays
SELECT pc_delete_index('docs');
SELECT count(*), count(title) FROM docs;
SELECT relacl::text LIKE '%conifer%' AS granted, relrowsecurity FROM pg_class WHERE oid = 'docs'::regclass;
SELECT conname FROM pg_constraint WHERE conrelid = 'docs'::regclass AND contype <> 'n'
UNION ALL SELECT polname FROM pg_policy WHERE polrelid = 'docs'::regclass
UNION ALL SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = 'docs'::regclass;

-- columns of other names, a key in another order, namespaces; names that have to be quoted
CREATE SCHEMA "Other; one";
CREATE TABLE "Other; one"."The ""table""" ("the ns" text COLLATE "C" NOT NULL, "Key" text COLLATE "C", v halfvec(2) NOT NULL,
    "m'" jsonb NOT NULL, extra int NOT NULL, PRIMARY KEY ("Key", "the ns"));
SELECT name, storage, source_table FROM pc_create_index('quoted', metric => 'euclidean', from_table => '"Other; one"."The ""table"""',
    id_column => 'Key', vector_column => 'v', metadata_column => 'm''', namespace_column => 'the ns',
    schema => '{"fields": {"n": {"type": "float", "filterable": true}}}');
SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '"Other; one"."The ""table"""'::regclass ORDER BY 1;
SELECT pc_upsert('quoted', '[{"id": "z", "values": [0, 1]}]', 'a');
ALTER TABLE "Other; one"."The ""table""" ALTER extra SET DEFAULT 1;
SELECT pc_upsert('quoted', '[{"id": "z", "values": [0, 1], "metadata": {"n": 1}}, {"id": "y", "values": [1, 1]}]', 'a');
SELECT * FROM pc_rename_namespace('quoted', 'a', 'b');
SELECT * FROM pc_copy_namespace('quoted', 'b', 'c');
ALTER TABLE "Other; one"."The ""table""" RENAME TO renamed;
ALTER TABLE "Other; one".renamed RENAME v TO vv;
ALTER TABLE "Other; one".renamed SET SCHEMA public;
SELECT id, score, "values" FROM pc_query('quoted', '[1,1]', namespace => 'c', include_values => true, filter => '{"n": {"$exists": true}}');
SELECT namespace, id FROM pc_query_namespaces('quoted', '[1,1]', NULL, 3);
SELECT pc_delete('quoted', delete_all => true, namespace => 'c');
SELECT pc_describe_index_stats('quoted');
DROP TABLE renamed CASCADE;
SELECT name, status, table_name, source_table FROM pc_list_indexes();
SELECT pc_delete_index('quoted');

-- what cannot be an index, and what to do about it
\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT pc_create_index('no', from_table => 'nothing');
SELECT pc_create_index('no', from_table => 4000000000);
SELECT pc_create_index('no', 3, id_column => 'id');
CREATE VIEW seen AS SELECT * FROM docs;
SELECT pc_create_index('no', from_table => 'seen');
CREATE TABLE parted (LIKE docs) PARTITION BY LIST (id);
SELECT pc_create_index('no', from_table => 'parted');
CREATE TEMP TABLE passing (LIKE docs INCLUDING ALL);
SELECT pc_create_index('no', from_table => 'passing');
CREATE FOREIGN DATA WRAPPER afar;
CREATE SERVER afar FOREIGN DATA WRAPPER afar;
CREATE FOREIGN TABLE far (id text, embedding vector(3)) SERVER afar;
SELECT pc_create_index('no', from_table => 'far');
CREATE TABLE child () INHERITS (docs);
SELECT pc_create_index('no', from_table => 'docs');
DROP TABLE child;
SELECT pc_create_index('no', from_table => 'pg_class');
SELECT pc_create_index('no', from_table => 'docs_pkey');
SELECT pc_create_index('no', from_table => 'pc.index_reg');
SELECT name FROM pc_create_index('own', 3);
SELECT pc_create_index('no', from_table => 'pc_data.i_3');
ALTER TABLE docs ENABLE ROW LEVEL SECURITY;
SELECT pc_create_index('no', from_table => 'docs');
ALTER TABLE docs DISABLE ROW LEVEL SECURITY;
SELECT pc_create_index('no', from_table => 'docs', vector_column => 'nowhere');
SELECT pc_create_index('no', from_table => 'docs', namespace_column => 'nowhere');
SELECT pc_create_index('no', from_table => 'docs', id_column => 'title');
SELECT pc_create_index('no', from_table => 'docs', namespace_column => 'id');
SELECT pc_create_index('no', from_table => 'docs', vector_column => 'title');
SELECT pc_create_index('no', from_table => 'docs', metadata_column => 'title');
SELECT pc_create_index('no', 4, from_table => 'docs');
SELECT pc_create_index('no', from_table => 'docs', storage => 'halfvec');
SELECT pc_create_index('no', from_table => 'docs', vector_type => 'sparse');
SELECT pc_create_index('own', from_table => 'docs');
CREATE TABLE bare (id uuid, embedding vector, note text);
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ADD COLUMN "metadata" jsonb;
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ALTER COLUMN id TYPE text;
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ALTER COLUMN id TYPE text COLLATE "C";
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ALTER COLUMN embedding TYPE vector(2);
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ALTER COLUMN id SET NOT NULL, ALTER COLUMN embedding SET NOT NULL;
INSERT INTO bare VALUES ('twice', '[1,1]'), ('twice', '[1,2]');
SELECT pc_create_index('no', from_table => 'bare');
UPDATE bare SET "metadata" = '{}' WHERE "metadata" IS NULL; ALTER TABLE bare ALTER COLUMN metadata SET NOT NULL;
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ADD UNIQUE (id);
DELETE FROM bare WHERE embedding = '[1,1]';
CREATE UNIQUE INDEX some_of_them ON bare (id) WHERE note IS NOT NULL;
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ADD UNIQUE (id) DEFERRABLE;
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ADD COLUMN twin text COLLATE "C" GENERATED ALWAYS AS (id) STORED;
SELECT pc_create_index('no', from_table => 'bare', id_column => 'twin');
ALTER TABLE bare ADD UNIQUE (id);
INSERT INTO bare VALUES ('zero', '[0,0]', NULL, '{}');
SELECT pc_create_index('no', from_table => 'bare');
SELECT pc_create_index('no', from_table => 'bare', metric => 'euclidean');
DELETE FROM bare WHERE id = 'zero';
INSERT INTO bare VALUES ('nested', '[1,0]', NULL, '{"a": {"b": 1}}');
SELECT pc_create_index('no', from_table => 'bare');
DELETE FROM bare WHERE id = 'nested';
INSERT INTO bare VALUES (repeat('x', 513), '[1,0]', NULL, '{}');
SELECT pc_create_index('no', from_table => 'bare');
DELETE FROM bare WHERE length(id) > 512;
ALTER TABLE bare ADD COLUMN namespace text COLLATE "C" NOT NULL DEFAULT '';
SELECT pc_create_index('no', from_table => 'bare');
ALTER TABLE bare ADD UNIQUE (namespace, id);
INSERT INTO bare (id, embedding, metadata, namespace) VALUES ('spaced', '[1,0]', '{}', 'größe');
SELECT pc_create_index('no', from_table => 'bare');
DELETE FROM bare WHERE id = 'spaced';
-- none of these left anything behind
SELECT conname FROM pg_constraint WHERE conrelid = 'bare'::regclass AND conname LIKE 'conifer%';
SELECT relrowsecurity FROM pg_class WHERE oid = 'bare'::regclass;
SELECT name, source_table FROM pc_create_index('yes', from_table => 'bare');
