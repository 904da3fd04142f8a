"""Sparse vectors: the ten largest inner products by the index `inverted`, against a scan of the whole table, in one server.

Vectors are the words of a directory's texts with BM25's weights, and queries words with their inverse document frequencies; or both are
drawn: words by Zipf's law, some hundred a row, with weights like those. Each query is asked by index and, some of them, by a scan of
the table, and the distances of both have to be equal. Buffers are those that the server counts for a query, in memory all of them. Rows are then inserted one
by one, of which the last are pending; a tenth is deleted and vacuumed; queries are asked again after each step.
"""

import argparse
import gzip
import json
import math
import re
import statistics
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np

from tests.support.cluster import Cluster

K = 10
DIM = 1_000_000_000
DRAWN = 100_000
WORDS = 50_000
PER_ROW = 100
PER_QUERY = 8
INSERTED = 2000
SCANNED = 30
"""Queries that are asked by a scan of the table, too."""
MAX_SHARE = 1 / 5
"""Of the scan's time and of its buffers, at most."""
WORD = re.compile(r"[a-z0-9]+")


def weighted(counts, length, mean):
    """BM25's weights of a text's words, without their frequency in other texts."""
    return {word: n * 2.2 / (n + 1.2 * (0.25 + 0.75 * length / mean)) for word, n in counts.items()}


def frequency(count, found):
    """BM25's inverse document frequency."""
    return math.log(1 + (count - found + 0.5) / (found + 0.5))


def of_texts(texts, queries):
    """Vectors of texts and of queries, as dicts from a number of a word to its weight."""
    counted = [Counter(WORD.findall(text.lower())) for text in texts]
    found = Counter(word for words in counted for word in words)
    mean = sum(sum(words.values()) for words in counted) / len(counted)
    number = {word: zlib.crc32(word.encode()) % DIM for word in found}
    rows = [{number[word]: x for word, x in weighted(words, sum(words.values()), mean).items()} for words in counted]
    asked = [{number[w]: frequency(len(texts), found[w]) for w in set(WORD.findall(q.lower())) if w in found} for q in queries]
    return rows, [query for query in asked if query]


def of_directory(path, most):
    """The texts and queries of a directory."""
    with gzip.open(path / "texts.jsonl.gz", "rt") as lines:
        texts = [json.loads(line)["text"] for line in lines]
    queries = [json.loads(line)["text"] for line in open(path / "query_texts.jsonl")]
    return of_texts(texts[:most], queries)


def drawn(count):
    """Rows and queries whose words are drawn by Zipf's law."""
    random = np.random.default_rng(17)
    law = 1 / np.arange(1, WORDS + 1)
    edges = np.cumsum(law / law.sum())
    number = random.choice(DIM, WORDS, replace=False)
    words = lambda n: np.minimum(np.searchsorted(edges, random.random(n)), WORDS - 1)
    counted = [Counter(words(int(PER_ROW * 1.5 * random.lognormal(0, 0.5)) + 1).tolist()) for _ in range(count)]
    found = Counter(word for row in counted for word in row)
    rows = [{int(number[word]): x for word, x in weighted(row, sum(row.values()), PER_ROW * 1.7).items()} for row in counted]
    # Queries have the words of a row, rare ones rather than frequent ones.
    queries = []
    for row in random.choice(count, min(count, 300), replace=False):
        chosen = sorted(counted[row], key=lambda word: found[word] * random.random())[:PER_QUERY]
        queries.append({int(number[word]): frequency(count, found[word]) for word in chosen})
    return rows, queries


def as_text(vector):
    """A vector as the server reads it: dimensions from 1 on."""
    return "{" + ",".join(f"{dim + 1}:{value:.7g}" for dim, value in sorted(vector.items())) + "}/" + str(DIM)


class Bench:
    """A server with a table of sparse vectors."""

    def __init__(self, server, rows, queries):
        self.db = server.connect("postgres")
        self.db.execute("CREATE EXTENSION conifer")
        self.db.execute(f"CREATE TABLE records (id int PRIMARY KEY, v sparsevec({DIM}) NOT NULL)")
        self.rows, self.queries, self.missed = [as_text(row) for row in rows], [as_text(query) for query in queries], []
        self.count = len(rows) - min(INSERTED, len(rows) // 10)

    def say(self, what, value, verdict=""):
        print(f"{what:48}{value:>16}   {verdict}", flush=True)

    def judge(self, what, share):
        met = share <= MAX_SHARE
        if not met:
            self.missed.append(what)
        self.say(what, f"{share:.4f}", f"target ≤ {MAX_SHARE:g}: {'met' if met else 'MISSED'}")

    def seconds(self, sql, params=None):
        begin = time.perf_counter()
        self.db.execute(sql, params)
        return time.perf_counter() - begin

    def by(self, way):
        """Let queries go by the index or by a scan of the table."""
        self.db.execute(f"SET enable_indexscan = {'on' if way == 'index' else 'off'}; SET enable_seqscan = {'off' if way == 'index' else 'on'}")

    def ask(self, way, queries):
        """Median milliseconds and buffers of a query, and all distances."""
        self.by(way)
        # Of one text for both ways, the session would keep a prepared statement with the plan of the way that was asked first.
        sql = f"/* {way} */ SELECT v <#> %s::sparsevec FROM records ORDER BY v <#> %s::sparsevec LIMIT {K}"
        times, buffers, found = [], [], []
        for query in queries:
            (plan,) = self.db.execute("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) " + sql, [query, query]).fetchone()
            node = plan[0]["Plan"]
            assert ("Index Scan" in json.dumps(plan)) == (way == "index"), plan
            buffers.append(node["Shared Hit Blocks"] + node["Shared Read Blocks"])
            begin = time.perf_counter()
            rows = self.db.execute(sql, [query, query], prepare=True).fetchall()
            times.append((time.perf_counter() - begin) * 1000)
            found.append([distance for (distance,) in rows])
        return statistics.median(times), statistics.median(buffers), found

    def compare(self, when):
        """Ask all queries by index and some by a scan."""
        ms, buffers, found = self.ask("index", self.queries)
        self.say(f"{when}: ms by index", f"{ms:.3f}")
        self.say(f"{when}: buffers by index", f"{buffers:.0f}")
        scan_ms, scan_buffers, truth = self.ask("scan", self.queries[:SCANNED])
        differing = sum(a != b for a, b in zip(found, truth))
        if differing:
            self.missed.append(f"{when}: equal distances")
        self.say(f"{when}: queries with other distances", f"{differing} of {len(truth)}", "" if not differing else "MISSED")
        self.say(f"{when}: ms by scan", f"{scan_ms:.3f}")
        self.say(f"{when}: buffers by scan", f"{scan_buffers:.0f}")
        self.judge(f"{when}: time by index / by scan", ms / scan_ms)
        self.judge(f"{when}: buffers by index / by scan", buffers / scan_buffers)

    def run(self):
        with self.db.cursor().copy("COPY records FROM STDIN") as copy:
            for row in enumerate(self.rows[: self.count]):
                copy.write_row(row)
        self.db.execute("VACUUM ANALYZE records")
        self.say("rows", f"{self.count:,}")
        self.say("elements a row", f"{statistics.mean(row.count(':') for row in self.rows):.1f}")
        self.say("elements a query", f"{statistics.mean(query.count(':') for query in self.queries):.1f}")
        self.say("build, seconds", f"{self.seconds('CREATE INDEX records_v ON records USING inverted (v)'):.2f}")
        size = lambda name: self.db.execute("SELECT pg_relation_size(%s)", [name]).fetchone()[0] / 1e6
        self.say("size of the table, MB", f"{size('records'):.1f}")
        self.say("size of the index, MB", f"{size('records_v'):.1f}")
        self.compare("built")
        begin = time.perf_counter()
        for row in range(self.count, len(self.rows)):
            self.db.execute("INSERT INTO records VALUES (%s, %s)", [row, self.rows[row]], prepare=True)
        added = len(self.rows) - self.count
        self.say(f"insertion of {added:,} rows, µs a row", f"{(time.perf_counter() - begin) / max(added, 1) * 1e6:.0f}")
        self.compare("rows pending")
        self.db.execute("DELETE FROM records WHERE id % 10 = 3")
        self.say("vacuum of a tenth, seconds", f"{self.seconds('VACUUM records'):.2f}")
        self.compare("a tenth gone")
        self.say("size of the index then, MB", f"{size('records_v'):.1f}")
        wrong = self.db.execute("SELECT * FROM inverted_check('records_v')").fetchall()
        if wrong:
            self.missed.append(f"inverted_check: {wrong[0]}")


def main(words):
    parser = argparse.ArgumentParser(prog="dev/bench-sparse", description=__doc__.splitlines()[0])
    parser.add_argument("--major", type=int, default=16, help="of the server (default: %(default)s)")
    parser.add_argument("--data", type=Path, help="a directory with texts.jsonl.gz and query_texts.jsonl (default: rows are drawn)")
    parser.add_argument("--rows", type=int, default=DRAWN, help="at most (default: %(default)s)")
    given = parser.parse_args(words)
    rows, queries = of_directory(given.data, given.rows) if given.data else drawn(given.rows)
    settings = {"autovacuum": "off", "jit": "off", "shared_buffers": "1GB", "max_wal_size": "16GB", "max_parallel_workers_per_gather": "0"}
    server = Cluster(given.major, "bench-sparse", settings)
    try:
        bench = Bench(server, rows, queries)
        bench.run()
    finally:
        server.destroy()
    if bench.missed:
        print(f"missed: {', '.join(bench.missed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
