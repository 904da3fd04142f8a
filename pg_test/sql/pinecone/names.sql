-- Ids and namespaces with all that ASCII has, paging, and the two names of the default namespace.
SELECT count(*) FROM pc_create_index('names', 2);
SELECT pc_upsert('names', jsonb_agg(jsonb_build_object('id', id, 'values', '[1, 2]'::jsonb)), $$it's; "x" -- $1 \ %$$)
  FROM unnest(ARRAY['a', 'a''b', 'a"b', 'a;b', 'a\b', '#/:% ', '$1', '--', 'A', E'tab\there', E'a\x7f']) AS id;
SELECT id FROM pc_list('names', namespace => $$it's; "x" -- $1 \ %$$);
SELECT id FROM pc_list('names', prefix => 'a', namespace => $$it's; "x" -- $1 \ %$$);
SELECT id FROM pc_fetch('names', ARRAY['a''b', 'a"b', '$1', '#/:% '], $$it's; "x" -- $1 \ %$$);
SELECT id FROM pc_query('names', id => 'a;b', top_k => 2, namespace => $$it's; "x" -- $1 \ %$$);
SELECT pc_delete('names', ids => ARRAY['a;b', 'a''b'], namespace => $$it's; "x" -- $1 \ %$$);
SELECT pc_describe_index_stats('names');

-- '' and '__default__' are one
SELECT pc_upsert('names', '[{"id": "d", "values": [1, 0]}]', '__default__');
SELECT id FROM pc_list('names');
SELECT id FROM pc_list('names', namespace => NULL);
SELECT id FROM pc_fetch('names', ARRAY['d'], '__default__');
SELECT id, score FROM pc_query('names', '[1,0]', namespace => '__default__');
SELECT pc_delete('names', ids => ARRAY['d'], namespace => '__default__');

-- pages: the last one has no token
SELECT pc_upsert('names', jsonb_agg(jsonb_build_object('id', 'p' || i, 'values', '[1, 2]'::jsonb)), 'pages')
  FROM generate_series(1, 5) i;
SELECT * FROM pc_list('names', "limit" => 2, namespace => 'pages');
SELECT max(next_token) AS token FROM pc_list('names', "limit" => 2, namespace => 'pages') \gset
SELECT * FROM pc_list('names', "limit" => 2, pagination_token => :'token', namespace => 'pages');
SELECT max(next_token) AS token FROM pc_list('names', "limit" => 2, pagination_token => :'token', namespace => 'pages') \gset
SELECT * FROM pc_list('names', "limit" => 2, pagination_token => :'token', namespace => 'pages');
SELECT * FROM pc_list('names', "limit" => 5, namespace => 'pages');
SELECT * FROM pc_list('names', prefix => 'q', namespace => 'pages');
SELECT * FROM pc_list('names', prefix => 'ü', namespace => 'pages');

-- the longest id and namespace
SELECT pc_upsert('names', jsonb_build_array(jsonb_build_object('id', repeat('i', 512), 'values', '[1, 2]'::jsonb)), repeat('n', 512));
SELECT count(*) FROM pc_fetch('names', ARRAY[repeat('i', 512)], repeat('n', 512));

-- a hostile search_path changes nothing
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.spy(text, text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'spied'; END $$;
CREATE OPERATOR hostile.= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.spy);
CREATE OPERATOR hostile.> (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.spy);
CREATE OPERATOR hostile.< (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.spy);
CREATE OPERATOR hostile.>= (LEFTARG = text, RIGHTARG = text, FUNCTION = hostile.spy);
CREATE FUNCTION hostile.far(public.vector, public.vector) RETURNS float8 LANGUAGE plpgsql AS $$ BEGIN RAISE 'spied'; END $$;
CREATE OPERATOR hostile.<=> (LEFTARG = public.vector, RIGHTARG = public.vector, FUNCTION = hostile.far);
CREATE FUNCTION hostile.count() RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'spied'; END $$;
CREATE FUNCTION hostile.unnest(anyarray, anyarray, anyarray) RETURNS SETOF text LANGUAGE plpgsql AS $$ BEGIN RAISE 'spied'; END $$;
CREATE TYPE hostile.vector AS (x int);
CREATE TABLE hostile.index_reg (x int);
SET search_path = hostile, pg_catalog;
SELECT name, dimension FROM public.pc_describe_index('names');
SELECT public.pc_upsert('names', '[{"id": "h", "values": [1, 0]}]', 'hostile');
SELECT public.pc_upsert_many('names', ARRAY['i'], ARRAY['[0,1]']::public.vector[], namespace => 'hostile');
SELECT * FROM public.pc_query('names', '[1,0]', namespace => 'hostile', include_values => true);
SELECT * FROM public.pc_query('names', id => 'h', namespace => 'hostile', include_metadata => true);
SELECT id FROM public.pc_fetch('names', ARRAY['h'], 'hostile');
SELECT * FROM public.pc_list('names', prefix => 'h', namespace => 'hostile');
SELECT public.pc_delete('names', ids => ARRAY['h'], namespace => 'hostile');
SELECT (public.pc_describe_index_stats('names'))->'totalVectorCount';
SELECT name FROM public.pc_create_index('hostile', 2);
SELECT public.pc_delete_index('hostile');
RESET search_path;
\set VERBOSITY terse
SET client_min_messages = warning;
DROP SCHEMA hostile CASCADE;
SELECT pc_delete_index(name) FROM pc_list_indexes();
