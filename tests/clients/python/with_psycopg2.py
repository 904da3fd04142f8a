"""psycopg2: everything in text."""

import psycopg2
from common import SQL, TASK, ask, numbered, percent, values
from pgvector.psycopg2 import register_vector

db = psycopg2.connect("")
db.autocommit = True
cursor = db.cursor()
cursor.execute(SQL["extension"])
register_vector(db)
cursor.execute(SQL["table"])


def plain_bits(vectors):
    """It has no class for bits."""
    return {**vectors, "bits": vectors["bits"] and vectors["bits"].to_text()}


for row in TASK["rows"]:
    cursor.execute(percent(SQL["insert"]), numbered([row["id"], row["category"], *plain_bits(values(row)).values()]))


def fetch(statement, *parameters):
    cursor.execute(percent(statement), numbered(parameters))
    return cursor.fetchall() if cursor.description else []


ask(fetch, plain_bits(values(TASK["queries"])))
