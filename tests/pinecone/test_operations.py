"""Pinecone's operations, each with what it answers and what it refuses. What a key may call of them is in `access/test_matrix.py`."""

import json

import psycopg
import pytest

RECORDS = json.dumps([
    {"id": "a/1", "values": [1, 0], "metadata": {"genre": "drama", "year": 2020}},
    {"id": "a/2", "values": [0, 1], "metadata": {"genre": "comedy", "tags": ["x", "y"]}},
    {"id": "b/1", "values": [1, 1]},
])

OPERATIONS = {
    "list indexes": [("SELECT name, dimension, metric, ready FROM pc_list_indexes()", [("films", 2, "euclidean", True)])],
    "describe index": [
        ("SELECT metric, vector_type, status, deletion_protection, tags FROM pc_describe_index('films')", [("euclidean", "dense", "Ready", "disabled", {})]),
        ("SELECT pc_describe_index('nope')", "42P01"),
        ("SELECT pc_has_index('films'), pc_has_index('nope')", [(True, False)]),
    ],
    "create index": [
        ("SELECT name, metric, ready FROM pc_create_index('books', 3)", [("books", "cosine", True)]),
        ("SELECT pc_create_index('films', 3)", "42P07"),  # 409
        ("SELECT pc_create_index('No_Name', 3)", "22023"),  # 400
        ("SELECT pc_create_index('none')", "22023"),
        ("SELECT pc_create_index('none', 0)", "22023"),
        ("SELECT pc_create_index('none', 3, 'manhattan')", "22023"),
        ("SELECT pc_create_index('none', vector_type => 'sparse')", "0A000"),  # not yet
    ],
    "configure index": [
        ("""SELECT tags, deletion_protection FROM pc_configure_index('films', 'enabled', '{"a": "1", "b": "2"}')""", [({"a": "1", "b": "2"}, "enabled")]),
        ("""SELECT tags, deletion_protection FROM pc_configure_index('films', tags => '{"a": ""}')""", [({"b": "2"}, "enabled")]),
        ("SELECT read_capacity->>'mode' FROM pc_configure_index('films', read_capacity => '{\"mode\": \"OnDemand\"}')", [("OnDemand",)]),
        ("SELECT pc_configure_index('nope')", "42P01"),
        ("SELECT pc_configure_index('films', 'perhaps')", "22023"),
        ("SELECT pc_configure_index('films', tags => (SELECT jsonb_object_agg('k' || i, 'v') FROM generate_series(1, 21) i))", "22023"),
        ("SELECT pc_configure_index('films', tags => jsonb_build_object(repeat('k', 81), 'v'))", "22023"),
        ("SELECT pc_configure_index('films', tags => jsonb_build_object('k', repeat('v', 121)))", "22023"),
        ("SELECT pc_configure_index('films', spec => '[]')", "22023"),
        ("SELECT tags FROM pc_describe_index('films')", [({"b": "2"},)]),
    ],
    "delete index": [
        ("SELECT count(*) FROM pc_configure_index('films', 'enabled')", [(1,)]),
        ("SELECT pc_delete_index('films')", "55006"),  # 403
        ("SELECT count(*) FROM pc_configure_index('films', 'disabled')", [(1,)]),
        ("SELECT pc_delete_index('films')::text", [("",)]),
        ("SELECT pc_delete_index('films')", "42P01"),  # 404
    ],
    "upsert vectors": [
        (f"SELECT pc_upsert('films', '{RECORDS}')", [(3,)]),
        ("SELECT pc_upsert('films', '[{\"id\": \"a/1\", \"values\": [5, 5]}]')", [(1,)]),
        ("SELECT \"values\"::text, metadata FROM pc_fetch('films', '{a/1}')", [("[5,5]", {})]),  # the whole record
        ("SELECT pc_upsert('films', '[{\"id\": \"new\", \"values\": [1, 1]}, {\"id\": \"bad\", \"values\": [1]}]')", "22000"),  # all or nothing
        ("SELECT pc_upsert('films', '[{\"id\": \"bad\", \"values\": [0, 0]}]')", "22023"),
        ("SELECT id FROM pc_list('films')", [("a/1",), ("a/2",), ("b/1",)]),
        ("SELECT pc_upsert_many('films', '{c/1,c/1}', ARRAY['[1,2]', '[3,4]']::vector[], namespace => 'new')", [(1,)]),
        ("SELECT \"values\"::text FROM pc_fetch('films', '{c/1}', 'new')", [("[3,4]",)]),  # the last of an id
        ("SELECT pc_upsert('nope', '[]')", "42P01"),
    ],
    "update": [
        ("""SELECT pc_update('films', 'a/1', set_metadata => '{"year": 2021, "new": true}')""", [(1,)]),  # merged
        ("SELECT \"values\"::text, metadata FROM pc_fetch('films', '{a/1}')", [("[1,0]", {"genre": "drama", "year": 2021, "new": True})]),
        ("""SELECT pc_update('films', 'a/1', "values" => '[2,2]')""", [(1,)]),
        ("SELECT \"values\"::text, metadata->'year' FROM pc_fetch('films', '{a/1}')", [("[2,2]", 2021)]),
        ("SELECT pc_update('films', 'nobody', set_metadata => '{}')", [(0,)]),  # 200, no effect, nothing made
        ("""SELECT pc_update('films', filter => '{"genre": "comedy"}', set_metadata => '{"shelf": 1}')""", [(1,)]),
        ("""SELECT pc_update('films', filter => '{"genre": "western"}', set_metadata => '{"shelf": 1}')""", [(0,)]),
        ("SELECT id FROM pc_fetch_by_metadata('films', '{\"shelf\": 1}')", [("a/2",)]),
        ("SELECT pc_update('films', 'a/1', unset_metadata => '{new,genre}')", [(1,)]),
        ("SELECT metadata FROM pc_fetch('films', '{a/1}')", [({"year": 2021},)]),
        ("SELECT pc_update('films')", "22023"),
        ("""SELECT pc_update('films', 'a/1', filter => '{"genre": "comedy"}')""", "22023"),
        ("""SELECT pc_update('films', filter => '{"genre": "comedy"}', "values" => '[1,1]')""", "22023"),
        ("SELECT pc_update('films', filter => '{}', set_metadata => '{\"a\": 1}')", "22023"),
        ("""SELECT pc_update('films', 'a/1', "values" => '[1,1,1]')""", "22000"),
        ("SELECT pc_update('films', 'a/1', set_metadata => '{\"a\": {}}')", "22023"),
        ("SELECT pc_update('nope', 'a/1')", "42P01"),
    ],
    "update, dry run": [
        ("""SELECT pc_update('films', filter => '{"year": {"$gt": 0}}', set_metadata => '{"shelf": 1}', dry_run => true)""", [(1,)]),
        ("""SELECT pc_update('films', 'a/1', "values" => '[9,9]', dry_run => true), pc_update('films', 'x', dry_run => true)""", [(1, 0)]),
        ("SELECT \"values\"::text, metadata->'shelf' FROM pc_fetch('films', '{a/1}')", [("[1,0]", None)]),
        ("SELECT pc_update('films', filter => '{}', dry_run => true)", "22023"),
        ("""SELECT pc_update('films', filter => '{"a": {"$x": 1}}', dry_run => true)""", "22023"),
        ("SELECT pc_update('films', dry_run => true)", "22023"),
    ],
    "delete vectors": [
        ("SELECT pc_delete('films', '{b/1,nobody}')", [(1,)]),
        ("""SELECT pc_delete('films', filter => '{"genre": "drama"}')""", [(1,)]),
        ("SELECT id FROM pc_list('films')", [("a/2",)]),
        ("SELECT pc_delete('films', delete_all => true)", [(1,)]),
        ("SELECT pc_delete('films', '{a}', namespace => 'nowhere'), pc_delete('films', delete_all => true, namespace => 'nowhere')", [(0, 0)]),  # 404 there
        ("SELECT pc_delete('films')", "22023"),
        ("SELECT pc_delete('films', '{a}', true)", "22023"),
        ("SELECT pc_delete('films', '{a}', filter => '{\"a\": 1}')", "22023"),
        ("SELECT pc_delete('films', filter => '{}')", "22023"),
        ("SELECT pc_delete('films', '{}')", "22023"),
        ("SELECT pc_delete('films', array_fill('a'::text, ARRAY[1001]))", "22023"),
        ("SELECT pc_delete('films', '{a,NULL}')", "22004"),
        ("SELECT pc_delete('nope', '{a}')", "42P01"),
    ],
    "fetch": [
        ("SELECT id, \"values\"::text, sparse_values, metadata FROM pc_fetch('films', '{b/1,nobody,b/1}')", [("b/1", "[1,1]", None, {})]),
        ("SELECT * FROM pc_fetch('films', '{b/1}', 'nowhere')", []),
        ("SELECT count(*) FROM pc_fetch('films', array_fill('b/1'::text, ARRAY[1000]))", [(1,)]),
        ("SELECT * FROM pc_fetch('films', array_fill('b/1'::text, ARRAY[1001]))", "22023"),
        ("SELECT * FROM pc_fetch('films', '{}')", "22023"),
        ("SELECT * FROM pc_fetch('nope', '{a}')", "42P01"),
    ],
    "fetch by metadata": [
        ("SELECT id, \"values\"::text, metadata->'year', next_token FROM pc_fetch_by_metadata('films', '{\"year\": {\"$gte\": 2000}}')", [("a/1", "[1,0]", 2020, None)]),
        ("SELECT id, next_token IS NULL FROM pc_fetch_by_metadata('films', '{\"genre\": {\"$exists\": true}}', \"limit\" => 1)", [("a/1", False)]),
        ("""SELECT id, next_token FROM pc_fetch_by_metadata('films', '{"genre": {"$exists": true}}', "limit" => 1, pagination_token =>
            (SELECT next_token FROM pc_fetch_by_metadata('films', '{"genre": {"$exists": true}}', "limit" => 1)))""", [("a/2", None)]),
        ("SELECT * FROM pc_fetch_by_metadata('films', '{\"genre\": \"drama\"}', 'nowhere')", []),
        ("SELECT * FROM pc_fetch_by_metadata('films', '{}')", "22023"),
        ("SELECT * FROM pc_fetch_by_metadata('films', NULL)", "22004"),
        ("SELECT * FROM pc_fetch_by_metadata('films', '{\"a\": 1}', \"limit\" => 10001)", "22023"),
        ("SELECT * FROM pc_fetch_by_metadata('nope', '{\"a\": 1}')", "42P01"),
    ],
    "query": [
        ("SELECT id, score FROM pc_query('films', '[1,0]', 2)", [("a/1", 0.0), ("b/1", 1.0)]),  # squared distances, the least first
        ("SELECT id, score, \"values\"::text, metadata FROM pc_query('films', id => 'b/1', top_k => 1)", [("b/1", 0.0, None, None)]),
        ("SELECT \"values\"::text, metadata FROM pc_query('films', '[1,1]', 1, include_values => true, include_metadata => true)", [("[1,1]", {})]),
        ("SELECT id FROM pc_query('films', '[1,0]', filter => '{\"genre\": {\"$ne\": \"drama\"}}')", [("a/2",)]),  # of those that have one
        ("SELECT id FROM pc_query('films', '[1,1]', filter => '{}')", [("b/1",), ("a/1",), ("a/2",)]),  # no filter; ties by id
        ("SELECT * FROM pc_query('films', id => 'nobody')", []),
        ("SELECT * FROM pc_query('films', '[1,0]', namespace => 'nowhere')", []),
        ("SELECT count(*) FROM pc_query('films', '[1,0]', 10000)", [(3,)]),
        ("SELECT * FROM pc_query('films', '[1,0]', 10001)", "22023"),
        ("SELECT * FROM pc_query('films', '[1,0]', 0)", "22023"),
        ("SELECT * FROM pc_query('films')", "22023"),
        ("SELECT * FROM pc_query('films', '[1,0]', id => 'b/1')", "22023"),
        ("SELECT * FROM pc_query('films', '[1,0,0]')", "22000"),
        ("SELECT * FROM pc_query('films', '[1,0]', filter => '{\"$gt\": 1}')", "22023"),
        ("SELECT * FROM pc_query('films', '[1,0]', sparse_vector => '{1:1}/5')", "0A000"),
        ("SELECT * FROM pc_query('nope', '[1,0]')", "42P01"),
    ],
    "query over namespaces": [
        (f"SELECT pc_upsert('films', '{RECORDS}', 'other')", [(3,)]),
        ("SELECT namespace, id, score FROM pc_query_namespaces('films', '[1,0]', ARRAY['', 'other', 'nowhere'], 3)", [("", "a/1", 0.0), ("other", "a/1", 0.0), ("", "b/1", 1.0)]),
        ("SELECT count(*) FROM pc_query_namespaces('films', '[1,0]', NULL)", [(6,)]),
        ("SELECT namespace, id FROM pc_query_namespaces('films', '[1,0]', '{other}', filter => '{\"tags\": \"y\"}')", [("other", "a/2")]),
        ("SELECT * FROM pc_query_namespaces('films', '[1,0]', '{}')", "22023"),
        ("SELECT * FROM pc_query_namespaces('films', NULL, '{other}')", "22004"),
        ("SELECT * FROM pc_query_namespaces('nope', '[1,0]', '{other}')", "42P01"),
    ],
    "list ids": [
        ("SELECT * FROM pc_list('films')", [("a/1", None), ("a/2", None), ("b/1", None)]),
        ("SELECT id FROM pc_list('films', 'a/')", [("a/1",), ("a/2",)]),
        ("SELECT id, next_token IS NULL FROM pc_list('films', \"limit\" => 2)", [("a/1", False), ("a/2", False)]),
        ("""SELECT id, next_token FROM pc_list('films', "limit" => 2, pagination_token => (SELECT max(next_token) FROM pc_list('films', "limit" => 2)))""", [("b/1", None)]),
        ("SELECT * FROM pc_list('films', namespace => 'nowhere')", []),
        ("SELECT * FROM pc_list('films', \"limit\" => 0)", "22023"),
        ("SELECT * FROM pc_list('films', \"limit\" => 1001)", "22023"),
        ("SELECT * FROM pc_list('nope')", "42P01"),
    ],
    "stats": [
        ("SELECT pc_describe_index_stats('films')", [({"dimension": 2, "metric": "euclidean", "vectorType": "dense", "totalVectorCount": 3, "namespaces": {"": {"vectorCount": 3}}},)]),
        ("SELECT pc_describe_index_stats('films', '{\"genre\": \"drama\"}')->'namespaces'", [({"": {"vectorCount": 1}},)]),  # 400 there
        ("SELECT pc_describe_index_stats('films', '{\"$or\": []}')", "22023"),
        ("SELECT pc_describe_index_stats('nope')", "42P01"),
    ],
    "list and describe namespaces": [
        ("SELECT name, record_count, next_token, total_count FROM pc_list_namespaces('films')", [("", 3, None, 1)]),
        ("SELECT name FROM pc_create_namespace('films', 'n1') UNION SELECT name FROM pc_create_namespace('films', 'n2') ORDER BY 1", [("n1",), ("n2",)]),
        ("SELECT name, total_count FROM pc_list_namespaces('films', 'n')", [("n1", 2), ("n2", 2)]),
        ("SELECT name, next_token IS NULL, total_count FROM pc_list_namespaces('films', \"limit\" => 2)", [("", False, 3), ("n1", False, 3)]),
        ("""SELECT name, next_token FROM pc_list_namespaces('films', "limit" => 2, pagination_token => (SELECT max(next_token) FROM pc_list_namespaces('films', "limit" => 2)))""", [("n2", None)]),
        ("SELECT name, record_count FROM pc_describe_namespace('films', '__default__')", [("", 3)]),
        ("SELECT * FROM pc_describe_namespace('films', 'nowhere')", "42704"),  # 404
        ("SELECT * FROM pc_list_namespaces('nope')", "42P01"),
    ],
    "create namespace": [
        ("SELECT * FROM pc_create_namespace('films', 'new', '{\"fields\": {\"genre\": {\"filterable\": true}}}')", [("new", 0, {"fields": {"genre": {"filterable": True}}})]),
        ("SELECT * FROM pc_create_namespace('films', 'new')", "42710"),  # 409
        ("SELECT * FROM pc_create_namespace('films', '__default__')", "42710"),  # by its records
        ("SELECT * FROM pc_create_namespace('films', 'other', '{\"fields\": {\"genre\": {\"filterable\": false}}}')", "22023"),
        ("SELECT * FROM pc_create_namespace('films', 'größe')", "22023"),
        ("SELECT * FROM pc_create_namespace('films', repeat('n', 513))", "22023"),
        ("SELECT * FROM pc_create_namespace('films', NULL)", "22004"),
        ("SELECT * FROM pc_create_namespace('nope', 'new')", "42P01"),
    ],
    "delete namespace": [
        ("SELECT name, record_count FROM pc_delete_namespace('films', '')", [("", 3)]),
        ("SELECT * FROM pc_delete_namespace('films', '')", "42704"),  # 404
        ("SELECT * FROM pc_delete_namespace('films', NULL)", "22004"),
        ("SELECT count(*) FROM pc_list('films')", [(0,)]),
        ("SELECT * FROM pc_delete_namespace('nope', '')", "42P01"),
    ],
    "rename and copy namespaces": [  # which Pinecone has not
        ("SELECT name, record_count FROM pc_rename_namespace('films', '', 'old')", [("old", 3)]),
        ("SELECT name, record_count FROM pc_copy_namespace('films', 'old', 'new')", [("new", 3)]),
        ("SELECT pc_describe_index_stats('films')->'namespaces'", [({"old": {"vectorCount": 3}, "new": {"vectorCount": 3}},)]),
        ("SELECT * FROM pc_rename_namespace('films', 'nowhere', 'there')", "42704"),
        ("SELECT * FROM pc_rename_namespace('films', 'old', 'new')", "42710"),
        ("SELECT * FROM pc_rename_namespace('films', NULL, 'there')", "22004"),
        ("SELECT * FROM pc_copy_namespace('films', 'nowhere', 'there')", "42704"),
        ("SELECT * FROM pc_copy_namespace('films', 'old', 'new')", "42710"),
        ("SELECT * FROM pc_copy_namespace('films', 'old', 'größe')", "22023"),
    ],
}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation(db, operation):
    db.execute("SELECT pc_create_index('films', 2, 'euclidean'), pc_upsert('films', %s)", [RECORDS])
    for call, expected in OPERATIONS[operation]:
        if isinstance(expected, str):
            with pytest.raises(psycopg.Error) as refused:
                db.execute(call)
            assert refused.value.sqlstate == expected, (call, refused.value)
        else:
            assert db.execute(call).fetchall() == expected, call
