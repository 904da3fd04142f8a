"""docs/operations.md: every example runs, in the order in which it stands there, and what it promises is so."""

import os
import re
import subprocess

import pytest

from tests.pinecone.access.keys_and_people import MEMBERS, PASSWORDS, expect, fill, sights
from tests.support.cluster import ROOT, Cluster
from tests.support.waiting import until


@pytest.fixture(scope="module")
def servers():
    old, new = Cluster(15, "operations-old", {"wal_level": "logical"}), Cluster(15, "operations-new")
    old.create_database("shop")
    yield old, new
    old.destroy()
    new.destroy()


def sections():
    """The shell examples by the heading that they stand under."""
    text = (ROOT / "docs/operations.md").read_text()
    parts = re.split(r"^## (.*)\n", text, flags=re.MULTILINE)[1:]
    found = {title: re.findall(r"^```sh\n(.*?)^```", body, re.MULTILINE | re.DOTALL) for title, body in zip(parts[::2], parts[1::2])}
    return {title: examples for title, examples in found.items() if examples}


def test_every_example(servers, tmp_path):
    old, new = servers
    with old.connect("shop") as here:
        here.execute("CREATE EXTENSION conifer")
        keys = fill(here)
        wanted = [here.execute(query).fetchall() for query in (PASSWORDS, MEMBERS)]
    environment = {**os.environ, "PATH": f"{old.bindir}:{os.environ['PATH']}", "PGUSER": "postgres", "PGPORT": old.env["PGPORT"]}

    def run(examples):
        for example in examples:
            script = example.replace("old.example", old.env["PGHOST"]).replace("new.example", new.env["PGHOST"])
            assert "example" not in script
            done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True)
            assert done.returncode == 0 and "ERROR" not in done.stderr, f"{example}\n{done.stdout}{done.stderr}"

    def same(database):
        with new.connect(database) as there:
            until(lambda: [there.execute(query).fetchall() for query in (PASSWORDS, MEMBERS)] == wanted)
        expect(sights(new, database, keys))

    def drop(*names):
        for name in names:
            with new.connect(name) as there:
                there.execute("DROP EXTENSION conifer CASCADE")
            new.drop_database(name)

    found = sections()
    assert list(found) == ["Dumps", "Restores", "Logical replication"] and all(found.values())
    run(found["Dumps"])
    first, second = found["Restores"]
    run([first])
    same("shop")
    drop("shop")
    run([second])
    same("bare")
    drop("bare")
    publish, subscribe, later, take_over = found["Logical replication"]
    run([publish, subscribe])
    with new.connect("shop") as there, old.connect("shop") as here:
        until(lambda: there.execute("SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel").fetchone() == (True,))
        same("shop")
        run([later])
        here.execute("""SELECT pc_upsert('later', '[{"id": "x", "values": [1, 2, 3]}]')""")
        key = here.execute("SELECT key_id FROM pc_create_api_key('late', indexes => '{later}')").fetchone()[0]
        until(lambda: there.execute("SELECT id FROM pc_data.i_4").fetchall() == [("x",)])
        until(lambda: there.execute("SELECT FROM pg_roles WHERE rolname = %s", [key]).fetchall() != [])
        until(lambda: there.execute(MEMBERS).fetchall() == here.execute(MEMBERS).fetchall())
        with new.connect("shop", user=key) as session:
            assert session.execute("SELECT id FROM pc_query('later', '[1,2,3]')").fetchall() == [("x",)]
        run([take_over])
        assert there.execute("SELECT table_name::text FROM pc_create_index('own', 2)").fetchone() == ("pc_data.i_5",)
