"""Indexes over tables of users: an owner of such a table, who may make indexes and nothing else, plants code on it for those who
read the index and write to it, and for the superuser that takes the index away."""

import threading

import psycopg
import pytest

from tests.pinecone.access.world import create_key, refusal, state

READS = [
    "SELECT * FROM pc_query('m', '[1,2]', namespace => 'n1')",
    "SELECT * FROM pc_list('m', namespace => 'n1')",
    "SELECT * FROM pc_fetch('m', '{x}', 'n1')",
    "SELECT pc_describe_index_stats('m')",
    "SELECT * FROM pc_data.i_1",
    "SELECT 1 FROM (SELECT id FROM pc_data.i_1 UNION ALL SELECT id FROM pc_data.i_1) AS u",
    "WITH w AS MATERIALIZED (SELECT * FROM pc_data.i_1) SELECT (SELECT count(*) FROM w)",
    "EXPLAIN SELECT * FROM pc_data.i_1",
]
WRITES = [
    """SELECT pc_upsert('m', '[{"id": "y", "values": [1, 2]}]', 'n1')""",
    """INSERT INTO pc_data.i_1 (id, "values", metadata, namespace) VALUES ('z', '[1,2]', '{}', 'n1')""",
    "UPDATE pc_data.i_1 SET metadata = '{}'",
]
DELETE = "DELETE FROM pc_data.i_1"
SPY = """
    CREATE TABLE ms.seen (who text);
    GRANT INSERT ON ms.seen TO PUBLIC;
    CREATE FUNCTION ms.told() RETURNS void LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO ms.seen VALUES (current_user);
        BEGIN PERFORM public.pc_grant_role('{mallory}', 'OrgOwner'); EXCEPTION WHEN OTHERS THEN END;
        BEGIN EXECUTE 'ALTER ROLE {mallory} SUPERUSER'; EXCEPTION WHEN OTHERS THEN END;
    END $$;
    CREATE FUNCTION ms.f(text) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM ms.told(); RETURN true; END $$;
    CREATE FUNCTION ms.g(integer) RETURNS integer LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM ms.told(); RETURN 1; END $$;
    CREATE FUNCTION ms.trg() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM ms.told(); RETURN NEW; END $$;
    CREATE FUNCTION ms.eq(text, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM ms.told(); RETURN true; END $$;
    CREATE OPERATOR ms.=== (LEFTARG = text, RIGHTARG = integer, FUNCTION = ms.eq);
    CREATE DOMAIN ms.d AS text CHECK (ms.f(VALUE) OR true);
    CREATE TYPE ms.pair AS (a ms.d, b text);
    CREATE TYPE ms.mood AS ENUM ('good');
    CREATE FUNCTION ms.js(ms.mood) RETURNS json LANGUAGE plpgsql AS $$ BEGIN PERFORM ms.told(); RETURN '1'; END $$;
"""
FOR_READERS = {
    "a policy": "CREATE POLICY evil ON ms.t AS RESTRICTIVE FOR SELECT USING (ms.f(id))",
    "a policy with an operator": "CREATE POLICY evil ON ms.t AS RESTRICTIVE FOR SELECT USING (id OPERATOR(ms.===) 1)",
    "a policy with a query": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING ((SELECT count(*) > -1 FROM ms.v))",
    "a policy with a function of the server": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING (query_to_xml('SELECT ms.told()', true, true, '') IS NOT NULL)",
    "a policy of the index": "ALTER POLICY conifer_1_others ON ms.t USING (ms.f(id))",
    "an index": "CREATE INDEX ON ms.t ((ms.g(1)))",
    "a partial index": "CREATE INDEX ON ms.t (id) WHERE ms.g(1) = 1",
    "statistics": "CREATE STATISTICS ms.st ON (ms.g(1)), id FROM ms.t",
    "a constraint": "ALTER TABLE ms.t ADD CHECK (ms.g(1) = 1) NOT VALID",
    "a rule": "CREATE RULE evil AS ON DELETE TO ms.t DO ALSO SELECT ms.told()",
    "a heir": "CREATE TABLE ms.heir () INHERITS (ms.t)",
    "a domain": "ALTER TABLE ms.t ADD COLUMN more ms.d",
    "a cast": "CREATE CAST (ms.mood AS json) WITH FUNCTION ms.js(ms.mood); "
              "ALTER TABLE ms.t ADD COLUMN mood ms.mood; CREATE POLICY evil ON ms.t USING (to_json(mood) IS NULL)",
    "a cast of a constant": "CREATE CAST (ms.mood AS json) WITH FUNCTION ms.js(ms.mood); "
                            "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING (to_json('good'::ms.mood) IS NOT NULL)",
    "a domain that JSON is read as": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING "
                                     "(jsonb_populate_record(NULL::ms.pair, '{\"a\": \"b\"}') IS NOT NULL)",
    "an array of a domain": "ALTER TABLE ms.t ADD COLUMN more ms.d[]",
}
FOR_WRITERS = {
    "a trigger": "CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON ms.t FOR EACH ROW EXECUTE FUNCTION ms.trg()",
    "a condition of a trigger": "CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON ms.t FOR EACH ROW WHEN (ms.f(NEW.id)) "
                                "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    "a default": "ALTER TABLE ms.t ADD COLUMN more integer, ALTER COLUMN more SET DEFAULT ms.g(1)",
    "a default of the server's": "ALTER TABLE ms.t ADD COLUMN more text, ALTER COLUMN more SET DEFAULT pg_read_file('PG_VERSION')",
    "a generated column": "ALTER TABLE ms.t ADD COLUMN more integer GENERATED ALWAYS AS (ms.g(1)) STORED",
}


@pytest.fixture
def mallory(db, database, connect):
    """An owner of a table, who may make indexes and nothing else. The table is index 1."""
    name = f"{database}_mallory"
    db.execute(f"DROP ROLE IF EXISTS {name}; CREATE ROLE {name} LOGIN; CREATE SCHEMA ms AUTHORIZATION {name}; GRANT USAGE ON SCHEMA ms TO PUBLIC")
    db.execute("SELECT pc_grant_role(%s, 'ControlPlaneEditor', 'default')", [name])
    session = connect(user=name)
    session.execute(SPY.replace("{mallory}", name))
    session.execute("""CREATE TABLE ms.t (id text COLLATE "C" NOT NULL, embedding vector(2) NOT NULL, metadata jsonb NOT NULL DEFAULT '{}',
                           namespace text COLLATE "C" NOT NULL DEFAULT '', PRIMARY KEY (namespace, id));
                       CREATE VIEW ms.v AS SELECT ms.g(1);
                       GRANT SELECT ON ms.v TO PUBLIC;
                       INSERT INTO ms.t VALUES ('x', '[1,2]', '{}', 'n1')""")
    session.execute("SELECT pc_create_index('m', from_table => 'ms.t')")
    session.execute("DELETE FROM ms.seen")
    yield session
    session.close()
    db.execute(f"DROP SCHEMA ms CASCADE; DROP OWNED BY {name} CASCADE; DELETE FROM pc_auth.member WHERE member = '{name}'; DROP ROLE {name}")


def seen_by(db, mallory) -> list[str]:
    """Whose rights the owner's code has run with, but for the owner's own."""
    return db.execute("SELECT DISTINCT who FROM ms.seen WHERE who <> %s", [mallory.info.user]).fetchall()


def members_and_superusers(db, mallory):
    return db.execute("SELECT (SELECT count(*) FROM pc_auth.member), (SELECT rolsuper FROM pg_roles WHERE rolname = %s)",
                      [mallory.info.user]).fetchone()


@pytest.mark.parametrize("what", FOR_READERS)
def test_code_of_an_owner_runs_for_no_reader(db, mallory, connect, what):
    key, _ = create_key(db, control_plane="None", data_plane="ReadWrite")
    keyed, before = connect(user=key), members_and_superusers(db, mallory)
    for session in (db, keyed):
        session.execute("SET constraint_exclusion = on")
        for statement in READS + WRITES:
            if session is db or not statement.startswith("EXPLAIN"):
                with session.transaction(force_rollback=True):
                    session.execute(statement)
    mallory.execute(FOR_READERS[what])
    for session in (db, keyed):
        for statement in [*READS, *WRITES, DELETE]:
            error = refusal(session, statement)
            assert error and error.sqlstate == "42501", (statement, error)
            assert "would run with your rights" in error.diag.message_primary, (statement, error)
            assert error.diag.message_hint.startswith("The owner of the table can"), error.diag.message_hint
    assert seen_by(db, mallory) == []
    assert members_and_superusers(db, mallory) == before
    # a session that the library comes to with its first statement
    assert state(connect(), "SELECT * FROM pc_data.i_1") == "42501"
    assert seen_by(db, mallory) == []
    # the owner goes on, and takes the index away
    assert mallory.execute("SELECT count(*) FROM ms.t").fetchone() == (1,)
    mallory.execute("SELECT pc_delete_index('m')")
    assert seen_by(db, mallory) == []


@pytest.mark.parametrize("what", FOR_WRITERS)
def test_code_of_an_owner_runs_for_no_writer(db, mallory, connect, what):
    key, _ = create_key(db, control_plane="None", data_plane="ReadWrite")
    keyed, before = connect(user=key), members_and_superusers(db, mallory)
    for session in (db, keyed):
        for statement in WRITES:
            with session.transaction(force_rollback=True):
                session.execute(statement)
    mallory.execute(FOR_WRITERS[what])
    mallory.execute("DELETE FROM ms.seen")
    for session in (db, keyed):
        for statement in WRITES:
            error = refusal(session, statement)
            assert error and error.sqlstate == "42501", (statement, error)
            assert "would run with your rights" in error.diag.message_primary, (statement, error)
        for statement in READS[:-1]:
            session.execute(statement)
    assert seen_by(db, mallory) == []
    assert members_and_superusers(db, mallory) == before


@pytest.mark.parametrize("what", [what for what in FOR_READERS | FOR_WRITERS if what != "a policy of the index"])
def test_no_index_is_made_of_a_table_with_code_of_its_owner(db, mallory, what):
    mallory.execute("SELECT pc_delete_index('m')")
    mallory.execute((FOR_READERS | FOR_WRITERS)[what])
    mallory.execute("DELETE FROM ms.seen")
    error = refusal(mallory, "SELECT pc_create_index('m', from_table => 'ms.t')")
    assert error and error.sqlstate in ("55000", "42809"), error
    assert seen_by(db, mallory) == []


def test_code_that_a_superuser_answers_for(db, mallory, connect):
    """Functions of the server and of superusers, and none that the owner has taken off again."""
    key, _ = create_key(db, control_plane="None", data_plane="ReadWrite")
    keyed = connect(user=key)
    db.execute("CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'")
    mallory.execute("""ALTER TABLE ms.t ADD COLUMN at timestamptz DEFAULT now(), ADD COLUMN number serial,
                           ADD COLUMN fresh uuid DEFAULT gen_random_uuid(),
                           ADD COLUMN words tsvector GENERATED ALWAYS AS (to_tsvector('english', id)) STORED, ADD CHECK (length(id) < 100);
                       CREATE INDEX ON ms.t (lower(id)) WHERE id > 'a';
                       GRANT USAGE ON SEQUENCE ms.t_number_seq TO PUBLIC;
                       ALTER TABLE ms.t ADD COLUMN mood ms.mood DEFAULT 'good';
                       CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON ms.t FOR EACH ROW EXECUTE FUNCTION stamp()""")
    for session in (db, keyed):
        for statement in READS[:-1] + WRITES:
            with session.transaction(force_rollback=True):
                session.execute(statement)
    # what is known of the table follows the table, its functions and their owners
    upsert = WRITES[0]
    db.execute(f"ALTER FUNCTION stamp() OWNER TO {mallory.info.user}")
    assert state(keyed, upsert) == "42501"
    db.execute("ALTER FUNCTION stamp() OWNER TO CURRENT_USER")
    keyed.execute(upsert)
    mallory.execute("CREATE TRIGGER evil BEFORE INSERT OR UPDATE ON ms.t FOR EACH ROW EXECUTE FUNCTION ms.trg()")
    assert state(keyed, upsert) == "42501"
    mallory.execute("DROP TRIGGER evil ON ms.t")
    keyed.execute(upsert)
    mallory.execute("CREATE CAST (ms.mood AS json) WITH FUNCTION ms.js(ms.mood)")
    assert state(keyed, upsert) == "42501"
    mallory.execute("DROP CAST (ms.mood AS json)")
    keyed.execute(upsert)
    db.execute(f"ALTER FUNCTION ms.trg() OWNER TO CURRENT_USER; ALTER ROLE {mallory.info.user} SUPERUSER")
    mallory.execute("CREATE INDEX own ON ms.t ((ms.g(1)))")
    keyed.execute("SELECT pc_describe_index_stats('m')")
    db.execute(f"ALTER ROLE {mallory.info.user} NOSUPERUSER")
    assert state(keyed, "SELECT pc_describe_index_stats('m')") == "42501"


def test_the_owner_and_who_becomes_the_owner(db, mallory, connect, database):
    """They run their own code. To have the owner's rights is not enough: others may have given them, to keys as well."""
    mallory.execute(FOR_READERS["a policy"])
    friend = f"{database}_friend"
    key, _ = create_key(db, data_plane="ReadWrite")
    db.execute(f"DROP ROLE IF EXISTS {friend}; CREATE ROLE {friend} LOGIN; GRANT {mallory.info.user} TO {friend}, {key}, conifer_keys")
    try:
        for name in (mallory.info.user, friend):
            db.execute("SELECT pc_grant_role(%s, 'DataPlaneEditor', 'default')", [name])
        for statement in READS[:-1]:
            connect(user=mallory.info.user).execute(statement)
        mallory.execute("DELETE FROM ms.seen")
        for statement in READS + WRITES:
            for name in (friend, key):
                assert state(connect(user=name), statement) == "42501", (name, statement)
        assert seen_by(db, mallory) == []
        chosen = connect(user=friend)
        chosen.execute(f"SET ROLE {mallory.info.user}")
        for statement in READS[:-1]:
            chosen.execute(statement)
        prepared = connect()
        prepared.execute(f"SET ROLE {mallory.info.user}; PREPARE p AS SELECT id FROM pc_data.i_1")
        assert state(prepared, "EXECUTE p") is None
        prepared.execute("RESET ROLE")
        assert state(prepared, "EXECUTE p") == "42501"
    finally:
        db.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [friend])
        db.execute(f"REVOKE {mallory.info.user} FROM conifer_keys; DELETE FROM pc_auth.member WHERE member = '{friend}'; DROP OWNED BY {friend}; DROP ROLE {friend}")


def test_the_report_names_tables_with_code_of_others(db, mallory):
    report = "SELECT state, found FROM pc_security_report() WHERE item = 'code of others on table ms.t'"
    assert db.execute(report).fetchone() is None
    mallory.execute(FOR_WRITERS["a trigger"])
    assert db.execute(report).fetchone() == ("warn", "function ms.trg() of trigger evil on table ms.t (for writers)")
    mallory.execute(FOR_READERS["a policy"])
    found = db.execute(report).fetchone()
    assert found[0] == "warn" and "function ms.f(text) of policy evil on table ms.t" in found[1]


def test_a_schema_keeps_its_name_while_a_superuser_works_on_a_table_in_it(db, mallory, connect):
    """The statements go by names, and would go to another one's table where a schema of its name takes the first one's place."""
    for statement in ("SELECT pc_delete_index('m')", "SELECT pc_create_index('m', from_table => 'ms.t')"):
        working, renaming = connect(user=mallory.info.user), connect()
        working.execute("BEGIN")
        working.execute(statement)
        renaming.execute("SET lock_timeout = '300ms'")
        for rename in ("ALTER SCHEMA ms RENAME TO sz", "ALTER TABLE ms.t RENAME TO u", "ALTER TABLE ms.t SET SCHEMA public",
                       "ALTER TABLE ms.t SET SCHEMA sz"):
            with pytest.raises(psycopg.errors.LockNotAvailable), renaming.transaction():
                renaming.execute("CREATE SCHEMA sz" if rename.endswith("SCHEMA sz") else "SELECT")
                renaming.execute(rename)
        renaming.execute("GRANT USAGE ON SCHEMA ms TO PUBLIC")
        working.execute("COMMIT")
        renaming.execute("ALTER SCHEMA ms RENAME TO sz; ALTER SCHEMA sz RENAME TO ms")


@pytest.mark.parametrize("statement", ["SELECT pc_delete_index('m')", "SELECT pc_create_index('o', from_table => 'ms.o')"])
def test_a_schema_in_the_place_of_another(db, mallory, connect, statement):
    """The table that was asked for is the one that is changed, whatever it is called by then."""
    db.execute("""CREATE SCHEMA victims;
                  CREATE TABLE victims.t (id text, embedding text, metadata text, namespace text);
                  CREATE TABLE victims.o (LIKE victims.t);
                  ALTER TABLE victims.t ENABLE ROW LEVEL SECURITY; ALTER TABLE victims.o ENABLE ROW LEVEL SECURITY""")
    mallory.execute("""CREATE TABLE ms.o (LIKE ms.t INCLUDING DEFAULTS INCLUDING INDEXES);
                       DROP INDEX ms.conifer_1_graph, ms.conifer_1_filter;
                       ALTER TABLE ms.t DROP CONSTRAINT conifer_1_id_valid, DROP CONSTRAINT conifer_1_namespace_valid,
                           DROP CONSTRAINT conifer_1_values_valid, DROP CONSTRAINT conifer_1_metadata_valid""")
    for policy in ("others", "reading", "inserting", "updating", "deleting"):
        mallory.execute(f"DROP POLICY conifer_1_{policy} ON ms.t")
    swapping, working, ended = connect(), connect(user=mallory.info.user), []
    swapping.execute("BEGIN; ALTER SCHEMA ms RENAME TO sz; ALTER SCHEMA victims RENAME TO ms; ALTER SCHEMA sz RENAME TO victims")

    def work():
        try:
            ended.append(working.execute(statement).statusmessage)
        except psycopg.Error as error:
            ended.append(error.sqlstate)

    thread = threading.Thread(target=work)
    thread.start()
    wait = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"
    while not db.execute(wait, [working.info.backend_pid]).fetchone()[0]:
        assert thread.is_alive() and not ended
    swapping.execute("COMMIT")
    thread.join()
    assert len(ended) == 1 and ended[0] in ("SELECT 1", "55000"), ended
    assert db.execute("SELECT relname, relrowsecurity FROM pg_class WHERE relnamespace = 'ms'::regnamespace ORDER BY relname").fetchall() == \
        [("o", True), ("t", True)]
    assert db.execute("SELECT count(*) FROM pg_policy WHERE polrelid IN ('ms.t'::regclass, 'ms.o'::regclass)").fetchone() == (0,)
    assert working.execute("SELECT count(*) FROM victims.t").fetchone() == (1,)
    db.execute("ALTER SCHEMA ms RENAME TO sz; ALTER SCHEMA victims RENAME TO ms; DROP SCHEMA sz CASCADE")


@pytest.mark.parametrize("of", ["all", "functions"])
def test_the_report_names_what_a_superuser_has_come_by(db, mallory, of):
    """REASSIGN OWNED makes the owner's functions a superuser's, who has not read them, and the table as well."""
    report = "SELECT state, found, advice FROM pc_security_report() WHERE item = 'functions of superusers on tables of users'"
    leaver = mallory.info.user
    assert db.execute(report).fetchone() == ("ok", "none", None)
    mallory.execute(FOR_READERS["a policy"])
    mallory.execute(FOR_WRITERS["a trigger"])
    assert db.execute(report).fetchone() == ("ok", "none", None)
    db.execute(f"REASSIGN OWNED BY {leaver} TO postgres")
    if of == "functions":
        db.execute(f"ALTER TABLE ms.t OWNER TO {leaver}")
    state, found, advice = db.execute(report).fetchone()
    assert (state, found) == ("warn", "ms.f(text) on ms.t, ms.trg() on ms.t") and "REASSIGN OWNED" in advice
    db.execute(f"ALTER FUNCTION ms.f(text) OWNER TO {leaver}; ALTER FUNCTION ms.trg() OWNER TO {leaver}")
    assert db.execute(report).fetchone() == ("ok", "none", None)
