"""pg8000: everything in text, by prepared statements."""

import os
import re

import pg8000.native
from common import SQL, TASK, ask, values
from pgvector.pg8000 import register_vector

socket = f"{os.environ['PGHOST']}/.s.PGSQL.{os.environ['PGPORT']}"
db = pg8000.native.Connection(os.environ["PGUSER"], unix_sock=socket, database=os.environ["PGDATABASE"])
db.run(SQL["extension"])
register_vector(db)
db.run(SQL["table"])


def fetch(statement, *parameters):
    named = {f"p{number}": parameter for number, parameter in enumerate(parameters, 1)}
    return db.run(re.sub(r"\$(\d)", r":p\1", statement), **named) or []


def plain_bits(vectors):
    """It has no class for bits."""
    return {**vectors, "bits": vectors["bits"] and vectors["bits"].to_text()}


for row in TASK["rows"]:
    fetch(SQL["insert"], row["id"], row["category"], *plain_bits(values(row)).values())
ask(fetch, plain_bits(values(TASK["queries"])))
