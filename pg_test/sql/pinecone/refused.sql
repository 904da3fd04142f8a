-- Every refusal: SQLSTATE, message, detail, hint; and nothing left behind.
CREATE FUNCTION refused(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE state text; message text; detail text; hint text;
BEGIN
    EXECUTE command;
    RETURN 'ACCEPTED';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
    RETURN concat_ws(E'\n    ', state || ': ' || message, nullif(detail, ''), nullif(hint, ''));
END $$;
\pset format unaligned
-- the numbers of tables stand in some messages
ALTER SEQUENCE pc.index_id_seq RESTART WITH 501;
\pset tuples_only on
SELECT name FROM pc_create_index('cos', 3) UNION ALL SELECT name FROM pc_create_index('euc', 3, 'euclidean');
SELECT pc_upsert('cos', '[{"id": "old", "values": [1, 2, 3], "metadata": {"k": "v"}}]');

-- index names
SELECT refused(format('SELECT pc_create_index(%L, 3)', name))
  FROM unnest(ARRAY['', '-a', 'a-', 'Upper', 'under_score', 'quo''te', 'semi;colon', 'dou"ble', 'größe', 'new
line', repeat('x', 46)]) name;
SELECT refused('SELECT pc_create_index(NULL, 3)');
SELECT refused('SELECT pc_create_index(''cos'', 4)');

-- index definitions
SELECT refused('SELECT pc_create_index(''new'', ' || arguments || ')')
  FROM unnest(ARRAY['NULL', '0', '-1', '16001', '3, ''l2''', '3, metric => ''COSINE''', '3, vector_type => ''hybrid''',
    '3, vector_type => ''sparse''', 'vector_type => ''sparse''', '3, storage => ''int8''', '3, storage => ''HALFVEC''',
    '3, m => 1', '3, m => 101', '3, ef_construction => 3', '3, m => 50, ef_construction => 64',
    '3, deletion_protection => ''yes''', '3, tags => ''[]''', '3, tags => ''{"a": 1}''', '3, tags => ''{"a b": "c"}''',
    '3, spec => ''"x"''', '3, spec => ''{"pod": {"source_collection": "c"}}''']) arguments;
SELECT refused('SELECT pc_create_index(''new'')');

-- an index that is not there
SELECT refused(command) FROM unnest(ARRAY[
    'SELECT pc_describe_index(''nope'')', 'SELECT pc_describe_index(NULL)', 'SELECT pc_delete_index(''nope'')',
    'SELECT pc_configure_index(''nope'')', 'SELECT pc_upsert(''nope'', ''[]'')', 'SELECT pc_upsert(NULL, ''[]'')',
    'SELECT pc_upsert_many(''nope'', ''{}'', ''{}'')', 'SELECT pc_query(''nope'', ''[1]'')', 'SELECT pc_fetch(''nope'', ''{a}'')',
    'SELECT pc_delete(''nope'', delete_all => true)', 'SELECT pc_list(''nope; DROP TABLE x'')', 'SELECT pc_describe_index_stats(''"nope"'')']) command;

-- deletion protection
SELECT deletion_protection FROM pc_configure_index('euc', deletion_protection => 'enabled');
SELECT refused('SELECT pc_delete_index(''euc'')');
SELECT refused('SELECT pc_configure_index(''euc'', deletion_protection => ''off'')');
SELECT refused('SELECT pc_configure_index(''euc'', tags => ''{"a": ["b"]}'')');

-- records
SELECT refused(format('SELECT pc_upsert(''cos'', %L)', vectors)) FROM unnest(ARRAY[
    'null', '{}', '[]', '[1]', '[{}]', '[{"id": "a"}]', '[{"id": 1, "values": [1,2,3]}]', '[{"id": "", "values": [1,2,3]}]',
    '[{"id": "a", "values": [1,2]}]', '[{"id": "a", "values": []}]', '[{"id": "a", "values": [1,2,"3"]}]',
    '[{"id": "a", "values": [1,2,null]}]', '[{"id": "a", "values": {"x": 1}}]', '[{"id": "a", "values": [1,2,1e39]}]',
    '[{"id": "a", "values": [0,0,0]}]', '[{"id": "a", "values": [1,2,3], "score": 1}]',
    '[{"id": "ü", "values": [1,2,3]}]', '[{"id": "a", "values": [1,2,3], "sparse_values": {"indices": [1], "values": [1]}}]',
    '[{"id": "good", "values": [1,2,3]}, {"id": "bad", "values": [1,2]}]', '[["a", [1,2,3]]]', '[{"id": "a", "values": [1e-30,0,0]}]',
    '[{"id": "a", "values": [3e38,3e38,0]}]']::jsonb[]) vectors;
SELECT refused(format('SELECT pc_upsert(''cos'', %L)', jsonb_build_array(jsonb_build_object('id', 'a', 'values', array_fill(1, ARRAY[16001])))));
SELECT refused('SELECT pc_upsert(''cos'', NULL)');
SELECT refused(format('SELECT pc_upsert(''cos'', %L)', jsonb_build_array(jsonb_build_object('id', repeat('i', 513), 'values', '[1,2,3]'::jsonb))));
SELECT refused(format('SELECT pc_upsert(''cos'', %L)', (SELECT jsonb_agg(jsonb_build_object('id', i::text, 'values', '[1,2,3]'::jsonb)) FROM generate_series(1, 1001) i)));
SELECT refused('SELECT pc_upsert(''cos'', ''[{"id": "a", "values": [1,2,3]}]'', ''größe'')');
SELECT refused(format('SELECT pc_upsert(''cos'', ''[{"id": "a", "values": [1,2,3]}]'', %L)', repeat('n', 513)));

-- metadata
SELECT refused(format('SELECT pc_upsert(''cos'', %L)', jsonb_build_array('{"id": "good", "values": [1,2,3]}'::jsonb,
    jsonb_build_object('id', 'a', 'values', '[1,2,3]'::jsonb, 'metadata', metadata)))) FROM unnest(ARRAY[
    '[]', '"x"', '1', '{"a": null}', '{"a": {"b": 1}}', '{"pages": [1.0]}', '{"a": ["x", 1]}', '{"a": [["x"]]}', '{"$a": 1}']::jsonb[]) metadata;
SELECT refused(format('SELECT pc_upsert(''cos'', %L)', jsonb_build_array(jsonb_build_object('id', 'a', 'values', '[1,2,3]'::jsonb,
    'metadata', jsonb_build_object('k', repeat('x', 40953))))));

-- the typed bulk form
SELECT refused('SELECT pc_upsert_many(''cos'', ' || arguments || ')') FROM unnest(ARRAY[
    'NULL, NULL', '''{a}'', NULL', '''{}'', ''{}''', '''{a,NULL}'', ARRAY[''[1,2,3]'', ''[1,2,3]'']::vector[]',
    '''{a,b}'', ARRAY[''[1,2,3]'', NULL]::vector[]', '''{a,b}'', ARRAY[''[1,2,3]'']::vector[]',
    '''{a}'', ARRAY[''[1,2,3]'']::vector[], metadata => ''{}''', '''{a}'', ARRAY[''[1,2]'']::vector[]', '''{a}'', ARRAY[''[0,0,0]'']::vector[]',
    '''{ü}'', ARRAY[''[1,2,3]'']::vector[]', '''{a}'', ARRAY[''[1,2,3]'']::vector[], ARRAY[''{"a": null}'']::jsonb[]',
    '''{a}'', ARRAY[''[1,2,3]'']::vector[], sparse_values => ARRAY[''{1:1}/5'']::sparsevec[]',
    '''{a}'', ARRAY[''[1,NaN,3]'']::vector[]', '''{a}'', ARRAY[''[1,Infinity,3]'']::vector[]', '''{a}'', ARRAY[''[1,1e39,3]'']::vector[]']) arguments;
SELECT refused('SELECT pc_upsert_many(''cos'', array_agg(i::text), array_agg(''[1,2,3]''::vector)) FROM generate_series(1, 1001) i');

-- queries
SELECT refused('SELECT pc_query(''cos'', ' || arguments || ')') FROM unnest(ARRAY[
    'NULL', '''[1,2,3]'', id => ''old''', '''[1,2,3]'', top_k => 0', '''[1,2,3]'', top_k => -1', '''[1,2,3]'', top_k => 10001', '''[1,2]''', '''[0,0,0]''',
    '''[1,2,NaN]''', '''[1,2,3]'', filter => ''{"k": {"$regex": "v"}}''', '''[1,2,3]'', filter => ''[]''', '''[1,2,3]'', namespace => ''ü''', 'id => ''''', 'id => ''ü''',
    'sparse_vector => ''{1:1}/5''', '''[1,2,3]'', sparse_vector => ''{1:1}/5''']) arguments;

-- fetch, delete, list, stats
SELECT refused(command) FROM unnest(ARRAY[
    'SELECT pc_fetch(''cos'', NULL)', 'SELECT pc_fetch(''cos'', ''{}'')', 'SELECT pc_fetch(''cos'', ''{a,NULL}'')',
    'SELECT pc_fetch(''cos'', array_fill(''a''::text, ARRAY[1001]))',
    'SELECT pc_delete(''cos'')', 'SELECT pc_delete(''cos'', ''{old}'', delete_all => true)', 'SELECT pc_delete(''cos'', ''{}'')',
    'SELECT pc_delete(''cos'', filter => ''{}'')', 'SELECT pc_delete(''cos'', filter => ''{"k": null}'')',
    'SELECT pc_delete(''cos'', delete_all => true, filter => ''{"k": "v"}'')',
    'SELECT pc_list(''cos'', "limit" => 0)', 'SELECT pc_list(''cos'', "limit" => 1001)',
    'SELECT pc_describe_index_stats(''cos'', ''{"$or": []}'')']) command;

-- nothing of all that is left
SELECT name, dimension, metric, tags FROM pc_list_indexes();
SELECT count(*) FROM pg_class WHERE relnamespace = 'pc_data'::regnamespace AND relkind = 'r';
SELECT * FROM pc_fetch('cos', ARRAY['old', 'good', 'a']);
SELECT pc_describe_index_stats('cos')->'totalVectorCount', pc_describe_index_stats('euc')->'totalVectorCount';

-- the table itself is held to the same rules, whatever way a row comes in
SELECT table_name AS cos FROM pc_describe_index('cos') \gset
SELECT refused('INSERT INTO ' || :'cos' || ' (namespace, id, "values", metadata) VALUES (' || row || ')') FROM unnest(ARRAY[
    '''ü'', ''a'', ''[1,2,3]'', ''{}''', '''__default__'', ''a'', ''[1,2,3]'', ''{}''', 'repeat(''n'', 513), ''a'', ''[1,2,3]'', ''{}''',
    ''''', '''', ''[1,2,3]'', ''{}''', ''''', ''ü'', ''[1,2,3]'', ''{}''', ''''', repeat(''i'', 513), ''[1,2,3]'', ''{}''', ''''', NULL, ''[1,2,3]'', ''{}''',
    ''''', ''a'', ''[1,2]'', ''{}''', ''''', ''a'', ''[0,0,0]'', ''{}''', ''''', ''a'', NULL, ''{}''',
    ''''', ''a'', ''[1,2,3]'', ''{"a": {"b": 1}}''', ''''', ''a'', ''[1,2,3]'', ''[]''', ''''', ''a'', ''[1,2,3]'', NULL',
    ''''', ''old'', ''[1,2,3]'', ''{}''']) row;
SELECT refused('INSERT INTO ' || :'cos' || ' (id, "values", sparse_values) VALUES (''s'', ''[1,2,3]'', ''{1:1}/5'')');
SELECT refused('UPDATE ' || :'cos' || ' SET metadata = ''{"a": null}''');
SELECT refused('UPDATE ' || :'cos' || ' SET "values" = ''[0,0,0]''');
\set VERBOSITY terse
COPY :cos (id, "values") FROM stdin;
c1	[1,0,0]
c2	[0,0,0]
\.
COPY :cos (id, "values") FROM stdin;
c1	[1,0,0]
\.
COPY :cos (namespace, id, "values") FROM stdin;
__default__	c3	[1,0,0]
\.
SELECT id FROM pc_list('cos');

-- what users hang on a table is not ours to drop
CREATE VIEW mine AS SELECT id FROM :cos;
SELECT refused('SELECT pc_delete_index(''cos'')');
DROP VIEW mine;
SELECT pc_configure_index('euc', deletion_protection => 'disabled') IS NOT NULL;
SELECT pc_delete_index(name) FROM pc_list_indexes();
DROP FUNCTION refused;
