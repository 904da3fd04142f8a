"""Clients that were written for pgvector do what they do there, and get the right answers."""

import pytest

from tests.clients.driver import clients, used_indexes
from tests.clients.task import AGGREGATES, COLUMNS, FILTERED, INDEXES, NEAREST, STORED, WITHIN, about

pytestmark = clients(
    psycopg=("python", "with_psycopg"),
    psycopg2=("python", "with_psycopg2"),
    asyncpg=("python", "with_asyncpg"),
    pg8000=("python", "with_pg8000"),
    sqlalchemy=("python", "with_sqlalchemy"),
    sqlmodel=("python", "with_sqlmodel"),
    django=("python", "with_django"),
    peewee=("python", "with_peewee"),
    node_postgres=("node", "with_pg"),
    sequelize=("node", "with_sequelize"),
    rust_postgres=("rust", "with_postgres"),
    sqlx=("rust", "with_sqlx"),
)


def test_it_runs_on_conifer(done):
    extensions = done.db.execute("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql'").fetchall()
    assert extensions == [("vector",)]
    libraries = done.db.execute("SELECT DISTINCT probin FROM pg_proc WHERE probin LIKE '$libdir/%' AND oid >= 16384")
    assert libraries.fetchall() == [("$libdir/conifer",)]


def test_rows_come_back_as_they_went(done):
    assert done.answers["stored"] == STORED


def test_rows_are_stored_as_they_went(done):
    """What the server itself says, whatever the client makes of it."""

    def text(row):
        def numbers(vector):
            return "[" + ",".join(f"{number:g}" for number in vector) + "]"

        sparse = row["sparse"]
        elements = ",".join(f"{place + 1}:{number:g}" for place, number in zip(sparse["indices"], sparse["values"]))
        dense = tuple(numbers(row[column]) for column in ("embedding", "coarse", "half"))
        return (row["id"], row["category"], *dense, f"{{{elements}}}/{sparse['dimensions']}", row["bits"])

    texts = ", ".join(f"{column}::text" for column in COLUMNS)
    rows = done.db.execute(f"SELECT id, category, {texts} FROM items ORDER BY id").fetchall()
    *expected, empty = STORED
    assert rows == [*map(text, expected), (empty["id"], empty["category"], *[None] * len(COLUMNS))]


@pytest.mark.parametrize("how", ["exact", "indexed"])
def test_nearest_rows(done, how):
    assert done.answers["nearest"][how] == about(NEAREST)


def test_indexes(done):
    """All that were asked for are there, with their options if the client can give any, and all were used."""
    indexes = used_indexes(done.db)
    made = {(column, method, opclass, options) for _, column, method, opclass, options in indexes}
    if any(options for *_, options in made):
        assert made == INDEXES
    else:
        assert made == {(*index, ()) for *index, _ in INDEXES}
    assert len(indexes) == len(INDEXES)


def test_filter(done):
    assert done.answers["filtered"] == about(FILTERED)


def test_rows_within_a_distance(done):
    assert done.answers["within"] == WITHIN


def test_aggregates(done):
    answers = done.answers["aggregates"]
    assert set(answers) == set(AGGREGATES)
    for question, vector in AGGREGATES.items():
        # halves have eleven bits
        assert answers[question] == pytest.approx(vector, rel=1e-3 if question == "avg half" else 1e-6), question
