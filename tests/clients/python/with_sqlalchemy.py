"""SQLAlchemy over psycopg 3."""

import alchemy
from common import SQL, TASK
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR
from sqlalchemy import BigInteger, Text, create_engine, inspect, text
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

queries = TASK["queries"]


class Base(DeclarativeBase):
    pass


class Item(Base):
    __tablename__ = "items"

    id = mapped_column(BigInteger, primary_key=True)
    category = mapped_column(Text)
    embedding = mapped_column(VECTOR(len(queries["embedding"])))
    coarse = mapped_column(VECTOR(len(queries["coarse"])))
    half = mapped_column(HALFVEC(len(queries["half"])))
    sparse = mapped_column(SPARSEVEC(queries["sparse"]["dimensions"]))
    bits = mapped_column(BIT(len(queries["bits"])))


engine = create_engine("postgresql+psycopg://")
with Session(engine) as session:
    session.execute(text(SQL["extension"]))
    session.commit()
Base.metadata.create_all(engine)

reflected = {column["name"]: str(column["type"]).lower() for column in inspect(engine).get_columns("items")}
for column in ("embedding", "coarse", "half", "sparse"):
    assert reflected[column] == TASK["types"][column], reflected

with Session(engine) as session:
    alchemy.fill(session, Item)
    alchemy.ask(session, Item)
