"""Exact answers, and recall against them: a row counts when it is as near as the k-th nearest, so ties do not matter."""

import numpy as np

CHUNK = 20_000
TOLERANCE = 1e-6  # the servers rank by distances in float32


def distances(metric, rows, query):
    """Distances of rows from one query, in float64: 1 − cosine, or L2."""
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    if metric == "cosine":
        return 1 - rows @ query / (np.linalg.norm(rows, axis=1) * np.linalg.norm(query))
    return np.linalg.norm(rows - query, axis=1)


class Truth:
    """The distance of the k-th nearest of the rows `ids` from each query of a set, for each k."""

    def __init__(self, a_set, ids, ks):
        self._set = a_set
        self._there = np.zeros(len(a_set.rows), bool)
        self._there[ids] = True
        most = min(max(ks), len(ids))
        nearest = _candidates(a_set, np.asarray(ids), most)
        exact = [np.sort(distances(a_set.metric, a_set.rows[near], q)) for near, q in zip(nearest, a_set.queries)]
        self._limits = {k: np.array([d[min(k, most) - 1] for d in exact]) for k in ks}

    def recall(self, answers, k):
        """The mean over the queries of what share of the k nearest an answer holds; answers are arrays of ids."""
        hits = 0
        for answer, query, limit in zip(answers, self._set.queries, self._limits[k], strict=True):
            answer = np.unique(answer)
            answer = answer[self._there[answer]]
            near = distances(self._set.metric, self._set.rows[answer], query)
            hits += min(k, np.count_nonzero(near <= limit + TOLERANCE * max(1, limit)))
        return float(hits / (k * len(self._set.queries)))


def _candidates(a_set, ids, k):
    """Ids of some more than the k nearest of each query, by float32."""
    keep = min(k + 50, len(ids))
    best_ids = np.empty((len(a_set.queries), 0), ids.dtype)
    best = np.empty((len(a_set.queries), 0), np.float32)
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        rows = a_set.rows[some]
        # Both grow as the distance does; the queries' own lengths do not matter.
        if a_set.metric == "cosine":
            far = -(a_set.queries @ (rows / np.linalg.norm(rows, axis=1, keepdims=True)).T)
        else:
            far = (rows * rows).sum(1) - 2 * (a_set.queries @ rows.T)
        best_ids = np.hstack([best_ids, np.broadcast_to(some, far.shape)])
        best = np.hstack([best, far])
        if best.shape[1] > keep:
            top = np.argpartition(best, keep - 1, axis=1)[:, :keep]
            best_ids, best = np.take_along_axis(best_ids, top, 1), np.take_along_axis(best, top, 1)
    return best_ids
