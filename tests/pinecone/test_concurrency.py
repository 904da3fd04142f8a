"""Several sessions at once: writers of the same ids, makers of the same index, commit and rollback."""

import threading

import psycopg
import pytest


def upsert(session, ids, value):
    """One upsert of `ids`, in the order given, whose first element is `value`."""
    session.execute(
        """SELECT pc_upsert('shared', jsonb_agg(jsonb_build_object('id', id, 'values', ARRAY[%s, 1]) ORDER BY n), 'ns')
             FROM unnest(%s::text[]) WITH ORDINALITY AS u (id, n)""",
        [value, ids],
    )


def test_two_writers_of_the_same_ids(db, connect):
    """Opposite orders neither deadlock nor leave a half of one batch among a half of the other."""
    db.execute("SELECT pc_create_index('shared', 2)")
    ids = [f"id{i:03}" for i in range(300)]
    failures = []

    def work(writer, order):
        session = connect()
        try:
            for round in range(20):
                upsert(session, order, writer * 1000 + round + 1)
        except Exception as failure:
            failures.append(failure)

    threads = [
        threading.Thread(target=work, args=(1, ids)),
        threading.Thread(target=work, args=(2, ids[::-1])),
        threading.Thread(target=work, args=(3, ids[150:] + ids[:150])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    rows = db.execute("""SELECT count(*), count(DISTINCT "values") FROM pc_fetch('shared', %s, 'ns')""", [ids]).fetchone()
    assert rows == (300, 1)


def test_visible_at_commit_and_gone_at_rollback(connect):
    writer, reader = connect(autocommit=False), connect()
    writer.execute("SELECT pc_create_index('shared', 2)")
    assert reader.execute("SELECT pc_has_index('shared')").fetchone() == (False,)
    writer.commit()
    upsert(writer, ["a", "b"], 1)
    query = "SELECT id FROM pc_query('shared', '[1,1]', namespace => 'ns')"
    assert writer.execute(query).fetchall() == [("a",), ("b",)]
    assert reader.execute(query).fetchall() == []
    writer.rollback()
    assert writer.execute(query).fetchall() == []
    upsert(writer, ["c"], 1)
    writer.commit()
    assert reader.execute(query).fetchall() == [("c",)]


def waits(db, session):
    """Until `session` waits for a lock."""
    while db.execute(
        "SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", [session.info.backend_pid]
    ).fetchone() == (0,):
        pass


@pytest.mark.parametrize("end", ["commit", "rollback"])
def test_two_makers_of_one_index(db, connect, end):
    first, second = connect(autocommit=False), connect()
    first.execute("SELECT pc_create_index('shared', 2)")
    outcome = []

    def create():
        try:
            outcome.append(second.execute("SELECT dimension FROM pc_create_index('shared', 3)").fetchone())
        except psycopg.Error as error:
            outcome.append(error.sqlstate)

    thread = threading.Thread(target=create)
    thread.start()
    waits(db, second)
    getattr(first, end)()
    thread.join()
    assert outcome == (["42P07"] if end == "commit" else [(3,)])
    assert db.execute("SELECT count(*) FROM pc_list_indexes()").fetchone() == (1,)


@pytest.mark.parametrize("end", ["commit", "rollback"])
@pytest.mark.parametrize("parent, child", [
    ("SELECT pc_delete_project('brief')", "SELECT pc_create_api_key('k', project => 'brief')"),
    ("SELECT pc_delete_project('brief')", "SELECT pc_grant_role('brief_viewer', 'ProjectViewer', 'brief')"),
    ("SELECT pc_delete_project('brief')", "SET conifer.project = 'brief'; SELECT pc_create_index('late', 2)"),
    ("SELECT pc_delete_index('shared')", "SELECT pc_create_api_key('k', indexes => '{shared}')"),
    ("SELECT pc_delete_index('shared')", "SELECT pc_update_api_key((SELECT key_id FROM pc_auth.api_key), indexes => '{shared}')"),
])
def test_parents_are_held(db, connect, parent, child, end):
    """There are no foreign keys, yet nobody writes what belongs to a row that goes meanwhile."""
    db.execute("SELECT pc_create_index('shared', 2), pc_create_project('brief'), pc_create_api_key('old'); CREATE ROLE brief_viewer")
    first, second = connect(autocommit=False), connect()
    first.execute(parent)
    outcome = []

    def write():
        try:
            second.execute(child)
            outcome.append(None)
        except psycopg.Error as error:
            outcome.append(error.sqlstate)

    thread = threading.Thread(target=write)
    thread.start()
    waits(db, second)
    getattr(first, end)()
    thread.join()
    gone = "42704" if "project" in parent else "42P01"
    assert outcome == ([gone] if end == "commit" else [None])
    assert db.execute("SELECT state FROM pc_security_report() WHERE item LIKE 'rows whose%'").fetchone() == ("ok",)
    db.execute("DELETE FROM pc_auth.member; SELECT pc_revoke_api_key(key_id) FROM pc_auth.api_key; DROP ROLE brief_viewer")


def test_delete_index_waits_for_its_writers(db, connect):
    db.execute("SELECT pc_create_index('shared', 2)")
    writer, deleter = connect(autocommit=False), connect()
    upsert(writer, ["a"], 1)
    thread = threading.Thread(target=lambda: deleter.execute("SELECT pc_delete_index('shared')"))
    thread.start()
    waits(db, deleter)
    writer.commit()
    thread.join()
    with pytest.raises(psycopg.errors.UndefinedTable, match='index "shared" does not exist'):
        upsert(writer, ["b"], 2)
    # the name may come back with another dimension in a session that knows the old one
    writer.rollback()
    writer.execute("SELECT pc_create_index('shared', 3)")
    writer.execute("""SELECT pc_upsert('shared', '[{"id": "a", "values": [1, 2, 3]}]')""")
    assert writer.execute("SELECT id FROM pc_query('shared', '[1,2,3]')").fetchall() == [("a",)]


@pytest.mark.parametrize("delete", ["ids => %s", "delete_all => %s::text[] IS NOT NULL"])
def test_delete_and_upsert_of_the_same_ids(db, connect, delete):
    """Both lock rows in the order of ids, whatever order the rows lie in, so they wait and never deadlock."""
    db.execute("SELECT pc_create_index('shared', 2)")
    table = db.execute("SELECT table_name::text FROM pc_describe_index('shared')").fetchone()[0]
    ids = [f"k{i}" for i in range(8)]
    for id in reversed(ids):
        upsert(db, [id], 1)
    # rows are slow to write, so that the two surely meet
    db.execute("""CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$
                  BEGIN PERFORM pg_sleep(0.05); RETURN CASE TG_OP WHEN 'DELETE' THEN old ELSE new END; END $$""")
    db.execute(f"CREATE TRIGGER slow BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION slow()")
    deleter, writer, failures = connect(), connect(), []

    def run(work):
        try:
            work()
        except psycopg.Error as failure:
            failures.append(failure)

    threads = [
        threading.Thread(
            target=run, args=[lambda: deleter.execute(f"SELECT pc_delete('shared', namespace => 'ns', {delete})", [ids])]
        ),
        threading.Thread(target=run, args=[lambda: upsert(writer, ids, 2)]),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_write_then_configure_against_delete(db, connect):
    db.execute("SELECT pc_create_index('shared', 2)")
    writer, deleter = connect(autocommit=False), connect()
    upsert(writer, ["a"], 1)
    thread = threading.Thread(target=lambda: deleter.execute("SELECT pc_delete_index('shared')"))
    thread.start()
    waits(db, deleter)
    writer.execute("""SELECT pc_configure_index('shared', tags => '{"a": "b"}')""")
    writer.commit()
    thread.join()
    assert db.execute("SELECT pc_has_index('shared')").fetchone() == (False,)


def test_timeout_stops_the_reading_of_a_batch(db):
    """A batch that is refused only at its end is long to read; the timeout does not wait for that."""
    db.execute("SELECT pc_create_index('shared', 16000)")
    db.execute("CREATE TABLE batch AS SELECT jsonb_agg(jsonb_build_object('id', i::text, 'values', v)) AS j"
               " FROM generate_series(1, 60) i, (SELECT array_agg(0.123456 * n) AS v FROM generate_series(1, 16000) n) v")
    upsert_all = """SELECT pc_upsert('shared', j || '[{"id": "bad"}]') FROM batch"""
    with pytest.raises(psycopg.errors.InvalidParameterValue):
        db.execute(upsert_all)
    # whichever comes first: a timeout that were not noticed while reading would let the refusal win
    db.execute("SET statement_timeout = 1")
    with pytest.raises(psycopg.errors.QueryCanceled):
        db.execute(upsert_all)


def test_cancel_leaves_nothing(db, connect):
    db.execute("SELECT pc_create_index('shared', 2)")
    session, other = connect(), connect(autocommit=False)
    upsert(other, ["m"], 5)
    session.execute("SET statement_timeout = 200")
    with pytest.raises(psycopg.errors.QueryCanceled):
        upsert(session, ["a", "m", "z"], 7)  # waits for the other's row
    other.commit()
    assert db.execute("SELECT id FROM pc_list('shared', namespace => 'ns')").fetchall() == [("m",)]
    session.execute("SET statement_timeout = 0")
    upsert(session, ["a", "m", "z"], 7)
    assert db.execute("SELECT count(*) FROM pc_list('shared', namespace => 'ns')").fetchone() == (3,)


def test_trigger_that_calls_back(db):
    """A trigger on an index's table may use the functions; the statement under way is not disturbed."""
    db.execute("SELECT pc_create_index('shared', 2), pc_create_index('log', 2)")
    table = db.execute("SELECT table_name::text FROM pc_describe_index('shared')").fetchone()[0]
    db.execute(
        """CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
           BEGIN PERFORM pc_upsert_many('log', ARRAY[new.id], ARRAY[new."values"]); RETURN new; END $$"""
    )
    db.execute(f"CREATE TRIGGER note AFTER INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION note()")
    upsert(db, ["a", "b", "c"], 1)
    assert db.execute("SELECT count(*) FROM pc_list('log')").fetchone() == (3,)
