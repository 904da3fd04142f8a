"""`pc_security_report`: each row on a server as it should be, and with what it warns of."""

import os
import subprocess
import time

import psycopg
import pytest

from tests.pinecone.access.tls_server import SERVER_USER, TlsServer
from tests.pinecone.access.world import create_key
from tests.support.cluster import readable

REPORT = "SELECT state, found, advice FROM pc_security_report() WHERE area = %s AND item = %s"
LIBRARIES = "auto_explain, pg_stat_statements"


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    directory = tmp_path_factory.mktemp("report")
    readable(directory)
    server = TlsServer(directory, {"shared_preload_libraries": LIBRARIES, "pg_stat_statements.track_utility": "off",
                                "log_parameter_max_length": "0"})
    with server.admin() as admin:
        # the superuser is in a group of a group; nobody else is a superuser
        admin.execute("CREATE ROLE company; CREATE ROLE staff IN ROLE company; GRANT staff TO postgres; CREATE ROLE guests")
    yield server
    server.destroy()


@pytest.fixture
def admin(secure):
    with secure.admin() as session:
        yield session


@pytest.fixture
def attempt(admin):
    """A session whose changes are undone."""
    admin.execute("BEGIN")
    yield admin
    admin.execute("ROLLBACK")


def row(session, area, item):
    """State, what was found, and advice; None if the report has no such row. Advice goes with what is not ok, and only that."""
    rows = session.execute(REPORT, [area, item]).fetchall()
    assert len(rows) <= 1
    for state, _, advice in rows:
        assert (advice is None) == (state == "ok")
    return rows[0] if rows else None


def state(session, area, item):
    found = row(session, area, item)
    return found and found[0]


def configure(session, **settings):
    """Change settings of the server and wait until the session has them; None resets."""
    for name, value in settings.items():
        name = name.replace("__", ".")
        before = session.execute(f"SHOW {name}").fetchone()
        session.execute(f"ALTER SYSTEM RESET {name}" if value is None else f"ALTER SYSTEM SET {name} = '{value}'")
        session.execute("SELECT pg_reload_conf()")
        for _ in range(200):
            if session.execute(f"SHOW {name}").fetchone() != before:
                break
            time.sleep(0.01)
        else:
            raise RuntimeError(f"{name} stays {before}")


SETTINGS = [
    ("transport", "ssl", "off", "fail"),
    ("transport", "ssl_min_protocol_version", "TLSv1.1", "fail"),
    ("login", "password_encryption", "md5", "fail"),
    ("logs", "log_statement", "ddl", "warn"),
    ("logs", "log_statement", "mod", "warn"),
    ("logs", "log_statement", "all", "warn"),
    ("logs", "log_min_duration_statement", "250", "warn"),
    ("logs", "log_min_duration_sample", "0", "warn"),
    ("logs", "log_transaction_sample_rate", "0.001", "warn"),
    ("logs", "log_parameter_max_length_on_error", "-1", "warn"),
    ("logs", "log_min_messages", "log", "warn"),
    ("logs", "log_min_messages", "fatal", "warn"),
    ("logs", "log_min_messages", "panic", "warn"),
    ("logs", "log_min_messages", "error", "ok"),
    ("logs", "log_min_messages", "debug1", "ok"),
    ("logs", "debug_print_parse", "on", "warn"),
    ("logs", "debug_print_rewritten", "on", "warn"),
    ("logs", "debug_print_plan", "on", "warn"),
    ("logs", "auto_explain.log_min_duration", "0", "warn"),
    ("logs", "auto_explain.log_min_duration", "1000", "warn"),
    ("logs", "pg_stat_statements.track_utility", "on", "warn"),
]


@pytest.mark.parametrize("area, name, value, wanted", SETTINGS)
def test_setting(admin, area, name, value, wanted):
    option = name.replace(".", "__")
    assert state(admin, area, name) == "ok"
    try:
        configure(admin, **{option: value})
        assert state(admin, area, name) == wanted
    finally:
        configure(admin, **{option: "on" if name == "ssl" else None})
    assert state(admin, area, name) == "ok"


@pytest.mark.parametrize("cause", ["log_statement = ddl", "log_min_duration_statement = 250", "log_min_duration_sample = 0",
                                   "log_transaction_sample_rate = 0.5"])
def test_parameters_of_logged_statements(admin, cause):
    name, value = cause.split(" = ")
    try:
        configure(admin, log_parameter_max_length="-1")
        assert state(admin, "logs", "log_parameter_max_length") == "ok"
        configure(admin, **{name: value})
        assert state(admin, "logs", "log_parameter_max_length") == "warn"
        configure(admin, log_parameter_max_length="0")
        assert state(admin, "logs", "log_parameter_max_length") == "ok"
    finally:
        configure(admin, **{name: None})
        admin.execute("ALTER SYSTEM RESET log_parameter_max_length")
        admin.execute("SELECT pg_reload_conf()")


@pytest.mark.parametrize("whose, setting, item", [
    ("ROLE guests", "log_statement = 'all'", "log_statement of guests"),
    ("ROLE guests", "log_min_duration_statement = '1s'", "log_min_duration_statement of guests"),
    ("ROLE guests", "log_min_duration_statement = -1", None),
    ("ROLE guests", "debug_print_plan = on", "debug_print_plan of guests"),
    ("ROLE guests", "debug_print_plan = off", None),
    ("DATABASE shop", "log_min_messages = 'FATAL'", "log_min_messages of database shop"),
    ("DATABASE shop", "auto_explain.log_min_duration = '10ms'", "auto_explain.log_min_duration of database shop"),
    ("ROLE guests IN DATABASE shop", "log_transaction_sample_rate = 1", "log_transaction_sample_rate of guests in database shop"),
    ("ROLE guests IN DATABASE postgres", "log_transaction_sample_rate = 1", None),
])
def test_setting_of_a_role_or_database(attempt, whose, setting, item):
    of = "SELECT item FROM pc_security_report() WHERE area = 'logs' AND item LIKE '% of %'"
    assert attempt.execute(of).fetchall() == []
    attempt.execute(f"ALTER {whose} SET {setting}")
    assert attempt.execute(of).fetchall() == ([(item,)] if item else [])
    assert item is None or state(attempt, "logs", item) == "warn"


def test_setting_of_this_session_alone(admin):
    """A reviewer's session does not show what the others log."""
    try:
        configure(admin, log_statement="ddl")
        admin.execute("SET log_statement = 'none'")
        assert row(admin, "logs", "log_statement")[:2] == ("warn", "ddl")
    finally:
        admin.execute("RESET log_statement")
        configure(admin, log_statement=None)


CIPHERS = [
    ("HIGH:MD5:RC4-SHA", "MD5, RC4-SHA"),
    ("HIGH:ECDHE-RSA-RC4-SHA:!RC4-SHA:!RSA", "ECDHE-RSA-RC4-SHA"),
    ("HIGH:RC4-SHA:!RC4-SHA", None),
    ("HIGH:RC4-MD5:!MD5", None),
    ("!RC4:HIGH:RC4-SHA:ECDHE+RC4", None),
    ("HIGH:RC4-SHA:-RC4", None),
    ("HIGH:-RC4:RC4-SHA", "RC4-SHA"),
    ("HIGH:DES-CBC3-SHA:!DES", "DES-CBC3-SHA"),
    ("HIGH:DES-CBC3-SHA:!3DES", None),
    ("HIGH:+3DES:!aNULL", None),
    ("HIGH,3DES !aNULL", "3DES"),
    ("HIGH:NULL-SHA256", "NULL-SHA256"),
    ("HIGH:NULL-SHA256:!eNULL", None),
    ("HIGH:NULL:!eNULL", None),
    ("HIGH:NULL-SHA256:-ALL:HIGH", "NULL-SHA256"),
    ("HIGH:AECDH-AES256-SHA", "AECDH-AES256-SHA"),
    ("HIGH:AECDH-AES256-SHA:!aNULL", None),
    ("ALL:!aNULL", "ALL"),
    ("RC4:-ALL:HIGH", None),
    ("DEFAULT@SECLEVEL=0", "DEFAULT@SECLEVEL=0"),
    ("DEFAULT@SECLEVEL=2", None),
    ("ECDHE-RSA-AES256-GCM-SHA384:DHE-RSA-AES128-GCM-SHA256", None),
]


@pytest.mark.parametrize("ciphers, weak", CIPHERS)
def test_ciphers(admin, ciphers, weak):
    assert row(admin, "transport", "ssl_ciphers") == ("ok", "HIGH:MEDIUM:+3DES:!aNULL", None)
    try:
        configure(admin, ssl_ciphers=ciphers)
        found = row(admin, "transport", "ssl_ciphers")
        assert found[:2] == ("warn" if weak else "ok", ciphers)
        assert weak is None or found[2].startswith(f"it admits {weak}: ")
    finally:
        configure(admin, ssl_ciphers=None)


def test_sessions(secure, admin):
    admin.execute("DROP ROLE IF EXISTS owner; CREATE ROLE owner LOGIN; SELECT pc_grant_role('owner', 'OrgOwner')")
    secure.admit(["host shop owner 127.0.0.1/32 trust"])
    assert row(admin, "transport", "this session") == ("ok", "local socket", None)
    with secure.connect("owner") as session:
        found = row(session, "transport", "this session")
        assert found[0] == "ok" and found[1].startswith("TLSv1.")
        assert row(admin, "transport", "remote sessions without TLS")[:2] == ("ok", "0")
    with secure.connect("owner", sslmode="disable") as session:
        assert row(session, "transport", "this session")[:2] == ("fail", "no TLS")
        assert row(admin, "transport", "remote sessions without TLS")[:2] == ("fail", "1")
    admin.execute("DELETE FROM pc_auth.member WHERE member = 'owner'; DROP OWNED BY owner; DROP ROLE owner")


def rules(secure, *lines):
    """Write pg_hba.conf. Its view reads the file; nobody has to load it. The lines that are given begin at 2."""
    secure.give(secure.cluster.home / "data" / "pg_hba.conf", "\n".join(["local all postgres trust", *lines, ""]))


ADMITTED = [
    # lines, area and state of the row for line 2
    ("host shop guests 10.0.0.0/8 scram-sha-256", "transport", "fail"),
    ("hostnossl shop guests 10.0.0.0/8 scram-sha-256", "transport", "fail"),
    ("hostnogssenc shop guests 10.0.0.0/8 scram-sha-256", "transport", "fail"),
    ("hostssl shop guests 10.0.0.0/8 scram-sha-256", "transport", None),
    ("hostnossl all all all reject", "transport", None),
    ("hostssl shop guests 10.0.0.0/64 scram-sha-256", "transport", "fail"),
    ("hostssl shop guests 10.0.0.0/8 md5", "login", "warn"),
    ("hostssl shop guests 10.0.0.0/8 password", "login", "warn"),
    ("hostssl shop guests 10.0.0.0/8 trust", "login", "fail"),
    ("local shop guests trust", "login", "warn"),
    ("hostssl shop guests 10.0.0.0/8 scram-sha-256", "login", None),
    ("hostssl shop guests 10.0.0.0/8 cert", "login", None),
]


@pytest.mark.parametrize("line, area, wanted", ADMITTED)
def test_line(secure, admin, line, area, wanted):
    rules(secure)
    assert state(admin, area, "pg_hba.conf line 2") is None
    rules(secure, line)
    assert state(admin, area, "pg_hba.conf line 2") == wanted


SCRAM = "scram-sha-256"
SUPERUSERS = [
    ([f"hostssl all all 0.0.0.0/0 {SCRAM}"], "2"),
    ([f"hostssl shop postgres 10.0.0.0/8 {SCRAM}"], "2"),
    ([f"hostssl shop guests,staff 0.0.0.0/0 {SCRAM}"], None),
    (["hostssl all all 0.0.0.0/0 reject"], None),
    # groups, with those who are in them by way of another; a superuser is in no other
    ([f"hostssl all +staff 0.0.0.0/0 {SCRAM}"], "2"),
    ([f"hostssl all +company 0.0.0.0/0 {SCRAM}"], "2"),
    ([f"hostssl all +postgres 0.0.0.0/0 {SCRAM}"], "2"),
    ([f"hostssl all +guests,+conifer_keys 0.0.0.0/0 {SCRAM}"], None),
    (["host all +company all reject", f"hostssl all all all {SCRAM}"], None),
    (["host all +guests all reject", f"hostssl all all all {SCRAM}"], "3"),
    # addresses
    (["host all postgres 0.0.0.0/32 reject", f"hostssl all all 0.0.0.0/0 {SCRAM}"], "3"),
    (["host all postgres 0.0.0.0/0 reject", f"hostssl all all 0.0.0.0/0 {SCRAM}"], None),
    (["host all postgres 0.0.0.0/0 reject", f"hostssl all all all {SCRAM}"], "3"),
    (["host all postgres 0.0.0.0/0 reject", "host all postgres ::/0 reject", f"hostssl all all all {SCRAM}"], None),
    (["host all postgres 0.0.0.0/0 reject", f"hostssl all all ::/0 {SCRAM}"], "3"),
    (["host all postgres 10.0.0.0/8 reject", f"hostssl all all 10.1.0.0/16 {SCRAM}"], None),
    (["host all postgres 10.0.0.0 255.0.0.0 reject", f"hostssl all all 10.1.0.0/16 {SCRAM}"], None),
    (["host all postgres 10.1.0.0/16 reject", f"hostssl all all 10.0.0.0/8 {SCRAM}"], "3"),
    (["host all postgres 10.0.0.0 255.0.255.0 reject", f"hostssl all all 10.0.0.0/16 {SCRAM}"], "3"),
    (["host all postgres fd00::/8 reject", f"hostssl all all fd00:1::/32 {SCRAM}"], None),
    (["host all postgres fd00:1::/32 reject", f"hostssl all all fd00::/8 {SCRAM}"], "3"),
    ([f"hostssl all all samenet {SCRAM}"], "2"),
    ([f"hostssl all all .example.org {SCRAM}"], "2"),
    (["host all postgres samenet reject", f"hostssl all all samenet {SCRAM}"], None),
    (["host all postgres samenet reject", f"hostssl all all 10.0.0.0/8 {SCRAM}"], "3"),
    (["host all postgres .example.org reject", f"hostssl all all 10.0.0.0/8 {SCRAM}"], "3"),
    (["host all postgres all reject", f"hostssl all all db.example.org {SCRAM}"], None),
    # channels
    (["hostssl all postgres all reject", f"host all all all {SCRAM}"], "3"),
    (["hostnossl all postgres all reject", f"hostssl all all all {SCRAM}"], "3"),
    (["hostssl all postgres all reject", "hostnossl all postgres all reject", f"host all all all {SCRAM}"], None),
    (["hostnogssenc all postgres all reject", "hostgssenc all all all gss"], "3"),
    (["hostgssenc all postgres all reject", "hostgssenc all all all gss"], None),
    (["local all postgres reject", f"hostssl all all all {SCRAM}"], "3"),
    # databases; all of them do not include replication, which gives a superuser a copy of everything
    (["host shop postgres all reject", f"hostssl shop all all {SCRAM}"], None),
    (["host shop postgres all reject", f"hostssl shop,postgres all all {SCRAM}"], "3"),
    (["host shop postgres all reject", f"hostssl all all all {SCRAM}"], "3"),
    ([f"hostssl replication all all {SCRAM}"], "2"),
    ([f"hostssl replication guests all {SCRAM}"], None),
    ([f"hostssl replication,shop all all {SCRAM}"], "2"),
    (["host all postgres all reject", f"hostssl replication all all {SCRAM}"], "3"),
    (["host replication postgres all reject", f"hostssl replication all all {SCRAM}"], None),
    (["host replication postgres all reject", f"hostssl all all all {SCRAM}"], "3"),
    (["host replication postgres all reject", f"hostssl replication,shop all all {SCRAM}"], "3"),
    (["host replication,all postgres all reject", f"hostssl replication,shop all all {SCRAM}"], None),
    # the first line that fits decides, and each that admits one is named
    ([f"hostssl all all all {SCRAM}", "host all all all reject"], "2"),
    ([f"hostssl all all {i}.0.0.0/8 {SCRAM}" for i in range(1, 11)], "2, 3, 4, 5, 6, 7, 8, 9, 10, 11"),
]


@pytest.mark.parametrize("lines, found", SUPERUSERS, ids=lambda value: " | ".join(value) if isinstance(value, list) else None)
def test_superusers_over_the_network(secure, admin, lines, found):
    rules(secure)
    assert row(admin, "login", "superusers over the network") == ("ok", "none", None)
    rules(secure, *lines)
    assert admin.execute("SELECT count(error) FROM pg_hba_file_rules").fetchone() == (0,)
    wanted = ("warn", f"pg_hba.conf lines {found}") if found else ("ok", "none")
    assert row(admin, "login", "superusers over the network")[:2] == wanted


def test_each_superuser_counts(secure, attempt):
    rules(secure, "host all postgres all reject", "hostssl all all all scram-sha-256")
    assert state(attempt, "login", "superusers over the network") == "ok"
    attempt.execute("CREATE ROLE second SUPERUSER")
    assert state(attempt, "login", "superusers over the network") == "ok"
    attempt.execute("ALTER ROLE second LOGIN")
    assert state(attempt, "login", "superusers over the network") == "warn"
    rules(secure, "host all postgres,second all reject", "hostssl all all all scram-sha-256")
    assert state(attempt, "login", "superusers over the network") == "ok"


@pytest.mark.parametrize("line, admitted", [
    ("hostssl all +company 127.0.0.1/32 trust", True),
    ("hostssl all +guests,+conifer_keys 127.0.0.1/32 trust", False),
    ("hostssl all all 0.0.0.0/32 trust", False),
    ("hostssl replication all 127.0.0.1/32 trust", False),
])
def test_the_server_reads_lines_as_the_report_does(secure, line, admitted):
    secure.admit([line])
    if admitted:
        secure.connect("postgres").close()
    else:
        with pytest.raises(psycopg.OperationalError, match="no pg_hba.conf entry"):
            secure.connect("postgres")


def test_rules_that_are_not_loaded(secure, admin):
    item = "login", "rules that are not loaded"
    secure.admit([])
    time.sleep(1.1)  # times of files here are in whole seconds
    admin.execute("SELECT pg_reload_conf()")
    time.sleep(0.2)
    assert row(admin, *item) == ("ok", "none", None)
    time.sleep(1.1)
    rules(secure)
    assert row(admin, *item)[:2] == ("warn", "the file was changed")
    rules(secure, "hostssl shop guests 10.0.0.0/64 scram-sha-256")
    assert row(admin, *item)[:2] == ("warn", "the file has errors")


def test_keys_in_other_databases(secure, admin):
    rules(secure, "hostssl shop +conifer_keys all scram-sha-256")
    assert row(admin, "login", "keys in other databases")[:2] == ("ok", "none")
    rules(secure, "hostssl shop guests all scram-sha-256", "hostssl all +conifer_keys all scram-sha-256")
    assert row(admin, "login", "keys in other databases")[:2] == ("warn", "pg_hba.conf lines 3")


def test_password_that_is_not_scram(attempt):
    assert row(attempt, "login", "password of old") is None
    attempt.execute("SET LOCAL password_encryption = 'md5'; CREATE ROLE old LOGIN PASSWORD 'x'")
    assert row(attempt, "login", "password of old")[:2] == ("fail", "not SCRAM")
    attempt.execute("SET LOCAL password_encryption = 'scram-sha-256'; ALTER ROLE old PASSWORD 'x'")
    assert row(attempt, "login", "password of old") is None


def test_keys_without_an_end(attempt):
    assert row(attempt, "keys", "keys without an end") == ("ok", "none", None)
    name, _ = create_key(attempt)
    assert row(attempt, "keys", "keys without an end")[:2] == ("warn", name)
    attempt.execute("SELECT pc_update_api_key(%s, expires_at => now() + interval '1 day')", [name])
    assert row(attempt, "keys", "keys without an end") == ("ok", "none", None)


def test_keys_unused_for_90_days(attempt):
    name, _ = create_key(attempt)
    for days, wanted in [(89, ("ok", "none")), (91, ("warn", name))]:
        attempt.execute("UPDATE pc_auth.api_key SET created_at = now() - %s * interval '1 day'", [days])
        assert row(attempt, "keys", "keys unused for 90 days")[:2] == wanted
    # the last use counts, not the first day
    attempt.execute("INSERT INTO pc_auth.key_use (key_id, last_used_at) VALUES (%s, now() - interval '2 days')", [name])
    assert state(attempt, "keys", "keys unused for 90 days") == "ok"
    attempt.execute("UPDATE pc_auth.key_use SET last_used_at = now() - interval '91 days'")
    assert row(attempt, "keys", "keys unused for 90 days")[:2] == ("warn", name)
    attempt.execute("SELECT pc_revoke_api_key(%s)", [name])
    assert state(attempt, "keys", "keys unused for 90 days") == "ok"


TABLES = "PUBLIC has privileges on tables"
RECORDS = "PUBLIC has privileges in schemas pc, pc_auth or pc_data"
PUBLIC = [
    ("GRANT CREATE ON SCHEMA public TO PUBLIC", "PUBLIC may CREATE in schema public", None, "fail", "public"),
    ("CREATE SCHEMA wide; GRANT CREATE ON SCHEMA wide TO PUBLIC", "PUBLIC may CREATE in schema wide", None, "fail", "wide"),
    ("GRANT SELECT ON own TO PUBLIC", TABLES, "ok", "warn", "public.own"),
    ("GRANT UPDATE (a) ON own TO PUBLIC", TABLES, "ok", "warn", "public.own"),
    ("CREATE SCHEMA wide; CREATE VIEW wide.seen AS SELECT 1; GRANT SELECT ON wide.seen TO PUBLIC", TABLES, "ok", "warn", "wide.seen"),
    ("CREATE TEMP TABLE passing (); GRANT SELECT ON passing TO PUBLIC", TABLES, "ok", "ok", "no"),
    ("GRANT SELECT ON own TO guests", TABLES, "ok", "ok", "no"),
    ("CREATE EXTENSION pg_stat_statements", TABLES, "ok", "ok", "no"),
    ("ALTER DEFAULT PRIVILEGES FOR ROLE guests GRANT SELECT ON TABLES TO PUBLIC", TABLES, "ok", "warn", "tables that guests will make"),
    ("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC", TABLES, "ok", "warn",
     "tables that postgres will make in public"),
    ("GRANT SELECT ON pc_auth.api_key TO PUBLIC", RECORDS, "ok", "fail", "pc_auth.api_key"),
    ("GRANT SELECT (key_id) ON pc_auth.api_key TO PUBLIC", RECORDS, "ok", "fail", "pc_auth.api_key"),
    ("REVOKE CONNECT ON DATABASE shop FROM PUBLIC", "PUBLIC may CONNECT in this database", "warn", None, None),
    ("REVOKE TEMPORARY ON DATABASE shop FROM PUBLIC", "PUBLIC may TEMPORARY in this database", "warn", None, None),
    ("REVOKE EXECUTE ON FUNCTION lo_creat, lo_create, lo_from_bytea, lo_put, lowrite FROM PUBLIC", "PUBLIC may make large objects",
     "warn", "ok", "no"),
]


@pytest.mark.parametrize("grant, item, before, after, found", PUBLIC)
def test_public(attempt, grant, item, before, after, found):
    attempt.execute("CREATE TABLE public.own (a int, b int)")
    assert state(attempt, "public", item) == before
    attempt.execute(grant)
    told = row(attempt, "public", item)
    assert (told and told[:2]) == (after and (after, found))


def test_disk(secure, admin):
    """What lies below is the machine's; that each place is looked at is ours."""
    places = "SELECT item, state, found FROM pc_security_report() WHERE area = 'at rest' AND item <> 'data_checksums' ORDER BY item"
    before = admin.execute(places).fetchall()
    data = str(secure.cluster.home / "data")
    assert [(item, found.split(" on ")[0]) for item, _, found in before] == [("data directory", data), ("write-ahead log", f"{data}/pg_wal")]
    directory = secure.cluster.home / "log" / "space"
    directory.mkdir()
    if os.geteuid() == 0:
        subprocess.run(["chown", f"{SERVER_USER}:", directory], check=True)
    admin.execute(f"CREATE TABLESPACE other LOCATION '{directory}'")
    after = admin.execute(places).fetchall()
    admin.execute("DROP TABLESPACE other")
    assert [(item, found.split(" on ")[0]) for item, _, found in after][1] == ("tablespace other", str(directory))
    assert {state for _, state, _ in after} <= {"ok", "unknown"}


def test_what_only_a_restart_changes(secure):
    """The last of all: the library preloaded, behind what counts statements, and checksums."""
    with secure.admin() as admin:
        assert row(admin, "hooks", "shared_preload_libraries")[:2] == ("warn", LIBRARIES)
        assert row(admin, "at rest", "data_checksums")[:2] == ("warn", "off")
        configure(admin, pg_stat_statements__track_utility="on")
        assert state(admin, "logs", "pg_stat_statements.track_utility") == "warn"
        admin.execute(f"ALTER SYSTEM SET shared_preload_libraries = {LIBRARIES}, conifer")
    cluster = secure.cluster
    cluster.stop()
    command = [cluster.bindir / "pg_checksums", "--enable", "--no-sync", "-D", cluster.home / "data"]
    if os.geteuid() == 0:
        command = ["setpriv", f"--reuid={SERVER_USER}", f"--regid={SERVER_USER}", "--init-groups", *command]
    subprocess.run(command, check=True, capture_output=True, cwd="/")
    secure.give(cluster.home / "data" / "pg_hba.conf", "local all postgres trust\n")
    cluster.resume()
    with secure.admin() as admin:
        assert row(admin, "hooks", "shared_preload_libraries")[:2] == ("ok", f"{LIBRARIES}, conifer")
        assert row(admin, "at rest", "data_checksums")[:2] == ("ok", "on")
        assert row(admin, "logs", "pg_stat_statements.track_utility")[:2] == ("ok", "on")
