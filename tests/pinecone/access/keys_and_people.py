"""A database with keys and people of all kinds, and what must be the same wherever it goes."""

import psycopg
import pytest

ROLES = "SELECT rolname FROM pg_roles WHERE rolname ~ '^(cf[kpi]_|conifer_)' ORDER BY 1"
MEMBERS = """SELECT m.rolname, g.rolname FROM pg_auth_members a JOIN pg_roles m ON m.oid = a.member JOIN pg_roles g ON g.oid = a.roleid
             WHERE g.rolname ~ '^(cf[pi]_|conifer_)' ORDER BY 1, 2"""
PASSWORDS = "SELECT rolname, rolpassword, rolcanlogin, rolvaliduntil::text FROM pg_authid WHERE rolname ~ '^cfk_' ORDER BY 1"


def fill(session):
    """Two projects with indexes, keys of all kinds and people. Returns the keys by name."""
    session.execute("CREATE ROLE ann LOGIN; CREATE ROLE bob LOGIN")
    session.execute("SELECT pc_create_index('a', 2), pc_create_index('b', 2), pc_create_project('other')")
    for index, namespace in [("a", "n"), ("a", "m"), ("b", "n")]:
        session.execute("""SELECT pc_upsert(%s, '[{"id": "x", "values": [1, 2]}]', %s)""", [index, namespace])
    session.execute("SET conifer.project = 'other'")
    session.execute("SELECT pc_create_index('a', 2)")
    session.execute("SELECT pc_create_api_key('elsewhere')")
    session.execute("RESET conifer.project")
    for name, more in [
        ("all", ""),
        ("reader", ", control_plane => 'None', data_plane => 'ReadOnly'"),
        ("index", ", indexes => '{b}'"),
        ("space", ", namespaces => '{\"a\": [\"n\"]}'"),
        ("ends", ", expires_at => '2100-01-01'"),
        ("gone", ""),
    ]:
        session.execute(f"SELECT pc_create_api_key('{name}'{more})")
    keys = dict(session.execute("SELECT name, key_id FROM pc_auth.api_key").fetchall())
    session.execute("SELECT pc_revoke_api_key(%s)", [keys["gone"]])
    session.execute("SELECT pc_grant_role('ann', 'OrgOwner'), pc_grant_role('bob', 'DataPlaneViewer', 'other')")
    return keys


def sights(cluster, database, keys):
    """What each key and person sees."""
    found = {}
    for name in ["all", "reader", "index", "space", "ends", "elsewhere", "ann", "bob"]:
        with cluster.connect(database, user=keys.get(name, name)) as session:
            seen = {"who": session.execute("SELECT kind, project, control_plane, data_plane, scoped FROM pc_whoami()").fetchone()}
            for table in ("i_1", "i_2", "i_3"):
                try:
                    rows = session.execute(f"SELECT namespace, id FROM pc_data.{table} ORDER BY 1, 2").fetchall()
                except psycopg.errors.InsufficientPrivilege:
                    rows = "refused"
                seen[table] = rows
            found[name] = seen
    with pytest.raises(psycopg.OperationalError, match="does not exist|not permitted to log in"):
        cluster.connect(database, user=keys["gone"])
    return found


def expect(found):
    """The policies hold, wherever it is."""
    a, b = [("m", "x"), ("n", "x")], [("n", "x")]
    assert found["all"] == {"who": ("key", "default", "ReadWrite", "ReadWrite", False), "i_1": a, "i_2": b, "i_3": "refused"}
    assert found["reader"] == {"who": ("key", "default", "None", "ReadOnly", False), "i_1": a, "i_2": b, "i_3": "refused"}
    assert found["index"]["i_1"] == "refused" and found["index"]["i_2"] == b
    assert found["space"]["i_1"] == [("n", "x")] and found["space"]["i_2"] == "refused"
    assert found["ends"]["i_1"] == a
    assert found["elsewhere"]["i_1"] == "refused" and found["elsewhere"]["i_3"] == []
    assert found["ann"]["i_1"] == a and found["ann"]["i_3"] == []
    assert found["bob"]["i_1"] == "refused" and found["bob"]["i_3"] == []
