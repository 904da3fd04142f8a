"""Attacks on the identity of a session: a pooled one that acts as a key, and one that is logged in as a key."""

import psycopg
import pytest

from tests.pinecone.access.world import create_key, ids, refusal, state, world

__all__ = ["world"]


@pytest.fixture
def key(world):
    return world.key("acting")


@pytest.fixture
def pooled(world):
    with world.login(world.gateway, autocommit=False) as session:
        yield session


def rows(session, world) -> int:
    return session.execute(f"SELECT count(*) FROM {world.tables['a']}").fetchone()[0]


def refused(session, world) -> bool:
    """Whether the table is refused to the session, at a savepoint that is rolled back."""
    session.execute("SAVEPOINT refused")
    told = state(session, f"SELECT count(*) FROM {world.tables['a']}")
    session.execute("ROLLBACK TO refused")
    return told == "42501"


def use(session, key: str) -> None:
    session.execute("SELECT pc_use_key(%s)", [key])


def test_last_used(world, pooled, key):
    """A pooled session uses a key as a login does."""
    used = "SELECT last_used_at > now() - interval '1 minute' FROM pc_describe_api_key(%s)"
    assert world.db.execute(used, [key[0]]).fetchone() == (None,)
    use(pooled, key[1])
    rows(pooled, world)
    pooled.commit()
    assert world.db.execute(used, [key[0]]).fetchone() == (True,)


def test_keys_that_are_none(world, pooled, key):
    """Malformed, truncated, foreign, over-long, empty keys, and a right id with another secret, all fail alike."""
    role, whole = key
    foreign = create_key(world.db, "other", project="other")
    _, other_secret = foreign[1].rsplit("_", 1)
    bad = ["", " ", whole[:-1], whole + "0", whole * 1000, whole.upper(), whole + " ", " " + whole, role, role + "_",
           f"{role}_{other_secret}", whole[:-5] + "00000", "cfk_" + "0" * 16 + "_" + "0" * 52, "pcsk_abc", "x" * 1_000_000,
           whole.replace("_", "-"), "ｃ" + whole[1:], "'; DROP ROLE x; --", whole + "\n", "ä" * 73, "cfk_ääääääää_" + "0" * 52]
    said = set()
    for text in bad:
        error = refusal(pooled, "SELECT pc_use_key(%s)", text)
        said.add((error.sqlstate, str(error)))
        pooled.rollback()
        assert refused(pooled, world)
    assert said == {("28P01", "API key is not valid")}
    assert refusal(pooled, "SELECT pc_use_key(NULL)").sqlstate == "22004"
    pooled.rollback()
    use(pooled, foreign[1])
    assert refused(pooled, world), "a key of another project"


def test_only_pooled_sessions_may(world, key):
    for user in (key[0], world.people["OrgOwner"], world.stranger, "postgres"):
        with world.login(user) as session:
            assert state(session, f"SELECT pc_use_key('{key[1]}')") == "42501", user


def test_ends_with_the_transaction(world, pooled, key):
    """COMMIT, ROLLBACK, AND CHAIN and an error all end it."""
    for end in ("COMMIT", "ROLLBACK", "COMMIT AND CHAIN", "ROLLBACK AND CHAIN"):
        use(pooled, key[1])
        assert rows(pooled, world) == 4
        pooled.execute(end)
        assert refused(pooled, world), end
        assert state(pooled, "SELECT pc_list('a', namespace => 'n1')") == "28000", end
        pooled.rollback()
    use(pooled, key[1])
    assert state(pooled, "SELECT 1/0") == "22012"
    pooled.rollback()
    assert refused(pooled, world)


def test_savepoints(world, pooled, key):
    other = create_key(world.db, "second")
    pooled.execute("SAVEPOINT one; SAVEPOINT two")
    use(pooled, key[1])
    pooled.execute("RELEASE two")
    assert rows(pooled, world) == 4
    pooled.execute("ROLLBACK TO one")
    assert refused(pooled, world)
    use(pooled, key[1])
    pooled.execute("RELEASE one")
    assert rows(pooled, world) == 4
    assert state(pooled, "SELECT pc_use_key(%s)", other[1]) == "55000"


def test_named_again_further_in(world, pooled, key):
    """Rolling back the second time that a key is named leaves the first."""
    use(pooled, key[1])
    pooled.execute("SAVEPOINT one")
    use(pooled, key[1])
    pooled.execute("ROLLBACK TO one")
    assert rows(pooled, world) == 4


def test_a_cursor_does_not_outlive_its_key(world, pooled, key):
    """A cursor of a function's, whose rows are chosen as they are read, is of no use once the savepoint that named the key is gone;
    one on a table is not to be had without a key."""
    pooled.execute("SAVEPOINT one")
    assert state(pooled, f"DECLARE c CURSOR FOR SELECT id FROM {world.tables['a']}") == "42501"
    pooled.execute("ROLLBACK TO one")
    pooled.execute("DECLARE c CURSOR FOR SELECT (SELECT id FROM pc_list('a', namespace => 'n1') LIMIT 1) FROM generate_series(1, 3)")
    pooled.execute("SAVEPOINT one")
    use(pooled, key[1])
    assert len(pooled.execute("FETCH 1 FROM c").fetchall()) == 1
    pooled.execute("ROLLBACK TO one")
    world.db.execute("SELECT pc_revoke_api_key(%s)", [key[0]])
    try:
        assert pooled.execute("FETCH ALL FROM c").fetchall() == []
    except psycopg.Error as error:
        assert error.sqlstate in ("28000", "57P01"), error


def test_one_key_in_a_transaction(world, pooled, key):
    second = create_key(world.db, "second", project="other")
    for before in ("", "SAVEPOINT one"):
        use(pooled, key[1])
        if before:
            pooled.execute(before)
        assert state(pooled, "SELECT pc_use_key(%s)", second[1]) == "55000"
        pooled.rollback()
    pooled.execute("SAVEPOINT one")
    use(pooled, key[1])
    pooled.execute("ROLLBACK TO one")
    assert state(pooled, "SELECT pc_use_key(%s)", second[1]) in ("55000", None)
    pooled.rollback()
    error = refusal(pooled, f"SELECT pc_use_key(k) FROM (VALUES ('{key[1]}'), ('{second[1]}')) AS v (k)")
    assert error.sqlstate == "55000"


def test_statements_within_the_one_that_names_the_key(world, pooled, key):
    """A statement that names the key for itself is judged as that key or as nobody, never as anybody else."""
    for statement in (f"WITH k AS MATERIALIZED (SELECT pc_use_key('{key[1]}')) SELECT count(*) FROM k, {world.tables['c']}",
                      f"SELECT pc_use_key('{key[1]}'), (SELECT count(*) FROM {world.tables['c']})"):
        assert state(pooled, statement) == "42501"
        pooled.rollback()


FORGED = [
    "SET LOCAL conifer.project = 'own'",
    "SET LOCAL conifer.key = '{role}'",
    "SET LOCAL conifer.api_key = '{whole}'",
    "SET LOCAL conifer.acting = '{role}'",
    "SET LOCAL app.key = '{whole}'",
    "SELECT set_config('conifer.key_id', '{role}', true)",
    "SET LOCAL role = '{role}'",
    "SET LOCAL session_authorization = '{role}'",
    "SET SESSION AUTHORIZATION '{role}'",
    "SET SESSION AUTHORIZATION DEFAULT",
    "SET ROLE '{role}'",
    "SET ROLE conifer_owner",
    "SET ROLE conifer_people",
    "SET ROLE conifer_keys",
    "SET ROLE conifer_gateway",
    "SET ROLE postgres",
    "RESET ROLE",
    "SET LOCAL is_superuser = on",
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL row_security = off",
    "SET LOCAL application_name = '{role}'",
    "SELECT set_config('request.jwt.claims', '{{}}', true)",
]


@pytest.mark.parametrize("forged", FORGED)
def test_forged_identity(world, pooled, key, forged):
    """Nothing that a session can say makes it somebody: neither a pooled one nor one that nobody knows."""
    text = forged.format(role=key[0], whole=key[1])
    for user in (world.gateway, world.stranger):
        with world.login(user, autocommit=False) as session:
            state(session, text)
            if session.info.transaction_status == psycopg.pq.TransactionStatus.INERROR:
                session.rollback()
            try:
                assert rows(session, world) == 0
            except psycopg.errors.InsufficientPrivilege:
                session.rollback()
            assert state(session, "SELECT pc_list('a', namespace => 'n1')") in ("28000", "42501")


@pytest.mark.parametrize("forged", FORGED)
def test_a_weak_key_grows_no_stronger(world, forged):
    """The same from the session of a key that may not read, and within a pooled one that acts as it."""
    weak, strong = world.key("weak", control_plane="ReadOnly"), world.key("strong")
    text = forged.format(role=strong[0], whole=strong[1])
    with world.login(weak[0], autocommit=False) as one, world.login(world.gateway, autocommit=False) as other:
        for session in (one, other):
            if session is other:
                use(session, weak[1])
            session.execute("SAVEPOINT one")
            if state(session, text):
                session.execute("ROLLBACK TO one")
            session.execute("SAVEPOINT two")
            try:
                assert rows(session, world) == 0
            except psycopg.errors.InsufficientPrivilege:
                session.execute("ROLLBACK TO two")
            assert state(session, "SELECT pc_list('a', namespace => 'n1')") in ("42501", "28000")
    world.db.execute("SELECT pc_revoke_api_key(%s), pc_revoke_api_key(%s)", [weak[0], strong[0]])


def test_groups_are_nobody(world, key):
    """A key that becomes one of its groups is nobody, and is held to what keys are held to.

    From 16 on it becomes one only if somebody has granted that: Conifer grants a group's privileges alone.
    """
    with world.login(key[0]) as session:
        groups = ids(session, "SELECT rolname FROM pg_roles WHERE pg_has_role(oid, 'MEMBER') AND rolname <> current_user")
        assert "conifer_keys" in groups and any(name.startswith("cfp_") for name in groups)
        for group in groups:
            if session.info.server_version >= 160000:
                assert state(session, f"SET ROLE {group}") == "42501"
                world.db.execute(f"GRANT {group} TO {key[0]} WITH SET TRUE")
            session.execute(f"SET ROLE {group}")
            assert state(session, f"SELECT count(*) FROM {world.tables['a']}") in (None, "42501")
            if state(session, f"SELECT count(*) FROM {world.tables['a']}") is None:
                assert rows(session, world) == 0
            assert state(session, "SELECT pc_list_indexes()") == "42501"
            assert state(session, "CREATE TEMP TABLE t (a int)") == "42501"
            assert state(session, f"ALTER ROLE {key[0]} PASSWORD 'x'") == "42501"
            session.execute("RESET ROLE")


def test_a_pooled_session_leaves_nothing(world, pooled, key):
    """What outlives a transaction would meet the next tenant."""
    for statement in ("SET search_path = x", "SET row_security = off", "SET ROLE conifer_gateway", "RESET ROLE",
                      "SELECT set_config('search_path', 'x', false)", "SELECT set_config('x.y', 'x', true)",
                      "PREPARE p AS SELECT 1", "LISTEN x", "NOTIFY x", "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
                      "SELECT pg_advisory_lock(1)", "SELECT pg_try_advisory_lock(1, 1)", "SELECT pg_advisory_lock_shared(1)",
                      "SELECT pg_advisory_xact_lock(1)", "SELECT pg_try_advisory_xact_lock_shared(1, 1)", "SELECT pg_export_snapshot()",
                      "LOAD 'conifer'", "CREATE TEMP TABLE t (a int)", "SELECT 1 AS a INTO TEMP t"):
        use(pooled, key[1])
        assert state(pooled, statement) == "42501", statement
        pooled.rollback()
    use(pooled, key[1])
    for statement in ("SET LOCAL search_path = x", "SET TRANSACTION ISOLATION LEVEL READ COMMITTED",
                      "DECLARE c CURSOR FOR SELECT 1", "FETCH c", "SHOW search_path"):
        assert state(pooled, statement) is None, statement


def test_tenants_of_a_pool_leave_each_other_alone(world, pooled, key):
    """All pooled sessions have one role, which could end each other's."""
    with world.login(world.gateway, autocommit=False) as victim:
        pid = victim.info.backend_pid
        for function in ("pg_terminate_backend", "pg_cancel_backend"):
            use(pooled, key[1])
            assert state(pooled, f"SELECT {function}({pid})") == "42501"
            pooled.rollback()
            assert state(pooled, f"SELECT {function}({pid})") == "42501", "without a key, too"
            pooled.rollback()
        assert victim.execute("SELECT 1").fetchone() == (1,)


def test_nobody_else_holds_a_pooled_session_up(world, pooled, key):
    """Locks that anybody can take keep nobody from acting as a key."""
    with world.login(world.stranger, autocommit=False) as other:
        for number in (7214, 7215):
            other.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [number, key[0]])
        pooled.execute("SET LOCAL lock_timeout = '1s'")
        use(pooled, key[1])
        assert rows(pooled, world) == 4


def test_row_security_off_is_an_error(world, key):
    with world.login(key[0]) as session:
        session.execute("SET row_security = off")
        assert state(session, f"SELECT * FROM {world.tables['a']}") == "42501"
        assert state(session, "SELECT pc_list('a', namespace => 'n1')") == "42501"
        session.execute("RESET row_security")


@pytest.mark.parametrize("options", ["-c session_preload_libraries=", "-c session_preload_libraries=nothing", "-c role=conifer_owner",
                                     "-c role=postgres", "-c session_authorization=postgres", "-c session_replication_role=replica",
                                     "-c local_preload_libraries=nothing", "-c conifer.project=other", "-c row_security=off",
                                     "-c is_superuser=on", "-c search_path=pg_temp", "-c conifer.audit_data_plane=off",
                                     "-c ignore_system_indexes=on", "-c dynamic_library_path=/tmp"])
def test_options_of_the_connection(world, key, options):
    """A session that starts at all is held to what it is held to."""
    try:
        session = world.login(key[0], options=options)
    except psycopg.OperationalError:
        return
    with session:
        assert session.execute("SELECT public.pc_whoami()").fetchone()[0][:2] == ("key", key[0])
        assert state(session, "ALTER ROLE current_user PASSWORD 'x'") == "42501"
        assert state(session, f"SELECT * FROM {world.tables['c']}") == "42501"
        assert state(session, "CREATE TEMP TABLE t (a int)") == "42501"


def test_a_pooled_role_is_no_person(world):
    """Between two keys it would act as that person."""
    with world.login("postgres") as admin:
        error = refusal(admin, f"SELECT pc_grant_role('{world.gateway}', 'ProjectViewer')")
        assert error.sqlstate == "22023" and "is for pooled sessions" in str(error)
