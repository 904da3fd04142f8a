"""Filtered queries: Conifer's filters in the graph scan against pgvector's iterative scans, in one server.

Each line is a filter. Rows are those of a directory with vectors, metadata and named filters, or drawn, with labels of
shares that have nothing to do with the vectors (`random …`) and labels that lie along one direction (`side …`), with half of
the queries and against the others. Queries are ones that no constant was tuned to: the last of the set.

A session asks all queries of a filter twice: `first` are those that it knows nothing of the filter for, `QPS` those after them.
`walk` has the filter where no index sees it, so that the graph is walked until ten rows match, at the smallest ef_search whose recall
is that of the other columns, or else at the best, but no larger ones once a query takes ten times as long as `first`; `read` is all
matches by GIN, sorted. `cost` is the mean time of the first queries against the better of these two. Statements are prepared, as
drivers do it.

Both sides search by their graph, sorts are off: Conifer as it is, pgvector with strict_order, no bound on tuples and memory for all of
them, at the smallest ef_search whose recall is that of Conifer. Where it does not reach that even at 1000, its largest, the line has
a * and is that of pgvector's best recall, the ratio included. Beside it, what pgvector finds by its defaults.
"""

import argparse
import gzip
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tests.bench import sets
from tests.support.cluster import Cluster

K = 10
PEERED = 40
# Of Conifer's other ways: with fewer, a walk of too small an ef_search may reach the recall.
OTHER = 120
# 1000 is the largest that pgvector takes.
WIDTHS = (40, 80, 160, 400, 600, 800, 1000)
SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.0005)
TOLERANCE = 2e-4
MODEL = sets.Model("cosine", 60_000, 384, 32, 3000)
THEIRS = "SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off; SET hnsw.iterative_scan = strict_order"
OURS = "RESET ALL; SET enable_seqscan = off; SET enable_sort = off; SET enable_bitmapscan = off"
UNBOUND = "SET hnsw.max_scan_tuples = 1000000; SET hnsw.scan_mem_multiplier = 1000"


@dataclass
class Filter:
    """A name, the filter, the same in SQL, and the rows that match."""

    name: str
    ours: dict
    theirs: str
    matches: np.ndarray


@dataclass
class Answers:
    """Mean recall, answers with fewer rows than match, queries per second, and the slowest query in milliseconds."""

    recall: float
    short: int
    rate: float
    slowest: float


def load(directory, queries, rows, dims):
    """Vectors, metadata, queries, and the named filters of a directory."""
    if directory is None:
        drawn = sets.own("drawn", replace(MODEL, count=rows or MODEL.count, dim=dims or MODEL.dim), queries, None)
        return drawn.rows, [{} for _ in drawn.rows], drawn.queries, {}
    base = np.load(directory / "base.f16.npy")[:rows].astype(np.float32)
    with gzip.open(directory / "meta.jsonl.gz", "rt") as lines:
        metadata = [json.loads(line) for line, _ in zip(lines, base)]
    named = json.loads((directory / "gt_filters.json").read_text())
    asked = np.load(directory / "queries.f32.npy")[-queries:].astype(np.float32)
    return base, metadata, asked, named


def holds(filter, metadata):
    """Whether a row matches: equality, $in, $gte, $contains, $lt."""
    ((field, wanted),) = filter.items()
    value = metadata.get(field)
    if not isinstance(wanted, dict):
        return value == wanted or isinstance(value, list) and wanted in value
    ((operator, operand),) = wanted.items()
    tests = {
        "$in": lambda: value in operand,
        "$gte": lambda: isinstance(value, (int, float)) and value >= operand,
        "$lt": lambda: isinstance(value, (int, float)) and value < operand,
        "$contains": lambda: operand in (value or []),
    }
    return tests[operator]()


def filters(base, metadata, named):
    """The named filters, and the labels that are added to the metadata for others."""
    random = np.random.default_rng(5)
    lots, along = random.random(len(base)), base @ random.standard_normal(base.shape[1])
    places = np.argsort(np.argsort(along)) / len(base)
    for data, lot, place in zip(metadata, lots, places):
        data["lot"], data["place"] = float(lot), float(place)
    all = []
    for name, one in named.items():
        ((field, wanted),) = one["filter"].items()
        # Of a list, $eq asks for an element.
        ours = {field: wanted["$contains"]} if isinstance(wanted, dict) and "$contains" in wanted else one["filter"]
        matches = np.array([holds(one["filter"], data) for data in metadata])
        all.append(Filter(name, ours, one["sql"], np.flatnonzero(matches)))
    for label, field, values in (("random", "lot", lots), ("side", "place", places)):
        for share in SHARES:
            matches = np.flatnonzero(values < share)
            sql = f"(meta->>'{field}')::float8 < {share}"
            all.append(Filter(f"{label} {share * 100:g} %", {field: {"$lt": share}}, sql, matches))
    return all


def warm(session, queries):
    """Has the pages near the queries, and around, in the server's buffers: a line is not to pay for what the next one finds there."""
    session.execute("SET hnsw.ef_search = 1000")
    for query in queries:
        session.execute("SELECT meta FROM items ORDER BY v <=> %s::vector LIMIT 1000", [literal(query)])
    session.execute("RESET hnsw.ef_search")


def literal(vector):
    return "[" + ",".join(f"{x:.7g}" for x in vector) + "]"


def fill(session, extension, base, metadata, indexes):
    session.execute(f"CREATE EXTENSION {extension}")
    session.execute(f"CREATE TABLE items (id int PRIMARY KEY, v vector({base.shape[1]}), meta jsonb)")
    with session.cursor().copy("COPY items FROM STDIN") as copy:
        for i, (row, data) in enumerate(zip(base, metadata)):
            copy.write_row((i, literal(row), json.dumps(data)))
    session.execute("SET maintenance_work_mem = '1GB'")
    for index in indexes:
        session.execute(f"CREATE INDEX ON items USING {index}")
    session.execute("VACUUM ANALYZE items")
    session.execute("CHECKPOINT")


def ask(session, condition, queries, base, limits, expected, scan="Index Scan using items_v"):
    """The answers to all queries, by a plan with that scan."""
    statement = f"SELECT id FROM items WHERE {condition} ORDER BY v <=> %s::vector LIMIT {K}"
    plan = "\n".join(row[0] for row in session.execute("EXPLAIN " + statement, [literal(queries[0])]))
    if scan not in plan:
        raise RuntimeError(plan)
    # A kept plan would not heed the settings that have been made since.
    session.execute("DISCARD PLANS")
    found, short, times = 0, 0, []
    for query, limit in zip(queries, limits):
        argument = literal(query)
        begin = time.perf_counter()
        rows = session.execute(statement, [argument], prepare=True, binary=True).fetchall()
        times.append(time.perf_counter() - begin)
        near = 1 - base[[row[0] for row in rows]] @ query
        found += np.count_nonzero(near <= limit + TOLERANCE)
        short += len(rows) < expected
    return Answers(found / max(1, expected * len(queries)), short, len(times) / sum(times), 1000 * max(times))


def at_recall(recall, session, *asked, min_rate=0.0):
    """The smallest ef_search that reaches a recall or falls below a rate, or else that of the best, and the answers with it."""
    tried = []
    for width in WIDTHS:
        session.execute(f"SET hnsw.ef_search = {width}")
        tried.append((width, ask(session, *asked)))
        if tried[-1][1].recall >= recall or tried[-1][1].rate < min_rate:
            break
    session.execute("RESET hnsw.ef_search")
    return max(tried, key=lambda one: one[1].recall)


def compare(ours, theirs, filter, base, queries, peer):
    """A line of the table."""
    exact = [np.sort(1 - base[filter.matches] @ query) for query in queries]
    expected = min(K, len(filter.matches))
    limits = [distances[expected - 1] if expected else 0 for distances in exact]
    condition = f"meta @@@ '{json.dumps(filter.ours)}'".replace("%", "%%")
    ours.execute(OURS)
    first, here = (ask(ours, condition, queries, base, limits, expected) for _ in range(2))
    some = queries[:OTHER]
    wanted = ask(ours, condition, some, base, limits, expected).recall
    ours.execute(f"SET hnsw.iterative_scan = strict_order; {UNBOUND}")
    _, walk = at_recall(wanted, ours, f"({condition}) IS TRUE", some, base, limits, expected, min_rate=first.rate / 10)
    ours.execute("RESET enable_sort; RESET enable_bitmapscan; SET enable_indexscan = off")
    read = ask(ours, condition, some, base, limits, expected, "Bitmap Index Scan on items_meta")
    cost = max(walk.rate, read.rate) / first.rate
    line = [filter.name, len(filter.matches), f"{min(first.recall, here.recall):.4f}", first.short + here.short, f"{first.rate:.0f}",
            f"{here.rate:.0f}", f"{here.slowest:.1f}", f"{walk.rate:.0f}", f"{read.rate:.0f}", f"{cost:.2f}"]
    if not peer:
        return line
    some = queries[: min(len(queries), peer)]
    theirs.execute("RESET ALL")
    theirs.execute(THEIRS)
    default = ask(theirs, filter.theirs, some, base, limits, expected)
    theirs.execute(UNBOUND)
    width, there = at_recall(here.recall, theirs, filter.theirs, some, base, limits, expected)
    mark = "" if there.recall >= here.recall else "*"
    return [*line, f"{width}{mark}", f"{there.recall:.4f}", there.short, f"{there.rate:.0f}", f"{here.rate / there.rate:.1f}{mark}",
            f"{default.recall:.3f}", default.short, f"{default.rate:.0f}"]


HEADS = ["filter", "rows", "recall", "short", "first", "QPS", "slowest ms", "walk", "read", "cost"]
PEER = ["ef", "theirs", "short", "QPS", "ratio", "default", "short", "QPS"]
FEWER = f"*: pgvector does not reach the recall even at ef_search {WIDTHS[-1]}; the ratio is that at its best recall."


def main(words):
    parser = argparse.ArgumentParser(prog="dev/bench-filters", description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="a directory with base.f16.npy, queries.f32.npy, meta.jsonl.gz and gt_filters.json")
    parser.add_argument("--major", type=int, choices=(16, 18), default=16, help="of the server (default: %(default)s)")
    parser.add_argument("--rows", type=int, help="so many are drawn, or at most so many of the directory's")
    parser.add_argument("--dims", type=int, help="of drawn vectors (default: 384; from some 2,000 bytes a row is TOASTed)")
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--peer", type=int, default=PEERED, help="queries of pgvector, 0 to leave it out (default: %(default)s)")
    parser.add_argument("--only", action="append", metavar="FILTER", help="this filter alone, by its name; may be given again")
    arguments = parser.parse_args(words)
    base, metadata, queries, named = load(arguments.data, arguments.queries, arguments.rows, arguments.dims)
    base /= np.linalg.norm(base, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    chosen = [one for one in filters(base, metadata, named) if one.name in (arguments.only or [one.name])]
    # A checkpoint that begins by itself would fall on some line.
    settings = {
        "autovacuum": "off", "checkpoint_timeout": "1d", "jit": "off", "max_parallel_workers_per_gather": "0", "max_wal_size": "16GB",
        # Room for table and indexes, as in the other lines.
        "shared_buffers": f"{max(1, base.nbytes * 6 >> 30)}GB",
    }
    server = Cluster(arguments.major, "bench-filters", settings)
    try:
        sessions = []
        for database, extension, indexes in (
            ("ours", "conifer", ("hnsw (v vector_cosine_ops, meta pc_filter_ops)", "gin (meta pc_filter_ops)")),
            ("theirs", "vector", ("hnsw (v vector_cosine_ops)",)),
        ):
            if database == "ours" or arguments.peer:
                server.create_database(database)
                sessions.append(server.connect(database))
                begin = time.monotonic()
                fill(sessions[-1], extension, base, metadata, indexes)
                print(f"· {database}: {len(base)} rows in {time.monotonic() - begin:.0f} s", file=sys.stderr)
                warm(sessions[-1], queries)
        ours, theirs = sessions[0], sessions[-1]
        heads = HEADS + (PEER if arguments.peer else [])
        if arguments.peer:
            print(f"{FEWER}\n")
        print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
        for filter in chosen:
            line = compare(ours, theirs, filter, base, queries, arguments.peer)
            print("| " + " | ".join(map(str, line)) + " |", flush=True)
    finally:
        server.destroy()


if __name__ == "__main__":
    main(sys.argv[1:])
