"""What Conifer is to reach, as ratios to pgvector on the same set: name of a measure and metric and dimensions of a set."""

from dataclasses import dataclass

COSINE = (384, 768, 1536)
L2 = (8, 128)
RECALLS = ("0.95", "0.99")
BYTES = {384: 1.45, 768: 1.1, 1536: 1.1}


@dataclass(frozen=True)
class Target:
    """A bound for the ratio."""

    bound: float
    at_least: bool
    text: str

    def met(self, ratio):
        return ratio >= self.bound if self.at_least else ratio <= self.bound


def _least(bound):
    return Target(bound, True, f"≥ {bound:g}")


def _most(bound, text=None):
    return Target(bound, False, f"≤ {text or format(bound, 'g')}")


def target(measure, a_set):
    """The target of a measure on a set, or None."""
    if a_set.small:
        return None
    cosine = a_set.metric == "cosine" and a_set.dim in COSINE
    l2 = a_set.metric == "l2" and a_set.dim in L2
    table = {
        "QPS, k=10, recall 0.99": _least(6) if cosine else _least(2.5) if l2 else None,
        "QPS, k=10, recall 0.95": _least(4) if cosine else None,
        **{f"execution ms, k=10, recall {recall}": _most(1 / 7, "1/7") if cosine else None for recall in RECALLS},
        **{f"buffers, k=10, recall {recall}": _most(1 / 10, "1/10") if cosine else None for recall in RECALLS},
        "build s, two processes": _most(2 / 3, "2/3"),
        "index bytes per row": _most(BYTES[a_set.dim]) if cosine else None,
        "inserts/s, 4 clients": _least(2),
        "WAL bytes per insert": _most(2),
    }
    return table.get(measure)
