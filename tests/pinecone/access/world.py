"""Two projects with keys of all kinds and people of all roles, for the tests of access."""

import itertools
import json

import psycopg
import pytest

from tests.pinecone.access.oracle import COLUMNS, LEVELS

_numbers = itertools.count(1)
LEVEL = {"w": "ReadWrite", "r": "ReadOnly", "n": "None"}
SCOPES = {
    "project": {},
    "index": {"indexes": ["a"]},
    "namespace": {"namespaces": json.dumps({"a": ["n1"]})},
}
NAMESPACES = ("n1", "n2")


def create_key(db, name="key", **options) -> tuple[str, str]:
    """Create a key and return its role and the whole key. `options` are arguments of pc_create_api_key."""
    casts = {"indexes": "text[]", "namespaces": "jsonb", "roles": "text[]", "expires_at": "timestamptz"}
    words = "".join(f", {key} => %s::{casts.get(key, 'text')}" for key in options)
    return db.execute(f"SELECT * FROM pc_create_api_key(%s{words})", [name, *options.values()]).fetchone()


class World:
    """Project `own` with indexes a and b, project `other` with index c, each with two records in n1 and n2."""

    def __init__(self, server, database: str, keys: bool = True):
        self.server, self.database = server, database
        self.db = db = server.connect(database)
        self.tables = {}
        for project, indexes in {"own": "ab", "other": "c"}.items():
            db.execute("SELECT pc_create_project(%s)", [project])
            db.execute("SELECT set_config('conifer.project', %s, false)", [project])
            for index in indexes:
                self.tables[index] = db.execute("SELECT table_name::text FROM pc_create_index(%s, 2)", [index]).fetchone()[0]
                for namespace in NAMESPACES:
                    records = [{"id": f"{namespace}-{i}", "values": [1, i], "metadata": {"of": index}} for i in (1, 2)]
                    db.execute("SELECT pc_upsert(%s, %s, %s)", [index, json.dumps(records), namespace])
        db.execute("SELECT pc_create_project('empty')")
        db.execute("SET conifer.project = 'own'")
        tag = database.replace("test_", "")
        self.gateway = f"app_{tag}"
        self.people = {role: f"p_{tag}_{role.lower()}" for role in LEVELS}
        self.stranger = f"stranger_{tag}"
        for role in [self.gateway, self.stranger, *self.people.values()]:
            db.execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN")
        db.execute(f"GRANT conifer_gateway TO {self.gateway}")
        for role, member in self.people.items():
            project = None if role.startswith("Org") else "own"
            db.execute("SELECT pc_grant_role(%s, %s, %s)", [member, role, project])
        self.keys = {}
        if keys:
            for levels, (scope, options) in itertools.product((*COLUMNS, "All"), SCOPES.items()):
                wish = {"general": "All"} if levels == "All" else dict(
                    control_plane=LEVEL[levels[0]], data_plane=LEVEL[levels[1]]
                )
                self.keys[levels, scope] = self.key(f"{levels} {scope}", **wish, **options)

    def key(self, name="key", **options) -> tuple[str, str]:
        """A new key of project `own`, or of another one: its role and the whole key."""
        return create_key(self.db, name, **{"project": "own", **options})

    def login(self, user: str, **options) -> psycopg.Connection:
        """A session of a role. Whatever it waits for, it does not wait for ever."""
        options.setdefault("options", "-c statement_timeout=20s")
        return self.server.connect(options.pop("database", None) or self.database, user=user, **options)

    def close(self) -> None:
        """Drop the roles, which belong to the cluster."""
        self.db.close()
        with self.server.connect(self.database) as db:
            db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
            db.execute("SELECT count(pc_revoke_api_key(key_id)) FROM pc_auth.api_key WHERE revoked_at IS NULL")
            for role in [self.gateway, self.stranger, *self.people.values()]:
                db.execute(f"DELETE FROM pc_auth.member WHERE member = '{role}'")
                db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.fixture(scope="module")
def world(server):
    """A world of its own for the module that imports this; tests make the keys that they need."""
    name = f"world_{next(_numbers)}"
    server.create_database(name, "with_conifer")
    world = World(server, name, keys=False)
    yield world
    world.close()
    server.drop_database(name)


def state(session: psycopg.Connection, statement: str, *params) -> str | None:
    """The SQLSTATE that a statement ends with; None if it works."""
    try:
        session.execute(statement, params or None)
    except psycopg.Error as error:
        return error.sqlstate or "lost"
    return None


def refusal(session: psycopg.Connection, statement: str, *params) -> psycopg.Error:
    """The error that a statement must end with."""
    with pytest.raises(psycopg.Error) as caught:
        session.execute(statement, params or None)
    return caught.value


def ids(session: psycopg.Connection, statement: str) -> list[str]:
    """The first column."""
    return sorted(row[0] for row in session.execute(statement))
