"""The proof that an index is whole: `hnsw_check` finds nothing, and a scan gives the rows that a sequential one gives."""

from collections import Counter

WHOLE = {
    "enable_seqscan": "off",
    "enable_sort": "off",
    "enable_bitmapscan": "off",
    "hnsw.ef_search": "1000",
    "hnsw.max_scan_tuples": "2147483647",
    "hnsw.scan_mem_multiplier": "1000",
}
"""Settings under which a scan of an index gives all its rows, if it is iterative."""


def check(session, *indexes: str) -> None:
    """Assert that `hnsw_check` finds nothing in them."""
    for index in indexes:
        found = session.execute("SELECT * FROM hnsw_check(%s)", [index]).fetchall()
        assert not found, f"{index}: {len(found)} findings, {found[:5]}"


def scan(session, table: str, query: str, where: str = "true", mode: str = "relaxed_order", column: str = "v", op: str = "<->") -> list:
    """The rows that a scan of the table's index gives, as (ctid, distance), with the plan proved to be that."""
    with session.transaction():
        session.execute("SELECT set_config(n, v, true) FROM unnest(%s::text[], %s::text[]) AS s (n, v)", [list(WHOLE), list(WHOLE.values())])
        session.execute(f"SET LOCAL hnsw.iterative_scan = {mode}")
        statement = f"SELECT ctid::text, {column} {op} '{query}' FROM {table} WHERE {where} ORDER BY {column} {op} '{query}'"
        plan = "\n".join(line for (line,) in session.execute(f"EXPLAIN (COSTS OFF) {statement}").fetchall())
        assert "Index Scan using" in plan and "Order By" in plan, plan
        return session.execute(statement).fetchall()


def sequential(session, table: str, query: str, where: str = "true", column: str = "v", op: str = "<->") -> list:
    """The same rows by a sequential scan."""
    with session.transaction():
        session.execute("SET LOCAL enable_indexscan = off")
        session.execute("SET LOCAL enable_bitmapscan = off")
        statement = f"SELECT ctid::text, {column} {op} '{query}' FROM {table} WHERE {where} AND {column} IS NOT NULL"
        return session.execute(statement).fetchall()


def whole(session, table: str, query: str, where: str = "true", column: str = "v", op: str = "<->", strict: float = 0.95) -> None:
    """Assert that a scan of the table's index gives each row of the table once, and in the order of distance.

    What comes too late is left out in strict order: none of a small graph; of a large one, a part of at least `strict` stays.
    """
    rows = sorted(sequential(session, table, query, where, column, op))
    found = scan(session, table, query, where, "relaxed_order", column, op)
    missing, extra = Counter(rows) - Counter(found), Counter(found) - Counter(rows)
    assert not missing and not extra, f"{table} where {where}, {query}: {len(rows)} rows, missing {missing}, extra {extra}"
    ordered = [distance for _, distance in scan(session, table, query, where, "strict_order", column, op)]
    assert ordered == sorted(ordered)
    assert len(ordered) >= len(rows) * (1 if len(rows) <= 256 else strict), f"{table} where {where}: {len(ordered)} of {len(rows)} rows"
