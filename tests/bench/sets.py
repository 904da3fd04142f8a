"""The sets of vectors that are searched: our own, drawn from a model with a fixed seed, and those in a directory.

The model is a mixture in a latent space of few dimensions, whose clusters have sizes by a power law and spreads and long
tails of their own, with some vectors in no cluster. A random layer of rectifiers takes it to the dimensions wanted, and
noise is added: near neighbours then depend on few directions, as they do in embeddings. Its constants are such that
pgvector needs the same widths and buffers on 20,000 of 384 dimensions, in 1000 clusters, as on as many sentence
embeddings of Debian's package descriptions: some 500 buffers for a recall of 0.93, 1300 for 0.99. Vectors compared by cosine have length 1.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

INSERTED = 0.2  # of the rows come after the index is built
INSERTED_MOST = 5000


@dataclass
class Set:
    """Rows 0..count are there when the index is built, the others are inserted into it. All float32."""

    name: str
    metric: str  # "cosine" or "l2"
    rows: np.ndarray
    count: int
    queries: np.ndarray
    small: bool = False  # for a test of the benchmark itself: its numbers mean nothing

    @property
    def dim(self):
        return self.rows.shape[1]


@dataclass(frozen=True)
class Model:
    """What to draw; latent == dim means no layer."""

    metric: str
    count: int
    dim: int
    latent: int
    clusters: int
    small: bool = False


OWN = {
    "cos384": Model("cosine", 60_000, 384, 32, 3000),
    "cos768": Model("cosine", 40_000, 768, 32, 2000),
    "cos1536": Model("cosine", 20_000, 1536, 32, 1000),
    "l2-128": Model("l2", 50_000, 128, 24, 2000),
    "l2-8": Model("l2", 50_000, 8, 8, 2000),
}
QUICK = {
    "quick-cos48": Model("cosine", 1000, 48, 12, 50, small=True),
    "quick-l2-8": Model("l2", 1000, 8, 8, 50, small=True),
}
HIDDEN = 512
NOISE = 0.2  # of the signal's deviation
TAIL = 0.4  # deviation of the logarithm of how far a vector lies from its cluster's centre
ALONE = 0.2  # of the vectors are in no cluster


def own(name, model, queries, most):
    """Draw a set; `most` limits its rows at the time of the build, None leaves them as they are."""
    count = min(model.count, most or model.count)
    extra = _inserted(count)
    random = np.random.default_rng([model.dim, model.latent, model.clusters])
    draw = _drawer(model, random)
    # The queries come first: they stay the same when the rows are limited.
    searched, rows = draw(queries), draw(count + extra)
    return Set(name, model.metric, rows, count, searched, model.small)


def _drawer(model, random):
    """A function that draws so many vectors of one model."""
    centres = random.standard_normal((model.clusters, model.latent))
    spreads = random.uniform(0.4, 1.2, (model.clusters, 1)) * random.uniform(0.3, 1.5, (model.clusters, model.latent))
    weights = 1 / np.arange(1, model.clusters + 1)
    first = random.standard_normal((model.latent, HIDDEN)) / np.sqrt(model.latent)
    bias = random.standard_normal(HIDDEN) * 0.5
    second = random.standard_normal((HIDDEN, model.dim)) / np.sqrt(HIDDEN)

    def draw(count):
        cluster = random.choice(model.clusters, count, p=weights / weights.sum())
        away = spreads[cluster] * random.standard_normal((count, model.latent))
        x = centres[cluster] + away * np.exp(TAIL * random.standard_normal((count, 1)))
        alone = random.random(count) < ALONE
        x[alone] = 1.2 * random.standard_normal((np.count_nonzero(alone), model.latent))
        if model.latent != model.dim:
            x = np.maximum(x @ first + bias, 0) @ second
            x += random.standard_normal(x.shape) * (x.std() * NOISE)
        if model.metric == "cosine":
            x /= np.linalg.norm(x, axis=1, keepdims=True)
        return np.ascontiguousarray(x, dtype=np.float32)

    return draw


def found(directory):
    """The sets in a directory, or in the directories in it: name and path of all that have base.*.npy and queries.*.npy."""
    directory = Path(directory)
    places = [directory, *sorted(path for path in directory.iterdir() if path.is_dir())]
    return {place.name: place for place in places if _array(place, "base") and _array(place, "queries")}


def stored(name, place, queries, most):
    """Read a set from a directory. Rows of length 1 are taken to be compared by cosine, others by L2.

    What is inserted later are the rows that follow the first `most`, or else the last rows.
    """
    base = np.load(_array(place, "base"), mmap_mode="r")
    searched = np.load(_array(place, "queries"), mmap_mode="r")[:queries]
    count = min(most or len(base), len(base))
    extra = _inserted(count)
    count = min(count, len(base) - extra)
    rows = np.ascontiguousarray(base[: count + extra], dtype=np.float32)
    lengths = np.linalg.norm(rows[:1000], axis=1)
    metric = "cosine" if np.allclose(lengths, 1, atol=1e-2) else "l2"
    return Set(name, metric, rows, count, np.ascontiguousarray(searched, dtype=np.float32))


def _array(place, stem):
    return next(iter(sorted(place.glob(f"{stem}.*.npy"))), None)


def _inserted(count):
    return min(int(count * INSERTED), INSERTED_MOST)
