"""What the gateway costs: requests over HTTP beside the same statements by pgbench and psycopg, in one server and in turn.

Beside a machine's other work, CPU times are what can be trusted: those of the gateway's own threads are told for each request.
The records are the 4,000 of the demo: sentence embeddings of 384 dimensions, and their metadata.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.bench.layer import DIM, as_array, records
from tests.gateway.gateway import PROGRAM, Gateway, Shop
from tests.gateway.wire import Client
from tests.support.cluster import ROOT, Cluster

LOAD = ROOT / "target/release/http-load"
POOL = 3
"""Sessions of the gateway's pool, and connections of pgbench beside it."""
MAX_CPU, MAX_MORE, MIN_RATE, MAX_UPSERT, MAX_MEGABYTES = 150, 250, 0.7, 1.5, 10


def floats(vector):
    """The numbers of a vector's text, which JSON would not read: it leaves zeros out."""
    return [float(number) for number in vector.strip("[]").split(",")]


class Bench:
    def __init__(self, given, home):
        self.given, self.home, self.missed = given, home, []
        settings = {"autovacuum": "off", "jit": "off", "shared_buffers": "256MB", "max_wal_size": "16GB"}
        self.server = Cluster(15, "bench-gateway", settings)
        self.server.create_database("with_conifer")
        with self.server.connect("with_conifer") as session:
            session.execute("CREATE EXTENSION conifer")
        self.shop = Shop(self.server, "bench")
        self.key = self.shop.key()[1]
        (table,) = self.shop.db.execute("SELECT table_name::text FROM pc_create_index('films', %s)", [DIM]).fetchone()
        self.rows = records()
        with self.shop.db.cursor().copy(f'COPY {table} (id, "values", metadata) FROM STDIN') as copy:
            for row in self.rows:
                copy.write_row(row)
        self.shop.db.execute(f"VACUUM ANALYZE {table}")
        self.gateway = Gateway(self.shop.address, home / "log", pool_size=str(POOL), max_request="64MB", log_level="error")
        self.idle = self.gateway.memory()
        chosen = np.random.default_rng(1).choice(len(self.rows), 100, replace=False)
        self.vectors = [self.rows[n][1] for n in chosen]

    def say(self, what, value, unit, target, is_met):
        if not is_met:
            self.missed.append(what)
        print(f"{what:58}{value:>10} {unit:6}{target:>28}: {'met' if is_met else 'MISSED'}", flush=True)

    def requests(self):
        """The file of requests for the load."""
        file = self.home / "requests"
        with file.open("wb") as out:
            for vector in self.vectors:
                body = json.dumps({"vector": floats(vector), "topK": 10, "includeMetadata": True, "includeValues": False}).encode()
                head = (f"POST /i/films/query HTTP/1.1\r\nHost: localhost:{self.gateway.port}\r\nApi-Key: {self.key}\r\n"
                        f"X-Pinecone-Api-Version: 2025-10\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode()
                out.write(f"{len(head) + len(body)}\n".encode() + head + body)
        return file

    def load(self, connections, seconds):
        """Answers of the load, with the gateway's own CPU time for each in µs."""
        before = self.cpu()
        done = subprocess.run([LOAD, str(self.gateway.port), self.requests(), str(connections), str(seconds)],
                              capture_output=True, text=True, check=True)
        result = json.loads(done.stdout)
        return {**result, "cpu": (self.cpu() - before) / result["count"], "rate": result["count"] / result["seconds"]}

    def cpu(self):
        """CPU time of the gateway's threads in µs."""
        tasks = Path(f"/proc/{self.gateway.process.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1000

    def pgbench(self, connections, seconds):
        """Transactions a second, and the mean of their µs, of the same statements in one flight."""
        scripts = []
        for n, vector in enumerate(self.vectors[:20]):
            script = self.home / f"query-{n}.sql"
            script.write_text(
                "\\startpipeline\nBEGIN;\n"
                f"SELECT set_config('application_name', 'x', true), pc_use_key('{self.key}');\n"
                "SELECT id, score, \"values\", sparse_values, metadata FROM pc_query('films', vector => "
                f"'{vector}', top_k => 10, include_metadata => true);\nCOMMIT;\n\\endpipeline\n"
            )
            scripts.append(f"--file={script}")
        out = self.server.run("pgbench", "--username=gateway_pool", "--no-vacuum", "--protocol=prepared", f"--client={connections}",
                              "--jobs=1", f"--time={seconds:g}", *scripts, "bench")
        rate = float(next(line for line in out.splitlines() if line.startswith("tps")).split()[2])
        return rate, 1e6 * connections / rate

    def queries(self):
        seconds = self.given.seconds
        self.load(1, 1), self.pgbench(1, 1)
        alone, more, rates, cpus = [], [], [], []
        for _ in range(self.given.rounds):
            alone.append(self.load(1, seconds))
            _, micros = self.pgbench(1, seconds)
            more.append(alone[-1]["mean"] - micros)
            cpus.append(alone[-1]["cpu"])
        for _ in range(self.given.rounds):
            many = self.load(64, seconds)
            rate, _ = self.pgbench(POOL, seconds)
            rates.append(many["rate"] / rate)
            alone.append(many)
        failed = sum(result["failed"] for result in alone)
        cpu = statistics.median(cpus)
        self.say("query, the gateway's own CPU, one client", f"{cpu:.0f}", "µs", f"≤ {MAX_CPU}", cpu <= MAX_CPU)
        many_cpu = alone[-1]["cpu"]
        self.say("query, the gateway's own CPU, 64 clients", f"{many_cpu:.0f}", "µs", f"≤ {MAX_CPU}", many_cpu <= MAX_CPU)
        wall = statistics.median(more)
        self.say("query, one client, over the same by pgbench", f"{wall:.0f}", "µs", f"≤ {MAX_MORE}", wall <= MAX_MORE)
        rate = statistics.median(rates)
        self.say(f"64 clients, pool of {POOL}, of pgbench's rate on {POOL}", f"{rate:.2f}", "", f"≥ {MIN_RATE}", rate >= MIN_RATE)
        self.say("answers that were not 200", str(failed), "", "0", failed == 0)

    def memory(self):
        self.load(64, 5)
        before = self.gateway.memory()
        self.load(64, self.given.minute)
        after = self.gateway.memory()
        grown = (after - before) / 1024
        self.say(f"memory, grown in {self.given.minute:g} s of 64 clients", f"{grown:.1f}", "MB", "≤ 1", grown <= 1)
        self.say("memory, idle", f"{self.idle / 1024:.1f}", "MB", f"≤ {MAX_MEGABYTES}", self.idle / 1024 <= MAX_MEGABYTES)
        stripped = self.home / "stripped"
        shutil.copy(PROGRAM, stripped)
        subprocess.run(["strip", stripped], check=True)
        size = stripped.stat().st_size / 2**20
        self.say("size of the program, stripped", f"{size:.1f}", "MB", f"≤ {MAX_MEGABYTES}", size <= MAX_MEGABYTES)

    def upserts(self):
        """A thousand records as JSON, beside `pc_upsert_many` of the same as a key: into indexes of their own, of the same size."""
        client, ratios = Client(self.gateway, self.key, timeout=120), []
        for side in ("by-http", "by-sql"):
            self.shop.db.execute("SELECT pc_create_index(%s, %s)", [side, DIM])
        pooled = self.server.connect("bench", user="gateway_pool")
        for n in range(self.given.rounds + 1):
            rows = [(f"{n}-{name}", vector, metadata) for name, vector, metadata in self.rows[1000:2000]]
            body = json.dumps({"vectors": [
                {"id": name, "values": floats(vector), "metadata": json.loads(metadata)} for name, vector, metadata in rows
            ]}).encode()
            arrays = [as_array(column) for column in zip(*rows)]

            def http():
                assert client.ok("POST", "/i/by-http/vectors/upsert", raw=body) == {"upsertedCount": 1000}

            def sql():
                with pooled.transaction():
                    pooled.execute("SELECT pc_use_key(%s)", [self.key])
                    pooled.execute("SELECT pc_upsert_many('by-sql', %s::text[], %s::vector[], %s::jsonb[])", arrays)

            taken = {}
            for call in (http, sql)[:: 1 if n % 2 else -1]:
                begin = time.perf_counter()
                call()
                taken[call] = time.perf_counter() - begin
            ratios.append(taken[http] / taken[sql])
        ratio = statistics.median(ratios[1:])
        self.say("upsert of 1,000 x 384 as JSON, over pc_upsert_many", f"{ratio:.2f}", "", f"≤ {MAX_UPSERT}", ratio <= MAX_UPSERT)


def main(words):
    parser = argparse.ArgumentParser(prog="dev/bench-gateway", description="What the gateway costs over the same without it.")
    parser.add_argument("--rounds", type=int, default=5, help="of both sides in turn (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=4, help="of each load (default: %(default)s)")
    parser.add_argument("--minute", type=float, default=60, help="seconds in which memory may not grow (default: %(default)s)")
    parser.add_argument("--parts", default="queries,upserts,memory", help="with commas between (default: %(default)s)")
    given = parser.parse_args(words)
    with tempfile.TemporaryDirectory() as home:
        bench = Bench(given, Path(home))
        try:
            for part in given.parts.split(","):
                getattr(bench, part)()
        finally:
            bench.gateway.stop()
            bench.server.destroy()
    if bench.missed:
        print(f"missed: {', '.join(bench.missed)}")


if __name__ == "__main__":
    main(sys.argv[1:])
