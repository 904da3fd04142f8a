"""Peewee over psycopg2."""

import os

from common import COLUMNS, METHODS, SQL, TASK, answer, plain, sparse
from peewee import BigIntegerField, Model, PostgresqlDatabase, TextField, fn
from pgvector.peewee import FixedBitField, HalfVectorField, SparseVectorField, VectorField

db = PostgresqlDatabase(os.environ["PGDATABASE"])
queries = {**TASK["queries"], "sparse": sparse(TASK["queries"]["sparse"])}


class Item(Model):
    id = BigIntegerField(primary_key=True)
    category = TextField()
    embedding = VectorField(dimensions=len(queries["embedding"]), null=True)
    coarse = VectorField(dimensions=len(queries["coarse"]), null=True)
    half = HalfVectorField(dimensions=len(queries["half"]), null=True)
    sparse = SparseVectorField(dimensions=queries["sparse"].dimensions(), null=True)
    bits = FixedBitField(max_length=len(queries["bits"]), null=True)

    class Meta:
        database = db
        table_name = "items"


db.connect()
db.execute_sql(SQL["extension"])
db.create_tables([Item])
for row in TASK["rows"]:
    Item.create(**{**row, "sparse": row["sparse"] and sparse(row["sparse"])})

stored = [
    {name: plain(getattr(item, name)) for name in ("id", "category", *COLUMNS)} for item in Item.select().order_by(Item.id)
]


def closest(column, operator, condition=True):
    distance = getattr(getattr(Item, column), METHODS[operator])(queries[column])
    found = Item.select(Item.id, distance.alias("distance")).where(condition).order_by(distance).limit(TASK["limit"])
    return [[item.id, item.distance] for item in found]


def nearest():
    return {f"{column} {operator}": closest(column, operator) for column, operator, _, _ in TASK["questions"]}


exact = nearest()
# it has no way to give options
for number, (column, _, method, opclass) in enumerate(TASK["questions"]):
    Item.add_index(f"{column} {opclass}", using=method, name=f"items_{number}")
db.create_tables([Item])
for setting in TASK["settings"]:
    db.execute_sql(setting)

radius = Item.embedding.l2_distance(queries["embedding"]) < TASK["radius"]
one = Item.category == TASK["category"]
answer(
    stored=stored,
    nearest={"exact": exact, "indexed": nearest()},
    filtered=closest("embedding", "<->", one),
    within=[item.id for item in Item.select(Item.id).where(radius).order_by(Item.id)],
    aggregates={
        f"{name} {column}": plain(Item.select(function(getattr(Item, column)).coerce(True)).where(one).scalar())
        for name, function in (("avg", fn.avg), ("sum", fn.sum))
        for column in ("embedding", "half")
    },
)
