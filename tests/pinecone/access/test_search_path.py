"""The schema of a role's own name, which is first in the server's search_path: a stranger who may create schemas puts nothing before
Conifer's functions there."""

import pytest

from tests.pinecone.access.world import create_key, world

__all__ = ["world"]

REPORT = "SELECT state, found FROM pc_security_report() WHERE item = %s"


@pytest.fixture
def eve(world):
    """A role that may create schemas, and is nobody else."""
    world.db.execute(f"GRANT CREATE ON DATABASE {world.database} TO {world.stranger}")
    yield world.stranger
    world.db.execute(f"REVOKE CREATE ON DATABASE {world.database} FROM {world.stranger}")


@pytest.fixture
def trap(world, eve):
    """A function that makes a schema of a role's name with functions that keep what they are told."""
    made = []

    def trap(role):
        with world.login(eve) as session:
            session.execute(f"""CREATE SCHEMA {role}; GRANT USAGE ON SCHEMA {role} TO PUBLIC;
                CREATE FUNCTION {role}.pc_use_key(text) RETURNS text LANGUAGE sql AS $$ SELECT 'caught ' || $1 $$;
                CREATE FUNCTION {role}.pc_whoami() RETURNS text LANGUAGE sql AS $$ SELECT 'caught' $$""")
        made.append(role)

    yield trap
    for role in made:
        world.db.execute(f"DROP SCHEMA {role} CASCADE")


def path(world, role):
    with world.login(role) as session:
        return session.execute("SHOW search_path").fetchone()[0]


def found(world, item):
    return world.db.execute(REPORT, [item]).fetchone()


def test_a_schema_with_the_name_of_a_key_is_not_looked_in(world, trap):
    key = world.key("caught")
    assert found(world, "schemas with the name of a role that is not their owner") == ("ok", "none")
    trap(key[0])
    with world.login(key[0]) as session:
        assert session.execute("SELECT id FROM pc_whoami()").fetchone() == (key[0],)
    assert found(world, "schemas with the name of a role that is not their owner") == ("fail", f"{key[0]} of {world.stranger}")
    assert found(world, "keys that look in a schema of their name") == ("ok", "none")
    assert world.stranger in found(world, "roles that may create schemas in this database")[1]


def test_a_path_that_was_taken_comes_back(world):
    key = world.key("reset")
    world.db.execute(f"ALTER ROLE {key[0]} RESET search_path")
    assert found(world, "keys that look in a schema of their name") == ("fail", key[0])
    assert world.db.execute("SELECT pc_sync_roles(), pc_sync_roles()").fetchone() == (1, 0)
    assert path(world, key[0]) == "public"
    world.db.execute(f"ALTER ROLE {key[0]} SET search_path = a, public")
    assert world.db.execute("SELECT pc_sync_roles()").fetchone() == (0,), "a superuser's choice"
    assert path(world, key[0]) == "a, public"


def test_a_key_has_the_path_of_the_database(world):
    """Without its own schema, and with that of the functions."""
    database = f"ALTER DATABASE {world.database} SET search_path"
    try:
        for given, expected in [('"$user", "App", public', '"App", public'), ("app", "public, app"), ('"with "" and , in it"', 'public, "with "" and , in it"')]:
            world.db.execute(f"{database} = {given}")
            assert path(world, create_key(world.db, "key", project="own")[0]) == expected
    finally:
        world.db.execute(f"ALTER DATABASE {world.database} RESET search_path")
    assert path(world, create_key(world.db, "key", project="own")[0]) == "public"


def test_a_pool_gets_its_path_from_its_administrator(world, trap):
    """The pool's role is not Conifer's: the report says what is missing."""
    pooled = "pooled roles that look in a schema of their name"
    state, names = found(world, pooled)
    assert state == "warn" and world.gateway in names.split(", ")
    trap(world.gateway)
    state, names = found(world, "schemas with the name of a role that is not their owner")
    assert state == "fail" and f"{world.gateway} of {world.stranger}" in names
    key = world.key("pooled")
    world.db.execute(f"ALTER ROLE {world.gateway} SET search_path = public")
    try:
        assert world.gateway not in found(world, pooled)[1].split(", ")
        with world.login(world.gateway, autocommit=False) as session:
            assert session.execute("SELECT pc_use_key(%s)", [key[1]]).fetchone() != (f"caught {key[1]}",)
            assert session.execute("SELECT id FROM pc_whoami()").fetchone() == (key[0],)
    finally:
        world.db.execute(f"ALTER ROLE {world.gateway} RESET search_path")
