"""The row type of an index's table is nobody's to use: what is made of it would keep the index from being deleted."""

import pytest

from tests.pinecone.access.world import state, world

__all__ = ["world"]

MADE = (
    "CREATE TABLE {own}.block (y {t})", "CREATE TABLE {own}.block (y {t}[])", "CREATE DOMAIN {own}.block AS {t}", "CREATE TYPE {own}.block AS (y {t})",
    "CREATE FUNCTION {own}.block({t}) RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE FUNCTION {own}.block() RETURNS SETOF {t} LANGUAGE plpgsql AS 'BEGIN END'",
)


@pytest.fixture
def maker(world):
    """A person who owns a schema."""
    person, schema = world.people["ProjectEditor"], f"{world.stranger}_schema"
    world.db.execute(f"CREATE SCHEMA {schema} AUTHORIZATION {person}")
    with world.login(person, autocommit=False) as session:
        yield session, schema
    world.db.execute(f"DROP SCHEMA {schema} CASCADE")


@pytest.mark.parametrize("made", MADE)
def test_nothing_is_made_of_a_row_type(world, maker, made):
    """Of a project of one's own or of another one's; what the type was restored with, pc_sync_roles takes away."""
    session, schema = maker
    for index in ("a", "c"):
        assert state(session, made.format(own=schema, t=world.tables[index])) == "42501"
        session.rollback()
    world.db.execute(f"GRANT USAGE ON TYPE {world.tables['c']} TO PUBLIC")
    assert state(session, made.format(own=schema, t=world.tables["c"])) is None
    session.rollback()
    world.db.execute("SELECT pc_sync_roles()")
    assert state(session, made.format(own=schema, t=world.tables["c"])) == "42501"
    session.rollback()


def test_nothing_is_made_of_the_row_type_of_a_view(world, maker):
    session, schema = maker
    world.db.execute("""CREATE TABLE public.rows_of (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(2) NOT NULL,
        metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id))""")
    world.db.execute("SELECT pc_create_index('rows', from_table => 'public.rows_of')")
    try:
        (view,) = world.db.execute("SELECT 'pc_data.i_' || index_id FROM pc.index_reg WHERE name = 'rows'").fetchone()
        assert state(session, f"CREATE TABLE {schema}.block (y {view})") == "42501"
        session.rollback()
    finally:
        world.db.execute("SELECT pc_delete_index('rows'); DROP TABLE public.rows_of")


def test_a_row_type_is_read_as_before(world, maker):
    session, _ = maker
    session.execute("SET conifer.project = 'own'")
    found = session.execute(f"SELECT (t).id, (t::{world.tables['a']}).namespace FROM {world.tables['a']} t ORDER BY 1 LIMIT 1").fetchone()
    assert found == ("n1-1", "n1")
