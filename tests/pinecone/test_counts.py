"""The numbers of records are those of a count, whatever changes them and whoever asks, and nobody counts for that."""

import json
import random
import threading

import psycopg
import pytest

from tests.support.cluster import Cluster
from tests.support.waiting import until

KEPT = "SELECT pc_describe_index_stats(%s)"
VALUES = '"values"'


@pytest.fixture
def table(db):
    """The table of an empty index `counted`."""
    return db.execute("SELECT table_name::text FROM pc_create_index('counted', 2)").fetchone()[0]


def put(session, namespace, *ids):
    session.execute("SELECT pc_upsert('counted', %s, %s)", [json.dumps([{"id": id, "values": [1, 1]} for id in ids]), namespace])


def kept(session, index="counted"):
    found = session.execute(KEPT, [index]).fetchone()[0]
    counts = {name: space["vectorCount"] for name, space in found["namespaces"].items()}
    assert found["totalVectorCount"] == sum(counts.values())
    return counts


def counted(session, table):
    return dict(session.execute(f"SELECT namespace, count(*) FROM {table} GROUP BY 1").fetchall())


def right(session, table):
    """What is kept is what a count finds."""
    found = kept(session)
    assert found == counted(session, table)
    return found


def scans(session, table):
    """How often the table or an index of it was read."""
    session.execute("SELECT pg_stat_force_next_flush()")
    return session.execute(
        "SELECT t.seq_scan + sum(i.idx_scan) FROM pg_stat_user_tables t JOIN pg_stat_user_indexes i USING (relid) WHERE relid = %s::regclass GROUP BY t.seq_scan",
        [table],
    ).fetchone()[0]


def is_read(session, table):
    """Whether the numbers come from the table itself."""
    before = scans(session, table)
    kept(session)
    return scans(session, table) != before


def test_every_way_in(db, table):
    put(db, "", "a", "b")
    put(db, "n", "a", "b", "c")
    put(db, "n", "b", "c", "d")  # two of them are there
    assert right(db, table) == {"": 2, "n": 4}
    db.execute(f"INSERT INTO {table} (namespace, id, {VALUES}) SELECT 'bulk', i::text, '[1,1]' FROM generate_series(1, 500) i")
    db.execute(f"INSERT INTO {table} (namespace, id, {VALUES}) VALUES ('bulk', '1', '[2,2]') ON CONFLICT DO NOTHING")
    with db.cursor().copy(f"COPY {table} (namespace, id, {VALUES}) FROM STDIN") as copy:
        for i in range(300):
            copy.write_row((f"copied{i % 3}", str(i), "[1,2]"))
    assert right(db, table)["bulk"] == 500
    db.execute(f"DELETE FROM {table} WHERE namespace = 'bulk' AND id LIKE '1%'")
    db.execute(f"UPDATE {table} SET namespace = 'moved' WHERE namespace = 'copied1'")
    db.execute(f"UPDATE {table} SET metadata = '{{}}'")
    db.execute(f"MERGE INTO {table} t USING (VALUES ('m', 'x'), ('n', 'a')) s (namespace, id) ON (t.namespace, t.id) = (s.namespace, s.id)"
               f" WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (namespace, id, {VALUES}) VALUES (s.namespace, s.id, '[1,1]')")
    db.execute("SELECT pc_rename_namespace('counted', 'moved', 'renamed'), pc_copy_namespace('counted', 'renamed', 'copy'), pc_delete_namespace('counted', 'bulk')")
    assert right(db, table) == {"": 2, "n": 3, "m": 1, "copied0": 100, "copied2": 100, "renamed": 100, "copy": 100}
    assert not is_read(db, table)
    db.execute(f"TRUNCATE {table}")
    assert right(db, table) == {}
    put(db, "after", "a")
    assert right(db, table) == {"after": 1} and not is_read(db, table)


def test_rolled_back_and_savepoints(connect, table):
    session = connect(autocommit=False)
    put(session, "n", "a", "b")
    session.execute("SAVEPOINT one")
    put(session, "n", "c")
    session.execute("SAVEPOINT two")
    put(session, "m", "x")
    assert right(session, table) == {"n": 3, "m": 1}
    session.execute("ROLLBACK TO one")
    assert right(session, table) == {"n": 2}
    session.execute("SAVEPOINT three")
    put(session, "m", "y", "z")
    session.execute(f"DELETE FROM {table} WHERE id = 'a'")
    session.execute("RELEASE three; RELEASE one")
    session.execute("SAVEPOINT four")
    session.execute(f"TRUNCATE {table}")
    put(session, "t", "t")
    assert right(session, table) == {"t": 1}
    session.execute("ROLLBACK TO four")
    assert right(session, table) == {"n": 1, "m": 2}
    with connect() as other:
        assert kept(other) == {}
    session.commit()
    with connect() as other:
        assert right(other, table) == {"n": 1, "m": 2}
    put(session, "n", "q")
    session.rollback()
    # a statement that fails after some of its records, within a block that goes on
    session.execute(f"""DO $$ BEGIN
        INSERT INTO {table} (namespace, id, {VALUES}) VALUES ('f', '1', '[1,1]'), ('f', '2', '[1,1]'), ('f', '1', '[1,1]');
        EXCEPTION WHEN unique_violation THEN INSERT INTO {table} (namespace, id, {VALUES}) VALUES ('g', '1', '[1,1]'); END $$""")
    assert right(session, table) == {"n": 1, "m": 2, "g": 1}
    session.commit()
    assert right(session, table) == {"n": 1, "m": 2, "g": 1}


def test_procedures_that_commit(db, table):
    db.execute(f"""CREATE PROCEDURE fill() LANGUAGE plpgsql AS $$ BEGIN
        FOR i IN 1..20 LOOP
            INSERT INTO {table} (namespace, id, {VALUES}) VALUES ('p', i::text, '[1,1]');
            IF i % 3 = 0 THEN ROLLBACK; ELSE COMMIT; END IF;
        END LOOP; END $$""")
    db.execute("CALL fill()")
    assert right(db, table) == {"p": 14}


def test_snapshots(connect, table):
    """A transaction that sees the database as it was sees the numbers as they were."""
    writer, reader = connect(), connect(autocommit=False)
    put(writer, "n", "a")
    reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    assert right(reader, table) == {"n": 1}
    for i in range(200):  # many commits, whose rows are put together
        put(writer, "n", f"b{i}")
    put(reader, "mine", "x")
    assert right(reader, table) == {"n": 1, "mine": 1}
    reader.commit()
    assert right(reader, table) == {"n": 201, "mine": 1}
    # the statement under way is not among what it sees
    row = writer.execute(
        f"""WITH i AS (INSERT INTO {table} (namespace, id, {VALUES}) SELECT 'w', i::text, '[1,1]' FROM generate_series(1, 5) i RETURNING id)
            SELECT pc_describe_index_stats('counted')->'totalVectorCount', (SELECT count(*) FROM {table}) FROM i LIMIT 1"""
    ).fetchone()
    assert row == (202, 202)
    # nor is what comes after a cursor was opened
    session = connect(autocommit=False)
    put(session, "c", "1")
    session.execute(f"DECLARE c CURSOR FOR SELECT pc_describe_index_stats('counted')->'totalVectorCount', (SELECT count(*) FROM {table})")
    put(session, "c", "2", "3")
    assert session.execute("FETCH c").fetchone() == (208, 208)
    assert right(session, table)["c"] == 3


def test_within_triggers(db, table):
    """A statement that is half done has told of half of what it did: then records are counted."""
    db.execute("CREATE TABLE seen (kept bigint, counted bigint)")
    db.execute(f"""CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO seen SELECT (pc_describe_index_stats('counted')->'totalVectorCount')::bigint, count(*) FROM {table}; RETURN NULL; END $$""")
    for name, level in (("a_note", "ROW"), ("z_note", "ROW"), ("b_note", "STATEMENT")):
        db.execute(f"CREATE TRIGGER {name} AFTER INSERT OR DELETE ON {table} FOR EACH {level} EXECUTE FUNCTION note()")
    put(db, "n", "a", "b", "c")
    db.execute(f"DELETE FROM {table} WHERE id <> 'a'")
    assert db.execute("SELECT count(*), count(*) FILTER (WHERE kept = counted) FROM seen").fetchone() == (12, 12)
    assert right(db, table) == {"n": 1}


@pytest.mark.parametrize("seed", range(3))
def test_many_sessions(connect, table, seed):
    """Sessions that write, roll back, move and delete at random; each time that all are still the numbers are right."""
    failures = []

    def work(number):
        rng, session = random.Random(seed * 100 + number), connect(autocommit=False)
        try:
            for _ in range(60):
                namespace = f"n{rng.randrange(4)}"
                for _ in range(rng.randrange(1, 4)):
                    ids = [f"{number}-{rng.randrange(30)}" for _ in range(rng.randrange(1, 6))]
                    action = rng.randrange(6)
                    session.execute("SAVEPOINT s")
                    if action < 3:
                        put(session, namespace, *set(ids))
                    elif action == 3:
                        session.execute("SELECT pc_delete('counted', %s, namespace => %s)", [ids, namespace])
                    elif action == 4:
                        session.execute(f"UPDATE {table} SET namespace = 'o{number}' WHERE namespace = %s AND id = %s"
                                        f" AND NOT EXISTS (SELECT FROM {table} WHERE namespace = 'o{number}' AND id = %s)", [namespace, ids[0], ids[0]])
                    else:
                        session.execute(f"DELETE FROM {table} WHERE namespace = 'o{number}'")
                    session.execute("ROLLBACK TO s" if rng.random() < 0.2 else "RELEASE s")
                session.rollback() if rng.random() < 0.2 else session.commit()
        except Exception as failure:
            failures.append(failure)

    def read():
        session = connect(autocommit=False)
        try:
            while any(thread.is_alive() for thread in threads):
                session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                right(session, table)
                session.commit()
        except Exception as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    reader = threading.Thread(target=read)
    reader.start()
    for thread in (*threads, reader):
        thread.join()
    assert failures == []
    with connect() as session:
        assert right(session, table) and not is_read(session, table)


def test_rows_are_put_together(db, table):
    """What is kept does not grow with the number of transactions."""
    for i in range(600):
        put(db, f"n{i % 2}", str(i % 50))
        db.execute("SELECT pc_delete('counted', %s, namespace => %s)", [[str(i % 50)], f"n{i % 2}"])
    assert right(db, table) == {}
    assert db.execute("SELECT count(*) FROM pc.record_count").fetchone()[0] < 250


def test_triggers_that_were_touched(db, connect, table):
    """What happened while a trigger was off is found by a count; then the numbers are kept again."""
    put(db, "n", "a", "b")
    assert not is_read(db, table)
    db.execute(f"ALTER TABLE {table} DISABLE TRIGGER count_records")
    put(db, "n", "c")
    assert right(db, table) == {"n": 3} and is_read(db, table)
    db.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER count_records")
    put(db, "n", "d")
    assert right(db, table) == {"n": 4}
    assert not is_read(db, table) and right(db, table) == {"n": 4}
    # by a session that has them all off
    db.execute("SET session_replication_role = replica")
    put(db, "m", "a")
    db.execute("RESET session_replication_role")
    assert right(db, table) == {"n": 4, "m": 1}
    # dropped and made again
    definition = db.execute("SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgname = 'count_records' AND tgrelid = %s::regclass", [table]).fetchone()[0]
    db.execute(f"DROP TRIGGER count_records ON {table}")
    put(db, "m", "b")
    db.execute(definition)
    assert right(db, table) == {"n": 4, "m": 2} and is_read(db, table)  # not called where a subscription applies rows
    db.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER count_records")
    kept(db)
    put(db, "m", "c")
    assert not is_read(db, table) and right(db, table) == {"n": 4, "m": 3}


@pytest.mark.parametrize("event", ["AFTER INSERT OR DELETE ON {} FOR EACH ROW", "AFTER INSERT ON {} FOR EACH STATEMENT", "BEFORE INSERT ON {} FOR EACH ROW"])
def test_a_trigger_that_is_not_ours(db, table, event):
    """It has our function, and tells nothing: each record counts once, while it is there and after it was dropped."""
    put(db, "n", "a")
    assert right(db, table) == {"n": 1}
    db.execute(f"CREATE TRIGGER more {event.format(table)} EXECUTE FUNCTION pc.count_records()")
    if "BEFORE" not in event:
        put(db, "n", "b", "c")
    db.execute("SELECT pc_delete('counted', '{a}', namespace => 'n')")
    right(db, table)
    db.execute(f"DROP TRIGGER more ON {table}")
    put(db, "n", "d")
    assert right(db, table) == ({"n": 1} if "BEFORE" in event else {"n": 3}) and not is_read(db, table)
    # nor does one that has taken the name of one of ours, for something else
    db.execute(f"DROP TRIGGER count_moved ON {table}")
    db.execute(f"CREATE TRIGGER count_moved {event.format(table)} EXECUTE FUNCTION pc.count_records()")
    db.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER count_moved")
    if "BEFORE" not in event:
        put(db, "n", "e")
    right(db, table)
    db.execute("SELECT pc_sync_roles()")
    put(db, "n", "f", "g")
    right(db, table)
    db.execute(f"UPDATE {table} SET namespace = 'm' WHERE id = 'g'")
    assert right(db, table)["m"] == 1 and not is_read(db, table)


@pytest.mark.parametrize("rewrite", ["TRUNCATE {}", "TRUNCATE {0}; INSERT INTO {0} (namespace, id, {1}) VALUES ('t', 't', '[1,1]')", "VACUUM FULL {}"])
def test_a_table_that_was_emptied_under_an_older_snapshot(connect, table, rewrite):
    """TRUNCATE takes rows from all snapshots; the numbers of a snapshot from before are not those of its count any more."""
    writer, reader = connect(), connect(autocommit=False)
    put(writer, "n", "a", "b")
    reader.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    reader.execute("SELECT 1")
    for statement in rewrite.format(table, VALUES).split(";"):
        writer.execute(statement)
    assert right(reader, table) == ({"n": 2} if "VACUUM" in rewrite else {})
    assert [row[0] for row in reader.execute("SELECT name FROM pc_list_namespaces('counted')")] == (["n"] if "VACUUM" in rewrite else [])
    reader.commit()
    right(reader, table)
    reader.commit()
    assert not is_read(writer, table)
    # a transaction that has emptied the table itself
    put(reader, "mine", "x")
    reader.execute(f"TRUNCATE {table}")
    assert right(reader, table) == {}
    put(reader, "mine", "y")
    assert right(reader, table) == {"mine": 1}
    reader.rollback()
    right(reader, table)


def test_two_that_count_at_once(db, connect, table):
    """Whoever is second waits, and finds it done; what others write meanwhile is in it once."""
    put(db, "n", *map(str, range(50)))
    db.execute("DELETE FROM pc.counted")
    first, second, writer = connect(autocommit=False), connect(), connect(autocommit=False)
    put(writer, "w", "open")
    assert kept(first) == {"n": 50}
    found = []
    thread = threading.Thread(target=lambda: found.append(kept(second)))
    thread.start()
    put(connect(), "n", "more")
    first.commit()
    thread.join()
    writer.commit()
    assert found[0] in ({"n": 50}, {"n": 51})
    assert right(db, table) == {"n": 51, "w": 1} and not is_read(db, table)
    assert db.execute("SELECT count(*) FROM pc.counted").fetchone() == (1,)


def test_a_count_while_the_statement_writes(db, table):
    """A function that asks in the middle of an INSERT must not have the half of it written down as all."""
    db.execute("DELETE FROM pc.counted")
    db.execute("""CREATE FUNCTION ask() RETURNS text LANGUAGE plpgsql VOLATILE AS $$
                  BEGIN PERFORM pc_describe_index_stats('counted'); RETURN '[1,1]'; END $$""")
    db.execute(f"INSERT INTO {table} (id, {VALUES}) SELECT i::text, ask()::vector FROM generate_series(1, 20) i")
    assert right(db, table) == {"": 20}
    assert right(db, table) == {"": 20} and not is_read(db, table)


def test_read_only_after_writing(connect, table):
    session = connect(autocommit=False)
    put(session, "n", "a")
    session.execute("SET TRANSACTION READ ONLY")
    session.commit()
    assert right(session, table) == {"n": 1}


def test_index_and_extension_that_go_in_the_same_transaction(db, connect, table):
    session = connect(autocommit=False)
    put(session, "n", "a")
    session.execute("SELECT pc_delete_index('counted')")
    session.commit()
    assert db.execute("SELECT (SELECT count(*) FROM pc.record_count), (SELECT count(*) FROM pc.counted)").fetchone() == (0, 0)
    session.execute("SELECT pc_create_index('counted', 2)")
    put(session, "n", "a")
    session.execute("DROP EXTENSION conifer CASCADE")
    session.commit()
    assert session.execute("SELECT count(*) FROM pg_extension WHERE extname = 'conifer'").fetchone() == (0,)


def test_prepared_transactions_and_a_crash():
    """What is prepared has written its numbers; they come with it, also after the server has crashed."""
    cluster = Cluster(15, "counts", {"max_prepared_transactions": "5", "wal_level": "logical"})
    try:
        cluster.create_database("shop")
        with cluster.connect("shop") as db:
            db.execute("CREATE EXTENSION conifer")
            table = db.execute("SELECT table_name::text FROM pc_create_index('counted', 2)").fetchone()[0]
            put(db, "n", "a")
            db.execute("BEGIN")
            put(db, "n", "b", "c")
            db.execute("PREPARE TRANSACTION 'one'")
            db.execute("BEGIN")
            put(db, "m", "b", "c")
            db.execute("PREPARE TRANSACTION 'two'")
            assert right(db, table) == {"n": 1}
        cluster.crash()
        cluster.resume()
        with cluster.connect("shop") as db:
            db.execute("COMMIT PREPARED 'one'")
            db.execute("ROLLBACK PREPARED 'two'")
            assert right(db, table) == {"n": 3} and not is_read(db, table)
            # a publication of all tables is not in the way of rows that are put together
            db.execute("CREATE PUBLICATION everything FOR ALL TABLES")
            for i in range(100):
                put(db, "n", str(i))
            assert right(db, table) == {"n": 103}
        standby = cluster.standby("counts-standby")
        try:
            with standby.connect("shop") as there, cluster.connect("shop") as db:
                put(db, "s", "1")
                until(lambda: kept(there).get("s") == 1)
                assert right(there, table) == {"n": 103, "s": 1} and not is_read_there(there, table)
        finally:
            standby.destroy()
    finally:
        cluster.destroy()


def is_read_there(session, table, looks=None):
    """Whether a session reads the table, by what it locks: a standby keeps no numbers of scans that would outlive the session. A key sees
    no locks, so another session looks.
    """
    session.execute("BEGIN")
    kept(session)
    locks = "SELECT count(*) FROM pg_locks WHERE pid = %s AND relation = %s::regclass"
    locked = (looks or session).execute(locks, [session.info.backend_pid, table]).fetchone()[0]
    session.execute("COMMIT")
    return locked > 0


@pytest.mark.parametrize("form", ["plain", "custom", "data", "data without triggers"])
def test_dump_and_restore(server, db, database, table, empty_database, tmp_path, form):
    put(db, "n", *map(str, range(30)))
    put(db, "m", "a")
    db.execute("SELECT pc_create_namespace('counted', 'empty'), pc_create_namespace('counted', 'n2', '{\"fields\": {\"a\": {\"filterable\": true}}}')")
    names = db.execute("SELECT name, record_count, schema FROM pc_list_namespaces('counted')").fetchall()
    assert [name for name, *_ in names] == ["empty", "m", "n", "n2"]
    if form == "plain":
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database, stdin=server.run("pg_dump", database))
    elif form == "custom":
        server.run("pg_dump", "-Fc", "-f", str(tmp_path / "dump"), database)
        server.run("pg_restore", "--exit-on-error", "-d", empty_database, str(tmp_path / "dump"))
    else:
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database, stdin=server.run("pg_dump", "-s", database))
        more = ["--disable-triggers"] if "without" in form else []
        server.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", empty_database, stdin=server.run("pg_dump", "-a", *more, database))
    with server.connect(empty_database) as restored:
        put(restored, "later", "x")
        assert right(restored, table) == {"n": 30, "m": 1, "later": 1}
        put(restored, "later", "y")
        restored.execute(f"DELETE FROM {table} WHERE namespace = 'm'")
        assert right(restored, table) == {"n": 30, "later": 2}
        assert restored.execute("SELECT name, record_count, schema FROM pc_list_namespaces('counted')").fetchall() == [
            ("empty", 0, None), ("later", 2, None), ("n", 30, None), names[3]]
        # where the restore has left the triggers as they were, numbers are kept from the first call on
        assert is_read(restored, table) == ("without" in form)
        restored.execute("SELECT pc_sync_roles()")
        kept(restored)
        put(restored, "n", "last")
        assert not is_read(restored, table) and right(restored, table) == {"n": 31, "later": 2}


def test_limited_keys(server, db, database, table):
    """A key sees the numbers of its namespaces, and no others, whatever is kept."""
    for namespace in ("mine", "theirs", "other"):
        put(db, namespace, "a", "b")
    put(db, "mine", "c")
    db.execute("SELECT pc_create_namespace('counted', 'bare'), pc_create_namespace('counted', 'secret')")
    key, _ = db.execute("SELECT * FROM pc_create_api_key('k', namespaces => '{\"counted\": [\"mine\", \"bare\", \"new\", \"newer\"]}')").fetchone()
    reader, _ = db.execute("SELECT * FROM pc_create_api_key('r', data_plane => 'ReadOnly')").fetchone()
    none, _ = db.execute("SELECT * FROM pc_create_api_key('n', control_plane => 'ReadWrite')").fetchone()
    try:
        with server.connect(database, user=key) as session, server.connect(database, user=reader) as all, server.connect(database, user=none) as other:
            assert right(session, table) == {"mine": 3}
            assert kept(all) == {"mine": 3, "theirs": 2, "other": 2}
            assert not is_read_there(session, table, db) and not is_read_there(all, table, db)
            listed = "SELECT name, record_count, total_count FROM pc_list_namespaces('counted')"
            assert session.execute(listed).fetchall() == [("bare", 0, 2), ("mine", 3, 2)]
            assert [row[0] for row in all.execute(listed)] == ["bare", "mine", "other", "secret", "theirs"]
            for hidden in ("theirs", "secret", "nowhere"):
                for call in ("pc_describe_namespace('counted', %s)", "pc_create_namespace('counted', %s)", "pc_delete_namespace('counted', %s)",
                             "pc_rename_namespace('counted', 'mine', %s)", "pc_rename_namespace('counted', %s, 'new')", "pc_copy_namespace('counted', %s, 'new')",
                             "pc_copy_namespace('counted', 'mine', %s)", "pc_query_namespaces('counted', '[1,1]', ARRAY['mine', %s])",
                             "pc_update('counted', 'a', namespace => %s)"):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege, match=f'no access to namespace "{hidden}"'):
                        session.execute(f"SELECT {call}", [hidden])
            assert {row[0] for row in session.execute("SELECT namespace FROM pc_query_namespaces('counted', '[1,1]', NULL)")} == {"mine"}
            session.execute("SELECT pc_rename_namespace('counted', 'bare', 'new')")
            session.execute("SELECT pc_copy_namespace('counted', 'mine', 'newer')")
            assert right(session, table) == {"mine": 3, "newer": 3}
            for call in ("pc_create_namespace('counted', 'x')", "pc_delete_namespace('counted', 'mine')", "pc_rename_namespace('counted', 'mine', 'x')",
                         "pc_copy_namespace('counted', 'mine', 'x')", "pc_update('counted', 'a')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="ReadWrite access is needed"):
                    all.execute(f"SELECT {call}")
            for call in ("pc_list_namespaces('counted')", "pc_describe_namespace('counted', 'mine')", "pc_describe_index_stats('counted')",
                         "pc_query_namespaces('counted', '[1,1]', '{mine}')"):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="ReadOnly access is needed"):
                    other.execute(f"SELECT {call}")
            # and nobody sees what is behind it
            for hidden in ("pc.record_count", "pc.counted", "pc.namespace"):
                for session in (session, all, other):
                    with pytest.raises(psycopg.errors.InsufficientPrivilege):
                        session.execute(f"SELECT * FROM {hidden}")
            # what else limits the rows that somebody sees limits the numbers
            db.execute(f"CREATE POLICY less ON {table} AS RESTRICTIVE FOR SELECT USING (id <> 'a')")
            assert kept(all) == {"mine": 2, "theirs": 1, "other": 1, "newer": 2}
            db.execute(f"DROP POLICY less ON {table}")
            db.execute(f"ALTER POLICY reading ON {table} USING (namespace = 'other')")
            assert kept(all) == {"other": 2}
    finally:
        db.execute("SELECT pc_revoke_api_key(key_id) FROM pc_auth.api_key")


def test_two_sessions_and_one_namespace(db, connect, table):
    """Of two that make a name, one does; of two that delete it, one finds it; a copy waits for either."""
    first, second = connect(autocommit=False), connect()

    def outcome(statement, then):
        found = []

        def run():
            try:
                found.append(second.execute(statement).fetchone()[0])
            except psycopg.Error as error:
                found.append(error.sqlstate)

        thread = threading.Thread(target=run)
        thread.start()
        until(lambda: db.execute("SELECT count(*) FROM pg_locks WHERE pid = %s AND NOT granted", [second.info.backend_pid]).fetchone() == (1,))
        then()
        thread.join()
        return found[0]

    create, delete = "SELECT name FROM pc_create_namespace('counted', 'x')", "SELECT name FROM pc_delete_namespace('counted', 'x')"
    for statement, then, expected in [
        (create, first.rollback, "x"), (delete, first.rollback, "x"), (create, first.commit, "42710"), (delete, first.commit, "42704"),
    ]:
        if statement == delete and then == first.rollback:
            first.execute(delete)
        else:
            first.execute(statement)
        assert outcome(statement, then) == expected, (statement, expected)
    first.execute(create)
    first.commit()
    first.execute(delete)
    assert outcome("SELECT name FROM pc_copy_namespace('counted', 'x', 'y')", first.commit) == "42704"
    # an index that goes takes its namespaces along, and nobody makes one in it meanwhile
    first.execute("SELECT pc_create_namespace('counted', 'kept')")
    first.commit()
    first.execute("SELECT pc_delete_index('counted')")
    assert outcome("SELECT name FROM pc_create_namespace('counted', 'late')", first.commit) in ("42P01", "XX000")
    assert db.execute("SELECT count(*) FROM pc.namespace").fetchone() == (0,)


def test_deleting_and_creating_an_index_of_one_name(db, connect):
    """Two sessions take turns at the same name; each ends with an index of its own or an error that says why."""
    db.execute("SELECT pc_create_index('same', 2)")
    states, barrier = [], threading.Barrier(2)

    def work(dimension):
        session = connect()
        barrier.wait()
        for _ in range(15):
            for statement in ("SELECT pc_delete_index('same')", f"SELECT pc_create_index('same', {dimension})",
                              "SELECT pc_upsert('same', '[{\"id\": \"a\", \"values\": [1, 2]}]')"):
                try:
                    session.execute(statement)
                    states.append(None)
                except psycopg.Error as error:
                    states.append(error.sqlstate)

    threads = [threading.Thread(target=work, args=(dimension,)) for dimension in (2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(states) <= {None, "42P01", "42P07", "22000"}, set(states)
    db.execute("SELECT pc_delete_index(name) FROM pc_list_indexes()")
    assert db.execute("SELECT count(*) FROM pg_class WHERE relnamespace = 'pc_data'::regnamespace").fetchone() == (0,)
    assert db.execute("SELECT (SELECT count(*) FROM pc.record_count), (SELECT count(*) FROM pc.counted)").fetchone() == (0, 0)


@pytest.mark.parametrize("major", [15, 18])
def test_subscriptions(major):
    """The subscriber's numbers are its own, also where it is sent the publisher's."""
    publisher, subscriber = Cluster(major, "counts-publisher", {"wal_level": "logical"}), Cluster(major, "counts-subscriber")
    try:
        for cluster in (publisher, subscriber):
            cluster.create_database("shop")
        with publisher.connect("shop") as here, subscriber.connect("shop") as there:
            here.execute("CREATE EXTENSION conifer")
            there.execute("CREATE EXTENSION conifer; SELECT pc_create_index('another', 2)")  # so that numbers of tables differ
            there.execute("SELECT pc_delete_index('another')")
            table = here.execute("SELECT table_name::text FROM pc_create_index('counted', 2)").fetchone()[0]
            put(here, "n", *map(str, range(20)))
            here.execute("SELECT pc_create_namespace('counted', 'empty')")
            dump = publisher.run("pg_dump", "-s", "--no-privileges", "-t", table, "shop")
            subscriber.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", "shop", stdin=dump)
            here.execute(f"CREATE PUBLICATION pinecone FOR TABLE {table}, pc.index_reg, pc.namespace, pc.record_count, pc.counted")
            address = f"host={publisher.env['PGHOST']} port={publisher.env['PGPORT']} user=postgres dbname=shop"
            there.execute(f"CREATE SUBSCRIPTION pinecone CONNECTION '{address}' PUBLICATION pinecone")
            try:
                until(lambda: there.execute("SELECT bool_and(srsubstate = 'r') FROM pg_subscription_rel").fetchone() == (True,))
                assert right(there, table) == {"n": 20}
                for i in range(60):
                    put(here, f"m{i % 3}", str(i))
                here.execute("SELECT pc_delete('counted', '{1,2,3}', namespace => 'n'), pc_rename_namespace('counted', 'm1', 'moved')")
                put(here, "last", "x")
                until(lambda: counted(there, table).get("last") == 1)
                assert right(there, table) == right(here, table) == {"n": 17, "m0": 20, "m2": 20, "moved": 20, "last": 1}
                assert not is_read(there, table)
                here.execute(f"TRUNCATE {table}")
                put(here, "end", "x")
                until(lambda: counted(there, table) == {"end": 1})
                assert right(there, table) == {"end": 1}
                assert [row[0] for row in there.execute("SELECT name FROM pc_list_namespaces('counted')")] == ["empty", "end"]
            finally:
                there.execute("DROP SUBSCRIPTION IF EXISTS pinecone")
    finally:
        publisher.destroy()
        subscriber.destroy()


def test_triggers_switched_off_and_on_in_the_transaction_that_makes_the_index(db):
    """As a script that loads in bulk does: the rows of the triggers keep their xmin there."""
    with db.transaction():
        table = db.execute("SELECT table_name::text FROM pc_create_index('counted', 2)").fetchone()[0]
        names = db.execute("SELECT tgname FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal", [table]).fetchall()
        db.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        put(db, "n", "a", "b")
        for (name,) in names:
            db.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")
    assert right(db, table) == {"n": 2}
    put(db, "n", "c")
    assert right(db, table) == {"n": 3}
