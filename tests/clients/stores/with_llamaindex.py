"""LlamaIndex's PGVectorStore, over psycopg2 and asyncpg: vectors and half vectors, with hnsw and with ivfflat."""

import asyncio

import sqlalchemy
from common import CATEGORY, LIMIT, QUERY, ROWS, TASK, answer, url
from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.vector_stores.postgres import PGVectorStore

OPTIONS = TASK["options"]
HNSW = {f"hnsw_{name}": value for name, value in OPTIONS["hnsw"].items()}
PROBES = {"ivfflat_probes": OPTIONS["ivfflat"]["lists"]}
ONE = MetadataFilters(filters=[MetadataFilter(key="category", value=CATEGORY)])


def nodes(column):
    """The rows of the task, each a node of a document of its own."""
    for row in ROWS:
        document = RelatedNodeInfo(node_id=f"document {row['id']}")
        yield TextNode(
            id_=str(row["id"]),
            text=f"row {row['id']}",
            metadata={"category": row["category"]},
            embedding=row[column],
            relationships={NodeRelationship.SOURCE: document},
        )


def query(column, filters=None):
    return VectorStoreQuery(query_embedding=TASK["queries"][column], similarity_top_k=LIMIT, filters=filters)


def found(result):
    """Ids and distances: it gives similarities."""
    return [[int(id), 1 - similarity] for id, similarity in zip(result.ids, result.similarities)]


def store(name, column, hnsw=None):
    return PGVectorStore(
        connection_string=url("psycopg2"),
        async_connection_string=url("asyncpg"),
        table_name=name,
        embed_dim=len(QUERY),
        use_halfvec=column == "half",
        hnsw_kwargs=hnsw,
        initialization_fail_on_error=True,
    )


nearest, filtered = {}, {}
for column, opclass in (("embedding", "vector_cosine_ops"), ("half", "halfvec_cosine_ops")):
    made = store(column, column, {**HNSW, "hnsw_ef_search": len(ROWS), "hnsw_dist_method": opclass})
    made.add(list(nodes(column)))
    nearest[column] = found(made.query(query(column)))
    nearest[f"{column} asynchronous"] = found(asyncio.run(made.aquery(query(column))))
    filtered[column] = found(made.query(query(column, ONE)))
    if column == "embedding":  # it cannot read half vectors back
        (node,) = made.get_nodes([str(ROWS[4]["id"])])
        stored = {**node.metadata, "id": int(node.node_id), "embedding": [float(number) for number in node.embedding]}

# The store makes no ivfflat index, but sets `ivfflat.probes` for one that is there.
made = store("coarse", "coarse")
made.add(list(nodes("coarse")))
index = f"USING ivfflat (embedding vector_cosine_ops) WITH (lists = {PROBES['ivfflat_probes']})"
with sqlalchemy.create_engine(url("psycopg2")).begin() as db:
    db.execute(sqlalchemy.text(f"CREATE INDEX ON data_coarse {index}"))
nearest["coarse"] = found(made.query(query("coarse"), **PROBES))

for id, _ in nearest["coarse"]:
    made.delete(f"document {id}")
rest = found(made.query(query("coarse"), **PROBES))
answer(nearest=nearest, filtered=filtered, stored=stored, rest=rest)
