"""What is refused, and how: a status that clients do not try again, in the envelope of its plane, with words that name the thing."""

import http.client
import json
import socket
import time

import pytest

from tests.gateway.wire import Client, exchange

SPEC = {"serverless": {"cloud": "aws", "region": "us-east-1"}}
DENSE = {"fields": {"_values": {"type": "dense_vector", "dimension": 3, "metric": "cosine"}}}


@pytest.fixture(scope="module")
def films(gateway, key):
    client = Client(gateway, key)
    client.ok("POST", "/indexes", {"name": "films", "dimension": 3, "metric": "cosine", "spec": SPEC})
    client.ok("POST", "/i/films/vectors/upsert", {"vectors": [{"id": "a", "values": [1, 2, 3], "metadata": {"year": 1931}}]})
    return "/i/films"


INDEXES = {  # body: status, what the message says
    '{"name": "Bad_Name", "dimension": 3, "spec": {}}': (400, "name"),
    '{"name": "x", "dimension": 0, "spec": {}}': (400, "dimension"),
    '{"name": "x", "dimension": 20001, "spec": {}}': (400, "dimension"),
    '{"name": "x", "spec": {}}': (400, "dimension"),
    '{"name": "x", "dimension": 3, "metric": "manhattan", "spec": {}}': (400, "manhattan"),
    '{"name": "x", "dimension": 3, "vector_type": "thick", "spec": {}}': (400, "thick"),
    '{"name": "x", "dimension": 3, "spec": []}': (400, "spec"),
    '{"name": "x", "dimension": 3, "spec": {"serverless": {"source_collection": "c"}}}': (400, "source_collection"),
    '{"name": "x", "dimension": 3, "spec": {}, "tags": {"a": 1}}': (400, "tag"),
    '{"name": "x", "dimension": 3, "spec": {}, "deletion_protection": "maybe"}': (400, "maybe"),
    '{"dimension": 3, "spec": {}}': (422, "name"),
    '{"name": "x", "dimension": 3}': (422, "spec"),
    '{"name": "x", "dimension": "3", "spec": {}}': (422, "invalid type"),
    '{"name": 7, "dimension": 3, "spec": {}}': (422, "invalid type"),
    "[1]": (422, "invalid"),
    '{"name": "x", "dimension": 3, "spec": {}': (400, "EOF"),
    "": (400, "EOF"),
    "nothing": (400, "expected"),
}


@pytest.mark.parametrize("body", INDEXES, ids=str)
def test_indexes_that_cannot_be_made(client, body):
    status, word = INDEXES[body]
    got, message = client.failure("POST", "/indexes", raw=body.encode())
    assert (got, word in message) == (status, True), message


def test_indexes_of_2026_07_that_cannot_be_made(gateway, key):
    client = Client(gateway, key, "2026-07")
    for body, status, word in [
        ({"name": "x"}, 422, "schema"),
        ({"name": "x", "schema": {}}, 400, "fields"),
        ({"name": "x", "schema": {"fields": {"body": {"type": "semantic_text"}}}}, 400, "semantic_text"),
        ({"name": "x", "schema": DENSE, "deployment": {"deployment_type": "moon"}}, 400, "moon"),
        ({"name": "x", "schema": DENSE, "source_backup_id": "b"}, 400, "backups"),
        ({"name": "x", "schema": DENSE, "cmek_id": "b"}, 400, "encryption"),
    ]:
        got, message = client.failure("POST", "/indexes", body)
        assert (got, word in message) == (status, True), message


def test_changes_that_are_none(gateway, client, films):
    for body, status, word in [
        ({"deletion_protection": "maybe"}, 400, "maybe"),
        ({"embed": {"model": "m"}}, 400, "embedding"),
        ({"read_capacity": {"mode": "OnDemand"}}, 400, "read_capacity"),
        ({"tags": []}, 400, "tags"),
        ({"deletion_protection": 1}, 422, "invalid type"),
    ]:
        got, message = client.failure("PATCH", "/indexes/films", body)
        assert (got, word in message) == (status, True), message
    assert client.failure("PATCH", "/indexes/gone", {"tags": {"a": "b"}})[0] == 404
    newer = Client(gateway, client.key, "2026-07")
    assert newer.failure("PATCH", "/indexes/films", {"spec": {}})[0] == 400
    assert newer.failure("PATCH", "/indexes/films", {"schema": DENSE})[0] == 400


QUERIES = {
    '{"topK": 3}': "vector",
    '{"vector": [1, 2, 3]}': "topK",
    '{"topK": 0, "vector": [1, 2, 3]}': "top_k 0",
    '{"topK": 10001, "vector": [1, 2, 3]}': "top_k 10001",
    '{"topK": -1, "vector": [1, 2, 3]}': "top_k -1",
    '{"topK": 3, "vector": [1, 2]}': "expected 3 dimensions, not 2",
    '{"topK": 3, "vector": [0, 0, 0]}': "zero",
    '{"topK": 3, "vector": ["1", "2", "3"]}': "list of numbers",
    '{"topK": 3, "vector": [1, null, 3]}': "list of numbers",
    '{"topK": 3, "vector": [1, NaN, 3]}': "expected",
    '{"topK": 3, "vector": [1e39, 2, 3]}': "32-bit",
    '{"topK": 3, "vector": "[1,2,3]"}': "list of numbers",
    '{"topK": 3, "vector": [1, 2, 3], "id": "a"}': "only one",
    '{"topK": 3, "id": "ä"}': "ASCII",
    '{"topK": 3, "vector": [1, 2, 3], "namespace": "ä"}': "ASCII",
    '{"topK": 3, "vector": [1, 2, 3], "namespace": 7}': "invalid type",
    '{"topK": 3, "vector": [1, 2, 3], "filter": {"year": {"$near": 1}}}': "$near",
    '{"topK": 3, "vector": [1, 2, 3], "filter": []}': "filter",
    '{"topK": 3, "vector": [1, 2, 3], "filter": {"a": "\\u0000"}}': "",
    '{"topK": 3, "vector": [1, 2, 3], "queries": [{"values": [1, 2, 3]}]}': "queries",
    '{"topK": 3, "sparseVector": {"indices": [1], "values": [1, 2]}}': "indices",
    '{"topK": 3, "sparseVector": {"indices": [1, 1], "values": [1, 2]}}': "twice",
    '{"topK": "many", "vector": [1, 2, 3]}': "invalid type",
    '{"topK": 3, "vector": [1, 2, 3]': "EOF",
    "[" * 100_000: "invalid type",
    '{"topK": 3, "vector": ' + "[" * 100_000 + "]" * 100_000 + "}": "",
    "": "EOF",
    "\xff": "",
}


@pytest.mark.parametrize("body", QUERIES, ids=lambda body: body[:60])
def test_queries_that_are_none(client, films, body):
    status, message = client.failure("POST", f"{films}/query", raw=body.encode("latin-1" if body == "\xff" else "utf-8"))
    assert (status, QUERIES[body] in message) == (400, True), message


RECORDS = {
    '{"vectors": []}': "empty",
    '{"vectors": {}}': "invalid type",
    "{}": "vectors",
    '{"vectors": [{"values": [1, 2, 3]}]}': "id",
    '{"vectors": [{"id": "", "values": [1, 2, 3]}]}': "id",
    '{"vectors": [{"id": "x"}]}': "",
    '{"vectors": [{"id": "x", "values": [1, 2]}]}': "expected 3 dimensions, not 2",
    '{"vectors": [{"id": "x", "values": [0, 0, 0]}]}': "zero",
    '{"vectors": [{"id": "x", "values": [1, 2, "3"]}]}': '"x"',
    '{"vectors": [{"id": "x", "values": [1, 2, 3], "metadata": {"a": null}}]}': "a",
    '{"vectors": [{"id": "x", "values": [1, 2, 3], "metadata": {"a": {"b": 1}}}]}': "a",
    '{"vectors": [{"id": "x", "values": [1, 2, 3], "metadata": {"a": [1]}}]}': "a",
    '{"vectors": [{"id": "x", "values": [1, 2, 3], "metadata": {"$a": 1}}]}': "$a",
    '{"vectors": [{"id": "x", "values": [1, 2, 3], "metadata": "a"}]}': "metadata",
    '{"vectors": [{"id": "x", "values": [1, 2, 3], "metadata": {"a": "%s"}}]}' % ("y" * 41_000): "40960",
    '{"vectors": [{"id": "%s", "values": [1, 2, 3]}]}' % ("y" * 513): "512",
    json.dumps({"vectors": [{"id": str(n), "values": [1, 2, 3]} for n in range(1001)]}): "1000",
}


@pytest.mark.parametrize("body", RECORDS, ids=lambda body: body[:60])
def test_records_that_are_none(client, films, body):
    status, message = client.failure("POST", f"{films}/vectors/upsert", raw=body.encode())
    assert (status, RECORDS[body] in message) == (400, True), message
    assert client.ok("POST", f"{films}/describe_index_stats", {})["totalVectorCount"] == 1  # all or nothing


def test_other_operations_on_records(client, films):
    for method, path, body, word in [
        ("POST", "/vectors/update", {"setMetadata": {"a": 1}}, "id"),
        ("POST", "/vectors/update", {"id": "a", "filter": {"a": 1}}, "exactly one"),
        ("POST", "/vectors/update", {"id": "a", "values": [1]}, "dimension"),
        ("POST", "/vectors/update", {"filter": {}, "setMetadata": {"a": 1}}, "filter"),
        ("POST", "/vectors/update", {"filter": {"a": 1}, "values": [1, 2, 3]}, "values"),
        ("POST", "/vectors/delete", {}, "exactly one"),
        ("POST", "/vectors/delete", {"ids": ["a"], "deleteAll": True}, "exactly one"),
        ("POST", "/vectors/delete", {"filter": {}}, "filter"),
        ("POST", "/vectors/delete", {"ids": "a"}, "invalid type"),
        ("GET", "/vectors/fetch", None, "ids"),
        ("GET", "/vectors/fetch?ids=%ff", None, "percent"),
        ("GET", "/vectors/fetch?" + "&".join(f"ids={n}" for n in range(1001)), None, "1000"),
        ("GET", "/vectors/list?limit=0", None, "limit"),
        ("GET", "/vectors/list?limit=1001", None, "limit"),
        ("GET", "/vectors/list?limit=x", None, "limit"),
        ("GET", "/vectors/list?paginationToken=x", None, "token"),
        ("POST", "/vectors/fetch_by_metadata", {}, "filter"),
        ("POST", "/vectors/fetch_by_metadata", {"filter": {}}, "filter"),
        ("POST", "/vectors/fetch_by_metadata", {"filter": {"a": 1}, "limit": 10001}, "limit"),
        ("POST", "/namespaces", {}, "name"),
        ("POST", "/namespaces", {"name": "x", "schema": {"fields": {"a": {"filterable": False}}}}, "filterable"),
    ]:
        status, message = client.failure(method, films + path, body)
        assert (status, word in message) == (400, True), (path, message)


def test_what_is_not_there(client, films):
    assert client.failure("POST", "/i/gone/query", {"topK": 1, "vector": [1]}) == (404, 'index "gone" does not exist')
    assert client.failure("GET", "/nothing/at/all")[0] == 404
    assert client.failure("PUT", f"{films}/query", {})[0] == 405
    for method, path in [
        ("POST", "/indexes/create-for-model"), ("GET", "/backups"), ("POST", "/indexes/films/backups"), ("GET", "/restore-jobs"),
        ("GET", "/collections"), ("POST", "/embed"), ("POST", "/rerank"), ("GET", "/models"), ("GET", "/assistant/assistants"),
        ("GET", "/admin/projects"), ("POST", f"{films}/bulk/imports"), ("POST", f"{films}/records/namespaces/x/upsert"),
        ("POST", f"{films}/namespaces/x/documents/search"), ("GET", f"{films}/namespace-aliases"),
    ]:
        status, message = client.failure(method, path, {} if method == "POST" else None)
        assert status == 400 and "not available on this server yet" in message, path


def test_keys_that_are_none(gateway, key, films):
    for wrong in (None, "", "x", "pcsk_abc", key[:-1], key[:-1] + ("a" if key[-1] != "a" else "b"), "x" * 5000):
        for method, path, body in (("GET", "/indexes", None), ("POST", f"{films}/query", {"topK": 1, "vector": [1, 2, 3]})):
            assert Client(gateway, wrong).failure(method, path, body) == (401, "Invalid API Key")


def test_levels_are_named(shop, gateway, films):
    reader, key = shop.key("reader", control_plane="None", data_plane="ReadOnly")
    client = Client(gateway, key)
    assert len(client.ok("POST", f"{films}/query", {"topK": 1, "vector": [1, 2, 3]})["matches"]) == 1
    for method, path, body, words in [
        ("POST", f"{films}/vectors/upsert", {"vectors": [{"id": "x", "values": [1, 2, 3]}]}, "has ReadOnly access to the data plane, but ReadWrite"),
        ("POST", "/i/gone/vectors/delete", {"deleteAll": True}, "has ReadOnly access to the data plane, but ReadWrite"),  # before it is looked up
        ("GET", "/indexes", None, "has None access to the control plane, but ReadOnly"),
        ("DELETE", "/indexes/gone", None, "has None access to the control plane, but ReadWrite"),
    ]:
        status, message = client.failure(method, path, body)
        assert status == 403 and words in message and reader in message, message
    narrow = Client(gateway, shop.key("narrow", indexes=["films"], namespaces=None)[1])
    assert narrow.failure("POST", "/indexes", {"name": "x", "dimension": 3, "spec": SPEC})[0] == 403


def test_versions_that_are_none(gateway, key):
    assert Client(gateway, key, "yesterday").failure("GET", "/indexes")[0] == 400


def test_too_large(gateway, client, films):
    large = b'{"vectors": [' + b" " * (2 << 20) + b"]}"
    assert client.failure("POST", f"{films}/vectors/upsert", raw=large)[0] == 413
    # longer than anybody waits to see the end of: said before it has come
    head = f"POST {films}/query HTTP/1.1\r\nHost: localhost\r\nApi-Key: {client.key}\r\nContent-Length: {1 << 40}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
        connection.sendall(head)
        connection.settimeout(20)
        sent = 0
        try:
            while sent < 1 << 28:
                sent += connection.send(b" " * 65536)
        except (BrokenPipeError, ConnectionResetError):
            pass
        assert sent < 1 << 28
    assert gateway.memory() < 100_000


def request(key, lines="", body=b"", path="/i/films/query", method="POST"):
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nApi-Key: {key}\r\nConnection: close\r\n{lines}\r\n"
    return head.encode("latin-1") + body


QUERY = b'{"topK": 1, "vector": [1, 2, 3]}'


def test_bodies_that_break_off(gateway, key, films):
    whole = request(key, f"Content-Length: {len(QUERY)}\r\n", QUERY)
    assert b"200 OK" in exchange(gateway.port, whole)
    for cut in (len(whole) - 1, len(whole) - len(QUERY), 40, 3):
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            connection.sendall(whole[:cut])
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(5)
            assert b"200 OK" not in connection.recv(65536)
    chunked = request(key, "Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(QUERY), QUERY))
    assert b"200 OK" in exchange(gateway.port, chunked)


def test_smuggling_and_absurd_heads(gateway, key, films):
    """None of them is answered as the query that it may be, but for those that are one by the book."""
    length = f"Content-Length: {len(QUERY)}\r\n"
    for name, sent in {
        "two lengths": request(key, length + "Content-Length: 5\r\n", QUERY),
        "length that is none": request(key, "Content-Length: +5\r\n", QUERY),
        "negative length": request(key, "Content-Length: -5\r\n", QUERY),
        "chunked in another word": request(key, "Transfer-Encoding: chunked, x\r\n", QUERY),
        "chunks that are none": request(key, "Transfer-Encoding: chunked\r\n", b"zz\r\n" + QUERY),
        "two keys": request(key, f"{length}Api-Key: other\r\n", QUERY),
        "two hosts": request(key, f"{length}Host: other.localhost\r\n", QUERY),
        "no host": b"POST /i/films/query HTTP/1.1\r\nApi-Key: %s\r\nConnection: close\r\n%s\r\n%s" % (key.encode(), length.encode(), QUERY),
        "space in a name": request(key, f"{length}Bad Name: x\r\n", QUERY),
        "zero byte": request(key, f"{length}X: a\0b\r\n", QUERY),
        "line that goes on": request(key, f"{length}X: a\r\n b\r\n", QUERY),
        "long head": request(key, f"{length}X: {'y' * 100_000}\r\n", QUERY),
        "many headers": request(key, length + "".join(f"X{n}: y\r\n" for n in range(5000)), QUERY),
        "no method": b"\r\n\r\n\r\n",
        "another protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        "old HTTP": b"GET /indexes\r\n\r\n",
        "bytes": bytes(range(256)) * 4,
    }.items():
        answer = exchange(gateway.port, sent, timeout=2)
        assert b"200 OK" not in answer, name
        assert b" 500 " not in answer, name
    # a request behind one that has been refused is not the first one's body
    smuggled = request(key, "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\nGET /indexes HTTP/1.1\r\nHost: x\r\n\r\n")
    assert exchange(gateway.port, smuggled, timeout=2).count(b"HTTP/1.1 ") <= 1
    assert b"200 OK" in exchange(gateway.port, request(key, length, QUERY))


def test_hosts(gateway, client, films):
    """All ways to name an index at once."""
    def found(path="/query", **headers):
        return client.ok("POST", path, json.loads(QUERY), headers={name.replace("_", "-"): value for name, value in headers.items()})["matches"]

    assert found("/i/films/query") == found(Host="films.localhost:1") == found(x_pinecone_index="films") == found()
    client.ok("POST", "/indexes", {"name": "other", "dimension": 3, "spec": SPEC})
    status, message = client.failure("POST", "/query", json.loads(QUERY))
    assert status == 400 and "not the only one" in message
    assert client.failure("POST", "/query", json.loads(QUERY), headers={"Host": "gone.localhost"})[0] == 404
    client.call("DELETE", "/indexes/other")


def test_slow_bodies(shop, key, films, tmp_path):
    """A byte now and then is not waited for longer than is allowed, and keeps nobody else waiting."""
    from tests.gateway.gateway import Gateway

    gateway = Gateway(shop.address, tmp_path / "log", body_timeout="1s", idle_timeout="1s")
    try:
        begin = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
        connection.putrequest("POST", "/i/films/query")
        for name, value in {"Api-Key": key, "Content-Length": "32"}.items():
            connection.putheader(name, value)
        connection.endheaders(b"{")
        answer = connection.getresponse()
        assert answer.status == 408 and 0.9 < time.monotonic() - begin < 10
        # a head that does not come ends the connection
        with socket.create_connection(("127.0.0.1", gateway.port)) as slow:
            slow.sendall(b"POST /i/films/query HTTP/1.1\r\n")
            slow.settimeout(20)
            while slow.recv(4096):
                pass
        assert time.monotonic() - begin < 15
        assert Client(gateway, key).ok("GET", f"{films}/vectors/list")["vectors"]
    finally:
        assert gateway.stop() == 0
