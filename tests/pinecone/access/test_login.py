"""Keys and people log in over TLS: SCRAM, through PgBouncer, client certificates, LDAP. Real servers on loopback."""

import psycopg
import pytest

from tests.pinecone.access.ldap_directory import ldap_directory
from tests.pinecone.access.tls_server import TlsServer, free_port, launch, until_open
from tests.support.cluster import readable

KEYS = "hostssl shop +conifer_keys 127.0.0.1/32 scram-sha-256"
REJECT = ["hostssl all all all reject", "hostnossl all all all reject"]


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    directory = tmp_path_factory.mktemp("secure")
    readable(directory)
    server = TlsServer(directory)
    yield server
    server.destroy()


@pytest.fixture
def key(secure):
    """A new key of all rights: its id and the whole of it."""
    with secure.admin() as session:
        return session.execute("SELECT key_id, api_key FROM pc_create_api_key('client')").fetchone()


def lifecycle(session, name):
    """All that an application does with an index."""
    assert session.execute("SELECT ready FROM pc_create_index(%s, 3)", [name]).fetchone() == (True,)
    upsert = """SELECT pc_upsert(%s, '[{"id": "a", "values": [1, 0, 0], "metadata": {"n": 1}}, {"id": "b", "values": [0, 1, 0]}]')"""
    assert session.execute(upsert, [name]).fetchone() == (2,)
    query = "SELECT id FROM pc_query(%s, %s::text::vector, top_k => 2)"
    assert session.execute(query, [name, "[1,0.1,0]"]).fetchall() == [("a",), ("b",)]
    assert session.execute("SELECT id FROM pc_fetch(%s, ARRAY['b'])", [name]).fetchall() == [("b",)]
    assert session.execute("SELECT pc_delete(%s, ARRAY['b'])", [name]).fetchone() == (1,)
    (table,) = session.execute("SELECT table_name::text FROM pc_describe_index(%s)", [name]).fetchone()
    assert session.execute(f"SELECT id, metadata FROM {table}").fetchall() == [("a", {"n": 1})]
    assert session.execute(f"""INSERT INTO {table} VALUES ('', 'c', '[1,1,1]') RETURNING id""").fetchone() == ("c",)
    session.execute("SELECT pc_delete_index(%s)", [name])
    assert session.execute("SELECT count(*) FROM pc_list_indexes() WHERE name = %s", [name]).fetchone() == (0,)


def test_key_as_login(secure, key):
    secure.admit([KEYS, *REJECT])
    name, whole = key
    with secure.connect(name, whole, channel_binding="require") as session:
        tls = session.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()[0]
        assert tls in ("TLSv1.2", "TLSv1.3")
        assert session.execute("SELECT kind, id FROM pc_whoami()").fetchone() == ("key", name)
        lifecycle(session, "by-login")
    for password in [whole[:-1], whole[:-1] + ("1" if whole[-1] == "0" else "0"), "", name]:
        with pytest.raises(psycopg.OperationalError, match="password authentication failed|no password supplied"):
            secure.connect(name, password)
    with pytest.raises(psycopg.OperationalError, match="rejects connection|no encryption"):
        secure.connect(name, whole, sslmode="disable")
    with pytest.raises(psycopg.OperationalError, match="rejects connection"):
        secure.connect(name, whole, dbname="postgres")
    with pytest.raises(psycopg.OperationalError, match="certificate"):
        secure.connect(name, whole, sslrootcert=secure.authority.issue("other", "localhost")["sslcert"])
    with pytest.raises(psycopg.OperationalError, match="does not match host name"):
        secure.connect(name, whole, host="other.example.org")


def test_rotation_and_revocation(secure, key):
    secure.admit([KEYS, *REJECT])
    name, whole = key
    with secure.admin() as admin, secure.connect(name, whole) as old:
        new, new_whole = admin.execute("SELECT key_id, api_key FROM pc_rotate_api_key(%s, '1 hour')", [name]).fetchone()
        assert old.execute("SELECT 1").fetchone() == (1,)
        with secure.connect(name, whole) as again, secure.connect(new, new_whole) as other:
            assert again.execute("SELECT id FROM pc_whoami()").fetchone() == (name,)
            assert other.execute("SELECT id FROM pc_whoami()").fetchone() == (new,)
            admin.execute("SELECT pc_revoke_api_key(%s)", [name])
            assert other.execute("SELECT id FROM pc_whoami()").fetchone() == (new,)
            for session in (old, again):
                with pytest.raises(psycopg.OperationalError):
                    session.execute("SELECT 1")
        # its role is gone, so no line admits it
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            secure.connect(name, whole)
        # no overlap at all
        admin.execute("SELECT pc_rotate_api_key(%s, '0')", [new])
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            secure.connect(new, new_whole)


@pytest.fixture
def pooler(secure, tmp_path):
    """PgBouncer in transaction mode, which knows the passwords of nobody but itself. Its port."""
    port = free_port()
    with secure.admin() as session:
        if not session.execute("SELECT FROM pg_roles WHERE rolname = 'pgbouncer'").fetchall():
            session.execute("CREATE ROLE pgbouncer LOGIN PASSWORD 'only-here'")
            session.execute("CREATE SCHEMA pgbouncer; GRANT USAGE ON SCHEMA pgbouncer TO pgbouncer")
            session.execute(
                """CREATE FUNCTION pgbouncer.get_auth(name text) RETURNS TABLE (usename name, passwd text)
                   LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS
                   $$SELECT rolname, rolpassword FROM pg_authid WHERE rolname = name AND rolcanlogin AND NOT rolsuper
                      AND (rolvaliduntil IS NULL OR rolvaliduntil > clock_timestamp())$$"""
            )
            session.execute("REVOKE EXECUTE ON FUNCTION pgbouncer.get_auth FROM PUBLIC")
            session.execute("GRANT EXECUTE ON FUNCTION pgbouncer.get_auth TO pgbouncer")
            session.execute("CREATE ROLE pool LOGIN PASSWORD 'pooled' IN ROLE conifer_gateway")
            session.execute("ALTER ROLE pool SET session_preload_libraries = 'conifer'")
    home = secure.cluster.home
    authority = secure.authority.directory
    for name in ("ca.crt", "server.crt", "server.key"):
        secure.give(home / "log" / name, (authority / name).read_text())
    secure.give(home / "log" / "users", '"pgbouncer" "only-here"\n')
    secure.give(home / "log" / "pgbouncer.ini", f"""
[databases]
shop = host=localhost port={secure.port} dbname=shop
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
pool_mode = transaction
default_pool_size = 2
query_wait_timeout = 3
server_login_retry = 1
auth_type = scram-sha-256
auth_file = {home}/log/users
auth_user = pgbouncer
auth_query = SELECT usename, passwd FROM pgbouncer.get_auth($1)
client_tls_sslmode = require
client_tls_key_file = {home}/log/server.key
client_tls_cert_file = {home}/log/server.crt
server_tls_sslmode = verify-full
server_tls_ca_file = {home}/log/ca.crt
logfile = {home}/log/pgbouncer
pidfile = {home}/log/pgbouncer.pid
""")
    process = launch("pgbouncer", "-q", str(home / "log" / "pgbouncer.ini"), as_server=True)
    try:
        until_open(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


POOL = [
    KEYS,
    "hostssl shop pgbouncer 127.0.0.1/32 scram-sha-256",
    "hostssl shop +conifer_gateway 127.0.0.1/32 scram-sha-256",
    *REJECT,
]


def test_key_as_login_through_a_pooler(secure, key, pooler):
    secure.admit(POOL)
    name, whole = key
    with secure.connect(name, whole, port=pooler, prepare_threshold=None) as session:
        assert session.execute("SELECT kind, id FROM pc_whoami()").fetchone() == ("key", name)
        lifecycle(session, "by-pooler")
    with pytest.raises(psycopg.OperationalError):
        secure.connect(name, whole[:-2], port=pooler)
    with secure.connect(name, whole, port=pooler, prepare_threshold=None) as session, secure.admin() as admin:
        assert session.execute("SELECT 1").fetchone() == (1,)
        admin.execute("SELECT pc_revoke_api_key(%s)", [name])
        with pytest.raises(psycopg.Error):
            session.execute("SELECT * FROM pc_list_indexes()")


def test_key_within_a_pooled_session(secure, pooler):
    """Two tenants share one login and two connections; nobody sees the other's."""
    secure.admit(POOL)
    with secure.admin() as admin:
        admin.execute("SELECT pc_create_index('shared', 2)")
        make = "SELECT api_key FROM pc_create_api_key(%s::text, namespaces => jsonb_build_object('shared', ARRAY[%s::text]))"
        keys = {tenant: admin.execute(make, [tenant, tenant]).fetchone()[0] for tenant in ("a", "b")}
        (table,) = admin.execute("SELECT table_name::text FROM pc_describe_index('shared')").fetchone()
    with secure.connect("pool", "pooled", port=pooler, prepare_threshold=None) as session:
        for tenant, whole in keys.items():
            with session.transaction():
                session.execute("SELECT pc_use_key(%s)", [whole])
                session.execute("SELECT pc_upsert('shared', %s::text::jsonb, %s)", ['[{"id": "mine", "values": [1, 2]}]', tenant])
        for _ in range(20):
            for tenant, whole in keys.items():
                with session.transaction():
                    session.execute("SELECT pc_use_key(%s)", [whole])
                    assert session.execute(f"SELECT namespace FROM {table}").fetchall() == [(tenant,)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied for table"):
                session.execute(f"SELECT namespace FROM {table}")
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification, match="no API key is in effect"):
                session.execute("SELECT pc_query('shared', '[1,2]')")
        for other in ["a", "b"]:
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="namespace"), session.transaction():
                session.execute("SELECT pc_use_key(%s)", [keys[other]])
                session.execute("SELECT pc_query('shared', '[1,2]', namespace => %s)", ["b" if other == "a" else "a"])
    with secure.admin() as admin:
        admin.execute("SELECT pc_delete_index('shared')")


def test_certificates(secure):
    """People by client certificate; all whom nobody knows are one role, which has the default role."""
    secure.admit(
        ["hostssl shop +conifer_people 127.0.0.1/32 cert map=people", *REJECT],
        [r"people /^(.*)@example\.org$ \1", r"people /^(.*)@partner\.example$ newcomer"],
    )
    with secure.admin() as admin:
        admin.execute("DROP ROLE IF EXISTS ann, bob, newcomer; CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN; CREATE ROLE newcomer LOGIN IN ROLE conifer_people")
        admin.execute("SELECT pc_grant_role('ann', 'ProjectOwner'), pc_grant_role('bob', 'ControlPlaneViewer')")
        ann = secure.authority.issue("ann", "ann@example.org")
        bob = secure.authority.issue("bob", "bob@example.org")
        with secure.connect("ann", **ann) as session:
            assert session.execute("SELECT kind, id, data_plane FROM pc_whoami()").fetchone() == ("person", "ann", "ReadWrite")
            lifecycle(session, "by-certificate")
            session.execute("SELECT pc_create_api_key('made by ann')")
        with secure.connect("bob", **bob) as session:
            session.execute("SELECT pc_list_indexes()")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT pc_create_index('bobs', 3)")
        with pytest.raises(psycopg.OperationalError, match="certificate authentication failed"):
            secure.connect("ann", **bob)
        with pytest.raises(psycopg.OperationalError):
            secure.connect("ann")
        eve = secure.authority.issue("eve", "eve@partner.example")
        with secure.connect("newcomer", **eve) as session:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT pc_list_indexes()")
            admin.execute("SELECT pc_set_default_role('ProjectViewer')")
            session.execute("SELECT pc_list_indexes()")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT pc_create_index('eves', 3)")
            admin.execute("SELECT pc_set_default_role(NULL)")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute("SELECT pc_list_indexes()")


@pytest.fixture
def directory_server(tmp_path):
    """slapd with two people. Its port."""
    with ldap_directory(tmp_path, ["carol", "dave"]) as port:
        yield port


def test_ldap(secure, directory_server):
    secure.admit([
        f"hostssl shop +conifer_people 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport={directory_server} "
        'ldapprefix="uid=" ldapsuffix=",ou=people,dc=example,dc=org"',
        *REJECT,
    ])
    with secure.admin() as admin:
        admin.execute("DROP ROLE IF EXISTS carol, dave; CREATE ROLE carol LOGIN; CREATE ROLE dave LOGIN")
        admin.execute("SELECT pc_grant_role('carol', 'ProjectEditor')")
        with secure.connect("carol", "carol-secret") as session:
            assert session.execute("SELECT kind, id FROM pc_whoami()").fetchone() == ("person", "carol")
            lifecycle(session, "by-directory")
        for user, password in [("carol", "wrong"), ("carol", ""), ("carol", "dave-secret"), ("nobody", "x")]:
            with pytest.raises(psycopg.OperationalError):
                secure.connect(user, password)
        # in the directory, but nobody here
        with pytest.raises(psycopg.OperationalError, match="rejects connection"):
            secure.connect("dave", "dave-secret")
        admin.execute("SELECT pc_grant_role('dave', 'DataPlaneViewer')")
        with secure.connect("dave", "dave-secret") as session:
            assert session.execute("SELECT control_plane, data_plane FROM pc_whoami()").fetchone() == ("None", "ReadOnly")


def test_report_of_a_server_as_it_should_be(secure, key):
    secure.admit([KEYS, "hostssl shop +conifer_gateway 127.0.0.1/32 scram-sha-256", *REJECT])
    name, whole = key
    with secure.admin() as admin:
        admin.execute("SELECT pc_update_api_key(key_id, expires_at => now() + interval '1 day') FROM pc_list_api_keys() WHERE revoked_at IS NULL AND coalesce(expires_at > now(), true)")
        with secure.connect(name, whole) as session:
            session.execute("SELECT pc_whoami()")
            report = "SELECT area, item FROM pc_security_report() WHERE state = 'fail'"
            assert admin.execute(report).fetchall() == []
            assert admin.execute("SELECT found FROM pc_security_report() WHERE item = 'remote sessions without TLS'").fetchone() == ("0",)
        used = admin.execute("SELECT last_used_at > now() - interval '1 minute' FROM pc_describe_api_key(%s)", [name]).fetchone()
        assert used == (True,)
