"""ALTER EXTENSION … UPDATE of `conifer` and `vector`, by scripts written as sql/engine.sql asks for."""

import re

import psycopg
import pytest

from tests.support.cluster import Cluster, ROOT, readable

# What an update of the engine would be: it goes to whoever holds the engine.
UPDATE = """{share}
DO $update$ BEGIN
IF pg_catalog.share_engine() = '{name}' THEN
EXECUTE $engine$ CREATE FUNCTION addition() RETURNS int LANGUAGE sql AS 'SELECT 1' $engine$;
END IF;
END $update$;
DROP FUNCTION pg_catalog.share_engine();
"""


@pytest.fixture(scope="module")
def updated(tmp_path_factory):
    """A server with a newer version of both extensions, 99."""
    place = tmp_path_factory.mktemp("newer")
    readable(place)
    (place / "extension").mkdir()
    server = Cluster(18, "update", {"extension_control_path": f"{place}:$system"})
    try:
        share = re.match(r".*?\$share\$;\nSELECT pg_catalog\.share_engine\(\);\n", (ROOT / "sql/engine.sql").read_text(), re.DOTALL)[0]
        installed = server.bindir.parent / "share/postgresql/extension"
        ours = {"conifer": installed, "vector": ROOT / "target/pg/vector/extension"}
        for name, source in ours.items():
            for file in source.glob(f"{name}*"):
                if f"'$libdir/conifer'" in (source / f"{name}.control").read_text():
                    (place / "extension" / file.name).write_text(file.read_text())
            (version,) = re.findall(r"default_version = '(.*)'", (source / f"{name}.control").read_text())
            script = UPDATE.format(share=share, name=name)
            (place / f"extension/{name}--{version}--99.sql").write_text(script)
        yield server
    finally:
        server.destroy()


@pytest.mark.peer
@pytest.mark.parametrize("made", [["vector"], ["conifer"], ["vector", "conifer"], ["conifer", "vector"]])
def test_update(updated, made):
    holder, *other = made
    database = "_".join(made)
    updated.create_database(database)
    with updated.connect(database) as session:
        schema = "engine" if made == ["vector", "conifer"] else "public"
        session.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}; CREATE EXTENSION {holder} SCHEMA {schema}")
        for name in other:
            session.execute(f"CREATE EXTENSION {name}")
        belongs = """SELECT e.extname, p.pronamespace::regnamespace::text FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
            JOIN pg_extension e ON e.oid = d.refobjid WHERE proname = 'addition'"""
        for name in reversed(made):
            session.execute(f"ALTER EXTENSION {name} UPDATE TO '99'")
            found = session.execute(belongs).fetchall()
            assert found == ([(holder, schema)] if name == holder else [])
            for dependent in other:
                with pytest.raises(psycopg.errors.DependentObjectsStillExist) as refused:
                    session.execute(f"DROP EXTENSION {holder}")
                assert f"extension {dependent} depends on extension {holder}" in refused.value.diag.message_detail
        dependencies = "SELECT count(*) FROM pg_depend WHERE classid = 'pg_extension'::regclass AND refclassid = 'pg_extension'::regclass"
        assert session.execute(dependencies).fetchone() == (len(other),)
        assert session.execute("SELECT to_regprocedure('pg_catalog.share_engine()')").fetchone() == (None,)
