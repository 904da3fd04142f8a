"""Many keys in one database: making one, using one and the cost of policies do not grow with their number.

`make test` makes 1,000; `SOAK=10000` as many as the design promises."""

import itertools
import time

from tests.pinecone.access.world import create_key, world
from tests.support.soak import SOAK

__all__ = ["world"]

KEYS = max(SOAK, 1_000)
PART = max(KEYS // 20, 50)


def settled(session, total):
    """A sum of counters, once a session that has ended has told its own."""
    before = None
    while (now := session.execute(total).fetchone()[0]) != before:
        before = now
        time.sleep(0.3)
    return now


def test_many_keys(world):
    """The first and the last of them: time to make and to log in, buffers that a query and a policy read."""
    db = world.db
    spent, made = [], []
    for begin in range(0, KEYS, PART):
        started = time.perf_counter()
        for number in range(begin, begin + PART):
            options = [{}, {"data_plane": "ReadOnly"}, {"indexes": ["a"]}, {"namespaces": '{"a": ["n1"]}'}][number % 4]
            made.append(create_key(db, f"key {number}", project="own", **options))
        spent.append(time.perf_counter() - started)
    assert db.execute("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'cfk\\_%'").fetchone()[0] >= KEYS
    parts = len(spent) // 4 or 1
    first, last = min(spent[1:parts + 1]), min(spent[-parts:])
    assert last < 3 * first, f"making {PART} keys took {first:.2f} s at first and {last:.2f} s at last"

    def logins(keys):
        best = []
        for role, _ in keys:
            started = time.perf_counter()
            with world.login(role) as session:
                session.execute("SELECT pc_list('a', namespace => 'n1')").fetchall()
            best.append(time.perf_counter() - started)
        return sorted(best)[len(best) // 4]

    def pooled(keys):
        best = []
        with world.login(world.gateway, autocommit=False) as session:
            for _, key in keys:
                started = time.perf_counter()
                session.execute("SELECT pc_use_key(%s)", [key])
                session.execute(f"SELECT count(*) FROM {world.tables['a']}").fetchone()
                best.append(time.perf_counter() - started)
                session.rollback()
        return sorted(best)[len(best) // 4]

    def buffers(key):
        """Pages that a query reads, of tables that are not the server's own; a key that is limited to namespaces may not EXPLAIN."""
        total = "SELECT sum(heap_blks_read + heap_blks_hit + coalesce(idx_blks_read + idx_blks_hit, 0)) FROM pg_statio_user_tables"
        with world.login(key[0]) as session:
            before = settled(db, total)
            for _ in range(20):
                session.execute(f"SELECT * FROM {world.tables['a']} WHERE namespace = 'n1' AND id = 'n1-1'").fetchall()
        return (settled(db, total) - before) / 20

    db.execute("VACUUM ANALYZE")
    some = min(40, PART)
    for measure in (logins, pooled):
        early, late = measure(made[:some]), measure(made[-some:])
        assert late < 3 * early, f"{measure.__name__}: {early * 1000:.2f} ms at first and {late * 1000:.2f} ms at last"
    for kind in range(4):
        assert abs(buffers(made[kind]) - buffers(made[-4 + kind])) <= 2
    started = time.perf_counter()
    db.execute("SELECT pc_revoke_api_key(%s)", [made[0][0]])
    assert time.perf_counter() - started < 2
    groups = db.execute("SELECT count(*) FROM pc_auth.group_role").fetchone()[0]
    assert groups < 20, "groups are of projects and indexes, not of keys"
    # The rest goes at once, as a DBA would.
    for batch in itertools.batched(made[1:], 500) if hasattr(itertools, "batched") else [made[i:i + 500] for i in range(1, len(made), 500)]:
        db.execute("UPDATE pc_auth.api_key SET revoked_at = now() WHERE key_id = ANY (%s)", [[role for role, _ in batch]])
    assert not db.execute("SELECT count(*) FROM pg_roles WHERE rolname = ANY (%s)", [[role for role, _ in made]]).fetchone()[0]
