"""make deb: the packages, installed into and removed from a Debian tree of nothing but PostgreSQL and its libraries."""

import gzip
import os
import shutil
import subprocess

import psycopg
import pytest

from tests.support.cluster import ROOT, Cluster

MAJOR = 15
CONIFER, VECTOR, PGVECTOR = (f"postgresql-{MAJOR}-{name}" for name in ("conifer", "conifer-vector", "pgvector"))
SCRIPTS, LIBRARIES = f"usr/share/postgresql/{MAJOR}/extension", f"usr/lib/postgresql/{MAJOR}/lib"
# What the tree was unpacked from, as its dpkg would know it.
PRESENT = {f"postgresql-{MAJOR}": f"{MAJOR}.1-1", "libc6": "2.36-9", "libgcc-s1": "12.2.0-14"}
ENVIRONMENT = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", "LC_ALL": "C.UTF-8"}

pytestmark = pytest.mark.skipif(not shutil.which("dpkg-deb"), reason="packages are built on Debian")


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=ENVIRONMENT)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def packages():
    """The packages' files by name; a dev build stands in for the release."""
    status, said = run("dev/deb", str(MAJOR), "dev")
    assert status == 0, said
    files = [ROOT / line for line in said.splitlines() if line.endswith(".deb")]
    return {file.name.split("_")[0]: file for file in files}


class Tree:
    """The unpacked server, by hard links: dpkg never writes into a file, but puts another in its place."""

    def __init__(self, root):
        self.root = root
        subprocess.run(["cp", "-al", (ROOT / f"target/pg/{MAJOR}").resolve(), root], check=True)
        for directory, pattern in [(SCRIPTS, "conifer*"), (SCRIPTS, "vector*"), (LIBRARIES, "conifer*"), (LIBRARIES, "vector*")]:
            for file in (root / directory).glob(pattern):
                file.unlink()
        for directory in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/log"):
            (root / directory).mkdir(parents=True)
        (root / "var/lib/dpkg/status").touch()
        for parent in (root, root / "var"):
            parent.chmod(0o755)

    def dpkg(self, *arguments):
        return run("dpkg", f"--root={self.root}", "--force-not-root", *map(str, arguments))

    def know(self, packages):
        with (self.root / "var/lib/dpkg/status").open("a") as status:
            for name, version in packages.items():
                status.write(f"Package: {name}\nStatus: install ok installed\nMaintainer: a\nArchitecture: amd64\n")
                status.write(f"Multi-Arch: foreign\nVersion: {version}\nDescription: a part of the tree\n\n")

    def installed(self):
        _, said = run("dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${Package} ${Status}\n")
        return {line.split()[0] for line in said.splitlines() if line.endswith(" install ok installed")} - PRESENT.keys()

    def files(self):
        return {str(path.relative_to(self.root)) for path in (self.root / "usr").rglob("*")}


@pytest.fixture
def tree():
    root = (ROOT / "target/pg").resolve() / f"deb-{os.getpid()}"
    shutil.rmtree(root, ignore_errors=True)
    try:
        yield Tree(root)
    finally:
        shutil.rmtree(root)


def small_package(place, name, *fields, files=()):
    """A package of someone else."""
    (place / name / "DEBIAN").mkdir(parents=True)
    lines = [f"Package: {name}", "Version: 0.7.0-1", "Architecture: all", "Maintainer: a", *fields, "Description: of someone else"]
    (place / name / "DEBIAN/control").write_text("\n".join(lines) + "\n")
    for file in files:
        (place / name / file).parent.mkdir(parents=True, exist_ok=True)
        (place / name / file).write_text("theirs\n")
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", place / name, place / f"{name}.deb"], check=True, capture_output=True)
    return place / f"{name}.deb"


def test_contents(packages, tmp_path):
    assert set(packages) == {CONIFER, VECTOR}
    for name, file in packages.items():
        subprocess.run(["dpkg-deb", "-R", file, tmp_path / name], check=True)
    contents = {
        name: {str(path.relative_to(tmp_path / name)) for path in (tmp_path / name).rglob("*") if path.is_file()} for name in packages
    }
    version = next(line.split('"')[1] for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version"))

    def common(name):
        return {"DEBIAN/control", "DEBIAN/md5sums", f"usr/share/doc/{name}/copyright", f"usr/share/doc/{name}/changelog.gz"}

    scripts = {f"{SCRIPTS}/conifer.control", f"{SCRIPTS}/conifer--{version}.sql"}
    assert contents[CONIFER] - common(CONIFER) == {f"{LIBRARIES}/conifer.so"} | scripts
    assert {file.split("--")[0] for file in contents[VECTOR] - common(VECTOR)} == {f"{SCRIPTS}/vector", f"{SCRIPTS}/vector.control"}
    # from pgvector, and back
    assert {f"{SCRIPTS}/vector--{way}.sql" for way in ("0.5.0--0.8.600", "0.8.6--0.8.600", "0.8.600--0.8.6")} < contents[VECTOR]
    sections = subprocess.run(
        ["objdump", "-h", tmp_path / CONIFER / LIBRARIES / "conifer.so"], capture_output=True, text=True, check=True
    ).stdout
    assert ".text" in sections and ".debug" not in sections
    notices = (tmp_path / CONIFER / f"usr/share/doc/{CONIFER}/copyright").read_text()
    assert "MIT OR Apache-2.0" in notices and "  rayon 1." in notices and "Permission is hereby granted, free of charge" in notices
    changes = gzip.decompress((tmp_path / CONIFER / f"usr/share/doc/{CONIFER}/changelog.gz").read_bytes())
    assert changes == (ROOT / "CHANGELOG.md").read_bytes()


def test_install_and_remove(packages, tree, tmp_path):
    before = tree.files()
    status, said = tree.dpkg("-i", packages[CONIFER])
    assert status and f"depends on postgresql-{MAJOR}" in said and "libc6 (>= 2." in said and "libgcc-s1" in said
    assert tree.dpkg("--purge", CONIFER)[0] == 0
    tree.know(PRESENT)
    status, said = tree.dpkg("-i", packages[CONIFER])
    assert status == 0, said
    theirs = small_package(tmp_path, PGVECTOR, files=[f"{SCRIPTS}/vector.control", f"{LIBRARIES}/vector.so"])
    assert tree.dpkg("-i", theirs)[0] == 0
    assert tree.installed() == {CONIFER, PGVECTOR}

    server = Cluster(tree.root / f"usr/lib/postgresql/{MAJOR}/bin", "deb")
    try:
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            session.execute("SELECT pc_create_index('films', 2)")
            session.execute("""SELECT pc_upsert('films', '[{"id": "a", "values": [1, 2]}]')""")
            assert session.execute("SELECT id FROM pc_query('films', '[2,1]')").fetchall() == [("a",)]

        # The alias takes pgvector's place, for what depends on that as well, and neither goes beside the other.
        status, said = tree.dpkg("-i", packages[VECTOR])
        assert status == 0, said
        assert tree.installed() == {CONIFER, VECTOR} and not (tree.root / LIBRARIES / "vector.so").exists()
        status, said = tree.dpkg("-i", theirs)
        assert status and "conflict" in said and tree.installed() == {CONIFER, VECTOR}
        assert tree.dpkg("-i", small_package(tmp_path, "app", f"Depends: {PGVECTOR} (>= 0.7.0)"))[0] == 0
        server.create_database("plain", "template0")
        with server.connect("plain") as session:
            session.execute("CREATE EXTENSION vector")
            session.execute("CREATE TABLE items AS SELECT '[1,2]'::vector(2) AS v")
            session.execute("CREATE INDEX ON items USING hnsw (v vector_l2_ops)")
            assert session.execute("SELECT v::text FROM items ORDER BY v <-> '[0,0]'").fetchall() == [("[1,2]",)]

        status, said = tree.dpkg("--remove", CONIFER)
        assert status and VECTOR in said
        for packages_removed in (["app", VECTOR], [CONIFER]):
            status, said = tree.dpkg("--remove", *packages_removed)
            assert status == 0, said
        with server.connect("template1") as session:
            for name in ("conifer", "vector"):
                with pytest.raises(psycopg.errors.FeatureNotSupported):
                    session.execute(f"CREATE EXTENSION {name}")
    finally:
        server.destroy()
    assert tree.installed() == set() and tree.files() == before
