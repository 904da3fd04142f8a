"""The task for what is built on SQLAlchemy: a model named Item with the columns of the task, and a session."""

from common import COLUMNS, METHODS, TASK, answer, plain, sparse
from pgvector.sqlalchemy import avg, sum
from sqlalchemy import Index, select, text

QUERIES = {**TASK["queries"], "sparse": sparse(TASK["queries"]["sparse"])}


def fill(session, Item):
    for row in TASK["rows"]:
        session.add(Item(**{**row, "sparse": row["sparse"] and sparse(row["sparse"])}))
    session.commit()


def ask(session, Item):
    def nearest():
        return {f"{column} {operator}": closest(column, operator) for column, operator, _, _ in TASK["questions"]}

    def closest(column, operator, *conditions):
        distance = getattr(getattr(Item, column), METHODS[operator])(QUERIES[column])
        found = session.execute(select(Item.id, distance).where(*conditions).order_by(distance).limit(TASK["limit"]))
        return list(map(list, found))

    stored = [
        {name: plain(getattr(item, name)) for name in ("id", "category", *COLUMNS)}
        for item in session.scalars(select(Item).order_by(Item.id))
    ]
    exact = nearest()
    for number, (column, _, method, opclass) in enumerate(TASK["questions"]):
        Index(
            f"items_{number}",
            getattr(Item, column),
            postgresql_using=method,
            postgresql_with=TASK["options"][method],
            postgresql_ops={column: opclass},
        ).create(session.connection())
    session.commit()
    for setting in TASK["settings"]:
        session.execute(text(setting))
    within = select(Item.id).filter(Item.embedding.l2_distance(QUERIES["embedding"]) < TASK["radius"]).order_by(Item.id)
    one = Item.category == TASK["category"]
    answer(
        stored=stored,
        nearest={"exact": exact, "indexed": nearest()},
        filtered=closest("embedding", "<->", one),
        within=list(session.scalars(within)),
        aggregates={
            f"{name} {column}": plain(session.scalars(select(function(getattr(Item, column))).where(one)).first())
            for name, function in (("avg", avg), ("sum", sum))
            for column in ("embedding", "half")
        },
    )
