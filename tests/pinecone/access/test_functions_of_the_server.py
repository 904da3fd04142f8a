"""Functions that PUBLIC may call: the server's catalog is gone through for those that lock what they are told, and for counters of rows and pages."""

import itertools
import re

import pytest

from tests.pinecone.access.fast_path import FastPath
from tests.pinecone.access.world import create_key, refusal, state, world

__all__ = ["world"]

OF_SOMEBODY = """
    CREATE SCHEMA locked; GRANT USAGE ON SCHEMA locked TO PUBLIC;
    CREATE TABLE locked.t (a int PRIMARY KEY, b text); CREATE VIEW locked.v AS SELECT * FROM locked.t; CREATE SEQUENCE locked.q;
    CREATE RULE r AS ON INSERT TO locked.v DO INSTEAD INSERT INTO locked.t VALUES (new.*);
    CREATE TABLE locked.p (a int) PARTITION BY RANGE (a); CREATE TABLE locked.p1 PARTITION OF locked.p FOR VALUES FROM (1) TO (9);
    CREATE FUNCTION locked.f(x int) RETURNS int BEGIN ATOMIC SELECT count(*)::int FROM locked.t; END;
    CREATE TYPE locked.ty AS (a int);
"""
OIDS = [f"'locked.{name}'::regclass" for name in ("t", "v", "q", "p", "p1", "t_pkey")]
ARGUMENTS = {
    "regclass": OIDS,
    "oid": [*OIDS, "'locked.f'::regproc", "'locked.ty'::regtype", "'locked'::regnamespace", "(SELECT min(oid) FROM pg_rewrite WHERE ev_class = 'locked.v'::regclass)"],
    "text": ["'function'", "'type'", "'locked.t'", "'locked.v'", "'locked'", "'a'"],
    "name": ["'locked'"], "regnamespace": ["'locked'"], "int4": ["1"], "int8": ["1"], "bool": ["true"],
    "_text": ["'{locked,f}'::text[]", "'{locked.ty}'::text[]", "'{int4}'::text[]", "'{}'::text[]"],
}
LOCKS = "SELECT count(*) FROM pg_locks WHERE pid = pg_backend_pid() AND (locktype = 'object' OR relation::regclass::text LIKE 'locked.%')"
# Of these nothing is locked, or they would end the test.
HARMLESS = "^(pg_sleep|pg_terminate|pg_cancel|lo_|pg_(try_)?advisory|has_|text|name|like|array_|regexp|json|pg_stat_get|database_to_xml$|pg_logical|pg_log_|row_security)"
MEASURES = "^pg_(stat_get_.*|(relation|table|indexes|total_relation|database|tablespace)_size)$"
# Of sessions, and of replication.
SHOWN = ("^pg_stat_get_(activity|archiver|snapshot_timestamp|recovery_prefetch|replication_slot|subscription|subscription_stats|wal_receiver|wal_senders|"
         "backend_(idset|pid|userid|dbid|activity|activity_start|client_addr|client_port|start|wait_event|wait_event_type|xact_start|subxact))$")


def functions(db, condition):
    """Functions that PUBLIC may call: name, types of arguments, whether it has a column list of its own."""
    return db.execute(f"""
        SELECT p.proname, ARRAY(SELECT t.typname::text FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, n) JOIN pg_type t ON t.oid = a.type ORDER BY n)
          FROM pg_proc p WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f'
           AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl) WHERE grantee = 0)) AND {condition} ORDER BY p.oid""").fetchall()


@pytest.fixture(params=["server", pytest.param("peer_server", marks=pytest.mark.peer)])
def place(request):
    """A server of each major, with a limited key and a wide one."""
    server, name = request.getfixturevalue(request.param), "functions_of_the_server"
    server.create_database(name, "with_conifer")
    with server.connect(name) as db:
        db.execute("""SELECT pc_create_index('a', 2), pc_upsert('a', '[{"id": "x", "values": [1, 2]}]', 'n1')""")
        db.execute(OF_SOMEBODY)
        keys = create_key(db, "narrow", namespaces='{"a": ["n1"]}')[0], create_key(db, "wide")[0]
        yield server, name, db, *keys
        db.execute("DROP EXTENSION conifer CASCADE")
    server.drop_database(name)


def test_functions_that_lock(place):
    """What leaves a lock on something when it is called, or when its error is rolled back to a savepoint, is not for keys."""
    server, name, db, _, wide = place
    found = {}
    typed = "proargtypes::oid[] && '{regclass,oid,text,name,_text,regnamespace}'::regtype[]::oid[] AND pronargs BETWEEN 1 AND 4 AND proname !~ '" + HARMLESS + "'"
    db.execute("CREATE ROLE function_caller LOGIN")
    try:
        with server.connect(name, user="function_caller") as caller:
            for function, types in functions(db, typed):
                if not all(kind in ARGUMENTS for kind in types):
                    continue
                for arguments in itertools.islice(itertools.product(*(ARGUMENTS[kind] for kind in types)), 40):
                    call = f"pg_catalog.{function}({', '.join(arguments)})"
                    failed = state(caller, f"BEGIN; SAVEPOINT s; SELECT count(*) FROM {call} AS called")
                    told = caller.execute(f"{'ROLLBACK TO s' if failed else 'SELECT 1'}; {LOCKS}; ROLLBACK")
                    told.nextset()
                    if told.fetchone()[0]:
                        found.setdefault(function, call)
    finally:
        db.execute("DROP ROLE function_caller")
    assert {"pg_get_object_address", "pg_get_viewdef", "nextval", "pg_partition_tree", "pg_get_functiondef"} <= set(found), found
    with server.connect(name, user=wide) as key:
        for function, call in found.items():
            assert state(key, f"SELECT count(*) FROM {call} AS called") == "42501", call


def test_functions_that_count(place):
    """Every counter and every size is withheld from a key that is limited to namespaces, but those of sessions and replication."""
    server, name, db, narrow, wide = place
    dummies = {"oid": "'0'::oid", "regclass": "'pc_data.i_1'::regclass", "int4": "0", "text": "'main'", "name": "'postgres'"}
    seen = 0
    with server.connect(name, user=narrow) as key, server.connect(name, user=wide) as other:
        for function, types in functions(db, f"proname ~ '{MEASURES}'"):
            call = f"SELECT count(*) FROM pg_catalog.{function}({', '.join(dummies[kind] for kind in types)}) AS called"
            hidden = not re.match(SHOWN, function)
            assert (state(key, call) == "42501") is hidden, call
            assert state(other, call) != "42501", call
            seen += hidden
        for position in ("pg_current_wal_lsn", "pg_current_wal_insert_lsn", "pg_current_wal_flush_lsn", "pg_last_wal_replay_lsn", "pg_last_wal_receive_lsn", "pg_control_checkpoint"):
            assert state(key, f"SELECT {position}()") == "42501", position
            assert state(other, f"SELECT {position}()") is None, position
        assert seen > 80
        for view in ("pg_stat_activity", "pg_stat_replication", "pg_stat_ssl"):
            assert state(key, f"SELECT * FROM {view}") is None, view
        assert key.execute("SELECT id FROM pc_query('a', '[1,2]', namespace => 'n1')").fetchall() == [("x",)]
        assert key.execute("SELECT record_count_estimate FROM pc_describe_index('a')").fetchone() == (1,)


SEQUENCES = ("SELECT nextval('{r}')", "SELECT currval('{r}')", "SELECT setval('{r}', 1)", "SELECT setval('{r}', 1, true)", "SELECT pg_sequence_last_value('{r}')",
             "SELECT nextval(oid::regclass) FROM pg_class WHERE oid = '{r}'::regclass", "SELECT nextval('{r}'::text::regclass)",
             "WITH w AS (SELECT 1 FROM generate_series(1, 1) WHERE nextval('{r}') > 0) SELECT * FROM w", "SELECT (SELECT nextval('{r}'))",
             "SELECT query_to_xml('SELECT nextval(''{r}'')', true, true, '')", "DECLARE c CURSOR FOR SELECT nextval('{r}')", "DEALLOCATE ALL; PREPARE n AS SELECT nextval('{r}')",
             "DEALLOCATE ALL; PREPARE n (bigint) AS SELECT $1; EXECUTE n(nextval('{r}'))", "DEALLOCATE ALL; PREPARE n (bigint) AS SELECT $1; EXPLAIN EXECUTE n(nextval('{r}'))",
             "VALUES (nextval('{r}'))", "SELECT 1 ORDER BY nextval('{r}')", "SELECT * FROM nextval('{r}')")


@pytest.mark.parametrize("path", ["login", "pooled"])
def test_sequences(world, path):
    """A sequence on which a key has something is its own; nothing else is locked, neither by an error that is rolled back to a savepoint."""
    role, whole = world.key("counts", control_plane="None", data_plane="ReadOnly")
    world.db.execute("CREATE SCHEMA IF NOT EXISTS seq; GRANT USAGE ON SCHEMA seq TO PUBLIC; CREATE SEQUENCE seq.hidden; CREATE SEQUENCE seq.given")
    group = "conifer_keys" if path == "login" else "conifer_gateway"
    world.db.execute(f"GRANT USAGE, UPDATE ON SEQUENCE seq.given TO {group}; CREATE TABLE seq.t (n bigint DEFAULT nextval('seq.hidden'), m int); GRANT INSERT ON seq.t TO {group}")
    world.db.execute(f"GRANT USAGE ON SEQUENCE seq.hidden TO {group}; REVOKE USAGE ON SEQUENCE seq.hidden FROM {group}")
    try:
        with world.login(role if path == "login" else world.gateway, autocommit=False) as session:
            if path == "pooled":
                session.execute("SELECT pc_use_key(%s)", [whole])
            held = "SELECT relation::regclass::text FROM pg_locks WHERE pid = %s AND relation = ANY (%s::regclass[])"
            relations = [world.tables["c"], world.tables["a"], "seq.hidden", "pc.index_reg"]
            for relation, asked in itertools.product(relations, SEQUENCES):
                if path == "pooled" and "PREPARE" in asked:
                    continue
                session.execute("SAVEPOINT s")
                assert state(session, asked.format(r=relation)) == "42501", (relation, asked)
                session.execute("ROLLBACK TO s; RELEASE s")
                assert world.db.execute(held, [session.info.backend_pid, relations]).fetchall() == [], (relation, asked)
            assert session.execute("SELECT nextval('seq.given'), setval('seq.given', 7), currval('seq.given')").fetchone() == (1, 7, 7)
            assert state(session, "SELECT nextval('seq.nothing')") == "42P01"
            session.rollback()
        error = refusal(world.login(role), "SELECT nextval(oid::regclass) FROM pg_class LIMIT 1")
        assert "literal" in error.diag.message_hint
    finally:
        world.db.execute("DROP SCHEMA seq CASCADE")


def test_defaults_of_columns(world):
    """The sequence is the table's owner's word."""
    role = world.key("writes")[0]
    world.db.execute("CREATE SCHEMA IF NOT EXISTS seq; GRANT USAGE ON SCHEMA seq TO PUBLIC; CREATE TABLE seq.t (n bigserial, m int); GRANT INSERT, SELECT ON seq.t TO conifer_keys")
    world.db.execute("GRANT USAGE ON SEQUENCE seq.t_n_seq TO conifer_keys")
    try:
        with world.login(role) as session:
            assert session.execute("INSERT INTO seq.t (m) VALUES (1), (2) RETURNING n").fetchall() == [(1,), (2,)]
            with session.cursor().copy("COPY seq.t (m) FROM STDIN") as copy:
                copy.write("3\n")
            assert session.execute("SELECT n FROM seq.t").fetchall() == [(1,), (2,), (3,)]
            assert state(session, "COPY seq.t (m) FROM STDIN WHERE nextval('pc_data.i_1') > 0") == "42501"
    finally:
        world.db.execute("DROP SCHEMA seq CASCADE")


def test_calls_without_a_statement_lock_nothing(world):
    numbers = world.db.execute("SELECT 'nextval'::regproc::oid::int, 'pg_get_viewdef(text)'::regprocedure::oid::int, %s::regclass::oid::text", [world.tables["c"]]).fetchone()
    with FastPath(world.server, world.database, world.key("fast")[0]) as session:
        assert session.call(numbers[0], numbers[2]) == "42501"
        assert session.call(numbers[1], "pg_views") == "42501"


STRANGE = ("PREPARE p AS SELECT * FROM app.t", "PREPARE p AS DELETE FROM app.t", "PREPARE p AS INSERT INTO app.t VALUES (1)", "PREPARE p AS SELECT * FROM app.v",
           "PREPARE p AS SELECT 1 WHERE EXISTS (SELECT FROM app.t)", "DECLARE c CURSOR FOR SELECT * FROM app.t", "PREPARE p AS SELECT * FROM app.t FOR UPDATE",
           "PREPARE p AS SELECT * FROM app.q", "PREPARE p AS SELECT * FROM pg_authid")


def test_tables_that_are_nothing_to_a_key_are_not_locked(world):
    """Also an application's: a statement that is prepared would lock them until the transaction ends."""
    role = world.key("prepares")[0]
    world.db.execute("""CREATE SCHEMA app; GRANT USAGE ON SCHEMA app TO PUBLIC; CREATE TABLE app.t (a int); CREATE VIEW app.v AS SELECT * FROM app.t; CREATE SEQUENCE app.q;
                        CREATE TABLE app.mine (a int, b int); GRANT SELECT (a) ON app.mine TO conifer_keys""")
    try:
        with world.login(role, autocommit=False) as session:
            for statement in STRANGE:
                session.execute("SAVEPOINT s")
                assert state(session, statement) == "42501", statement
                session.execute("ROLLBACK TO s")
            result = session.pgconn.prepare(b"parsed", b"SELECT * FROM app.t")
            assert "permission denied for table t" in result.error_message.decode()
            session.execute("ROLLBACK TO s")
            locks = "SELECT relation::regclass::text FROM pg_locks WHERE pid = %s AND relation::regclass::text LIKE 'app.%%'"
            assert world.db.execute(locks, [session.info.backend_pid]).fetchall() == []
            session.execute("PREPARE mine AS SELECT a FROM app.mine")
            assert session.execute("EXECUTE mine").fetchall() == []
            assert "sequence q" in refusal(session, "SELECT * FROM app.q").diag.message_primary
    finally:
        world.db.execute("DROP SCHEMA app CASCADE")


def test_savepoints_within_savepoints(world):
    """Each that writes is a lock of its own, in a table that is the server's; four times as many as there are for each session."""
    (most,) = world.db.execute("SELECT 4 * setting::int FROM pg_settings WHERE name = 'max_locks_per_transaction'").fetchone()
    for role in (world.key("nests", data_plane="None", control_plane="None")[0], world.gateway):
        with world.login(role, autocommit=False) as session:
            if role == world.gateway:
                session.execute("SELECT '[1]'::vector")  # loads the library
            for _ in range(most):
                session.execute("SAVEPOINT s")
                session.execute("SELECT pg_current_xact_id()")
            error = refusal(session, "SAVEPOINT s")
            assert error.sqlstate == "54000" and "RELEASE" in error.diag.message_hint
            session.execute("ROLLBACK TO s")
            for _ in range(most + 9):  # one after the other
                session.execute("RELEASE s; SAVEPOINT s; SELECT pg_current_xact_id()")
    with world.login("postgres", autocommit=False) as session:
        for _ in range(most + 9):
            session.execute("SAVEPOINT s")
