"""Comparisons with pgvector: ask both servers the same, say where the answers differ."""

import math
import struct

import psycopg


def answer(session, statement, params=None):
    """Rows, or what a client sees of the error."""
    try:
        cursor = session.execute(statement, params)
        return ("rows", cursor.fetchall()) if cursor.description else ("done", cursor.statusmessage)
    except psycopg.Error as error:
        seen = error.diag
        return ("error", seen.sqlstate, seen.message_primary, seen.message_detail, seen.message_hint)


def identical(ours, theirs):
    """Whether two answers agree to the last bit: NaN is NaN, and -0 is not 0."""
    return repr(ours) == repr(theirs)


def close(ours, theirs):
    """Whether two answers agree when numbers may differ in their last digits."""
    if isinstance(ours, (list, tuple)):
        return isinstance(theirs, (list, tuple)) and len(ours) == len(theirs) and all(map(close, ours, theirs))
    if isinstance(ours, float) and isinstance(theirs, float):
        same = math.isnan(ours) and math.isnan(theirs)
        return same or math.isclose(ours, theirs, rel_tol=1e-5, abs_tol=1e-5)
    return ours == theirs


def differences(peers, statements, same=identical):
    """Fail with the statements that the two answer differently, and both answers."""
    found = []
    for statement in statements:
        ours, theirs = answer(peers.ours, statement), answer(peers.theirs, statement)
        if not same(ours, theirs):
            found.append(f"{statement[:200]}\n  ours   {str(ours)[:300]}\n  theirs {str(theirs)[:300]}")
    assert not found, f"{len(found)} of {len(statements)} differ:\n" + "\n".join(found[:20])


def copied(session, table, value, send):
    """What COPY of one binary value into the column v does: the stored value, or the error."""
    copy = b"PGCOPY\n\xff\r\n\0" + struct.pack(">iihi", 0, 0, 1, len(value)) + value + struct.pack(">h", -1)
    try:
        session.execute(f"TRUNCATE {table}")
        with session.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as stream:
            stream.write(copy)
        return session.execute(f"SELECT v::text, {send}(v), pg_column_size(v) FROM {table}").fetchall()
    except psycopg.Error as error:
        return (error.diag.sqlstate, error.diag.message_primary, error.diag.message_detail)


def receive_differences(peers, table, values, send):
    """Fail with the binary values that COPY takes or refuses differently."""
    found = []
    for value in values:
        ours, theirs = (copied(session, table, value, send) for session in (peers.ours, peers.theirs))
        if ours != theirs:
            found.append(f"{value[:60].hex()} into {table}\n  ours   {str(ours)[:300]}\n  theirs {str(theirs)[:300]}")
    assert not found, f"{len(found)} of {len(values)} differ:\n" + "\n".join(found[:20])


def copied_out(session, statement):
    """All bytes of a COPY TO STDOUT."""
    with session.cursor().copy(statement) as stream:
        return b"".join(stream)
