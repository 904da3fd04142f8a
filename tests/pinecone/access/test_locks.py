"""Locks: LOCK TABLE needs the rights that reading and writing need, and locks on namespaces neither reach nor tell beyond their index."""

import pytest

from tests.pinecone.access.world import create_key, state, world

__all__ = ["world"]

READS = ("ACCESS SHARE", "ROW SHARE")
STRONG = ("SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
MODES = (*READS, "ROW EXCLUSIVE", *STRONG)


@pytest.fixture
def everybody_writes(world):
    """The group of all people has the privileges of an editor; an index over a table of a user's is there, too."""
    world.db.execute("SELECT pc_set_default_role('DataPlaneEditor', 'own')")
    world.db.execute("""CREATE TABLE public.of_a_user (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(2) NOT NULL,
                                                       metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id))""")
    (view,) = world.db.execute("SELECT table_name::text FROM pc_create_index('u', from_table => 'public.of_a_user')").fetchone()
    yield [world.tables["a"], view]
    world.db.execute("SELECT pc_set_default_role(NULL), pc_delete_index('u')")
    world.db.execute("DROP TABLE public.of_a_user")


def loaded(world, role):
    """A session of a role that has the library: what a server with shared_preload_libraries gives it from the start."""
    session = world.login(role, autocommit=False)
    session.execute("SELECT pc_whoami()")
    session.commit()
    return session


def may_be_locked(relation, mode):
    """What the server itself lets through: conifer_owner has the mapped columns of a user's table alone, and no SELECT on the whole."""
    return relation == "pc_data.i_1" or mode != "ACCESS SHARE"


def lock(session, relation, mode):
    session.rollback()
    return state(session, f"LOCK TABLE {relation} IN {mode} MODE NOWAIT")


@pytest.mark.parametrize("role", ["ControlPlaneViewer", "DataPlaneViewer", "DataPlaneEditor", "ProjectEditor", "OrgOwner"])
def test_lock_table_is_judged_as_what_it_is_for(world, everybody_writes, role):
    reads, writes = role != "ControlPlaneViewer", role in ("DataPlaneEditor", "ProjectEditor", "OrgOwner")
    with loaded(world, world.people[role]) as session:
        for relation in everybody_writes:
            for mode in MODES:
                allowed = (mode in READS and reads or mode == "ROW EXCLUSIVE" and writes) and may_be_locked(relation, mode)
                assert lock(session, relation, mode) == (None if allowed else "42501"), (relation, mode)


@pytest.mark.parametrize("role", ["ControlPlaneViewer", "DataPlaneEditor"])
def test_a_view_of_ones_own_is_no_way_round(world, everybody_writes, role):
    """LOCK TABLE goes through views, of views as well, with their owners' privileges."""
    person = world.people[role]
    world.db.execute(f"CREATE SCHEMA own_views AUTHORIZATION {person}")
    try:
        with loaded(world, person) as session:
            for number, relation in enumerate(everybody_writes):
                session.rollback()
                views = f"""CREATE VIEW own_views.v{number} AS SELECT 1 AS one WHERE EXISTS (SELECT FROM {relation});
                            CREATE VIEW own_views.w{number} AS SELECT * FROM own_views.v{number};
                            CREATE VIEW own_views.x{number} WITH (security_invoker = on) AS SELECT * FROM own_views.v{number}"""
                if role == "ControlPlaneViewer":
                    assert state(session, views) == "42501"
                    # as with a right that the owner has no more
                    owner = "ALTER TABLE own_views.{0}{1} OWNER TO {2}"
                    world.db.execute(views + "".join("; " + owner.format(view, number, person) for view in "vwx"))
                else:
                    session.execute(views)
                session.commit()
                for view in "vwx":
                    assert lock(session, f"own_views.{view}{number}", "ACCESS EXCLUSIVE") == "42501", (relation, view)
                    expected = None if role == "DataPlaneEditor" else "42501"
                    assert lock(session, f"own_views.{view}{number}", "ROW EXCLUSIVE") == expected, (relation, view)
            session.rollback()
    finally:
        world.db.execute("DROP SCHEMA own_views CASCADE")


def test_a_database_that_loads_the_library(world, everybody_writes):
    """Without it in shared_preload_libraries, the first statement of a person's session goes by privileges, if it does not load the library."""
    statements = [f"LOCK TABLE {world.tables['a']} IN ACCESS EXCLUSIVE MODE NOWAIT", f"PREPARE p AS SELECT * FROM {world.tables['a']}"]

    def first(statement):
        with world.login(world.people["ControlPlaneViewer"], autocommit=False) as session:
            return state(session, statement)

    loads = "SELECT state FROM pc_security_report() WHERE item = 'shared_preload_libraries'"
    assert [first(statement) for statement in statements] == [None, None], "what the documents say"
    assert world.db.execute(loads).fetchone() == ("warn",)
    world.db.execute(f"ALTER DATABASE {world.database} SET session_preload_libraries = 'conifer'")
    try:
        assert [first(statement) for statement in statements] == ["42501", "42501"]
        assert world.db.execute(loads).fetchone() == ("ok",)
        with world.login("postgres") as session:
            key = create_key(session, "preloads", project="own")
        settings = "SELECT setconfig FROM pg_db_role_setting WHERE setrole = %s::regrole"
        assert "session_preload_libraries=conifer" in world.db.execute(settings, [key[0]]).fetchone()[0]
    finally:
        world.db.execute(f"ALTER DATABASE {world.database} RESET session_preload_libraries")


def test_other_tables_are_their_owners_to_lock(world, everybody_writes):
    """A lock also leaves a transaction free to choose its isolation level, and is waited for as ever."""
    person = world.people["ControlPlaneViewer"]
    world.db.execute(f"CREATE SCHEMA own_tables AUTHORIZATION {person}")
    try:
        with loaded(world, person) as session:
            session.execute("CREATE TABLE own_tables.t (a int); CREATE VIEW own_tables.v AS SELECT * FROM own_tables.t")
            session.commit()
            for relation in ("own_tables.t", "own_tables.v"):
                for mode in MODES:
                    assert lock(session, relation, mode) is None, mode
            session.rollback()
            session.execute("LOCK TABLE own_tables.v IN SHARE MODE; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
            session.rollback()
            assert state(session, "LOCK TABLE own_tables.nothing") == "42P01"
            session.rollback()
        with world.login("postgres", autocommit=False) as session:
            for relation in everybody_writes:
                for mode in MODES:
                    assert lock(session, relation, mode) == (None if may_be_locked(relation, mode) else "42501"), (relation, mode)
    finally:
        world.db.execute("DROP SCHEMA own_tables CASCADE")


def fnv1a(text: str) -> int:
    """The hash that locks on namespaces once had: of 32 bits, and of what everybody knows."""
    number = 0x811C9DC5
    for byte in text.encode():
        number = (number ^ byte) * 0x01000193 & 0xFFFFFFFF
    return number


def makes(world, key, index, name):
    """A session of a key that is making a namespace."""
    session = world.login(key[0], autocommit=False)
    session.execute("SELECT pc_create_namespace(%s, %s)", [index, name])
    return session


def test_names_that_collide_are_made_in_another_project(world):
    numbers = {index: world.tables[index].removeprefix("pc_data.i_") for index in "ac"}
    seen = {fnv1a(f"namespace {numbers['a']} {number}"): str(number) for number in range(200_000)}
    other = next(name for name in map(str, range(10_000_000)) if fnv1a(f"namespace {numbers['c']} {name}") in seen)
    mine = seen[fnv1a(f"namespace {numbers['c']} {other}")]
    with makes(world, world.key("hostile"), "a", mine) as session:
        with world.login(world.key("victim", project="other")[0]) as victim:
            victim.execute("SET lock_timeout = '1s'")
            assert state(victim, "SELECT pc_create_namespace('c', %s)", other) is None
            assert state(victim, "SELECT pc_delete_namespace('c', %s)", other) is None
        session.rollback()


def test_one_name_is_made_by_one_session_at_a_time(world):
    with makes(world, world.key("first"), "a", "same") as session:
        with world.login(world.key("second")[0]) as other:
            other.execute("SET lock_timeout = '300ms'")
            assert state(other, "SELECT pc_create_namespace('a', 'same')") == "55P03"
            assert state(other, "SELECT pc_create_namespace('a', 'another')") is None
            assert state(other, "SELECT pc_rename_namespace('a', 'another', 'same')") == "55P03"
            assert state(other, "SELECT pc_create_namespace('b', 'same')") is None
            for index, name in (("a", "another"), ("b", "same")):
                other.execute("SELECT pc_delete_namespace(%s, %s)", [index, name])
        session.rollback()


LOCKS = """SELECT classid::regclass::text, objid::bigint FROM pg_locks
            WHERE locktype = 'object' AND objsubid = 4 AND pid = %s AND mode = 'AccessExclusiveLock'"""


@pytest.mark.parametrize("path", ["login", "pooled"])
def test_namespaces_of_one_transaction_leave_room_for_others(world, path):
    """Each has a lock until the transaction ends, rolled back to a savepoint or not, and there is one table of locks for all."""
    key = world.key("busy", control_plane="None", data_plane="ReadWrite", indexes=["a"])
    with world.login(world.gateway if path == "pooled" else key[0], autocommit=False) as session:
        for _ in range(2):
            if path == "pooled":
                session.execute("SELECT pc_use_key(%s)", [key[1]])
            many = "SELECT count(*) FROM generate_series({}, {}) i, pc_create_namespace('a', 'many ' || i)"
            assert session.execute(many.format(1, 200)).fetchone() == (200,)
            session.execute("SAVEPOINT s")
            for call in ("pc_create_namespace('a', 'more')", "pc_delete_namespace('a', 'many 1')", "pc_rename_namespace('a', 'many 1', 'more')"):
                assert state(session, f"SELECT {call}") == "54000", call
                session.execute("ROLLBACK TO s")
            session.rollback()
    revoke = world.db.execute("SELECT pc_revoke_api_key(%s)", [key[0]])
    assert revoke.rowcount == 1
    # Who is no key may do as many as there is room for.
    with world.db.transaction(force_rollback=True):
        world.db.execute(many.format(1, 300))


def test_policies_on_tables_of_others_hold_no_counts_up(world):
    """Neither by a lock on the table, nor by a condition that is too long for the server to put into words."""
    key = world.key("reader", data_plane="ReadOnly")
    world.db.execute("CREATE ROLE stranger LOGIN")
    try:
        with world.login("stranger", autocommit=False) as stranger, world.login(key[0]) as session:
            stranger.execute(f"CREATE TEMP TABLE mine (a int); CREATE POLICY long ON mine USING ((a{' + 1' * 7000}) > 0)")
            stranger.commit()
            assert state(stranger, "SELECT pg_get_expr(polqual, polrelid) FROM pg_policy WHERE polname = 'long'") == "54001"
            stranger.rollback()
            stranger.execute("LOCK TABLE mine")
            for call in ("pc_describe_index_stats('a')", "pc_list_namespaces('a')", "pc_describe_namespace('a', 'n1')"):
                session.execute(f"SELECT {call}")
            stranger.execute("DROP TABLE mine")
            stranger.commit()
    finally:
        world.db.execute("DROP ROLE stranger")


def test_a_lock_does_not_tell_its_name(world):
    """It is under a number that depends on a secret, which each database draws for itself."""
    with makes(world, world.key("quiet"), "a", "acme") as session:
        [(table, number)] = world.db.execute(LOCKS, [session.info.backend_pid]).fetchall()
        session.rollback()
    assert table == world.tables["a"]
    assert number != fnv1a(f"namespace {table.removeprefix('pc_data.i_')} acme")
    world.db.execute("BEGIN; UPDATE pc_auth.lock_secret SET secret = gen_random_uuid(); SELECT pc_create_namespace('a', 'acme')")
    [(_, other)] = world.db.execute(LOCKS, [world.db.info.backend_pid]).fetchall()
    world.db.execute("ROLLBACK")
    assert other != number
    for role in (world.key("reads nothing", data_plane="None")[0], world.people["OrgOwner"], world.stranger):
        with world.login(role) as session:
            assert state(session, "SELECT secret FROM pc_auth.lock_secret") == "42501"


PREPARED = (
    "PREPARE p AS SELECT * FROM {t}", "PREPARE p AS DELETE FROM {t}", "PREPARE p AS SELECT (SELECT count(*) FROM {t} x WHERE x.id = 'a')",
    "PREPARE p AS WITH w AS (SELECT * FROM {t}) SELECT 1", "EXPLAIN SELECT * FROM {t}", "DECLARE c CURSOR FOR SELECT * FROM {t}",
    "PREPARE p AS INSERT INTO {t} (namespace, id, \"values\") VALUES ('n1', 'a', '[1,1]')", "PREPARE p AS UPDATE pc.index_reg SET name = name",
    "PREPARE p AS SELECT * FROM pc_auth.api_key",
)


@pytest.mark.parametrize("who", ["key of another project", "key with nothing", "person", "pooled", "pooled without a key"])
def test_statements_that_are_prepared_keep_no_lock(world, who):
    """They name a table on which a session has nothing: its index could not be deleted, nor read by those who wait behind that."""
    keys = {"key of another project": world.key("wide"), "pooled": world.key("wide")}
    keys["key with nothing"] = create_key(world.db, "none", project="other", control_plane="None", data_plane="None")
    role = keys[who][0] if who.startswith("key") else world.people["ProjectOwner"] if who == "person" else world.gateway
    with world.login(role, autocommit=False) if "pooled" in who else loaded(world, role) as session:
        if who == "pooled":
            session.execute("SELECT pc_use_key(%s)", [keys[who][1]])
        for statement in PREPARED if "pooled" not in who else PREPARED[4:6]:
            if who == "person" and "pc." in statement or "pc_auth" in statement:
                continue
            session.execute("SAVEPOINT s")
            assert state(session, statement.format(t=world.tables["c"])) == "42501", statement
            session.execute("ROLLBACK TO s")
        result = session.pgconn.prepare(b"parsed", f"SELECT * FROM {world.tables['c']}".encode())
        assert "permission denied for table" in result.error_message.decode()
        session.execute("ROLLBACK TO s")
        held = "SELECT relation::regclass::text FROM pg_locks WHERE pid = %s AND relation IN (%s::regclass, 'pc.index_reg'::regclass)"
        assert world.db.execute(held, [session.info.backend_pid, world.tables["c"]]).fetchall() == []


def test_a_lock_of_a_writer_is_for_who_may_write(world):
    """It keeps indexes from being built."""
    key = world.key("reads", control_plane="None", data_plane="ReadOnly")
    with loaded(world, key[0]) as session:
        for statement, expected in [("PREPARE p AS DELETE FROM {t}", "42501"), ("PREPARE p AS INSERT INTO {t} SELECT * FROM {t}", "42501"),
                                    ("PREPARE p AS WITH w AS (DELETE FROM {t} RETURNING id) SELECT * FROM w", "42501"), ("PREPARE p AS SELECT * FROM {t}", None)]:
            assert state(session, statement.format(t=world.tables["a"])) == expected, statement
            session.rollback()


def test_a_pool_prepares_for_keys_to_come(world):
    """Without a key it may analyse, where no transaction keeps the locks, and not run."""
    key = world.key("reads", control_plane="None", data_plane="ReadOnly")
    with world.login(world.gateway, autocommit=False) as session:
        assert not session.pgconn.prepare(b"kept", f"SELECT count(*) FROM {world.tables['a']}".encode()).error_message
        session.commit()
        assert "permission denied" in session.pgconn.exec_prepared(b"kept", None).error_message.decode()
        session.rollback()
        session.execute("SELECT pc_use_key(%s)", [key[1]])
        assert session.pgconn.exec_prepared(b"kept", None).get_value(0, 0) == b"4"


# The server takes the lock before it asks whose the table is.
LOCKS_FIRST = {
    "a rule": "CREATE RULE r AS ON INSERT TO {table} DO ALSO NOTHING",
    "a rule on a view": "CREATE OR REPLACE RULE \"_RETURN\" AS ON SELECT TO {table} DO INSTEAD SELECT 1",
    "a trigger": "CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a foreign key in a schema that is made": "CREATE SCHEMA AUTHORIZATION {who} CREATE TABLE x (id text REFERENCES {table} (id))",
    "a foreign key of a column": "CREATE TABLE locker.x (id text REFERENCES {table} (id))",
    "a foreign key of a table": "CREATE TABLE locker.x (id text, FOREIGN KEY (id) REFERENCES {table} (id))",
    "a column with a foreign key": "ALTER TABLE locker.own ADD COLUMN more text REFERENCES {table} (id)",
    "a foreign key that is added": "ALTER TABLE locker.own ADD FOREIGN KEY (id) REFERENCES {table} (id)",
    "statistics": "CREATE STATISTICS locker.s (ndistinct) ON id, namespace FROM {table}",
    "a heir": "CREATE TABLE locker.x () INHERITS ({table})",
    "a heir in a schema that is made": "CREATE SCHEMA AUTHORIZATION {who} CREATE TABLE x () INHERITS ({table})",
    "a heir that is added": "ALTER TABLE locker.own INHERIT {table}",
    "a foreign heir": "CREATE FOREIGN TABLE locker.x () INHERITS ({table}) SERVER nowhere",
    "a foreign heir that is added": "ALTER FOREIGN TABLE locker.far INHERIT {table}",
    "a partition": "CREATE TABLE locker.x PARTITION OF {table} DEFAULT",
    "a foreign partition": "CREATE FOREIGN TABLE locker.x PARTITION OF {table} DEFAULT SERVER nowhere",
    "a partition that is attached": "ALTER TABLE locker.parts ATTACH PARTITION {table} DEFAULT",
    "a partition that is detached": "ALTER TABLE locker.parts DETACH PARTITION {table}",
    "an index that is attached": "ALTER INDEX locker.of_parts ATTACH PARTITION {index}",
    "an index of an extension": "ALTER INDEX {index} DEPENDS ON EXTENSION conifer",
    "a comment on a table": "COMMENT ON TABLE {table} IS 'x'",
    "a comment on a table by its whole name": "COMMENT ON TABLE {database}.{table} IS 'x'",
    "a comment on a column": "COMMENT ON COLUMN {table}.id IS 'x'",
    "a comment on an index": "COMMENT ON INDEX {index} IS 'x'",
    "a comment on a constraint": "COMMENT ON CONSTRAINT c ON {table} IS 'x'",
    "a comment on a policy": "COMMENT ON POLICY p ON {table} IS 'x'",
    "a comment on a trigger": "COMMENT ON TRIGGER t ON {table} IS 'x'",
    "a comment on a rule": "COMMENT ON RULE r ON {table} IS 'x'",
    "a security label of a table": "SECURITY LABEL ON TABLE {table} IS 'x'",
    "a security label of a column": "SECURITY LABEL ON COLUMN {table}.id IS 'x'",
    "a table of an extension": "ALTER MATERIALIZED VIEW {table} DEPENDS ON EXTENSION conifer",
}
OF_A_LOCKER = """
    CREATE SCHEMA locker;
    CREATE TABLE locker.own (id text);
    CREATE TABLE locker.parts (id text) PARTITION BY LIST (id);
    CREATE INDEX of_parts ON ONLY locker.parts (id);
    CREATE FOREIGN DATA WRAPPER nowhere;
    CREATE SERVER nowhere FOREIGN DATA WRAPPER nowhere;
    CREATE FOREIGN TABLE locker.far (id text) SERVER nowhere;
"""


@pytest.fixture
def locker(world):
    """A person with a schema and a table of their own."""
    person = world.people["ProjectViewer"]
    world.db.execute(OF_A_LOCKER)
    for what in ("SCHEMA locker", "TABLE locker.own", "TABLE locker.parts", "FOREIGN TABLE locker.far"):
        world.db.execute(f"ALTER {what} OWNER TO {person}")
    world.db.execute(f"GRANT USAGE ON FOREIGN SERVER nowhere TO {person}; GRANT CREATE ON DATABASE {world.database} TO {person}")
    yield person
    world.db.execute(f"REVOKE CREATE ON DATABASE {world.database} FROM {person}; DROP SCHEMA locker CASCADE; DROP FOREIGN DATA WRAPPER nowhere CASCADE")


@pytest.mark.parametrize("what", LOCKS_FIRST)
def test_what_locks_before_it_is_judged_is_refused_at_once(world, locker, what):
    """Otherwise it waits for whoever uses the table, and all others behind it, of other projects as well. The session has not loaded the library."""
    for table in (world.tables["a"], world.tables["c"], "pc.index_reg", "pc_auth.api_key"):
        (index,) = world.db.execute("SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid = %s::regclass ORDER BY indisprimary DESC LIMIT 1", [table]).fetchone()
        with world.server.connect(world.database, autocommit=False) as busy, world.login(locker, options="-c lock_timeout=200ms") as session:
            # Whoever reads a table has its indexes locked, too.
            busy.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE; SELECT count(*) FROM {table}")
            assert state(session, LOCKS_FIRST[what].format(table=table, index=index, who=locker, database=world.database)) == "42501", table
            busy.rollback()


def test_a_superuser_makes_triggers_on_tables_of_indexes(world, locker):
    with world.db.transaction(force_rollback=True):
        world.db.execute(LOCKS_FIRST["a trigger"].format(table=world.tables["a"]))
    with world.login(locker) as session, session.transaction(force_rollback=True):
        session.execute("CREATE TABLE locker.key (id text PRIMARY KEY); CREATE TABLE locker.x (id text REFERENCES locker.key)")
        session.execute(LOCKS_FIRST["a rule"].format(table="locker.own"))


@pytest.mark.parametrize("path", ["login", "pooled"])
@pytest.mark.parametrize("kind", ["own", "of a user"])
def test_an_index_is_deleted_while_a_key_s_transaction_is_idle(world, kind, path):
    """After a second the session is ended: a key would else keep the deletion waiting, and all who read behind it. Others' are waited for."""
    world.db.execute("SET conifer.project = 'own'")
    if kind == "own":
        world.db.execute("SELECT pc_create_index('held', 2)")
    else:
        world.db.execute("""CREATE TABLE public.held (namespace text COLLATE "C" NOT NULL, id text COLLATE "C", "values" vector(2) NOT NULL,
                                                      metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id))""")
        world.db.execute("SELECT pc_create_index('held', from_table => 'public.held')")
    role, whole = world.key("holds")
    person, key = world.people["ProjectOwner"], world.key("goes on")
    with world.login(world.gateway if path == "pooled" else role, autocommit=False) as session, world.login(key[0], autocommit=False) as other, world.login(person, autocommit=False) as owner:
        if path == "pooled":
            session.execute("SELECT pc_use_key(%s)", [whole])
        session.execute("SELECT pc_fetch('held', '{x}')")
        other.execute("SELECT pc_fetch('a', '{x}')")
        owner.execute("SET lock_timeout = '4s'; SELECT pc_delete_index('held')")
        assert state(session, "SELECT 1") == "lost" or session.closed
        other.execute("SELECT 1")
        owner.rollback()
        # A person's transaction is theirs to end.
        with world.login(world.people["ProjectEditor"], autocommit=False) as reader:
            reader.execute("SELECT pc_fetch('held', '{x}')")
            assert state(owner, "SET lock_timeout = '2s'; SELECT pc_delete_index('held')") == "55P03"
            reader.execute("SELECT 1")
    world.db.execute("SELECT pc_delete_index('held'); DROP TABLE IF EXISTS public.held")
