-- pc_update by id: each part for itself, metadata merged and unset.
\set VERBOSITY terse
SELECT count(*) FROM pc_create_index('parts', 2);
SELECT pc_upsert('parts', '[{"id": "a", "values": [1, 0], "metadata": {"genre": "drama", "year": 2020, "tags": ["x"]}},
                            {"id": "b", "values": [0, 1]}]', 'ns');
SELECT pc_update('parts', 'a', "values" => '[3,4]', namespace => 'ns');
SELECT * FROM pc_fetch('parts', '{a,b}', 'ns');
SELECT pc_update('parts', 'a', set_metadata => '{"year": 2021, "new": true}', namespace => 'ns');
SELECT metadata FROM pc_fetch('parts', '{a}', 'ns');
SELECT pc_update('parts', 'a', unset_metadata => '{genre,tags,never}', namespace => 'ns');
SELECT metadata FROM pc_fetch('parts', '{a}', 'ns');
SELECT pc_update('parts', 'a', "values" => '[1,1]', set_metadata => '{"genre": "comedy"}', unset_metadata => '{year}', namespace => 'ns');
SELECT * FROM pc_fetch('parts', '{a,b}', 'ns');
SELECT id, round(score::numeric, 5) FROM pc_query('parts', '[1,1]', namespace => 'ns');
-- no record of that id, or none in another namespace: no effect, and nothing is made
SELECT pc_update('parts', 'c', "values" => '[1,1]', namespace => 'ns'), pc_update('parts', 'a', "values" => '[7,7]');
SELECT id FROM pc_list('parts', namespace => 'ns');
-- nothing to change, and a dry run
SELECT pc_update('parts', 'a', namespace => 'ns'), pc_update('parts', 'a', set_metadata => '{}', unset_metadata => '{}', namespace => 'ns');
SELECT pc_update('parts', 'a', "values" => '[9,9]', set_metadata => '{"x": 1}', namespace => 'ns', dry_run => true);
SELECT * FROM pc_fetch('parts', '{a}', 'ns');

\set VERBOSITY default
\set SHOW_CONTEXT never
SELECT pc_update('parts');
SELECT pc_update('parts', 'a', filter => '{"genre": "comedy"}');
SELECT pc_update('parts', '');
SELECT pc_update('parts', 'ü');
SELECT pc_update('parts', 'a', "values" => '[1,2,3]', namespace => 'ns');
SELECT pc_update('parts', 'a', "values" => '[0,0]', namespace => 'ns');
SELECT pc_update('parts', 'a', sparse_values => '{1:1}/5', namespace => 'ns');
SELECT pc_update('parts', 'a', set_metadata => '{"a": null}', namespace => 'ns');
SELECT pc_update('parts', 'a', set_metadata => '{"a": [1]}', namespace => 'ns');
SELECT pc_update('parts', 'a', set_metadata => '[]', namespace => 'ns');
SELECT pc_update('parts', 'a', set_metadata => '{"$a": 1}', namespace => 'ns');
SELECT pc_update('parts', 'a', set_metadata => '{"a": 1}', unset_metadata => '{a}', namespace => 'ns');
SELECT pc_update('parts', 'a', unset_metadata => '{a,NULL}', namespace => 'ns');
SELECT pc_update('parts', 'a', "values" => '[1,2]', namespace => 'ü');
SELECT pc_update('nope', 'a', "values" => '[1,2]');
SELECT pc_update(NULL, 'a');
-- each part is within its limit, both together are not
SELECT pc_update('parts', 'a', set_metadata => jsonb_build_object('k', repeat('x', 30000)), namespace => 'ns');
SELECT pc_update('parts', 'a', set_metadata => jsonb_build_object('l', repeat('x', 30000)), namespace => 'ns');
SELECT id, length(metadata->>'k'), metadata->>'l' FROM pc_fetch('parts', '{a}', 'ns');
SELECT pc_delete_index('parts');
