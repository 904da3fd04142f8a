"""Random vectors as text, some of them equal."""

import random


def vector(source: random.Random, dim: int) -> str:
    """A vector as text; one of three has one of five values, so that rows with equal vectors meet."""
    if source.random() < 0.3:
        source = random.Random(source.randrange(5))
    return "[" + ",".join(f"{source.uniform(-9, 9):.3f}" for _ in range(dim)) + "]"


def vectors(source: random.Random, dim: int, n: int) -> list[str]:
    """`n` such vectors."""
    return [vector(source, dim) for _ in range(n)]
