"""All that is measured on one set. Whatever is timed is timed on both sides in turn, several rounds of it, and the ratio
of each round counts: what else the machine does meets both."""

import statistics
from dataclasses import dataclass, field

import numpy as np

from tests.bench import curve
from tests.bench.side import Side
from tests.bench.targets import target
from tests.bench.truth import Truth

KS = (10, 100)
RECALLS = (0.95, 0.99)
CLIENTS = (1, 4)
INSERT_ROUNDS = 3
ROUND_SECONDS = 0.1
DELETED = "id % 100 = 37"


@dataclass
class Row:
    """A line of the table: medians of both sides, and the median of the rounds' ratios, ours to theirs."""

    measure: str
    ours: float | None
    theirs: float | None
    ratio: float | None
    target: str | None = None
    met: bool | None = None
    note: str = ""


@dataclass
class Result:
    """What came out for a set; `curves` are points by side and k."""

    name: str
    metric: str
    rows: int
    dim: int
    queries: int
    lines: list[Row] = field(default_factory=list)
    curves: list[dict] = field(default_factory=list)


class Measuring:
    """The work on one set: `sides` are ours and theirs."""

    def __init__(self, a_set, sides, server, arguments, say):
        self._set, self._sides, self._server, self._arguments, self._say = a_set, sides, server, arguments, say
        self._result = Result(a_set.name, a_set.metric, a_set.count, a_set.dim, len(a_set.queries))
        self._widths = [{}, {}]  # by side, by k: width to recall
        self._points = {}  # of the curves, by side, k and width

    def run(self):
        """Measure everything and return the result."""
        say = self._say
        say("exact answers")
        truth = Truth(self._set, np.arange(self._set.count), KS)
        say("loading")
        for side in self._sides:
            side.load(self._set)
        say("copying and scanning")
        # In their database: pgvector's library must come first where both are loaded.
        scan = lambda side: side.scan(self._sides[1])
        for measure, act in (("rows/s, binary COPY", Side.copy), ("rows/s, sum of distances", scan)):
            rounds = [self._in_turn(n, lambda _, side: act(side)) for n in range(self._arguments.rounds + 1)]
            self._line(measure, rounds[1:])  # the first fills the caches
        say("building")
        self._builds()
        self._searches(truth)
        say("inserting")
        self._inserts()
        say("deleting and vacuuming")
        self._vacuum()
        return self._result

    def _line(self, measure, rounds, note=""):
        """Add a line from the rounds' pairs of values."""
        whole = [pair for pair in rounds if None not in pair]
        medians = [statistics.median(v) if (v := [p[i] for p in rounds if p[i] is not None]) else None for i in (0, 1)]
        ratio = statistics.median(ours / theirs for ours, theirs in whole) if whole else None
        line = Row(measure, *medians, ratio, note=note)
        goal = target(measure, self._set)
        if goal:
            line.target = goal.text
            line.met = None if ratio is None else goal.met(ratio)
        self._result.lines.append(line)

    def _in_turn(self, round_number, act):
        """Let both sides act, the other one first in every other round; the results are in the order of the sides."""
        done = {}
        for i in (0, 1) if round_number % 2 == 0 else (1, 0):
            done[i] = act(i, self._sides[i])
        return done[0], done[1]

    def _builds(self):
        options = {"m": self._arguments.m, "ef_construction": self._arguments.ef_construction}
        memory = max(256, 3 * self._set.rows.nbytes >> 20)
        for workers, name in ((0, "serial"), (1, "two processes")):
            rounds = [
                self._in_turn(n, lambda _, side: side.build(workers, options, memory))
                for n in range(self._arguments.builds)
            ]
            self._line(f"build s, {name}", rounds)
        sizes = [side.index_bytes() / self._set.count for side in self._sides]
        self._line("index bytes per row", [sizes])

    def _searches(self, truth):
        for k in KS:
            self._say(f"searching, k={k}")
            self._sweep(k, truth)
        ceiling = [self._in_turn(n, lambda _, side: side.trivial()) for n in range(5)]
        for k in KS:
            self._say(f"timing in turn, k={k}")
            self._timed(k)
        self._result.curves = list(self._points.values())
        self._line("QPS of a trivial statement", ceiling)

    def _sweep(self, k, truth):
        """Widen both searches until they find nearly all. The first searches are dropped: they fill the caches."""
        for i, side in enumerate(self._sides):
            side.search(k, k)
            self._widths[i][k] = {}

        def point(i, side):
            recalls = self._widths[i][k]
            if recalls and max(recalls.values()) >= curve.ENOUGH:
                return
            found = side.search(k, width)
            recalls[width] = truth.recall(found.answers, k)
            milliseconds, buffers = side.explain(k, width)
            self._points[i, k, width] = dict(
                side=("ours", "theirs")[i], label=side.label, k=k, ef_search=width, recall=recalls[width], qps=found.rate,
                microseconds_median=float(np.median(found.microseconds)),
                microseconds_p99=float(np.quantile(found.microseconds, 0.99)),
                milliseconds=milliseconds, buffers=buffers,
            )

        for step, width in enumerate(curve.ladder(k)):
            self._in_turn(step, point)

    def _timed(self, k):
        """Time the widths around the recalls wanted, in turn."""
        names = ("QPS", "execution ms", "buffers")
        widths = [sorted({w for r in RECALLS for w in curve.bracket(self._widths[i][k], r)}) for i in (0, 1)]
        rounds = {(name, recall): [] for recall in RECALLS for name in names}
        rates = {(i, width): [] for i in (0, 1) for width in widths[i]}
        for n in range(self._arguments.rounds):
            timed = [{name: {} for name in names} for _ in (0, 1)]

            def act(i, side):
                if step < len(widths[i]):
                    width, values = widths[i][step], timed[i]
                    values["QPS"][width] = side.search(k, width, self._times(i, k, width)).rate
                    values["execution ms"][width], values["buffers"][width] = side.explain(k, width)

            for step in range(max(map(len, widths))):
                self._in_turn(n + step, act)
            for name, recall in rounds:
                pair = [
                    curve.at(self._widths[i][k], timed[i][name], recall, k * len(self._set.queries)) for i in (0, 1)
                ]
                rounds[name, recall].append(pair)
            for i, width in rates:
                rates[i, width].append(timed[i]["QPS"][width])
        for (i, width), values in rates.items():  # better than from the one pass of the sweep
            self._points[i, k, width]["qps"] = statistics.median(values)
        for (name, recall), pairs in rounds.items():
            best = [max(self._widths[i][k].values()) for i in (0, 1)]
            short = [f"{side.label} ends at {b:.3f}" for side, b in zip(self._sides, best) if b < recall]
            self._line(f"{name}, k={k}, recall {recall}", pairs, note=", ".join(short))

    def _times(self, i, k, width):
        """How often to repeat the queries so that a round takes long enough to be timed."""
        return max(1, round(ROUND_SECONDS * self._points[i, k, width]["qps"] / len(self._set.queries)))

    def _inserts(self):
        """Ten parts of the rows left: for each round one from one client and two from four, the last with full pages."""
        part = (len(self._set.rows) - self._set.count) // (INSERT_ROUNDS * 3 + 1)
        first = self._set.count
        rates = {clients: [] for clients in CLIENTS}
        logged = []
        for n in range(INSERT_ROUNDS):
            for clients in CLIENTS:
                count = part if clients == 1 else 2 * part
                done = self._in_turn(n, lambda _, side: side.insert("items", clients, first, count))
                rates[clients].append([count / seconds for seconds, _ in done])
                if clients == 1:
                    logged.append([wal / count for _, wal in done])
                first += count
        for clients in CLIENTS:
            self._line(f"inserts/s, {clients} client{'s' if clients > 1 else ''}", rates[clients])
        self._line("WAL bytes per insert", logged)
        plain = self._in_turn(0, lambda _, side: side.insert("plain", 1, self._set.count, part)[1] / part)
        self._line("· without the index", [plain])
        self._server.full_pages(True)
        full = self._in_turn(0, lambda _, side: side.insert("items", 1, first, part)[1] / part)
        self._server.full_pages(False)
        self._line("· with full pages after a checkpoint", [full])

    def _vacuum(self):
        times = self._in_turn(0, lambda _, side: side.delete_and_vacuum(DELETED))
        self._line("delete of 1 % s", [[t[0] for t in times]])
        self._line("vacuum s", [[t[1] for t in times]])
        truth = Truth(self._set, self._sides[0].ids(), KS)
        widths = [(curve.bracket(self._widths[i][10], 0.99) or [curve.WIDEST])[-1] for i in (0, 1)]
        recalls = [truth.recall(side.search(10, width).answers, 10) for side, width in zip(self._sides, widths)]
        before = [self._widths[i][10][width] for i, width in enumerate(widths)]
        self._line("recall after vacuum, k=10", [recalls], note=f"before: {before[0]:.4f}, {before[1]:.4f}")
