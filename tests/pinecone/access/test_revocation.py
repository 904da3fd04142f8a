"""A key that is revoked, or has expired, is at an end: in every session, statement, plan and cursor."""

import socket
import struct
import threading
import time

import psycopg
import pytest

from tests.pinecone.access.world import refusal, state, world
from tests.support.waiting import until

__all__ = ["world"]

GONE = ("28000", "57P01", "lost", "42501")
LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")


def revoke(world, key) -> None:
    world.db.execute("SET statement_timeout = '10s'")
    world.db.execute("SELECT pc_revoke_api_key(%s)", [key[0]])
    world.db.execute("RESET statement_timeout")


def sessions(world, key):
    """The key logged in, and a pooled session that acts as it, each in a transaction."""
    login = world.login(key[0], autocommit=False)
    pooled = world.login(world.gateway, autocommit=False)
    return login, pooled


def begin(world, key, session, level):
    session.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
    if session.info.user == world.gateway:
        session.execute("SELECT pc_use_key(%s)", [key[1]])


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("held", ["snapshot", "prepared", "cursor", "hold", "locks", "writes", "savepoint"])
def test_revocation_while_something_is_open(world, level, held):
    """Neither a snapshot nor a plan, cursor, lock or savepoint lets anything be read or written afterwards."""
    key = world.key("doomed")
    table = world.tables["a"]
    before = world.db.execute(f"SELECT count(*) FROM {table}").fetchone()
    for session in sessions(world, key):
        pooled = session.info.user == world.gateway
        if held == "hold" and pooled:
            continue
        begin(world, key, session, level)
        assert session.execute(f"SELECT count(*) FROM {table}").fetchone() == before
        match held:
            case "prepared" if not pooled:
                session.execute(f"SET LOCAL plan_cache_mode = force_generic_plan; PREPARE p AS SELECT * FROM {table}")
                assert len(session.execute("EXECUTE p").fetchall()) == before[0]
            case "cursor" | "hold":
                session.execute(f"DECLARE c CURSOR {'WITH HOLD' if held == 'hold' else ''} FOR SELECT id FROM {table}")
                session.execute("FETCH 1 FROM c")
                if held == "hold":
                    session.commit()
            case "locks":
                session.execute(f"SELECT * FROM {table} WHERE namespace = '{'n1' if pooled else 'n2'}' FOR UPDATE")
            case "writes":
                session.execute(f"""INSERT INTO {table} (namespace, id, "values") VALUES ('n1', 'late {pooled}', '[1,1]')""")
            case "savepoint":
                session.execute("SAVEPOINT one")
        begun = time.monotonic()
        if not pooled:
            kept = session
        else:
            revoke(world, key)
            assert time.monotonic() - begun < 5
            for doomed in (kept, session):
                after(doomed, table, held)
        if held == "hold":
            revoke(world, key)
            after(session, table, held)
    assert world.db.execute(f"SELECT count(*) FROM {table}").fetchone() == before


def after(session, table, held):
    statements = ["FETCH ALL FROM c", "EXECUTE p", f"SELECT * FROM {table}", f"DELETE FROM {table}", "SELECT pc_list('a', namespace => 'n1')", "COMMIT"]
    for statement in statements:
        try:
            assert session.execute(statement).fetchall() == []
        except psycopg.ProgrammingError as error:
            assert error.sqlstate in (None, *GONE, "25P02", "34000", "26000"), error
        except psycopg.Error:
            pass
    assert session.closed, "it was ended"
    session.close()


def test_without_being_ended(world):
    """The policies and hooks refuse by themselves what a session that is still there tries: the row alone is changed, as a
    restore or a subscription would."""
    for level in LEVELS:
        key = world.key("doomed")
        table = world.tables["a"]
        login, pooled = sessions(world, key)
        for session in (login, pooled):
            begin(world, key, session, level)
            session.execute(f"DECLARE c CURSOR FOR SELECT id FROM {table}")
            session.execute("FETCH 1 FROM c")
            session.execute(f"DECLARE unread CURSOR FOR SELECT id FROM {table}")
            session.execute("SAVEPOINT one")
        world.db.execute("UPDATE pc_auth.api_key SET revoked_at = now() WHERE key_id = %s", [key[0]])
        for session in (login, pooled):
            for statement in ("FETCH 1 FROM c", "FETCH 1 FROM unread", f"SELECT id FROM {table}", f"UPDATE {table} SET metadata = '{{}}'",
                              f"""INSERT INTO {table} (namespace, id, "values") VALUES ('n1', 'late', '[1,1]')""",
                              "SELECT pc_list('a', namespace => 'n1')", "SELECT pc_upsert('a', '[]')", "SELECT pc_create_index('late', 2)",
                              "SELECT * FROM pc.index_reg"):
                assert state(session, statement) in ("28000", "42501"), (level, statement)
                session.execute("ROLLBACK TO one")
            with pytest.raises((psycopg.errors.InvalidAuthorizationSpecification, psycopg.errors.InsufficientPrivilege)):
                with session.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                    list(copy)
            session.close()


def test_expiry_in_an_open_transaction(world):
    key = world.key("brief", expires_at=world.db.execute("SELECT (clock_timestamp() + '1 s')::text").fetchone()[0])
    login, pooled = sessions(world, key)
    for session in (login, pooled):
        begin(world, key, session, "REPEATABLE READ")
        session.execute(f"DECLARE c CURSOR FOR SELECT id FROM {world.tables['a']}")
        assert len(session.execute("FETCH 1 FROM c").fetchall()) == 1
        session.execute("SAVEPOINT one")
    time.sleep(1.2)
    for session in (login, pooled):
        for statement in ("FETCH 1 FROM c", f"SELECT 1 FROM {world.tables['a']}", "SELECT pc_list('a', namespace => 'n1')"):
            assert state(session, statement) == "28000", statement
            session.execute("ROLLBACK TO one")
        session.close()
    with world.login(world.gateway, autocommit=False) as session:
        assert state(session, "SELECT pc_use_key(%s)", key[1]) == "28000"


@pytest.mark.parametrize("work", ["SELECT pg_sleep(60)", "SELECT count(*) FROM generate_series(1, 1000000000)",
                                  "SELECT pc_query('a', '[1,1]', namespace => 'n1'), pg_sleep(60)"])
def test_long_statements_are_ended(world, work):
    key = world.key("busy")
    for session in sessions(world, key):
        begin(world, key, session, "READ COMMITTED")
        ended = []
        thread = threading.Thread(target=lambda: ended.append(state(session, work)))
        thread.start()
        time.sleep(0.3)
        if session.info.user == world.gateway:
            revoke(world, key)
        else:
            # One session at a time: the key is needed once more.
            world.db.execute("SELECT pg_terminate_backend(%s)", [session.info.backend_pid])
        thread.join(10)
        assert ended == ["57P01"], ended
        session.close()


def test_locks_of_a_key_do_not_hold_its_revocation_up(world):
    """It has locked rows, its own last use, everything that it can."""
    key = world.key("locks")
    login, pooled = sessions(world, key)
    for session in (login, pooled):
        begin(world, key, session, "READ COMMITTED")
        session.execute("SELECT pc_delete('a', '{none}', namespace => 'n1')")
    begun = time.monotonic()
    revoke(world, key)
    assert time.monotonic() - begun < 5


def test_locks_of_others_do_not_hold_a_revocation_up(world):
    """Advisory locks are for everybody to take."""
    key = world.key("locks")
    with world.login(world.stranger, autocommit=False) as other:
        other.execute("SELECT pg_advisory_xact_lock(7216, 0)")
        for number in (7214, 7215):
            for name in (key[0], "group of 00000000-0000-0000-0000-000000000000"):
                other.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [number, name])
        revoke(world, key)
    assert not world.db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [key[0]]).fetchone()


def test_work_of_others_does_not_hold_a_revocation_up(world):
    """Somebody makes projects, groups and keys, and does not come to an end."""
    key = world.key("waits")
    with world.login(world.people["OrgOwner"], autocommit=False) as other:
        other.execute("SELECT pc_create_project('unfinished'); SET LOCAL conifer.project = 'unfinished'; SELECT pc_create_api_key('unfinished')")
        revoke(world, key)
        other.rollback()
    assert not world.db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [key[0]]).fetchone()


def test_demotion_counts_from_the_next_statement(world):
    """Levels and scopes that are taken away, in a transaction with an old snapshot."""
    for option in ("data_plane => 'None'", "control_plane => 'ReadOnly'", "indexes => '{b}'", """namespaces => '{"a": ["n2"]}'"""):
        key = world.key("demoted")
        login, pooled = sessions(world, key)
        for session in (login, pooled):
            begin(world, key, session, "REPEATABLE READ")
            assert session.execute(f"SELECT count(*) FROM {world.tables['a']} WHERE namespace = 'n1'").fetchone() == (2,)
            session.execute("SAVEPOINT one")
        world.db.execute(f"SELECT pc_update_api_key('{key[0]}', {option})")
        for session in (login, pooled):
            try:
                assert session.execute(f"SELECT * FROM {world.tables['a']} WHERE namespace = 'n1'").fetchall() == []
            except psycopg.errors.InsufficientPrivilege:
                session.execute("ROLLBACK TO one")
            assert state(session, "SELECT pc_list('a', namespace => 'n1')") in ("42501", "42P01"), option
            session.close()


def test_people_too(world):
    """A role that is taken from a person, in a transaction with an old snapshot."""
    table = world.tables["a"]
    person = world.people["DataPlaneEditor"]
    with world.login(person, autocommit=False) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        assert session.execute(f"SELECT count(*) FROM {table}").fetchone() == (4,)
        session.execute("SAVEPOINT one")
        world.db.execute("SELECT pc_revoke_role(%s, 'DataPlaneEditor', 'own')", [person])
        try:
            assert refusal(session, f"SELECT 1 FROM {table}").sqlstate == "42501"
        finally:
            world.db.execute("SELECT pc_grant_role(%s, 'DataPlaneEditor', 'own')", [person])


def in_parallel(session, statement):
    """Run a statement in parallel mode, whether or not workers are of any use to it."""
    name = "debug_parallel_query" if session.info.server_version >= 160000 else "force_parallel_mode"
    session.execute(f"SET LOCAL {name} = on")
    rows = session.execute(statement).fetchall()
    session.execute(f"SET LOCAL {name} = off")
    return rows


def test_a_demotion_counts_in_parallel_mode_and_after_it(world):
    """The policies are asked in parallel mode, in a transaction whose snapshot is older than the demotion."""
    table = world.tables["a"]
    person = f"{world.stranger}_twice"
    world.db.execute(f"CREATE ROLE {person} LOGIN")
    for role in ("DataPlaneViewer", "ControlPlaneEditor"):
        world.db.execute("SELECT pc_grant_role(%s, %s, 'own')", [person, role])
    try:
        with world.login(person, autocommit=False) as session:
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            assert session.execute(f"SELECT count(*) FROM {table}").fetchone() == (4,)
            world.db.execute("SELECT pc_revoke_role(%s, 'ControlPlaneEditor', 'own')", [person])
            assert in_parallel(session, f"SELECT count(*) FROM {table}") == [(4,)]
            session.rollback()
            assert refusal(session, "SELECT pc_create_index('late', 2)").sqlstate == "42501"
    finally:
        for (role,) in world.db.execute("SELECT role FROM pc_auth.member WHERE member = %s", [person]).fetchall():
            world.db.execute("SELECT pc_revoke_role(%s, %s, 'own')", [person, role])
        world.db.execute(f"DROP ROLE {person}")


@pytest.mark.parametrize("seen", [False, True])
def test_a_scope_that_is_cut_within_a_statement(world, seen):
    """A statement in parallel mode asks twice, and waits between; meanwhile the key's scope is cut, and a role made
    that has nothing to do with it."""
    a, b = world.tables["a"], world.tables["b"]
    key = world.key("cut")
    unrelated = f"{world.stranger}_unrelated"
    with world.login(key[0], autocommit=False) as session:
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("SELECT 1")
        if seen:
            assert session.execute(f"SELECT count(*) FROM {a}").fetchone() == (4,)
        found = []
        statement = f"""SELECT (SELECT count(*) FROM {a}), pg_sleep(3)::text, pg_relation_size('pg_ts_dict'), (SELECT count(*) FROM {b})"""
        thread = threading.Thread(target=lambda: found.extend(in_parallel(session, statement)))
        thread.start()
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND pid = %s"
        while not world.db.execute(waits, [session.info.backend_pid]).fetchone()[0]:
            assert thread.is_alive()
            time.sleep(0.01)
        world.db.execute("""SELECT pc_update_api_key(%s, namespaces => '{"a": ["n1"], "b": ["n1"]}')""", [key[0]])
        world.db.execute(f"CREATE ROLE {unrelated}; DROP ROLE {unrelated}")
        assert world.db.execute(waits, [session.info.backend_pid]).fetchone()[0], "all of it has happened meanwhile"
        thread.join(20)
        (before, _, _, after) = found[0]
        session.rollback()
        assert session.execute(f"SELECT DISTINCT namespace FROM {b}").fetchall() == [("n1",)]
        assert (before, after) == (4, 2)


def test_an_isolation_level_after_a_role_has_changed(world):
    """Who acts is asked before the command, which is for transactions that have taken no snapshot."""
    key = world.key("chooses")
    unrelated = f"{world.stranger}_unrelated"
    with world.login(key[0], autocommit=False) as session:
        session.execute(f"SELECT count(*) FROM {world.tables['a']}")
        session.commit()
        for level in LEVELS:
            world.db.execute(f"CREATE ROLE {unrelated}; DROP ROLE {unrelated}")
            assert state(session, f"SET TRANSACTION ISOLATION LEVEL {level}") is None
            assert session.execute("SHOW transaction_isolation").fetchone() == (level.lower(),)
            session.rollback()


def test_a_rolled_back_revocation_is_none(world):
    """Nor does what was cached in between stay wrong."""
    key = world.key("saved")
    with world.login(key[0]) as session, world.login("postgres", autocommit=False) as keeper:
        assert state(session, "SELECT pc_list_indexes()") is None
        keeper.execute("UPDATE pc_auth.api_key SET revoked_at = now() WHERE key_id = %s", [key[0]])
        assert state(session, "SELECT pc_list_indexes()") is None
        keeper.rollback()
        assert state(session, "SELECT pc_list_indexes()") is None


def test_what_came_in_between_is_ended(world):
    """A session that logs in after the revocation, and before its commit, does not finish what it has under way."""
    key = world.key("late")
    ended = []
    with world.login("postgres", autocommit=False) as keeper:
        keeper.execute("SELECT pc_revoke_api_key(%s)", [key[0]])
        with world.login(key[0]) as session:
            thread = threading.Thread(target=lambda: ended.append(state(session, "SELECT pg_sleep(15)")))
            thread.start()
            sleeping = "SELECT count(*) FROM pg_stat_activity WHERE usename = %s AND wait_event = 'PgSleep'"
            while world.db.execute(sleeping, [key[0]]).fetchone() == (0,):
                pass
            keeper.commit()
            thread.join()
    assert ended and ended[0] in GONE


@pytest.mark.parametrize("back", ["ROLLBACK TO s", "RELEASE s; ROLLBACK", "ROLLBACK"])
def test_a_revocation_that_is_taken_back_ends_nobody(world, back):
    """Neither what was under way nor what came later, logged in or pooled."""
    key = world.key("spared")
    login, pooled = sessions(world, key)
    with world.login("postgres", autocommit=False) as keeper, login, pooled:
        for session in (login, pooled):
            begin(world, key, session, "READ COMMITTED")
            assert state(session, f"SELECT 1 FROM {world.tables['a']}") is None
        keeper.execute("SAVEPOINT s")
        keeper.execute("SELECT pc_revoke_api_key(%s)", [key[0]])
        keeper.execute(back)
        with world.login(key[0]) as session:
            assert state(session, "SELECT pc_list_indexes()") is None
            keeper.commit()
            time.sleep(0.1)
            for other in (session, login, pooled):
                assert state(other, "SELECT pc_list_indexes()") is None
    # One that is released counts.
    with world.login("postgres", autocommit=False) as keeper, world.login(key[0]) as session:
        keeper.execute("SAVEPOINT s")
        keeper.execute("SELECT pc_revoke_api_key(%s)", [key[0]])
        keeper.execute("RELEASE s; SAVEPOINT t; ROLLBACK TO t; COMMIT")
        assert state(session, "SELECT 1") in ("57P01", "lost")


def test_a_transaction_left_open_does_not_hold_a_revocation_up(world):
    """Of another administrator, who has changed the same key: it is ended after a second."""
    for does in ("pc_update_api_key(%s, name => 'open')", "pc_rotate_api_key(%s)", "pc_revoke_api_key(%s)"):
        key = world.key("held")
        with world.login(world.people["ProjectManager"], autocommit=False) as other:
            other.execute(f"SELECT {does}", [key[0]])
            begun = time.monotonic()
            revoke(world, key)
            assert time.monotonic() - begun < 5
            assert state(other, "SELECT 1") in ("57P01", "lost")
        assert not world.db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [key[0]]).fetchone()
    # One that comes to its end in time is left alone.
    key = world.key("held")
    with world.login(world.people["ProjectManager"], autocommit=False) as other:
        other.execute("SELECT pc_update_api_key(%s, name => 'soon done')", [key[0]])
        timer = threading.Timer(0.3, other.commit)
        timer.start()
        revoke(world, key)
        timer.join()
        assert other.execute("SELECT 1").fetchone() == (1,)
    names = world.db.execute("SELECT name, revoked_at IS NULL FROM pc_auth.api_key WHERE key_id = %s", [key[0]]).fetchone()
    assert names == ("soon done", False)


def test_sessions_that_end_by_themselves_are_no_warning(world):
    key = world.key("quiet")
    notices = []
    with world.login("postgres") as keeper:
        keeper.add_notice_handler(lambda diag: notices.append(diag.message_primary))
        for _ in range(5):
            world.login(key[0]).close()
        keeper.execute("SELECT pc_revoke_api_key(%s)", [key[0]])
    assert notices == []


def test_rotation(world):
    """Both work in the overlap, with the same rights; without one, the old key ends at once."""
    old = world.key("old", namespaces='{"a": ["n1"]}', data_plane="ReadOnly")
    with world.login(old[0]) as one:
        new = world.db.execute("SELECT * FROM pc_rotate_api_key(%s)", [old[0]]).fetchone()
        with world.login(new[0]) as two:
            for session in (one, two):
                assert session.execute(f"SELECT DISTINCT namespace FROM {world.tables['a']}").fetchall() == [("n1",)]
                assert state(session, f"DELETE FROM {world.tables['a']}") == "42501"
                assert state(session, "SELECT pc_list_indexes()") == "42501"
            newer = world.db.execute("SELECT * FROM pc_rotate_api_key(%s, '0')", [new[0]]).fetchone()
            assert state(two, f"SELECT 1 FROM {world.tables['a']}") == "28000"
        assert newer[0] not in (old[0], new[0])
        assert state(world.db, "SELECT pc_rotate_api_key(%s)", new[0]) == "55000", "it is at an end"
        assert state(world.db, "SELECT pc_rotate_api_key(%s, '-1 s')", old[0]) == "22023"


@pytest.mark.parametrize("end", ["infinity", "9999-12-31", "294276-12-31", "2100-01-01 00:00:00+14"])
def test_ends_far_away(world, end):
    role, _ = world.key("far", expires_at=end)
    with world.login(role) as session:
        assert state(session, "SELECT pc_list_indexes()") is None
    same = "SELECT k.expires_at = r.rolvaliduntil FROM pc_auth.api_key k JOIN pg_authid r ON rolname = key_id WHERE key_id = %s"
    assert world.db.execute(same, [role]).fetchone() == (True,)
    assert world.db.execute("SELECT pc_sync_roles()").fetchone() == (0,)


@pytest.mark.parametrize("end", ["-infinity", "2000-01-01", "0001-01-01 BC", "now"])
def test_ends_that_are_over(world, end):
    assert state(world.db, "SELECT pc_create_api_key('x', expires_at => %s)", end) == "22023"


class Wire:
    """A session in the protocol's own messages: libpq runs a portal only as it makes it."""

    def __init__(self, server, database, user):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(f"{server.env['PGHOST']}/.s.PGSQL.{server.env['PGPORT']}")
        words = b"".join(word.encode() + b"\0" for word in ("user", user, "database", database)) + b"\0"
        self.socket.sendall(struct.pack("!ii", len(words) + 8, 3 << 16) + words)
        self.answer()

    def send(self, *messages):
        for kind, body in messages:
            self.socket.sendall(kind + struct.pack("!i", len(body) + 4) + body)
        return self.answer()

    def answer(self):
        """The number of rows until the server is ready, or the SQLSTATE of an error."""
        rows, failure = 0, None
        while True:
            kind = self.read(1)
            body = self.read(struct.unpack("!i", self.read(4))[0] - 4)
            rows += kind == b"D"
            if kind == b"E":
                failure = next(field[1:].decode() for field in body.split(b"\0") if field[:1] == b"C")
            if kind == b"Z":
                return failure or rows

    def read(self, size):
        got = b""
        while len(got) < size:
            more = self.socket.recv(size - len(got))
            assert more, "the session was ended"
            got += more
        return got

    def query(self, sql):
        return self.send((b"Q", sql.encode() + b"\0"))

    def execute(self, portal, rows):
        return self.send((b"E", portal.encode() + b"\0" + struct.pack("!i", rows)), (b"S", b""))

    def bind(self, portal, sql):
        return self.send((b"P", b"\0" + sql.encode() + b"\0\0\0"), (b"B", portal.encode() + b"\0\0" + b"\0" * 6), (b"S", b""))


def test_portals_that_are_read_by_the_protocol(world):
    """A portal ends with its key, as a driver with a fetch size reads it, and a cursor. Of a held cursor, whose rows were all read when
    its transaction committed, Execute alone gets the rest, as docs/access.md says, while statements are refused."""
    table = world.tables["a"]
    for held in (False, True):
        key = world.key("doomed")
        wire = Wire(world.server, world.database, key[0])
        wire.query("BEGIN")
        wire.bind("p", f"SELECT * FROM {table}")
        wire.query(f"DECLARE c CURSOR {'WITH HOLD' if held else ''} FOR SELECT * FROM {table}")
        assert [wire.execute("p", 1), wire.execute("c", 1), wire.execute("p", 1)] == [1, 1, 1]
        if held:
            wire.query("COMMIT")
        world.db.execute("UPDATE pc_auth.api_key SET expires_at = now() - interval '1 s' WHERE key_id = %s", [key[0]])
        if held:
            assert wire.execute("c", 1) == 1
            assert wire.query("FETCH 1 FROM c") == "28000"
            assert wire.query(f"SELECT * FROM {table}") == "28000"
            assert [wire.execute("c", 1), wire.execute("c", 9), wire.execute("c", 9)] == [1, 1, 0]
            world.db.execute("SELECT pc_revoke_api_key(%s)", [key[0]])
            with pytest.raises((AssertionError, ConnectionError)):
                wire.execute("c", 1)
                wire.execute("c", 1)
        else:
            assert wire.execute("p", 1) == "28000"
            wire.query("ROLLBACK")
        wire.socket.close()


def test_a_login_that_is_taken_from_a_role_is_taken_from_its_key(world):
    """By ALTER ROLE, for pools and open sessions as well, and pc_sync_roles() does not give it back."""
    key = world.key("barred")
    role = f"SELECT rolcanlogin FROM pg_roles WHERE rolname = '{key[0]}'"
    with world.login(key[0]) as session, world.login(world.gateway, autocommit=False) as pooled:
        session.execute("SELECT * FROM pc_list_indexes()")
        world.db.execute(f"ALTER ROLE {key[0]} NOLOGIN")
        said = refusal(session, "SELECT * FROM pc_list_indexes()")
        assert said.sqlstate == "28000" and "may not log in" in said.diag.message_primary and "LOGIN" in said.diag.message_hint
        assert state(pooled, "SELECT pc_use_key(%s)", key[1]) == "28000"
        pooled.rollback()
        report = "SELECT state FROM pc_security_report() WHERE item = 'keys whose role may not log in' AND found ~ %s"
        assert world.db.execute(report, [key[0]]).fetchone() == ("warn",)
        world.db.execute("SELECT pc_sync_roles()")
        world.db.execute("SELECT pc_update_api_key(%s, name => 'barred still')", [key[0]])
        assert world.db.execute(role).fetchone() == (False,)
        assert state(pooled, "SELECT pc_use_key(%s)", key[1]) == "28000"
        pooled.rollback()
        world.db.execute(f"ALTER ROLE {key[0]} LOGIN")
        pooled.execute("SELECT pc_use_key(%s)", [key[1]])
        session.execute("SELECT * FROM pc_list_indexes()")
    revoke(world, key)
    assert world.db.execute(role).fetchone() is None


@pytest.mark.parametrize("path", ["pooled", "running"])
def test_a_session_that_is_silent_when_its_key_expires(world, path):
    """It ends some seconds later, and lets go of what it has locked, also in the middle of a statement."""
    key = world.key("brief")
    with world.login(world.gateway if path == "pooled" else key[0], autocommit=False) as session, world.login(world.gateway, autocommit=False) as pool:
        for each in (session, pool):
            if each is pool or path == "pooled":
                each.execute("SELECT pc_use_key(%s)", [key[1]])
        world.db.execute("UPDATE pc_auth.api_key SET expires_at = clock_timestamp() + interval '3 s' WHERE key_id = %s", [key[0]])
        for each in (session, pool):
            each.execute(f"SELECT count(*) FROM {world.tables['a']}")
        pool.commit()
        if path == "running":
            assert state(session, "SELECT pg_sleep(20)") == "57P01"
        until(lambda: world.db.execute("SELECT count(*) FROM pg_stat_activity WHERE pid = %s", [session.info.backend_pid]).fetchone() == (0,))
        session.close()
        # The pool goes on for others.
        pool.execute("SELECT 1")


@pytest.mark.parametrize("how", ["expired", "barred", "expired, silent"])
@pytest.mark.parametrize("before", ["nothing", "SELECT 1"])
def test_a_key_that_asks_nothing_of_conifer(world, how, before):
    """It is at an end also where it reads and writes tables that others have given to keys, and nothing else."""
    key = world.key("elsewhere")
    world.db.execute("CREATE TABLE public.plain (a int); GRANT SELECT, INSERT ON public.plain TO conifer_keys")
    try:
        with world.login(key[0]) as session:
            if before != "nothing":
                session.execute(before)
            if how == "barred":
                world.db.execute(f"ALTER ROLE {key[0]} NOLOGIN")
            elif how == "expired":
                world.db.execute("UPDATE pc_auth.api_key SET expires_at = now() - interval '1 s' WHERE key_id = %s", [key[0]])
            else:
                world.db.execute("UPDATE pc_auth.api_key SET expires_at = clock_timestamp() + interval '2 s' WHERE key_id = %s", [key[0]])
                assert state(session, "SELECT pg_sleep(20)") == "57P01"
                return
            for asked in ("SELECT 1", "SELECT * FROM public.plain", "INSERT INTO public.plain VALUES (1)", "SELECT pg_sleep(0)", "PREPARE p AS SELECT * FROM public.plain"):
                assert state(session, asked) == "28000", asked
    finally:
        world.db.execute("DROP TABLE public.plain")
