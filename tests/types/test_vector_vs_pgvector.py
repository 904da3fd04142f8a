"""Conifer's `vector` and `halfvec` against pgvector's in the same server: results, messages, details and SQLSTATEs.

Distances are sums of float4 whose order is not part of the contract: those of random vectors are compared to
five digits, everything else exactly.
"""

import struct

import pytest

from tests.support.comparison import close, copied_out, differences, receive_differences
from tests.types import vector_expressions as cases

pytestmark = pytest.mark.peer



class Type:
    """One of the two types: what its name is, and how a statement about vectors is put for it."""

    def __init__(self, name, element, put):
        self.name, self.element, self.put = name, element, put
        self.size = struct.calcsize(element)

    def put_all(self, statements):
        """All statements, for this type."""
        return [self.put(statement) for statement in statements]


TYPES = [Type("vector", "f", lambda statement: statement), Type("halfvec", "e", cases.halved)]


@pytest.fixture(params=TYPES, ids=lambda each: each.name)
def of(request):
    """Each of the types."""
    return request.param


@pytest.mark.parametrize(
    "group", ["inputs", "modifiers", "casts", "arithmetic", "comparisons", "aggregates", "misuse"]
)
def test_the_same_to_the_byte(peers, of, group):
    differences(peers, of.put_all(getattr(cases, group)()))


@pytest.mark.parametrize("group", ["distances", "norms"])
def test_the_same_to_five_digits(peers, of, group):
    differences(peers, of.put_all(getattr(cases, group)()), close)


def test_integral_distances_are_exact(peers, of):
    """Sums of small integers are exact in any order, so these must agree to the last bit."""
    differences(peers, of.put_all(cases.integral_distances()))


def test_columns(peers, of):
    """Assignment, constraints and updates in a table."""
    differences(
        peers,
        of.put_all([
            "CREATE TABLE bad (v vector(0))",
            "CREATE TABLE bad (v vector(16001))",
            "CREATE TABLE bad (v vector(1,2))",
            "CREATE TABLE t (id serial PRIMARY KEY, v vector(3), r real[], w vector)",
            "INSERT INTO t (v) VALUES ('[1,2]')",
            "INSERT INTO t (v) VALUES ('[1,2,3]'), (NULL), (ARRAY[4,5,6]), ('{7,8,9}'::real[]), (ARRAY[1.5,2,3])",
            "INSERT INTO t (v) VALUES (ARRAY[1,2])",
            "INSERT INTO t (v) VALUES (ARRAY[1,NULL,2])",
            "INSERT INTO t (r) SELECT v FROM t WHERE id > 3 RETURNING r",
            "INSERT INTO t (w) VALUES ('[1]'), ('[1,2,3,4]') RETURNING w",
            "UPDATE t SET v = w",
            "UPDATE t SET v = v + '[1,1,1]' RETURNING id, v",
            "UPDATE t SET v = v || '[1]'",
            "ALTER TABLE t ALTER w TYPE vector(4)",
            "ALTER TABLE t ALTER v TYPE vector(4)",
            "ALTER TABLE t ALTER v TYPE real[]",
            "ALTER TABLE t ALTER v TYPE vector(3)",
            "SELECT * FROM t ORDER BY id",
            "SELECT attname, format_type(atttypid, atttypmod), attstorage FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0 ORDER BY attnum",
            "CREATE UNIQUE INDEX t_v ON t (v)",
            "INSERT INTO t (v) VALUES ('[2,3,4]')",
            "CREATE INDEX t_h ON t USING hash (v)",
            "CREATE INDEX t_g ON t USING gist (v)",
            "CREATE TABLE p (v vector(2)) PARTITION BY HASH (v)",
            "CREATE TABLE q (v vector(2)) PARTITION BY RANGE (v)",
            "CREATE TABLE q1 PARTITION OF q FOR VALUES FROM ('[0,0]') TO ('[1,1]')",
            "INSERT INTO q VALUES ('[0,5]') RETURNING tableoid::regclass::text, v",
            "INSERT INTO q VALUES ('[1,1]')",
        ]),
    )


def test_plans(peers, of):
    """What the planner may do with the operators: no hash, no merge, sorts by the btree class."""
    for session in (peers.ours, peers.theirs):
        session.execute(f"CREATE TABLE t (i int, v {of.name}(2))")
        session.execute("INSERT INTO t SELECT i, ARRAY[i % 10, i] FROM generate_series(1, 3000) i")
        session.execute("CREATE INDEX t_v ON t (v)")
        session.execute("ANALYZE t")
    queries = [
        "SELECT * FROM t WHERE v = '[1,1]'",
        "SELECT * FROM t WHERE v < '[0,100]'",
        "SELECT * FROM t WHERE v >= '[9,0]' ORDER BY v",
        "SELECT * FROM t ORDER BY v LIMIT 5",
        "SELECT * FROM t ORDER BY v <-> '[1,1]' LIMIT 5",
        "SELECT v, count(*) FROM t GROUP BY v",
        "SELECT DISTINCT v FROM t",
        "SELECT count(*) FROM t a JOIN t b ON a.v = b.v",
        "SELECT count(*) FROM t WHERE v IN (SELECT v FROM t)",
        "SELECT count(*) FROM t WHERE '[3,3]' > v",
        "SELECT count(*) FROM t WHERE NOT v < '[3,3]'",
    ]
    differences(peers, [f"EXPLAIN {q}" for q in queries])
    differences(peers, [q for q in queries if "DISTINCT" not in q and "GROUP" not in q])


def test_parallel_aggregates(peers, of):
    """Sums are exact even in half precision: in what order workers add up is up to chance."""
    for session in (peers.ours, peers.theirs):
        session.execute(f"CREATE TABLE t AS SELECT i, ARRAY[i, -i, (i % 1000 = 0)::int]::{of.name} AS v FROM generate_series(1, 20000) i")
        session.execute("ANALYZE t")
        session.execute("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
        session.execute("SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off")
    queries = ["SELECT avg(v) FROM t", "SELECT sum(v * '[0,0,1]') FROM t", "SELECT i % 3, avg(v) FROM t GROUP BY 1 ORDER BY 1"]
    differences(peers, [f"EXPLAIN (COSTS off) {q}" for q in queries] + queries)
    for session in (peers.ours, peers.theirs):
        plan = " ".join(row[0] for row in session.execute(f"EXPLAIN {queries[0]}"))
        assert "Partial Aggregate" in plan


def test_receive(peers, of):
    """The binary form through COPY: what is taken is stored alike, what is not is refused alike."""
    for session in (peers.ours, peers.theirs):
        session.execute(f"CREATE TABLE any_dim (v {of.name}); CREATE TABLE two (v {of.name}(2))")
    for table in ("any_dim", "two"):
        receive_differences(peers, table, cases.wire_values(of.element), f"{of.name}_send")


def test_binary_output(peers, of):
    """The same bytes leave both servers."""
    for dim in (1, 3, 100, 16000):
        statement = of.put(f"COPY (SELECT {cases.vector(x / 7 for x in range(dim))}) TO STDOUT (FORMAT binary)")
        ours, theirs = (copied_out(session, statement) for session in (peers.ours, peers.theirs))
        assert ours == theirs and len(ours) == 11 + 8 + 2 + 4 + 4 + of.size * dim + 2


def test_stored_bytes(peers, of):
    """The stored form is pgvector's, so that its tables could be read where they lie."""
    values = [(1, -2.5, 3e-5), (0.5,) * 100]
    pages = []
    for session in (peers.ours, peers.theirs):
        session.execute(f"CREATE TABLE t (v {of.name})")
        session.execute("ALTER TABLE t ALTER v SET STORAGE plain")
        session.execute("INSERT INTO t VALUES ('[1,-2.5,3e-5]'), (array_fill(0.5, ARRAY[100]))")
        session.execute("CHECKPOINT")
        pages.append(session.execute("SELECT pg_read_binary_file(pg_relation_filepath('t'), 0, 8192)").fetchone()[0])
    for value in values:
        stored = struct.pack(f"<hh{len(value)}{of.element}", len(value), 0, *value)
        # A header of 4 bytes, or of 1 where the value is short.
        before = [page[page.index(stored) - 4 : page.index(stored)] for page in pages]
        assert before[0] == before[1]
