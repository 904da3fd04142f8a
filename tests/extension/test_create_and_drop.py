"""The extension as a whole: other schemas, other roles, and its end."""

import psycopg
import pytest


def test_in_a_schema_of_its_own(server, empty_database):
    with server.connect(empty_database) as db:
        db.execute('CREATE SCHEMA "Odd ""schema"""')
        db.execute('CREATE EXTENSION conifer SCHEMA "Odd ""schema"""')
        s = '"Odd ""schema"""'
        db.execute(f"SELECT {s}.pc_create_index('things', 2)")
        db.execute(f"""SELECT {s}.pc_upsert('things', '[{{"id": "a", "values": [1, 2]}}]')""")
        db.execute(f"SELECT {s}.pc_upsert_many('things', ARRAY['b'], ARRAY['[2,1]']::{s}.vector[])")
        rows = db.execute(f"SELECT id FROM {s}.pc_query('things', '[2,1]')").fetchall()
        assert rows == [("b",), ("a",)]
        assert db.execute(f"SELECT id FROM {s}.pc_query('things', id => 'a')").fetchall() == [("a",), ("b",)]


def test_drop_leaves_nothing(db):
    catalog = "SELECT count(*) FROM pg_{} WHERE oid >= 16384"
    query = "SELECT id FROM pc_query('things', '[1,2]')"
    db.execute("SELECT pc_create_index('things', 2)")
    db.execute(query)
    with pytest.raises(psycopg.errors.DependentObjectsStillExist):
        db.execute("DROP EXTENSION conifer")
    db.execute("DROP EXTENSION conifer CASCADE")
    for kind in ["type", "proc", "operator", "cast", "opclass", "opfamily", "class", "namespace", "extension"]:
        assert db.execute(catalog.format(kind)).fetchone() == (0,), kind
    # plans that the session keeps from before name types that are gone
    db.execute("CREATE EXTENSION conifer")
    assert db.execute("SELECT count(*) FROM pc_list_indexes()").fetchone() == (0,)
    db.execute("SELECT pc_create_index('things', 2)")
    assert db.execute(query).fetchall() == []


def test_a_drop_that_a_savepoint_took_back_is_none(db):
    """The commit takes nothing away, and goes through."""
    roles = "SELECT rolname FROM pg_roles WHERE rolname ~ '^(conifer|cf)' ORDER BY 1"
    db.execute("SELECT pc_create_index('docs', 2); SELECT pc_upsert('docs', '[{\"id\": \"a\", \"values\": [1, 2]}]')")
    db.execute("SELECT pc_create_api_key('k')")
    before = db.execute(roles).fetchall()
    db.execute("BEGIN; SAVEPOINT s; DROP EXTENSION conifer CASCADE; ROLLBACK TO s; COMMIT")
    assert db.execute(roles).fetchall() == before
    assert db.execute("SELECT count(*) FROM pc_fetch('docs', ARRAY['a'])").fetchone() == (1,)


@pytest.mark.parametrize("who", ["postgres", "its owner"])
@pytest.mark.parametrize("how", ["DROP SCHEMA ext, other CASCADE", "DROP OWNED BY holder CASCADE"])
def test_a_drop_of_the_schema_takes_the_roles_along(server, empty_database, who, how):
    """The extension goes with it, by a command of another name; where a drop fails or leaves the extension, so do they stay."""
    left = "SELECT count(*) FROM pg_roles WHERE rolname ~ '^cf[kpi]_' AND shobj_description(oid, 'pg_authid') ~ %s"
    marks = "SELECT count(*) FROM pg_db_role_setting s JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) AS c WHERE datname = %s AND c ~ '^conifer'"
    with server.connect(empty_database) as db:
        db.execute("CREATE ROLE holder SUPERUSER LOGIN; CREATE ROLE pdx LOGIN")
        try:
            with server.connect(empty_database, user="holder") as holder:
                holder.execute("CREATE SCHEMA ext; CREATE SCHEMA other; CREATE EXTENSION conifer SCHEMA ext; SET search_path = ext")
                holder.execute("SELECT pc_create_index('things', 2), pc_create_api_key('k'), pc_grant_role('pdx', 'ProjectViewer')")
            for statement in ("DROP SCHEMA other CASCADE; CREATE SCHEMA other", "BEGIN; SAVEPOINT s; DROP SCHEMA ext CASCADE; ROLLBACK TO s; COMMIT"):
                db.execute(statement)
            for refused in ("DROP SCHEMA ext", "DROP SCHEMA ext, nowhere CASCADE"):
                with pytest.raises(psycopg.Error):
                    db.execute(refused)
            with server.connect(empty_database, user="pdx") as stranger, pytest.raises(psycopg.Error):
                stranger.execute("DROP SCHEMA ext CASCADE")
            assert db.execute(left, [f", {empty_database}$"]).fetchone() > (0,) and db.execute(marks, [empty_database]).fetchone() == (1,)
            if who == "its owner":
                db.execute("ALTER ROLE holder NOSUPERUSER; ALTER SCHEMA other OWNER TO holder")
            with server.connect(empty_database, user="postgres" if who == "postgres" else "holder") as dropper:
                dropper.execute(how)
            assert db.execute("SELECT FROM pg_extension WHERE extname = 'conifer'").fetchone() is None
            assert db.execute(left, [f", {empty_database}$"]).fetchone() == (0,)
            assert db.execute(marks, [empty_database]).fetchone() == (0,)
            assert db.execute("SELECT FROM pg_auth_members WHERE member = 'pdx'::regrole").fetchone() is None
        finally:
            db.execute("DROP EXTENSION IF EXISTS conifer CASCADE; DROP SCHEMA IF EXISTS other; DROP SCHEMA IF EXISTS ext; DROP OWNED BY holder, pdx; DROP ROLE holder, pdx")


def test_others_are_refused(server, db, database):
    """Until there are keys, the catalogs and the tables are their owner's alone."""
    db.execute("SELECT pc_create_index('things', 2)")
    db.execute("DROP ROLE IF EXISTS stranger; CREATE ROLE stranger LOGIN")
    try:
        with psycopg.connect(
            host=server.env["PGHOST"], port=server.env["PGPORT"], user="stranger", dbname=database, autocommit=True
        ) as stranger:
            for command in [
                "SELECT pc_create_index('mine', 2)",
                "SELECT pc_list_indexes()",
                "SELECT pc_query('things', '[1,2]')",
                """SELECT pc_upsert('things', '[{"id": "a", "values": [1, 2]}]')""",
                "SELECT pc_delete('things', delete_all => true)",
                "SELECT pc_delete_index('things')",
                "SELECT * FROM pc_data.i_1",
                "SELECT * FROM pc.index_reg",
                "SELECT * FROM pc_auth.project",
            ]:
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    stranger.execute(command)
            assert stranger.execute("SELECT '[1,2]'::vector <-> '[1,2]'").fetchone() == (0.0,)
    finally:
        db.execute("DROP ROLE stranger")


@pytest.mark.parametrize("spoil, mend, said", [
    ("ALTER ROLE conifer_keys LOGIN", "ALTER ROLE conifer_keys NOLOGIN", 'role "conifer_keys" exists and has attributes that it must not have'),
    ("GRANT conifer_people TO {role} WITH ADMIN OPTION", "REVOKE conifer_people FROM {role}",
     'role "conifer_people" exists and can be given to anybody by role "{role}"'),
    ("GRANT conifer_gateway TO {role} WITH ADMIN OPTION", "REVOKE conifer_gateway FROM {role}",
     'role "conifer_gateway" exists and can be given to anybody by role "{role}"'),
    ("GRANT conifer_owner TO {role}", "REVOKE conifer_owner FROM {role}", 'role "conifer_owner" has members'),
])
def test_roles_that_are_somebody_s(server, empty_database, spoil, mend, said):
    """Roles by the names of Conifer's that were made before, or changed since, are not taken over."""
    role = f"{empty_database}_carl"
    with server.connect(empty_database) as db:
        db.execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role}")
        db.execute(spoil.format(role=role))
        try:
            with pytest.raises(psycopg.errors.DuplicateObject) as error:
                db.execute("CREATE EXTENSION conifer")
            assert error.value.diag.message_primary == said.format(role=role)
        finally:
            db.execute(mend.format(role=role))
            db.execute(f"DROP ROLE {role}")
        db.execute("CREATE EXTENSION conifer")
