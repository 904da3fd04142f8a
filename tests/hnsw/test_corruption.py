"""Bytes that nobody has written in the pages of an index: errors or results, never the end of a server, and REINDEX heals."""

import os
import random
import re

import psycopg
import pytest

from tests.hnsw.index_checks import WHOLE, check, whole
from tests.hnsw.random_vectors import vector, vectors
from tests.support.cluster import Cluster
from tests.support.soak import SOAK
from tests.support.spoilt_pages import PAGE, spoil

FEW = 6
# table: dimensions, rows, columns of the index, operator class
TABLES = {
    "plain": (8, 500, "v vector_l2_ops"),
    "small": (8, 60, "v vector_ip_ops"),
    "keyed": (8, 400, "ns, v vector_l2_ops"),
    "manykeys": (4, 500, "id, v vector_cosine_ops"),
    "equal": (4, 900, "v vector_l2_ops"),
    "wide": (3300, 6, "v vector_l2_ops"),
}
WORK = [
    "SELECT id FROM {t} {where} ORDER BY v {op} '{near}' LIMIT 5",
    "SELECT count(*) FROM (SELECT id FROM {t} {where} ORDER BY v {op} '{near}' LIMIT 10000) s",
    "INSERT INTO {t} (ns, v) VALUES (1, '{near}'), (1, '{other}'), (7, '{other}')",
    "UPDATE {t} SET v = '{near}' WHERE id % 7 = 3",
    "SELECT * FROM hnsw_check('{t}_v')",
    "SELECT * FROM hnsw_stats('{t}_v')",
    "SELECT * FROM hnsw_size('{t}_v')",
    "VACUUM (INDEX_CLEANUP ON) {t}",
    "INSERT INTO {t} (ns, v) VALUES (2, '{near}')",
    "DELETE FROM {t} WHERE id % 5 = 2",
    "VACUUM (INDEX_CLEANUP ON) {t}",
    "SELECT id FROM {t} {where} ORDER BY v {op} '{other}' LIMIT 50",
]
# What may be said of such pages beside XX002, and XX001 of those that the server itself refuses: of the first one, that it is
# of another format.
OTHER = {"0A000": "index has format"}


@pytest.fixture(scope="module")
def spoilt():
    """A server whose tables have indexes, without what would notice by itself."""
    server = Cluster(15, "spoilt", {"autovacuum": "off", "statement_timeout": "30s"})
    try:
        source = random.Random(1)
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            for table, (dim, rows, columns) in TABLES.items():
                session.execute(f"CREATE TABLE {table} (id serial, ns int, v vector({dim}))")
                values = vectors(source, dim, rows)
                if table == "equal":
                    values[100:] = values[:1] * 800
                session.execute(f"INSERT INTO {table} (ns, v) SELECT i %% 4, v::vector FROM unnest(%s::text[]) WITH ORDINALITY AS u (v, i)", [values])
                session.execute(f"CREATE INDEX {table}_v ON {table} USING hnsw ({columns})")
        yield server
    finally:
        server.destroy()


def work(server, table: str, source: random.Random) -> list[str]:
    """Do everything with the table; the complaints that should not be."""
    dim, _, columns = TABLES[table]
    wrong = []
    where = {"keyed": "WHERE ns = 1", "manykeys": f"WHERE id = {source.randrange(500)}"}.get(table, "")
    op = {"vector_ip_ops": "<#>", "vector_cosine_ops": "<=>"}.get(columns.split()[-1], "<->")
    given = {"t": table, "where": where, "op": op, "near": vector(source, dim), "other": vector(source, dim)}
    with server.connect("postgres") as session:
        for name, value in (WHOLE | {"hnsw.iterative_scan": "relaxed_order"}).items():
            session.execute("SELECT set_config(%s, %s, false)", [name, value])
        for statement in WORK:
            try:
                session.execute(statement.format(**given))
            except psycopg.Error as error:
                assert error.sqlstate is not None, f"{statement.format(**given)[:80]}: {error}"
                message, hint = error.diag.message_primary, error.diag.message_hint
                named = hint == f"Run REINDEX INDEX public.{table}_v." and (error.sqlstate != "XX002" or f'index "{table}_v"' in message)
                refused = error.sqlstate == "XX001" and hint == f"Run REINDEX INDEX {table}_v."
                known = error.sqlstate == "XX002" or OTHER.get(error.sqlstate, "\0") in message
                if not (refused or known and named):
                    wrong.append(f"{table}: {statement.format(**given)[:60]}: {error.sqlstate} {error} {hint}")
    return wrong


# The second led hnsw_check to a node record beyond the end.
@pytest.mark.parametrize("seed, rounds", [(None, SOAK or FEW), (381759569, FEW)])
def test_corrupted_pages(spoilt, seed, rounds):
    seed = seed or int(os.environ.get("SEED", random.randrange(1 << 30)))
    print("SEED", seed)
    source = random.Random(seed)
    wrong = []
    for _ in range(rounds):
        with spoilt.connect("postgres") as session:
            session.execute("CHECKPOINT")
            files = {t: session.execute("SELECT pg_relation_filepath(%s)", [f"{t}_v"]).fetchone()[0] for t in TABLES}
        spoilt.stop()
        done = {}
        for table, file in files.items():
            with open(spoilt.home / "data" / file, "r+b") as index:
                content = bytearray(index.read())
                done[table] = spoil(source, content)
                index.seek(0)
                index.write(content)
                index.truncate()
        spoilt.resume()
        for table in TABLES:
            wrong += [f"{done[table]}: {line}" for line in work(spoilt, table, source)]
        with spoilt.connect("postgres") as session:
            for table in TABLES:
                session.execute(f"REINDEX INDEX {table}_v")
                check(session, f"{table}_v")
            whole(session, "plain", vector(source, 8))
            whole(session, "keyed", vector(source, 8), "ns = 2")
    log = (spoilt.home / "log/server").read_text()
    assert "PANIC" not in log and "terminated by signal" not in log
    assert not wrong, "\n".join(wrong)


FRONT = 24  # of a page, before the first node record


def spoilt_check(server, changes: dict) -> dict:
    """Change the files of stopped indexes, table by table; what hnsw_check finds then. The indexes are made anew after that."""
    with server.connect("postgres") as session:
        for table in changes:
            session.execute(f"REINDEX INDEX {table}_v")
            check(session, f"{table}_v")
        session.execute("CHECKPOINT")
        files = {t: session.execute("SELECT pg_relation_filepath(%s)", [f"{t}_v"]).fetchone()[0] for t in changes}
        sizes = {t: session.execute("SELECT bytes / count FROM hnsw_size(%s) WHERE kind = 'nodes on level 0'", [f"{t}_v"]).fetchone()[0] for t in changes}
    server.stop()
    for table, change in changes.items():
        with open(server.home / "data" / files[table], "r+b") as index:
            content = bytearray(index.read())
            change(content, sizes[table])
            index.seek(0)
            index.write(content)
    server.resume()
    with server.connect("postgres") as session:
        found = {}
        for table in changes:
            found[table] = session.execute("SELECT * FROM hnsw_check(%s)", [f"{table}_v"]).fetchall()
            # The session goes on, and the statement leaves nothing locked.
            assert session.execute("SELECT count(*) FROM pg_locks WHERE relation = %s::regclass", [f"{table}_v"]).fetchone() == (0,)
            session.execute(f"REINDEX INDEX {table}_v")
            check(session, f"{table}_v")
        return found


def node(content: bytearray, size: int, nth: int = 0, first: int = 1) -> int:
    """Where the record of the nth living node of level 0 with a neighbour begins."""
    for page in range(first, len(content) // PAGE):
        if content[(page + 1) * PAGE - 4 : (page + 1) * PAGE] != b"\x02\x00\x41\xc0":
            continue
        for at in range(page * PAGE + FRONT, (page + 1) * PAGE - 8 - size + 1, size):
            if content[at + 6 : at + 8] == b"\x01\x00" and content[at + 11] > 4:
                if nth == 0:
                    return at
                nth -= 1
    raise AssertionError("no such node")


def edge_slots(content: bytearray, at: int, size: int) -> int:
    """Where the first edge slot of a node record begins: the slots are at its end, but for less than eight bytes."""
    bits, coded, count = content[FRONT + 15], number(content, FRONT + 16), number(content, FRONT + 20, 2)
    return at + (size - count * (12 + coded * bits // 8)) // 8 * 8


def number(content: bytearray, at: int, size: int = 4) -> int:
    return int.from_bytes(content[at : at + size], "little")


def put(content: bytearray, at: int, value: int, size: int = 4) -> None:
    content[at : at + size] = value.to_bytes(size, "little")


def a_row_that_is_none(content, size):
    put(content, node(content, size, 7), 99)


def a_row_of_another(content, size):
    one, other = node(content, size, 3), node(content, size, 9)
    content[one : one + 6] = content[other : other + 6]


def an_edge_elsewhere(content, size):
    put(content, edge_slots(content, node(content, size, 5), size), 2**31 - 7)


def an_edge_to_itself(content, size):
    at = node(content, size, 5)
    page = at // PAGE
    per_page = (PAGE - FRONT - 8) // size
    put(content, edge_slots(content, at, size), page * per_page + (at - page * PAGE - FRONT) // size)


def a_code(content, size):
    content[edge_slots(content, node(content, size, 2), size) + 12] ^= 0xFF


def a_kind(content, size):
    page = node(content, size, 20) // PAGE
    put(content, (page + 1) * PAGE - 4, 0xC0410004)


def a_state(content, size):
    content[node(content, size, 11) + 6] = 0


def a_vector(content, size):
    content[node(content, size, 6) + 33] ^= 0x11


SPOILT = {
    a_row_that_is_none: r"row \(99,\d+\) is not in the table",
    a_row_of_another: r"row \(\d+,\d+\) is also in node \d+",
    an_edge_elsewhere: r"edge slot 0 leads to \d+ of \d+",
    an_edge_to_itself: r"an edge to \d+ too many",
    a_code: r"the code of \d+ is not that of its vector",
    a_kind: r"a page of a directory, and there is none",
    a_state: r": free$",
    a_vector: r"norm .* of a vector with",
}


@pytest.mark.parametrize("what", SPOILT, ids=lambda what: what.__name__)
def test_check_finds(spoilt, what):
    """Damage that no header shows, each by its own words."""
    found = spoilt_check(spoilt, {"plain": what})["plain"]
    assert any(re.search(SPOILT[what], text) for _, _, text in found), found
    assert all(page is not None for page, _, _ in found)


def test_check_of_pages_that_cannot_be_read(spoilt):
    """Nothing is raised, and what is beyond the damage is found all the same."""

    def header(page):
        def change(content, size):
            content[page * PAGE + 14 : page * PAGE + 16] = b"\xff\xff"  # pd_upper beyond the page
            if page > 0:
                at = node(content, size, 0, page + 1)
                content[edge_slots(content, at, size) + 12] ^= 0xFF
        return change

    def noise(content, size):
        content[:PAGE] = random.Random(5).randbytes(PAGE)

    def inner(content, size):
        content[24:PAGE] = random.Random(5).randbytes(PAGE - 24)

    def zeros(content, size):
        content[:PAGE] = bytes(PAGE)

    def version(content, size):
        put(content, 24 + 4, 99)

    for change, expected in [
        (header(2), "invalid page in block 2"),
        (header(0), "invalid page in block 0"),
        (noise, "invalid page in block 0"),
        (inner, "index is corrupted: a page is not of an hnsw index"),
        (zeros, "index is corrupted: a page is New, not Meta"),
        (version, "index has format 99"),
    ]:
        found = spoilt_check(spoilt, {"plain": change})["plain"]
        page, number, text = found[0]
        assert text.startswith(expected) and number is None and page == (2 if "block 2" in expected else 0), found[:3]
        if page == 2:
            assert any("page 2 cannot be read" in text for _, _, text in found)
            assert any("is not that of its vector" in text for _, _, text in found)
            assert {page for page, _, _ in found} > {2}


def raised(session, statement: str) -> tuple:
    """What a statement is refused with: SQLSTATE, message, detail and hint."""
    with pytest.raises(psycopg.Error) as refusal:
        session.execute(statement)
    diag = refusal.value.diag
    return diag.sqlstate, diag.message_primary, diag.message_detail, diag.message_hint


def test_errors_name_the_index(spoilt):
    """What is raised of a corrupted index names it, its page and what helps, through every way in, and nothing else is named: neither
    the index whose expression scans it, nor after an error the one before."""
    near = "ORDER BY v <-> '[1,2,3]' LIMIT 3"
    with spoilt.connect("postgres") as session:
        session.execute('CREATE SCHEMA "Odd ""one"')
        session.execute('CREATE TABLE "Odd ""one".t (id int, v vector(3))')
        session.execute("""INSERT INTO "Odd ""one".t SELECT i, ARRAY[i, 1, 2]::vector FROM generate_series(1, 300) i""")
        session.execute('CREATE INDEX "The index" ON "Odd ""one".t USING hnsw (v vector_l2_ops)')
        session.execute(f"""CREATE FUNCTION nearest(vector) RETURNS vector IMMUTABLE LANGUAGE plpgsql SET enable_seqscan = off AS
            $$ BEGIN RETURN (SELECT v FROM "Odd ""one".t {near.replace("'[1,2,3]'", "$1").replace("LIMIT 3", "LIMIT 1")}); END $$""")
        session.execute("CREATE TABLE outer_one (v vector(3))")
        session.execute("CREATE INDEX outer_index ON outer_one USING hnsw ((nearest(v)::vector(3)) vector_l2_ops)")
        session.execute("INSERT INTO outer_one VALUES ('[1,2,3]')")
        session.execute("CHECKPOINT")
        file = session.execute("""SELECT pg_relation_filepath('"Odd ""one"."The index"')""").fetchone()[0]
        size = session.execute("""SELECT bytes / count FROM hnsw_size('"Odd ""one"."The index"') WHERE kind = 'nodes on level 0'""").fetchone()[0]

    def damage(change):
        spoilt.stop()
        with open(spoilt.home / "data" / file, "r+b") as index:
            content = bytearray(index.read())
            change(content)
            index.seek(0)
            index.write(content)
        spoilt.resume()

    def states(content):
        for page in range(1, len(content) // PAGE):
            if content[(page + 1) * PAGE - 4] == 2:
                for at in range(page * PAGE + FRONT, (page + 1) * PAGE - 8 - size + 1, size):
                    content[at + 6] = 9

    def header(content):
        for page in range(1, len(content) // PAGE):
            content[page * PAGE + 14 : page * PAGE + 16] = b"\xff\xff"  # pd_upper beyond the page

    hint = 'Run REINDEX INDEX "Odd ""one"."The index".'
    statements = [
        f'SELECT id FROM "Odd ""one".t {near}',
        """INSERT INTO "Odd ""one".t VALUES (1, '[1,2,3]')""",
        """SELECT * FROM hnsw_stats('"Odd ""one"."The index"')""",
        """SELECT * FROM hnsw_size('"Odd ""one"."The index"')""",
        'VACUUM (INDEX_CLEANUP ON) "Odd ""one".t',
        """SELECT hnsw_recall('"Odd ""one"."The index"', ARRAY['[1,2,3]']::vector[])""",
        "INSERT INTO outer_one VALUES ('[1,2,3]')",
    ]
    damage(states)
    with spoilt.connect("postgres") as session:
        session.execute("SET enable_seqscan = off")
        session.execute('DELETE FROM "Odd ""one".t WHERE id > 290')
        for statement in statements:
            state, message, detail, said = raised(session, statement)
            assert (state, message, said) == ("XX002", 'index "The index" is corrupted: state 9', hint), statement
            assert re.fullmatch(r"Node \d+ on page [1-9]\d* was read last\.", detail), (statement, detail)
        # What is refused of another relation has no hint of these.
        state, _, _, said = raised(session, "INSERT INTO outer_one VALUES ('[1,2]')")
        assert (state, said) == ("22000", None)
    damage(header)
    with spoilt.connect("postgres") as session:
        session.execute("SET enable_seqscan = off")
        for statement in statements:
            if "outer_one" not in statement:
                state, message, _, said = raised(session, statement)
                assert (state, said) == ("XX001", 'Run REINDEX INDEX "The index".'), statement
                assert re.match(r"invalid page in block \d+ of relation", message), statement
        session.execute('REINDEX INDEX "Odd ""one"."The index"')
        for statement in statements:
            session.execute(statement)
        check(session, '"Odd ""one"."The index"')
        session.execute('DROP TABLE outer_one; DROP FUNCTION nearest; DROP SCHEMA "Odd ""one" CASCADE')


@pytest.mark.parametrize("damage", ["root", "leaf", "unreadable"])
def test_check_without_a_directory(spoilt, damage):
    """Node records of graphs that nothing leads to are looked at all the same."""

    def change(content, size):
        if damage == "root":
            content[PAGE + FRONT : 2 * PAGE - 8] = random.Random(4).randbytes(PAGE - FRONT - 8)
        elif damage == "unreadable":
            content[PAGE + 14 : PAGE + 16] = b"\xff\xff"
        else:
            leaf = max(page for page in range(len(content) // PAGE) if content[(page + 1) * PAGE - 4] == 4)
            put(content, leaf * PAGE + FRONT + 4, 2**31)
        content[edge_slots(content, node(content, size, 2), size) + 12] ^= 0xFF

    found = spoilt_check(spoilt, {"keyed": change})["keyed"]
    expected = {"root": "the directory leads to page", "leaf": "leaf ends at", "unreadable": "invalid page in block 1"}[damage]
    assert any(expected in text for _, _, text in found), found[:5]
    assert [text for _, number, text in found if number is not None and "not that of its vector" not in text] == []
    assert any("is not that of its vector" in text for _, _, text in found), found[:5]
