"""Everybody tries everything, and what comes of it is compared, cell by cell, with the table in `oracle.py`."""

import contextlib
from collections import Counter
from dataclasses import dataclass
from typing import Callable

import psycopg
import pytest

from tests.pinecone.access import oracle
from tests.pinecone.access.oracle import Who
from tests.pinecone.access.world import World, create_key

STATES = {"42501": "-", "42P01": "?", "42704": "?", "0A000": "X"}


@dataclass
class Operation:
    """A statement, what is expected of it, and how its result is read: by default, whether there is a row."""

    name: str
    sql: str
    expect: Callable[[Who], str]
    read: Callable[[psycopg.Cursor], object] | None = None


def outcome(session, operation: Operation) -> str:
    """What a statement comes to, as a letter of the table. It is rolled back."""
    session.execute("SAVEPOINT before")
    try:
        if operation.sql.startswith("COPY") and "STDIN" in operation.sql:
            with session.cursor().copy(operation.sql) as copy:
                copy.write_row(("n1", "copied", "[1,1]", None, "{}"))
            got = "Y"
        elif operation.sql.startswith("COPY"):
            with session.cursor().copy(operation.sql) as copy:
                got = "Y" if len(list(copy)) else "0"
        else:
            cursor = session.execute(operation.sql)
            if operation.read:
                got = operation.read(cursor)
            elif cursor.description:
                got = "Y" if cursor.fetchone() else "0"
            elif cursor.statusmessage.split()[0] in ("INSERT", "UPDATE", "DELETE", "MERGE"):
                got = "Y" if cursor.rowcount else "0"
            else:
                got = "Y"
    except psycopg.Error as error:
        got = STATES.get(error.sqlstate, error.sqlstate)
    session.execute("ROLLBACK TO before; RELEASE before")
    return got


def truth(cursor) -> str:
    return "Y" if cursor.fetchone()[0] else "0"


def functions() -> list[Operation]:
    """Control and data plane."""
    def op(name, sql, does, index, namespace=None, read=None):
        return Operation(f"{name} {index} {namespace or ''}", sql, lambda who: oracle.function(who, does, index, namespace), read)

    vector = """[{"id": "new", "values": [1, 1]}]"""
    all = [op("create_index", "SELECT pc_create_index('fresh', 2)", "create", "fresh")]
    for index in ("a", "b", "c", "none"):
        all += [
            op("describe_index", f"SELECT pc_describe_index('{index}')", "describe", index),
            op("has_index", f"SELECT pc_has_index('{index}')", "has", index, read=truth),
            op("configure_index", f"""SELECT pc_configure_index('{index}', tags => '{{"k": "v"}}')""", "change", index),
            op("protect", f"SELECT pc_configure_index('{index}', deletion_protection => 'enabled')", "change", index),
            op("delete_index", f"SELECT pc_delete_index('{index}')", "change", index),
            op("stats", f"SELECT pc_describe_index_stats('{index}')", "read", index),
            op("stats by filter", f"""SELECT pc_describe_index_stats('{index}', '{{"of": "a"}}')""", "read", index),
            op("list_namespaces", f"SELECT * FROM pc_list_namespaces('{index}')", "read", index),
        ]
        for namespace in ("n1", "n2"):
            at = f"namespace => '{namespace}'"
            all += [
                op("query", f"SELECT * FROM pc_query('{index}', '[1,1]', {at})", "read", index, namespace),
                op("query by id", f"SELECT * FROM pc_query('{index}', id => '{namespace}-1', {at})", "read", index, namespace),
                op("fetch", f"SELECT * FROM pc_fetch('{index}', '{{{namespace}-1}}', {at})", "read", index, namespace),
                op("list", f"SELECT * FROM pc_list('{index}', {at})", "read", index, namespace),
                op("query by filter", f"""SELECT * FROM pc_query('{index}', '[1,1]', filter => '{{"of": "{index}"}}', {at})""", "read", index, namespace),
                op("query_namespaces", f"SELECT * FROM pc_query_namespaces('{index}', '[1,1]', '{{{namespace}}}')", "read", index, namespace),
                op("fetch_by_metadata", f"""SELECT * FROM pc_fetch_by_metadata('{index}', '{{"of": "{index}"}}', '{namespace}')""", "read", index, namespace),
                op("describe_namespace", f"SELECT * FROM pc_describe_namespace('{index}', '{namespace}')", "read", index, namespace),
                op("update", f"""SELECT pc_update('{index}', '{namespace}-1', set_metadata => '{{"a": 1}}', {at})""", "write", index, namespace, truth),
                op("update by filter", f"""SELECT pc_update('{index}', filter => '{{"of": "{index}"}}', set_metadata => '{{"a": 1}}', {at})""", "write",
                   index, namespace, truth),
                op("delete by filter", f"""SELECT pc_delete('{index}', filter => '{{"of": "{index}"}}', {at})""", "write", index, namespace, truth),
                op("delete_namespace", f"SELECT * FROM pc_delete_namespace('{index}', '{namespace}')", "write", index, namespace),
                op("upsert", f"SELECT pc_upsert('{index}', '{vector}', {at})", "write", index, namespace, truth),
                op("upsert over", f"SELECT pc_upsert('{index}', '{vector.replace('new', namespace + '-1')}', {at})", "write", index,
                   namespace, truth),
                op("upsert_many", f"""SELECT pc_upsert_many('{index}', '{{x}}', ARRAY['[1,1]'::vector], {at})""", "write", index,
                   namespace, truth),
                op("delete", f"SELECT pc_delete('{index}', '{{{namespace}-1}}', {at})", "write", index, namespace, truth),
                op("delete_all", f"SELECT pc_delete('{index}', delete_all => true, {at})", "write", index, namespace, truth),
            ]
    return all


def statements(tables: dict[str, str]) -> list[Operation]:
    """SQL on the tables of indexes."""
    def op(name, sql, does, index, namespace=None, read=None):
        return Operation(f"{name} {index} {namespace or ''}", sql, lambda who: oracle.raw(who, does, index, namespace), read)

    all = []
    for index, table in tables.items():
        for namespace in ("n1", "n2"):
            at, row = f"namespace = '{namespace}'", f"('{namespace}', 'new', '[1,1]')"
            old = f"('{namespace}', '{namespace}-1', '[1,1]')"
            into = f'INSERT INTO {table} (namespace, id, "values") VALUES'
            def ns(name, sql, does):
                return op(name, sql, does, index, namespace)
            all += [
                ns("SELECT", f"SELECT * FROM {table} WHERE {at}", "select"),
                ns("SELECT nearest", f"""SELECT id FROM {table} WHERE {at} ORDER BY "values" <=> '[1,1]' LIMIT 1""", "select"),
                ns("SELECT FOR UPDATE", f"SELECT * FROM {table} WHERE {at} FOR UPDATE", "update"),
                ns("SELECT FOR KEY SHARE", f"SELECT * FROM {table} WHERE {at} FOR KEY SHARE", "update"),
                ns("COPY query", f"COPY (SELECT * FROM {table} WHERE {at}) TO STDOUT", "select"),
                ns("INSERT", f"{into} {row}", "insert"),
                ns("INSERT RETURNING", f"{into} {row} RETURNING *", "insert"),
                ns("INSERT DO NOTHING", f"{into} {row} ON CONFLICT DO NOTHING", "insert"),
                ns("INSERT DO UPDATE", f"{into} {old} ON CONFLICT (namespace, id) DO UPDATE SET metadata = '{{}}'", "insert"),
                ns("UPDATE", f"UPDATE {table} SET metadata = '{{}}' WHERE {at}", "update"),
                ns("UPDATE RETURNING", f"UPDATE {table} SET metadata = '{{}}' WHERE {at} RETURNING *", "update"),
                ns("DELETE", f"DELETE FROM {table} WHERE {at}", "update"),
                ns("DELETE RETURNING", f"DELETE FROM {table} WHERE {at} RETURNING *", "update"),
                ns("MERGE", f"MERGE INTO {table} t USING (SELECT '{namespace}') s (n) ON t.namespace = n "
                            "WHEN MATCHED THEN UPDATE SET metadata = '{}'", "merge"),
                ns("MERGE INSERT", f"MERGE INTO {table} t USING (SELECT '{namespace}') s (n) ON false WHEN NOT MATCHED THEN "
                                   f"""INSERT (namespace, id, "values") VALUES {row}""", "insert"),
            ]
        all += [
            op("SELECT all", f"SELECT * FROM {table}", "select", index),
            op("EXPLAIN", f"EXPLAIN SELECT * FROM {table} WHERE namespace = 'n2'", "explain", index),
            op("EXPLAIN ANALYZE", f"EXPLAIN (ANALYZE) SELECT * FROM {table} WHERE namespace = 'n2'", "explain", index),
            op("EXPLAIN DELETE", f"EXPLAIN DELETE FROM {table}", "explain write", index),
            Operation(f"counters {index}", f"SELECT pg_stat_get_xact_tuples_returned('{table}'::regclass), pg_stat_get_blocks_hit('{table}'::regclass)",
                      oracle.counters),
            op("COPY TO", f"COPY {table} TO STDOUT", "select", index),
            op("COPY FROM", f"COPY {table} FROM STDIN", "copy from", index),
            op("move", f"UPDATE {table} SET namespace = 'n9' WHERE namespace = 'n1' AND id = 'n1-1'", "move", index),
            op("move to n2", f"UPDATE {table} SET namespace = 'n2' WHERE namespace = 'n1'", "move", index),
            op("move blindly", f"UPDATE {table} SET namespace = 'n9'", "move", index),
            op("DELETE all", f"DELETE FROM {table}", "update", index, "n1"),
        ]
        ddl = {
            "TRUNCATE": f"TRUNCATE {table}",
            "ADD COLUMN": f"ALTER TABLE {table} ADD COLUMN x int",
            "DISABLE RLS": f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            "NO FORCE": f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            "OWNER": f"ALTER TABLE {table} OWNER TO current_user",
            "CREATE POLICY": f"CREATE POLICY mine ON {table} USING (true)",
            "DROP POLICY": f"DROP POLICY reading ON {table}",
            "ALTER POLICY": f"ALTER POLICY reading ON {table} USING (true)",
            "DROP": f"DROP TABLE {table}",
            "CREATE INDEX": f"CREATE INDEX ON {table} (id)",
            "CREATE TRIGGER": f"CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
            "CREATE RULE": f"CREATE RULE r AS ON INSERT TO {table} DO ALSO NOTHING",
            "CREATE STATISTICS": f"CREATE STATISTICS public.st ON namespace, id FROM {table}",
            "COMMENT": f"COMMENT ON TABLE {table} IS 'x'",
            "REINDEX": f"REINDEX TABLE {table}",
            "CLUSTER": f"CLUSTER {table} USING {table.removeprefix('pc_data.')}_pkey",
        }
        all += [op(name, sql, "ddl", index) for name, sql in ddl.items()]
        all.append(op("LOCK", f"LOCK TABLE {table} IN ROW SHARE MODE", "lock", index))
    return all


CATALOGS = ("project", "group_role", "api_key", "key_scope", "key_use", "member", "organisation", "lock_secret", "key_home", "audit")


def refused(table: str) -> list[Operation]:
    """What nobody but superusers may, and what keys may not though people may."""
    never = {
        "INSERT registry": "INSERT INTO pc.index_reg (name, vector_type, metric, storage, m, ef_construction) VALUES ('x', 'sparse', 'dotproduct', 'vector', 1, 1)",
        "UPDATE registry": "UPDATE pc.index_reg SET name = 'x'",
        "move registry": "UPDATE pc.index_reg SET project_id = '00000000-0000-0000-0000-000000000000'",
        "DELETE registry": "DELETE FROM pc.index_reg",
        "TRUNCATE registry": "TRUNCATE pc.index_reg CASCADE",
        "next number": "SELECT nextval('pc.index_id_seq')",
        "next audit": "SELECT nextval('pc_auth.audit_seq')",
        "policy function": "SELECT pc_auth.reads_all(gen_random_uuid(), 1)",
        "trigger function": "SELECT pc_auth.follow_key()",
        "CREATE SCHEMA": "CREATE SCHEMA mine",
        "CREATE TABLE": "CREATE TABLE public.mine (a int)",
        "CREATE TABLE pc_data": "CREATE TABLE pc_data.mine (a int)",
        "CREATE FUNCTION": "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE ROLE": "CREATE ROLE another",
        "GRANT owner": "GRANT conifer_owner TO current_user",
        "GRANT gateway": "GRANT conifer_gateway TO current_user",
        "CREATE EXTENSION": "CREATE EXTENSION pg_trgm",
        "DROP EXTENSION": "DROP EXTENSION conifer",
        "ALTER EXTENSION": "ALTER EXTENSION conifer UPDATE",
        "COPY to file": "SELECT 1; COPY (SELECT 1) TO '/tmp/never'",
        "COPY to program": "SELECT 1; COPY (SELECT 1) TO PROGRAM 'cat'",
        "read file": "SELECT pg_read_file('PG_VERSION')",
        "SET ROLE owner": "SET ROLE conifer_owner",
        "SET ROLE postgres": "SET ROLE postgres",
        "become all people": f"SET LOCAL ROLE conifer_people; SELECT count(*) FROM {table}",
        "become all keys": f"SET LOCAL ROLE conifer_keys; SELECT count(*) FROM {table}",
        "index as all people": "SET LOCAL ROLE conifer_people; SELECT pc_create_index('raised', 2)",
        "EXPLAIN registry": "EXPLAIN ANALYZE SELECT 1 FROM pc.index_reg WHERE name = 'c'",
        "COPY registry": "COPY pc.index_reg TO STDOUT",
        "SELECT registry": "SELECT * FROM pc.index_reg",
        "SELECT description": "SELECT * FROM pc.index_description",
        "SET SESSION AUTHORIZATION": "SET SESSION AUTHORIZATION postgres",
        "shadow passwords": "SELECT * FROM pg_authid",
        "preload": "SET session_preload_libraries = ''",
        "replication role": "SET session_replication_role = replica",
    }
    for catalog in CATALOGS:
        never[f"SELECT {catalog}"] = f"SELECT * FROM pc_auth.{catalog}"
        never[f"DELETE {catalog}"] = f"DELETE FROM pc_auth.{catalog}"
        never[f"INSERT {catalog}"] = f"INSERT INTO pc_auth.{catalog} DEFAULT VALUES"
    keys = {
        "CREATE TEMP TABLE": "CREATE TEMP TABLE t (a int)",
        "SELECT INTO": "SELECT 1 AS a INTO TEMP t",
        "DO": "DO 'BEGIN END'",
        "lo_create": "SELECT lo_create(0)",
        "lo_from_bytea": "SELECT lo_from_bytea(0, 'x')",
        "lo_creat": "SELECT lo_creat(-1)",
        "LISTEN": "LISTEN channel",
        "NOTIFY": "NOTIFY channel, 'payload'",
        "pg_notify": "SELECT pg_notify('channel', 'payload')",
        "own password": "ALTER ROLE current_user PASSWORD 'x'",
        "no password": "ALTER ROLE current_user PASSWORD NULL",
        "own settings": "ALTER ROLE current_user SET work_mem = '1GB'",
        "TEMP SEQUENCE": "CREATE TEMP SEQUENCE s",
        "TEMP VIEW": "CREATE TEMP VIEW v AS SELECT 1",
    }

    def nobody(who: Who) -> str:
        return "-"

    def people(who: Who) -> str:
        return "-" if who.is_key else "Y"

    return [Operation(name, sql, nobody) for name, sql in never.items()] + [
        Operation(name, sql, people) for name, sql in keys.items()
    ]


def administration(own_key: str, other_key: str, tool: str, viewer: str) -> list[Operation]:
    """Projects, keys, members, audit."""
    def op(name, sql, does, read=None):
        return Operation(name, sql, lambda who: oracle.admin(who, does), read)

    def of_other(reads: bool):
        def expect(who: Who) -> str:
            letter = oracle.admin(who, "list keys" if reads else "keys")
            return "?" if letter == "Y" and who.role != "OrgOwner" else letter
        return expect

    def lists(who: Who) -> str:
        if who.is_key:
            return "28000" if who.levels is None and who.path == "pooled" else "-"
        return "-" if who.levels is None else "Y"

    def describes_other(who: Who) -> str:
        return "?" if lists(who) == "Y" and who.role not in ("OrgOwner", "OrgManager") else lists(who)

    all = [
        op("create_project", "SELECT pc_create_project('fresh')", "create project"),
        op("delete_project", "SELECT pc_delete_project('empty')", "delete project"),
        Operation("list_projects", "SELECT pc_list_projects()", lists),
        Operation("describe_project own", "SELECT pc_describe_project('own')", lists),
        Operation("describe_project other", "SELECT pc_describe_project('other')", describes_other),
        op("create_api_key", "SELECT pc_create_api_key('x')", "keys"),
        op("create_api_key other", "SELECT pc_create_api_key('x', project => 'other')", "keys of other"),
        op("list_api_keys", "SELECT pc_list_api_keys()", "list keys"),
        op("list_api_keys other", "SELECT pc_list_api_keys('other')", "keys of other"),
        op("describe_api_key", f"SELECT pc_describe_api_key('{own_key}')", "list keys"),
        Operation("describe_api_key other", f"SELECT pc_describe_api_key('{other_key}')", of_other(True)),
        op("list_members", "SELECT pc_list_members()", "members"),
        op("list_members other", "SELECT count(*) FROM pc_list_members('other')", "members of other"),
        op("grant_role", f"SELECT pc_grant_role('{tool}', 'ProjectOwner', 'own')", "members"),
        op("grant_role other", f"SELECT pc_grant_role('{tool}', 'ProjectViewer', 'other')", "members of other"),
        op("grant_role org", f"SELECT pc_grant_role('{tool}', 'OrgOwner')", "organisation"),
        op("revoke_role", f"SELECT pc_revoke_role('{viewer}', 'ProjectViewer', 'own')", "members"),
        op("security_report", "SELECT count(*) FROM pc_security_report()", "organisation"),
        op("set_default_role", "SELECT pc_set_default_role('ProjectViewer', 'own')", "organisation"),
        op("sync_roles", "SELECT pc_sync_roles()", "organisation"),
        op("make_independent", "SELECT pc_make_independent()", "organisation"),
        op("audit", "SELECT count(*) FROM pc_audit()", "audit"),
    ]
    for does, call in {
        "update": "pc_update_api_key('{}', general => 'All')",
        "widen": "pc_update_api_key('{}', indexes => '{{*}}')",
        "rotate": "pc_rotate_api_key('{}')",
        "revoke": "pc_revoke_api_key('{}')",
    }.items():
        all.append(op(f"{does}_api_key", f"SELECT {call.format(own_key)}", "keys"))
        all.append(Operation(f"{does}_api_key other", f"SELECT {call.format(other_key)}", of_other(False)))
    return all


def registry(tables) -> list[Operation]:
    """Reads of the registry and lists of indexes: as many as are in reach, and no others."""
    def counted(letter: str, who: Who) -> str:
        return str(oracle.shown(who)) if letter == "Y" else letter

    def count(cursor) -> str:
        return str(cursor.fetchone()[0])

    def listed(who: Who) -> str:
        return counted(oracle.function(who, "describe", "a"), who)

    def whoami(who: Who) -> str:
        return "Y"

    def use_key(who: Who) -> str:
        return "28P01" if who.path == "pooled" else "-"

    return [
        Operation("list_indexes", "SELECT count(*) FROM pc_list_indexes()", listed, count),
        Operation("whoami", "SELECT pc_whoami()", whoami),
        Operation("use_key", "SELECT pc_use_key('cfk_0000000000000000_" + "0" * 52 + "')", use_key),
    ]


@pytest.fixture(scope="module")
def world(server):
    name = "matrix"
    server.create_database(name, "with_conifer")
    world = World(server, name)
    yield world
    world.close()
    server.drop_database(name)


def sessions(world, database=None):
    """Everybody, with a session to try in: in the database, or in a copy of it, where no key can be named."""
    @contextlib.contextmanager
    def login(user, *setup):
        with world.login(user, database=database, autocommit=False) as session:
            for statement in setup:
                session.execute(statement)
            yield session
            session.rollback()

    for (levels, scope), (role, key) in world.keys.items():
        levels = levels.replace("All", "ww")
        yield Who(role, levels, scope), lambda role=role: login(role)
        if not database:
            yield Who(role, levels, scope, "pooled"), lambda key=key: login(world.gateway, f"SELECT pc_use_key('{key}')")
    yield Who("gateway", None, path="pooled"), lambda: login(world.gateway)
    for role, member in world.people.items():
        who = Who(member, oracle.LEVELS[role], role=role)
        yield who, lambda member=member: login(member, "SET conifer.project = 'own'")


def test_matrix(world, capsys):
    """The whole table."""
    own_key, other_key = world.key("victim")[0], create_key(world.db, "victim", project="other")[0]
    operations = [
        *functions(),
        *statements(world.tables),
        *refused(world.tables["a"]),
        *administration(own_key, other_key, world.stranger, world.people["ProjectViewer"]),
        *registry(world.tables),
    ]
    before = state(world)
    wrong, cells, letters = [], 0, Counter()
    for who, session in sessions(world):
        with session() as session:
            for operation in operations:
                want, got = operation.expect(who), outcome(session, operation)
                cells += 1
                letters[got] += 1
                if want != got:
                    wrong.append(f"{who.role or who.levels} {who.scope} {who.path}: {operation.name}: {got} instead of {want}")
    with capsys.disabled():
        print(f"\naccess matrix: {cells} cells, {len(operations)} operations; {dict(letters)}")
    assert not wrong, f"{len(wrong)} of {cells} cells:\n" + "\n".join(wrong[:60])
    assert cells > 10_000
    assert state(world) == before, "something was left behind"


@pytest.fixture
def copy(world):
    """A copy of the database, in the same cluster."""
    name = f"{world.database}_copy"
    world.db.close()
    world.server.create_database(name, world.database)
    world.db = world.server.connect(world.database)
    yield name
    world.server.drop_database(name)


def kinds(operations):
    """One operation of each name that differs in more than the index and namespace that it is on."""
    seen = {}
    for operation in operations:
        words = [word for word in operation.name.split() if word not in ("a", "b", "c", "none", "n1", "n2", "fresh")]
        seen.setdefault(" ".join(words), operation)
    return list(seen.values())


def test_matrix_of_a_copy(world, copy, capsys):
    """Two databases: in a copy the original's keys are refused whatever they try, logged in and pooled, and people may what they may in
    the original."""
    operations = kinds([*functions(), *statements(world.tables), *registry(world.tables)])
    before = state(world)
    wrong, cells, letters = [], 0, Counter()

    def try_all(who, session, expect, operations=operations):
        nonlocal cells
        for operation in operations:
            want, got = expect(operation), outcome(session, operation)
            cells += 1
            letters[got] += 1
            if got not in want:
                wrong.append(f"{who.role or who.levels} {who.scope} {who.path}: {operation.name}: {got} instead of {want}")

    def of_key(who):
        """What the server refuses a key before it asks who acts stays refused so."""
        return lambda operation: ("28000", "-") if operation.expect(who) == "-" else ("28000",)

    for who, session in sessions(world, copy):
        with session() as session:
            try_all(who, session, of_key(who) if who.is_key and who.path != "pooled" else lambda operation: (operation.expect(who),))
    nobody = Who("gateway", None, path="pooled")
    for role, key in world.keys.values():
        with world.login(world.gateway, database=copy, autocommit=False) as session:
            named = Operation(f"use_key {role}", f"SELECT pc_use_key('{key}')", lambda who: "28000")
            try_all(nobody, session, lambda operation: (operation.expect(nobody),), [named, *operations])
    with capsys.disabled():
        print(f"\naccess matrix of a copy: {cells} cells, {len(operations)} operations; {dict(letters)}")
    assert not wrong, f"{len(wrong)} of {cells} cells:\n" + "\n".join(wrong[:60])
    assert cells > 5_000
    assert state(world) == before, "something was left behind"


def state(world):
    """What must be as it was when everything that was tried has been rolled back."""
    rows = [world.db.execute(f"SELECT * FROM {table} ORDER BY namespace, id").fetchall() for table in world.tables.values()]
    catalogs = [world.db.execute(f"SELECT * FROM pc_auth.{name} t ORDER BY t::text").fetchall() for name in ("project", "api_key", "key_scope", "member", "group_role")]
    acl = world.db.execute("SELECT relname, relacl::text, relrowsecurity, relforcerowsecurity FROM pg_class WHERE relnamespace IN ('pc'::regnamespace, 'pc_auth'::regnamespace, 'pc_data'::regnamespace) ORDER BY 1").fetchall()
    roles = world.db.execute("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1").fetchall()
    return rows, catalogs, acl, roles
