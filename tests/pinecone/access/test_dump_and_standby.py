"""Keys, people and rules outlive dump and restore, a standby's promotion and logical replication; nothing is left behind
when they are dropped."""

import psycopg
import pytest

from tests.pinecone.access.keys_and_people import MEMBERS, PASSWORDS, ROLES, expect, fill, sights
from tests.support.cluster import Cluster
from tests.support.waiting import until

@pytest.fixture
def clusters():
    """Makes clusters; all are destroyed after the test."""
    made = []

    def make(name, settings=None):
        made.append(Cluster(15, name, settings))
        return made[-1]

    make.made = made
    yield make
    for cluster in reversed(made):
        cluster.destroy()


@pytest.mark.parametrize("form", ["plain", "custom", "all"])
def test_dump_to_another_cluster(clusters, form, tmp_path):
    old, new = clusters("moves-old"), clusters("moves-new")
    old.create_database("shop")
    with old.connect("shop") as session:
        session.execute("CREATE EXTENSION conifer")
        keys = fill(session)
        before = [session.execute(query).fetchall() for query in (ROLES, MEMBERS, PASSWORDS)]
        audit = session.execute("SELECT count(*) FROM pc_audit()").fetchone()
    expect(sights(old, "shop", keys))
    if form == "all":
        # CREATE ROLE postgres fails, as for everybody
        new.run("psql", "-X", "-q", "-d", "postgres", stdin=old.run("pg_dumpall"))
    else:
        with new.connect("postgres") as session:
            session.execute("CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN")
        new.create_database("shop")
        if form == "plain":
            new.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "shop", stdin=old.run("pg_dump", "shop"))
        else:
            old.run("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), "shop")
            new.run("pg_restore", "--exit-on-error", "-d", "shop", str(tmp_path / "dump"))
    expect(sights(new, "shop", keys))
    with new.connect("shop") as session:
        assert [session.execute(query).fetchall() for query in (ROLES, MEMBERS, PASSWORDS)] == before
        assert session.execute("SELECT pc_sync_roles()").fetchone() == (0,)
        assert session.execute("SELECT count(*) FROM pc_audit()").fetchone() == audit
        # life goes on
        session.execute("SELECT pc_create_index('c', 2)")
        session.execute("SELECT pc_create_api_key('later', indexes => '{c}')")
        session.execute("SELECT pc_rotate_api_key(%s)", [keys["space"]])
        session.execute("SELECT pc_revoke_api_key(%s)", [keys["all"]])
    with pytest.raises(psycopg.OperationalError):
        new.connect("shop", user=keys["all"])


def test_restore_without_triggers(clusters):
    old, new = clusters("moves-data"), clusters("moves-bare")
    for cluster in (old, new):
        cluster.create_database("shop")
    with old.connect("shop") as session:
        session.execute("CREATE EXTENSION conifer")
        keys = fill(session)
    with new.connect("postgres") as session:
        session.execute("CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN")
    new.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "shop", stdin=old.run("pg_dump", "--no-privileges", "shop"))
    with new.connect("shop") as session:
        for role in keys.values():
            if session.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchall():
                session.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
        session.execute("SET ROLE postgres; REVOKE conifer_people FROM ann, bob")
        changed = session.execute("SELECT pc_sync_roles()").fetchone()[0]
        assert changed >= 7
        assert session.execute("SELECT pc_sync_roles()").fetchone() == (0,)
        session.execute("GRANT USAGE ON SCHEMA pc, pc_data TO conifer_keys, conifer_people; GRANT SELECT ON pc.index_reg, pc.index_description TO conifer_keys, conifer_people")
    expect(sights(new, "shop", keys))


def test_standby(clusters):
    primary = clusters("moves-primary")
    primary.create_database("shop")
    with primary.connect("shop") as session:
        session.execute("CREATE EXTENSION conifer")
        keys = fill(session)
    standby = primary.standby("moves-standby")
    clusters.made.append(standby)
    expect(sights(standby, "shop", keys))
    with primary.connect("shop") as session, standby.connect("shop", user=keys["all"]) as reader, \
            standby.connect("shop", user=keys["reader"]) as other:
        query = "SELECT id FROM pc_query('a', '[1,2]', namespace => 'n')"
        assert reader.execute(query).fetchall() == other.execute(query).fetchall() == [("x",)]
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            reader.execute("SELECT pc_delete('a', ARRAY['x'])")
        session.execute("SELECT pc_revoke_api_key(%s)", [keys["all"]])

        def refused():
            try:
                reader.execute(query)
                return False
            except psycopg.errors.InvalidAuthorizationSpecification:
                return True

        until(refused)
        assert other.execute(query).fetchall() == [("x",)]


def test_nothing_is_left(clusters):
    cluster = clusters("moves-drop")
    for name in ("shop", "second"):
        cluster.create_database(name)
    with cluster.connect("shop") as session, cluster.connect("second") as second:
        session.execute("CREATE EXTENSION conifer")
        second.execute("CREATE EXTENSION conifer")
        keys = fill(session)
        # a project takes its roles along
        session.execute("SET conifer.project = 'other'")
        with pytest.raises(psycopg.errors.DependentObjectsStillExist, match='project "other" is not empty'):
            session.execute("SELECT pc_delete_project('other')")
        session.execute("SELECT pc_delete_index('a'), pc_revoke_api_key(%s)", [keys["elsewhere"]])
        with pytest.raises(psycopg.errors.DependentObjectsStillExist, match='project "other" is not empty') as failure:
            session.execute("SELECT pc_delete_project('other')")
        assert failure.value.diag.message_detail == "It holds 0 indexes, 0 API keys and 1 members."
        session.execute("SELECT pc_revoke_role('bob', 'DataPlaneViewer', 'other')")
        groups = "SELECT role_name FROM pc_auth.group_role g JOIN pc_auth.project p USING (project_id) WHERE p.name = 'other'"
        gone = [name for (name,) in session.execute(groups).fetchall()]
        assert gone
        session.execute("RESET conifer.project; SELECT pc_delete_project('other')")
        left = [name for (name,) in session.execute(ROLES).fetchall()]
        assert not set(gone) & set(left) and keys["elsewhere"] not in left
        # an index that a key is limited to takes its groups along
        before = session.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'cfi%'").fetchone()
        session.execute("SELECT pc_delete_index('b')")
        assert session.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'cfi%'").fetchone() == (before[0] - 1,)
        # a command that fails leaves all as it was
        whole = session.execute(ROLES).fetchall()
        with pytest.raises(psycopg.errors.DependentObjectsStillExist):
            session.execute("DROP EXTENSION conifer")
        assert session.execute(ROLES).fetchall() == whole
        session.execute("BEGIN; DROP EXTENSION conifer CASCADE; ROLLBACK")
        assert session.execute(ROLES).fetchall() == whole
        session.execute("DROP EXTENSION conifer CASCADE")
        assert [name for (name,) in session.execute(ROLES).fetchall()] == [
            "conifer_gateway", "conifer_keys", "conifer_owner", "conifer_people"]
        second.execute("SELECT pc_create_index('a', 2), pc_create_api_key('k')")
        second.execute("DROP EXTENSION conifer CASCADE")
        assert second.execute(ROLES).fetchall() == []
