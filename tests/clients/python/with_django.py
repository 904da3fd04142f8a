"""Django over psycopg 3, with the migrations of an application: shop/."""

import os

import django
from common import COLUMNS, TASK, answer, plain, sparse, values
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.db.models import Avg, Sum
from pgvector import django as vectors

settings.configure(
    INSTALLED_APPS=["shop"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "HOST": os.environ["PGHOST"],
            "PORT": os.environ["PGPORT"],
            "USER": os.environ["PGUSER"],
            "NAME": os.environ["PGDATABASE"],
        }
    },
)
django.setup()
from shop.models import Item  # noqa: E402

call_command("migrate", "shop", "0001", verbosity=0)
for row in TASK["rows"]:
    Item(**{**row, "sparse": row["sparse"] and sparse(row["sparse"])}).save()

FUNCTIONS = {
    "<->": vectors.L2Distance,
    "<#>": vectors.MaxInnerProduct,
    "<=>": vectors.CosineDistance,
    "<+>": vectors.L1Distance,
    "<~>": vectors.HammingDistance,
    "<%>": vectors.JaccardDistance,
}
queries = {**values(TASK["queries"]), "bits": TASK["queries"]["bits"]}


def closest(column, operator, rows=Item.objects):
    distance = FUNCTIONS[operator](column, queries[column])
    return [[item.id, item.distance] for item in rows.annotate(distance=distance).order_by(distance)[: TASK["limit"]]]


def nearest():
    return {f"{column} {operator}": closest(column, operator) for column, operator, _, _ in TASK["questions"]}


stored = [
    {name: plain(getattr(item, name)) for name in ("id", "category", *COLUMNS)} for item in Item.objects.order_by("id")
]
exact = nearest()

call_command("migrate", verbosity=0)
call_command("makemigrations", check_changes=True, dry_run=True, verbosity=0)  # the model is what was migrated to
with connection.cursor() as cursor:
    for setting in TASK["settings"]:
        cursor.execute(setting)

near = Item.objects.alias(distance=vectors.L2Distance("embedding", queries["embedding"]))
one = Item.objects.filter(category=TASK["category"])
answer(
    stored=stored,
    nearest={"exact": exact, "indexed": nearest()},
    filtered=closest("embedding", "<->", one),
    within=[item.id for item in near.filter(distance__lt=TASK["radius"]).order_by("id")],
    aggregates={
        f"{name} {column}": plain(one.aggregate(vector=function(column))["vector"])
        for name, function in (("avg", Avg), ("sum", Sum))
        for column in ("embedding", "half")
    },
)
