"""The benchmark against pgvector: its arithmetic, and a quick run of all of it."""

import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree

import numpy as np
import pytest

from tests.bench import curve, report, sets, targets
from tests.bench.measure import KS, RECALLS, Result, Row
from tests.bench.truth import Truth, distances
from tests.support.cluster import ROOT


def small(metric, rows=300, queries=20):
    model = sets.Model(metric, rows, 6, 6, 10)
    return sets.own("small", model, queries, None)


def nearest(a_set, query, ids):
    """All of `ids`, the nearest first, by the plainest way."""
    ids = np.asarray(ids)
    return ids[np.argsort(distances(a_set.metric, a_set.rows[ids], query), kind="stable")]


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_recall_is_the_share_of_the_nearest(metric):
    a_set = small(metric)
    ids = np.arange(a_set.count)
    truth = Truth(a_set, ids, (10, 100))
    exact = [nearest(a_set, query, ids) for query in a_set.queries]
    assert truth.recall([found[:10] for found in exact], 10) == 1
    assert truth.recall([found[:100] for found in exact], 100) == 1
    assert truth.recall([found[:10] for found in exact], 100) == 0.1
    assert truth.recall([found[5:15] for found in exact], 10) == 0.5
    assert truth.recall([found[-10:] for found in exact], 10) == 0


def test_recall_with_more_rows_than_are_looked_at_at_once(monkeypatch):
    a_set = small("l2")
    monkeypatch.setattr("tests.bench.truth.CHUNK", 7)
    truth = Truth(a_set, np.arange(a_set.count), (10,))
    assert truth.recall([nearest(a_set, query, np.arange(a_set.count))[:10] for query in a_set.queries], 10) == 1


def test_recall_counts_ties_by_distance_and_nothing_twice():
    rows = np.array([[0, 0], [1, 0], [0, 1], [-1, 0], [5, 5]], np.float32)
    a_set = sets.Set("ties", "l2", rows, len(rows), np.zeros((1, 2), np.float32))
    truth = Truth(a_set, np.arange(5), (2,))
    for one in (1, 2, 3):
        assert truth.recall([np.array([0, one])], 2) == 1
    assert truth.recall([np.array([0, 0])], 2) == 0.5
    assert truth.recall([np.array([0, 4])], 2) == 0.5
    assert truth.recall([np.array([1, 2, 3, 0])], 2) == 1
    assert truth.recall([np.array([], np.int64)], 2) == 0


def test_recall_ignores_rows_that_are_gone():
    a_set = small("l2")
    left = np.arange(0, a_set.count, 2)
    truth = Truth(a_set, left, (10,))
    assert truth.recall([nearest(a_set, query, left)[:10] for query in a_set.queries], 10) == 1
    assert truth.recall([nearest(a_set, query, left + 1)[:10] for query in a_set.queries], 10) == 0


def test_widths_go_from_k_to_the_widest():
    for k in KS:
        widths = curve.ladder(k)
        assert (widths[0], widths[-1]) == (k, curve.WIDEST) and widths == sorted(set(widths))
        assert all(b / a < 1.5 for a, b in zip(widths, widths[1:]))


RECALLED = {10: 0.9, 20: 0.97, 40: 0.99, 80: 1.0}


def test_widths_around_a_recall():
    assert curve.bracket(RECALLED, 0.95) == [10, 20]
    assert curve.bracket(RECALLED, 0.99) == [20, 40]
    assert curve.bracket(RECALLED, 0.9) == [10]
    assert curve.bracket({10: 0.9}, 0.95) == []


def test_values_between_two_widths():
    values = {10: 800.0, 20: 400.0, 40: 200.0, 80: 100.0}
    assert curve.at(RECALLED, values, 0.9, 2000) == 800
    assert curve.at(RECALLED, values, 0.99, 2000) == pytest.approx(200)
    share = math.log(0.1 / 0.05) / math.log(0.1 / 0.03)
    assert curve.at(RECALLED, values, 0.95, 2000) == pytest.approx(800 / 2**share)
    assert 100 < curve.at(RECALLED, values, 0.995, 2000) < 200
    assert curve.at({10: 0.9, 20: 1.0}, values, 0.9999, 2000) == pytest.approx(400)  # of 2000, 0.9999 is all
    assert curve.at({10: 0.9}, values, 0.95, 2000) is None


def test_targets_are_of_the_sets_they_are_for():
    def bounds(metric, dim, small=False):
        a_set = sets.Set("x", metric, np.zeros((1, dim), np.float32), 1, np.zeros((1, dim), np.float32), small)
        measures = ["QPS, k=10, recall 0.99", "QPS, k=10, recall 0.95", "index bytes per row", "build s, two processes"]
        found = [targets.target(measure, a_set) for measure in measures]
        return [goal and goal.text for goal in found]

    assert bounds("cosine", 384) == ["≥ 6", "≥ 4", "≤ 1.45", "≤ 2/3"]
    assert bounds("cosine", 1536) == ["≥ 6", "≥ 4", "≤ 1.1", "≤ 2/3"]
    assert bounds("l2", 128) == bounds("l2", 8) == ["≥ 2.5", None, None, "≤ 2/3"]
    assert bounds("cosine", 384, small=True) == [None] * 4
    most = targets.target("build s, two processes", small("l2"))
    assert most.met(0.6) and not most.met(0.7)


def test_the_table_says_what_is_met():
    lines = [
        Row("a", 6000.0, 1000.0, 6.0, "≥ 6", True),
        Row("b", 1.0, 2.0, 0.5, "≤ 1/3", False),
        Row("c", 1.0, None, None, "≥ 2", None, note="pgvector ends at 0.962"),
        Row("d", 0.25, 0.5, 0.5),
    ]
    options = {"m": 16, "ef_construction": 64, "rounds": 1, "builds": 1}
    text = report.table(
        [Result("x", "l2", 10, 3, 200, lines)], ["Conifer", "pgvector"], {"PostgreSQL": "16"}, options
    )
    found = {line.split()[0]: line.split()[1:] for line in text.splitlines() if line.startswith("  ")}
    assert found["a"] == ["6,000", "1,000", "6", "≥", "6", "met"]
    assert found["b"] == ["1", "2", "0.5", "≤", "1/3", "MISSED"]
    assert found["c"][1:6] == ["—", "—", "≥", "2", "open"]
    assert text.endswith("targets: 1 met, 1 missed, 1 open")


def test_own_sets_are_the_same_every_time_and_queries_at_every_size():
    first, again, less = (sets.own("x", sets.OWN["l2-8"], 50, rows) for rows in (2000, 2000, 500))
    assert np.array_equal(first.rows, again.rows) and np.array_equal(first.queries, again.queries)
    assert np.array_equal(first.queries, less.queries) and (less.count, len(less.rows)) == (500, 600)


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_sets_of_a_directory(tmp_path, metric):
    a_set = small(metric)
    for name, array in (("base.f16.npy", a_set.rows), ("queries.f32.npy", a_set.queries)):
        (tmp_path / "x").mkdir(exist_ok=True)
        np.save(tmp_path / "x" / name, array.astype(np.float16 if "f16" in name else np.float32))
    (tmp_path / "other").mkdir()
    assert sets.found(tmp_path) == {"x": tmp_path / "x"} == sets.found(tmp_path / "x")
    read = sets.stored("x", tmp_path / "x", 5, 100)
    assert (read.metric, read.count, read.rows.shape, len(read.queries)) == (metric, 100, (120, 6), 5)
    assert np.allclose(read.rows, a_set.rows[:120], atol=1e-2) and read.rows.dtype == np.float32
    whole = sets.stored("x", tmp_path / "x", 5, None)
    assert (whole.count, len(whole.rows)) == (288, 360)  # a fifth of 360 is kept back


def has_hnsw(server, database):
    with server.connect(database) as session:
        return session.execute("SELECT 1 FROM pg_am WHERE amname = 'hnsw'").fetchone() is not None


@pytest.mark.peer
@pytest.mark.parametrize("ours", ["vector", "conifer"])
def test_a_quick_run(peer_server, tmp_path, ours):
    if ours == "conifer" and not has_hnsw(peer_server, "with_conifer"):
        pytest.skip("Conifer has no access method hnsw yet")
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--quick", "--major=18", f"--ours={ours}", f"--out={tmp_path}"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "table.txt").read_text() in done.stdout
    result = json.loads((tmp_path / "result.json").read_text())
    assert [a_set["name"] for a_set in result["sets"]] == list(sets.QUICK)
    drawing = xml.etree.ElementTree.parse(tmp_path / "curves.svg")
    assert len(drawing.findall(".//{*}polyline")) == len(sets.QUICK) * len(KS) * 2
    for a_set in result["sets"]:
        lines = {line["measure"]: line for line in a_set["lines"]}
        assert all(line["ours"] > 0 and line["theirs"] > 0 and line["ratio"] > 0 for line in lines.values())
        assert {f"{name}, k={k}, recall {r}" for name in ("QPS", "buffers") for k in KS for r in RECALLS} < lines.keys()
        for side in ("ours", "theirs"):
            for k in KS:
                recalls = [p["recall"] for p in a_set["curves"] if (p["side"], p["k"]) == (side, k)]
                assert 0.5 < recalls[0] <= 1 and 0.99 <= recalls[-1] <= 1, (side, k)
            # Fewer rows are logged than pages, and a row without its index less than with it.
            logged = [lines[name][side] for name in
                      ("· without the index", "WAL bytes per insert", "· with full pages after a checkpoint")]
            assert logged == sorted(logged) and logged[0] > 4 * a_set["dim"]
        assert lines["recall after vacuum, k=10"]["ours"] > 0.9
        if ours == "vector":  # against itself
            for name in ("index bytes per row", "buffers, k=10, recall 0.99", "WAL bytes per insert"):
                assert 0.7 < lines[name]["ratio"] < 1.4, name
