"""People and their roles: what somebody was given is theirs alone, through SET ROLE, a new name, a dump and a restore; and what the report
says of roles that are above all of it."""

import time

import pytest

from tests.pinecone.access.world import create_key, ids, state, world

__all__ = ["world"]

GIVEN = "SELECT member::text, role FROM pc_list_members('own') WHERE project = 'own' AND member ~ %s ORDER BY 1, 2"


@pytest.fixture
def named(world):
    """A function that makes roles of this test, to be dropped with what they have, whatever their names are by then."""
    made = []

    def make(*names):
        roles = [f"{world.stranger}_{name}" for name in names]
        for role in roles:
            world.db.execute(f"CREATE ROLE {role} LOGIN")
            made.append(world.db.execute("SELECT oid FROM pg_roles WHERE rolname = %s", [role]).fetchone()[0])
        return roles

    yield make
    world.db.execute("DELETE FROM pc_auth.member WHERE member ~ %s", [f"^{world.stranger}_"])
    for number in made:
        for (role,) in world.db.execute("SELECT rolname FROM pg_roles WHERE oid = %s", [number]).fetchall():
            world.db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def sees(world, role):
    """Records of index a that a role counts; its SQLSTATE if it may not."""
    with world.login(role) as session:
        session.execute("SET conifer.project = 'own'")
        statement = f"SELECT count(*) FROM {world.tables['a']}"
        return state(session, statement) or session.execute(statement).fetchone()[0]


# --- SET ROLE


def test_set_role_to_a_group_raises_nobody(world, named):
    """A person with a low role, and the default role is a high one: the group of all people is nobody."""
    (low,) = named("low")
    world.db.execute("SELECT pc_set_default_role('ProjectEditor', project => 'own')")
    try:
        world.db.execute("SELECT pc_grant_role(%s, 'ControlPlaneViewer', 'own')", [low])
        if world.db.info.server_version >= 160000:
            world.db.execute(f"GRANT conifer_people TO {low} WITH SET TRUE")
        with world.login(low) as session:
            session.execute("SET conifer.project = 'own'")
            for group in ["conifer_people", *ids(session, "SELECT rolname FROM pg_roles WHERE rolname ~ '^cf[pi]_' AND pg_has_role(oid, 'MEMBER')")]:
                if session.info.server_version < 160000 or group == "conifer_people":
                    session.execute(f"SET ROLE {group}")
                assert state(session, f"SELECT count(*) FROM {world.tables['a']}") == "42501", group
                assert state(session, "SELECT pc_create_index('raised', 2)") == "42501", group
                assert state(session, "SELECT pc_upsert('a', '[]')") == "42501", group
                session.execute("RESET ROLE")
            assert state(session, "SELECT pc_list_indexes()") is None
    finally:
        world.db.execute("SELECT pc_set_default_role(NULL, project => 'own')")


@pytest.mark.parametrize("hold", ["", "WITH HOLD"])
def test_a_cursor_ends_with_its_login_whatever_role_is_set(world, hold):
    """A key that has expired does not go on under the name of its group."""
    end = world.db.execute("SELECT (clock_timestamp() + '1.2 s')::text").fetchone()[0]
    role, _ = world.key("brief", expires_at=end)
    table = world.tables["a"]
    with world.login(role, autocommit=False) as session:
        group = ids(session, "SELECT rolname FROM pg_roles WHERE rolname ~ '^cfp_' AND pg_has_role(oid, 'MEMBER')")[0]
        if session.info.server_version >= 160000:
            world.db.execute(f"GRANT {group} TO {role} WITH SET TRUE")
        session.execute(f"DECLARE c CURSOR {hold} FOR SELECT id FROM {table}")
        assert len(session.execute("FETCH 1 FROM c").fetchall()) == 1
        if hold:
            session.commit()
        session.execute(f"SET ROLE {group}")
        if hold:
            session.commit()
        session.execute("SAVEPOINT one")
        time.sleep(1.4)
        for statement in ("FETCH 1 FROM c", "LISTEN x", "MOVE 1 IN c", f"SELECT id FROM {table}"):
            assert state(session, statement) in ("28000", "42501" if "SELECT" in statement else "28000"), statement
            session.execute("ROLLBACK TO one")
        session.rollback()


# --- New names


def test_a_role_that_is_renamed_keeps_what_it_was_given(world, named):
    """And shows it, and loses it, under its new name; another role that gets the old name has nothing."""
    ann, = named("ann")
    bob = f"{world.stranger}_bob"
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'own')", [ann])
    world.db.execute(f"ALTER ROLE {ann} RENAME TO {bob}")
    (new,) = named("ann")
    assert (sees(world, bob), sees(world, new)) == (4, "42501")
    assert world.db.execute(GIVEN, [f"^{world.stranger}_"]).fetchall() == [(bob, "ProjectEditor")]
    assert state(world.db, "SELECT pc_revoke_role(%s, 'ProjectEditor', 'own')", new) == "42704"
    assert sees(world, bob) == 4
    world.db.execute("SELECT pc_grant_role(%s, 'DataPlaneViewer', 'own')", [new])
    assert world.db.execute(GIVEN, [f"^{world.stranger}_"]).fetchall() == [(new, "DataPlaneViewer"), (bob, "ProjectEditor")]
    world.db.execute("SELECT pc_revoke_role(%s, 'ProjectEditor', 'own')", [bob])
    assert (sees(world, bob), sees(world, new)) == ("42501", 4)
    groups = "SELECT count(*) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member WHERE r.rolname = %s"
    assert world.db.execute(groups, [bob]).fetchone() == (0,)


def rename_unseen(world, *renames):
    """Rename roles from a database without the extension, whose sessions have not loaded the library."""
    with world.server.connect("postgres") as other:
        for old, new in renames:
            other.execute(f"ALTER ROLE {old} RENAME TO {new}")


def test_names_that_are_exchanged(world, named):
    """From another database, where nothing tells: each has what it had, and pc_sync_roles writes the names."""
    one, two = named("one", "two")
    world.db.execute("SELECT pc_grant_role(%s, 'DataPlaneViewer', 'own')", [one])
    world.db.execute("SELECT pc_grant_role(%s, 'ControlPlaneViewer', 'own'), pc_grant_role(%s, 'DataPlaneEditor', 'own')", [two, two])
    rename_unseen(world, (one, f"{one}_x"), (two, one), (f"{one}_x", two))
    report = "SELECT state, found FROM pc_security_report() WHERE item = 'members under another name'"
    told, found = world.db.execute(report).fetchone()
    assert told == "warn" and f"{one} is now {two}" in found
    want = [(one, "ControlPlaneViewer"), (one, "DataPlaneEditor"), (two, "DataPlaneViewer")]
    assert world.db.execute("SELECT pc_sync_roles() > 0").fetchone() == (True,)
    assert world.db.execute(GIVEN, [f"^{world.stranger}_"]).fetchall() == want
    assert world.db.execute(report).fetchone() == ("ok", "none")
    with world.login(two) as session:
        session.execute("SET conifer.project = 'own'")
        assert state(session, "SELECT pc_list_indexes()") == "42501"
        assert state(session, f"SELECT 1 FROM {world.tables['a']}") is None


def test_a_grant_finds_a_name_that_was_given_to_another(world, named):
    """What the renamed role has is not taken over by the role that has its name by now."""
    (old,) = named("old")
    moved = f"{old}_moved"
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'own')", [old])
    rename_unseen(world, (old, moved))
    (new,) = named("old")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'own')", [new])
    assert world.db.execute(GIVEN, [f"^{world.stranger}_"]).fetchall() == [(new, "ProjectEditor"), (moved, "ProjectEditor")]
    rename_unseen(world, (moved, f"{moved}_again"))
    world.db.execute("SELECT pc_revoke_role(%s, 'ProjectEditor', 'own')", [f"{moved}_again"])
    assert (sees(world, new), sees(world, f"{moved}_again")) == (4, "42501")


def test_dumps_carry_the_names_of_now(world, named):
    """Roles that were renamed, dropped, and made again under the name of another, and a dump that is restored."""
    stay, renamed, unseen, gone = named("stay", "renamed", "unseen", "gone")
    for role in (stay, renamed, unseen, gone):
        world.db.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", [role])
    world.db.execute(f"ALTER ROLE {renamed} RENAME TO {renamed}_now")
    rename_unseen(world, (unseen, f"{unseen}_now"))
    world.db.execute(f"DROP OWNED BY {gone}; DROP ROLE {gone}")
    named("renamed", "unseen", "gone")
    for form in ((), ("--inserts",)):
        dump = world.server.run("pg_dump", "-d", world.database, "--data-only", "-t", "pc_auth.member", "-e", "conifer", *form)
        rows = "\n".join(line for line in dump.splitlines() if "\tProjectViewer\t" in line or "'ProjectViewer'" in line)
        assert f"{stay}" in rows and f"{renamed}_now" in rows
        for name in (renamed, unseen, gone):
            assert f"{name}\t" not in rows and f"'{name}'" not in rows
    world.db.execute("SELECT pc_sync_roles()")
    assert f"{unseen}_now" in world.server.run("pg_dump", "-d", world.database, "--data-only", "-e", "conifer")


def test_a_role_that_is_made_again_has_nothing(world, named):
    """Under the name of one that was dropped; and its name can be given anew, and cleared away."""
    (role,) = named("again")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectEditor', 'own')", [role])
    world.db.execute(f"DROP ROLE {role}")
    named("again")
    assert sees(world, role) == "42501"
    world.db.execute("SELECT pc_sync_roles()")
    assert sees(world, role) == "42501"
    world.db.execute("SELECT pc_revoke_role(%s, 'ProjectEditor', 'own')", [role])
    assert state(world.db, "SELECT pc_revoke_role(%s, 'ProjectEditor', 'own')", role) == "42704"


# --- The report


PLANTED = [
    ("members of pg_read_all_data and pg_write_all_data", "GRANT pg_write_all_data TO {role}", "fail"),
    ("members of pg_read_all_data and pg_write_all_data", "GRANT pg_read_all_data TO conifer_people", "fail"),
    ("roles with CREATEROLE", "ALTER ROLE {role} CREATEROLE", "fail"),
    ("roles with REPLICATION", "ALTER ROLE {role} REPLICATION", "warn"),
    ("attributes of Conifer's roles", "ALTER ROLE conifer_owner LOGIN", "fail"),
    ("attributes of Conifer's roles", "ALTER ROLE conifer_keys BYPASSRLS", "fail"),
    ("members of conifer_keys that are no keys", "GRANT conifer_keys TO {role}", "fail"),
    ("logins of keys that no database knows", "CREATE ROLE cfk_0000000000000000 LOGIN", "warn"),
    ("pooled roles that are people, too", "GRANT conifer_people TO {role}; GRANT conifer_gateway TO {role}", "warn"),
    ("the schema of the functions is others'", "ALTER SCHEMA public OWNER TO {role}", "fail"),
    ("the schema of the functions is others'", "ALTER DATABASE {database} OWNER TO {role}", "fail"),
    ("the schema of the functions is others'", "GRANT CREATE ON SCHEMA public TO {role}", "fail"),
    ("other functions named pc_use_key", "CREATE FUNCTION public.pc_use_key(varchar) RETURNS void LANGUAGE sql AS 'SELECT'", "fail"),
    ("rows of people who have no role", "INSERT INTO pc_auth.member (member, role, granted_by) VALUES ('nobody_yet', 'OrgMember', 'x')", "fail"),
    ("views that show records to others than the policies do", "CREATE VIEW public.all_records AS SELECT * FROM {table}; GRANT SELECT ON public.all_records TO {role}",
     "warn"),
    ("views that show records to others than the policies do", "CREATE MATERIALIZED VIEW public.all_records AS SELECT * FROM {table}; GRANT SELECT ON public.all_records TO {role}",
     "warn"),
]


def drop_keys_of_dropped_databases(world):
    """Other tests on the same server leave them."""
    sql = r"""SELECT rolname FROM pg_roles WHERE rolname ~ '^cfk_' AND NOT EXISTS (SELECT FROM pg_database d
               WHERE d.oid::text = (regexp_match(shobj_description(pg_roles.oid, 'pg_authid'), '^Conifer: database (\d+) '))[1])"""
    for (role,) in world.db.execute(sql).fetchall():
        world.db.execute(f"DROP ROLE {role}")


def test_keys_are_reported_when_their_database_is_gone(world):
    """Not before: they are in use there."""
    report = "SELECT state, found FROM pc_security_report() WHERE item = 'logins of keys that no database knows'"
    drop_keys_of_dropped_databases(world)
    name = f"{world.database}_dropped"
    world.server.create_database(name, "with_conifer")
    try:
        with world.server.connect(name) as other:
            key, _ = create_key(other)
        assert world.db.execute(report).fetchone() == ("ok", "none")
    finally:
        world.server.drop_database(name)
    assert world.db.execute(report).fetchone() == ("warn", key)
    drop_keys_of_dropped_databases(world)
    assert world.db.execute(report).fetchone() == ("ok", "none")


@pytest.mark.parametrize("item, planted, want", PLANTED)
def test_report(world, named, item, planted, want):
    """It names what is above the policies, and only that."""
    (role,) = named("reported")
    report = "SELECT state, found, advice FROM pc_security_report() WHERE area = 'roles' AND item = %s"
    drop_keys_of_dropped_databases(world)
    before = world.db.execute(report, [item]).fetchall()
    assert before == [("ok", "none", None)]
    if "CREATEROLE" in planted and world.db.info.server_version >= 160000:
        want = "ok"
    with world.login("postgres", autocommit=False) as admin:
        admin.execute("SET LOCAL conifer.project = 'own'")
        admin.execute(planted.format(role=role, table=world.tables["a"], database=world.database))
        told, found, advice = admin.execute(report, [item]).fetchone()
        assert told == want and (advice is not None) == (want != "ok"), found
        assert want == "ok" or any(name in found for name in (role, "conifer_", "cfk_0000000000000000", "pc_use_key", "nobody_yet", "all_records"))
        admin.rollback()
    assert world.db.execute(report, [item]).fetchall() == before


def test_views_with_the_caller_s_rights_are_not_reported(world, named):
    (role,) = named("invoker")
    with world.login("postgres", autocommit=False) as admin:
        admin.execute(f"CREATE VIEW public.mine WITH (security_invoker = on) AS SELECT * FROM {world.tables['a']}; GRANT SELECT ON public.mine TO {role}")
        assert admin.execute("SELECT state FROM pc_security_report() WHERE item LIKE 'views that show%'").fetchone() == ("ok",)
        admin.rollback()


# --- DROP EXTENSION


def test_only_the_extension_s_owner_starts_its_end(world, named):
    """A role without rights is refused before anything is touched, by savepoint or not; an attempt that is taken back leaves the rest of
    its transaction alone."""
    (plain,) = named("plain")
    keys = [world.key("kept")[0] for _ in range(3)]
    count = "SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s)"
    # Roles that were dropped and put back have new row versions.
    versions = "SELECT pg_relation_size('pg_authid'), pg_relation_size('pg_auth_members'), n_tup_del FROM pg_stat_xact_all_tables WHERE relname = 'pg_authid'"
    with world.login(plain, autocommit=False) as session:
        session.execute("SAVEPOINT s")
        for command in ("DROP EXTENSION conifer", "DROP EXTENSION conifer CASCADE", "DROP EXTENSION IF EXISTS conifer"):
            assert state(session, command) == "42501"
            session.execute("ROLLBACK TO s")
            assert session.execute(versions).fetchone()[2] == 0, "nothing was deleted on its behalf"
        assert session.execute(count, [keys]).fetchone() == (3,)
        session.commit()
    with world.login("postgres", autocommit=False) as admin:
        admin.execute("CREATE TABLE public.kept_work (a int); SAVEPOINT s")
        assert state(admin, "DROP EXTENSION conifer") is not None, "tables depend on it"
        admin.execute("ROLLBACK TO s; SAVEPOINT t; DROP EXTENSION conifer CASCADE")
        assert admin.execute(count, [keys]).fetchone() == (0,)
        admin.execute("SAVEPOINT u; RELEASE u; ROLLBACK TO t; COMMIT")
        assert admin.execute("SELECT count(*) FROM public.kept_work").fetchone() == (0,)
        admin.execute("DROP TABLE public.kept_work")
        admin.commit()
    assert world.db.execute(count, [keys]).fetchone() == (3,)
    for key in keys:
        assert sees(world, key) == 4


# --- Who is among the people


def test_what_was_granted_by_hand_stays(world, named):
    """A project's owner does not expel somebody whom an administrator, or a directory, has put among the people."""
    (dave, eve) = named("dave", "eve")
    world.db.execute(f"GRANT conifer_people TO {dave}")
    among = "SELECT pg_has_role(%s, 'conifer_people', 'MEMBER')"
    with world.login(world.people["ProjectOwner"]) as owner:
        owner.execute("SET conifer.project = 'own'")
        for role in (dave, eve):
            owner.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own'), pc_grant_role(%s, 'DataPlaneEditor', 'own')", [role, role])
            assert world.db.execute(among, [role]).fetchone() == (True,)
        world.db.execute(f"ALTER ROLE {dave} RENAME TO {dave}_now; ALTER ROLE {dave}_now RENAME TO {dave}")
        for role, stays in ((dave, True), (eve, False)):
            owner.execute("SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", [role])
            assert (sees(world, role), world.db.execute(among, [role]).fetchone()) == (4, (True,))
            owner.execute("SELECT pc_revoke_role(%s, 'DataPlaneEditor', 'own')", [role])
            assert (sees(world, role), world.db.execute(among, [role]).fetchone()) == ("42501", (stays,))
    # With a project that goes, too.
    world.db.execute("SELECT pc_create_project('brief')")
    for role in (dave, eve):
        world.db.execute("SELECT pc_grant_role(%s, 'ProjectOwner', 'brief')", [role])
    world.db.execute("DELETE FROM pc_auth.project WHERE name = 'brief'")
    assert [world.db.execute(among, [role]).fetchone()[0] for role in (dave, eve)] == [True, False]


@pytest.mark.parametrize("role", ["postgres", "pg_monitor", "pg_write_all_data", "conifer_owner", "conifer_people"])
def test_roles_that_are_no_people(world, role):
    """Superusers and the server's own roles are not for owners of projects to let in where people are."""
    with world.login(world.people["ProjectOwner"]) as owner:
        assert state(owner, "SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", role) == "22023"


# --- among the people by hand, or not


@pytest.mark.parametrize("at_once", [True, False])
def test_a_role_that_is_changed_is_taken_in_full(world, named, at_once):
    """In one transaction, or two."""
    (hand,) = named("changed")
    is_in = f"SELECT pg_has_role('{hand}', 'conifer_people', 'MEMBER')"
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", [hand])
    for again in ("ProjectMember", "ProjectViewer"):
        before = {"ProjectMember": "ProjectViewer", "ProjectViewer": "ProjectMember"}[again]
        statements = f"SELECT pc_revoke_role('{hand}', '{before}', 'own'); SELECT pc_grant_role('{hand}', '{again}', 'own')"
        world.db.execute(f"BEGIN; {statements}; COMMIT" if at_once else statements.split("; ")[0])
        if not at_once:
            world.db.execute(statements.split("; ")[1])
        assert world.db.execute("SELECT by_hand FROM pc_auth.member WHERE member = %s", [hand]).fetchall() == [(False,)]
    world.db.execute("SELECT pc_revoke_role(%s, 'ProjectViewer', 'own')", [hand])
    assert world.db.execute(is_in).fetchone() == (False,)


@pytest.mark.parametrize("at_once", [True, False])
def test_who_was_put_there_by_hand_stays(world, named, at_once):
    (hand,) = named("hand")
    world.db.execute(f"GRANT conifer_people TO {hand}")
    world.db.execute("SELECT pc_grant_role(%s, 'ProjectViewer', 'own')", [hand])
    both = [f"SELECT pc_revoke_role('{hand}', 'ProjectViewer', 'own')", f"SELECT pc_grant_role('{hand}', 'ProjectMember', 'own')"]
    for statement in [f"BEGIN; {'; '.join(both)}; COMMIT"] if at_once else both:
        world.db.execute(statement)
    assert world.db.execute("SELECT by_hand FROM pc_auth.member WHERE member = %s", [hand]).fetchall() == [(True,)]
    world.db.execute("SELECT pc_revoke_role(%s, 'ProjectMember', 'own')", [hand])
    assert world.db.execute(f"SELECT pg_has_role('{hand}', 'conifer_people', 'MEMBER')").fetchone() == (True,)


# --- groups of others


def test_conifer_s_roles_in_groups_of_others(world, named):
    """Whoever may give a role may put Conifer's into it. The report says so, and pc_sync_roles takes them out."""
    creator, team = named("creator", "team")
    key, _ = world.key("in a team")
    world.db.execute(f"GRANT {team} TO {creator} WITH ADMIN OPTION")
    (project,) = world.db.execute("SELECT role_name::text FROM pc_auth.group_role WHERE index_id IS NULL LIMIT 1").fetchone()
    ours = sorted(["conifer_keys", "conifer_people", "conifer_gateway", "conifer_owner", project, key])
    with world.login(creator) as session:
        session.execute(f"GRANT {team} TO {', '.join(ours)}, {world.stranger}")
    report = "SELECT state, found FROM pc_security_report() WHERE item = 'Conifer''s roles in groups of others'"
    assert world.db.execute(report).fetchone() == ("fail", ", ".join(f"{role} in {team}" for role in ours))
    assert world.db.execute("SELECT pc_sync_roles() >= 6").fetchone() == (True,)
    assert world.db.execute(report).fetchone() == ("ok", "none")
    members = world.db.execute("SELECT member::regrole::text FROM pg_auth_members WHERE roleid = %s::regrole ORDER BY 1", [team]).fetchall()
    assert members == sorted([(creator,), (world.stranger,)])
    assert world.db.execute("SELECT pc_sync_roles()").fetchone() == (0,)
