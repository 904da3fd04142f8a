"""What others make that names an index's table keeps the index from being deleted only while they have something on it: otherwise whoever was given a role once,
or by a session that has not loaded the library nobody ever, could keep an index for good."""

import time

import pytest

from tests.pinecone.access.world import refusal, state, world

__all__ = ["world"]

MAKES = {
    "a policy": "CREATE POLICY p ON ms.t USING (EXISTS (SELECT FROM {table}))",
    "a function": "CREATE FUNCTION ms.f() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM {table}; END",
    "a rule": "CREATE RULE r AS ON INSERT TO ms.t DO ALSO DELETE FROM {table}",
    "a view": "CREATE VIEW ms.v AS SELECT id FROM {table}",
    "a view of a view": "CREATE VIEW ms.v AS SELECT id FROM {table}; CREATE VIEW ms.w AS SELECT * FROM ms.v",
    "a view that groups by the key": "CREATE VIEW ms.v AS SELECT metadata FROM {table} GROUP BY namespace, id",
    "a default": "CREATE FUNCTION ms.f() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM {table}; END; ALTER TABLE ms.t ALTER x SET DEFAULT ms.f()",
}
LEFT = """SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid AND relkind = 'v') + (SELECT count(*) FROM pg_proc WHERE pronamespace = n.oid)
               + (SELECT count(*) FROM pg_policy WHERE polrelid = 'ms.t'::regclass) + (SELECT count(*) FROM pg_rewrite WHERE ev_class = 'ms.t'::regclass)
            FROM pg_namespace n WHERE nspname = 'ms'"""


@pytest.fixture(params=["table", "view"])
def brief(request, world):
    """An index that is to be deleted, on its own table or over one of a user's."""
    world.db.execute("""CREATE TABLE public.source (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(2) NOT NULL,
                                                    metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id))""")
    how = "2" if request.param == "table" else "from_table => 'public.source'"
    yield world.db.execute(f"SELECT table_name::text FROM pc_create_index('brief', {how})").fetchone()[0]
    world.db.execute("DROP SCHEMA IF EXISTS ms CASCADE; SELECT pc_delete_index('brief') WHERE pc_has_index('brief')")
    world.db.execute("DROP TABLE public.source")


@pytest.fixture
def mallory(world, brief):
    """A person with a schema and a table of their own, and a role of the project."""
    name = f"{world.stranger}_mallory"
    world.db.execute(f"CREATE ROLE {name} LOGIN; CREATE SCHEMA ms AUTHORIZATION {name}; GRANT USAGE ON SCHEMA ms TO PUBLIC")
    world.db.execute("SELECT pc_grant_role(%s, 'DataPlaneEditor', 'own')", [name])
    with world.login(name) as session:
        session.execute("CREATE TABLE ms.t (x bigint)")
    yield name
    world.db.execute("DELETE FROM pc_auth.member WHERE member = %s", [name])
    world.db.execute(f"DROP OWNED BY {name} CASCADE; DROP ROLE {name}")


def loses(world, role):
    world.db.execute("SELECT pc_revoke_role(%s, 'DataPlaneEditor', 'own')", [role])


@pytest.mark.parametrize("what", MAKES)
def test_of_somebody_with_nothing_on_it(world, brief, mallory, what):
    if "key" in what and brief not in world.db.execute("SELECT ARRAY(SELECT oid::regclass::text FROM pg_class WHERE relkind = 'r')").fetchone()[0]:
        pytest.skip("a view has no key")
    with world.login(mallory) as session:
        session.execute(MAKES[what].format(table=brief))
    assert world.db.execute(LEFT).fetchone() > (0,)
    with world.login(world.key("deletes")[0]) as key:
        said = refusal(key, "SELECT pc_delete_index('brief')")
        assert said.sqlstate == "2BP01" and "ms" in said.diag.message_detail
        loses(world, mallory)
        assert state(key, "SELECT pc_delete_index('brief')") is None
    assert world.db.execute(LEFT).fetchone() == (0,)
    assert world.db.execute("SELECT to_regclass('ms.t') IS NOT NULL, to_regclass(%s) IS NULL", [brief]).fetchone() == (True, True)


def test_of_somebody_who_has_something_on_top_of_it(world, brief, mallory):
    """It is named, and all stays."""
    editor = world.people["DataPlaneEditor"]
    world.db.execute(f"CREATE SCHEMA ed AUTHORIZATION {editor}")
    try:
        with world.login(mallory) as session:
            session.execute(f"CREATE VIEW ms.v AS SELECT id FROM {brief}; GRANT SELECT ON ms.v TO PUBLIC")
        with world.login(editor) as session:
            session.execute("CREATE VIEW ed.mine AS SELECT * FROM ms.v")
        loses(world, mallory)
        with world.login(world.key("deletes")[0]) as key:
            said = refusal(key, "SELECT pc_delete_index('brief')")
            assert said.sqlstate == "2BP01" and "ed.mine" in said.diag.message_detail
        assert world.db.execute("SELECT to_regclass('ed.mine') IS NOT NULL").fetchone() == (True,)
    finally:
        world.db.execute("DROP SCHEMA ed CASCADE")


def test_of_somebody_who_keeps_it_locked(world, brief, mallory):
    """The deletion does not wait, with the index locked."""
    with world.login(mallory) as session, world.login(mallory, autocommit=False) as busy, world.login(world.key("deletes")[0]) as key:
        session.execute(MAKES["a policy"].format(table=brief))
        loses(world, mallory)
        busy.execute("SELECT FROM ms.t")
        begun = time.monotonic()
        assert state(key, "SELECT pc_delete_index('brief')") == "2BP01" and time.monotonic() - begun < 2
        busy.rollback()
        assert state(key, "SELECT pc_delete_index('brief')") is None
