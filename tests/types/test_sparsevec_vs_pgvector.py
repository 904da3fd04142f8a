"""Conifer's `sparsevec` against pgvector's in the same server: results, messages, details and SQLSTATEs.

Sums are of float4, whose order is not part of the contract: distances and norms of random vectors are compared
to five digits, everything else exactly.
"""

import random
import struct

import pytest

from tests.support.comparison import answer, close, copied_out, differences, receive_differences
from tests.types import sparsevec_expressions as cases

pytestmark = pytest.mark.peer


# Part of a statement: why Conifer answers otherwise than the pgvector at hand.
INTENDED = {
    "array_fill(1, ARRAY[16001])": "pgvector makes a value of an array that has more elements than its own input takes back",
}


def is_intended(statement):
    """Whether the answers to a statement may differ."""
    return any(part in statement for part in INTENDED)


@pytest.mark.parametrize(
    "group", ["inputs", "modifiers", "columns", "integral_distances", "integral_norms", "comparisons", "casts", "misuse"]
)
def test_the_same_to_the_byte(peers, group):
    differences(peers, [statement for statement in getattr(cases, group)() if not is_intended(statement)])


def test_intended_differences_are_real(peers):
    """What no longer differs must leave the list."""
    statements = list(filter(is_intended, cases.casts()))
    assert statements and all(answer(peers.ours, s) != answer(peers.theirs, s) for s in statements)


@pytest.mark.parametrize("group", ["distances", "norms"])
def test_the_same_to_five_digits(peers, group):
    differences(peers, getattr(cases, group)(), close)


def test_receive(peers):
    """The binary form through COPY: what is taken is stored alike, what is not is refused alike."""
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE any_dim (v sparsevec); CREATE TABLE five (v sparsevec(5))")
    for table in ("any_dim", "five"):
        receive_differences(peers, table, cases.wire_values(), "sparsevec_send")


def test_parameters(peers):
    """The binary form as a parameter and as a result of the extended protocol."""
    value = struct.pack(">iiiiiff", 5, 2, 0, 0, 2, 0.5, 2)
    for session in (peers.ours, peers.theirs):
        (oid,) = session.execute("SELECT 'sparsevec'::regtype::oid").fetchone()
        for given in (value, value[:-1], value + b"\0", value[:8] + b"\0\0\0\1" + value[12:]):
            result = session.pgconn.exec_params(
                b"SELECT $1, $1::text", [given], param_types=[oid], param_formats=[1], result_format=1
            )
            answer = (result.get_value(0, 0), result.get_value(0, 1)) if result.ntuples else result.error_message
            if session is peers.ours:
                ours = [answer] if given is value else [*ours, answer]
            else:
                assert ours.pop(0) == answer
    assert ours == []


def test_copy(peers):
    """The same bytes leave both servers, and come back as what they were, text and binary."""
    chance = random.Random(cases.RANDOM + 2)
    rows = [cases.sparse({i: i / 7 for i in range(1, n + 1)}, n + 9) for n in (0, 1, 100, 16000)] + cases.texts(chance, 50)
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE t (i int, v sparsevec); CREATE TABLE back (LIKE t)")
        session.cursor().executemany("INSERT INTO t VALUES (%s, %s)", enumerate(rows))
        session.execute("INSERT INTO t VALUES (-1, NULL)")
    for form in ("text", "csv", "binary"):
        ours, theirs = (copied_out(s, f"COPY t TO STDOUT (FORMAT {form})") for s in (peers.ours, peers.theirs))
        assert ours == theirs and len(ours) > 16000 * 8
        peers.ours.execute("TRUNCATE back")
        with peers.ours.cursor().copy(f"COPY back FROM STDIN (FORMAT {form})") as stream:
            stream.write(theirs)
        differing = """SELECT count(*), count(*) FILTER (WHERE sparsevec_send(t.v) IS DISTINCT FROM sparsevec_send(back.v))
            FROM t JOIN back USING (i)"""
        assert peers.ours.execute(differing).fetchone() == (len(rows) + 1, 0)


def test_stored_bytes(peers):
    """The stored form is pgvector's, so that its tables could be read where they lie."""
    pages = []
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE t (v sparsevec)")
        session.execute("ALTER TABLE t ALTER v SET STORAGE plain")
        session.execute("INSERT INTO t VALUES ('{9:3e-5,2:-2.5}/1000'), ('{}/7')")
        session.execute("CHECKPOINT")
        (page,) = session.execute("SELECT pg_read_binary_file(pg_relation_filepath('t'), 0, 8192)").fetchone()
        pages.append(page)
    for stored in (struct.pack("<5i2f", 1000, 2, 0, 1, 8, -2.5, 3e-5), struct.pack("<3i", 7, 0, 0)):
        # A header of 4 bytes, or of 1 where the value is short.
        before = [page[page.index(stored) - 4 : page.index(stored)] for page in pages]
        assert before[0] == before[1]
