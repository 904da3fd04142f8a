"""What the vector stores share: the task, and embeddings that it holds already."""

import json
import os
import sys

TASK = json.load(sys.stdin)
ROWS = [row for row in TASK["rows"] if row["embedding"]]
TEXTS = {f"text {row['id']}": row for row in ROWS}
QUERY = TASK["queries"]["embedding"]
LIMIT, CATEGORY = TASK["limit"], TASK["category"]


def url(driver):
    """Where the server is, for SQLAlchemy."""
    e = os.environ
    return f"postgresql+{driver}://{e['PGUSER']}@/{e['PGDATABASE']}?host={e['PGHOST']}&port={e['PGPORT']}"


def answer(**answers):
    """Print what came out."""
    json.dump(answers, sys.stdout)
