"""Curves of a value over recall, from points at several widths of the search (ef_search)."""

import math

WIDEST = 1000  # what hnsw.ef_search may be at most
ENOUGH = 0.995  # where a sweep ends


def ladder(k):
    """The widths to try for k neighbours: from k on, each √2 times the one before."""
    steps = int(2 * math.log2(WIDEST / k))
    widths = [round(k * 2 ** (step / 2)) for step in range(steps + 1)]
    return widths if widths[-1] == WIDEST else [*widths, WIDEST]


def bracket(recalls, target):
    """The widths between which the target lies: two, or one if the least reaches it already, or none if none does.

    `recalls` maps width to recall.
    """
    widths = sorted(recalls)
    for at, width in enumerate(widths):
        if recalls[width] >= target:
            return widths[max(0, at - 1) : at + 1]
    return []


def at(recalls, values, target, queries):
    """The value at the target recall, or None where it is not reached.

    Between the two widths the logarithm of the value is a straight line over that of 1 − recall, which it nearly
    is over the whole curve. `values` maps width to value; `queries` is how many neighbours the recall is counted over.
    """
    around = bracket(recalls, target)
    if not around:
        return None
    if len(around) == 1:
        return values[around[0]]
    missed = [math.log(max(1 - recalls[width], 0.5 / queries)) for width in around]
    wanted = math.log(1 - target)
    share = (missed[0] - wanted) / (missed[0] - missed[1])
    low, high = (math.log(values[width]) for width in around)
    return math.exp(low + min(share, 1.0) * (high - low))
