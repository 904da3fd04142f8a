"""SQLModel over psycopg2."""

from typing import Any

import alchemy
from common import SQL, TASK
from pgvector.sqlalchemy import BIT, HALFVEC, SPARSEVEC, VECTOR
from sqlmodel import Column, Field, Session, SQLModel, create_engine, text

queries = TASK["queries"]


class Item(SQLModel, table=True):
    __tablename__ = "items"

    id: int | None = Field(default=None, primary_key=True)
    category: str
    embedding: Any = Field(sa_column=Column(VECTOR(len(queries["embedding"]))))
    coarse: Any = Field(sa_column=Column(VECTOR(len(queries["coarse"]))))
    half: Any = Field(sa_column=Column(HALFVEC(len(queries["half"]))))
    sparse: Any = Field(sa_column=Column(SPARSEVEC(queries["sparse"]["dimensions"])))
    bits: Any = Field(sa_column=Column(BIT(len(queries["bits"]))))


engine = create_engine("postgresql+psycopg2://")
with Session(engine) as session:
    session.exec(text(SQL["extension"]))
    session.commit()
    SQLModel.metadata.create_all(engine)
    alchemy.fill(session, Item)
    alchemy.ask(session, Item)
