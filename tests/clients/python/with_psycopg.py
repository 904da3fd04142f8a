"""psycopg 3: parameters and COPY in text and in binary, results in binary."""

import psycopg
from common import SQL, TASK, ask, numbered, percent, values
from pgvector import Bit
from pgvector.psycopg import register_vector

db = psycopg.connect(autocommit=True)
db.execute(SQL["extension"])
register_vector(db)
db.execute(SQL["table"])

rows = [(row["id"], row["category"], *values(row).values()) for row in TASK["rows"]]
for way, form in enumerate("tb"):
    db.cursor().executemany(percent(SQL["insert"], form), [numbered(row) for row in rows[way::4]])
for way, form in enumerate(["text", "binary"], 2):
    with db.cursor().copy(f"COPY items FROM STDIN (FORMAT {form})") as copy:
        copy.set_types(["int8", "text", "vector", "vector", "halfvec", "sparsevec", "bit"])
        for row in rows[way::4]:
            copy.write_row(row)


def fetch(statement, *parameters):
    cursor = db.cursor(binary=True).execute(percent(statement), numbered(parameters))
    if not cursor.description:
        return []
    # it has no loader for bits in binary
    return [[Bit.from_binary(item).to_text() if isinstance(item, bytes) else item for item in row] for row in cursor]


ask(fetch, values(TASK["queries"]))
