"""Conifer's access method `hnsw` against pgvector's, in one PostgreSQL server: `make bench`.

Two databases, one with each extension, hold the same rows; whatever is timed is timed on both in turn. SETTINGS says
how the server is set, for both alike, and bench/side.py how a session is. What follows from the settings:

- Everything is in shared buffers. No checkpoint and no autovacuum comes in between.
- fsync is off (dev/cluster), so a commit costs no wait for a disk; synchronous_commit is on as usual.
- full_page_writes is off, so that WAL bytes are those of the inserts and not of the last checkpoint; once for each
  set it is on, as information.
- maintenance_work_mem is enough to build the graph in memory, the same for both. A build of two processes has one
  worker beside the backend; tables have parallel_workers set, or the planner would give none to heaps so small.
- One client, prepared statement, binary parameter, Unix socket, for queries per second. Execution time (of the
  index scan) and buffers are from EXPLAIN (ANALYZE, BUFFERS).
- COPY reads a file. Distances are summed up over one table, by the functions of both libraries.
- Indexes have m = 16 and ef_construction = 64, the defaults, unless told otherwise.

Recall is against exact answers, by distance. A value at a recall lies on the curve between two widths; where the
least width has the recall already, it is the value there.
"""

import argparse
import json
import platform
import shutil
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.bench import plot, report, sets
from tests.bench.measure import Measuring
from tests.bench.side import LABEL, Side
from tests.support.cluster import ROOT, Cluster

SETTINGS = {
    "jit": "off",
    "autovacuum": "off",
    "full_page_writes": "off",
    "max_wal_size": "64GB",
    "checkpoint_timeout": "1d",
    "max_parallel_workers_per_gather": "0",
    "bgwriter_lru_maxpages": "0",
}
ROOM = 12  # shared buffers to the bytes of the largest set: rows and index, twice, and some more
LEAST = 512 << 20


class Server(Cluster):
    """The server of a run."""

    def __init__(self, major, shared_buffers):
        super().__init__(major, "bench", {**SETTINGS, "shared_buffers": f"{shared_buffers >> 20}MB"})

    def full_pages(self, on):
        """Switch full_page_writes. The checkpointer does it, before the checkpoint that is asked for afterwards."""
        word = "on" if on else "off"
        with self.connect("postgres") as session:
            session.execute(f"ALTER SYSTEM SET full_page_writes = {word}")
            session.execute("SELECT pg_reload_conf()")
        for _ in range(100):
            with self.connect("postgres") as session:
                if session.execute("SHOW full_page_writes").fetchone()[0] == word:
                    session.execute("CHECKPOINT")
                    return
            time.sleep(0.05)
        raise RuntimeError(f"the server does not switch full_page_writes {word}")


def parse(words):
    """The arguments."""
    parser = argparse.ArgumentParser(prog="dev/bench", description="Conifer against pgvector; see tests/bench/__main__.py")
    parser.add_argument("--sets", help=f"names, with commas between: {', '.join(sets.OWN)}, or of DATA (default: all)")
    parser.add_argument("--data", type=Path, help="a directory of more sets: base.*.npy and queries.*.npy, or such directories")
    parser.add_argument("--quick", action="store_true", help="tiny sets, to test the benchmark itself")
    parser.add_argument("--list", action="store_true", help="print the names of the sets and stop")
    parser.add_argument("--rows", type=int, help="at most so many rows of each set")
    parser.add_argument("--queries", type=int, default=200, help="queries of each set (default: %(default)s)")
    parser.add_argument("--rounds", type=int, help="of searches in turn (default: 5)")
    parser.add_argument("--builds", type=int, default=1, help="of each kind and side (default: %(default)s)")
    parser.add_argument("--m", type=int, default=16)
    parser.add_argument("--ef-construction", type=int, default=64)
    parser.add_argument("--ours", choices=("conifer", "vector"), default="conifer",
                        help="the extension to judge; `vector` compares pgvector with itself")
    parser.add_argument("--major", type=int, choices=(16, 18), default=16, help="of the server (default: %(default)s)")
    parser.add_argument("--out", type=Path, default=ROOT / "target/bench", help="where the results go (default: target/bench)")
    parser.add_argument("--client", type=Path, default=ROOT / "target/release/conifer-bench", help=argparse.SUPPRESS)
    arguments = parser.parse_args(words)
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)
    return arguments


def chosen(arguments):
    """Name and maker of each set that is asked for."""
    limits = (arguments.queries, arguments.rows)
    makers = {}
    for name, model in (sets.QUICK if arguments.quick else sets.OWN).items():
        makers[name] = lambda name=name, model=model: sets.own(name, model, *limits)
    for name, place in (sets.found(arguments.data) if arguments.data else {}).items():
        makers[name] = lambda name=name, place=place: sets.stored(name, place, *limits)
    names = arguments.sets.split(",") if arguments.sets else list(makers)
    strange = [name for name in names if name not in makers]
    if strange:
        raise SystemExit(f"dev/bench: there is no set {', '.join(strange)}, only {', '.join(makers)}")
    return {name: makers[name] for name in names}


def measured(a_set, arguments):
    """Measure a set on a server whose buffers hold it. Returns the result and the versions of all that took part."""
    begin = time.monotonic()

    def say(what):
        print(f"· {a_set.name}: {what} ({time.monotonic() - begin:.0f} s)", file=sys.stderr, flush=True)

    server = Server(arguments.major, max(LEAST, ROOM * a_set.rows.nbytes))
    scratch = Path(tempfile.mkdtemp(prefix="conifer-bench-"))
    scratch.chmod(0o755)  # the server reads files there
    sides = []
    try:
        for database, extension in (("ours", arguments.ours), ("theirs", "vector")):
            sides.append(Side(server, arguments.client, scratch, database, extension))
        with server.connect("postgres") as session:
            versions = {"PostgreSQL": session.execute("SHOW server_version").fetchone()[0]}
        versions |= {side.label: side.version() for side in sides}
        result = Measuring(a_set, sides, server, arguments, say).run()
        say("done")
        return result, versions
    finally:
        for side in sides:
            side.close()
        server.destroy()
        shutil.rmtree(scratch)


def write(results, versions, arguments):
    """Write table.txt, result.json and curves.svg, and return the table."""
    options = {key: getattr(arguments, key) for key in ("ours", "rounds", "builds", "m", "ef_construction", "quick")}
    text = report.table(results, [LABEL[arguments.ours], LABEL["vector"]], versions, options)
    whole = dict(versions=versions, machine=platform.machine(), settings=SETTINGS, options=options,
                 sets=[asdict(result) for result in results])
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "table.txt").write_text(text + "\n")
    (arguments.out / "result.json").write_text(json.dumps(whole, indent=1, ensure_ascii=False) + "\n")
    (arguments.out / "curves.svg").write_text(plot.svg(results))
    return text


def main(words):
    """Run the benchmark; what is there is written after each set."""
    arguments = parse(words)
    makers = chosen(arguments)
    if arguments.list:
        print("\n".join(makers))
        return
    results = []
    for make in makers.values():
        result, versions = measured(make(), arguments)
        results.append(result)
        text = write(results, versions, arguments)
    print(text)
    print(f"\nwritten: table.txt, result.json and curves.svg in {arguments.out}")


if __name__ == "__main__":
    main(sys.argv[1:])
