"""docs/releasing.md: databases of all releases can be brought up to date, and then are like new ones."""

import difflib
import re
import subprocess

import pytest

from tests.extension.definition import definition
from tests.extension.versions import version_of
from tests.support.cluster import ROOT, Cluster, readable

RELEASES = ROOT / "sql/releases"


@pytest.fixture(scope="module")
def server():
    server = Cluster(18, "releases")
    yield server
    server.destroy()


@pytest.fixture
def place(tmp_path):
    """Makes a directory that the server reads extensions' files from."""
    readable(tmp_path)

    def place(name, files):
        (tmp_path / name / "extension").mkdir(parents=True)
        for file, text in files.items():
            (tmp_path / name / "extension" / file).write_text(text)
        return tmp_path / name

    return place


def current(server, name):
    """The files of an extension as they are installed."""
    installed = server.bindir.parent / "share/postgresql" if name == "conifer" else ROOT / "target/pg/vector"
    names = re.compile(rf"{name}(\.control|--.*\.sql)")
    return {file.name: file.read_text() for file in (installed / "extension").iterdir() if names.fullmatch(file.name)}


def made(server, name, *steps):
    """A database that comes about by steps: where files are, and a statement."""
    database = "made"
    server.create_database(database)
    try:
        with server.connect(database) as session:
            for where, statement in steps:
                session.execute("SELECT set_config('extension_control_path', %s, false)", [f"{where}:$system"])
                session.execute(statement)
            members = session.execute("""SELECT pg_describe_object(classid, objid, objsubid) FROM pg_depend JOIN pg_extension e ON e.oid = refobjid
                WHERE refclassid = 'pg_extension'::regclass AND deptype = 'e' AND extname = %s ORDER BY 1""", [name]).fetchall()
            held = session.execute("SELECT extversion, extconfig::regclass[]::text, extcondition FROM pg_extension WHERE extname = %s", [name])
            return [str(row) for row in (*members, held.fetchone())] + definition(server, database)
    finally:
        server.drop_database(database)


def drift(server, name, version, old, new):
    """How a database of a release, whose files are in `old`, differs from one of `new` when it has been brought up to date."""
    update = [(new, f"ALTER EXTENSION {name} UPDATE")] if version != version_of(name) else []
    older = made(server, name, (old, f"CREATE EXTENSION {name} VERSION '{version}'"), *update)
    newer = made(server, name, (new, f"CREATE EXTENSION {name}"))
    return [line for line in difflib.unified_diff(older, newer, "released", "new", n=0, lineterm="")]


@pytest.mark.peer
def test_all_releases(server, place):
    news = {name: place(f"new-{name}", current(server, name)) for name in ("conifer", "vector")}
    for file in sorted(RELEASES.glob("*.sql")):
        name, version = file.stem.split("--")
        files = {f"{name}.control": current(server, name)[f"{name}.control"], file.name: file.read_text()}
        assert drift(server, name, version, place(file.stem, files), news[name]) == [], file.name


@pytest.mark.peer
@pytest.mark.parametrize("name", ["conifer", "vector"])
def test_what_is_forgotten(server, place, name):
    """The comparison itself: of a change without a version, without a script, with half of one and with a whole one."""
    files, version = current(server, name), version_of(name)
    script = files[f"{name}--{version}.sql"]
    more = "\nCREATE FUNCTION once() RETURNS int LANGUAGE sql COST 7 AS 'SELECT 1';\n"
    new = place("new", {**files, f"{name}--{version}.sql": script + more})
    control = {f"{name}.control": files[f"{name}.control"]}
    same = place("same", {**control, f"{name}--{version}.sql": script})
    assert drift(server, name, version, new, new) == []
    found = drift(server, name, version, same, new)
    assert any("function once()" in line for line in found), found

    old = place("old", {**control, f"{name}--0.0.9.sql": script})
    with pytest.raises(Exception, match="no update path"):
        drift(server, name, "0.0.9", old, new)
    update = new / f"extension/{name}--0.0.9--{version}.sql"
    update.write_text(more.replace("COST 7", ""))
    assert any("COST 7" in line for line in drift(server, name, "0.0.9", old, new))
    update.write_text(more)
    assert drift(server, name, "0.0.9", old, new) == []


def test_released_scripts_stay():
    """What a tag has, the tree has, word for word."""

    def git(*words):
        done = subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True)
        return done.stdout if done.returncode == 0 else ""

    for tag in git("tag", "--list", "v[0-9]*").split():
        names = git("ls-tree", "--name-only", tag, "sql/releases/").split()
        assert f"sql/releases/conifer--{tag[1:]}.sql" in names, f"{tag} has not been frozen"
        for name in names:
            if name.endswith(".sql"):
                assert (ROOT / name).exists() and (ROOT / name).read_text() == git("show", f"{tag}:{name}"), f"{name} differs from {tag}"


def test_numbers_agree():
    version = version_of("conifer")
    assert f'pg_module_magic!(name = c"conifer", version = c"{version}")' in (ROOT / "src/lib.rs").read_text()
    assert re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1] == version
