"""Administrators at the same time: what one leaves open keeps nobody waiting in another project, and all roles come out right."""

import itertools
import random
import threading
import time

import psycopg
import pytest

from tests.pinecone.access.world import create_key, ids, state
from tests.support.cluster import Cluster

_numbers = itertools.count(1)
PRIVILEGES = """SELECT c.relname, r.rolname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
                 WHERE c.relnamespace = 'pc_data'::regnamespace ORDER BY 1, 2, 3"""
MEMBERS = """SELECT m.rolname, g.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
              WHERE g.rolname ~ '^(cf[pi]_|conifer_)' ORDER BY 1, 2"""


class Office:
    """Projects p1 and p2 with an index each and no keys, people ann and bob, and an owner of all projects if there is to be one."""

    def __init__(self, server):
        self.server, self.name = server, f"office_{next(_numbers)}"
        server.create_database(self.name, "with_conifer")
        self.ann, self.bob, self.boss = (f"{who}_{self.name}" for who in ("ann", "bob", "boss"))
        self.sessions = []
        self.db = self.admin()
        for person in (self.ann, self.bob, self.boss):
            self.db.execute(f"CREATE ROLE {person} LOGIN")
        for project in ("p1", "p2"):
            self.db.execute("SELECT pc_create_project(%s)", [project])
            self.within(self.db, project, "SELECT pc_create_index('films', 2)")

    def admin(self, project=None, **options):
        """A session of an administrator, whose statements do not wait for locks for long."""
        session = self.server.connect(self.name, **options)
        self.sessions.append(session)
        session.execute("SELECT set_config('lock_timeout', '3s', false), set_config('conifer.project', %s, false)", [project or "default"])
        if not session.autocommit:
            session.commit()
        return session

    def within(self, session, project, statement):
        session.execute("SELECT set_config('conifer.project', %s, false)", [project])
        return session.execute(statement)

    def check(self):
        """All roles are what the rows say: to make them again changes nothing."""
        before = self.db.execute(PRIVILEGES).fetchall(), self.db.execute(MEMBERS).fetchall()
        assert self.db.execute("SELECT pc_sync_roles()").fetchone() == (0,)
        assert (self.db.execute(PRIVILEGES).fetchall(), self.db.execute(MEMBERS).fetchall()) == before

    def destroy(self):
        for session in self.sessions:
            session.close()
        with self.server.connect(self.name) as db:
            db.execute("DROP EXTENSION conifer CASCADE")
            for person in (self.ann, self.bob, self.boss):
                db.execute(f"DROP OWNED BY {person}; DROP ROLE {person}")
        self.server.drop_database(self.name)


@pytest.fixture(scope="module", params=[15, pytest.param(18, marks=pytest.mark.peer)])
def cluster(request):
    """From 16 on the server locks a role while its members change."""
    cluster = Cluster(request.param, "turns")
    cluster.create_database("with_conifer")
    with cluster.connect("with_conifer") as session:
        session.execute("CREATE EXTENSION conifer")
    yield cluster
    cluster.destroy()


@pytest.fixture
def office(cluster):
    office = Office(cluster)
    yield office
    office.destroy()


GROUPS = {
    "first key": "SELECT key_id FROM pc_create_api_key('k')",
    "first reader": "SELECT key_id FROM pc_create_api_key('k', data_plane => 'ReadOnly')",
    "first person": "SELECT '{ann}' FROM pc_grant_role('{ann}', 'ProjectEditor', 'p1')",
    "owner of all": "SELECT '{ann}' FROM pc_grant_role('{ann}', 'OrgOwner')",
    "default role": "SELECT '{ann}' FROM pc_set_default_role('ProjectViewer', 'p1')",
}


@pytest.mark.parametrize("first", ["group", "index", "index, which ends last"])
@pytest.mark.parametrize("group", GROUPS)
def test_an_index_and_the_first_group(office, group, first):
    """Neither transaction sees the other's rows when it makes its own."""
    statement = GROUPS[group].format(ann=office.ann)
    if group == "default role":
        office.db.execute(f"GRANT conifer_people TO {office.ann}")
    maker, indexer = office.admin("p1", autocommit=False), office.admin("p1", autocommit=False)
    new = "SELECT table_name::text FROM pc_create_index('new', 2)"
    if first == "group":
        (role,) = maker.execute(statement).fetchone()
        (table,) = indexer.execute(new).fetchone()
        indexer.commit()
        maker.commit()
    else:
        (table,) = indexer.execute(new).fetchone()
        (role,) = maker.execute(statement).fetchone()
        for session in (maker, indexer) if "last" in first else (indexer, maker):
            session.commit()
    with office.server.connect(office.name, user=role) as session:
        session.execute("SET conifer.project = 'p1'") if role == office.ann else None
        assert state(session, f"SELECT * FROM {table}") is None
    office.check()


@pytest.mark.parametrize("pooled", [False, True])
def test_an_index_of_a_key_and_the_first_reader(office, pooled):
    """A key's own session grants what is missing, though it may not grant anything."""
    role, key = create_key(office.db, "writer", project="p1")
    maker = office.admin("p1", autocommit=False)
    if pooled:
        office.db.execute(f"GRANT conifer_gateway TO {office.boss}")
    with office.server.connect(office.name, user=office.boss if pooled else role, autocommit=False) as session:
        if pooled:
            session.execute("SELECT pc_use_key(%s)", [key])
        (table,) = session.execute("SELECT table_name::text FROM pc_create_index('new', 2)").fetchone()
        reader = create_key(maker, "reader", data_plane="ReadOnly")[0]
        maker.commit()
        session.commit()
    with office.server.connect(office.name, user=reader) as session:
        assert state(session, f"SELECT * FROM {table}") is None
        assert state(session, f"DELETE FROM {table}") == "42501"
    office.check()


def test_savepoints_and_the_first_group(office):
    """What was rolled back to a savepoint gets nothing, what was not, all."""
    maker, indexer = office.admin("p1", autocommit=False), office.admin("p1", autocommit=False)
    maker.execute("SAVEPOINT s")
    maker.execute(GROUPS["first key"])
    maker.execute("ROLLBACK TO s")
    key = create_key(maker, "k", data_plane="ReadOnly")[0]
    indexer.execute("SAVEPOINT s")
    indexer.execute("SELECT pc_create_index('gone', 2)")
    indexer.execute("ROLLBACK TO s")
    (table,) = indexer.execute("SELECT table_name::text FROM pc_create_index('new', 2)").fetchone()
    maker.commit()
    indexer.commit()
    with office.server.connect(office.name, user=key) as session:
        assert ids(session, f"SELECT id FROM {table}") == []
        assert state(session, f"DELETE FROM {table}") == "42501"
    office.check()


def test_dropped_in_the_same_transaction(office):
    session = office.admin("p1", autocommit=False)
    session.execute("SELECT pc_create_index('new', 2), pc_create_api_key('k')")
    session.execute("DROP EXTENSION conifer CASCADE")
    session.commit()
    office.db.execute("CREATE EXTENSION conifer")


def test_members_of_all_groups_come_with_the_commit(office):
    """A savepoint takes back whom it put in and whom it put out; a role that is renamed meanwhile is put in all the same."""
    office.db.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'p1')", [office.bob])
    session = office.admin("p1", autocommit=False)
    session.execute("SAVEPOINT s")
    session.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'p1'), pc_revoke_role(%s, 'ProjectEditor', 'p1')", [office.ann, office.bob])
    session.execute("ROLLBACK TO s")
    session.execute("SAVEPOINT s")
    session.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'p2')", [office.boss])
    session.execute("RELEASE s")
    session.execute(f"ALTER ROLE {office.boss} RENAME TO {office.boss}_2; ALTER ROLE {office.boss}_2 RENAME TO {office.boss}")
    session.execute("SELECT pc_revoke_role(%s, 'ProjectEditor', 'p2'), pc_grant_role(%s, 'ProjectViewer', 'p2')", [office.boss, office.boss])
    key = create_key(session, "k")[0]
    session.commit()

    def is_in(role, group):
        return office.db.execute("SELECT pg_has_role(%s::name, %s::name, 'MEMBER')", [role, group]).fetchone()[0]

    assert [is_in(role, "conifer_people") for role in (office.ann, office.bob, office.boss)] == [False, True, True]
    assert is_in(key, "conifer_keys")
    office.check()


def test_a_key_of_one_index_does_not_get_the_next(office):
    maker, indexer = office.admin("p1", autocommit=False), office.admin("p1", autocommit=False)
    key = create_key(maker, "k", indexes=["films"])[0]
    (table,) = indexer.execute("SELECT table_name::text FROM pc_create_index('new', 2)").fetchone()
    indexer.commit()
    maker.commit()
    with office.server.connect(office.name, user=key) as session:
        assert state(session, f"SELECT * FROM {table}") == "42501"
        assert state(session, "SELECT * FROM pc_query('films', '[1,1]')") is None
    office.check()


OPEN = {
    "key": "SELECT pc_create_api_key('k')",
    "key of an index": "SELECT pc_create_api_key('k', indexes => '{{films}}')",
    "person": "SELECT pc_grant_role('{ann}', 'ProjectOwner', 'p1')",
    "no longer a person": "SELECT pc_revoke_role('{bob}', 'ProjectEditor', 'p1')",
    "index": "SELECT pc_create_index('new', 2)",
    "project": "SELECT pc_create_project('p3')",
    "default role": "SELECT pc_set_default_role('ProjectViewer', 'p1')",
}


@pytest.mark.parametrize("boss", [False, True])
@pytest.mark.parametrize("left", OPEN)
def test_an_open_transaction_blocks_no_other_project(office, left, boss):
    if boss:
        office.db.execute("SELECT pc_grant_role(%s, 'OrgOwner')", [office.boss])
    office.db.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'p1')", [office.bob])
    idle, busy = office.admin("p1", autocommit=False), office.admin("p2")
    idle.execute(OPEN[left].format(ann=office.ann, bob=office.bob))
    key = create_key(busy, "all")[0]
    reader = create_key(busy, "reader", data_plane="ReadOnly")[0]
    nothing = create_key(busy, "nothing", data_plane="None")[0]
    scoped = create_key(busy, "scoped", indexes=["films"])[0]
    for statement in [
        f"SELECT pc_update_api_key('{nothing}', data_plane => 'ReadOnly', indexes => '{{films}}')",
        f"SELECT pc_rotate_api_key('{reader}')",
        f"SELECT pc_revoke_api_key('{reader}')",
        f"SELECT pc_grant_role('{office.ann}', 'ProjectEditor', 'p2')" if left != "person" else "SELECT",
        f"SELECT pc_revoke_role('{office.ann}', 'ProjectEditor', 'p2')" if left != "person" else "SELECT",
        "SELECT pc_create_index('more', 2)",
        "SELECT pc_create_project('p4')" if left not in ("project", "default role") else "SELECT",
        "SELECT pc_set_default_role('ProjectViewer', 'p2')" if left not in ("project", "default role") else "SELECT",
        "SELECT pc_delete_project('p4')" if left not in ("project", "default role") else "SELECT",
    ]:
        assert state(busy, statement) is None, statement
    idle.commit()
    for user in (key, scoped):
        with office.server.connect(office.name, user=user) as session:
            assert state(session, "SELECT * FROM pc_query('films', '[1,1]')") is None
    assert state(busy, "SELECT pc_delete_index('films')") is None
    office.check()


HANGS = {
    "grant": "CREATE TABLE o.t (a int); GRANT SELECT ON o.t TO {role}",
    "default privileges": "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO {role}",
    "policy": "CREATE TABLE o.t (a int); CREATE POLICY p ON o.t TO {role}; COMMIT; SELECT * FROM o.t",
    "altered": "CREATE TABLE o.t (a int); GRANT SELECT ON o.t TO {role}; COMMIT; ALTER TABLE o.t SET (fillfactor = 50)",
}


@pytest.mark.parametrize("same", [True, False], ids=["in this database", "in another"])
@pytest.mark.parametrize("hung", HANGS)
def test_what_strangers_hang_on_a_role_keeps_nobody_waiting(office, hung, same):
    """Whoever has a schema anywhere in the cluster can name a key's or a group's role in an open transaction, and wait."""
    key = create_key(office.db, "k", project="p1")[0]
    office.within(office.db, "p1", "SELECT pc_delete_index('films')")
    (group,) = office.db.execute("SELECT role_name::text FROM pc_auth.group_role").fetchone()
    place = office.name if same else f"{office.name}_other"
    if not same:
        office.server.create_database(place)
    with office.server.connect(place) as db:
        db.execute(f"CREATE SCHEMA o AUTHORIZATION {office.ann}")
    stranger = office.server.connect(place, user=office.ann, autocommit=False)
    office.sessions.append(stranger)
    statements = [HANGS[hung].format(role=role).replace("o.t", f"o.{role}").split("COMMIT; ") for role in (key, group, "conifer_keys")]
    for part in range(len(statements[0])):
        stranger.commit()
        for parts in statements:
            stranger.execute(parts[part])
    office.within(office.db, "default", "SET statement_timeout = '5s'")
    begun = time.monotonic()
    assert state(office.db, f"SELECT pc_revoke_api_key('{key}')") is None
    assert state(office.db, "SELECT pc_delete_project('p1')") is None
    assert time.monotonic() - begun < 2
    assert state(office.db, "SELECT pc_create_project('p1')") is None
    for role in (key, group):
        assert office.db.execute("SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = %s", [role]).fetchone() == (False, None)
        assert office.db.execute("SELECT 1 FROM pg_auth_members WHERE %s::regrole IN (member, roleid)", [role]).fetchall() == []
    assert office.db.execute("SHOW lock_timeout").fetchone() == ("3s",)
    with pytest.raises(psycopg.OperationalError):
        office.server.connect(office.name, user=key)
    notices = []
    office.db.add_notice_handler(lambda notice: notices.append(notice.message_primary))
    assert office.db.execute("SELECT pc_sync_roles()").fetchone() == (0,)
    assert sorted(notice.split('"')[1] for notice in notices) == sorted([key, group])
    stranger.rollback()
    if not same:
        # what was committed there must be taken away there
        with office.server.connect(place) as db:
            db.execute(f"DROP OWNED BY {key}, {group}, conifer_keys")
    assert office.db.execute("SELECT pc_sync_roles()").fetchone() == (2,)
    assert office.db.execute("SELECT rolname FROM pg_roles WHERE rolname IN (%s, %s)", [key, group]).fetchall() == []
    office.check()
    stranger.close()
    if not same:
        office.server.drop_database(place)


def test_an_extension_is_dropped_while_strangers_wait(office):
    """Its roles stay, without rights, and the next installation drops those of keys and groups."""
    key = create_key(office.db, "k", project="p1")[0]
    (group,) = office.db.execute("SELECT role_name::text FROM pc_auth.group_role").fetchone()
    office.db.execute(f"CREATE SCHEMA o AUTHORIZATION {office.ann}")
    with office.server.connect(office.name, user=office.ann, autocommit=False) as stranger:
        office.sessions.append(stranger)
        for number, role in enumerate((key, group, "conifer_keys", "conifer_people", "conifer_owner")):
            stranger.execute(f"CREATE TABLE o.t{number} (a int); GRANT SELECT ON o.t{number} TO {role}")
        office.db.execute("SET statement_timeout = '5s'")
        assert state(office.db, "DROP EXTENSION conifer CASCADE") is None
        left = "SELECT rolname FROM pg_roles WHERE rolname IN (%s, %s) AND NOT rolcanlogin"
        assert len(office.db.execute(left, [key, group]).fetchall()) == 2
        assert office.db.execute("SELECT 1 FROM pg_roles WHERE rolname = 'conifer_owner'").fetchall() == [(1,)]
        assert state(office.db, "CREATE EXTENSION conifer") is None
        stranger.rollback()
    assert office.within(office.db, "default", "SELECT pc_sync_roles()").fetchone() == (2,)
    assert office.db.execute(left, [key, group]).fetchall() == []


def test_more_than_can_be_locked_keeps_no_revocation(office):
    """Without any open transaction: DROP OWNED would need more locks than there are."""
    key = create_key(office.db, "k", project="p1")[0]
    office.db.execute(f"CREATE SCHEMA o AUTHORIZATION {office.ann}")
    locks = office.db.execute("SELECT current_setting('max_locks_per_transaction')::int * current_setting('max_connections')::int").fetchone()[0]
    with office.server.connect(office.name, user=office.ann) as stranger:
        for start in range(0, 2 * locks + 4000, 1000):
            stranger.execute(f"""DO $$ BEGIN FOR i IN {start} .. {start + 999} LOOP
                EXECUTE format('CREATE TABLE o.t%s (); CREATE POLICY p ON o.t%s TO {key}', i, i); END LOOP; END $$""")
        begun = time.monotonic()
        assert state(office.db, f"SELECT pc_revoke_api_key('{key}')") is None
        assert time.monotonic() - begun < 2
        assert office.db.execute("SELECT rolcanlogin, rolpassword FROM pg_authid WHERE rolname = %s", [key]).fetchone() == (False, None)
        assert office.db.execute("SELECT pc_sync_roles()").fetchone() == (0,)
        names = [name for (name,) in stranger.execute("SELECT relname FROM pg_class WHERE relnamespace = 'o'::regnamespace").fetchall()]
        for start in range(0, len(names), 500):
            stranger.execute("DROP TABLE " + ", ".join(f"o.{name}" for name in names[start : start + 500]))
    assert office.db.execute("SELECT pc_sync_roles()").fetchone() == (1,)
    office.check()


def test_a_revocation_that_is_cancelled_is_none(office):
    """What gives up on a lock does not give up on being cancelled: an error of the statement's own is passed on."""
    key = create_key(office.db, "k", project="p1")[0]
    office.db.execute(f"CREATE SCHEMA o AUTHORIZATION {office.ann}")
    with office.server.connect(office.name, user=office.ann, autocommit=False) as stranger:
        office.sessions.append(stranger)
        stranger.execute(f"CREATE TABLE o.t (a int); GRANT SELECT ON o.t TO {key}")
        office.db.execute("SET statement_timeout = '20ms'")
        assert state(office.db, f"SELECT pc_revoke_api_key('{key}')") == "57014"
        office.db.execute("RESET statement_timeout")
        assert office.db.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [key]).fetchone() == (True,)


def test_everybody_at_once(office):
    """Five administrators do what they like in three projects, and all come out with the roles that the rows say."""
    office.db.execute("SELECT pc_create_project('p3')")
    faults, unexpected = [], []

    def work(seed):
        draw = random.Random(seed)
        session = office.admin(autocommit=False)
        session.execute("SET lock_timeout = '20s'")
        session.commit()
        for number in range(12):
            project = draw.choice(["p1", "p2", "p3"])
            person = draw.choice([office.ann, office.bob, office.boss])
            name = f"i{seed}-{number}"
            statement = draw.choice([
                "SELECT pc_create_api_key('k')",
                "SELECT pc_create_api_key('k', data_plane => 'ReadOnly')",
                f"SELECT pc_create_index('{name}', 2)",
                f"SELECT pc_create_index('{name}', 2), pc_create_api_key('k', indexes => '{{{name}}}')",
                f"SELECT pc_grant_role('{person}', 'ProjectEditor', '{project}')",
                f"SELECT pc_revoke_role('{person}', 'ProjectEditor', '{project}')",
                f"SELECT pc_grant_role('{person}', 'OrgOwner')",
                f"SELECT pc_revoke_role('{person}', 'OrgOwner')",
                f"SELECT pc_set_default_role('ProjectViewer', '{project}')",
                f"SELECT pc_create_project('{name}')",
                "SELECT count(pc_revoke_api_key(key_id)) FROM (SELECT key_id FROM pc_list_api_keys() LIMIT 1) k",
                "SELECT count(*) FROM (SELECT key_id FROM pc_list_api_keys() LIMIT 1) k, pc_rotate_api_key(k.key_id)",
                "SELECT count(pc_delete_index(name)) FROM (SELECT name FROM pc_list_indexes() LIMIT 1) i",
            ])
            try:
                session.execute("SELECT set_config('conifer.project', %s, false), pg_sleep(%s)", [project, draw.random() / 50])
                session.commit()
                session.execute(statement)
                session.execute("SELECT pg_sleep(%s)", [draw.random() / 50])
                session.commit()
            except psycopg.Error as error:
                session.rollback()
                # What another has taken away meanwhile is not there.
                (faults if error.sqlstate in ("42704", "42P01", "55000") else unexpected).append((statement, error.sqlstate, str(error)))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert unexpected == [], faults
    office.check()
