"""What every client is asked to do, and the right answers, which numpy computes from the same rows.

A client is a program. It reads TASK as JSON, does it the way its library wants it, and prints what came out as JSON:

    stored      the rows as the client reads them back, in the order of their ids
    nearest     for each of QUESTIONS, `[id, distance]` of the nearest rows: "exact" before there are indexes, "indexed"
                with them
    filtered    the same for the first question among the rows of one category
    within      ids of the rows within a radius of the first question
    aggregates  `avg` and `sum` of the vectors of one category

All numbers are multiples of 1/4 or of 1/1024, so they are the same in text, in binary and in half precision.
"""

import numpy as np
import pytest

ROWS, DIMENSIONS, SPARSE_DIMENSIONS, BITS, CATEGORIES, LIMIT = 300, 8, 200, 64, 10, 5
HNSW, IVFFLAT = {"m": 12, "ef_construction": 48}, {"lists": 4}

# column, operator, access method, operator class. `coarse` holds vectors as `embedding` does, for the other index.
QUESTIONS = [
    ("embedding", "<->", "hnsw", "vector_l2_ops"),
    ("embedding", "<#>", "hnsw", "vector_ip_ops"),
    ("embedding", "<=>", "hnsw", "vector_cosine_ops"),
    ("embedding", "<+>", "hnsw", "vector_l1_ops"),
    ("coarse", "<->", "ivfflat", "vector_l2_ops"),
    ("coarse", "<#>", "ivfflat", "vector_ip_ops"),
    ("coarse", "<=>", "ivfflat", "vector_cosine_ops"),
    ("half", "<->", "hnsw", "halfvec_l2_ops"),
    ("half", "<#>", "hnsw", "halfvec_ip_ops"),
    ("half", "<=>", "hnsw", "halfvec_cosine_ops"),
    ("half", "<+>", "hnsw", "halfvec_l1_ops"),
    ("sparse", "<->", "hnsw", "sparsevec_l2_ops"),
    ("sparse", "<#>", "hnsw", "sparsevec_ip_ops"),
    ("sparse", "<=>", "hnsw", "sparsevec_cosine_ops"),
    ("sparse", "<+>", "hnsw", "sparsevec_l1_ops"),
    ("bits", "<~>", "hnsw", "bit_hamming_ops"),
    ("bits", "<%>", "hnsw", "bit_jaccard_ops"),
]

DISTANCES = {
    "<->": lambda rows, query: np.sqrt(((rows - query) ** 2).sum(axis=1)),
    "<#>": lambda rows, query: -(rows @ query),
    "<=>": lambda rows, query: 1 - (rows @ query) / np.linalg.norm(rows, axis=1) / np.linalg.norm(query),
    "<+>": lambda rows, query: np.abs(rows - query).sum(axis=1),
    "<~>": lambda rows, query: (rows != query).sum(axis=1),
    "<%>": lambda rows, query: 1 - (rows & query).sum(axis=1) / (rows | query).sum(axis=1),
}


def _columns():
    """The columns of the table, a row each, and a query for each: dense, as numpy takes them."""
    random = np.random.default_rng(1)
    rows, queries = {}, {}
    for column in ("embedding", "coarse", "half"):
        rows[column] = random.integers(-8, 9, (ROWS, DIMENSIONS)) / 4
        queries[column] = random.integers(-1024, 1025, DIMENSIONS) / 1024
    # sparse vectors that overlap: in 40 of the dimensions, the last one among them
    sparse = random.integers(1, 9, (ROWS, SPARSE_DIMENSIONS)) / 4 * (random.random((ROWS, SPARSE_DIMENSIONS)) < 0.2)
    sparse[:, 40:-1] = 0
    sparse[:, 0] = 1.5  # none of them is empty
    rows["sparse"] = sparse
    queries["sparse"] = np.zeros(SPARSE_DIMENSIONS)
    queries["sparse"][[0, 3, 4, 7, 11, 18, 22, 30, 35, 199]] = random.integers(-1024, 1025, 10) / 1024
    # half of the bits are the query's, but for a few rows that lie at distances of their own
    queries["bits"] = random.integers(0, 2, BITS)
    rows["bits"] = random.integers(0, 2, (ROWS, BITS))
    for flipped, row in enumerate(random.permutation(ROWS)[:8], 1):
        places = random.permutation(BITS)[: 2 * flipped]
        rows["bits"][row] = queries["bits"]
        rows["bits"][row, places] ^= 1
    return rows, queries


COLUMNS, QUERIES = _columns()
CATEGORY = [f"c{row % CATEGORIES}" for row in range(ROWS)]


def _put(column, value):
    """A value as it stands in JSON, in the task and in the answers."""
    if column == "bits":
        return "".join(map(str, value))
    if column == "sparse":
        (places,) = np.nonzero(value)
        return {"dimensions": len(value), "indices": places.tolist(), "values": value[places].tolist()}
    return value.tolist()


def name(column, operator):
    """What a question is called in the answers."""
    return f"{column} {operator}"


def nearest(column, operator, among=slice(None)):
    """`[id, distance]` of the nearest rows, or the nearest `among` some.

    No two distances are so close that rounding could exchange them.
    """
    ids = np.arange(1, ROWS + 1)[among]
    distances = DISTANCES[operator](COLUMNS[column][among], QUERIES[column])
    order = np.argsort(distances, kind="stable")[: LIMIT + 1]
    assert np.diff(distances[order]).min() > 1e-4, f"{name(column, operator)}: not told apart"
    return [[int(ids[row]), float(distances[row])] for row in order[:LIMIT]]


ONE = np.array(CATEGORY) == "c3"
_distances = DISTANCES["<->"](COLUMNS["embedding"], QUERIES["embedding"])
RADIUS = float(np.sort(_distances)[11:13].mean())
assert np.abs(_distances - RADIUS).min() > 1e-4

STORED = [
    {"id": row + 1, "category": CATEGORY[row], **{column: _put(column, COLUMNS[column][row]) for column in COLUMNS}}
    for row in range(ROWS)
]
STORED.append({"id": ROWS + 1, "category": "none", **dict.fromkeys(COLUMNS)})

NEAREST = {name(column, operator): nearest(column, operator) for column, operator, _, _ in QUESTIONS}
FILTERED = nearest("embedding", "<->", ONE)
WITHIN = [int(row) + 1 for row in np.nonzero(_distances < RADIUS)[0]]
AGGREGATES = {
    f"{function} {column}": getattr(COLUMNS[column][ONE], numpys)(axis=0).tolist()
    for function, numpys in (("avg", "mean"), ("sum", "sum"))
    for column in ("embedding", "half")
}
INDEXES = {
    (column, method, opclass, tuple(sorted((HNSW if method == "hnsw" else IVFFLAT).items())))
    for column, _, method, opclass in QUESTIONS
}


def _options(method):
    return ", ".join(f"{key} = {value}" for key, value in (HNSW if method == "hnsw" else IVFFLAT).items())


TYPES = {
    "embedding": f"vector({DIMENSIONS})",
    "coarse": f"vector({DIMENSIONS})",
    "half": f"halfvec({DIMENSIONS})",
    "sparse": f"sparsevec({SPARSE_DIMENSIONS})",
    "bits": f"bit({BITS})",
}

# For those whose users write SQL; parameters are $1, $2 and so on.
SQL = {
    "extension": "CREATE EXTENSION IF NOT EXISTS vector",
    "table": "CREATE TABLE items (id bigint PRIMARY KEY, category text, "
    + ", ".join(f"{column} {kind}" for column, kind in TYPES.items())
    + ")",
    "insert": "INSERT INTO items VALUES ($1, $2, $3, $4, $5, $6, $7)",
    "stored": "SELECT * FROM items ORDER BY id",
    "nearest": {
        name(column, operator): f"SELECT id, {column} {operator} $1 FROM items ORDER BY {column} {operator} $1 LIMIT {LIMIT}"
        for column, operator, _, _ in QUESTIONS
    },
    "indexes": [
        f"CREATE INDEX ON items USING {method} ({column} {opclass}) WITH ({_options(method)})"
        for column, _, method, opclass in QUESTIONS
    ],
    "filtered": f"SELECT id, embedding <-> $1 FROM items WHERE category = $2 ORDER BY embedding <-> $1 LIMIT {LIMIT}",
    "within": "SELECT id FROM items WHERE embedding <-> $1 < $2 ORDER BY id",
    "aggregates": {question: f"SELECT {question.replace(' ', '(')}) FROM items WHERE category = $1" for question in AGGREGATES},
}

TASK = {
    "rows": STORED,
    "types": TYPES,
    "queries": {column: _put(column, query) for column, query in QUERIES.items()},
    "questions": QUESTIONS,
    "options": {"hnsw": HNSW, "ivfflat": IVFFLAT},
    "limit": LIMIT,
    "category": "c3",
    "radius": RADIUS,
    # so that indexes find all there is
    "settings": [f"SET hnsw.ef_search = {ROWS}", "SET ivfflat.probes = 100"],
    "sql": SQL,
}


def about(expected):
    """Rows and distances, of which only six digits count."""
    if isinstance(expected, dict):
        return {question: about(rows) for question, rows in expected.items()}
    return [[id, pytest.approx(distance, rel=1e-6, abs=1e-6)] for id, distance in expected]
