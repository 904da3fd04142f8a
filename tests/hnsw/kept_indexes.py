"""Tables whose indexes are kept as files, in tests/hnsw/fixtures/hnsw-format-N: the index of each is read by later releases.

dev/fixture-index runs this file, which writes them. Their rows come to the same places of their tables each time.
"""

import contextlib
import gzip

from tests.support.cluster import ROOT, Cluster

FIXTURES = ROOT / "tests/hnsw/fixtures"
PAGE = 8192
FRONT = 24  # of a page, before what is the index's own

# table: type, columns of the index, operator, rows, value of row i
TABLES = {
    "four_bits": ("vector(6)", "v vector_l2_ops", "<->", 40, "ARRAY[i % 7, i % 11, i % 13, i % 5, i % 3, i]::real[]::vector"),
    "one_bit": ("vector(128)", "v vector_cosine_ops", "<=>", 12, "(SELECT array_agg((i * j % 17) - 8)::real[] FROM generate_series(1, 128) j)::vector"),
    "keyed": ("vector(3)", "ns, v vector_ip_ops", "<#>", 40, "ARRAY[i % 7, i % 11, i]::real[]::vector"),
    "equal": ("vector(3)", "v vector_l2_ops", "<->", 60, "ARRAY[i % 3, 1, 2]::real[]::vector"),
    "several_pages": ("vector(3600)", "v vector_l2_ops", "<->", 3, "(SELECT array_agg(i * j % 2) FROM generate_series(1, 3600) j)::real[]::vector"),
    "halves": ("halfvec(5)", "v halfvec_l1_ops", "<+>", 30, "ARRAY[i % 7, i % 11, i % 13, i % 5, i]::real[]::halfvec"),
    "bits": ("bit(40)", "v bit_hamming_ops", "<~>", 30, "(i::bigint * 123456789)::bit(40)"),
    "sparse": ("sparsevec(1000)", "v sparsevec_l2_ops", "<->", 30, "format('{%s:%s,%s:2}/1000', i, i % 7 + 1, i + 500)::sparsevec"),
}


def where(table: str) -> str:
    return "ns = 1" if table == "keyed" else "true"


def add(session, table: str, first: int, last: int) -> None:
    """Insert the rows of these numbers."""
    value = TABLES[table][4]
    session.execute(f"INSERT INTO {table} SELECT i, nullif(i % 4, 3), {value} FROM generate_series({first}, {last}) i")


def prepare(session) -> None:
    """Make the tables and their indexes: built, inserted into, and vacuumed."""
    for table, (kind, columns, _, rows, _) in TABLES.items():
        session.execute(f"CREATE TABLE {table} (id int, ns int, v {kind})")
        session.execute(f"ALTER TABLE {table} ALTER v SET STORAGE MAIN")
        add(session, table, 1, rows * 3 // 4)
        session.execute(f"CREATE INDEX {table}_v ON {table} USING hnsw ({columns})")
        add(session, table, rows * 3 // 4 + 1, rows)
        session.execute(f"DELETE FROM {table} WHERE id % 5 = 2")
        session.execute(f"VACUUM (INDEX_CLEANUP ON) {table}")
    session.execute("CHECKPOINT")


@contextlib.contextmanager
def stopped_server():
    """A server that has the tables, and is down; and the file of each table's index."""
    server = Cluster(15, "format", {"autovacuum": "off"})
    try:
        with server.connect("postgres") as session:
            session.execute("CREATE EXTENSION conifer")
            prepare(session)
            paths = {table: session.execute("SELECT pg_relation_filepath(%s)", [f"{table}_v"]).fetchone()[0] for table in TABLES}
        server.stop()
        yield server, {table: server.home / "data" / path for table, path in paths.items()}
    finally:
        server.destroy()


def version(content: bytes) -> int:
    """The format of an index, as its first page says."""
    return int.from_bytes(content[FRONT + 4 : FRONT + 8], "little")


def without_wal(content: bytes) -> bytes:
    """The pages of an index as of no write-ahead log: another server's has not come that far. The server has no checksums."""
    content = bytearray(content)
    for at in range(0, len(content), PAGE):
        content[at : at + 10] = bytes(10)
    return bytes(content)


def write() -> None:
    """Keep the indexes of today's format, unless they are kept."""
    with stopped_server() as (_, files):
        for table, file in files.items():
            content = file.read_bytes()
            folder = FIXTURES / f"hnsw-format-{version(content)}"
            folder.mkdir(parents=True, exist_ok=True)
            kept = folder / f"{table}.gz"
            if kept.exists():
                raise SystemExit(f"{kept} is kept already: a format that is in use stays as it is")
            kept.write_bytes(gzip.compress(without_wal(content), mtime=0))
            print(kept.relative_to(ROOT), len(content), kept.stat().st_size)


if __name__ == "__main__":
    write()
