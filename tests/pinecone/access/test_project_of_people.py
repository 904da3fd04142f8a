"""The project that a person acts in without naming one: a role that somebody gives them on another project neither stops nor diverts them."""

import pytest

from tests.pinecone.access.world import ids, state, world

__all__ = ["world"]


@pytest.fixture
def people(world):
    """A function that makes roles, to be dropped with what they were given."""
    made = []

    def make(*names):
        roles = [f"{world.stranger}_{name}" for name in names]
        made.extend(roles)
        world.db.execute("".join(f"CREATE ROLE {role} LOGIN;" for role in roles))
        return roles

    yield make
    world.db.execute("SELECT pc_set_default_role(NULL, project => 'own')")
    world.db.execute("DELETE FROM pc_auth.member WHERE member = ANY (%s)", [made])
    for role in made:
        world.db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


def give(world, person, role, project):
    world.db.execute("SELECT pc_grant_role(%s, %s, %s)", [person, role, project])


def project_of(session):
    return session.execute("SELECT project FROM pc_whoami()").fetchone()[0]


def test_a_role_on_another_project_stops_nobody(world, people):
    """Who gives it owns that project, and it may be default."""
    (ann,) = people("ann")
    give(world, ann, "ProjectOwner", "other")
    with world.login(ann) as session:
        for role, project in (("ControlPlaneViewer", "own"), ("ProjectEditor", "default")):
            give(world, ann, role, project)
            assert project_of(session) == "other"
            assert ids(session, "SELECT * FROM pc_list('c', namespace => 'n1')") == ["n1-1", "n1-2"]
            assert session.execute(f"SELECT count(*) FROM {world.tables['c']}").fetchone() == (4,)
        session.execute("SET conifer.project = 'own'")
        assert project_of(session) == "own" and state(session, "SELECT pc_list('c', namespace => 'n1')") in ("42501", "42P01")
        session.execute("RESET conifer.project")
        world.db.execute("SELECT pc_revoke_role(%s, 'ProjectOwner', 'other')", [ann])
        assert project_of(session) == "own"


def test_writes_do_not_go_to_an_index_of_the_same_name(world, people):
    (ann,) = people("ann")
    give(world, ann, "DataPlaneEditor", "other")
    world.db.execute("SET conifer.project = 'default'")
    try:
        world.db.execute("SELECT pc_create_index('c', 2)")
        give(world, ann, "DataPlaneEditor", "default")
        with world.login(ann) as session:
            session.execute("""SELECT pc_upsert('c', '[{"id": "meant for other", "values": [1, 1]}]', 'n9')""")
        assert world.db.execute("SELECT count(*) FROM pc_list('c', namespace => 'n9')").fetchone() == (0,)
    finally:
        world.db.execute("SELECT pc_delete_index('c'); SET conifer.project = 'own'")
    world.db.execute(f"DELETE FROM {world.tables['c']} WHERE namespace = 'n9'")


def test_what_a_person_has_comes_before_what_comes_with_another_role(world, people):
    """Any role may let a person in among its members."""
    ann, crowd = people("ann", "crowd")
    give(world, crowd, "ProjectViewer", "own")
    with world.login(ann) as session:
        world.db.execute(f"GRANT {crowd} TO {ann}")
        assert project_of(session) == "own"
        give(world, ann, "ProjectViewer", "other")
        assert project_of(session) == "other"


def test_the_default_role_is_replaced_on_its_project(world, people):
    """And there alone: who has worked there by it still does, and who came by a role on another project is there."""
    (ann, bob) = people("ann", "bob")
    world.db.execute(f"GRANT conifer_people TO {ann}")
    world.db.execute("SELECT pc_set_default_role('DataPlaneEditor', project => 'own')")
    count = f"SELECT count(*) FROM {world.tables['a']}"
    with world.login(ann) as session:
        assert (project_of(session), session.execute(count).fetchone()) == ("own", (4,))
        give(world, ann, "ControlPlaneViewer", "other")
        assert (project_of(session), session.execute(count).fetchone()) == ("own", (4,))
        give(world, ann, "ControlPlaneViewer", "own")
        session.execute("SET conifer.project = 'own'")
        assert state(session, count) == "42501"
    give(world, bob, "DataPlaneViewer", "other")
    with world.login(bob) as session:
        assert project_of(session) == "other"
        session.execute("SET conifer.project = 'own'")
        assert session.execute(count).fetchone() == (4,)


def test_the_default_role_comes_before_what_comes_with_another_role(world, people):
    """Who owns a project may give its roles to a group that somebody is in: it diverts nobody who works by the default role."""
    ann, crowd = people("ann", "crowd")
    world.db.execute(f"GRANT conifer_people TO {ann}; GRANT {crowd} TO {ann}")
    world.db.execute("SELECT pc_set_default_role('DataPlaneEditor', project => 'own')")
    with world.login(ann) as session:
        assert project_of(session) == "own"
        give(world, crowd, "ProjectViewer", "other")
        assert project_of(session) == "own"
        # in the place of the default role
        give(world, crowd, "DataPlaneViewer", "own")
        assert project_of(session) == "own" and state(session, f"DELETE FROM {world.tables['a']}") == "42501"
        give(world, ann, "ProjectViewer", "default")
        assert project_of(session) == "own"  # Ann was among the people before
    world.db.execute("DELETE FROM pc_auth.member WHERE member = ANY (%s)", [[ann, crowd]])


def test_what_a_person_has_comes_before_the_default_role(world, people):
    (ann,) = people("ann")
    give(world, ann, "ProjectViewer", "other")
    world.db.execute("SELECT pc_set_default_role('DataPlaneEditor', project => 'own')")
    with world.login(ann) as session:
        assert project_of(session) == "other"
        give(world, ann, "ProjectViewer", "own")
        assert project_of(session) == "other"


def test_a_role_that_is_given_again_keeps_its_place(world, people):
    (ann,) = people("ann")
    give(world, ann, "ProjectViewer", "other")
    give(world, ann, "ProjectViewer", "own")
    given = "SELECT granted_at FROM pc_auth.member WHERE member = %s AND project_id = (SELECT project_id FROM pc_auth.project WHERE name = 'other')"
    before = world.db.execute(given, [ann]).fetchall()
    give(world, ann, "ProjectViewer", "other")
    assert world.db.execute(given, [ann]).fetchall() == before
    with world.login(ann) as session:
        assert project_of(session) == "other"
