"""Rows of the extension's tables come in any order and from many sessions at once: all ends the same.

A dump knows of no order among the configuration tables of an extension, and `pg_restore -j` copies them side by side.
"""

import random
import threading

import psycopg
import pytest

from tests.pinecone.access.keys_and_people import MEMBERS, PASSWORDS, ROLES, expect, fill, sights
from tests.support.cluster import Cluster, readable

TABLES = ["pc.index_reg", *(f"pc_auth.{name}" for name in ("project", "group_role", "api_key", "key_scope", "member", "organisation"))]
DEFAULT = "00000000-0000-0000-0000-000000000000"
PRIVILEGES = """SELECT c.relname, r.rolname, a.privilege_type FROM pg_class c, aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
                 WHERE c.relnamespace = 'pc_data'::regnamespace ORDER BY 1, 2, 3"""
COLUMNS = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND attgenerated = ''"


def catalog(session):
    """All that a restore must bring back, the numbers of roles aside."""
    rows = {}
    for table in TABLES:
        columns = session.execute(COLUMNS, [table]).fetchone()[0]
        # Each database has made the default project itself.
        where = f"WHERE project_id <> '{DEFAULT}'" if table == "pc_auth.project" else ""
        rows[table] = session.execute(f"SELECT {columns} FROM {table} t {where} ORDER BY t::text").fetchall()
    return rows, [session.execute(query).fetchall() for query in (ROLES, MEMBERS, PASSWORDS, PRIVILEGES)]


class Place:
    """A filled database `shop`, dumps of it, and another cluster to restore them in."""

    def __init__(self, home):
        self.home = home
        self.old, self.new = Cluster(15, "order-old"), Cluster(15, "order-new")
        self.old.create_database("shop")
        with self.old.connect("shop") as session:
            session.execute("CREATE EXTENSION conifer")
            self.keys = fill(session)
            session.execute("SELECT pc_create_project('staging'), pc_set_default_role('DataPlaneViewer', 'other')")
            for index in "de":
                session.execute("SELECT set_config('conifer.project', 'staging', false), pc_create_index(%s, 3)", [index])
                more = session.execute("SELECT key_id FROM pc_create_api_key('k', indexes => ARRAY[%s])", [index]).fetchone()[0]
                self.keys[f"staging {index}"] = more
            self.keys["over"] = session.execute("SELECT key_id FROM pc_create_api_key('over', expires_at => now() + '1 h')").fetchone()[0]
            session.execute("UPDATE pc_auth.api_key SET expires_at = now() - interval '1 h' WHERE name = 'over'")
            self.wanted = catalog(session)
            self.rows = {}
            for table in TABLES:
                columns = session.execute(COLUMNS, [table]).fetchone()[0]
                where = f"WHERE project_id <> '{DEFAULT}'" if table == "pc_auth.project" else ""
                with session.cursor().copy(f"COPY (SELECT {columns} FROM {table} {where}) TO STDOUT") as copy:
                    self.rows[table] = columns, b"".join(copy)
        for form in "cd":
            self.old.run("pg_dump", f"-F{form}", "-f", str(home / form), "shop")
        self.old.run("pg_dump", "-Fc", "--data-only", "-f", str(home / "data"), "shop")
        with self.new.connect("postgres") as session:
            session.execute("CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN")
        # Tables without a row, and without the privileges of groups that are not there yet.
        self.new.create_database("bare")
        self.new.run("pg_restore", "--schema-only", "--no-privileges", "-d", "bare", str(home / "c"))

    def copy(self, session, table):
        columns, rows = self.rows[table]
        with session.cursor().copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
            copy.write(rows)

    def check(self, name):
        """The database is the one that was dumped, keys and people do as they did."""
        with self.new.connect(name) as session:
            assert catalog(session) == self.wanted
            assert session.execute("SELECT pc_sync_roles()").fetchone() == (0,)

    def close(self):
        self.old.destroy()
        self.new.destroy()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("dumps"))
    readable(place.home)
    yield place
    place.close()


@pytest.fixture
def target(place, request):
    """Makes the database `copy`; it goes with its roles after the test."""
    def make(template="template1"):
        place.new.drop_database("copy")
        place.new.create_database("copy", template)

    def drop():
        with place.new.connect("copy") as session:
            session.execute("DROP EXTENSION IF EXISTS conifer CASCADE")
        place.new.drop_database("copy")

    make.drop = drop
    yield make
    drop()


def log_in(place):
    expect(sights(place.new, "copy", place.keys))
    for index, table in (("d", "i_4"), ("e", "i_5")):
        other = {"i_4": "i_5", "i_5": "i_4"}[table]
        with place.new.connect("copy", user=place.keys[f"staging {index}"]) as session:
            session.execute("""SELECT pc_upsert(%s, '[{"id": "new", "values": [1, 2, 3]}]')""", [index])
            assert session.execute(f"SELECT id FROM pc_data.{table}").fetchall() == [("new",)]
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"SELECT id FROM pc_data.{other}")
    with place.new.connect("copy", user=place.keys["over"]) as session:
        with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
            session.execute("SELECT id FROM pc_data.i_4")


def reported(session):
    return session.execute("SELECT state, found FROM pc_security_report() WHERE item LIKE 'rows whose%'").fetchone()


@pytest.mark.parametrize("jobs", [1, 2, 4])
@pytest.mark.parametrize("form", "cd")
def test_parallel_restore(place, target, form, jobs):
    target()
    place.new.run("pg_restore", f"-j{jobs}", "--exit-on-error", "-d", "copy", str(place.home / form))
    place.check("copy")
    log_in(place)


@pytest.mark.parametrize("jobs", [1, 4])
def test_data_alone(place, target, jobs):
    target("bare")
    place.new.run("pg_restore", f"-j{jobs}", "--exit-on-error", "-d", "copy", str(place.home / "data"))
    place.check("copy")
    log_in(place)


def test_any_order(place, target):
    """One table after another, in orders drawn at random and in the two that are sorted."""
    orders = [TABLES, TABLES[::-1]]
    orders += [random.Random(seed).sample(TABLES, len(TABLES)) for seed in range(4)]
    for order in orders:
        target("bare")
        with place.new.connect("copy") as session:
            for table in order:
                place.copy(session, table)
        place.check("copy")
        target.drop()
    target()


def test_all_at_once(place, target):
    """A session for each table; each waits for a random moment before its COPY and before its COMMIT."""
    for seed in range(4):
        target("bare")
        wait, faults = random.Random(seed), []

        def work(table, before, after):
            try:
                with place.new.connect("copy", autocommit=False) as session:
                    session.execute("SELECT pg_sleep(%s)", [before])
                    session.rollback()
                    place.copy(session, table)
                    session.execute("SELECT pg_sleep(%s)", [after])
            except psycopg.Error as error:
                faults.append((table, error))

        threads = [threading.Thread(target=work, args=(table, wait.random() / 20, wait.random() / 20)) for table in TABLES]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert faults == []
        place.check("copy")
        target.drop()
    target()


@pytest.mark.parametrize("isolation", ["repeatable read", "serializable"])
def test_old_snapshots(place, target, isolation):
    """Transactions that began before the others' rows came in see them all the same."""
    target("bare")
    sessions = {}
    for table in TABLES:
        sessions[table] = session = place.new.connect("copy", autocommit=False)
        session.execute(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        session.execute("SELECT count(*) FROM pg_class")
    for table, session in sessions.items():
        place.copy(session, table)
        session.commit()
        session.close()
    place.check("copy")


def test_cut_off(place, target):
    """A COPY that fails leaves nothing, and what others left gives nothing until the rest is there."""
    target("bare")
    key = place.keys["all"]
    with place.new.connect("copy") as session:
        session.execute("ALTER TABLE pc_auth.key_scope ADD CHECK (index_id <> 4)")
        with pytest.raises(psycopg.errors.CheckViolation):
            place.copy(session, "pc_auth.key_scope")
        for table in ("pc.index_reg", "pc_auth.api_key", "pc_auth.group_role"):
            place.copy(session, table)
        state, found = reported(session)
        assert state == "warn" and f"key {place.keys['staging d']}" in found and "index d" in found
        with place.new.connect("copy", user=place.keys["staging d"]) as other:
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
                other.execute("SELECT * FROM pc_list_indexes()")
            # what they left is not in the way of the rest
            session.execute("ALTER TABLE pc_auth.key_scope DROP CONSTRAINT key_scope_index_id_check")
            for table in ("pc_auth.key_scope", "pc_auth.organisation", "pc_auth.project", "pc_auth.member"):
                place.copy(session, table)
            assert other.execute("SELECT * FROM pc_data.i_4").fetchall() == []
        assert reported(session) == ("ok", "none")
        with place.new.connect("copy", user=key) as other:
            assert other.execute("SELECT scoped FROM pc_whoami()").fetchone() == (False,)
        # once more is refused as a whole
        with pytest.raises(psycopg.errors.UniqueViolation):
            place.copy(session, "pc_auth.group_role")
    place.check("copy")


def test_roles_are_there(place, target):
    """Roles of keys and groups that another restore left in the cluster are taken over."""
    target()
    place.new.run("pg_restore", "-j4", "--exit-on-error", "-d", "copy", str(place.home / "d"))
    place.new.drop_database("copy")
    target()
    place.new.run("pg_restore", "-j4", "--exit-on-error", "-d", "copy", str(place.home / "d"))
    place.check("copy")
    log_in(place)


def test_parents_go(place, target):
    """What belongs to a row goes with it, also where a superuser deletes it by hand; roles follow."""
    target()
    place.new.run("pg_restore", "-j2", "--exit-on-error", "-d", "copy", str(place.home / "c"))
    with place.new.connect("copy") as session:
        def roles():
            return {name for (name,) in session.execute(ROLES)}

        with pytest.raises(psycopg.errors.ForeignKeyViolation, match="still has indexes"):
            session.execute("DELETE FROM pc_auth.project WHERE name = 'other'")
        for statement in ("UPDATE pc_auth.project SET project_id = gen_random_uuid()", "UPDATE pc.index_reg SET index_id = index_id + 10",
                          "UPDATE pc_auth.api_key SET key_id = 'cfk_' || repeat('0', 16)"):
            with pytest.raises(psycopg.errors.ObjectNotInPrerequisiteState, match="cannot be changed"):
                session.execute(statement)
        assert place.keys["elsewhere"] in roles()
        groups = {name for (name,) in session.execute("SELECT role_name FROM pc_auth.group_role WHERE project_id <> %s", [DEFAULT])}
        session.execute("DELETE FROM pc.index_reg WHERE project_id <> %s", [DEFAULT])
        session.execute("DELETE FROM pc_auth.project WHERE project_id <> %s", [DEFAULT])
        left = roles()
        assert not left & (groups | {place.keys["elsewhere"], place.keys["staging d"], place.keys["staging e"]})
        assert session.execute("SELECT member, role FROM pc_auth.member").fetchall() == [("ann", "OrgOwner")]
        assert not session.execute("SELECT pg_has_role('bob', 'conifer_people', 'MEMBER')").fetchone()[0]
        # the default role was on a project that is gone: it is nobody's, not one on the default project
        assert session.execute("SELECT default_role FROM pc_auth.organisation").fetchone() == (None,)
        session.execute("DELETE FROM pc_auth.api_key WHERE key_id = %s", [place.keys["index"]])
        assert session.execute("SELECT count(*) FROM pc_auth.key_scope s LEFT JOIN pc_auth.api_key k USING (key_id) WHERE k IS NULL").fetchone() == (0,)
        assert reported(session) == ("ok", "none")
        assert session.execute("SELECT pc_sync_roles()").fetchone() == (0,)
