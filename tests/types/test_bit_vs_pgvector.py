"""The distances of `bit` against pgvector's in the same server: results, messages, details and SQLSTATEs."""

import pytest

from tests.support.comparison import copied, differences, receive_differences
from tests.types import bit_expressions as cases

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("group", ["distances", "quantized"])
def test_the_same_to_the_byte(peers, group):
    differences(peers, getattr(cases, group)())


def test_nearest_rows(peers):
    """Sorted by distance, from a table with short and with compressed values."""
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE t (i int, v bit(1000), long bit(20000))")
        session.execute("INSERT INTO t SELECT i, (i * 7919)::bit(1000), (i * 104729)::bit(20000) FROM generate_series(1, 300) i")
    differences(peers, [
        "SELECT i, v <~> 12345::bit(1000) FROM t ORDER BY 2, 1 LIMIT 20",
        "SELECT i, v <%> 12345::bit(1000) FROM t ORDER BY 2, 1 LIMIT 20",
        "SELECT i, long <~> 12345::bit(20000) FROM t ORDER BY 2, 1 LIMIT 20",
        "SELECT count(*) FROM t a JOIN t b ON a.v <~> b.v < 5",
    ])


def test_receive(peers):
    """The binary form is the server's own; bits beyond the last one, which it lets clients set, count in no distance."""
    for session in (peers.ours, peers.theirs):
        session.execute("CREATE TABLE any_length (v bit varying); CREATE TABLE twelve (v bit(12))")
    for table in ("any_length", "twelve"):
        receive_differences(peers, table, cases.wire_values(), "varbit_send" if table == "any_length" else "bit_send")
    for session in (peers.ours, peers.theirs):
        assert copied(session, "twelve", b"\0\0\0\x0c\xff\xff", "bit_send")[0][0] == "1" * 12
        assert session.execute("SELECT v <~> B'111111111111', v <~> B'000000000000', v <%> B'111111111111' FROM twelve").fetchone() == (0, 12, 0)
