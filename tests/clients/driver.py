"""Runs clients: each a program in an environment of its own (dev/clients makes them), on a database of its own."""

import json
import os
import subprocess
import time
from dataclasses import dataclass

import psycopg
import pytest

from tests.clients.task import TASK
from tests.support.cluster import ROOT

HERE, MADE = ROOT / "tests/clients", ROOT / "target/clients"

LANGUAGES = {
    "python": lambda name: [MADE / "python/bin/python", HERE / f"python/{name}.py"],
    "stores": lambda name: [MADE / "stores/bin/python", HERE / f"stores/{name}.py"],
    "node": lambda name: [MADE / "python/bin/node", MADE / f"node/{name}.js"],
    "rust": lambda name: [MADE / f"rust/debug/{name}"],
}


@dataclass
class Done:
    """What a client has answered, and a session in the database that it leaves behind."""

    answers: dict
    db: psycopg.Connection


@pytest.fixture(scope="module")
def done(request, server):
    """The task, done by the client that the test is parametrized with: its language and its program's name."""
    language, name = request.param
    database = f"client_{name}"
    server.create_database(database)
    try:
        with server.connect(database) as db:
            db.execute(f"ALTER DATABASE {database} SET enable_seqscan = off")  # tables this small need no index
        environment = {**os.environ, **server.env, "PGDATABASE": database}
        program = subprocess.run(
            LANGUAGES[language](name), input=json.dumps(TASK), capture_output=True, text=True, env=environment, timeout=120
        )
        if program.returncode:
            pytest.fail(f"{name} ended with {program.returncode}:\n{program.stderr}", pytrace=False)
        with server.connect(database) as db:
            yield Done(json.loads(program.stdout), db)
    finally:
        server.drop_database(database)


def clients(**programs):
    """Parametrize a module's tests with programs, by the name of the client: `name=(language, program)`."""
    return pytest.mark.parametrize("done", programs.values(), ids=programs, indirect=True, scope="module")


def used_indexes(db):
    """Table, column, access method, operator class and options of each vector index; fail if one was not used."""
    query = """
        SELECT s.relname, attname, amname, opcname, reloptions, idx_scan
          FROM pg_stat_user_indexes s
          JOIN pg_index i USING (indexrelid)
          JOIN pg_class c ON c.oid = indexrelid
          JOIN pg_am m ON m.oid = relam
          JOIN pg_opclass o ON o.oid = indclass[0]
          JOIN pg_attribute a ON attrelid = i.indrelid AND attnum = indkey[0]
         WHERE amname IN ('hnsw', 'ivfflat')
         ORDER BY indexrelid
    """
    deadline = time.monotonic() + 10  # counts arrive a little after a session has ended
    while True:
        indexes = db.execute(query).fetchall()
        if all(scans for *_, scans in indexes) or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert all(scans for *_, scans in indexes), indexes
    return [(*index, _options(options)) for *index, options, _ in indexes]


def _options(options):
    pairs = (option.split("=") for option in options or [])
    return tuple(sorted((name, int(value)) for name, value in pairs))
