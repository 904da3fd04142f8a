"""Copies of a database in its cluster: whatever is done in the copy, keys of the original are what they were, and nobody in the copy."""

import itertools
import re

import psycopg
import pytest

from tests.pinecone.access.world import create_key, refusal, state

_numbers = itertools.count(1)
QUERY = "SELECT id FROM pc_query('films', '[1,2]')"


class Shop:
    """A database with an index, three keys and a person; copies of it."""

    def __init__(self, server):
        self.server, self.name = server, f"shop_{next(_numbers)}"
        server.create_database(self.name, "with_conifer")
        self.copies = []
        with self.admin() as db:
            db.execute("""SELECT pc_create_index('films', 2), pc_upsert('films', '[{"id": "a", "values": [1, 2]}]')""")
            self.key = create_key(db, "all")
            self.limited = create_key(db, "limited", indexes=["films"], data_plane="ReadOnly")
            self.revoked = create_key(db, "revoked")
            self.person, self.pool = f"ann_{self.name}", f"pool_{self.name}"
            db.execute(f"CREATE ROLE {self.person} LOGIN; CREATE ROLE {self.pool} LOGIN IN ROLE conifer_gateway")
            db.execute("SELECT pc_grant_role(%s, 'ProjectEditor')", [self.person])
            db.execute("SELECT pc_revoke_api_key(%s)", [self.revoked[0]])

    def admin(self, database=None, **options):
        return self.server.connect(database or self.name, **options)

    def copy(self, how, tmp_path):
        name = f"{self.name}_copy_{len(self.copies)}"
        self.copies.append(name)
        if how == "template":
            self.server.create_database(name, self.name)
        else:
            self.server.run("pg_dump", "-Fd", "-j2", "-f", str(tmp_path / name), self.name)
            self.server.create_database(name)
            self.server.run("pg_restore", "-j4", "--exit-on-error", "-d", name, str(tmp_path / name))
        return name

    def acts(self, database, key):
        """What a key that logs in finds, and one that a pool names; a SQLSTATE where it is refused."""
        found = []
        for user, before in [(key[0], "SELECT"), (self.pool, f"SELECT pc_use_key('{key[1]}')")]:
            with self.admin(database, user=user, autocommit=False) as session:
                try:
                    session.execute(before)
                    found.append(session.execute(QUERY).fetchall())
                except psycopg.Error as error:
                    found.append(error.sqlstate)
                session.rollback()
        return found

    def check_original(self):
        with self.admin() as db:
            assert db.execute("SELECT item, found FROM pc_security_report() WHERE item LIKE 'keys%' AND state = 'fail'").fetchall() == []
            assert db.execute("SELECT pc_sync_roles()").fetchone() == (0,)
        assert self.acts(None, self.key) == [[("a",)], [("a",)]]
        assert self.acts(None, self.limited) == [[("a",)], [("a",)]]
        with self.admin(user=self.key[0]) as session:
            session.execute("""SELECT pc_upsert('films', '[{"id": "b", "values": [9, -9]}]'), pc_delete('films', ARRAY['b'])""")
        with self.admin(user=self.person) as session:
            assert session.execute(QUERY).fetchall() == [("a",)]

    def destroy(self):
        for name in self.copies:
            self.server.drop_database(name)
        with self.admin() as db:
            db.execute("DROP EXTENSION conifer CASCADE")
            db.execute(f"DROP OWNED BY {self.person}, {self.pool}; DROP ROLE {self.person}, {self.pool}")
        self.server.drop_database(self.name)


@pytest.fixture
def shop(server):
    shop = Shop(server)
    yield shop
    shop.destroy()


@pytest.fixture(params=["template", "dump"])
def copy(request, shop, tmp_path):
    return shop.copy(request.param, tmp_path)


def test_the_original_keeps_its_keys(shop, copy):
    shop.check_original()
    with shop.admin(copy) as db, shop.admin(user=shop.key[0]) as session:
        for statement in [
            f"SELECT pc_update_api_key('{shop.key[0]}', data_plane => 'None', control_plane => 'None')",
            f"SELECT pc_update_api_key('{shop.limited[0]}', expires_at => now() + interval '1 s')",
            f"SELECT pc_revoke_api_key('{shop.limited[0]}'), pc_revoke_api_key('{shop.key[0]}')",
            "SELECT pc_set_default_role('ProjectViewer')", "SELECT pc_set_default_role(NULL)",
            f"SELECT pc_revoke_role('{shop.person}', 'ProjectEditor')",
            "SELECT pc_delete_index('films')",
            "SELECT pc_sync_roles()",
        ]:
            state(db, statement)
            assert session.execute(QUERY).fetchall() == [("a",)], statement
        assert session.info.backend_pid
    shop.check_original()
    with shop.admin(copy) as db:
        db.execute("DROP EXTENSION conifer CASCADE")
    shop.check_original()


def test_its_keys_are_nobody_in_the_copy(shop, copy):
    for key in (shop.key, shop.limited):
        assert shop.acts(copy, key) == ["28000", "28000"]
    with shop.admin(copy, user=shop.key[0]) as session:
        said = refusal(session, QUERY)
        assert f'belongs to database "{shop.name}"' in said.diag.message_primary and "pc_make_independent" in said.diag.message_hint
        with shop.admin(copy) as db:
            (table,) = db.execute("SELECT table_name::text FROM pc_describe_index('films')").fetchone()
        for statement in [f"SELECT * FROM {table}", f"EXPLAIN SELECT * FROM {table}", f"INSERT INTO {table} VALUES ('', 'x', '[1,1]')"]:
            assert state(session, statement) in ("28000", "42501"), statement
    with shop.admin(copy, user=shop.pool, autocommit=False) as session:
        assert state(session, f"SELECT pc_use_key('{shop.revoked[1]}')") == "28000"
    with shop.admin(copy, user=shop.person) as session:
        assert session.execute(QUERY).fetchall() == [("a",)]
    with shop.admin(copy) as db:
        found = db.execute("SELECT state, found FROM pc_security_report() WHERE item LIKE 'keys of the database%'").fetchone()
        assert found[0] == "warn" and shop.key[0] in found[1]
        for statement in ["SELECT pc_create_api_key('mine')", "SELECT pc_create_api_key('mine', indexes => '{films}', data_plane => 'ReadOnly')"]:
            assert refusal(db, statement).sqlstate == "55000"
    shop.check_original()


def test_made_independent(shop, copy):
    with shop.admin(copy, user=shop.person) as session:
        assert state(session, "SELECT pc_make_independent()") == "42501"
    with shop.admin(copy) as db:
        assert db.execute("SELECT pc_make_independent()").fetchone() == (2,)
        assert db.execute("SELECT pc_make_independent(), pc_sync_roles()").fetchone() == (0, 0)
        left = [key for (key,) in db.execute("SELECT key_id FROM pc_list_api_keys()").fetchall()]
        assert not {shop.key[0], shop.limited[0]} & set(left)
        mine = create_key(db, "mine")
        limited = create_key(db, "limited", indexes=["films"])
        before = {name for (name,) in db.execute("SELECT role_name::text FROM pc_auth.group_role").fetchall()}
    with shop.admin() as db:
        assert not before & {name for (name,) in db.execute("SELECT role_name::text FROM pc_auth.group_role").fetchall()}
    for key in (mine, limited):
        assert shop.acts(copy, key) == [[("a",)], [("a",)]]
        assert shop.acts(None, key) == ["28000", "28P01"]
    assert shop.acts(copy, shop.key) == ["28000", "28P01"]
    with shop.admin(copy, user=shop.person) as session:
        assert session.execute(QUERY).fetchall() == [("a",)]
    shop.check_original()
    with shop.admin(copy) as db:
        db.execute("SELECT pc_revoke_api_key(%s)", [mine[0]])
        db.execute("DROP EXTENSION conifer CASCADE")
        assert db.execute("SELECT count(*) FROM pg_roles WHERE rolname IN (%s, %s)", [mine[0], limited[0]]).fetchone() == (0,)
    shop.check_original()


def test_what_the_original_revokes_is_at_an_end_in_the_copy(shop, tmp_path):
    """Its role is gone, and the copy's row is as it was: neither a pool, nor pc_sync_roles, nor pc_make_independent makes anything of it."""
    copy = shop.copy("template", tmp_path)
    with shop.admin() as db:
        db.execute("SELECT pc_revoke_api_key(%s)", [shop.key[0]])
    assert shop.acts(copy, shop.limited) == ["28000", "28000"]
    logins = "SELECT rolname FROM pg_roles WHERE rolname = ANY (%s) AND rolcanlogin"
    with shop.admin(copy) as db, shop.admin(copy, user=shop.pool, autocommit=False) as pool:
        said = refusal(pool, f"SELECT pc_use_key('{shop.key[1]}')")
        assert said.sqlstate == "28000" and "it has no role" in said.diag.message_primary
        for statement in ("SELECT pc_sync_roles()", f"SELECT pc_update_api_key('{shop.key[0]}', name => 'revived')", f"SELECT pc_rotate_api_key('{shop.key[0]}')"):
            pool.rollback()
            state(db, statement)
            assert db.execute(logins, [[shop.key[0]]]).fetchall() == [], statement
            assert state(pool, f"SELECT pc_use_key('{shop.key[1]}')") == "28000", statement
        pool.rollback()
        nothing = create_key(db, "nothing", data_plane="None", control_plane="ReadOnly")
        pool.execute("SELECT pc_use_key(%s)", [nothing[1]])
        pool.rollback()
        assert db.execute("SELECT pc_make_independent()").fetchone() == (2,)
        assert {key for (key,) in db.execute("SELECT key_id FROM pc_list_api_keys() WHERE revoked_at IS NULL").fetchall()} == {nothing[0]}
        assert db.execute("SELECT pc_make_independent(), pc_sync_roles()").fetchone() == (0, 0)
        mine = create_key(db, "mine")
    assert shop.acts(copy, mine) == [[("a",)], [("a",)]]


def test_a_role_that_is_lost_is_made_again(shop, tmp_path):
    """Though all databases here are made from a template with the extension: their keys did not come with that."""
    with shop.admin() as db:
        db.execute(f"DROP ROLE {shop.key[0]}")
        with shop.admin(user=shop.pool, autocommit=False) as pool:
            assert state(pool, f"SELECT pc_use_key('{shop.key[1]}')") == "28000"
        assert db.execute("SELECT pc_sync_roles() > 0").fetchone() == (True,)
    shop.check_original()


def test_the_original_drops_the_extension(shop, tmp_path):
    """All its keys have no role then."""
    copy = shop.copy("template", tmp_path)
    with shop.admin() as db:
        db.execute("DROP EXTENSION conifer CASCADE; CREATE EXTENSION conifer")
    with shop.admin(copy, user=shop.pool, autocommit=False) as pool:
        for key in (shop.key, shop.limited):
            assert state(pool, f"SELECT pc_use_key('{key[1]}')") == "28000"
            pool.rollback()
    with shop.admin(copy) as db:
        assert state(db, "SELECT pc_sync_roles()") == "55000"  # its groups stay, as the copy's tables name them
        assert db.execute("SELECT FROM pg_roles WHERE rolname IN (%s, %s)", [shop.key[0], shop.limited[0]]).fetchall() == []
        assert db.execute("SELECT pc_make_independent()").fetchone() == (2,)


def is_among_the_people(shop, *people):
    with shop.admin() as db:
        sql = "SELECT count(*) FROM pg_auth_members WHERE roleid = 'conifer_people'::regrole AND member = %s::regrole"
        return [db.execute(sql, [person]).fetchone() == (1,) for person in people]


@pytest.fixture
def staff(shop):
    """Roles of the cluster, and another database with the extension."""
    names = [f"{name}_{shop.name}" for name in ("first_there", "first_here", "by_hand", "there_only")]
    other = f"{shop.name}_other"
    shop.server.create_database(other, "with_conifer")
    shop.copies.append(other)
    with shop.admin() as db:
        db.execute("".join(f"CREATE ROLE {name} LOGIN;" for name in names))
    yield names, other
    with shop.admin() as db:
        db.execute(f"DELETE FROM pc_auth.member WHERE member = ANY ('{{{','.join(names)}}}'); DROP ROLE {', '.join(names)}")


def kind(shop, person, call="SELECT count(*) FROM pc_list_indexes()"):
    with shop.admin(user=person) as session:
        return state(session, call)


def test_a_role_in_another_database_is_not_taken_here(shop, staff):
    """Roles that give nothing on records bring no group of a project's; conifer_people is the cluster's."""
    (first_there, first_here, by_hand, there_only), other = staff
    with shop.admin() as here, shop.admin(other) as there:
        here.execute(f"GRANT conifer_people TO {by_hand}")
        there.execute("SELECT pc_grant_role(%s, 'OrgMember'), pc_grant_role(%s, 'OrgMember'), pc_grant_role(%s, 'OrgMember')", [first_there, by_hand, there_only])
        for person in (first_there, first_here, by_hand):
            here.execute("SELECT pc_grant_role(%s, 'ControlPlaneEditor')", [person])
        there.execute("SELECT pc_grant_role(%s, 'OrgManager')", [first_here])
        here.execute("SELECT pc_set_default_role('ProjectViewer')")
        reported = "SELECT state, found FROM pc_security_report() WHERE item LIKE 'people of other databases%'"
        assert here.execute(reported).fetchone() == ("warn", f"{there_only} of {other}")
        here.execute("SELECT pc_set_default_role(NULL)")
        assert here.execute(reported).fetchone() == ("ok", "none")
        there.execute("SELECT count(pc_revoke_role(member::text, role)) FROM pc_list_members()")
        assert is_among_the_people(shop, first_there, first_here, by_hand, there_only) == [True, True, True, False]
        for person in (first_there, first_here, by_hand):
            assert kind(shop, person) is None, person
        assert here.execute("SELECT pc_sync_roles()").fetchone() == (0,)
        for person in (first_there, first_here, by_hand):
            here.execute("SELECT pc_revoke_role(%s, 'ControlPlaneEditor')", [person])
        assert is_among_the_people(shop, first_there, first_here, by_hand) == [False, False, True]


def test_the_other_database_drops_the_extension(shop, staff):
    (both, mine, by_hand, theirs), other = staff
    with shop.admin() as here, shop.admin(other) as there:
        there.execute(f"GRANT conifer_people TO {by_hand}")
        for person in (both, by_hand, theirs):
            there.execute("SELECT pc_grant_role(%s, 'OrgManager')", [person])
        for person in (both, mine):
            here.execute("SELECT pc_grant_role(%s, 'ControlPlaneViewer')", [person])
        there.execute("DROP EXTENSION conifer CASCADE")
        assert is_among_the_people(shop, both, mine, by_hand, theirs) == [True, True, True, False]
        assert kind(shop, both) is None and kind(shop, mine) is None
        marks = "SELECT count(*) FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase WHERE datname = %s AND setrole <> 0"
        assert here.execute(marks, [other]).fetchone() == (0,)


def test_a_role_in_a_copy_is_taken_there_alone(shop, copy):
    person = f"controls_{shop.name}"
    with shop.admin() as here, shop.admin(copy) as there:
        here.execute(f"CREATE ROLE {person} LOGIN")
        for database in (here, there):
            database.execute("SELECT pc_grant_role(%s, 'ControlPlaneEditor')", [person])
        there.execute("SELECT pc_revoke_role(%s, 'ControlPlaneEditor')", [person])
        try:
            assert kind(shop, person) is None
        finally:
            here.execute("SELECT pc_revoke_role(%s, 'ControlPlaneEditor')", [person])
            here.execute(f"DROP ROLE {person}")


def test_the_original_goes(shop, tmp_path):
    """The copy has the keys then, under any name, and not before."""
    copy = shop.copy("template", tmp_path)
    assert shop.acts(copy, shop.key) == ["28000", "28000"]
    with shop.admin("postgres") as db:
        db.execute(f"ALTER DATABASE {shop.name} RENAME TO {shop.name}_old; ALTER DATABASE {copy} RENAME TO {shop.name}")
    shop.copies = [f"{shop.name}_old"]
    assert shop.acts(None, shop.key) == ["28000", "28000"]
    with shop.admin("postgres") as db:
        db.execute(f"ALTER DATABASE {shop.name} RENAME TO {shop.name}_third")
    try:
        assert shop.acts(f"{shop.name}_third", shop.key) == ["28000", "28000"]
        shop.server.drop_database(f"{shop.name}_old")
        assert shop.acts(f"{shop.name}_third", shop.key) == [[("a",)], [("a",)]]
    finally:
        with shop.admin("postgres") as db:
            db.execute(f"ALTER DATABASE {shop.name}_third RENAME TO {shop.name}")
    with shop.admin() as db:
        assert db.execute("SELECT pc_sync_roles() > 0").fetchone() == (True,)  # all roles are this database's now
    shop.check_original()


def rename(shop, a, b):
    with shop.server.connect("postgres") as db:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [a])
        db.execute(f"ALTER DATABASE {a} RENAME TO {b}")


def test_a_copy_takes_the_name_of_the_original(shop, tmp_path):
    """The original has its keys under any name; a copy gets them by its new name neither at once nor by pc_sync_roles(), but where a superuser says so."""
    owner = f"boss_{shop.name}"
    with shop.admin() as db:
        db.execute(f"CREATE ROLE {owner} LOGIN")
        db.execute("SELECT pc_grant_role(%s, 'OrgOwner')", [owner])
    copy, old = shop.copy("template", tmp_path), f"{shop.name}_old"
    rename(shop, shop.name, old)
    assert shop.acts(old, shop.key) == [[("a",)], [("a",)]]
    rename(shop, copy, shop.name)
    shop.copies[shop.copies.index(copy)] = old
    with shop.admin() as db:
        state(db, "SELECT pc_sync_roles()")
        assert shop.acts(None, shop.key) == ["28000", "28000"]
        assert shop.acts(old, shop.key) == [[("a",)], [("a",)]]
        with shop.admin(user=owner) as session:
            assert state(session, "SELECT pc_sync_roles(claim => true)") == "42501"
        assert state(db, "SELECT pc_sync_roles(claim => NULL)") == "22004"
        # what the original has revoked, but could not drop, is not taken over
        with shop.admin(old) as original:
            original.execute(f"CREATE TABLE public.kept (x int); GRANT SELECT ON public.kept TO {shop.limited[0]}")
            with shop.admin(old, autocommit=False) as holder:
                holder.execute(f"GRANT INSERT ON public.kept TO {shop.limited[0]}")
                original.execute("SELECT pc_revoke_api_key(%s)", [shop.limited[0]])
        with shop.admin(old, user=shop.key[0]) as session:
            assert session.execute(QUERY).fetchall() == [("a",)]
            assert db.execute("SELECT pc_sync_roles(claim => true) > 0").fetchone() == (True,)
            assert state(session, QUERY) == "28000"
        assert db.execute("SELECT rolcanlogin FROM pg_roles WHERE rolname = %s", [shop.limited[0]]).fetchone() == (False,)
        audit = "SELECT parameters->'claim' FROM pc_audit() WHERE action = 'sync_roles' ORDER BY at DESC LIMIT 1"
        assert db.execute(audit).fetchone() == (True,)
        assert db.execute("SELECT pc_sync_roles()").fetchone() == (0,)
    assert shop.acts(None, shop.key) == [[("a",)], [("a",)]]
    assert shop.acts(old, shop.key) == ["28000", "28000"]
    with shop.admin(old) as db:
        assert db.execute("SELECT state FROM pc_security_report() WHERE item LIKE 'keys of the database%'").fetchone() == ("warn",)
        db.execute("SELECT pc_revoke_api_key(%s)", [shop.key[0]])
    assert shop.acts(None, shop.key) == [[("a",)], [("a",)]]
    with shop.admin(old) as db:
        db.execute("DROP EXTENSION conifer CASCADE")
    assert shop.acts(None, shop.key) == [[("a",)], [("a",)]]
    with shop.admin() as db:
        assert db.execute("SELECT pc_sync_roles()").fetchone() == (0,)
        db.execute("SELECT pc_revoke_api_key(%s), pc_revoke_role(%s, 'OrgOwner')", [shop.key[0], owner])
        db.execute(f"DROP ROLE {owner}")


def test_a_stranger_takes_the_name_of_a_renamed_original(shop, tmp_path):
    """By a dump: such a copy does not know that its keys came from elsewhere."""
    copy, old = shop.copy("dump", tmp_path), f"{shop.name}_old"
    rename(shop, shop.name, old)
    rename(shop, copy, shop.name)
    try:
        with shop.admin() as db:
            state(db, "SELECT pc_sync_roles()")
        assert shop.acts(None, shop.key) == ["28000", "28000"]
        assert shop.acts(old, shop.key) == [[("a",)], [("a",)]]
    finally:
        rename(shop, shop.name, copy)
        rename(shop, old, shop.name)
    shop.check_original()


def test_moved_to_another_cluster(shop):
    """Where its number is another database's, and nobody has its name: as pg_dumpall's comments are, under another name."""
    with shop.admin() as db:
        said = "SELECT shobj_description(%s::regrole, 'pg_authid')"
        (before,) = db.execute(said, [shop.key[0]]).fetchone()
        (stranger,) = db.execute("SELECT oid::text FROM pg_database WHERE datname = 'postgres'").fetchone()
        moved = re.sub(r"database \d+", f"database {stranger}", re.sub(r"cluster \d+", "cluster 1", before)).replace(shop.name, "nowhere")
        assert moved != before
        for (role,) in db.execute("SELECT key_id FROM pc_auth.api_key WHERE revoked_at IS NULL UNION ALL SELECT role_name FROM pc_auth.group_role").fetchall():
            db.execute(f"COMMENT ON ROLE {role} IS '{moved}'")
    assert shop.acts(None, shop.key) == [[("a",)], [("a",)]]
    with shop.admin() as db:
        assert db.execute("SELECT pc_make_independent()").fetchone() == (0,)
        assert db.execute(said, [shop.key[0]]).fetchone() == (before,)
        db.execute("SELECT pc_revoke_api_key(%s)", [shop.revoked[0]])
    shop.check_original()
