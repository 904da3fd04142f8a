"""Sessions keep what they have read of the registry; whatever becomes of an index, they know at their next statement."""

import pytest

from tests.pinecone.access.world import create_key, state

FETCH = "SELECT id, \"values\"::text FROM pc_fetch('things', '{a}')"


@pytest.fixture
def db(db):
    """A session that has used an index."""
    make(db, 2)
    assert db.execute(FETCH).fetchall() == [("a", "[1,1]")]
    return db


def make(session, dimension):
    session.execute("SELECT pc_create_index('things', %s)", [dimension])
    session.execute("SELECT pc_upsert_many('things', '{a}', ARRAY[array_fill(1, ARRAY[%s])::vector])", [dimension])


def test_an_index_that_others_delete_and_make_again(db, connect):
    other = connect()
    other.execute("SELECT pc_delete_index('things')")
    assert state(db, FETCH) == "42P01"
    make(other, 3)
    assert db.execute(FETCH).fetchall() == [("a", "[1,1,1]")]
    with other.transaction():
        other.execute("SELECT pc_delete_index('things')")
        make(other, 4)
        assert other.execute(FETCH).fetchall() == [("a", "[1,1,1,1]")]
    assert db.execute(FETCH).fetchall() == [("a", "[1,1,1,1]")]


def test_what_is_rolled_back(db):
    with pytest.raises(ZeroDivisionError), db.transaction():
        db.execute("SELECT pc_delete_index('things')")
        assert state(db, "SAVEPOINT s") is None
        make(db, 3)
        assert db.execute(FETCH).fetchall() == [("a", "[1,1,1]")]
        db.execute("ROLLBACK TO s")
        db.execute("SAVEPOINT t")
        assert state(db, FETCH) == "42P01"
        db.execute("ROLLBACK TO t")
        make(db, 4)
        assert db.execute(FETCH).fetchall() == [("a", "[1,1,1,1]")]
        raise ZeroDivisionError
    assert db.execute(FETCH).fetchall() == [("a", "[1,1]")]


def test_one_statement_makes_and_uses_an_index(db):
    db.execute("SELECT pc_delete_index('things')")
    db.execute("SELECT pc_upsert_many(name, '{a}', ARRAY['[1,2,3]']::vector[]) FROM pc_create_index('things', 3)")
    assert db.execute(FETCH).fetchall() == [("a", "[1,2,3]")]


def test_an_old_snapshot_leaves_nothing_behind(db, connect):
    other = connect()
    db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
    db.execute("SELECT 1")
    other.execute("SELECT pc_delete_index('things')")
    assert state(db, FETCH) == "42P01"
    db.execute("ROLLBACK")
    make(other, 3)
    assert db.execute(FETCH).fetchall() == [("a", "[1,1,1]")]


def test_protection_that_others_switch_on(db, connect):
    connect().execute("SELECT pc_configure_index('things', deletion_protection => 'enabled')")
    assert state(db, "SELECT pc_delete_index('things')") == "55006"


def test_a_key_that_was_used_before_is_revoked_or_deleted(db, database, connect):
    role = f"{database}_pool"
    db.execute(f"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN; GRANT conifer_gateway TO {role}")
    try:
        pooled = connect(user=role)
        for end in ("SELECT pc_revoke_api_key(%s)", "DELETE FROM pc_auth.api_key WHERE key_id = %s"):
            key, secret = create_key(db)
            for _ in range(2):
                with pooled.transaction():
                    pooled.execute("SELECT pc_use_key(%s)", [secret])
                    assert pooled.execute(FETCH).fetchone()[0] == "a"
            with pooled.transaction():
                assert state(pooled, "SAVEPOINT s") is None
                assert state(pooled, "SELECT pc_use_key(%s)", secret[:-1] + ("x" if secret[-1] != "x" else "y")) == "28P01"
                pooled.execute("ROLLBACK TO s")
            db.execute(end, [key])
            with pooled.transaction():
                pooled.execute("SAVEPOINT s")
                assert state(pooled, "SELECT pc_use_key(%s)", secret) == ("28000" if "revoke" in end else "28P01")
                pooled.execute("ROLLBACK TO s")
        pooled.close()
    finally:
        db.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")
