"""Conditions that planning changes after they were looked at: columns that are constants, and functions in SQL that are replaced by their text.
A key that is limited to namespaces learns nothing of records in others by whether a statement raises an error."""

import pytest

from tests.pinecone.access.world import state, world

__all__ = ["world"]

# Without indexes each row is looked at, and the conditions are evaluated in the order that the server has put them.
BARE = "SET enable_indexscan = off; SET enable_bitmapscan = off; SET enable_indexonlyscan = off"
RAISES = "has_table_privilege({x}, 'select')"
# A record that is there and hidden, and one that is not there.
HIDDEN, ABSENT = "t.namespace = 'n2' AND (t.id <> 'n2-1' OR {})", "t.namespace = 'n2' AND (t.id <> 'none' OR {})"
PLACES = {
    "a sub-select": ("SELECT count(*) FROM {t} t, (SELECT 'no.such'::text AS x) v WHERE {c}", "v.x"),
    "a list": ("SELECT count(*) FROM {t} t, (VALUES ('no.such'::text)) v (x) WHERE {c}", "v.x"),
    "a function": ("SELECT count(*) FROM {t} t, lower('NO.SUCH') v (x) WHERE {c}", "v.x"),
    "a join": ("SELECT count(*) FROM {t} t JOIN (SELECT 'no.such'::text AS x) v ON {c}", "v.x"),
    "a column of a join": ("SELECT count(*) FROM ({t} t CROSS JOIN (SELECT 'no.such'::text AS x) v) WHERE {c}", "x"),
    "beside a table": ("SELECT count(*) FROM (SELECT o.*, 'no.such'::text AS x FROM {t} o) t WHERE {c}", "t.x"),
    "within another": ("SELECT count(*) FROM {t} t, (SELECT y AS x FROM (SELECT 'no.such'::text AS y) u) v WHERE {c}", "v.x"),
    "an outer one": ("SELECT count(*) FROM (SELECT 'no.such'::text AS x) v, LATERAL (SELECT FROM {t} t WHERE {c}) u", "v.x"),
    "a list of an outer one": ("SELECT count(*) FROM (SELECT 'no.such'::text AS x) v WHERE EXISTS (SELECT FROM {t} t WHERE {c})", "v.x"),
    "a common table": ("WITH v AS (SELECT 'no.such'::text AS x) SELECT count(*) FROM {t} t, v WHERE {c}", "v.x"),
    "the constant": ("SELECT count(*) FROM {t} t WHERE {c}", "'no.such'::text"),
    "MERGE": ("MERGE INTO {t} t USING (SELECT 'no.such'::text AS x) v ON {c} WHEN MATCHED THEN DO NOTHING", "v.x"),
}


@pytest.fixture
def limited(world):
    """A session of a key that is limited to namespace n1 of index a."""
    with world.login(world.key("narrow", namespaces='{"a": ["n1"]}')[0], autocommit=False) as session:
        session.execute(BARE)
        session.commit()
        yield session


def outcome(session, statement):
    """Its SQLSTATE or what it counts, and nothing stays of it."""
    try:
        return state(session, statement)
    finally:
        session.rollback()


@pytest.mark.parametrize("place", PLACES)
def test_a_column_that_is_a_constant(world, limited, place):
    """It may be had by a sub-select, a list or a function in FROM, which the planner replaces by the constant."""
    statement, x = PLACES[place]
    hidden, absent = (
        outcome(limited, statement.format(t=world.tables["a"], c=condition.format(RAISES.format(x=x)))) for condition in (HIDDEN, ABSENT)
    )
    assert hidden == absent, place


def test_a_column_of_a_table_is_one(world, limited):
    """What is made of the record's own columns is asked of the records of n1, and of no others."""
    counted = limited.execute(f"SELECT count(*) FROM {world.tables['a']} t WHERE (t.metadata ->> 'of')::name = 'a'").fetchone()
    assert counted == (2,)


def test_collations_that_disagree(world, limited):
    """Comparisons of texts are leakproof, and raise an error where no collation is to be had."""
    for rows in ("lower('ZZ' COLLATE \"POSIX\") v (x)", "(SELECT 'zz' COLLATE \"POSIX\" AS x) v"):
        statement = f"SELECT count(*) FROM {world.tables['a']} t, {rows} WHERE t.metadata @@@ '{{\"of\": %s}}' AND t.namespace = 'n2' AND t.id <> v.x"
        assert outcome(limited, statement % '"a"') == outcome(limited, statement % '"none"'), rows


def test_collations_that_are_not_deterministic(world, limited):
    """`starts_with` is leakproof, and raises an error with one. Anybody may make one who may create in a schema."""
    world.db.execute("CREATE COLLATION public.loose (provider = icu, locale = 'und', deterministic = false)")
    try:
        rows = "unnest(ARRAY['zz' COLLATE public.loose]) v (x)"
        for call in ("starts_with(v.x, 'x')", "v.x ^@ 'x'", "starts_with('x', v.x)", "starts_with(t.id COLLATE public.loose, 'x')"):
            statement = f"SELECT count(*) FROM {rows}, LATERAL (SELECT FROM {world.tables['a']} t WHERE {{}} OFFSET 0) u"
            hidden, absent, shown = (
                outcome(limited, statement.format(condition.format(call))) for condition in (HIDDEN, ABSENT, "t.id <> 'n1-1' OR {}")
            )
            assert hidden == absent and shown == "0A000", call
        # Others are compared as ever.
        assert limited.execute(f"SELECT count(*) FROM {world.tables['a']} t WHERE t.id COLLATE public.loose = 'n1-1'").fetchone() == (1,)
    finally:
        limited.rollback()
        world.db.execute("DROP COLLATION public.loose")


@pytest.mark.parametrize("asked", [
    "ARRAY[$1, $2] IS NULL", "ARRAY[ARRAY[$1, $2], ARRAY[$2, $1]] IS NULL", "(ARRAY[$1, $2] IS NULL) IS TRUE", "t.id = ANY (ARRAY[$1, $2])",
])
def test_arrays_of_arrays(world, limited, asked):
    """They are put together as the condition is evaluated, and must be of one size then."""
    statement = "PREPARE q (text[], text[]) AS SELECT count(*) FROM {} t WHERE {}; EXECUTE q('{{a}}', '{{a,b}}')"
    statement = "SET LOCAL plan_cache_mode = force_generic_plan; DEALLOCATE ALL; " + statement
    hidden, absent, shown = (
        outcome(limited, statement.format(world.tables["a"], condition.format(asked))) for condition in (HIDDEN, ABSENT, "t.id <> 'n1-1' OR {}")
    )
    assert hidden == absent and shown == "2202E"


FUNCTIONS = """
    CREATE FUNCTION public.find(f jsonb, every boolean) RETURNS SETOF text LANGUAGE sql STABLE AS
        $$ SELECT id FROM {t} WHERE namespace = 'n2' AND metadata @@@ f AND (every OR metadata @@@ '{{"public": true}}') $$;
    CREATE FUNCTION public.find_as_set() RETURNS SETOF text LANGUAGE sql STABLE AS
        $$ SELECT id FROM {t} WHERE namespace = current_setting('conifer_test.n') AND (current_setting('conifer_test.x')::int = 1 OR id = '') $$;
    CREATE FUNCTION public.is_one(x text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT x::int = 1 $$;
"""
CALLS = {
    "arguments": ("SELECT * FROM public.find('{{\"of\": {n}}}', has_table_privilege('no.such', 'select'))", '"a"', '"none"'),
    "lateral arguments": (
        "SELECT * FROM (SELECT 'no.such'::text AS x) v, LATERAL public.find('{{\"of\": {n}}}', has_table_privilege(v.x, 'select'))", '"a"', '"none"',
    ),
    "settings": ("SET LOCAL conifer_test.n = '{n}'; SET LOCAL conifer_test.x = 'none'; SELECT * FROM public.find_as_set()", "n2", "none"),
    "a condition": ("SELECT * FROM {t} t WHERE t.namespace = '{n}' AND (t.id = '' OR public.is_one('x'))", "n2", "none"),
    "a common table": (
        "WITH v AS (SELECT * FROM public.find('{{\"of\": {n}}}', has_table_privilege('no.such', 'select'))) SELECT count(*) FROM v", '"a"', '"none"',
    ),
    "a view": ("SELECT * FROM public.found WHERE n = '{n}' AND (id = '' OR public.is_one('x'))", "n2", "none"),
}


@pytest.fixture
def functions(world):
    """What an administrator of the database has made for everybody."""
    world.db.execute(FUNCTIONS.format(t=world.tables["a"]))
    world.db.execute(f"CREATE VIEW public.found WITH (security_barrier = false) AS SELECT namespace AS n, id FROM {world.tables['a']}")
    if world.db.info.server_version >= 150000:
        world.db.execute("ALTER VIEW public.found SET (security_invoker = on); GRANT SELECT ON public.found TO PUBLIC")
    yield
    world.db.execute("DROP VIEW public.found; DROP FUNCTION public.find, public.find_as_set, public.is_one")


@pytest.mark.parametrize("call", CALLS)
def test_a_function_in_sql_is_not_replaced_by_its_text(world, limited, functions, call):
    statement, there, not_there = CALLS[call]
    answers = [outcome(limited, statement.format(t=world.tables["a"], n=n)) for n in (there, not_there)]
    assert answers[0] == answers[1], call


def test_a_function_in_sql_finds_what_may_be_read(world, limited, functions):
    """In whatever order keys take their turns; and one that reads the whole table still has it replaced."""
    find = "SELECT count(*) FROM public.find('{\"of\": \"a\"}', true)"
    assert limited.execute(find).fetchone() == (0,)
    limited.rollback()
    wide, narrow = world.key("wide"), world.key("narrow", namespaces='{"a": ["n1"]}')
    with world.login(world.gateway, autocommit=False) as pooled:
        for key, want in ((wide, 2), (narrow, 0), (wide, 2)):
            pooled.execute("SELECT pc_use_key(%s)", [key[1]])
            assert pooled.execute(find).fetchone() == (want,)
            pooled.rollback()
    with world.login(wide[0]) as session:
        plan = "\n".join(line for (line,) in session.execute(f"EXPLAIN (COSTS OFF) {find}"))
        assert "Function Scan" not in plan


OF_A_USER = """
    CREATE TABLE public.by_id (namespace text COLLATE "C" NOT NULL, id text COLLATE "C" UNIQUE, "values" vector(2) NOT NULL,
        metadata jsonb NOT NULL DEFAULT '{}', PRIMARY KEY (namespace, id));
    INSERT INTO public.by_id VALUES ('n2', 'hidden', '[1,1]', '{"x": "secret"}'), ('n1', 'shown', '[1,1]', '{"x": "1"}'), ('n1', 'word', '[1,1]', '{"x": "a"}');
"""
INSERT = """INSERT INTO {t} AS v (namespace, id, "values") VALUES ('n1', '{id}', '[2,2]') ON CONFLICT (id) DO UPDATE SET "values" = '[3,3]' WHERE {c}"""


@pytest.fixture
def by_id(world):
    """The view of an index over a user's table, whose ids are those of no two records in whatever namespaces."""
    with world.login("postgres") as admin:
        admin.execute("SET conifer.project = 'own'")
        admin.execute(OF_A_USER)
        yield admin.execute("SELECT table_name::text FROM pc_create_index('by-id', from_table => 'public.by_id')").fetchone()[0]
        admin.execute("SELECT pc_delete_index('by-id'); DROP TABLE public.by_id")


@pytest.mark.parametrize("how", ["login", "pooled"])
def test_a_conflict_with_a_hidden_record(world, by_id, how):
    """Whatever the condition of the conflict says of the record, it is refused; and that of a record that is shown decides."""
    role, whole = world.key("narrow", namespaces='{"by-id": ["n1"]}')
    conditions = (
        "v.metadata ->> 'x' = 'secret'", "v.metadata ->> 'x' = 'another'", "(v.metadata ->> 'x')::int > 0", "v.metadata @@@ '{\"x\": \"another\"}'",
        "v.namespace = 'n1'", "v.namespace = excluded.namespace", "random() > 2", "NULL", "false", "(SELECT v.metadata ->> 'x') = 'another'",
    )
    with world.login(role if how == "login" else world.gateway, autocommit=False) as session:
        def answer(record, condition):
            if how == "pooled":
                session.execute("SELECT pc_use_key(%s)", [whole])
            return outcome(session, INSERT.format(t=by_id, id=record, c=condition))

        assert {condition: answer("hidden", condition) for condition in conditions} == dict.fromkeys(conditions, "42501")
        assert answer("hidden", "true") == "42501"
        assert answer("word", "(v.metadata ->> 'x')::int > 0") == "22P02"
        for record, condition, changed in (("shown", "(v.metadata ->> 'x')::int > 0", 1), ("shown", "v.metadata ->> 'x' = 'another'", 0), ("new", "false", 1)):
            if how == "pooled":
                session.execute("SELECT pc_use_key(%s)", [whole])
            assert session.execute(INSERT.format(t=by_id, id=record, c=condition)).rowcount == changed, record
            session.rollback()
