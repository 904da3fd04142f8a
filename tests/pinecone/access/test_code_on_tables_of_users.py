"""Kinds of code on a user's table that is an index, and on tables that the server comes to from it by foreign keys: what could run for
others is refused, what cannot is allowed."""

import psycopg
import pytest

from tests.pinecone.access.test_tables_of_users import mallory, seen_by  # noqa: F401
from tests.pinecone.access.world import create_key, refusal, state

READ = "SELECT * FROM pc_list('m', namespace => 'n1')"
WRITE = """SELECT pc_upsert('m', '[{"id": "y", "values": [1, 2]}]', 'n1')"""
DELETE = "SELECT pc_delete('m', ids => '{x}', namespace => 'n1')"
REFERS = """CREATE TABLE ms.c (namespace text COLLATE "C", id text COLLATE "C", n integer, u integer UNIQUE,
    FOREIGN KEY (namespace, id) REFERENCES ms.t (namespace, id) ON DELETE CASCADE ON UPDATE CASCADE)"""
FOR_READERS = {
    "a domain over an array": "CREATE DOMAIN ms.da AS integer[] CHECK (ms.g(1) = 1); ALTER TABLE ms.t ADD COLUMN more ms.da",
    "a cast to a type":
        "CREATE FUNCTION ms.cheer(text) RETURNS ms.mood LANGUAGE plpgsql AS $$ BEGIN PERFORM ms.told(); RETURN 'good'; END $$; "
        "CREATE CAST (text AS ms.mood) WITH FUNCTION ms.cheer(text) AS IMPLICIT; ALTER TABLE ms.t ADD COLUMN mood ms.mood",
    "a range":
        "CREATE FUNCTION ms.diff(text, text) RETURNS double precision LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM ms.told(); RETURN 1; END $$; "
        "CREATE TYPE ms.span AS RANGE (subtype = text, subtype_diff = ms.diff); ALTER TABLE ms.t ADD COLUMN span ms.span",
    "a multirange":
        "CREATE TYPE ms.span AS RANGE (subtype = text); CREATE POLICY evil ON ms.t AS RESTRICTIVE USING (isempty('{}'::ms.span_multirange))",
    "a domain by its number": "DO $$ BEGIN EXECUTE format('CREATE POLICY evil ON ms.t AS RESTRICTIVE FOR SELECT USING "
                              "(domain_in(''1''::cstring, %s::oid, -1) IS NOT NULL)', 'ms.d'::regtype::oid); END $$",
    "an array of a domain by its number": "DO $$ BEGIN EXECUTE format('CREATE POLICY evil ON ms.t AS RESTRICTIVE FOR SELECT USING "
                                          "(array_in(''{1}''::cstring, %s::oid, -1) IS NOT NULL)', 'ms.d'::regtype::oid); END $$",
    "a domain as a column of a function": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING "
                                          "((SELECT count(*) FROM jsonb_to_recordset('[{\"a\": \"b\"}]') AS r (a ms.d)) >= 0)",
    "a partition key by its table's number": "CREATE TABLE ms.p (a integer) PARTITION BY HASH ((ms.g(1) + a)); CREATE POLICY evil ON ms.t "
                                             "AS RESTRICTIVE USING (satisfies_hash_partition('ms.p'::regclass, 1, 0, 1))",
    "the negator of an operator on a function of the server":
        "CREATE FUNCTION ms.ne(integer, integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN PERFORM ms.told(); RETURN true; END $$; "
        "CREATE OPERATOR ms.!@ (LEFTARG = integer, RIGHTARG = integer, FUNCTION = ms.ne, NEGATOR = OPERATOR(ms.@!)); "
        "CREATE OPERATOR ms.@! (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq, NEGATOR = OPERATOR(ms.!@)); "
        "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING (NOT length(id) OPERATOR(ms.@!) 0)",
    "an aggregate": "CREATE AGGREGATE ms.agg(integer) (SFUNC = int4pl, STYPE = integer, FINALFUNC = ms.g); "
                    "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING ((SELECT ms.agg(n) FROM generate_series(1, 2) n) >= 0)",
    "a query in a text": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING ((SELECT count(*) FROM ts_stat('SELECT ms.told()::text::tsvector')) >= 0)",
    "a table's name": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING (table_to_xml('ms.v', true, true, '') IS NOT NULL)",
    "a setting": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING (set_config('search_path', 'ms', false) IS NOT NULL)",
    "the audit": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING ((SELECT pc_prune_audit('infinity'::timestamptz)) >= 0)",
    "a function of Conifer's": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING ((SELECT pc_sync_roles()) >= 0)",
    "a stable function of Conifer's": "CREATE POLICY evil ON ms.t AS RESTRICTIVE USING ((SELECT count(*) FROM pc_list_indexes()) >= 0)",
}
FOR_WRITERS = {
    "a sequence in a text": "CREATE SEQUENCE ms.s; ALTER TABLE ms.t ADD COLUMN more bigint, ALTER COLUMN more SET DEFAULT nextval('ms.s'::text::regclass)",
    "a trigger of a table that refers to it": REFERS + "; CREATE TRIGGER evil BEFORE DELETE ON ms.c FOR EACH ROW EXECUTE FUNCTION ms.trg()",
    "a constraint of a table that refers to it": REFERS + "; ALTER TABLE ms.c ADD CHECK (ms.g(1) = 1) NOT VALID",
    "a default of a table that refers to it": REFERS + "; ALTER TABLE ms.c ALTER COLUMN n SET DEFAULT ms.g(1)",
    "a domain of a table that refers to it": REFERS + "; ALTER TABLE ms.c ADD COLUMN more ms.d",
    "a rule of a table that refers to it": REFERS + "; CREATE RULE evil AS ON DELETE TO ms.c DO ALSO SELECT ms.told()",
    "an index of a table that refers to it": REFERS + "; CREATE INDEX ON ms.c ((ms.g(1)))",
    "statistics of a table that refers to it": REFERS + "; CREATE STATISTICS ms.st ON (ms.g(1)), n FROM ms.c",
    "an heir of a table that refers to it": REFERS + "; CREATE TABLE ms.h () INHERITS (ms.c)",
    "a partitioned table that refers to it": REFERS.replace("UNIQUE", "") + " PARTITION BY HASH ((ms.g(1) + n))",
    "a table that refers to one that refers to it": REFERS + "; CREATE TABLE ms.cc (n integer REFERENCES ms.c (u) ON DELETE SET NULL); "
                                                    "CREATE TRIGGER evil BEFORE UPDATE ON ms.cc FOR EACH ROW EXECUTE FUNCTION ms.trg()",
    "a table that refers to it and is not written to": REFERS.replace("ON DELETE CASCADE ON UPDATE CASCADE", "") + "; CREATE INDEX ON ms.c ((ms.g(1)))",
    "an index of a table that it refers to": "CREATE TABLE ms.o (n integer PRIMARY KEY); CREATE INDEX ON ms.o ((ms.g(1))); "
                                             "ALTER TABLE ms.t ADD COLUMN o integer REFERENCES ms.o",
    "a partitioned table that it refers to": "CREATE TABLE ms.o (n integer PRIMARY KEY) PARTITION BY RANGE (n); "
                                             "ALTER TABLE ms.t ADD COLUMN o integer REFERENCES ms.o",
    "an index of a table that one that refers to it refers to":
        REFERS + "; CREATE TABLE ms.o (n integer PRIMARY KEY); CREATE INDEX ON ms.o ((ms.g(1))); ALTER TABLE ms.c ADD FOREIGN KEY (n) REFERENCES ms.o",
}


def refused(session, statement):
    """The refusal of a statement because of code of others."""
    error = refusal(session, statement)
    assert error.sqlstate == "42501" and "would run with your rights" in error.diag.message_primary, (statement, error)
    assert error.diag.message_hint.startswith("The owner of the table can"), error.diag.message_hint
    return error.diag.message_primary


@pytest.fixture
def keyed(db, connect):
    """A session of a key that reads and writes."""
    return connect(user=create_key(db, control_plane="ReadWrite", data_plane="ReadWrite")[0])


@pytest.mark.parametrize("what", FOR_READERS | FOR_WRITERS)
def test_nothing_of_it_runs(db, mallory, keyed, what):  # noqa: F811
    mallory.execute((FOR_READERS | FOR_WRITERS)[what])
    mallory.execute("DELETE FROM ms.seen")
    for session in (db, keyed):
        for statement in (WRITE, DELETE):
            refused(session, statement)
        if what in FOR_READERS:
            refused(session, READ)
        else:
            assert session.execute(READ).fetchall() == [("x", None)]
    assert seen_by(db, mallory) == []
    assert db.execute("SELECT count(*) > 1 FROM pc_audit()").fetchone() == (True,)
    # nor is an index made of such a table
    mallory.execute("SELECT pc_delete_index('m')")
    if "POLICY" not in (FOR_READERS | FOR_WRITERS)[what]:
        assert refusal(mallory, "SELECT pc_create_index('m', from_table => 'ms.t')").sqlstate == "55000"


def test_another_ones_sequence(db, mallory, keyed):  # noqa: F811
    mallory.execute("CREATE SEQUENCE ms.s; ALTER TABLE ms.t ADD COLUMN more bigint, ALTER COLUMN more SET DEFAULT nextval('ms.s'); "
                    "GRANT USAGE ON SEQUENCE ms.s TO PUBLIC")
    keyed.execute(WRITE)
    db.execute("ALTER SEQUENCE ms.s OWNER TO CURRENT_USER")
    mallory.execute("ALTER TABLE ms.t ADD COLUMN other integer")
    assert "nextval(regclass)" in refused(keyed, WRITE)


def test_what_is_allowed(db, mallory, keyed):  # noqa: F811
    """What cannot run code of the owner's, of each kind."""
    mallory.execute("""
        ALTER TABLE ms.t ADD COLUMN day date DEFAULT current_date, ADD COLUMN by text DEFAULT current_user, ADD COLUMN at timestamptz DEFAULT now(),
            ADD COLUMN year text DEFAULT to_char(now(), 'YYYY'), ADD COLUMN late timestamptz DEFAULT now() + interval '1 day',
            ADD COLUMN place text DEFAULT current_setting('conifer.project', true), ADD COLUMN big oid DEFAULT 5 CHECK (big > 1),
            ADD COLUMN span int4range DEFAULT '[1,2)' CHECK (NOT isempty(span)), ADD COLUMN doc jsonb DEFAULT jsonb_build_object('a', now()),
            ADD COLUMN sum text GENERATED ALWAYS AS (md5(id)) STORED, ADD COLUMN own bigint GENERATED ALWAYS AS IDENTITY,
            ADD COLUMN words tsvector, ADD CHECK (embedding <-> '[0,0]' >= 0), ADD EXCLUDE USING btree (own WITH =),
            ADD COLUMN mood ms.mood DEFAULT 'good' CHECK (mood = 'good');
        CREATE TRIGGER words BEFORE INSERT OR UPDATE ON ms.t FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger(words, 'pg_catalog.english', id);
        CREATE TRIGGER same BEFORE UPDATE ON ms.t FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
        CREATE INDEX ON ms.t (lower(id)) WHERE pc_filter_matches(metadata, '{"a": 1}') IS NOT TRUE;
        CREATE STATISTICS ms.st ON lower(id), namespace FROM ms.t;
        CREATE POLICY young ON ms.t AS RESTRICTIVE USING (at < now() + interval '2 days' AND lower(id) ~ '.' AND id NOT IN ('a', 'b')
            AND big = ANY ('{5,6}') AND (SELECT count(*) FROM unnest(ARRAY[id]) u) = 1)""")
    mallory.execute(REFERS)
    mallory.execute("""
        CREATE TABLE ms.o (n integer PRIMARY KEY CHECK (n > 0), mail text CHECK (mail ~ '@'));
        CREATE TRIGGER own BEFORE INSERT ON ms.o FOR EACH ROW EXECUTE FUNCTION ms.trg();
        ALTER TABLE ms.t ADD COLUMN o integer REFERENCES ms.o, ADD COLUMN parent text COLLATE "C", ADD FOREIGN KEY (namespace, parent) REFERENCES ms.t;
        INSERT INTO ms.c SELECT namespace, id FROM ms.t; DELETE FROM ms.seen""")
    for session in (db, keyed):
        session.execute(WRITE)
        assert session.execute(READ).fetchall()[0] == ("x", None)
    keyed.execute("SELECT pc_update('m', id => 'x', set_metadata => '{\"a\": 2}', namespace => 'n1')")
    assert keyed.execute(DELETE).fetchone() is not None
    assert mallory.execute("SELECT count(*) FROM ms.c").fetchone() == (0,), "it went with its record"
    assert seen_by(db, mallory) == []


def test_what_is_known_follows_the_tables_behind_foreign_keys(db, mallory, keyed):  # noqa: F811
    mallory.execute(REFERS)
    mallory.execute("CREATE TABLE ms.cc (n integer)")
    keyed.execute(WRITE)
    for comes, goes in (
        ("CREATE TRIGGER evil BEFORE DELETE ON ms.c FOR EACH ROW EXECUTE FUNCTION ms.trg()", "DROP TRIGGER evil ON ms.c"),
        ("CREATE STATISTICS ms.st ON (ms.g(1)), n FROM ms.c", "DROP STATISTICS ms.st"),
        ("CREATE TRIGGER evil BEFORE DELETE ON ms.cc FOR EACH ROW EXECUTE FUNCTION ms.trg(); "
         "ALTER TABLE ms.cc ADD CONSTRAINT f FOREIGN KEY (n) REFERENCES ms.c (u)", "ALTER TABLE ms.cc DROP CONSTRAINT f"),
        ("CREATE TABLE ms.o (n integer PRIMARY KEY); CREATE INDEX i ON ms.o ((ms.g(1))); ALTER TABLE ms.t ADD COLUMN o integer REFERENCES ms.o",
         "DROP INDEX ms.i"),
        ("ALTER TABLE ms.o ADD CHECK (ms.g(1) = 1)", "DROP TABLE ms.o CASCADE"),
    ):
        mallory.execute(comes)
        refused(keyed, DELETE)
        mallory.execute(goes)
        keyed.execute(WRITE)
    assert seen_by(db, mallory) == []


def test_what_comes_in_the_middle_of_a_transaction(db, mallory, connect):  # noqa: F811
    """A table behind a foreign key is locked, and what takes no lock is found when the server comes to it."""
    mallory.execute(REFERS.replace("ON DELETE CASCADE ON UPDATE CASCADE", "DEFERRABLE INITIALLY DEFERRED"))
    key = create_key(db, control_plane="None", data_plane="ReadWrite")[0]
    for session in (connect(user=key), connect()):
        session.execute("BEGIN")
        session.execute(DELETE)
        mallory.execute("SET lock_timeout = '200ms'")
        for statement in ("CREATE TRIGGER evil BEFORE DELETE ON ms.c FOR EACH ROW EXECUTE FUNCTION ms.trg()", "CREATE INDEX ON ms.c ((ms.g(1)))"):
            assert state(mallory, statement) == "55P03"
        mallory.execute("CREATE STATISTICS ms.st ON (ms.g(1)), n FROM ms.c")
        mallory.execute("DELETE FROM ms.seen")
        refused(session, "COMMIT")
        mallory.execute("DROP STATISTICS ms.st")
        assert seen_by(db, mallory) == []
        assert session.execute(READ).fetchall() == [("x", None)]


@pytest.mark.parametrize("what", ["tablefunc", "lo"])
def test_trusted_extensions(db, mallory, keyed, what):  # noqa: F811
    """A superuser owns their functions, though the table's owner has created the extension."""
    if db.execute("SELECT count(*) FROM pg_available_extensions WHERE name = %s", [what]).fetchone() == (0,):
        pytest.skip(f"the server has no extension {what}")
    db.execute(psycopg.sql.SQL("GRANT CREATE ON DATABASE {} TO {}").format(
        *map(psycopg.sql.Identifier, (db.info.dbname, mallory.info.user))))
    mallory.execute(f"CREATE EXTENSION {what} SCHEMA ms")
    if what == "tablefunc":
        mallory.execute("""CREATE POLICY evil ON ms.t AS RESTRICTIVE FOR SELECT USING ((SELECT count(*) FROM ms.crosstab(
            'SELECT ms.g(1)::text, ''a''::text, ''b''::text') AS ct (r text, a text)) >= 0)""")
    else:
        number = db.execute("SELECT lo_from_bytea(0, 'secret')").fetchone()[0]
        mallory.execute(f"ALTER TABLE ms.t ADD COLUMN r oid; UPDATE ms.t SET r = {number}; "
                        "CREATE TRIGGER evil BEFORE DELETE ON ms.t FOR EACH ROW EXECUTE FUNCTION ms.lo_manage(r)")
    for session in (db, keyed):
        refused(session, READ if what == "tablefunc" else DELETE)
    if what == "lo":
        assert db.execute(f"SELECT lo_get({number})").fetchone() == (b"secret",)
    assert seen_by(db, mallory) == []
    mallory.execute(f"DROP EXTENSION {what} CASCADE")
    keyed.execute(READ)


def test_identifiers_of_an_extension(db, mallory, keyed):  # noqa: F811
    if db.execute("SELECT count(*) FROM pg_available_extensions WHERE name = 'uuid-ossp'").fetchone() == (0,):
        pytest.skip("the server has no extension uuid-ossp")
    db.execute('CREATE EXTENSION "uuid-ossp" SCHEMA public')
    mallory.execute("ALTER TABLE ms.t ADD COLUMN u uuid DEFAULT public.uuid_generate_v4()")
    keyed.execute(WRITE)


def test_a_key_administers_nothing_in_a_function_of_another(db, mallory, keyed):  # noqa: F811
    """Functions of the control plane need none of the rights that the function's owner has, so these bound nothing."""
    mallory.execute("""
        CREATE FUNCTION ms.lists() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.pc_list_indexes()';
        CREATE FUNCTION ms.deletes() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ SELECT public.pc_delete_index('m') $$;
        CREATE FUNCTION ms.makes() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS $$ SELECT count(*) FROM public.pc_create_index('new', 2) $$""")
    for function in ("lists", "deletes", "makes"):
        error = refusal(keyed, f"SELECT ms.{function}()")
        assert error.sqlstate == "42501" and "may not use the control plane in a function that runs as another role" in str(error), error
    db.execute("ALTER FUNCTION ms.lists() OWNER TO CURRENT_USER")
    assert keyed.execute("SELECT ms.lists()").fetchone() == (1,)
    assert keyed.execute("SELECT count(*) FROM pc_list_indexes()").fetchone() == (1,)
    keyed.execute("SELECT pc_create_index('new', 2)")
