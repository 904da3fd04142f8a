"""Nobody but its owner drops Conifer, or moves its schema: not by way of the extension `vector`, of the schema, or of what they own."""

import pytest

from tests.pinecone.access.world import create_key, state

MOVES = (
    "DROP EXTENSION vector CASCADE", "DROP SCHEMA {schema} CASCADE", "DROP OWNED BY {owner} CASCADE", "ALTER EXTENSION vector SET SCHEMA other",
    "ALTER SCHEMA {schema} RENAME TO aside", "ALTER SCHEMA {schema} OWNER TO {other}", "DROP TYPE {schema}.vector CASCADE",
    "DROP ACCESS METHOD hnsw CASCADE",
)
ROLES = "SELECT count(*) FROM pg_roles WHERE rolname ~ '^cf[kpi]_' AND shobj_description(oid, 'pg_authid') ~ %s"


@pytest.fixture
def owner(server, empty_database):
    """The owner of the database, who has created `vector`, as every owner may; `conifer` is a superuser's."""
    owner, other = f"{empty_database}_owner", f"{empty_database}_other"
    with server.connect(empty_database) as db:
        db.execute(f"CREATE ROLE {owner} LOGIN; CREATE ROLE {other}; ALTER DATABASE {empty_database} OWNER TO {owner}; GRANT {other} TO {owner}")
        with server.connect(empty_database, user=owner) as session:
            session.execute("CREATE SCHEMA ext; CREATE SCHEMA other; CREATE EXTENSION vector SCHEMA ext")
        db.execute("CREATE EXTENSION conifer")
        db.execute("""SELECT pc_create_index('films', 2), pc_upsert('films', '[{"id": "a", "values": [1, 2]}]')""")
        key = create_key(db, "k")
        yield owner, other, key, db
        db.execute("DROP EXTENSION IF EXISTS conifer CASCADE; DROP EXTENSION IF EXISTS vector CASCADE; DROP SCHEMA IF EXISTS ext; DROP SCHEMA IF EXISTS other")
        db.execute(f"ALTER DATABASE {empty_database} OWNER TO postgres; DROP OWNED BY {owner}; DROP ROLE {owner}; DROP ROLE {other}")


def test_whoever_owns_vector(server, empty_database, owner):
    """Neither by the extension, nor by the schemas of the types and of the functions."""
    role, other, key, db = owner
    for schema in ("ext", "public"):
        for move in MOVES:
            # a session for each, which has not loaded the library
            with server.connect(empty_database, user=role) as session:
                # a type and an access method belong to the extension, or are not there
                refusals = {"42501"} if not move.startswith(("DROP TYPE", "DROP ACCESS")) else {"42501", "2BP01", "42704"}
                assert state(session, move.format(schema=schema, owner=role, other=other)) in refusals, move
    with server.connect(empty_database, user=key[0]) as session:
        assert session.execute("SELECT id FROM pc_query('films', '[1,2]')").fetchall() == [("a",)]
    report = "SELECT state, found FROM pc_security_report() WHERE item = 'extensions of roles without the rights of a superuser'"
    assert db.execute(report).fetchone() == ("warn", f"vector of {role}")
    # What is not Conifer's goes, and moves.
    with server.connect(empty_database, user=role) as session:
        session.execute("CREATE TABLE ext.mine (v ext.vector(2)); CREATE INDEX ON ext.mine USING hnsw (v ext.vector_l2_ops); DROP TABLE ext.mine")
        session.execute("ALTER SCHEMA other RENAME TO another; ALTER SCHEMA another RENAME TO other")


def test_types_that_are_taken_out_of_the_extension(server, empty_database, owner):
    """As where everything of a superuser's was given to somebody else: a type, and with it the columns of records."""
    role, _, _, db = owner
    db.execute("SELECT pc_create_index('half', 2, storage => 'halfvec')")
    db.execute(f"ALTER TYPE ext.halfvec OWNER TO {role}")
    with server.connect(empty_database, user=role) as session:
        assert state(session, "BEGIN; ALTER EXTENSION vector DROP TYPE ext.halfvec; DROP TYPE ext.halfvec CASCADE") == "42501"
        session.execute("ROLLBACK")
    assert db.execute("SELECT count(*) FROM pc_list_indexes()").fetchone() == (2,)


@pytest.mark.parametrize("how", ["DROP EXTENSION vector CASCADE", "DROP SCHEMA ext CASCADE", "DROP OWNED BY {owner} CASCADE"])
def test_the_roles_go_along(owner, how, empty_database):
    """Where a superuser drops Conifer so, no key goes on logging in."""
    role, _, _, db = owner
    assert db.execute(ROLES, [f", {empty_database}$"]).fetchone() == (2,)
    db.execute(how.format(owner=role))
    assert db.execute("SELECT FROM pg_extension WHERE extname = 'conifer'").fetchone() is None
    assert db.execute(ROLES, [f", {empty_database}$"]).fetchone() == (0,)


def test_functions_of_others_with_names_of_conifer_s(server, empty_database, owner):
    """The database's owner may create in its schema public: a function whose types are nearer is called in the place of Conifer's."""
    role, _, _, db = owner
    with server.connect(empty_database, user=role) as session:
        session.execute("CREATE FUNCTION public.pc_fetch(varchar, varchar) RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE FUNCTION public.pc_mine() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    report = "SELECT state, found FROM pc_security_report() WHERE item = 'functions of others with names of Conifer''s'"
    assert db.execute(report).fetchone() == ("warn", "public.pc_fetch(character varying,character varying)")
    with server.connect(empty_database, user=role) as session:
        session.execute("DROP FUNCTION public.pc_fetch(varchar, varchar), public.pc_mine()")
    assert db.execute(report).fetchone() == ("ok", "none")
