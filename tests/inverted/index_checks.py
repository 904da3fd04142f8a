"""The proof that an index is whole: `inverted_check` finds nothing, and a scan gives all rows of the table in the order of their distances."""

from collections import Counter

SCAN = "SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_bitmapscan = off"
SEQUENTIAL = "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_indexonlyscan = off"


def check(session, *indexes: str) -> None:
    """Assert that `inverted_check` finds nothing in them."""
    for index in indexes:
        found = session.execute("SELECT * FROM inverted_check(%s)", [index]).fetchall()
        assert not found, f"{index}: {len(found)} findings, {found[:5]}"


def scan(session, table: str, query: str, limit: int | None = None, where: str = "true") -> list:
    """The first rows, or all, that a scan of the table's index gives, as (ctid, distance), with the plan proved to be that."""
    with session.transaction():
        session.execute(SCAN)
        statement = f"SELECT ctid::text, v <#> '{query}' FROM {table} WHERE {where} ORDER BY v <#> '{query}' LIMIT {limit or 'ALL'}"
        plan = "\n".join(line for (line,) in session.execute(f"EXPLAIN (COSTS OFF) {statement}").fetchall())
        assert "Index Scan using" in plan and "Order By" in plan, plan
        return session.execute(statement).fetchall()


def sequential(session, table: str, query: str, where: str = "true") -> list:
    """All rows that have a vector, by a sequential scan, in order."""
    with session.transaction():
        session.execute(SEQUENTIAL)
        return session.execute(f"SELECT ctid::text, v <#> '{query}' FROM {table} WHERE {where} AND v IS NOT NULL ORDER BY 2").fetchall()


def same(rows: list, found: list, told: str = "") -> None:
    """Assert that a scan has found the first of these rows, which are all of them in order: at these distances, each once."""
    assert [distance for _, distance in found] == [distance for _, distance in rows[: len(found)]], told
    extra = Counter(found) - Counter(rows)
    assert not extra and len(set(found)) == len(found), f"{told}: extra {extra}"


def whole(session, table: str, query: str, where: str = "true") -> None:
    """Assert that a scan of the table's index gives each row of the table once, with its distance, and in order; a LIMIT the first ones."""
    rows, told = sequential(session, table, query, where), f"{table} where {where}, {query[:200]}"
    found = scan(session, table, query, None, where)
    assert len(found) == len(rows), f"{told}: {len(found)} of {len(rows)} rows"
    same(rows, found, told)
    first = scan(session, table, query, 10, where)
    assert len(first) == min(10, len(rows)), told
    same(rows, first, told)
