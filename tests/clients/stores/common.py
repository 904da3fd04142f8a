"""What the vector stores share: the task, and where the server is."""

import json
import os
import sys

TASK = json.load(sys.stdin)
ROWS = [row for row in TASK["rows"] if row["embedding"]]
QUERY = TASK["queries"]["embedding"]
LIMIT, CATEGORY = TASK["limit"], TASK["category"]


def url(driver):
    """The server's address, as SQLAlchemy has it."""
    user, database, host, port = (os.environ[f"PG{name}"] for name in ("USER", "DATABASE", "HOST", "PORT"))
    return f"postgresql+{driver}://{user}@/{database}?host={host}&port={port}"


def answer(**answers):
    """Print what came out."""
    json.dump(answers, sys.stdout)
