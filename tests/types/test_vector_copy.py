"""`vector` through COPY and the wire, text and binary, in and out, and through pg_dump."""

import random
import struct

import psycopg
import pytest
from psycopg import sql

HEADER = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
END = struct.pack(">h", -1)


def some_vectors():
    """Vectors of every kind of storage, as tuples of float4: with a short header, plain, out of line."""
    chance = random.Random(5)
    exact = lambda x: struct.unpack("f", struct.pack("f", x))[0]  # noqa: E731
    vectors = [tuple(exact(chance.uniform(-9, 9)) for _ in range(dim)) for dim in (1, 2, 3, 29, 30, 384, 1536, 16000)]
    return [*vectors, (0.0, -0.0), (exact(3.4028235e38), exact(1e-45)), None]


def wire(vector):
    """The binary form of a vector."""
    return struct.pack(f">hh{len(vector)}f", len(vector), 0, *vector)


def text(vector):
    """A text form of a vector, with all digits."""
    return "[" + ",".join(f"{x:.9g}" for x in vector) + "]"


def read(session, table="t"):
    """The table's vectors by their bytes, in order."""
    rows = session.execute(sql.SQL("SELECT vector_send(v) FROM {} ORDER BY id").format(sql.Identifier(table)))
    return [None if v is None else bytes(v) for (v,) in rows]


@pytest.fixture
def table(db):
    """A session with the tables t and u of numbered vectors."""
    db.execute("CREATE TABLE t (id int, v vector); CREATE TABLE u (id int, v vector)")
    return db


def fill(session):
    """Fill the table t by a binary COPY written by hand, and return what must be there."""
    with session.cursor().copy("COPY t FROM STDIN (FORMAT binary)") as stream:
        stream.write(HEADER)
        for i, vector in enumerate(some_vectors()):
            stream.write(struct.pack(">hii", 2, 4, i))
            stream.write(struct.pack(">i", -1) if vector is None else struct.pack(">i", len(wire(vector))) + wire(vector))
        stream.write(END)
    return [None if vector is None else wire(vector) for vector in some_vectors()]


def test_binary_in(table):
    assert fill(table) == read(table)


def test_text_in(table):
    with table.cursor().copy("COPY t FROM STDIN") as stream:
        for i, vector in enumerate(some_vectors()):
            stream.write_row((i, None if vector is None else text(vector)))
    assert read(table) == [None if vector is None else wire(vector) for vector in some_vectors()]


@pytest.mark.parametrize("form", ["text", "csv", "binary"])
def test_out_and_in_again(table, form):
    expected = fill(table)
    with table.cursor().copy(f"COPY t TO STDOUT (FORMAT {form})") as stream:
        everything = b"".join(stream)
    with table.cursor().copy(f"COPY u FROM STDIN (FORMAT {form})") as stream:
        stream.write(everything)
    assert read(table, "u") == expected


def test_binary_out(table):
    expected = fill(table)
    with table.cursor().copy("COPY (SELECT v FROM t ORDER BY id) TO STDOUT (FORMAT binary)") as stream:
        everything = b"".join(stream)
    assert everything.startswith(HEADER) and everything.endswith(END)
    at, seen = len(HEADER), []
    while at < len(everything) - len(END):
        columns, length = struct.unpack_from(">hi", everything, at)
        at += 6
        seen.append(None if length < 0 else everything[at : at + length])
        at += max(length, 0)
        assert columns == 1
    assert seen == expected


BAD_TEXT = {
    "[1,2,3]": ("22000", "expected 2 dimensions, not 3"),
    "[1,NaN]": ("22000", "NaN not allowed in vector"),
    "[1,inf]": ("22000", "infinite value not allowed in vector"),
    "[1,1e39]": ("22003", '"1e39" is out of range for type vector'),
    "[1,2": ("22P02", 'invalid input syntax for type vector: "[1,2"'),
    "": ("22P02", 'invalid input syntax for type vector: ""'),
    "[]": ("22000", "vector must have at least 1 dimension"),
    "[" + "1," * 16000 + "1]": ("54000", "vector cannot have more than 16000 dimensions"),
}


@pytest.mark.parametrize("bad", BAD_TEXT, ids=lambda bad: bad[:12])
def test_bad_text_leaves_nothing(db, bad):
    db.execute("CREATE TABLE t (id int, v vector(2))")
    with pytest.raises(psycopg.Error) as caught, db.cursor().copy("COPY t FROM STDIN") as stream:
        stream.write_row((1, "[1,2]"))
        stream.write_row((2, bad))
    assert (caught.value.sqlstate, caught.value.diag.message_primary) == BAD_TEXT[bad]
    assert "COPY t, line 2, column v" in caught.value.diag.context
    assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)


BAD_WIRE = {
    "empty": (b"", "08P01", "insufficient data left in message"),
    "no elements": (struct.pack(">hh", 2, 0), "08P01", "insufficient data left in message"),
    "half an element": (wire((1, 2))[:-2], "08P01", "insufficient data left in message"),
    "more than said": (wire((1, 2)) + b"\0", "22P03", "incorrect binary data format"),
    "0 dimensions": (struct.pack(">hh", 0, 0), "22000", "vector must have at least 1 dimension"),
    "-1 dimensions": (struct.pack(">hh", -1, 0), "22000", "vector must have at least 1 dimension"),
    "16001 dimensions": (struct.pack(">hh", 16001, 0), "54000", "vector cannot have more than 16000 dimensions"),
    "another dimension": (wire((1, 2, 3)), "22000", "expected 2 dimensions, not 3"),
    "unused": (struct.pack(">hh2f", 2, 7, 1, 2), "22000", "expected unused to be 0, not 7"),
    "NaN": (wire((1, float("nan"))), "22000", "NaN not allowed in vector"),
    "infinite": (wire((float("-inf"), 1)), "22000", "infinite value not allowed in vector"),
}


@pytest.mark.parametrize("bad", BAD_WIRE)
def test_bad_binary_leaves_nothing(db, bad):
    value, state, message = BAD_WIRE[bad]
    db.execute("CREATE TABLE t (v vector(2))")
    with pytest.raises(psycopg.Error) as caught, db.cursor().copy("COPY t FROM STDIN (FORMAT binary)") as stream:
        stream.write(HEADER)
        for item in (wire((1, 2)), value):
            stream.write(struct.pack(">hi", 1, len(item)) + item)
        stream.write(END)
    assert (caught.value.sqlstate, caught.value.diag.message_primary) == (state, message)
    assert db.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_binary_parameters_and_results(table):
    """The extended protocol with binary values, as drivers with a codec for `vector` use it."""
    oid = table.execute("SELECT 'vector'::regtype::oid").fetchone()[0]

    class Dumper(psycopg.adapt.Dumper):
        format = psycopg.pq.Format.BINARY

        def dump(self, vector):
            return wire(vector)

    class Loader(psycopg.adapt.Loader):
        format = psycopg.pq.Format.BINARY

        def load(self, data):
            (dim,) = struct.unpack_from(">h", data)
            return struct.unpack_from(f">{dim}f", data, 4)

    Dumper.oid = oid
    table.adapters.register_dumper(tuple, Dumper)
    table.adapters.register_loader(oid, Loader)
    cursor = table.cursor(binary=True)
    for vector in filter(None, some_vectors()):
        assert cursor.execute("SELECT %b, %b - %b", (vector, vector, vector)).fetchone() == (vector, (0.0,) * len(vector))
    assert cursor.execute("SELECT %b <-> %b", ((0.0, 0.0), (3.0, 4.0))).fetchone() == (5.0,)
    with pytest.raises(psycopg.errors.DataException, match="NaN not allowed in vector"):
        cursor.execute("SELECT %b", ((float("nan"),),))


def test_prepared_statements(table):
    expected = fill(table)
    for i in range(8):  # from the sixth execution on with a generic plan
        rows = table.execute("SELECT id FROM t WHERE v = %s::vector", (text((0.0, i - 7.0)),), prepare=True).fetchall()
        assert rows == ([(8,)] if i == 7 else [])
    assert read(table) == expected
