"""Roles of the names of keys and groups that somebody else has made are not taken over: whoever may create roles can make one before a restore does."""

import itertools

import pytest

from tests.pinecone.access.world import create_key, state

_numbers = itertools.count(1)
FETCHED = "SELECT id FROM public.pc_query('films', '[1,2]')"
FORGED = "Conifer: database {oid} of cluster {cluster}, {name}"


class Place:
    """A database with an index and a key, on a server of any major, and somebody who may create roles."""

    def __init__(self, server):
        self.server, self.name = server, f"strangers_{next(_numbers)}"
        server.create_database(self.name, "with_conifer")
        self.db = server.connect(self.name)
        self.db.execute("""SELECT pc_create_index('films', 2), pc_upsert('films', '[{"id": "a", "values": [1, 2]}]')""")
        self.key = create_key(self.db, "k")[0]
        (self.group,) = self.db.execute("SELECT role_name::text FROM pc_auth.group_role").fetchone()
        self.maker = f"maker_{self.name}"
        self.db.execute(f"CREATE ROLE {self.maker} LOGIN CREATEROLE")

    def forget(self):
        """As in a cluster to which the rows are yet to come."""
        for role in (self.key, self.group):
            self.db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")

    def made(self, session, *comment):
        """The roles, made by somebody else, who has written a comment as Conifer does."""
        session.execute(f"CREATE ROLE {self.key} LOGIN PASSWORD 'theirs'; CREATE ROLE {self.group}")
        for role in (self.key, self.group):
            session.execute(f"ALTER ROLE {role} SET search_path = theirs")
            for text in comment:
                session.execute(f"COMMENT ON ROLE {role} IS '{text}'")

    def close(self):
        self.db.execute(f"DROP EXTENSION conifer CASCADE; DROP OWNED BY {self.maker}")
        for (role,) in self.db.execute("SELECT rolname FROM pg_roles WHERE rolname ~ %s", [f"^(not_)?({self.key}|{self.group})|^{self.maker}$"]).fetchall():
            self.db.execute(f"DROP ROLE {role}")
        self.db.close()
        self.server.drop_database(self.name)


@pytest.fixture(params=["server", pytest.param("peer_server", marks=pytest.mark.peer)])
def place(request):
    place = Place(request.getfixturevalue(request.param))
    yield place
    place.close()


@pytest.mark.parametrize("comment", ["none", "here", "elsewhere"])
@pytest.mark.parametrize("how", ["pc_sync_roles", "rows"])
def test_a_role_that_was_there_first(place, comment, how):
    """It gets another name and has nothing; the key, whose role is new, acts."""
    db = place.db
    place.forget()
    name = place.name if comment == "here" else "postgres"
    told = db.execute("SELECT oid, system_identifier, datname FROM pg_database, pg_control_system() WHERE datname = %s", [name]).fetchone()
    text = [] if comment == "none" else [FORGED.format(oid=told[0], cluster=told[1], name=told[2])]
    with place.server.connect(place.name, user=place.maker) as maker:
        place.made(maker, *text)
        old = dict(db.execute("SELECT rolname::text, oid FROM pg_roles WHERE rolname = ANY (%s)", [[place.key, place.group]]).fetchall())
        report = "SELECT state, found FROM pc_security_report() WHERE item = 'roles with names of keys and groups that others have made'"
        assert db.execute(report).fetchone() == ("fail", ", ".join(sorted(old)))
        if how == "rows":
            db.execute("UPDATE pc_auth.group_role SET level = level; UPDATE pc_auth.api_key SET name = name")
        else:
            db.execute("SELECT pc_sync_roles()")
        assert db.execute("SELECT pc_sync_roles()").fetchone() == (0,)
        assert db.execute(report).fetchone() == ("ok", "none")
        for role, number in old.items():
            assert db.execute("SELECT rolname FROM pg_roles WHERE oid = %s", [number]).fetchone() == (f"not_{role}",)
        # What made the roles gives no right to those that have their names now.
        if db.info.server_version >= 160000:
            for role in old:
                for asked in (f"GRANT {role} TO {place.maker}", f"ALTER ROLE {role} PASSWORD 'theirs'", f"SET ROLE {role}", f"COMMENT ON ROLE {role} IS 'x'"):
                    assert state(maker, asked) == "42501", asked
        else:
            db.execute(f"ALTER ROLE {place.maker} NOCREATEROLE")
            assert state(maker, f"SET ROLE {place.key}") == "42501"
        assert state(maker, f"SET ROLE not_{place.key}") in (None, "42501")
        assert state(maker, "SELECT * FROM pc_data.i_1") == "42501"
    with place.server.connect(place.name, user=place.key) as session:
        assert session.execute(FETCHED).fetchall() == [("a",)]
        assert "theirs" not in session.execute("SHOW search_path").fetchone()[0]
    with place.server.connect(place.name, user=f"not_{place.key}") as session:
        assert state(session, FETCHED) == "42501"


def test_roles_that_a_superuser_restores(place):
    """As pg_dumpall writes them: by their passwords, or without these by the settings."""
    db = place.db
    for option in ("--roles-only", "--no-role-passwords"):
        words = [option] if option == "--roles-only" else ["--roles-only", option]
        script = place.server.run("pg_dumpall", *words)
        lines = [line for line in script.splitlines() if place.key in line or place.group in line]
        place.forget()
        for line in lines:
            if line.startswith(("CREATE ROLE", "ALTER ROLE", "COMMENT", "GRANT")):
                db.execute(line)
        numbers = "SELECT array_agg(oid ORDER BY oid) FROM pg_roles WHERE rolname = ANY (%s)"
        before = db.execute(numbers, [[place.key, place.group]]).fetchone()
        db.execute("SELECT pc_sync_roles()")
        assert db.execute(numbers, [[place.key, place.group]]).fetchone() == before
        with place.server.connect(place.name, user=place.key) as session:
            assert session.execute(FETCHED).fetchall() == [("a",)]


def test_who_may_give_a_key_or_a_group(place):
    """By the word of somebody who had the right, or of a superuser's in error."""
    db = place.db
    report = "SELECT state, found FROM pc_security_report() WHERE item LIKE 'others who may act as a key%%'"
    assert db.execute(report).fetchone() == ("ok", "none")
    db.execute(f"GRANT {place.key} TO {place.maker} WITH ADMIN OPTION; GRANT {place.group} TO {place.maker} WITH ADMIN OPTION")
    assert db.execute(report).fetchone() == ("fail", ", ".join(sorted(f"{place.maker} of {role}" for role in (place.key, place.group))))
    assert db.execute("SELECT pc_sync_roles()").fetchone() == (2,)
    assert db.execute(report).fetchone() == ("ok", "none")
    assert db.execute("SELECT pc_sync_roles()").fetchone() == (0,)


def test_a_revocation_leaves_a_stranger_s_role(place):
    """It is not the key's, and what it owns is somebody's."""
    db = place.db
    place.forget()
    with place.server.connect(place.name, user=place.maker) as maker:
        maker.execute(f"CREATE ROLE {place.key} LOGIN")
    db.execute("SELECT pc_revoke_api_key(%s)", [place.key])
    assert db.execute("SELECT count(*) FROM pg_roles WHERE rolname = %s", [place.key]).fetchone() == (1,)
    with place.server.connect(place.name, user=place.key) as session:
        assert state(session, FETCHED) in ("42501", "28000")
