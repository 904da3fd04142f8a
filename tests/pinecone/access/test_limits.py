"""What an administrator sets for the sessions of keys binds them: ceilings of timeouts, sessions at a time, notifications."""

import os
import struct
import time

import psycopg
import pytest

from tests.pinecone.access.fast_path import FastPath
from tests.pinecone.access.world import state, world

__all__ = ["world"]

NAMES = {"statement_timeout": "key_statement_timeout", "lock_timeout": "key_lock_timeout",
         "idle_in_transaction_session_timeout": "key_idle_in_transaction_session_timeout"}


@pytest.fixture
def limited(world):
    """Ceilings of half a second in the database."""
    for name in NAMES.values():
        world.db.execute(f"ALTER DATABASE {world.database} SET conifer.{name} = '500ms'")
    yield world.key("limited")
    for name in NAMES.values():
        world.db.execute(f"ALTER DATABASE {world.database} RESET conifer.{name}")


RAISES = ("SET {name} = 0", "SET {name} = '1h'", "SET SESSION {name} TO DEFAULT", "RESET {name}", "RESET ALL", "SELECT set_config('{name}', '0', false)",
          "SELECT set_config('{name}', '1h', true)", "SET LOCAL {name} = 0", "SAVEPOINT s; SET LOCAL {name} = 0; RELEASE s", "SAVEPOINT s; SET {name} = 0; ROLLBACK TO s",
          "UPDATE pg_settings SET setting = '0' WHERE name = '{name}'", "SET conifer.{ceiling} = 0", "RESET conifer.{ceiling}",
          "SELECT set_config('conifer.{ceiling}', '0', false)", "DISCARD ALL")


@pytest.mark.parametrize("raises", RAISES)
@pytest.mark.parametrize("name", NAMES)
def test_a_key_does_not_raise_its_ceilings(world, limited, name, raises):
    for options in ("", f"-c {name}=0", f"-c {name}=1h -c conifer.{NAMES[name]}=0"):
        with world.login(limited[0], autocommit=raises == "DISCARD ALL", options=options) as session:
            state(session, raises.format(name=name, ceiling=NAMES[name]))
            if session.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
                session.rollback()
            assert session.execute(f"SELECT setting::int BETWEEN 1 AND 500 FROM pg_settings WHERE name = '{name}'").fetchone() == (True,), options
            session.rollback()


def test_what_is_below_a_ceiling_is_the_key_s(world, limited):
    with world.login(limited[0], options="") as session:
        session.execute("SET statement_timeout = '100ms'")
        assert session.execute("SHOW statement_timeout").fetchone() == ("100ms",)
    for role in (world.people["ProjectOwner"], "postgres"):
        with world.login(role, options="-c statement_timeout=20s") as session:
            assert session.execute("SHOW statement_timeout").fetchone() == ("20s",)


@pytest.mark.parametrize("first", [True, False])
def test_ceilings_end_statements_waits_and_idle_transactions(world, limited, first):
    """The first statement of a session as well, whatever its connection says."""
    zero = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
    with world.login(limited[0], options=zero) as session:
        if not first:
            session.execute("SET statement_timeout = 0")
        assert state(session, "SELECT pg_sleep(20)") == "57014"
    for raises in ("SET idle_in_transaction_session_timeout = 0", "SELECT set_config('idle_in_transaction_session_timeout', '0', false)"):
        with world.login(limited[0], autocommit=False, options=zero) as session:
            session.execute(raises)
            world.db.execute("SELECT pg_sleep(1)")
            assert state(session, "SELECT 1") in ("25P03", "lost")
    table = world.tables["a"]
    with world.login("postgres", autocommit=False) as other, world.login(limited[0], options=zero) as session:
        other.execute(f"LOCK TABLE {table}")
        session.execute("SELECT 1")  # tables are locked before hooks are asked: a session's first statement waits as it has said
        assert state(session, f"SELECT 1 FROM {table}") in ("55P03", "57014")


def test_pooled_sessions_are_held_as_well(world, limited):
    with world.login(world.gateway, autocommit=False, options="") as session:
        session.execute("SELECT pc_use_key(%s)", [limited[1]])
        session.execute("SET LOCAL statement_timeout = 0")
        assert state(session, "SELECT pg_sleep(20)") == "57014"


def test_sessions_at_a_time(world):
    """Of new keys; one of a key can be set by hand."""
    world.db.execute("SET conifer.key_connection_limit = 2")
    try:
        limited, other = world.key("two at a time"), None
    finally:
        world.db.execute("RESET conifer.key_connection_limit")
    other = world.key("any")
    with world.login(limited[0]), world.login(limited[0]):
        with pytest.raises(psycopg.OperationalError, match="too many connections for role"):
            world.login(limited[0])
    limits = "SELECT rolconnlimit FROM pg_roles WHERE rolname = %s"
    assert world.db.execute(limits, [other[0]]).fetchone() == (-1,)
    world.db.execute(f"ALTER ROLE {other[0]} CONNECTION LIMIT 5; SELECT pc_sync_roles()")
    assert world.db.execute(limits, [other[0]]).fetchone() == (5,)


def test_keys_neither_listen_nor_notify(world):
    """Channels are the whole database's: what an application tells itself is not for keys, unless that is switched on."""
    key = world.key("ears")
    asked = ("LISTEN application", "NOTIFY application, 'forged'", "SELECT pg_notify('application', 'forged')")
    with world.login(key[0]) as session, world.login("postgres") as application:
        for statement in asked:
            assert state(session, statement) == "42501", statement
        assert state(session, "SET conifer.keys_may_notify = on") == "42501"
        application.execute("NOTIFY application, 'secret'")
        assert list(session.notifies(timeout=0.2)) == []
        assert state(session, "UNLISTEN *") is None
    world.db.execute(f"ALTER DATABASE {world.database} SET conifer.keys_may_notify = on")
    try:
        with world.login(key[0]) as session, world.login("postgres") as application, world.login(world.gateway) as pooled:
            for statement in asked:
                assert state(session, statement) is None, statement
                application.execute("SELECT '[1]'::vector")
                pooled.execute("SELECT '[1]'::vector")
                assert state(pooled, statement) == "42501", statement
            application.execute("NOTIFY application, 'told'")
            assert "told" in [note.payload for note in session.notifies(timeout=1, stop_after=3)]
    finally:
        world.db.execute(f"ALTER DATABASE {world.database} RESET conifer.keys_may_notify")


def test_calls_without_a_statement(world, limited):
    """A call by the protocol's function message is held to the ceilings, as a session's first message, too."""
    (sleep,) = world.db.execute("SELECT 'pg_sleep(float8)'::regprocedure::oid::int").fetchone()
    world.db.execute(f"ALTER ROLE {world.gateway} SET session_preload_libraries = 'conifer'")
    try:
        for user in (limited[0], world.gateway):
            with FastPath(world.server, world.database, user, "-c statement_timeout=0") as session:
                assert session.call(sleep, "5") == "57014", user
                assert session.call(sleep, "5") == "57014", user
                assert session.call(sleep, "0") is None, user
    finally:
        world.db.execute(f"ALTER ROLE {world.gateway} RESET session_preload_libraries")


def test_calls_of_an_expired_key(world):
    """It calls no function of the server's either, also as a session's first message."""
    role, _ = world.key("short")
    (sleep,) = world.db.execute("SELECT 'pg_sleep(float8)'::regprocedure::oid::int").fetchone()
    with FastPath(world.server, world.database, role) as quiet, FastPath(world.server, world.database, role) as used:
        assert used.call(sleep, "0") is None
        assert used.execute("SELECT 1") is None
        world.db.execute("UPDATE pc_auth.api_key SET expires_at = now() - interval '1 hour' WHERE key_id = %s", [role])
        for session in (quiet, used):
            assert session.call(sleep, "0") == "28000"
            assert session.execute("SELECT 1") == "28000"


@pytest.mark.parametrize("inner", ["set_config(''statement_timeout'', ''0'', false)", "set_config(''statement_timeout'', ''1h'', true)"])
def test_a_statement_within_a_statement_does_not_wind_the_clock_up(world, limited, inner):
    statement = f"SELECT count(query_to_xml('SELECT {inner}, pg_sleep(0.2)', true, true, '')::text) FROM generate_series(1, 10)"
    with world.login(limited[0], options="") as session:
        begun = time.monotonic()
        assert state(session, statement) == "57014"
        assert time.monotonic() - begun < 1.2
        # and the next statement has all of its time
        session.execute("SELECT set_config('statement_timeout', '0', false), pg_sleep(0.3)")
        session.execute("SELECT set_config('statement_timeout', '0', false), pg_sleep(0.3)")


def wire(session, *messages):
    """Sends messages of the extended protocol as they are, and no Sync."""
    os.write(session.pgconn.socket, b"".join(kind + struct.pack("!I", len(body) + 4) + body for kind, body in messages))


def run(text):
    return [(b"P", b"\0" + text.encode() + b"\0\0\0"), (b"B", b"\0\0" + b"\0\0" * 3), (b"E", b"\0\0\0\0\0")]


@pytest.mark.parametrize("how", ["runs", "parses", "parses first", "begins", "flushes", "looks on"])
def test_a_client_that_never_says_sync(world, limited, how):
    """It leaves its transaction idle all the same: the server's own timeout begins when the server is ready for a query."""
    zero = "-c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
    session = world.login(limited[0], autocommit=True, options=zero)
    if how != "parses first":
        session.execute("SELECT 1")
    pid = session.info.backend_pid
    there = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    wire(session, *{
        "runs": run(f"SELECT id FROM {world.tables['a']}"), "parses": run("SELECT 1")[:1],
        "parses first": run(f"SELECT id FROM {world.tables['a']}")[:1], "begins": run("BEGIN") + run("SELECT 1"),
        "flushes": [*run("SELECT 1"), (b"H", b"")], "looks on": [*run(f"SELECT id FROM {world.tables['a']}"), (b"D", b"P\0")],
    }[how])
    deadline = time.monotonic() + 5
    while world.db.execute(there, [pid]).fetchone() == (1,):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    session.close()


def test_a_client_that_goes_on_without_sync(world, limited):
    """Its session goes on, as one does whose transaction is busy; and one that is idle between transactions, or whose statement takes its time."""
    with world.login(limited[0], autocommit=True, options="") as session:
        session.execute("SELECT 1")
        for _ in range(8):
            wire(session, *run("SELECT 1"))
            time.sleep(0.2)
        wire(session, (b"S", b""))
        time.sleep(1.6)
        assert world.db.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [session.info.backend_pid]).fetchone() == (1,)
    with world.login(limited[0], autocommit=True, options="") as session:
        for _ in range(5):
            session.execute("SELECT pg_sleep(0.4)")
        time.sleep(1.6)
        assert session.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.parametrize("asked", ["SELECT repeat('x', 1000) FROM generate_series(1, 200000)", "COPY (SELECT repeat('x', 1000) FROM generate_series(1, 200000)) TO STDOUT"])
def test_a_client_that_does_not_read(world, limited, asked):
    """The server's timeout of a statement does not end what waits for its client to read; a client that reads gets an error."""
    session = world.login(limited[0], options="-c statement_timeout=0")
    session.execute("SELECT 1")
    pid = session.info.backend_pid
    wire(session, (b"Q", asked.encode() + b"\0"))
    deadline = time.monotonic() + 10
    while world.db.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() == (1,):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    session.close()
