"""REST as it goes over the wire, in both forms of the control plane: what Pinecone's clients rely on beyond what they show."""

import struct

import pytest

from tests.gateway.wire import Client

SPEC = {"serverless": {"cloud": "gcp", "region": "us-central1"}}
STRANGE = ["a/b", "a%2Fb", "it's", 'say "no"', "a b", "#1", "a?b=c&d", "x" * 512, "\\", "+", "{}", "../..", "%", "a:b;c"]


@pytest.fixture(scope="module")
def films(gateway, key):
    """An index with a few records."""
    client = Client(gateway, key)
    client.ok("POST", "/indexes", {"name": "films", "dimension": 3, "metric": "euclidean", "spec": SPEC})
    vectors = [
        {"id": "a", "values": [1, 0, 0], "metadata": {"year": 1931, "genre": "drama", "tags": ["x", "y"], "seen": True}},
        {"id": "b", "values": [0, 1, 0], "metadata": {"year": 1936}},
        {"id": "c", "values": [0, 0, 0.1]},
    ]
    assert client.ok("POST", "/i/films/vectors/upsert", {"vectors": vectors}) == {"upsertedCount": 3}
    assert client.ok("POST", "/i/films/vectors/upsert", {"vectors": vectors[:1], "namespace": "old"}) == {"upsertedCount": 1}
    return "/i/films"


def f32(number):
    return struct.unpack("f", struct.pack("f", number))[0]


def test_lifecycle_with_spec(client):
    status, headers, made = client.call("POST", "/indexes", {
        "name": "life", "dimension": 4, "metric": "cosine", "spec": SPEC, "deletion_protection": "enabled", "tags": {"a": "b"},
    })
    assert status == 201 and int(headers["x-pinecone-lsn-committed"]) > 0
    assert made["host"] == f"http://localhost:{client.gateway.port}/i/life"
    assert {name: made[name] for name in ("name", "dimension", "metric", "vector_type", "status", "deletion_protection", "tags")} == {
        "name": "life", "dimension": 4, "metric": "cosine", "vector_type": "dense", "status": {"ready": True, "state": "Ready"},
        "deletion_protection": "enabled", "tags": {"a": "b"},
    }
    assert made["spec"]["serverless"]["region"] == "us-central1"
    assert made["spec"]["serverless"]["read_capacity"] == {"mode": "OnDemand", "status": {"state": "Ready"}}
    assert client.ok("GET", "/indexes/life") == made
    assert made in client.ok("GET", "/indexes")["indexes"]
    assert client.failure("POST", "/indexes", {"name": "life", "dimension": 4, "spec": SPEC}) == (409, 'index "life" already exists')
    assert client.failure("DELETE", "/indexes/life")[0] == 403
    status, _, changed = client.call("PATCH", "/indexes/life", {"deletion_protection": "disabled", "tags": {"a": "", "c": "d"}})
    assert (status, changed["deletion_protection"], changed["tags"]) == (202, "disabled", {"c": "d"})
    assert client.call("DELETE", "/indexes/life")[0::2] == (202, None)
    assert client.failure("GET", "/indexes/life") == (404, 'index "life" does not exist')
    assert client.failure("DELETE", "/indexes/life")[0] == 404


def test_lifecycle_with_schema(gateway, key):
    client = Client(gateway, key, "2026-07")
    schema = {"fields": {"_values": {"type": "dense_vector", "dimension": 3, "metric": "dotproduct"}, "year": {"type": "float", "filterable": True}}}
    status, _, made = client.call("POST", "/indexes", {
        "name": "scheme", "schema": schema, "deployment": {"deployment_type": "managed", "cloud": "aws", "region": "eu-west-1"},
        "read_capacity": {"mode": "OnDemand"}, "tags": {"a": "b"},
    })
    assert status == 201
    assert made["schema"] == schema
    assert made["deployment"] == {"deployment_type": "managed", "cloud": "aws", "region": "eu-west-1"}
    assert made["read_capacity"] == {"mode": "OnDemand", "status": {"state": "Ready"}}
    assert "dimension" not in made and "spec" not in made
    older = Client(gateway, key).ok("GET", "/indexes/scheme")
    assert (older["dimension"], older["metric"], older["spec"]["serverless"]["region"]) == (3, "dotproduct", "eu-west-1")
    assert client.call("PATCH", "/indexes/scheme", {"tags": {"c": "d"}})[2]["tags"] == {"a": "b", "c": "d"}
    assert client.call("DELETE", "/indexes/scheme")[0] == 202
    unnamed = client.ok("POST", "/indexes", {"schema": schema})
    assert unnamed["deployment"] == {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"}
    assert client.call("DELETE", f"/indexes/{unnamed['name']}")[0] == 202


def test_index_made_in_sql_is_described_in_both_forms(gateway, shop, key):
    shop.db.execute("SELECT pc_create_index('by-sql', 3)")
    assert Client(gateway, key).ok("GET", "/indexes/by-sql")["spec"]["serverless"]["cloud"] == "aws"
    assert Client(gateway, key, "2026-07").ok("GET", "/indexes/by-sql")["deployment"]["deployment_type"] == "managed"
    shop.db.execute("SELECT pc_delete_index('by-sql')")


def test_query(client, films):
    status, headers, answer = client.call("POST", f"{films}/query", {"vector": [1, 0, 0], "topK": 2, "includeMetadata": True})
    assert status == 200 and int(headers["x-pinecone-max-indexed-lsn"]) > 0
    assert answer == {
        "matches": [
            {"id": "a", "score": 0.0, "values": [], "metadata": {"year": 1931, "genre": "drama", "tags": ["x", "y"], "seen": True}},
            {"id": "c", "score": pytest.approx(1.01), "values": [], "metadata": {}},
        ],
        "namespace": "", "usage": {"readUnits": 1},
    }
    assert [match["id"] for match in answer["matches"]] == ["a", "c"]
    by_id = client.ok("POST", f"{films}/query", {"id": "b", "topK": 1, "vector": [], "includeValues": True, "namespace": "__default__"})
    assert by_id["matches"] == [{"id": "b", "score": 0.0, "values": [0.0, 1.0, 0.0]}] and by_id["namespace"] == ""
    filtered = client.ok("POST", f"{films}/query", {"vector": [1, 0, 0], "topK": 9, "filter": {"year": {"$gt": 1931}}})
    assert [match["id"] for match in filtered["matches"]] == ["b"]
    for nothing in ({"id": "gone"}, {"vector": [1, 0, 0], "namespace": "gone"}):
        assert client.ok("POST", f"{films}/query", {"topK": 3, **nothing})["matches"] == []
    assert len(client.ok("POST", f"{films}/query", {"vector": [1, 0, 0], "topK": 3, "filter": {}})["matches"]) == 3


def test_fetch(client, films):
    answer = client.ok("GET", f"{films}/vectors/fetch?ids=a&ids=gone&ids=c")
    assert answer == {
        "vectors": {
            "a": {"id": "a", "values": [1.0, 0.0, 0.0], "metadata": {"year": 1931, "genre": "drama", "tags": ["x", "y"], "seen": True}},
            "c": {"id": "c", "values": [0.0, 0.0, 0.1], "metadata": {}},
        },
        "namespace": "", "usage": {"readUnits": 1},
    }
    assert client.ok("GET", f"{films}/vectors/fetch?ids=a&namespace=gone")["vectors"] == {}
    found = client.ok("POST", f"{films}/vectors/fetch_by_metadata", {"filter": {"year": {"$exists": True}}, "limit": 1})
    assert list(found["vectors"]) == ["a"]
    rest = client.ok("POST", f"{films}/vectors/fetch_by_metadata", {
        "filter": {"year": {"$exists": True}}, "limit": 1, "paginationToken": found["pagination"]["next"],
    })
    assert list(rest["vectors"]) == ["b"] and "pagination" not in rest


def test_list(client, films):
    page = client.ok("GET", f"{films}/vectors/list?limit=2")
    assert [item["id"] for item in page["vectors"]] == ["a", "b"]
    last = client.ok("GET", f"{films}/vectors/list?limit=2&paginationToken={page['pagination']['next']}")
    assert last == {"vectors": [{"id": "c"}], "namespace": "", "usage": {"readUnits": 1}}
    assert client.ok("GET", f"{films}/vectors/list?prefix=zz")["vectors"] == []


def test_stats(gateway, key, films):
    counts = {"namespaces": {"__default__": {"vectorCount": 3}, "old": {"vectorCount": 1}}, "dimension": 3, "indexFullness": 0.0,
              "totalVectorCount": 4, "metric": "euclidean", "vectorType": "dense"}
    client = Client(gateway, key)
    assert client.ok("POST", f"{films}/describe_index_stats", {}) == counts
    assert client.ok("GET", f"{films}/describe_index_stats") == counts
    assert set(Client(gateway, key, "2025-01").ok("GET", f"{films}/describe_index_stats")["namespaces"]) == {"", "old"}
    status, message = client.failure("POST", f"{films}/describe_index_stats", {"filter": {"year": 1931}})
    assert status == 400 and "metadata filtering" in message


def test_update_and_delete(client, films):
    client.ok("POST", f"{films}/vectors/upsert", {"vectors": [{"id": n, "values": [1, 1, 1], "metadata": {"n": n}} for n in "pqr"], "namespace": "new"})
    assert client.ok("POST", f"{films}/vectors/update", {"id": "p", "values": [2, 2, 2], "setMetadata": {"m": 1}, "namespace": "new"}) == {}
    assert client.ok("POST", f"{films}/vectors/update", {"id": "gone", "setMetadata": {"m": 1}, "namespace": "new"}) == {}
    assert client.ok("GET", f"{films}/vectors/fetch?ids=p&namespace=new")["vectors"]["p"] == {
        "id": "p", "values": [2.0, 2.0, 2.0], "metadata": {"m": 1, "n": "p"}
    }
    of_two = {"filter": {"n": {"$in": ["q", "r"]}}, "setMetadata": {"m": 2}, "namespace": "new"}
    assert client.ok("POST", f"{films}/vectors/update", {**of_two, "dryRun": True}) == {"matchedRecords": 2}
    assert client.ok("POST", f"{films}/vectors/update", of_two) == {"matchedRecords": 2}
    assert client.ok("POST", f"{films}/vectors/delete", {"ids": ["p", "gone"], "namespace": "new"}) == {}
    assert client.ok("POST", f"{films}/vectors/delete", {"filter": {"m": 2, "n": "q"}, "namespace": "new"}) == {}
    assert [item["id"] for item in client.ok("GET", f"{films}/vectors/list?namespace=new")["vectors"]] == ["r"]
    assert client.ok("POST", f"{films}/vectors/delete", {"ids": ["gone"], "namespace": "new"}) == {}
    assert client.ok("POST", f"{films}/vectors/delete", {"deleteAll": True, "namespace": "new"}) == {}
    assert client.failure("POST", f"{films}/vectors/delete", {"deleteAll": True, "namespace": "new"}) == (404, "Namespace not found")


def test_namespaces(client, films):
    assert client.ok("POST", f"{films}/namespaces", {"name": "drafts"}) == {"name": "drafts", "record_count": "0"}
    assert client.failure("POST", f"{films}/namespaces", {"name": "drafts"})[0] == 409
    listed = client.ok("GET", f"{films}/namespaces")
    assert listed == {
        "namespaces": [{"name": "__default__", "record_count": "3"}, {"name": "drafts", "record_count": "0"}, {"name": "old", "record_count": "1"}],
        "total_count": 3,
    }
    page = client.ok("GET", f"{films}/namespaces?limit=2")
    assert client.ok("GET", f"{films}/namespaces?limit=2&paginationToken={page['pagination']['next']}")["namespaces"][0]["name"] == "old"
    assert client.ok("GET", f"{films}/namespaces?prefix=d")["total_count"] == 1
    assert client.ok("GET", f"{films}/namespaces/__default__")["record_count"] == "3"
    assert client.ok("DELETE", f"{films}/namespaces/drafts") == {}
    for method in ("GET", "DELETE"):
        assert client.failure(method, f"{films}/namespaces/drafts")[0] == 404
    schema = {"fields": {"year": {"filterable": True}}}
    assert client.ok("POST", f"{films}/namespaces", {"name": "years", "schema": schema})["schema"] == schema
    client.ok("DELETE", f"{films}/namespaces/years")


def test_search_of_records(client, films):
    body = {"query": {"top_k": 1, "vector": {"values": [1, 0, 0]}}, "fields": ["year"]}
    assert client.ok("POST", f"{films}/records/namespaces/__default__/search", body) == {
        "result": {"hits": [{"_id": "a", "_score": 0.0, "fields": {"year": 1931}}]}, "usage": {"read_units": 1}
    }
    assert client.ok("POST", f"{films}/records/namespaces/__default__/search", {"query": {"top_k": 1, "id": "b"}})["result"]["hits"][0]["_id"] == "b"
    status, message = client.failure("POST", f"{films}/records/namespaces/x/search", {"query": {"top_k": 1, "inputs": {"text": "a"}}})
    assert status == 400 and "embedding" in message


def test_strange_names_go_there_and_back(client, films):
    from urllib.parse import quote

    vectors = [{"id": name, "values": [1, 2, 3]} for name in STRANGE]
    assert client.ok("POST", f"{films}/vectors/upsert", {"vectors": vectors, "namespace": "strange"}) == {"upsertedCount": len(STRANGE)}
    ids = "&".join(f"ids={quote(name, safe='')}" for name in STRANGE)
    assert set(client.ok("GET", f"{films}/vectors/fetch?namespace=strange&{ids}")["vectors"]) == set(STRANGE)
    for name in STRANGE:
        client.ok("POST", f"{films}/vectors/upsert", {"vectors": [{"id": "x", "values": [1, 2, 3]}], "namespace": name})
        path = f"{films}/namespaces/{quote(name, safe='').replace('.', '%2E')}"
        assert client.ok("GET", path) == {"name": name, "record_count": "1"}
        assert client.ok("DELETE", path) == {}
    client.ok("DELETE", f"{films}/namespaces/strange")
    assert client.failure("POST", f"{films}/vectors/upsert", {"vectors": [{"id": "ä", "values": [1, 2, 3]}]})[0] == 400
    assert client.failure("GET", f"{films}/namespaces/%C3%A4")[0] == 400


def test_numbers_come_back_as_32_bit_floats(client, films):
    values = [0.1, -1e-30, 3.4e38]
    client.ok("POST", f"{films}/vectors/upsert", {"vectors": [{"id": "n", "values": values}], "namespace": "numbers"})
    got = client.ok("GET", f"{films}/vectors/fetch?ids=n&namespace=numbers")["vectors"]["n"]["values"]
    assert [f32(number) for number in got] == [f32(number) for number in values]
    client.ok("DELETE", f"{films}/namespaces/numbers")


def test_positions_tell_that_a_write_is_read(client, films):
    _, headers, _ = client.call("POST", f"{films}/vectors/update", {"id": "a", "setMetadata": {"year": 1931}})
    written = int(headers["x-pinecone-lsn-committed"])
    assert int(headers["x-pinecone-request-lsn"]) == written
    _, headers, _ = client.call("GET", f"{films}/vectors/fetch?ids=a")
    assert int(headers["x-pinecone-lsn-reconciled"]) >= written


def test_request_ids(client, shop, films):
    assert client.call("GET", f"{films}/vectors/list", headers={"X-Request-Id": "mine-1"})[1]["x-pinecone-request-id"] == "mine-1"
    ours = client.call("GET", f"{films}/vectors/list", headers={"X-Request-Id": "not mine\t"})[1]["x-pinecone-request-id"]
    assert ours != "not mine\t" and ours
    client.ok("POST", "/indexes", {"name": "traced", "dimension": 2, "spec": SPEC}, headers={"X-Request-Id": "trace-7"})
    client.call("DELETE", "/indexes/traced")
    rows = shop.db.execute("SELECT action FROM pc_auth.audit WHERE application = 'conifer-gateway trace-7'").fetchall()
    assert rows == [("create_index",)]
