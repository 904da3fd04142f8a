"""Bad input, by each way in: it is refused with its SQLSTATE, and nothing is left of it, or it is data like any other."""

import json

import psycopg
import pytest

GOOD = {"k": 1, "genre": "drama"}


@pytest.fixture
def table(db):
    """The table of an index `films` of a few records in two namespaces, and an index `others` of the same."""
    db.execute("SELECT pc_create_index('films', 2, 'euclidean'), pc_create_index('others', 2)")
    records = json.dumps([{"id": f"r{i}", "values": [i, 1], "metadata": GOOD | {"n": i}} for i in range(1, 6)])
    for index, namespace in (("films", ""), ("films", "n"), ("others", "")):
        db.execute("SELECT pc_upsert(%s, %s, %s)", [index, records, namespace])
    return db.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()[0]


def everything(db, table):
    return db.execute(f'SELECT namespace, id, "values"::text, metadata FROM {table} ORDER BY 1, 2').fetchall()


def refused(db, statement, parameters, state="22023"):
    with pytest.raises(psycopg.Error) as error:
        db.execute(statement, parameters)
    assert error.value.sqlstate == state, error.value
    return error.value.diag.message_primary


# ---------------------------------------------------------------------------------------------- metadata

METADATA_IN = {
    "upsert": "SELECT pc_upsert('films', jsonb_build_array(jsonb_build_object('id', 'new', 'values', '[1,2]'::jsonb, 'metadata', %s::jsonb)))",
    "upsert_many": "SELECT pc_upsert_many('films', '{new}', ARRAY['[1,2]'::vector], ARRAY[%s::jsonb])",
    "update by id": "SELECT pc_update('films', 'r1', set_metadata => %s)",
    "update by filter": "SELECT pc_update('films', filter => '{\"k\": 1}', set_metadata => %s)",
    "INSERT": "INSERT INTO {table} (id, \"values\", metadata) VALUES ('new', '[1,2]', %s)",
    "UPDATE": "UPDATE {table} SET metadata = %s",
}
BAD_METADATA = [
    {"a": {"b": 1}}, {"a": {}}, {"a": None}, {"a": [1.0]}, {"a": ["x", 1]}, {"a": [None]}, {"a": [["x"]]}, {"a": [{"b": "c"}]}, {"a": [True]}, {"$a": 1}, {"ok": 1, "$": 2},
    {"long": "x" * 40_960}, {"x" * 40_960: 1}, {"list": ["x"] * 11_000}, [], "text", 7, True, None,
]


def of_size(size):
    """Metadata of so many bytes, without white space, letters of two bytes and escaped ones among them."""
    metadata = {"k": 1, "ü": 'ü"' * 10_000}
    metadata["x"] = "x" * (size - len(json.dumps(metadata | {"x": ""}, ensure_ascii=False, separators=(",", ":")).encode()))
    return json.dumps(metadata)


@pytest.mark.parametrize("way", METADATA_IN)
def test_metadata(db, table, way):
    statement = METADATA_IN[way].replace("{table}", table)
    before = everything(db, table)
    for metadata in BAD_METADATA:
        if metadata is None and way == "upsert":  # a member that is null is absent
            continue
        message = refused(db, statement, [json.dumps(metadata)])
        assert message.startswith("metadata"), message
    assert refused(db, statement, [of_size(40_961)]) == "metadata size is 40961 bytes, which exceeds the limit of 40960 bytes per vector"
    assert everything(db, table) == before
    if "update by" in way:  # merged with what is there
        refused(db, statement, [of_size(40_960)])
        db.execute("SELECT pc_update('films', filter => '{\"k\": 1}', unset_metadata => '{n,genre}')")
    db.execute(statement, [of_size(40_960)])


# ---------------------------------------------------------------------------------------------- filters

FILTER_IN = {
    "query": "SELECT pc_query('films', '[1,1]', filter => %s)",
    "query by id": "SELECT pc_query('films', id => 'r1', filter => %s)",
    "query over namespaces": "SELECT pc_query_namespaces('films', '[1,1]', '{n}', filter => %s)",
    "fetch by metadata": "SELECT pc_fetch_by_metadata('films', %s)",
    "update": "SELECT pc_update('films', filter => %s, set_metadata => '{\"a\": 1}')",
    "update, dry run": "SELECT pc_update('films', filter => %s, dry_run => true)",
    "delete": "SELECT pc_delete('films', filter => %s)",
    "stats": "SELECT pc_describe_index_stats('films', %s)",
    "operator": "SELECT FROM {} WHERE metadata @@@ {literal}",
    "function": "SELECT FROM {} WHERE pc_filter_matches(metadata, {literal})",
    "constants": "SELECT pc_filter_matches('{{}}', {literal})",
}
BAD_FILTERS = [
    ({"genre": ["drama"]}, 'at "genre"'), ({"genre": None}, 'at "genre"'), ({"genre": {"main": "drama"}}, 'at "genre.main"'), ({"genre": {}}, 'at "genre"'),
    ({"genre": {"$regex": "^d"}}, 'at "genre.$regex"'), ({"genre": {"$in": "drama"}}, 'at "genre.$in"'), ({"genre": {"$in": [["drama"]]}}, 'at "genre.$in[0]"'),
    ({"genre": {"$in": [None]}}, 'at "genre.$in[0]"'), ({"n": {"$gt": "1"}}, 'at "n.$gt"'), ({"n": {"$exists": 1}}, 'at "n.$exists"'), ({"n": {"$not": 1}}, 'at "n.$not"'),
    ({"$gt": 5}, 'at "$gt"'), ({"$in": [1]}, 'at "$in"'), ({"$exists": True}, 'at "$exists"'), ({"$not": {"n": 1}}, 'at "$not"'), ({"$nor": [{"n": 1}]}, 'at "$nor"'),
    ({"$and": []}, 'at "$and"'), ({"$or": []}, 'at "$or"'), ({"$and": {"n": 1}}, 'at "$and"'), ({"$or": [{"n": 1}, {}]}, 'at "$or[1]"'), ({"$and": [1]}, 'at "$and[0]"'),
    ({"n": {"$in": [*range(10_001)]}}, "10000"), ({"n": {"$nin": [*range(10_001)]}}, "10000"),
    ({"long": "x" * (2 << 20)}, "2097152"), ([], "object"), ("x", "object"), (1, "object"), (None, "object"), (True, "object"),
]


def deep(levels):
    return "".join(['{"$and": ['] * levels) + '{"k": 1}' + "".join(["]}"] * levels)


@pytest.mark.parametrize("way", FILTER_IN)
def test_filters(db, table, way):
    before = everything(db, table)

    def statement(text):
        # as a literal, for what is refused while a statement is planned
        literal = "'" + text.replace("'", "''").replace("%", "%%") + "'"
        return (FILTER_IN[way].format(table, literal=literal), None) if "{literal}" in FILTER_IN[way] else (FILTER_IN[way], [text])

    for filter, where in BAD_FILTERS:
        message = refused(db, *statement(json.dumps(filter)))
        assert "filter" in message and where in message, (message, where)
    refused(db, *statement(deep(51)))
    if way in ("fetch by metadata", "update", "update, dry run", "delete"):
        assert refused(db, *statement("{}")) == "filter must not be empty"
    assert everything(db, table) == before
    # the limits themselves are within the limits
    for fit in (deep(50), json.dumps({"n": {"$in": [*range(10_000)]}}), json.dumps({"n": {"$nin": [*range(10_000)]}}), json.dumps({"n": {"$in": []}})):
        db.execute(*statement(fit))


# ---------------------------------------------------------------------------------------------- tokens

PAGES = {
    "list": [
        """SELECT id, next_token FROM pc_list('films', 'r', 2, %s)""",
        """SELECT id, next_token FROM pc_list('films', 'r', 2, %s, 'n')""",
        """SELECT id, next_token FROM pc_list('films', NULL, 2, %s)""",
        """SELECT id, next_token FROM pc_list('others', 'r', 2, %s)""",
    ],
    "fetch by metadata": [
        """SELECT id, next_token FROM pc_fetch_by_metadata('films', '{"k": 1}', '', 2, %s)""",
        """SELECT id, next_token FROM pc_fetch_by_metadata('films', '{"k": 1}', 'n', 2, %s)""",
        """SELECT id, next_token FROM pc_fetch_by_metadata('films', '{"k": {"$eq": 1}}', '', 2, %s)""",
        """SELECT id, next_token FROM pc_fetch_by_metadata('others', '{"k": 1}', '', 2, %s)""",
    ],
    "list namespaces": [
        """SELECT name, next_token FROM pc_list_namespaces('films', '', 1, %s)""",
        """SELECT name, next_token FROM pc_list_namespaces('films', 'n', 1, %s)""",
        """SELECT name, next_token FROM pc_list_namespaces('others', '', 1, %s)""",
    ],
}


def test_tokens_of_another_query(db, table):
    db.execute("SELECT pc_create_namespace('films', 'n2'), pc_create_namespace('others', 'n2')")
    everyone = [page for pages in PAGES.values() for page in pages]
    tokens = {page: db.execute(page, [None]).fetchall()[-1][1] for page in everyone}
    assert all(tokens.values()) and len(set(tokens.values())) == len(tokens)
    for page in everyone:
        for other, token in tokens.items():
            if other == page:
                assert db.execute(page, [token]).fetchall()
            else:
                assert refused(db, page, [token]) == "pagination_token belongs to another query"


def test_forged_tokens(server, db, database, table):
    """What is no token is refused; one that was made up begins a page somewhere else, and shows nothing that the query would not."""
    key, _ = db.execute("SELECT * FROM pc_create_api_key('k', namespaces => '{\"films\": [\"n\"]}')").fetchone()
    try:
        with server.connect(database, user=key) as limited:
            for session, page in [(db, PAGES["list"][1]), (db, PAGES["fetch by metadata"][1]), (limited, PAGES["list"][1]), (limited, PAGES["fetch by metadata"][1])]:
                first = session.execute(page, [None]).fetchall()
                token = first[-1][1]
                for bad in ("", "x", token[:-1], token + "0", token + "0g", token.upper() if token.upper() != token else "A" * 20, token + " ", "' OR true --",
                            token[:16] + "00", token[:16] + "ff", token[:16] + "61" * 513, "0" * 16 + token[16:]):
                    refused(session, page, [bad])
                for made_up, expected in [("", first), ("61", first), ("7a", []), ("c3bc", []), ("72" + "31", session.execute(page, [None]).fetchall()[1:])]:
                    found = session.execute(page, [token[:16] + made_up]).fetchall()
                    assert [row[0] for row in found][: len(expected)] == [row[0] for row in expected] and bool(found) == bool(expected)
            for page in PAGES["list namespaces"][:1]:
                assert db.execute(page, [None]).fetchall()[0][0] == "" and limited.execute(page, [None]).fetchall() == [("n", None)]
                token = db.execute(page, [None]).fetchall()[0][1]
                assert limited.execute(page, [token[:16] + "61"]).fetchall() == [("n", None)]
    finally:
        db.execute("SELECT pc_revoke_api_key(key_id) FROM pc_auth.api_key")


# ---------------------------------------------------------------------------------------------- texts full of SQL

HOSTILE = [
    "' OR true --", "'; DROP TABLE canary; --", '"; DELETE FROM canary; --', "$1", "$$; DROP TABLE canary; $$", "%s", "%I", "{0}", "\\'; DROP TABLE canary; --",
    "a' || pg_sleep(9) || '", "*/ DROP TABLE canary; /*", "\\", "'", '"', "E'\\x27'", "{a,b}", "(1,2)", "NULL", "None ", "{\"$gt\": 0}", "\t\n\r\x01\x7f",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_texts_are_data(db, table, text):
    """As a namespace, an id, a field and a value: each is found again, and nothing else is touched."""
    db.execute("CREATE TABLE canary AS SELECT 1 AS alive")
    before = everything(db, table)
    record = json.dumps([{"id": text, "values": [1, 2], "metadata": {text.lstrip("$") or "x": text, "text": text, "list": [text]}}])
    namespace = "of " + text
    assert db.execute("SELECT pc_upsert('films', %s, %s)", [record, namespace]).fetchone() == (1,)
    one = [(text,)]
    for filter in ({text.lstrip("$") or "x": text}, {"text": {"$in": ["x", text]}}, {"list": text}, {"$and": [{"text": {"$nin": ["x"]}}, {"$or": [{"list": text}]}]}):
        literal = json.dumps(filter)
        assert db.execute("SELECT id FROM pc_query('films', '[1,1]', namespace => %s, filter => %s)", [namespace, literal]).fetchall() == one
        assert db.execute("SELECT id FROM pc_query_namespaces('films', '[1,1]', ARRAY[%s, 'nowhere'], filter => %s)", [namespace, literal]).fetchall() == one
        assert db.execute("SELECT id FROM pc_fetch_by_metadata('films', %s, %s)", [literal, namespace]).fetchall() == one
        assert db.execute("SELECT pc_describe_index_stats('films', %s)->'namespaces'", [literal]).fetchone() == ({namespace: {"vectorCount": 1}},)
        assert db.execute("SELECT pc_update('films', filter => %s, set_metadata => %s, namespace => %s)", [literal, json.dumps({"new": text}), namespace]).fetchone() == (1,)
        assert db.execute(f"SELECT id FROM {table} WHERE metadata @@@ %s::jsonb", [literal]).fetchall() == one
    assert db.execute("SELECT id FROM pc_list('films', %s, namespace => %s)", [text, namespace]).fetchall() == one
    assert db.execute("SELECT id FROM pc_fetch('films', ARRAY[%s], %s)", [text, namespace]).fetchall() == one
    assert db.execute("SELECT id FROM pc_query('films', id => %s, namespace => %s)", [text, namespace]).fetchall() == one
    assert db.execute("SELECT pc_update('films', %s, set_metadata => '{\"a\": 1}', unset_metadata => ARRAY[%s], namespace => %s)", [text, text, namespace]).fetchone() == (1,)
    assert db.execute("SELECT name, record_count FROM pc_describe_namespace('films', %s)", [namespace]).fetchall() == [(namespace, 1)]
    assert db.execute("SELECT name FROM pc_list_namespaces('films', %s)", [namespace]).fetchall() == [(namespace,)]
    assert db.execute("SELECT name FROM pc_copy_namespace('films', %s, %s)", [namespace, text + " copied"]).fetchall() == [(text + " copied",)]
    assert db.execute("SELECT name FROM pc_rename_namespace('films', %s, %s)", [text + " copied", text + " renamed"]).fetchall() == [(text + " renamed",)]
    assert db.execute("SELECT record_count FROM pc_delete_namespace('films', %s)", [text + " renamed"]).fetchall() == [(1,)]
    assert db.execute("SELECT pc_delete('films', filter => %s, namespace => %s)", [json.dumps({"new": text}), namespace]).fetchone() == (1,)
    for call in ("pc_describe_index", "pc_delete_index", "pc_list", "pc_describe_index_stats", "pc_list_namespaces"):
        refused(db, f"SELECT {call}(%s)", [text], "42P01")
    refused(db, "SELECT pc_create_index(%s, 2)", [text])
    refused(db, "SELECT pc_list('films', pagination_token => %s)", [text])
    assert db.execute("SELECT * FROM canary").fetchall() == [(1,)] and everything(db, table) == before


# ---------------------------------------------------------------------------------------------- nothing, everything, and what is hidden

def test_filters_for_nothing_everything_and_what_is_hidden(server, db, database, table):
    """A key that may not see a namespace learns no more of its records than of some that are not there."""
    db.execute("SELECT pc_upsert('films', '[{\"id\": \"secret\", \"values\": [1, 1], \"metadata\": {\"hidden\": \"yes\"}}]')")
    definitions = [sql for (sql,) in db.execute("SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = %s::regclass", [table])]
    assert any("USING gin (namespace " in sql and "metadata" in sql for sql in definitions)
    assert any("USING hnsw (namespace, " in sql and "metadata" in sql for sql in definitions)
    key, _ = db.execute("SELECT * FROM pc_create_api_key('k', namespaces => '{\"films\": [\"n\"]}')").fetchone()
    calls = {
        "query": "SELECT id FROM pc_query('films', '[1,1]', namespace => 'n', filter => %s)",
        "query over namespaces": "SELECT namespace, id FROM pc_query_namespaces('films', '[1,1]', NULL, filter => %s)",
        "fetch": "SELECT id FROM pc_fetch_by_metadata('films', %s, 'n')",
        "stats": "SELECT pc_describe_index_stats('films', %s)",
        "dry run": "SELECT pc_update('films', filter => %s, namespace => 'n', dry_run => true)",
        "update": "SELECT pc_update('films', filter => %s, namespace => 'n', set_metadata => '{\"seen\": true}')",
        "SQL": f"SELECT namespace, id FROM {table} WHERE metadata @@@ %s::jsonb ORDER BY id",
        "SQL by distance": f"""SELECT id FROM {table} WHERE metadata @@@ %s::jsonb ORDER BY "values" <-> '[1,1]' LIMIT 3""",
        "delete": "SELECT pc_delete('films', filter => %s, namespace => 'n')",
    }
    try:
        with server.connect(database, user=key) as limited:
            for call, statement in calls.items():
                nothing = limited.execute(statement, [json.dumps({"hidden": "no"})]).fetchall()
                hidden = limited.execute(statement, [json.dumps({"hidden": "yes"})]).fetchall()
                assert hidden == nothing, call
            for call, statement in calls.items():
                all_of_it = limited.execute(statement, [json.dumps({"k": {"$exists": True}})]).fetchall()
                number = {"stats": 1, "dry run": 1, "update": 1, "delete": 1, "SQL by distance": 3}.get(call, 5)
                assert len(all_of_it) == number, call
                if call == "stats":
                    assert all_of_it[0][0]["namespaces"] == {"n": {"vectorCount": 5}}
                elif number == 1:
                    assert all_of_it == [(5,)], call
                else:
                    assert all("secret" not in row and "" not in row for row in all_of_it), call
        assert db.execute("SELECT pc_describe_index_stats('films')->'namespaces'").fetchone() == ({"": {"vectorCount": 6}},)
        assert db.execute("SELECT pc_describe_index_stats('films', '{\"seen\": true}')->'namespaces'").fetchone() == ({},)
    finally:
        db.execute("SELECT pc_revoke_api_key(key_id) FROM pc_auth.api_key")


def test_many_fields_of_a_schema(server, db, table):
    """More than an option may have are kept as all are. In a longer row of a column, the server would break the catalog's index."""
    names = [f"{'a' * 100}{i:03}" for i in range(30)]
    schema = json.dumps({"fields": {name: {"filterable": True} for name in names}})
    db.execute("SELECT pc_create_index('many', 2, schema => %s)", [schema])
    db.execute("SELECT pc_create_index('some', 2, schema => %s)", [json.dumps({"fields": {name: {"filterable": True} for name in names[:14]}})])
    options = "SELECT count(*) FROM pg_attribute WHERE attoptions::text LIKE '%fields=%'"
    assert db.execute(options).fetchone() == (1,)
    for size in (1501, 3000):
        fields = json.dumps(["a" * (size - 4)])
        said = refused(db, f"CREATE INDEX ON {table} USING gin (metadata pc_filter_ops (fields = '{fields}'))", ())
        assert said == f'option "fields" has {size} bytes, more than 1500'
    # as well where nothing has loaded the library yet
    index = f"CREATE INDEX ON plain USING gin (j pc_filter_ops (fields = '{json.dumps(['a' * 2996])}'))"
    db.execute("CREATE TABLE plain (j jsonb)")
    for statement in (index, f"CREATE SCHEMA sub CREATE TABLE plain (j jsonb) {index.replace('ON plain', 'ON sub.plain')}"):
        with server.connect(db.info.dbname) as fresh:
            assert refused(fresh, statement, ()) == 'option "fields" has 3000 bytes, more than 1500', statement
    db.execute("CREATE INDEX ON plain USING gin (j pc_filter_ops (fields = '%s'))" % json.dumps(["a" * 1496]))
    for i in range(40):
        db.execute(f"CREATE TABLE t_{i} (a int, b text)")
    db.execute("VACUUM FULL pg_attribute")


def test_a_name_that_is_taken_takes_no_number(db, table):
    """Numbers of indexes are those of the whole database, and whoever may make indexes of one project could use them up."""
    number = "SELECT last_value FROM pc.index_id_seq"
    before = db.execute(number).fetchone()
    assert refused(db, "SELECT pc_create_index('films', 2)", (), "42P07") == 'index "films" already exists'
    assert db.execute(number).fetchone() == before
