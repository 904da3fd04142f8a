"""Conifer's `vector` against pgvector's in the same server: results, messages, details and SQLSTATEs.

Where the two must differ on purpose, INTENDED says why. Distances are sums of float4 whose order is not
part of the contract: those of random vectors are compared to five digits, everything else exactly.
"""

import math
import struct

import peer
import pytest
import vector_cases as cases
from peer import copied_out, identical

pytestmark = pytest.mark.peer

# Statement: why Conifer answers otherwise than the pgvector at hand.
INTENDED = {
    "SELECT l2_norm('[1]'::vector)": "pgvector's l2_norm is for halfvec and sparsevec, which Conifer has not yet",
    "SELECT vector_dims(NULL)": "ambiguous in pgvector, which has vector_dims(halfvec) too",
}


def differences(peers, statements, same=identical):
    """Fail with the statements that the two answer differently, except where that is intended."""
    peer.differences(peers, [statement for statement in statements if statement not in INTENDED], same)


def close(ours, theirs):
    """Whether two answers agree when numbers may differ in their last digits."""
    if isinstance(ours, (list, tuple)):
        return isinstance(theirs, (list, tuple)) and len(ours) == len(theirs) and all(map(close, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        same = math.isnan(ours) and math.isnan(theirs)
        return same or math.isclose(ours, theirs, rel_tol=1e-5, abs_tol=1e-5)
    return ours == theirs


@pytest.mark.parametrize(
    "group", ["inputs", "modifiers", "casts", "arithmetic", "comparisons", "aggregates", "misuse"]
)
def test_the_same_to_the_byte(peers, group):
    differences(peers, getattr(cases, group)())


def test_intended_differences_are_real(peers):
    """What no longer differs must leave the list."""
    for statement in INTENDED:
        assert peer.answer(peers.ours, statement) != peer.answer(peers.theirs, statement)


@pytest.mark.parametrize("group", ["distances", "norms"])
def test_the_same_to_five_digits(peers, group):
    differences(peers, getattr(cases, group)(), close)


def test_integral_distances_are_exact(peers):
    """Sums of small integers are exact in any order, so these must agree to the last bit."""
    differences(peers, cases.integral_distances())


def test_columns(peers):
    """Assignment, constraints and updates in a table."""
    differences(
        peers,
        [
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
        ],
    )


def test_plans(peers):
    """What the planner may do with the operators: no hash, no merge, sorts by the btree class."""
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE t (i int, v vector(2))")
        session.execute("INSERT INTO t SELECT i, ARRAY[i % 10, i]::vector FROM generate_series(1, 3000) i")
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


def test_parallel_aggregates(peers):
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE t AS SELECT i, ARRAY[i, -i, i % 7]::vector AS v FROM generate_series(1, 20000) i")
        session.execute("ANALYZE t")
        session.execute("SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0")
        session.execute("SET max_parallel_workers_per_gather = 2; SET parallel_leader_participation = off")
    queries = ["SELECT avg(v) FROM t", "SELECT sum(v * '[0,0,1]') FROM t", "SELECT i % 3, avg(v) FROM t GROUP BY 1 ORDER BY 1"]
    differences(peers, [f"EXPLAIN (COSTS off) {q}" for q in queries] + queries)
    for session in (peers.ours, peers.theirs):
        plan = " ".join(row[0] for row in session.execute(f"EXPLAIN {queries[0]}"))
        assert "Partial Aggregate" in plan


def test_receive(peers):
    """The binary form through COPY: what is taken is stored alike, what is not is refused alike."""
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE any_dim (v vector); CREATE TABLE two (v vector(2))")
    for table in ("any_dim", "two"):
        peer.receive_differences(peers, table, cases.wire_values(), "vector_send")


def test_binary_output(peers):
    """The same bytes leave both servers."""
    for dim in (1, 3, 100, 16000):
        statement = f"COPY (SELECT {cases.vector(x / 7 for x in range(dim))}) TO STDOUT (FORMAT binary)"
        ours, theirs = (copied_out(session, statement) for session in (peers.ours, peers.theirs))
        assert ours == theirs and len(ours) == 11 + 8 + 2 + 4 + 4 + 4 * dim + 2


def test_stored_bytes(peers):
    """The stored form is pgvector's, so that its tables could be read where they lie."""
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE t (v vector)")
        session.execute("ALTER TABLE t ALTER v SET STORAGE plain")
        session.execute("INSERT INTO t VALUES ('[1,-2.5,3e-5]'), (array_fill(0.5, ARRAY[100])::vector)")
        session.execute("CHECKPOINT")
    read = "SELECT pg_read_binary_file(pg_relation_filepath('t'), 0, 8192)"
    ours, theirs = (stored(session, read) for session in (peers.ours, peers.theirs))
    assert ours == theirs
    assert struct.pack("<hh3f", 3, 0, 1, -2.5, 3e-5) in ours


def stored(session, read):
    """The values in the first page, without the tuple headers that name transactions."""
    page = session.execute(read).fetchone()[0]
    marks = [page.find(struct.pack("<hhf", dim, 0, first)) for dim, first in ((3, 1), (100, 0.5))]
    assert min(marks) > 0
    return page[marks[0] - 4 : marks[0] + 16] + page[marks[1] - 4 : marks[1] + 404]


CATALOG = {
    "pg_type": """SELECT typname, typlen, typbyval, typtype, typcategory, typispreferred, typisdefined, typdelim, typsubscript::text,
        typinput::text, typoutput::text, typreceive::text, typsend::text, typmodin::text, typmodout::text, typanalyze::text,
        typalign, typstorage, typnotnull, typndims, typcollation, typdefault
        FROM pg_type WHERE typname IN ('vector', '_vector') ORDER BY 1""",
    "pg_proc": """SELECT p.oid::regprocedure::text, prorettype::regtype::text, prolang, procost, prorows, provariadic, prosupport::text, prokind,
        prosecdef, proleakproof, proisstrict, proretset, provolatile, proparallel, pronargs, pronargdefaults, proconfig
        FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass AND d.deptype = 'e'
        JOIN pg_extension e ON e.oid = d.refobjid
        WHERE e.extname IN ('conifer', 'vector')
        AND (proname IN ('vector_accum', 'vector_avg', 'vector_combine', 'vector_in', 'vector_recv', 'vector_typmod_in', 'array_to_vector')
             OR 'vector'::regtype = ANY (proargtypes::oid[] || prorettype))
        AND NOT EXISTS (SELECT FROM unnest(proargtypes::oid[] || prorettype) t WHERE t::regtype::text IN ('halfvec', 'sparsevec'))
        AND proname NOT LIKE 'pc\\_%' AND pronamespace::regnamespace::text <> 'pc' ORDER BY 1""",
    "pg_operator": """SELECT o.oid::regoperator::text, oprkind, oprcanmerge, oprcanhash, oprresult::regtype::text, oprcom::regoperator::text,
        oprnegate::regoperator::text, oprcode::regprocedure::text, oprrest::text, oprjoin::text
        FROM pg_operator o WHERE 'vector'::regtype IN (oprleft, oprright) ORDER BY 1""",
    "pg_cast": """SELECT castsource::regtype::text, casttarget::regtype::text, castfunc::regprocedure::text, castcontext, castmethod
        FROM pg_cast WHERE 'vector'::regtype IN (castsource, casttarget)
        AND NOT EXISTS (SELECT FROM unnest(ARRAY[castsource, casttarget]) t WHERE t::regtype::text IN ('halfvec', 'sparsevec')) ORDER BY 1, 2""",
    "pg_aggregate": """SELECT aggfnoid::text, aggkind, aggnumdirectargs, aggtransfn::text, aggfinalfn::text, aggcombinefn::text, aggserialfn::text,
        aggdeserialfn::text, aggmtransfn::text, aggfinalextra, aggfinalmodify, aggsortop, aggtranstype::regtype::text, aggtransspace, agginitval
        FROM pg_aggregate a JOIN pg_proc p ON p.oid = aggfnoid WHERE proargtypes[0] = 'vector'::regtype ORDER BY 1""",
    "pg_opclass": """SELECT amname, opcname, opcdefault, opckeytype,
        (SELECT array_agg((amopstrategy, amoppurpose, amopopr::regoperator)::text ORDER BY amopstrategy) FROM pg_amop WHERE amopfamily = opcfamily),
        (SELECT array_agg((amprocnum, amproc::regprocedure)::text ORDER BY amprocnum) FROM pg_amproc WHERE amprocfamily = opcfamily)
        FROM pg_opclass o JOIN pg_am am ON am.oid = opcmethod WHERE opcintype = 'vector'::regtype AND amname = 'btree'""",
}


@pytest.mark.parametrize("catalog", CATALOG)
def test_catalog(peers, catalog):
    """The same rows describe the type in both."""
    ours, theirs = (session.execute(CATALOG[catalog]).fetchall() for session in (peers.ours, peers.theirs))
    assert ours and [row for row in ours if row not in theirs] == [] == [row for row in theirs if row not in ours]
