"""The ways to the gateway and from it: TLS on both sides, passwords, several servers."""

import shutil
import socket
import ssl
import time

import pytest

from tests.gateway.gateway import ROLE, Gateway, Shop
from tests.gateway.wire import Client
from tests.pinecone.access.tls_server import Authority, TlsServer
from tests.support.cluster import Cluster

QUERY = {"topK": 1, "vector": [1, 2, 3]}


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("transport") / "ca")


def served(gateway, context):
    """The serial number of the certificate that is shown, and the version that is spoken."""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as tcp:
        with context.wrap_socket(tcp, server_hostname="localhost") as tls:
            return tls.getpeercert()["serialNumber"], tls.version(), tls.selected_alpn_protocol()


def test_tls(shop, key, authority, tmp_path):
    certificate, private = tmp_path / "crt", tmp_path / "key"
    for name, file in (("server.crt", certificate), ("server.key", private)):
        shutil.copy(authority.directory / name, file)
    gateway = Gateway(shop.address, tmp_path / "log", tls_certificate=str(certificate), tls_key=str(private), tls_reload="100ms")
    try:
        context = ssl.create_default_context(cafile=authority.root)
        first, version, _ = served(gateway, context)
        assert version == "TLSv1.3"
        context.set_alpn_protocols(["h2", "http/1.1"])
        assert served(gateway, context)[2] == "h2"
        context.set_alpn_protocols(["http/1.1"])
        assert served(gateway, context)[2] == "http/1.1"
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert served(gateway, context)[1] == "TLSv1.2"
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
        old.set_ciphers("ALL:@SECLEVEL=0")
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError, match="(?i)alert (protocol.version|handshake.failure)"):
            served(gateway, old)
        # plain HTTP is not answered
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as plain:
            plain.sendall(b"GET /indexes HTTP/1.1\r\nHost: x\r\n\r\n")
            assert b"HTTP" not in plain.recv(100)

        # a new certificate is taken up; one that is broken is not
        authority.issue("second", "localhost")
        for name, file in (("second.crt", certificate), ("second.key", private)):
            shutil.copy(authority.directory / name, file)
        gateway.until(lambda: served(gateway, context)[0] != first)
        second = served(gateway, context)[0]
        certificate.write_text("broken")
        gateway.until(lambda: "the certificate in use stays" in gateway.log.read_text())
        assert served(gateway, context)[0] == second
    finally:
        assert gateway.stop() == 0


def test_tls_1_3_alone(shop, authority, tmp_path):
    files = {"tls_certificate": str(authority.directory / "server.crt"), "tls_key": str(authority.directory / "server.key")}
    gateway = Gateway(shop.address, tmp_path / "log", tls_min_version="1.3", **files)
    context = ssl.create_default_context(cafile=authority.root)
    assert served(gateway, context)[1] == "TLSv1.3"
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        served(gateway, context)
    assert gateway.stop() == 0


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A database that is reached over TLS by a password alone."""
    from tests.support.cluster import readable

    server = TlsServer(readable(tmp_path_factory.mktemp("secure")))
    try:
        with server.admin() as session:
            session.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD 'it''s \\ secret'; GRANT conifer_gateway TO {ROLE}")
            session.execute(f"ALTER ROLE {ROLE} SET session_preload_libraries = 'conifer'")
            session.execute("SELECT pc_create_index('films', 3)")
            session.execute("SELECT pc_upsert('films', '[{\"id\": \"a\", \"values\": [1, 2, 3]}]')")
            (server.key,) = session.execute("SELECT api_key FROM pc_create_api_key('all')").fetchone()
        server.admit(["hostssl shop +conifer_gateway 127.0.0.1/32 scram-sha-256"])
        yield server
    finally:
        server.destroy()


def test_database_over_tls(secure, tmp_path):
    password = tmp_path / "password"
    password.write_text("it's \\ secret\n")
    other = Authority(tmp_path / "other")
    base = f"port={secure.port} user={ROLE} dbname=shop"
    root = f"sslrootcert={secure.authority.root}"
    for address, is_taken in [
        (f"host=localhost {base} sslmode=verify-full {root}", True),
        (f"host=127.0.0.1 {base} sslmode=verify-full {root}", True),
        (f"host=127.0.0.1 {base} sslmode=verify-ca {root}", True),
        (f"host=127.0.0.1 {base} sslmode=require", True),
        (f"host=127.0.0.1 {base}", True),  # as it prefers TLS
        (f"host=127.0.0.1 {base} sslmode=disable", False),
        (f"host=localhost {base} sslmode=verify-full sslrootcert={other.root}", False),
        (f"host=localhost {base} sslmode=verify-ca sslrootcert={other.root}", False),
        (f"host=ip6-localhost {base} sslmode=verify-full {root}", False),
    ]:
        gateway = Gateway(address, tmp_path / "log", database_password_file=str(password))
        try:
            status, _, body = Client(gateway, secure.key).call("POST", "/i/films/query", QUERY)
            assert status == (200 if is_taken else 503), (address, body, gateway.log.read_text())
        finally:
            assert gateway.stop() == 0
    password.write_text("wrong")
    gateway = Gateway(f"host=localhost {base} sslmode=verify-full {root}", tmp_path / "log", database_password_file=str(password))
    assert Client(gateway, secure.key).call("POST", "/i/films/query", QUERY)[0] == 503
    assert gateway.stop() == 0
    text = (tmp_path / "log").read_text()
    assert "28P01" in text and "secret" not in text


def test_failover(tmp_path):
    """Of two servers the one that takes writes is used; when it is gone and the other promoted, that one."""
    primary = Cluster(15, "gateway-primary", {"wal_level": "replica", "max_wal_senders": "4"})
    standby = None
    gateways = []
    try:
        primary.create_database("with_conifer")
        with primary.connect("with_conifer") as session:
            session.execute("CREATE EXTENSION conifer")
        shop = Shop(primary, "shop")
        key = shop.key()[1]
        shop.db.execute("SELECT pc_create_index('films', 3)")
        shop.db.execute("SELECT pc_upsert('films', '[{\"id\": \"a\", \"values\": [1, 2, 3]}]')")
        shop.db.close()
        standby = primary.standby("gateway-standby")
        hosts = ",".join(server.env["PGHOST"] for server in (standby, primary))
        ports = ",".join(server.env["PGPORT"] for server in (standby, primary))
        of_both = f"host={hosts} port={ports} user={ROLE} dbname=shop target_session_attrs=read-write"
        of_standby = f"host={standby.env['PGHOST']} port={standby.env['PGPORT']} user={ROLE} dbname=shop"
        gateways = [Gateway(of_both, tmp_path / "both"), Gateway(of_standby, tmp_path / "standby")]
        both, reading = (Client(gateway, key) for gateway in gateways)

        def upsert(client, name):
            return client.call("POST", "/i/films/vectors/upsert", {"vectors": [{"id": name, "values": [1, 2, 3]}]})

        status, headers, _ = upsert(both, "b")
        assert status == 200
        written = int(headers["x-pinecone-lsn-committed"])

        def is_seen():
            _, headers, body = reading.call("GET", "/i/films/vectors/fetch?ids=b")
            seen = "b" in body["vectors"]
            assert seen or int(headers["x-pinecone-lsn-reconciled"]) < written
            return seen and int(headers["x-pinecone-lsn-reconciled"]) >= written

        gateways[1].until(is_seen)
        assert "standby" in gateways[1].admin("/ready")[1]
        status, _, body = upsert(reading, "c")
        assert (status, body["code"]) == (412, 9), body

        primary.kill()
        assert upsert(both, "d")[0] == 503
        with standby.connect("postgres") as session:
            session.execute("SELECT pg_promote()")
        gateways[0].until(lambda: upsert(both, "e")[0] == 200)
        assert upsert(reading, "f")[0] == 200
    finally:
        for gateway in gateways:
            gateway.stop()
        for server in filter(None, (standby, primary)):
            server.destroy()


def test_check_of_the_configuration(shop, tmp_path):
    import subprocess

    from tests.gateway.gateway import PROGRAM

    def run(*words):
        done = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=30, env={"PATH": "/usr/bin:/bin"})
        return done.returncode, done.stdout + done.stderr

    file = tmp_path / "gateway.conf"
    file.write_text(f'database = "{shop.address}"\npool-size = 2 # for a test\n')
    status, text = run(f"--config={file}", "--check")
    assert status == 0 and text.startswith("conifer 0."), text
    assert run(f"--config={file}", "--check", "--database=host=127.0.0.1 port=1 user=nobody")[0] == 1
    file.write_text("pool-sice = 2\n")
    status, text = run(f"--config={file}", "--check")
    assert status == 78 and "line 1" in text and "pool-sice" in text
    assert "--pool-size" in run("--help")[1] and run("--version")[1].startswith("conifer-gateway ")
    started = time.monotonic()
    assert run("--database=user=x password=topsecret sslmode=best")[0] == 78 and time.monotonic() - started < 5
    assert "topsecret" not in run("--database=user=x password=topsecret sslmode=best")[1]
