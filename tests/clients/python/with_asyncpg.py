"""asyncpg: everything in binary, with prepared statements and COPY."""

import asyncio

import asyncpg
from common import SQL, TASK, ask, values
from pgvector.asyncpg import register_vector

loop = asyncio.new_event_loop()
run = loop.run_until_complete
db = run(asyncpg.connect())
run(db.execute(SQL["extension"]))
run(register_vector(db))
run(db.execute(SQL["table"]))


def with_bits(vectors):
    """It has a class for bits of its own."""
    return {**vectors, "bits": vectors["bits"] and asyncpg.BitString(vectors["bits"].to_text())}


rows = [(row["id"], row["category"], *with_bits(values(row)).values()) for row in TASK["rows"]]
run(db.executemany(SQL["insert"], rows[::2]))
run(db.copy_records_to_table("items", records=rows[1::2]))


def fetch(statement, *parameters):
    return [[plain_bits(item) for item in row] for row in run(db.fetch(statement, *parameters))]


def plain_bits(item):
    return item.as_string().replace(" ", "") if isinstance(item, asyncpg.BitString) else item


ask(fetch, with_bits(values(TASK["queries"])))
