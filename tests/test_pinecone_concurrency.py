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
