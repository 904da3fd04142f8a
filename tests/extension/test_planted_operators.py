"""CREATE EXTENSION in a schema where somebody else has put operators and functions first: none of them is run, then or later."""

import itertools

import pytest

from tests.pinecone.access.world import state

TYPES = ("oid", "regclass", "regrole", "regnamespace", "regproc", "name", "text", "varchar", '"char"', "integer", "bigint", "boolean", "jsonb", "uuid")
OPERATORS = ("=", "<>", "||", "~", "!~", "~~", "<", ">", "<=", ">=")
# Whatever has come from outside the server and the extension into an expression of the extension's.
FOREIGN = """
    WITH own AS (
        SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
         WHERE d.deptype = 'e' AND e.extname IN ('conifer', 'vector')
    ), parts AS (
        SELECT classid, objid FROM own
        UNION SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r JOIN own ON own.objid = r.ev_class
        UNION SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c JOIN own ON own.objid = c.conrelid
        UNION SELECT 'pg_attrdef'::regclass, a.oid FROM pg_attrdef a JOIN own ON own.objid = a.adrelid
        UNION SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p JOIN own ON own.objid = p.polrelid
        UNION SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t JOIN own ON own.objid = t.tgrelid
    )
    SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0) || ' uses ' || pg_describe_object(d.refclassid, d.refobjid, 0)
      FROM parts JOIN pg_depend d USING (classid, objid)
     WHERE d.refclassid IN ('pg_operator'::regclass, 'pg_proc'::regclass) AND d.refobjid >= 16384
       AND NOT EXISTS (SELECT FROM own WHERE own.classid = d.refclassid AND own.objid = d.refobjid)
"""
NEW_INDEX = "SELECT pc_create_index('movies', 2)"
LATER = (
    "SELECT * FROM pc_list_indexes()", "SELECT * FROM pc_describe_index('movies')", "SELECT * FROM pc_security_report()",
    """SELECT pc_upsert('movies', '[{"id": "a", "values": [1, 1]}]')""", "SELECT pc_create_project('p')", "SELECT pc_create_api_key('k')",
    "SELECT pc_create_index('table', from_table => 'public.docs')", "SELECT * FROM pc_list('table')", "SELECT pc_delete_index('table')",
    "SELECT pc_delete_index('movies')",
)


@pytest.fixture
def planted(server, empty_database):
    """A database where a role without rights has put its own operators into public."""
    role = f"{empty_database}_frank"
    with server.connect(empty_database) as admin:
        admin.execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}")
        with server.connect(empty_database, user=role) as frank:
            for left, right in itertools.product(TYPES, TYPES):
                made = f"""CREATE FUNCTION public.planted({left}, {right}) RETURNS boolean LANGUAGE plpgsql
                           AS $$ BEGIN RAISE EXCEPTION 'planted'; END $$;"""
                for name in OPERATORS:
                    made += f"CREATE OPERATOR public.{name} (FUNCTION = public.planted, LEFTARG = {left}, RIGHTARG = {right});"
                frank.execute(made)
        admin.execute(f"REVOKE CREATE ON SCHEMA public FROM {role}")
    yield empty_database
    with server.connect(empty_database) as admin:
        admin.execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


@pytest.mark.parametrize("schema", ["public", "other"])
def test_operators_of_the_extension_s_schema(server, planted, schema):
    with server.connect(planted) as admin:
        admin.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        if schema != "public":
            # The engine in public, and the rest elsewhere.
            admin.execute("CREATE EXTENSION vector SCHEMA public")
        admin.execute(f"CREATE EXTENSION conifer SCHEMA {schema}")
        admin.execute("SET search_path = pg_catalog")
        assert [row[0] for row in admin.execute(FOREIGN)] == []
        admin.execute(f"SET search_path = pg_catalog, {schema}, public")
        admin.execute("""CREATE TABLE public.docs (id text COLLATE "C" PRIMARY KEY, "values" vector(2) NOT NULL, metadata jsonb NOT NULL)""")
        admin.execute(NEW_INDEX)
        for statement in LATER:
            assert state(admin, statement) is None, statement
        admin.execute("SET search_path = pg_catalog")
        assert [row[0] for row in admin.execute(FOREIGN)] == []
        admin.execute("DROP TABLE public.docs; DROP EXTENSION conifer CASCADE")
