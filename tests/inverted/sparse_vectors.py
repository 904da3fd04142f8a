"""Random sparse vectors as text: frequent and rare terms, some of them negative, some rows equal, some empty, a few long."""

import random

DIMS = 3000


def sparse(source: random.Random, most: int = 60) -> str:
    """A sparse vector with up to `most` elements; one of forty has hundreds, one of six is one of five vectors."""
    if source.random() < 0.15:
        source = random.Random(source.randrange(5))
    n = source.randrange(most + 1)
    if source.random() < 0.025:
        n = source.randrange(400, 2500)
    # Squares of even numbers are dense at 0: few terms are in many rows.
    dims = sorted({int(source.random() ** 2 * DIMS) for _ in range(n)}) if n <= most else sorted(source.sample(range(DIMS), n))
    elements = (f"{d + 1}:{source.choice([1, 1, 1, 1, -1]) * source.uniform(0.1, 9):.3f}" for d in dims)
    return "{" + ",".join(elements) + "}/" + str(DIMS)


def sparses(source: random.Random, n: int, most: int = 60) -> list[str]:
    """`n` such vectors."""
    return [sparse(source, most) for _ in range(n)]
