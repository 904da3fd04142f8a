"""Secrets: what is logged, shown and dumped while keys are made and used, on a server that logs everything it can; and
logins with a password, where every way to get one wrong is tried."""

import re
import subprocess
import threading

import psycopg
import pytest

from tests.pinecone.access.world import create_key, state
from tests.support.cluster import Cluster

SETTINGS = {
    "log_statement": "all",
    "log_min_duration_statement": "0",
    "log_error_verbosity": "verbose",
    "log_parameter_max_length": "-1",
    "log_parameter_max_length_on_error": "-1",
    "log_duration": "on",
    "log_min_messages": "debug1",
    "log_connections": "on",
    "auto_explain.log_min_duration": "0",
    "auto_explain.log_nested_statements": "on",
    "auto_explain.log_analyze": "on",
    "auto_explain.log_verbose": "on",
    "max_prepared_transactions": "5",
}


LIBRARIES = {
    # The hooks of those to the right are called first.
    "first": {"shared_preload_libraries": "conifer,pg_stat_statements,auto_explain"},
    "last": {"shared_preload_libraries": "pg_stat_statements,auto_explain,conifer", "pg_stat_statements.track": "all"},
}


@pytest.fixture(scope="module", params=["first"])
def loud(request):
    """A server that writes down all it is told, and asks keys for their passwords."""
    cluster = Cluster(15, f"loud-{request.param}", LIBRARIES[request.param] | SETTINGS)
    hba = cluster.home / "data/pg_hba.conf"
    hba.write_text("local all postgres trust\nlocal all gateway trust\nlocal all all scram-sha-256\n")
    try:
        with cluster.connect("postgres") as db:
            db.execute("SELECT pg_reload_conf()")
            db.execute("CREATE EXTENSION conifer; CREATE EXTENSION pg_stat_statements; CREATE ROLE gateway LOGIN; GRANT conifer_gateway TO gateway")
            db.execute("SELECT pc_create_index('a', 2)")
            db.execute("SELECT pg_sleep(0.2)")
        yield cluster
    finally:
        cluster.destroy()


@pytest.fixture
def db(loud):
    with loud.connect("postgres") as session:
        yield session


def log(cluster) -> str:
    return (cluster.home / "log/server").read_text(errors="replace")


def copied(session, statement) -> bytes:
    with session.cursor().copy(statement) as copy:
        return b"".join(copy)


def try_login(cluster, user, password) -> str | None:
    """Log in over the socket; the text of the refusal, or None."""
    try:
        cluster.connect("postgres", user=user, password=password).close()
    except psycopg.OperationalError as error:
        return str(error)
    return None


@pytest.mark.parametrize("loud", LIBRARIES, indirect=True)
def test_secrets_are_nowhere(loud, db):
    """A key is made, rotated, used in every way, misspelt; its secret is in the answer and nowhere else."""
    keys = [create_key(db, "one"), create_key(db, "two", data_plane="ReadOnly")]
    keys.append(db.execute("SELECT * FROM pc_rotate_api_key(%s)", [keys[1][0]]).fetchone())
    seen, kept = [], []
    for role, key in keys:
        with loud.connect("postgres", user=role, password=key) as session:
            session.execute("SELECT * FROM pc_list('a')")
        with loud.connect("postgres", user="gateway", autocommit=False) as pooled:
            uses = [
                lambda: pooled.execute(f"SELECT pc_use_key('{key}')"),
                lambda: pooled.execute("SELECT pc_use_key(%s)", [key]),
                lambda: pooled.execute("SELECT pc_use_key(%s)", [key], prepare=True),
                lambda: pooled.execute("SELECT pc_use_key(%s)", [key], binary=True),
                lambda: psycopg.ClientCursor(pooled).execute("SELECT pc_use_key(%s)", [key]),
                lambda: pooled.execute(f"SELECT pc_use_key('{key}'), 1/0"),
                lambda: pooled.execute(f"SELECT pc_use_key('{key}x')"),
                lambda: pooled.execute(f"SELECT pc_use_key('{key[:-9]}')"),
                lambda: pooled.execute(f"SELECT pc_use_kee('{key}')"),
                lambda: pooled.execute("EXPLAIN ANALYZE VERBOSE SELECT pc_use_key(%s)", [key]),
                lambda: pooled.execute(f"EXPLAIN ANALYZE VERBOSE SELECT pc_use_key('{key}')"),
                lambda: pooled.execute(f"EXPLAIN ANALYZE VERBOSE SELECT pc_use_key('{key}')", prepare=True),
                lambda: pooled.execute(f"EXPLAIN SELECT 1; SELECT pc_use_key('{key}'); EXPLAIN SELECT '{key}'; SET LOCAL work_mem = '{key}'"),
                lambda: copied(pooled, f"COPY (SELECT '{key}') TO STDOUT"),
                lambda: pooled.execute(f"COPY (SELECT '{key}') TO '/nowhere'"),
                lambda: pooled.execute(f"PREPARE p AS SELECT pc_use_key('{key}')"),
                lambda: pooled.execute(f"DECLARE c CURSOR FOR SELECT pc_use_key('{key}')"),
                lambda: pooled.execute(f"SET LOCAL application_name = '{key}'"),
                lambda: pooled.execute(f"DO 'BEGIN PERFORM pc_use_key(''{key}''); END'"),
                lambda: pooled.execute(f"SELECT pc_use_key('{key}'); SELECT pc_list('a'); SELECT nonsense"),
                lambda: pooled.execute(f"SELECT '{key}'::int"),
                lambda: pooled.execute(f"SELECT length('{key}')"),
                lambda: pooled.execute(f"SELECT length('{role}_{key}'); SET LOCAL application_name = '{role}_{key}'"),
                lambda: pooled.execute(f"SELECT length('{key}') FROM generate_series(1, 2)", prepare=True),
                lambda: pooled.execute(f"DECLARE d CURSOR FOR SELECT length('{key}') FROM generate_series(1, 2); FETCH d; CLOSE d"),
                lambda: pooled.execute(f"/* {key} */ SELECT 1"),
                lambda: pooled.execute(f"SELECT 2 -- {key}"),
                lambda: pooled.execute(f"/* {key} */ SELECT 3", prepare=True),
                lambda: pooled.execute(f"SELECT 4; /* {key} */ SELECT 5; SELECT 6 AS \"{key}\""),
                lambda: pooled.execute(f"SELECT pc_describe_index('{key}')"),
                lambda: pooled.execute(f"SELECT pc_describe_api_key('{key}')"),
            ]
            for use in uses:
                try:
                    use()
                except psycopg.Error as error:
                    # The line that the client quotes is its own.
                    told = error.diag
                    assert key[21:50] not in f"{told.message_primary} {told.message_detail} {told.message_hint} {told.context}", error
                with loud.connect("postgres") as watcher:
                    seen += watcher.execute("SELECT query FROM pg_stat_activity WHERE usename = 'gateway'").fetchall()
                pooled.rollback()
            # Parse messages have prepared statements by now; their texts are not for the next tenant.
            for statement in ("SELECT * FROM pg_prepared_statements", "SELECT pg_prepared_statement()", "SELECT pg_notify('a', 'b')"):
                assert state(pooled, statement) == "42501"
                pooled.rollback()
        kept += db.execute("SELECT query FROM pg_stat_statements").fetchall()
        # Its entry is gone when the statement ends, which is when it is kept as it came.
        db.execute(f"SELECT pg_stat_statements_reset(), length('{key}')")
        db.execute(f"DO $$ BEGIN EXECUTE '/* {key} */ SELECT 1'; EXECUTE '/* {key} */ SELECT 1 AS of, $1' USING 2; END $$")
        db.execute(f"CREATE FUNCTION pg_temp.g() RETURNS int LANGUAGE sql AS 'SELECT /* {key} */ 1 + 10'; SELECT pg_temp.g(); DROP FUNCTION pg_temp.g()")
        db.execute(f"DO $$ BEGIN EXECUTE repeat('SET LOCAL application_name = ''{key}'';', 50) || 'SELECT length(''{key}'')'; END $$")
        # Commands that mean a secret still do what they say.
        db.execute(f"CREATE ROLE someone LOGIN PASSWORD '{key}'; ALTER ROLE someone SET application_name = '{role}'")
        assert try_login(loud, "someone", key) is None
        db.execute("DROP ROLE someone")
        db.execute(f"CREATE FUNCTION pg_temp.f() RETURNS text LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'CREATE TEMP TABLE t AS SELECT ''{key}'' AS k'; RETURN (SELECT k FROM t); END $$")
        assert db.execute("SELECT pg_temp.f()").fetchone() == (key,)
        db.execute("DROP FUNCTION pg_temp.f(); DROP TABLE t")
    for call in ("pc_describe_api_key", "pc_revoke_api_key", "pc_rotate_api_key", "pc_update_api_key"):
        error = state(db, f"SELECT {call}(%s)", keys[0][1])
        assert error == "42704"
    places = {
        "log": log(loud),
        "activity": "\n".join(query for (query,) in seen),
        "statements": "\n".join(query for (query,) in kept + db.execute("SELECT query FROM pg_stat_statements").fetchall()),
        "audit": str(db.execute("SELECT * FROM pc_audit()").fetchall()),
        "keys": str(db.execute("SELECT * FROM pc_list_api_keys()").fetchall()),
        "rows": str([db.execute(f"SELECT t::text FROM pc_auth.{name} t").fetchall() for name in ("api_key", "audit", "key_use", "member")]),
        "report": str(db.execute("SELECT * FROM pc_security_report()").fetchall()),
        "dump": loud.run("pg_dump", "-d", "postgres"),
        "roles": loud.run("pg_dumpall", "-r"),
    }
    assert "pc_use_key" in places["log"] and "***" in places["log"] and "Query Text" in places["log"], "much was logged"
    leaks = [(place, line) for place, text in places.items() for line in text.splitlines() for _, key in keys if key[21:50] in line]
    assert leaks == [], leaks


def test_secrets_of_what_runs(loud, db):
    """Others see no secret in a statement while it runs."""
    _, key = create_key(db, "running")
    seen = []
    with loud.connect("postgres", user="gateway") as pooled, loud.connect("postgres", user="gateway") as neighbour:
        thread = threading.Thread(target=lambda: pooled.execute(f"SELECT pg_sleep(0.5), length('{key}')"))
        thread.start()
        while thread.is_alive():
            seen += neighbour.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pooled.info.backend_pid]).fetchall()
        thread.join()
    assert "pg_sleep" in str(seen[-1]) and key[21:50] not in str(seen[len(seen) // 4 :])


@pytest.mark.parametrize("loud", LIBRARIES, indirect=True)
def test_verifiers_are_not_logged_or_counted(loud, db):
    create_key(db, "x")
    verifiers = [row[0] for row in db.execute("SELECT verifier FROM pc_auth.api_key")]
    text = log(loud)
    statements = str(db.execute("SELECT query FROM pg_stat_statements").fetchall())
    assert not [v for v in verifiers if v in text], "in the log"
    assert not [v for v in verifiers if v in statements], "in pg_stat_statements"


def test_logins(loud, db):
    """Everything that is almost a password."""
    role, key = create_key(db, "login")
    other, other_key = create_key(db, "other")
    assert try_login(loud, role, key) is None
    verifier, digest = db.execute("SELECT verifier, encode(secret_hash, 'hex') FROM pc_auth.api_key WHERE key_id = %s", [role]).fetchone()
    for password in (key[:-1], key + "0", key.upper(), other_key, role, verifier, digest, key[21:], " " + key, "x" * 100_000, "'; --", key[:-1] + "ä"):
        assert "password authentication failed" in try_login(loud, role, password) or len(password) > 10_000, password
    for user in (role.upper(), role + " ", role[:-1], "conifer_keys", "conifer_owner", "conifer_gateway", "conifer_people", key):
        assert try_login(loud, user, key), user
    groups = [row[0] for row in db.execute("SELECT role_name FROM pc_auth.group_role")]
    assert groups
    for group in groups:
        assert try_login(loud, group, key), group
    db.execute("SELECT pc_revoke_api_key(%s)", [role])
    assert "password authentication failed" in try_login(loud, role, key)
    brief = create_key(db, "brief", expires_at=db.execute("SELECT (clock_timestamp() + '2 s')::text").fetchone()[0])
    assert try_login(loud, *brief) is None
    db.execute("SELECT pg_sleep(2.1)")
    assert "password authentication failed" in try_login(loud, *brief)
    assert try_login(loud, other, other_key) is None
    db.execute("UPDATE pc_auth.api_key SET expires_at = now() - interval '1 s' WHERE key_id = %s", [other])
    assert "password authentication failed" in try_login(loud, other, other_key), "the role follows the row"


def test_a_hash_is_of_no_use_elsewhere(loud, db):
    """Whoever can write rows but knows no key does not get in by copying what is kept of a known one."""
    (mine, key), (victim, _) = create_key(db, "mine"), create_key(db, "victim")
    db.execute("""UPDATE pc_auth.api_key v SET secret_hash = m.secret_hash FROM pc_auth.api_key m WHERE v.key_id = %s AND m.key_id = %s""", [victim, mine])
    with loud.connect("postgres", user="gateway", autocommit=False) as pooled:
        assert state(pooled, "SELECT pc_use_key(%s)", victim + key[20:]) == "28P01"
        pooled.rollback()
        assert state(pooled, "SELECT pc_use_key(%s)", key) is None


def test_own_password(loud, db):
    """A key stays what was issued, whatever it says of itself."""
    role, key = create_key(db, "self")
    with loud.connect("postgres", user=role, password=key) as session:
        for statement in (f"ALTER ROLE {role} PASSWORD 'mine'", "ALTER ROLE current_user PASSWORD NULL", "ALTER USER session_user PASSWORD 'x'",
                          "ALTER ROLE current_role VALID UNTIL 'infinity'", "ALTER ROLE current_user SET work_mem = '1GB'", "ALTER ROLE current_user RESET ALL",
                          f"ALTER ROLE {role} RENAME TO x", "DROP OWNED BY current_user", "REASSIGN OWNED BY current_user TO postgres",
                          f"GRANT {role} TO gateway", "COMMENT ON ROLE current_user IS 'x'", "SECURITY LABEL ON ROLE current_user IS 'x'"):
            assert state(session, statement) in ("42501", "0A000", "42601"), statement
    assert try_login(loud, role, key) is None


def test_prepared_transactions(loud, db):
    """They would outlive the session, and with it the key, with their locks and their writes."""
    role, key = create_key(db, "two-phase")
    with loud.connect("postgres", user=role, password=key, autocommit=False) as login, loud.connect("postgres", user="gateway", autocommit=False) as pooled:
        for session in (login, pooled):
            if session is pooled:
                session.execute("SELECT pc_use_key(%s)", [key])
            session.execute("""SELECT pc_upsert('a', '[{"id": "late", "values": [1, 1]}]')""")
            assert state(session, "PREPARE TRANSACTION 'later'") == "42501"
            session.rollback()
            session.execute("SELECT 1")
            session.rollback()
        for session in (login, pooled):
            session.autocommit = True
            assert state(session, "COMMIT PREPARED 'later'") == "42501"
            assert state(session, "ROLLBACK PREPARED 'later'") == "42501"
    assert db.execute("SELECT count(*) FROM pg_prepared_xacts").fetchone() == (0,)
    assert db.execute("SELECT id FROM pc_list('a')").fetchall() == []


def test_what_administers_cannot_be_prepared(loud, db):
    """A revocation would wait for such a transaction, which nobody ends."""
    key, _ = create_key(db, "held")
    db.execute("CREATE ROLE ann LOGIN")
    administers = ("SELECT pc_update_api_key(%s, name => 'zz')", "SELECT pc_revoke_api_key(%s)", "SELECT pc_create_api_key('new')",
                   "SELECT pc_create_index('new', 2)", "SELECT pc_grant_role('ann', 'OrgMember')", "SELECT pc_create_project('new')",
                   "UPDATE pc_auth.api_key SET name = 'zz' WHERE key_id = %s")
    with loud.connect("postgres", autocommit=False) as session:
        for statement in administers:
            session.execute(statement, [key] if "%s" in statement else None)
            assert state(session, "PREPARE TRANSACTION 'hold'") == "0A000", statement
            session.rollback()
        session.execute("""SELECT pc_upsert('a', '[{"id": "later", "values": [1, 1]}]')""")
        session.execute("PREPARE TRANSACTION 'hold'")
        session.rollback()
    db.execute("COMMIT PREPARED 'hold'")
    db.execute("SELECT pc_delete('a', ARRAY['later'])")
    db.execute("SET statement_timeout = '5s'; DROP ROLE ann")
    db.execute("SELECT pc_revoke_api_key(%s)", [key])


def test_a_failed_transaction_can_be_ended(loud, db):
    """Whatever the hooks ask of catalogs, they do not ask it where none can be read."""
    role, key = create_key(db, "failing")
    for end in ("ROLLBACK", "COMMIT", "PREPARE TRANSACTION 'x'", "ROLLBACK TO one"):
        with loud.connect("postgres", user=role, password=key, autocommit=False) as session:
            session.execute("SAVEPOINT one")
            assert state(session, "SELECT 1/0") == "22012"
            assert state(session, end) is None
            session.rollback()
            assert session.execute("SELECT kind FROM pc_whoami()").fetchone() == ("key",)


def test_refusals_are_written_down(loud, db):
    """A denied call is a line in the log that says who, what and why, on one line, however long its argument is."""
    role, key = create_key(db, "weak", control_plane="ReadOnly")
    name = "line\nbreak\"quote" + "x" * 100_000
    before = len(log(loud))
    with loud.connect("postgres", user=role, password=key) as session:
        session.execute("SET client_min_messages = error")
        assert state(session, "SELECT pc_delete_index(%s)", name) == "42501"
    lines = [line for line in log(loud)[before:].splitlines() if "conifer audit:" in line and "delete_index" in line]
    assert len(lines) == 1 and len(lines[0]) < 2_000
    entry = re.search(r"conifer audit: (\{.*\})", lines[0]).group(1)
    import json

    said = json.loads(entry)
    assert (said["actor"], said["outcome"], said["actor_type"]) == (role, "failure", "api_key")
    assert said["resource"].startswith("line\nbreak\"quote") and "ReadOnly" in said["reason"]


def test_the_audit_cannot_be_changed(loud, db):
    assert db.execute("SELECT count(*) FROM pc_audit() WHERE action = 'create_api_key'").fetchone()[0] > 0
    for statement in ("UPDATE pc_auth.audit SET actor = 'x'", "DELETE FROM pc_auth.audit", "TRUNCATE pc_auth.audit"):
        assert state(db, statement) == "55000"


def test_other_databases(loud, db):
    """A key's session in another database of the cluster, where there is nothing of ours, is held to the same."""
    role, key = create_key(db, "elsewhere")
    loud.create_database("elsewhere")
    with loud.connect("elsewhere", user=role, password=key) as session:
        for statement in ("CREATE TEMP TABLE t (a int)", "SELECT lo_create(0)", "ALTER ROLE current_user PASSWORD 'x'", "CREATE SCHEMA x", "DO 'BEGIN END'"):
            assert state(session, statement) == "42501", statement
    db.execute("SELECT pc_revoke_api_key(%s)", [role])
    assert not db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()


def test_passwords_on_the_wire(loud):
    """psql with a URL, as clients log in."""
    with loud.connect("postgres") as db:
        role, key = create_key(db, "url")
    done = subprocess.run([loud.bindir / "psql", f"postgresql://{role}:{key}@/postgres?host={loud.env['PGHOST']}", "-Atc", "SELECT id FROM pc_whoami()"],
                          capture_output=True, text=True)
    assert done.stdout.strip() == role
