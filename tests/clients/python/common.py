"""What the clients in Python share: the task, values as JSON has them, and the order of things for those that speak SQL."""

import json
import re
import sys

from pgvector import Bit, HalfVector, SparseVector, Vector

TASK = json.load(sys.stdin)
SQL = TASK["sql"]
COLUMNS = list(TASK["types"])

# How the object-relational mappers name the operators.
METHODS = {
    "<->": "l2_distance",
    "<#>": "max_inner_product",
    "<=>": "cosine_distance",
    "<+>": "l1_distance",
    "<~>": "hamming_distance",
    "<%>": "jaccard_distance",
}


def values(row):
    """The columns of a row of the task, each as pgvector's own class."""
    make = {
        "embedding": Vector,
        "coarse": Vector,
        "half": HalfVector,
        "sparse": sparse,
        "bits": Bit,
    }
    return {column: None if row[column] is None else make[column](row[column]) for column in COLUMNS}


def sparse(value):
    """A sparse vector from what JSON has for it."""
    return SparseVector(dict(zip(value["indices"], value["values"])), value["dimensions"])


def plain(value):
    """What a client has read, as JSON has it."""
    if isinstance(value, SparseVector):
        return {"dimensions": value.dimensions(), "indices": value.indices(), "values": value.values()}
    if isinstance(value, (Vector, HalfVector)):
        return value.to_list()
    return value


def stored(rows):
    """The rows that a client has read, as the task has them."""
    return [dict(zip(["id", "category", *COLUMNS], map(plain, row))) for row in rows]


def answer(**answers):
    """Print what came out."""
    json.dump(answers, sys.stdout)


def ask(fetch, queries):
    """Do the rest of the task by SQL, once the rows are in the table.

    `fetch(statement, *parameters)` runs a statement and returns its rows.
    """
    read = stored(fetch(SQL["stored"]))

    def nearest():
        return {
            question: [[id, distance] for id, distance in fetch(statement, queries[question.split()[0]])]
            for question, statement in SQL["nearest"].items()
        }

    exact = nearest()
    for statement in [*SQL["indexes"], *TASK["settings"]]:
        fetch(statement)
    indexed = nearest()
    near = queries["embedding"]
    answer(
        stored=read,
        nearest={"exact": exact, "indexed": indexed},
        filtered=[[id, distance] for id, distance in fetch(SQL["filtered"], near, TASK["category"])],
        within=[id for id, in fetch(SQL["within"], near, TASK["radius"])],
        aggregates={
            question: plain(fetch(statement, TASK["category"])[0][0]) for question, statement in SQL["aggregates"].items()
        },
    )


def percent(statement, form="s"):
    """A statement with `%(1)s` in place of `$1`."""
    return re.sub(r"\$(\d)", rf"%(\1){form}", statement.replace("%", "%%"))


def numbered(parameters):
    """Parameters for a statement of `percent`."""
    return {str(number): parameter for number, parameter in enumerate(parameters, 1)}
