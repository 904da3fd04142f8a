"""Statements about hnsw indexes, answered like pgvector's: rows, SQLSTATEs, messages, hints."""

import pytest

from tests.hnsw import statements as cases
from tests.support.comparison import answer, identical

pytestmark = pytest.mark.peer


@pytest.mark.parametrize("group", ["creation", "settings", "rows", "properties"])
def test_the_same(peers, group):
    """Equal but for the listed differences; a difference that is gone must leave the list."""
    wrong = []
    for statement in getattr(cases, group)():
        ours, theirs = answer(peers.ours, statement), answer(peers.theirs, statement)
        allowed = any(word in statement for word in cases.DIFFERENT)
        if identical(ours, theirs) == allowed:
            wrong.append(f"{statement[:200]}\n  ours   {str(ours)[:300]}\n  theirs {str(theirs)[:300]}")
    assert not wrong, f"{len(wrong)} differ, or are listed and do not:\n" + "\n".join(wrong)
