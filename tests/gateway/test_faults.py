"""Faults beside the gateway: keys that end, clients that go away, floods, a database that is restarted or full."""

import concurrent.futures
import http.client
import json
import os
import random
import signal
import socket
import threading
import time

import psycopg
import pytest

from tests.gateway.gateway import ROLE, Gateway, Shop
from tests.gateway.wire import Client, exchange
from tests.support.cluster import Cluster
from tests.support.soak import SOAK

SPEC = {"serverless": {"cloud": "aws", "region": "us-east-1"}}
QUERY = {"topK": 1, "vector": [1, 2, 3], "includeMetadata": True}


@pytest.fixture(scope="module")
def films(gateway, key):
    client = Client(gateway, key)
    client.ok("POST", "/indexes", {"name": "films", "dimension": 3, "metric": "cosine", "spec": SPEC})
    client.ok("POST", "/i/films/vectors/upsert", {"vectors": [{"id": "a", "values": [1, 2, 3]}]})
    return "/i/films"


def test_revoked_key(shop, gateway, films):
    name, key = shop.key("short-lived")
    client = Client(gateway, key)
    assert client.ok("POST", f"{films}/query", QUERY)["matches"]
    shop.db.execute("SELECT pc_revoke_api_key(%s)", [name])
    assert client.failure("POST", f"{films}/query", QUERY) == (401, "Invalid API Key")


def test_key_revoked_while_a_request_runs(shop, gateway, films):
    name, key = shop.key("doomed")
    (table,) = shop.db.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()
    client = Client(gateway, key)
    assert client.ok("POST", f"{films}/query", QUERY)["matches"]
    with shop.server.connect(shop.name, autocommit=False) as holder, concurrent.futures.ThreadPoolExecutor(1) as threads:
        holder.execute(f"LOCK TABLE {table}")
        waiting = threads.submit(lambda: client.call("POST", f"{films}/query", QUERY))
        gateway.until(lambda: gateway.metric("sessions_working") == 1)
        shop.db.execute("SELECT pc_revoke_api_key(%s)", [name])
        holder.rollback()
        # its session may have been ended, which a client that tries again learns the reason of
        assert waiting.result()[0] in (200, 401, 503)
    assert client.failure("POST", f"{films}/query", QUERY) == (401, "Invalid API Key")


def test_no_secret_in_the_log(shop, key, tmp_path):
    gateway = Gateway(shop.address, tmp_path / "log", log_level="info")
    client = Client(gateway, key)
    client.call("GET", "/indexes", headers={"X-Request-Id": "seen-1"})
    client.call("POST", "/i/films/query", {**QUERY, "id": "secret-id"})
    Client(gateway, key[:-1] + "0").call("GET", "/indexes")
    Client(gateway, "hunter2").call("GET", "/indexes")
    assert gateway.stop() == 0
    lines = {line.get("request_id"): line for line in gateway.lines()}
    seen = lines["seen-1"]
    assert {name: seen[name] for name in ("operation", "method", "status", "key", "api_version", "client")} == {
        "operation": "list_indexes", "method": "GET", "status": 200, "key": key[:20], "api_version": "2025-10", "client": "127.0.0.1",
    }
    text = gateway.log.read_text()
    assert key[21:40] not in text and "hunter2" not in text and "secret-id" not in text


def test_metrics_and_health(gateway, client, films):
    client.ok("POST", f"{films}/query", QUERY)
    assert gateway.admin("/live") == (200, "live\n")
    status, text = gateway.admin("/ready")
    assert status == 200 and "primary" in text
    assert 'conifer_gateway_requests_total{operation="query",status="2xx"}' in gateway.admin("/metrics")[1]
    assert gateway.metric("sessions_max") == 3
    assert gateway.admin("/nothing")[0] == 404


def test_clients_that_go_away(shop, gateway, films):
    """Requests cut off at any moment leave neither a transaction nor a key behind: the next request of another key sees its own."""
    keys = {name: shop.key(name)[1] for name in ("one", "two")}
    head = f"POST {films}/query HTTP/1.1\r\nHost: localhost\r\nApi-Key: {{}}\r\nContent-Length: {{}}\r\n\r\n"
    body = json.dumps(QUERY)
    for turn in range(60 + 40 * SOAK):
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            connection.sendall((head.format(keys["one"], len(body)) + body).encode())
            time.sleep(random.uniform(0, 0.006))
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, 0, 0, 0, 0, 0, 0, 0]))
        if turn % 10 == 0:
            assert Client(gateway, keys["two"]).ok("POST", f"{films}/query", QUERY)["matches"]
    busy = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND state LIKE 'idle in transaction%%'"
    assert shop.db.execute(busy, [ROLE]).fetchone() == (0,)


def test_statement_is_cancelled_with_its_client(shop, gateway, films):
    """A query that waits for a lock ends when its client goes away, and its session works on."""
    before = gateway.metric("cancelled_total")
    (table,) = shop.db.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()
    with shop.server.connect(shop.name, autocommit=False) as holder:
        holder.execute(f"LOCK TABLE {table}")
        waiting = [http.client.HTTPConnection("127.0.0.1", gateway.port) for _ in range(3)]
        for connection in waiting:
            connection.request("POST", f"{films}/query", json.dumps(QUERY), {"Api-Key": shop.key()[1]})
        gateway.until(lambda: gateway.metric("sessions_working") == 3)
        for connection in waiting:
            connection.close()
        gateway.until(lambda: gateway.metric("sessions_working") == 0)
    assert gateway.metric("cancelled_total") == before + 3
    assert Client(gateway, shop.key()[1]).ok("POST", f"{films}/query", QUERY)["matches"]


def test_statement_timeout_and_full_queue(shop, key, films, tmp_path):
    gateway = Gateway(shop.address, tmp_path / "log", pool_size="1", queue_size="1", statement_timeout="2s", queue_timeout="1s")
    (table,) = shop.db.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()
    try:
        with shop.server.connect(shop.name, autocommit=False) as holder, concurrent.futures.ThreadPoolExecutor(3) as threads:
            ask = lambda: Client(gateway, key).call("POST", f"{films}/query", QUERY)  # noqa: E731
            assert ask()[0] == 200
            holder.execute(f"LOCK TABLE {table}")
            slow = threads.submit(ask)
            gateway.until(lambda: gateway.metric("sessions_working") == 1)
            waiting = threads.submit(ask)
            gateway.until(lambda: gateway.metric("waiting") == 1)
            status, headers, body = ask()
            assert (status, headers["retry-after"], body["code"]) == (429, "1", 8)
            status, headers, body = waiting.result()
            assert (status, headers["retry-after"]) == (429, "1") and "busy" in body["message"]
            status, _, body = slow.result()
            assert (status, body["code"]) == (400, 4) and "statement-timeout" in body["message"]
        assert ask()[0] == 200
    finally:
        assert gateway.stop() == 0


def test_keys_never_mix(shop, gateway, films):
    """Many clients of several keys on few sessions: each key sees its own namespace, and only that."""
    tenants = {f"tenant-{n}": None for n in range(16 if SOAK else 6)}
    for name in tenants:
        (table,) = shop.db.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()
        shop.db.execute("SELECT pc_upsert('films', jsonb_build_array(jsonb_build_object("
                        "'id', %s::text, 'values', '[1,2,3]'::jsonb)), namespace => %s)", [name, name])
        tenants[name] = shop.key(name, control_plane="None", data_plane="ReadOnly", namespaces=json.dumps({"films": [name]}))[1]
    end, failures, answers = time.monotonic() + (60 if SOAK else 4), [], []

    def work(name, key):
        client, count = Client(gateway, key), 0
        while time.monotonic() < end and not failures:
            status, _, body = client.call("POST", f"{films}/query", {**QUERY, "topK": 5, "namespace": name})
            if status != 200 or [match["id"] for match in body["matches"]] != [name]:
                failures.append((name, status, body))
            other = random.choice([tenant for tenant in tenants if tenant != name])
            status, _, body = client.call("POST", f"{films}/query", {**QUERY, "namespace": other})
            if status != 403:
                failures.append((name, other, status, body))
            count += 2
        answers.append(count)

    clients = [threading.Thread(target=work, args=pair) for pair in list(tenants.items()) * 4]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    assert not failures, failures[:3]
    assert sum(answers) > len(clients)


def test_many_idle_connections(gateway, client, films):
    """They cost little, and do not keep others waiting."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(10_000 if SOAK else 2_000, hard - 200)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted + 200), hard))
    before, idle = gateway.memory(), []
    try:
        for _ in range(wanted):
            idle.append(socket.create_connection(("127.0.0.1", gateway.port)))
        gateway.until(lambda: gateway.metric("connections") >= wanted)
        assert client.ok("POST", f"{films}/query", QUERY)["matches"]
        assert gateway.memory() - before < wanted * 16
    finally:
        for connection in idle:
            connection.close()
    gateway.until(lambda: gateway.metric("connections") < 10)


def test_connections_beyond_the_maximum_wait(shop, key, films, tmp_path):
    """And keep nobody from ending the gateway."""
    gateway = Gateway(shop.address, tmp_path / "log", max_connections="2")
    first, second, third = (Client(gateway, key, timeout=1 if n == 2 else 30) for n in range(3))
    for client in (first, second):
        assert client.ok("POST", f"{films}/query", QUERY)["matches"]
    with pytest.raises(TimeoutError):
        third.call("POST", f"{films}/query", QUERY)
    third.close()
    first.close()
    assert Client(gateway, key).ok("POST", f"{films}/query", QUERY)["matches"]
    idle = [Client(gateway, key), Client(gateway, key)]
    for client in idle:
        client.connection.connect()
    begin = time.monotonic()
    assert gateway.stop() == 0 and time.monotonic() - begin < 15


def test_shutdown_lets_requests_end(shop, key, films, tmp_path):
    gateway = Gateway(shop.address, tmp_path / "log")
    (table,) = shop.db.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()
    with shop.server.connect(shop.name, autocommit=False) as holder, concurrent.futures.ThreadPoolExecutor(1) as threads:
        idle = Client(gateway, key)
        idle.ok("GET", f"{films}/vectors/list")
        holder.execute(f"LOCK TABLE {table}")
        waiting = threads.submit(lambda: Client(gateway, key).call("POST", f"{films}/query", QUERY))
        gateway.until(lambda: gateway.metric("sessions_working") == 1)
        gateway.process.terminate()
        gateway.process.poll()
        time.sleep(0.3)
        with pytest.raises(OSError):
            socket.create_connection(("127.0.0.1", gateway.port), timeout=2)
        holder.rollback()
        assert waiting.result()[0] == 200
    assert gateway.process.wait(20) == 0


def test_database_restarted_full_and_gone(tmp_path):
    """503 with Retry-After while it lasts, and by itself all is well afterwards."""
    server = Cluster(15, "gateway-faults", {"max_connections": "12"})
    gateway = None
    try:
        server.create_database("with_conifer")
        with server.connect("with_conifer") as session:
            session.execute("CREATE EXTENSION conifer")
        shop = Shop(server, "shop")
        key = shop.key()[1]
        shop.db.execute("SELECT pc_create_index('films', 3)")
        shop.db.execute("SELECT pc_upsert('films', '[{\"id\": \"a\", \"values\": [1, 2, 3]}]')")
        # full
        guests = []
        with pytest.raises(psycopg.OperationalError, match="remaining connection slots|too many clients"):
            for _ in range(20):
                guests.append(server.connect("shop", user=ROLE))
        gateway = Gateway(shop.address, tmp_path / "log", pool_size="3")
        client = Client(gateway, key)
        ask = lambda: client.call("POST", "/i/films/query", QUERY)  # noqa: E731
        status, headers, _ = ask()
        assert (status, headers["retry-after"]) == (503, "1")
        assert gateway.admin("/ready")[0] == 503 and gateway.admin("/live")[0] == 200
        for guest in guests:
            guest.close()
        gateway.until(lambda: ask()[0] == 200)

        # restarted under load: nothing but 200 and 503, and of idle sessions that are gone nobody hears
        shop.db.close()
        statuses, over = set(), threading.Event()

        def load():
            mine = Client(gateway, key)
            while not over.is_set():
                status, headers, _ = mine.call("POST", "/i/films/query", QUERY)
                assert status == 200 or headers["retry-after"]
                statuses.add(status)
                time.sleep(0.002)

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            loads = [threads.submit(load) for _ in range(4)]
            time.sleep(0.5)
            server.crash()
            time.sleep(0.5)
            server.resume()
            gateway.until(lambda: ask()[0] == 200)
            time.sleep(0.5)
            over.set()
            for done in loads:
                done.result()
        assert statuses == {200, 503}
        assert ask()[0] == 200
        server.stop()
        assert ask()[0] == 503
        server.resume()
        gateway.until(lambda: ask()[0] == 200)
        assert gateway.admin("/ready")[0] == 200
    finally:
        if gateway:
            gateway.stop()
        server.destroy()


@pytest.mark.skipif(not SOAK, reason="it waits for as long as a request would")
def test_database_that_says_nothing(shop, key, films, tmp_path):
    """A server that neither answers nor closes the connection is given up, and the session with it."""
    gateway = Gateway(shop.address, tmp_path / "log", pool_size="1", statement_timeout="1s")
    client = Client(gateway, key)
    assert client.call("POST", f"{films}/query", QUERY)[0] == 200
    find = "SELECT pid FROM pg_stat_activity WHERE usename = %s AND application_name = 'conifer-gateway' AND state = 'idle'"
    pids = [pid for (pid,) in shop.db.execute(find, [ROLE])]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        begin = time.monotonic()
        assert client.call("POST", f"{films}/query", QUERY)[0] == 503 and time.monotonic() - begin < 20
        assert client.call("POST", f"{films}/query", QUERY)[0] == 200
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
    assert gateway.stop() == 0


def test_starts_without_a_database(tmp_path):
    gateway = Gateway("host=127.0.0.1 port=1 user=nobody dbname=none", tmp_path / "log")
    status, headers, body = Client(gateway, "cfk_x").call("GET", "/indexes")
    assert (status, headers["retry-after"], body["error"]["code"]) == (503, "1", "UNAVAILABLE")
    assert gateway.admin("/ready")[0] == 503
    assert b"503" in exchange(gateway.admin_port, b"GET /ready HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert gateway.stop() == 0
