"""Revocations wait for nobody: neither for a key that has left a transaction open, nor for whom they take something from, nor for a person of
another project, nor for somebody who may rename roles."""

import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.pinecone.access.test_locks import fnv1a
from tests.pinecone.access.world import create_key, refusal, state, world
from tests.support.cluster import Cluster

__all__ = ["world"]

ENDED = ("57P01", "lost")
WAITS = "-c statement_timeout=8s"


def quickly(session, statement, *params, within=0.8):
    """A statement that works, and waits for nobody."""
    begun = time.monotonic()
    assert state(session, statement, *params) is None, statement
    assert time.monotonic() - begun < within, statement


@pytest.fixture
def other(world):
    """A person who owns project other."""
    owner = f"{world.stranger}_owner"
    world.db.execute(f"CREATE ROLE {owner} LOGIN")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectOwner', 'other')", [owner])
    yield owner
    world.db.execute("DELETE FROM pc_auth.member WHERE member = %s", [owner])
    world.db.execute(f"DROP ROLE {owner}")


@pytest.fixture
def brief(world):
    """An index that is deleted."""
    world.db.execute("SELECT pc_create_index('brief', 2)")
    yield "brief"
    world.db.execute("SELECT pc_delete_index('brief') WHERE pc_has_index('brief')")
    assert world.db.execute("SELECT pc_sync_roles()").fetchone() == (0,)


@pytest.mark.parametrize("who", ["itself", "another key"])
def test_a_key_that_has_deleted_an_index(world, brief, who):
    """It has taken the index out of the scope of keys, and keeps the transaction open."""
    limited, wide = world.key("limited", indexes=[brief]), world.key("wide")
    with world.login((limited if who == "itself" else wide)[0], autocommit=False) as key, world.login(world.people["ProjectOwner"], options=WAITS) as owner:
        key.execute("SELECT pc_delete_index(%s)", [brief])
        quickly(owner, "SELECT pc_create_api_key('meanwhile')")
        quickly(owner, "SELECT pc_revoke_api_key(%s)", limited[0])
        if who == "itself":
            assert state(key, "SELECT 1") in ENDED
        else:
            key.commit()
            gone = "SELECT count(*) FROM pc_auth.key_scope WHERE index_id NOT IN (SELECT index_id FROM pc.index_reg)"
            assert world.db.execute(gone).fetchone() == (0,)


def test_scopes_follow_at_the_commit(world, brief):
    """And not where a savepoint has taken the deletion back."""
    limited = world.key("limited", indexes=[brief])
    scope = "SELECT count(*) FROM pc_auth.key_scope WHERE key_id = %s"
    groups = "SELECT count(*) FROM pc_auth.group_role g JOIN pg_roles r ON r.rolname = role_name WHERE index_id = (SELECT index_id FROM pc.index_reg WHERE name = 'brief')"
    with world.login(world.key("wide")[0], autocommit=False) as key:
        key.execute("SAVEPOINT one; SELECT pc_delete_index('brief'); ROLLBACK TO one; SELECT pc_list_indexes()")
        key.commit()
        assert world.db.execute(scope, [limited[0]]).fetchone() == (1,)
        assert world.db.execute(groups).fetchone() == (1,)
        key.execute("SAVEPOINT two; SELECT pc_delete_index('brief'); RELEASE two")
        key.commit()
    assert world.db.execute(scope, [limited[0]]).fetchone() == (0,)
    with world.login(limited[0]) as session:
        assert session.execute("SELECT count(*) FROM pc_list_indexes()").fetchone() == (0,)


def test_an_index_that_is_deleted_in_an_old_snapshot(world, brief):
    """A key that is made meanwhile is not left with a scope on nothing."""
    with world.login(world.key("wide")[0], autocommit=False) as key:
        key.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        key.execute("SELECT count(*) FROM pc_list_indexes()")
        world.key("limited", indexes=[brief])
        try:
            key.execute("SELECT pc_delete_index(%s)", [brief])
            key.commit()
        except psycopg.Error as error:
            assert error.sqlstate == "40001"
    orphans = "SELECT count(*) FROM pc_auth.key_scope WHERE index_id NOT IN (SELECT index_id FROM pc.index_reg)"
    assert world.db.execute(orphans).fetchone() == (0,)


def test_somebody_who_makes_all_roles_again(world):
    """Whoever owns all projects has locked all keys, and is ended after a second."""
    key = world.key("held")
    with world.login(world.people["OrgOwner"], autocommit=False) as boss, world.login(world.people["ProjectOwner"], options=WAITS) as owner:
        boss.execute("SELECT pc_sync_roles()")
        quickly(owner, "SELECT pc_revoke_api_key(%s)", key[0], within=4)
        assert state(boss, "SELECT 1") in ENDED
    assert not world.db.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [key[0]]).fetchone()


def test_a_person_with_a_project_of_their_own(world, other):
    """Who gives themselves something there keeps what they have elsewhere no longer than a second."""
    mine = world.people["ProjectOwner"]
    world.db.execute("SELECT pc_grant_role(%s, 'DataPlaneEditor', 'other')", [mine])
    with world.login(mine, autocommit=False) as session, world.login(other, options=WAITS) as owner:
        session.execute("SELECT pc_grant_role(%s, 'DataPlaneViewer', 'own')", [mine])
        quickly(owner, "SELECT pc_revoke_role(%s, 'DataPlaneEditor', 'other')", mine, within=4)
        assert state(session, "SELECT 1") in ENDED
    with world.login(mine) as session:
        session.execute("SET conifer.project = 'other'")
        assert state(session, "SELECT pc_list('c', namespace => 'n1')") == "42501"
    assert world.db.execute("SELECT pc_sync_roles()").fetchone() == (0,)


@pytest.mark.parametrize("role, project, left", [
    ("ProjectManager", "own", "SELECT pc_create_api_key('open', project => 'own')"),
    ("OrgManager", None, "SELECT pc_create_project('open')"),
    ("OrgOwner", None, "SELECT pc_sync_roles()"),
])
def test_who_keeps_an_administrator_waiting_loses_the_role(world, role, project, left):
    """By a transaction of their own, on something else."""
    person = f"{world.stranger}_leaving"
    world.db.execute(f"CREATE ROLE {person} LOGIN")
    world.db.execute("SELECT pc_grant_role(%s, %s, %s)", [person, role, project])
    try:
        with world.login(person, autocommit=False) as session, world.login(world.people["OrgOwner"], options=WAITS) as owner:
            session.execute(left)
            quickly(owner, "SELECT pc_revoke_role(%s, %s, %s)", person, role, project, within=4)
            assert state(session, "SELECT 1") in ENDED
    finally:
        world.db.execute("DELETE FROM pc_auth.member WHERE member = %s", [person])
        world.db.execute(f"DROP ROLE {person}")


def test_a_superuser_is_waited_for(world):
    """All rows may be under way in a restore."""
    with world.login("postgres", autocommit=False) as restore, world.login(world.people["OrgOwner"], options="-c statement_timeout=3s") as owner:
        restore.execute("SELECT pc_sync_roles()")
        assert state(owner, "SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", world.people["ProjectViewer"]) == "57014"
        assert state(restore, "SELECT 1") is None


def test_a_superuser_who_has_changed_a_key_s_groups_is_waited_for(world):
    """As for the key's lock, which pc_sync_roles() takes before."""
    key = world.key("in another group")[0]
    groups = "SELECT role_name::text FROM pc_auth.group_role WHERE NOT pg_has_role(%s, role_name, 'MEMBER') LIMIT 1"
    (group,) = world.db.execute(groups, [key]).fetchone()
    world.db.execute(f"GRANT {group} TO {key}")
    with world.login("postgres", autocommit=False) as admin, world.login(world.people["OrgOwner"], options="-c statement_timeout=3s") as owner:
        assert admin.execute("SELECT pc_sync_roles() > 0").fetchone() == (True,)
        assert state(owner, "SELECT pc_revoke_api_key(%s)", key) == "57014"
        assert state(admin, "SELECT 1") is None
        admin.rollback()
        assert state(owner, "SELECT pc_revoke_api_key(%s)", key) is None


def test_a_superuser_who_has_a_person_s_lock_is_waited_for(world):
    """As for a turn: here the person is being given something in another project."""
    person = world.people["ProjectViewer"]
    with world.login("postgres", autocommit=False) as admin, world.login(world.people["OrgOwner"], options="-c statement_timeout=3s") as owner:
        admin.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'other')", [person])
        assert state(owner, "SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", person) == "57014"
        assert state(admin, "SELECT 1") is None
        admin.rollback()


def test_what_is_not_there_ends_nobody(world):
    """Otherwise an administrator could end others' sessions by revoking nothing."""
    with world.login(world.people["OrgOwner"], autocommit=False) as boss, world.login(world.people["ProjectOwner"], options=WAITS) as owner:
        boss.execute("SELECT pc_create_api_key('open', project => 'own')")
        begun = time.monotonic()
        assert state(owner, "SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", world.people["DataPlaneEditor"]) == "42704"
        assert time.monotonic() - begun < 0.8
        assert state(boss, "SELECT 1") is None


def test_who_waits_is_left_alone(world, other):
    """Who makes all roles again waits for the owner of another project, who is the one in the way."""
    person = f"{world.stranger}_waited"
    world.db.execute(f"CREATE ROLE {person}")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", [person])
    try:
        with world.login(other, autocommit=False) as holder, world.login(world.people["OrgOwner"]) as waiter, world.login(world.people["ProjectOwner"], options=WAITS) as owner:
            holder.execute("SELECT pc_create_api_key('open', project => 'other')")
            with ThreadPoolExecutor() as pool:
                waiting = pool.submit(state, waiter, "SELECT pc_sync_roles()")
                while world.db.execute("SELECT wait_event_type IS DISTINCT FROM 'Lock' FROM pg_stat_activity WHERE pid = %s", [waiter.info.backend_pid]).fetchone() == (True,):
                    time.sleep(0.01)
                quickly(owner, "SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", person, within=4)
                assert waiting.result() is None
            assert state(holder, "SELECT 1") in ENDED
    finally:
        world.db.execute("DELETE FROM pc_auth.member WHERE member = %s", [person])
        world.db.execute(f"DROP ROLE {person}")


def test_short_transactions_end_nobody(world):
    """Of sessions that take turns, so that one of them always has the lock, or waits for it."""
    person = f"{world.stranger}_brief"
    world.db.execute(f"CREATE ROLE {person}")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", [person])

    def makes_keys(session):
        for _ in range(5):
            assert state(session, "SELECT pc_create_api_key('brief', project => 'own')") is None
            time.sleep(0.4)
            session.commit()

    try:
        with world.login(world.people["ProjectOwner"], autocommit=False) as one, world.login(world.people["OrgOwner"], autocommit=False) as two, \
                world.login(world.people["ProjectOwner"], options=WAITS) as owner, ThreadPoolExecutor() as pool:
            others = [pool.submit(makes_keys, session) for session in (one, two)]
            time.sleep(0.2)
            quickly(owner, "SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", person, within=7)
            assert [future.result() for future in others] == [None, None]
    finally:
        world.db.execute("DELETE FROM pc_auth.member WHERE member = %s", [person])
        world.db.execute(f"DROP ROLE {person}")


@pytest.mark.parametrize("command", ["ALTER ROLE {0} IN DATABASE {1} SET work_mem = '5MB'", "ALTER ROLE {0} IN DATABASE {1} RESET ALL",
                                     "SAVEPOINT s; ALTER ROLE {0} IN DATABASE {1} SET work_mem = '5MB'; RELEASE SAVEPOINT s"])
def test_a_person_who_changes_settings_loses_the_role(world, command):
    """The mark of the person is in the same row of the catalog (`roles/mark.rs`)."""
    person = f"{world.stranger}_set"
    marks = "SELECT count(*) FROM pg_db_role_setting, unnest(setconfig) AS c WHERE setrole = %s::regrole AND c ~ '^conifer.member='"
    world.db.execute(f"CREATE ROLE {person} LOGIN")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", [person])
    try:
        assert world.db.execute(marks, [person]).fetchone() == (1,)
        with world.login(person, autocommit=False) as session, world.login(world.people["ProjectOwner"], options=WAITS) as owner:
            session.execute(command.format(person, world.database))
            quickly(owner, "SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", person, within=4)
            assert state(session, "SELECT 1") in ENDED
        assert world.db.execute(marks, [person]).fetchone() == (0,)
        assert world.db.execute("SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole", [person]).fetchone() == (0,)
    finally:
        world.db.execute("DELETE FROM pc_auth.member WHERE member = %s", [person])
        world.db.execute(f"DROP ROLE {person}")


def test_a_role_that_is_being_renamed(world, other):
    """Its new name is written with the commit, if that keeps nobody waiting and waits for nobody."""
    renamer, named = f"{world.stranger}_renamer", f"{world.stranger}_named"
    world.db.execute(f"CREATE ROLE {renamer} LOGIN CREATEROLE; CREATE ROLE {named}")
    if world.db.info.server_version >= 160000:
        world.db.execute(f"GRANT {named} TO {renamer} WITH ADMIN OPTION")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", [named])
    members = "SELECT member::text FROM pc_list_members('own') WHERE member ~ %s"
    try:
        with world.login(renamer, autocommit=False) as session, world.login(other, options=WAITS) as owner:
            session.execute("SELECT NULL::vector")  # the library is loaded
            session.execute(f"ALTER ROLE {named} RENAME TO {named}_b")
            quickly(owner, "SELECT pc_create_api_key('meanwhile')")
            session.commit()
        with world.login(world.people["ProjectOwner"], autocommit=False) as idle, world.login("postgres") as session:
            idle.execute("SELECT pc_create_api_key('open')")
            session.execute("SELECT count(*) FROM pc_list_members('own')")
            quickly(session, f"ALTER ROLE {named}_b RENAME TO {named}_c")
            idle.rollback()
        with world.login("postgres") as session:
            session.execute("SELECT count(*) FROM pc_list_members('own')")
            session.execute(f"ALTER ROLE {named}_c RENAME TO {named}_d")
        assert world.db.execute(members, [f"^{named}"]).fetchall() == [(f"{named}_d",)]
        # What nobody has written yet is revoked all the same, and by its number.
        with world.server.connect("postgres") as elsewhere:
            elsewhere.execute(f"ALTER ROLE {named}_d RENAME TO {named}_e; CREATE ROLE {named}_d")
        assert state(world.db, "SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", f"{named}_d") == "42704"
        world.db.execute("SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", [f"{named}_e"])
        groups = "SELECT count(*) FROM pg_auth_members WHERE member = %s::regrole AND roleid::regrole::text ~ '^(cf[pi]_|conifer_people)'"
        assert world.db.execute(groups, [f"{named}_e"]).fetchone() == (0,)
    finally:
        world.db.execute("DELETE FROM pc_auth.member WHERE member ~ %s", [f"^{named}"])
        for (role,) in world.db.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", [f"^({named}|{renamer})"]).fetchall():
            world.db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_numbers_of_locks_are_not_to_be_computed(world):
    """A name that shares the number of a key's would keep the key's revocation waiting. People have locks of another kind."""
    locks = """SELECT objsubid, objid::bigint FROM pg_locks WHERE locktype = 'object' AND pid = %s AND objsubid IN (1, 2, 3, 6)
                AND classid = 'pc_auth.api_key'::regclass"""
    key, other, person = world.key("numbered"), world.key("pooled"), world.people["DataPlaneViewer"]
    with world.login("postgres", autocommit=False) as admin, world.login(world.gateway, autocommit=False) as pooled:
        admin.execute("SELECT pc_update_api_key(%s, name => 'again'), pc_grant_role(%s, 'ProjectViewer', 'own')", [key[0], person])
        pooled.execute("SELECT pc_use_key(%s)", [other[1]])
        held = world.db.execute(locks, [admin.info.backend_pid]).fetchall() + world.db.execute(locks, [pooled.info.backend_pid]).fetchall()
        admin.rollback()
    assert {kind for kind, _ in held} == {1, 2, 3, 6}
    project = world.db.execute("SELECT project_id::text FROM pc_auth.project WHERE name = 'own'").fetchone()[0]
    known = {fnv1a(name) for name in (key[0], person, project, "", "organisation")}
    assert not known & {number for _, number in held}


@pytest.mark.parametrize("command", ["ALTER ROLE {0} CONNECTION LIMIT 5", "SAVEPOINT s; ALTER ROLE {0} CONNECTION LIMIT 5; RELEASE SAVEPOINT s",
                                     "ALTER ROLE {0} RENAME TO {0}_x"])
def test_a_role_of_a_key_that_is_being_changed(world, command):
    """By somebody who may change roles, and leaves the transaction open."""
    maker = f"{world.stranger}_maker"
    key, _ = world.key("changed")
    world.db.execute(f"CREATE ROLE {maker} LOGIN CREATEROLE")
    if world.db.info.server_version >= 160000:
        world.db.execute(f"GRANT {key} TO {maker} WITH ADMIN OPTION")
    try:
        with world.login(maker, autocommit=False) as session, world.login(world.people["ProjectOwner"], options=WAITS) as owner:
            session.execute(command.format(key))
            quickly(owner, "SELECT pc_revoke_api_key(%s)", key, within=3)
            assert state(session, "SELECT 1") in ENDED
        assert world.db.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s AND rolcanlogin", [key]).fetchone() == (0,)
    finally:
        world.db.execute(f"DROP ROLE {maker}")


@pytest.fixture
def prepares(server):
    """A server with prepared transactions, and an index, a key and a person in it."""
    cluster = Cluster(15, "prepares", {"max_prepared_transactions": "4"})
    try:
        cluster.create_database("shop")
        with cluster.connect("shop") as db:
            db.execute("CREATE EXTENSION conifer; CREATE ROLE ann LOGIN; CREATE ROLE boss LOGIN")
            db.execute("SELECT pc_create_index('films', 2), pc_grant_role('ann', 'ProjectViewer'), pc_grant_role('boss', 'OrgOwner')")
            yield cluster, db, create_key(db)[0]
    finally:
        cluster.destroy()


MEMBERSHIP = "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole AND roleid::regrole::text ~ '^cfp_'"
HELD = {
    "a key's role": ("ALTER ROLE {key} CONNECTION LIMIT 5", "SELECT pc_revoke_api_key('{key}')"),
    "a key's group": ("REVOKE {of_key} FROM {key}", "SELECT pc_revoke_api_key('{key}')"),
    "a key's row": ("SELECT FROM pc_auth.api_key FOR UPDATE", "SELECT pc_revoke_api_key('{key}')"),
    "a person's settings": ("ALTER ROLE ann IN DATABASE shop SET work_mem = '5MB'", "SELECT pc_revoke_role('ann', 'ProjectViewer')"),
    "a person's group": ("REVOKE {of_ann} FROM ann", "SELECT pc_revoke_role('ann', 'ProjectViewer')"),
}


@pytest.mark.parametrize("what", HELD)
def test_prepared_transactions_are_named(prepares, what):
    """No session can be ended for what one keeps: the revocation fails, and says what to do."""
    cluster, db, key = prepares
    names = {"key": key, "of_key": db.execute(MEMBERSHIP, [key]).fetchone()[0], "of_ann": db.execute(MEMBERSHIP, ["ann"]).fetchone()[0]}
    change, revoke = (text.format(**names) for text in HELD[what])
    with cluster.connect("shop", autocommit=False) as holder, cluster.connect("shop", user="boss", options=WAITS) as boss:
        holder.execute(change)
        holder.execute("PREPARE TRANSACTION 'it''s left'")
        holder.rollback()
        begun = time.monotonic()
        said = refusal(boss, revoke)
        assert said.sqlstate == "55006" and time.monotonic() - begun < 4
        assert "it's left" in said.diag.message_primary and "ROLLBACK PREPARED 'it''s left'" in said.diag.message_hint and "shop" in said.diag.message_hint
        db.execute("ROLLBACK PREPARED 'it''s left'")
        # an open one is ended
        holder.execute(change)
        quickly(boss, revoke, within=4)
        assert state(holder, "SELECT 1") in ENDED
    assert db.execute("SELECT count(*) FROM pg_auth_members WHERE member::regrole::text IN ('ann', %s)", [key]).fetchone()[0] in (0, 2)


def test_making_all_roles_waits_for_no_stranger(world):
    """Who may give a group keeps a key in it for as long as a transaction is open, and pc_sync_roles() goes on, and says so."""
    key, team = world.key("in a team")[0], f"{world.stranger}_team"
    world.db.execute(f"CREATE ROLE {team}; GRANT {team} TO {world.stranger} WITH ADMIN OPTION")
    said = []
    try:
        with world.login(world.stranger) as stranger, world.login("postgres", options=WAITS) as admin:
            admin.add_notice_handler(lambda notice: said.append(notice.message_primary))
            for member in (key, "conifer_keys"):
                stranger.execute(f"GRANT {team} TO {member}")
                stranger.autocommit = False
                stranger.execute(f"REVOKE {team} FROM {member}")
                said.clear()
                quickly(admin, "SELECT pc_sync_roles()", within=6)
                assert [line for line in said if f'"{member}"' in line and f'"{team}"' in line], said
                stranger.rollback()
                stranger.autocommit = True
                said.clear()
                assert admin.execute("SELECT pc_sync_roles() > 0").fetchone() == (True,)
                assert said == [] and admin.execute("SELECT count(*) FROM pg_auth_members WHERE roleid = %s::regrole AND member = %s::regrole", [team, member]).fetchone() == (0,)
    finally:
        world.db.execute(f"DROP OWNED BY {team}; DROP ROLE {team}")


def test_a_table_that_is_given_back_waits_for_no_reader(world):
    said = []
    world.db.execute(f"ALTER TABLE {world.tables['b']} OWNER TO postgres")
    with world.login("postgres", autocommit=False) as reader, world.login("postgres", options=WAITS) as admin:
        admin.add_notice_handler(lambda notice: said.append(notice.message_primary))
        reader.execute(f"SELECT count(*) FROM {world.tables['b']}")
        quickly(admin, "SELECT pc_sync_roles()", within=6)
        assert [line for line in said if world.tables["b"] in line], said
        reader.rollback()
        assert admin.execute("SELECT pc_sync_roles() > 0").fetchone() == (True,)
        assert admin.execute("SELECT relowner::regrole::text FROM pg_class WHERE oid = %s::regclass", [world.tables["b"]]).fetchone() == ("conifer_owner",)
