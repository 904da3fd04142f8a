"""One of the two that are compared: a database with its extension, a table with its index, and what can be timed there.

What is timed goes through the client in client/, over one connection that is kept; the rest through a driver.
"""

import contextlib
import json
import os
import struct
import subprocess
import time
from dataclasses import dataclass

import numpy as np
from psycopg import sql

OPERATOR = {"cosine": "<=>", "l2": "<->"}
CLASS = {"cosine": "vector_cosine_ops", "l2": "vector_l2_ops"}
LABEL = {"conifer": "Conifer", "vector": "pgvector"}
# What a session sets before it searches. The index is small enough here and there that a sequential scan might look
# cheap; a generic plan is what a prepared statement comes to after five executions.
SESSION = "SET enable_seqscan = off; SET plan_cache_mode = force_generic_plan"

# A pass or a copy of a few milliseconds shows what else the machine does, so small sets are scanned more often and
# copied several times over.
PASSES = 5
SCAN_SECONDS = 0.2
COPIES = 3
COPY_BYTES = 64 << 20


@dataclass
class Found:
    """What a pass over the queries gave: queries per second, for each query the ids found and the microseconds it took."""

    rate: float
    answers: list[np.ndarray]
    microseconds: np.ndarray


class Side:
    """A database of its own on `cluster`, made with the extension named; `client` is the path of the lean client."""

    def __init__(self, cluster, client, scratch, database, extension):
        self.label = LABEL[extension]
        self.extension = extension
        self._client, self._cluster, self._scratch, self._database = client, cluster, scratch, database
        cluster.create_database(database)
        self._sql = cluster.connect(database)
        self._sql.execute(f"CREATE EXTENSION {extension}")
        address = [cluster.env["PGHOST"], cluster.env["PGUSER"], database]
        self._address = address
        self._session = subprocess.Popen(
            [client, "session", *address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        # Client and server run by turns, so one processor does for both. Left alone they sometimes share one and
        # sometimes do not, and waking the other processor costs several times what a small statement does.
        processor = {max(os.sched_getaffinity(0))}
        os.sched_setaffinity(int(self._answer("the connection")), processor)
        os.sched_setaffinity(self._session.pid, processor)
        self._tell("sql", SESSION)
        self._prepared = None

    def close(self):
        """End both connections."""
        with contextlib.suppress(BrokenPipeError):  # the client has failed and says so itself
            self._session.stdin.close()
        self._session.wait()
        self._sql.close()

    def version(self):
        """The extension's version."""
        return self._sql.execute("SELECT extversion FROM pg_extension WHERE extname = %s", [self.extension]).fetchone()[0]

    def load(self, a_set):
        """Make the tables and fill the one to be indexed; the others, `plain` and `copied`, stay without an index."""
        self._set = a_set
        self._sql.execute("DROP TABLE IF EXISTS items, plain, copied")
        self._sql.execute(f"CREATE TABLE copied (id int4, v vector({a_set.dim}))")
        for table in ("items", "plain"):
            # The planner would take no worker for a heap as small as this, or whose vectors are TOASTed.
            self._sql.execute(
                f"CREATE TABLE {table} (id int4 PRIMARY KEY, v vector({a_set.dim})) WITH (parallel_workers = 8)"
            )
        self._copy("items", self._parts())
        self._copies = 1 if a_set.small else -(-COPY_BYTES // a_set.rows[: a_set.count].nbytes)
        with open(self._scratch / "copy", "wb") as file:
            file.writelines(_stream(list(self._parts()) * self._copies))
        self._sql.execute("VACUUM ANALYZE items")
        self._vectors_file("queries", a_set.queries)
        self._vectors_file("rows", a_set.rows)
        self._tell("vectors", self._scratch / "queries")
        self._prepared = None

    def copy(self):
        """Copy the rows in from a file in binary form, by one process. Returns how many per second, at its fastest: most of
        it is the kernel's work on new pages of files, which varies."""
        times = []
        for _ in range(COPIES):
            self._sql.execute("TRUNCATE copied")
            begin = time.perf_counter()
            self._sql.execute(f"COPY copied FROM '{self._scratch / 'copy'}' (FORMAT binary)")
            times.append(time.perf_counter() - begin)
        return self._copies * self._set.count / min(times)

    def scan(self, place):
        """Add up the distances of all rows of `place`, ours or the other side, to a query, by one process. Returns how many
        per second, at its fastest. Two tables differ by a tenth in how the same rows lie in memory, so both sides
        scan one."""
        name = f"distance_of_{self.extension}"
        place._sql.execute(f"CREATE OR REPLACE FUNCTION {name} {self._distance()}")
        query = "[" + ",".join(map(repr, self._set.queries[0].tolist())) + "]"
        times = []
        while len(times) < PASSES or sum(times) < SCAN_SECONDS:
            begin = time.perf_counter()
            place._sql.execute(f"SELECT sum({name}(v, '{query}')) FROM items")
            times.append(time.perf_counter() - begin)
        return self._set.count / min(times)

    def _distance(self):
        """The definition of the function of the distance's operator."""
        library, symbol = self._sql.execute(
            "SELECT f.probin, f.prosrc FROM pg_proc f JOIN pg_operator o ON f.oid = o.oprcode"
            " WHERE o.oprname = %s AND o.oprleft = 'vector'::regtype",
            [OPERATOR[self._set.metric]],
        ).fetchone()
        # CREATE FUNCTION takes no parameters.
        words = sql.SQL("(vector, vector) RETURNS float8 IMMUTABLE STRICT LANGUAGE c AS {}, {}")
        return words.format(library, symbol).as_string()

    def build(self, workers, options, memory):
        """Make the index anew and return the seconds it took. `workers` come to the aid of the backend."""
        self._sql.execute("DROP INDEX IF EXISTS items_v")
        self._sql.execute(f"SET max_parallel_maintenance_workers = {workers}; SET maintenance_work_mem = '{memory}MB'")
        ways = ", ".join(f"{key} = {value}" for key, value in options.items())
        begin = time.perf_counter()
        self._sql.execute(f"CREATE INDEX items_v ON items USING hnsw (v {CLASS[self._set.metric]}) WITH ({ways})")
        return time.perf_counter() - begin

    def index_bytes(self):
        """The size of the index."""
        return self._sql.execute("SELECT pg_relation_size('items_v')").fetchone()[0]

    def search(self, k, ef, times=1):
        """Search so many times for each query."""
        self._prepare(self._query(k), ef)
        rate = self._rate(times)
        words = np.fromfile(self._scratch / "answers", "<u4")
        answers, times, at = [], [], 0
        for _ in self._set.queries:
            nanoseconds, count = words[at : at + 2]
            times.append(nanoseconds / 1000)
            answers.append(words[at + 2 : at + 2 + count].astype(np.int64))
            at += 2 + count
        return Found(rate, answers, np.array(times))

    def explain(self, k, ef):
        """Let the server time the index scan of each query. Returns the means of its milliseconds and of the buffers touched."""
        self._prepare(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {self._query(k)}", ef)
        self._tell("texts", self._scratch / "plans")
        plans = [json.loads(text)[0] for text in (self._scratch / "plans").read_text().split("\0")[:-1]]
        scans = [plan["Plan"]["Plans"][0] for plan in plans]
        scan = scans[0]
        if scan["Node Type"] != "Index Scan" or scan["Index Name"] != "items_v":
            raise RuntimeError(f"{self.label} does not search its index but does a {scan['Node Type']}")
        buffers = [plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"] for plan in plans]
        return float(np.mean([scan["Actual Total Time"] for scan in scans])), float(np.mean(buffers))

    def trivial(self):
        """Run a statement that does next to nothing with the same parameters. Returns how many per second."""
        self._prepare("SELECT vector_dims($1::vector)", 40)
        return self._rate(10)

    def insert(self, table, clients, first, count):
        """Insert rows, each in its own transaction, from so many connections. Returns seconds and bytes of WAL."""
        begin = self._wal()
        seconds = subprocess.run(
            [self._client, "insert", *self._address, str(clients), f"INSERT INTO {table} VALUES ($1, $2)",
             self._scratch / "rows", str(first), str(count)],
            check=True, stdout=subprocess.PIPE, text=True,
        ).stdout
        return float(seconds), self._wal() - begin

    def delete_and_vacuum(self, condition):
        """Delete rows and remove them from the index. Returns the seconds of both."""
        times = []
        for statement in (f"DELETE FROM items WHERE {condition}", "VACUUM (INDEX_CLEANUP on, PARALLEL 0) items"):
            begin = time.perf_counter()
            self._sql.execute(statement)
            times.append(time.perf_counter() - begin)
        return times

    def ids(self):
        """The ids of all rows."""
        return np.array([row[0] for row in self._sql.execute("SELECT id FROM items")])

    def _parts(self):
        """The rows as COPY takes them, a thousand at a time."""
        rows = self._set.rows[: self._set.count]
        return (_tuples(rows[start : start + 1000], start) for start in range(0, len(rows), 1000))

    def _copy(self, table, parts):
        with self._sql.cursor().copy(f"COPY {table} FROM STDIN (FORMAT binary)") as stream:
            for part in _stream(parts):
                stream.write(part)

    def _wal(self):
        return int(self._sql.execute("SELECT pg_current_wal_insert_lsn() - '0/0'").fetchone()[0])

    def _query(self, k):
        return f"SELECT id FROM items ORDER BY v {OPERATOR[self._set.metric]} $1 LIMIT {k}"

    def _prepare(self, statement, ef):
        if self._prepared != statement:
            self._tell("prepare", statement)
            self._prepared = statement
        self._tell("sql", f"SET hnsw.ef_search = {ef}")

    def _rate(self, times):
        seconds = float(self._tell("numbers", f"{times} {self._scratch / 'answers'}"))
        return times * len(self._set.queries) / seconds

    def _tell(self, verb, argument):
        with contextlib.suppress(BrokenPipeError):
            self._session.stdin.write(f"{verb} {argument}\n")
            self._session.stdin.flush()
        return self._answer(f"{verb} {argument}")

    def _answer(self, what):
        answer = self._session.stdout.readline()
        if not answer.startswith("ok "):
            raise RuntimeError(f"{self.label}: the client failed at {what[:200]}")
        return answer[3:].strip()

    def _vectors_file(self, name, rows):
        with open(self._scratch / name, "wb") as file:
            file.write(struct.pack("<II", *rows.shape))
            file.write(rows.astype("<f4").tobytes())


def _stream(parts):
    """What COPY takes in binary form."""
    yield b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
    yield from parts
    yield struct.pack(">h", -1)


def _tuples(rows, first):
    """Rows of (id, vector) as COPY takes them in binary form."""
    dim = rows.shape[1]
    head = [("columns", ">i2"), ("four", ">i4"), ("id", ">i4"), ("size", ">i4"), ("dim", ">i2"), ("zero", ">i2")]
    tuples = np.zeros(len(rows), np.dtype([*head, ("v", ">f4", (dim,))]))
    tuples["columns"], tuples["four"], tuples["size"], tuples["dim"] = 2, 4, 4 + 4 * dim, dim
    tuples["id"] = np.arange(first, first + len(rows))
    tuples["v"] = rows
    return tuples.tobytes()
