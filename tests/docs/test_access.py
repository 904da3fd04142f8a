"""docs/access.md as printed: each configuration of the page, on a server that has nothing else. Only addresses, ports, directories and
secrets are put in, and each of those has to stand on the page."""

import os
import re
import shutil
import subprocess
from contextlib import contextmanager

import psycopg
import pytest

from tests.pinecone.access.ldap_directory import ldap_directory
from tests.pinecone.access.tls_server import PROGRAMS, SERVER_USER, Authority, TlsServer, environment, free_port, launch, until_open
from tests.support.cluster import ROOT, Cluster, readable

PAGE = (ROOT / "docs/access.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
HOST = "db.example.org"


def block(mark, **changes):
    """The one block of the page in which `mark` stands, with texts put in the place of others."""
    (text,) = [text for _, text in BLOCKS if mark in text]
    return put(text, changes)


def put(text, changes):
    for old, new in changes.items():
        assert old in text, f"{old} is not in\n{text}"
        text = text.replace(old, new)
    return text


def hba(first, **changes):
    """The page's lines of pg_hba.conf: the one behind the comment that begins with `first`, those for keys and pools before it, and the one for nobody
    after it."""
    lines = block("+conifer_people 0.0.0.0/0 ldap").splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith(f"# {first}"))
    wanted = lines[start + 1] if first else ""
    keys, pools = lines.index("# keys and pools"), lines.index("# LDAP")
    local = [line.replace("10.0.0.0/8", "127.0.0.1/32") for line in lines]
    return [*local[keys + 1:pools], put(wanted, changes), *local[lines.index("# all others") + 1:]]


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A server with the settings of the page's section on transport, and its three for people."""
    home = readable(tmp_path_factory.mktemp("printed"))
    with pytest.MonkeyPatch.context() as here:
        # What /etc/ldap/ldap.conf and /etc/krb5.conf have on a machine of its own.
        here.setenv("SERVER_ENV", f"LDAPTLS_CACERT={home}/authority/ca.crt KRB5_CONFIG={home}/krb5.conf")
        (home / "krb5.conf").write_text("")
        server = TlsServer(home)
        server.home = home
        try:
            data = server.cluster.home / "data"
            server.people = Authority(home / "people")
            server.give(data / "people-ca.crt", (home / "people/ca.crt").read_text())
            server.give(data / "people.crl", server.people.revoke().read_text())
            for_people = block("ssl_ca_file =").partition("# oauth")[0]
            with (data / "postgresql.conf").open("a") as settings:
                settings.write(block("ssl_min_protocol_version") + for_people)
            with server.admin() as session:
                session.execute("ALTER SYSTEM RESET ALL")
            server.cluster.stop()
            server.cluster.resume()
            with server.admin() as session:
                session.execute(next(text for kind, text in BLOCKS if "CREATE ROLE pool LOGIN" in text))
                give_password(session, "pool", "of the pool")
            yield server
        finally:
            server.destroy()


def give_password(session, role, password):
    """What psql's \\password does."""
    verifier = session.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    session.execute(psycopg.sql.SQL("ALTER ROLE {} PASSWORD {}").format(psycopg.sql.Identifier(role), psycopg.sql.Literal(verifier)))


@contextmanager
def running(port, program, *args, **options):
    process = launch(program, *args, **options)
    try:
        until_open(port, process)
        yield port
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def key(secure):
    with secure.admin() as session:
        return session.execute("SELECT key_id, api_key FROM pc_create_api_key('client')").fetchone()


@pytest.fixture
def person(secure):
    """A function that makes a member who may read and write."""
    def make(name):
        with secure.admin() as admin:
            admin.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN").format(psycopg.sql.Identifier(name)))
            admin.execute("SELECT pc_grant_role(%s, 'ProjectEditor')", [name])
    return make


def who(session):
    return session.execute("SELECT kind, id FROM pc_whoami()").fetchone()


def test_key_by_its_address(secure, key):
    """The connection string of the page."""
    secure.admit(hba("keys")[1:])
    name, whole = key
    url = block("postgresql://cfk", **{
        "cfk_0123456789abcdef_…": whole, "cfk_0123456789abcdef:": f"{name}:", HOST: f"{HOST}:{secure.port}"
    })
    with psycopg.connect(url.strip(), hostaddr="127.0.0.1", sslrootcert=secure.authority.root) as session:
        assert who(session) == ("key", name)
    with pytest.raises(psycopg.OperationalError, match="no encryption|rejects"):
        psycopg.connect(url.strip().replace("verify-full", "disable"), hostaddr="127.0.0.1")


def test_directory(secure, person, tmp_path):
    person("carol")
    readable(tmp_path)
    with ldap_directory(tmp_path, ["carol"], secure.authority) as port:
        secure.admit(hba("LDAP", **{"ldap.example.org": f"127.0.0.1 ldapport={port}"}))
        with secure.connect("carol", "carol-secret") as session:
            assert who(session) == ("person", "carol")
        with pytest.raises(psycopg.OperationalError):
            secure.connect("carol", "wrong")
        # a directory whose certificate nobody here has signed is told no password
        other = Authority(tmp_path / "other")
        (tmp_path / "second").mkdir()
        with ldap_directory(tmp_path / "second", ["carol"], other) as port:
            secure.admit(hba("LDAP", **{"ldap.example.org": f"127.0.0.1 ldapport={port}"}))
            with pytest.raises(psycopg.OperationalError):
                secure.connect("carol", "carol-secret")


def test_certificates(secure, person):
    ident = re.search(r"pg_ident.conf has: (.*)", block("+conifer_people 0.0.0.0/0 cert"))[1]
    secure.admit(hba("client certificates"), [ident])
    for name in ("ann", "bob"):
        person(name)
    ann, bob = (secure.people.issue(name, f"{name}@example.org") for name in ("ann", "bob"))
    with secure.connect("ann", **ann) as session:
        assert who(session) == ("person", "ann")
    with secure.connect("bob", **bob) as session:
        assert who(session) == ("person", "bob")
    secure.give(secure.cluster.home / "data/people.crl", secure.people.revoke("bob").read_text())
    secure.admit(hba("client certificates"), [ident])
    with pytest.raises(psycopg.OperationalError, match="revoked"):
        secure.connect("bob", **bob)
    with secure.connect("ann", **ann) as session:
        assert who(session) == ("person", "ann")
    strange = secure.authority.issue("strange", "ann@example.org")
    with pytest.raises(psycopg.OperationalError):
        secure.connect("ann", **strange)


def test_kerberos(secure, person, tmp_path):
    port = free_port()
    modules = next((PROGRAMS / "usr/lib").glob("*-linux-gnu*/krb5/plugins/kdb"))
    (secure.home / "krb5.conf").write_text(f"""
[libdefaults]
default_realm = EXAMPLE.ORG
dns_lookup_kdc = false
dns_canonicalize_hostname = false
rdns = false
[realms]
EXAMPLE.ORG = {{
  kdc = 127.0.0.1:{port}
}}
[dbmodules]
db_module_dir = {modules}
""")
    (tmp_path / "kdc.conf").write_text(f"""
[kdcdefaults]
kdc_listen = 127.0.0.1:{port}
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
EXAMPLE.ORG = {{
  database_name = {tmp_path}/principal
  key_stash_file = {tmp_path}/stash
}}
""")
    variables = {
        "KRB5_CONFIG": f"{secure.home}/krb5.conf", "KRB5_KDC_PROFILE": f"{tmp_path}/kdc.conf", "KRB5CCNAME": f"FILE:{tmp_path}/tickets"
    }

    def run(*args, stdin=None):
        done = subprocess.run(args, env={**environment(), **variables}, input=stdin, capture_output=True, text=True)
        assert done.returncode == 0, f"{args}: {done.stdout}{done.stderr}"
        return done.stdout

    run("kdb5_util", "create", "-s", "-P", "master")
    keytab = tmp_path / "postgres.keytab"
    for command in [f"addprinc -randkey postgres/{HOST}", f"ktadd -k {keytab} postgres/{HOST}", "addprinc -pw erins erin"]:
        run("kadmin.local", "-q", command)
    data = secure.cluster.home / "data"
    shutil.copy(keytab, data / "postgres.keytab")
    shutil.chown(data / "postgres.keytab", SERVER_USER, SERVER_USER)
    secure.admit(hba("Kerberos"))
    person("erin")
    psql = [
        str(secure.cluster.bindir / "psql"), "-X", "-A", "-t", "-c", "SELECT kind, id FROM pc_whoami()",
        f"host={HOST} hostaddr=127.0.0.1 port={secure.port} dbname=shop user=erin sslmode=verify-full "
        f"sslrootcert={secure.authority.root} gssencmode=disable",
    ]
    with running(port, "krb5kdc", "-n", **variables):
        run("kinit", "erin", stdin="erins\n")
        assert run(*psql) == "person|erin\n"
        run("kdestroy")
        with pytest.raises(AssertionError, match="No Kerberos credentials|GSSAPI"):
            run(*psql)


def test_all_lines_on_18():
    """With the line for OAuth, which is of 18: the server takes all, and loads the module when somebody comes by it."""
    server = Cluster(18, "printed-18", {"oauth_validator_libraries": "example_validator"})
    try:
        (server.home / "data/pg_hba.conf").open("a").write(block("+conifer_people 0.0.0.0/0 ldap"))
        with server.connect("postgres") as session:
            errors = [error for (error,) in session.execute("SELECT error FROM pg_hba_file_rules")]
            # This server was built without TLS, LDAP and Kerberos.
            assert all(error is None or "not supported by this build" in error for error in errors)
            (options,) = session.execute("SELECT options FROM pg_hba_file_rules WHERE auth_method = 'oauth'").fetchone()
            assert {"issuer=https://login.example.org", "scope=openid", "validator=example_validator", "map=people"} == set(options)
        assert "oauth_validator_libraries = 'example_validator'" in block("ssl_ca_file =")
    finally:
        server.destroy()


@contextmanager
def pooler(secure, home, **changes):
    """PgBouncer by the page, and its role in the database. Its port."""
    port = free_port()
    readable(home)
    secure.admit([block("hostssl shop pgbouncer", **{"10.0.0.7/32": "127.0.0.1/32"}).strip(), *hba("keys")[1:]])
    with secure.admin() as session:
        if not session.execute("SELECT FROM pg_roles WHERE rolname = 'pgbouncer'").fetchall():
            session.execute(block("CREATE ROLE pgbouncer LOGIN"))
            give_password(session, "pgbouncer", "of PgBouncer")
    for name in ("ca.crt", "server.crt", "server.key"):
        secure.give(home / name, (secure.authority.directory / name).read_text())
    secure.give(home / "users.txt", block('"pgbouncer" "…"', **{"…": "of PgBouncer"}))
    secure.give(home / "pgbouncer.ini", block("[pgbouncer]\n", **{f"{HOST} port=5432": f"localhost port={secure.port}", "6432": str(port), **changes}))
    with running(port, "pgbouncer", "-q", "pgbouncer.ini", as_server=True, directory=home):
        yield port


def test_pooler(secure, key, tmp_path):
    name, whole = key
    with pooler(secure, tmp_path) as port:
        at = {"port": port, "host": HOST, "connect_timeout": 5}
        with secure.connect(name, whole, prepare_threshold=None, **at) as session:
            for _ in range(20):
                assert who(session) == ("key", name)
        for user, password in [(name, whole[:-2]), ("postgres", "x"), ("pgbouncer", "x")]:
            with pytest.raises(psycopg.OperationalError):
                secure.connect(user, password, **at)
        with secure.connect("pool", "of the pool", prepare_threshold=None, **at) as session, session.transaction():
            session.execute("SELECT pc_use_key(%s)", [whole])
            assert who(session) == ("key", name)


def test_pooler_beside_an_application_without_tls(secure, key, tmp_path):
    name, whole = key
    assert "`listen_addr = 127.0.0.1` and\n`client_tls_sslmode = disable`" in PAGE
    with pooler(secure, tmp_path, **{"listen_addr = *": "listen_addr = 127.0.0.1", "mode = require": "mode = disable"}) as port:
        with secure.connect(name, whole, port=port, sslmode="disable", sslrootcert="", prepare_threshold=None) as session:
            assert who(session) == ("key", name)
            encrypted = session.execute("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
            assert encrypted == (True,)


def test_proxies(secure, key, tmp_path):
    name, whole = key
    secure.admit(hba("keys")[1:])
    port, other, dead = free_port(), free_port(), free_port()
    (tmp_path / "haproxy.cfg").write_text(block("frontend postgres", **{
        "bind :5432": f"bind 127.0.0.1:{port}", "10.0.0.5:5432": f"127.0.0.1:{dead}", "10.0.0.6:5432": f"127.0.0.1:{secure.port}"
    }))
    with running(port, "haproxy", "-f", str(tmp_path / "haproxy.cfg"), "-db"):
        for _ in range(50):  # until the first server is known to be down
            try:
                with secure.connect(name, whole, host=HOST, port=port) as session:
                    assert who(session) == ("key", name)
                    break
            except psycopg.OperationalError:
                continue
        else:
            pytest.fail("nobody comes in through HAProxy")
    # "A tunnel such as stunnel does not do"
    (tmp_path / "stunnel.conf").write_text(
        f"foreground = yes\npid =\n[shop]\nclient = yes\nprotocol = pgsql\naccept = 127.0.0.1:{other}\nconnect = 127.0.0.1:{secure.port}\n"
        f"CAfile = {secure.authority.root}\nverifyChain = yes\ncheckHost = {HOST}\n"
    )
    with running(other, "stunnel4", str(tmp_path / "stunnel.conf")):
        with pytest.raises(psycopg.OperationalError, match="SCRAM-SHA-256-PLUS"):
            secure.connect(name, whole, port=other, sslmode="disable", sslrootcert="")


def as_owner(*command, stdin=None, **options):
    """Run a command as the servers' user."""
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={SERVER_USER}", f"--regid={SERVER_USER}", "--init-groups", *command]
    done = subprocess.run(command, capture_output=True, text=True, input=stdin, **options)
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def shop(tmp_path):
    """A server of records with a directory for its backups; the environment in which its user runs commands."""
    home = readable(tmp_path)
    shutil.chown(home, SERVER_USER, SERVER_USER)
    with pytest.MonkeyPatch.context() as here:
        variables = environment()
        here.setenv("SERVER_ENV", f"PATH={variables['PATH']} LD_LIBRARY_PATH={variables['LD_LIBRARY_PATH']} "
                                  f"PGBACKREST_CONFIG={home}/pgbackrest.conf")
        server = Cluster(15, "backed-up", {"wal_level": "replica"})
        try:
            server.create_database("shop")
            with server.connect("shop") as session:
                session.execute("CREATE EXTENSION conifer; SELECT pc_create_index('films', 2)")
                session.execute("""SELECT pc_upsert('films', '[{"id": "a", "values": [1, 2]}]'), pc_create_api_key('client')""")
            variables = {
                **variables, **server.env, "PATH": f"{server.bindir}:{variables['PATH']}", "HOME": str(home),
                "PGBACKREST_CONFIG": f"{home}/pgbackrest.conf",
            }
            yield server, home, variables
        finally:
            server.destroy()


def restored(server):
    """Whether the server's records and keys are what the other had."""
    with server.connect("shop") as session:
        assert session.execute("SELECT id FROM pc_query('films', '[1,2]')").fetchall() == [("a",)]
        assert session.execute("SELECT name FROM pc_list_api_keys()").fetchall() == [("client",)]


def test_base_backup_through_a_cipher(shop):
    server, home, variables = shop
    (home / "backup.pass").write_text("a passphrase\n")
    (home / "backup.pass").chmod(0o644)
    away, back, dumped = block("pg_basebackup -D -", **{"/var/lib/postgresql/15/main": str(server.home / "data")}).partition("\n\n")[0].splitlines() + [""]
    assert dumped == ""
    as_owner("bash", "-euo", "pipefail", "-c", away, cwd=home, env=variables)
    assert b"PostgreSQL" not in (home / "base.tar.gpg").read_bytes()
    server.stop()
    as_owner("find", str(server.home / "data"), "-mindepth", "1", "-delete")
    as_owner("bash", "-euo", "pipefail", "-c", back, cwd=home, env=variables)
    server.resume()
    restored(server)


def test_dump_through_a_cipher(shop):
    server, home, variables = shop
    away, back = block("pg_basebackup -D -").partition("\n\n")[2].splitlines()
    as_owner("age-keygen", "-o", "key.txt", cwd=home, env=variables)
    public = re.search(r"age1\w+", (home / "key.txt").read_text())[0]
    as_owner("bash", "-euo", "pipefail", "-c", put(away, {"age1…": public}), cwd=home, env=variables)
    server.drop_database("shop")
    server.create_database("shop")
    as_owner("bash", "-euo", "pipefail", "-c", back, cwd=home, env=variables)
    restored(server)


def test_pgbackrest(shop):
    server, home, variables = shop
    secret = as_owner("bash", "-c", re.search(r"# (openssl rand [^;]*);", block("repo1-cipher-pass"))[1]).strip()
    config = block("repo1-cipher-pass", **{
        "/var/lib/pgbackrest": f"{home}/repository", "…": secret, "/var/lib/postgresql/15/main": f"{server.home}/data"
    })
    (home / "pgbackrest.conf").write_text(
        f"{config}pg1-socket-path={server.env['PGHOST']}\npg1-port={server.env['PGPORT']}\n[global:restore]\nlog-path={home}\n[global]\n"
        f"log-path={home}\nlock-path={home}\n"
    )
    shutil.chown(home / "pgbackrest.conf", SERVER_USER, SERVER_USER)
    settings, commands = block("archive_command").split("\n\n")
    as_owner("tee", "-a", str(server.home / "data/postgresql.conf"), stdin=settings)
    server.stop()
    server.resume()
    *backup, restore = [line.partition("#")[0].strip() for line in commands.splitlines()]
    for command in backup:
        as_owner("bash", "-euo", "pipefail", "-c", command, cwd=home, env=variables)
    server.stop()
    as_owner("find", str(server.home / "data"), "-mindepth", "1", "-delete")
    as_owner("bash", "-euo", "pipefail", "-c", restore, cwd=home, env=variables)
    server.resume()
    restored(server)
