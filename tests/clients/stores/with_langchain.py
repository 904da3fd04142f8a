"""LangChain: its PGVectorStore over psycopg 3 and, asynchronously, over asyncpg, and its older PGVector."""

import asyncio

from common import CATEGORY, LIMIT, QUERY, ROWS, TASK, answer, url
from langchain_core.embeddings import Embeddings
from langchain_postgres import Column, PGEngine, PGVector, PGVectorStore
from langchain_postgres.v2.indexes import DistanceStrategy, HNSWIndex, HNSWQueryOptions, IVFFlatIndex, IVFFlatQueryOptions

TEXTS = {f"row {row['id']}": row["embedding"] for row in ROWS}
CATEGORIES = [{"category": row["category"]} for row in ROWS]
IDS = [str(row["id"]) for row in ROWS]


class Known(Embeddings):
    """Embeddings that the task holds already."""

    def embed_documents(self, texts):
        return [TEXTS[text] for text in texts]

    def embed_query(self, text):
        return QUERY


STRATEGIES = {
    "<->": DistanceStrategy.EUCLIDEAN,
    "<#>": DistanceStrategy.INNER_PRODUCT,
    "<=>": DistanceStrategy.COSINE_DISTANCE,
}
OPTIONS = TASK["options"]
INDEXES = {
    "hnsw": (HNSWIndex, HNSWQueryOptions(ef_search=len(ROWS))),
    "ivfflat": (IVFFlatIndex, IVFFlatQueryOptions(probes=OPTIONS["ivfflat"]["lists"])),
}
TABLE = {"id_column": "id", "metadata_columns": ["category"]}


def found(documents, operator="<->"):
    """Ids and distances. It gives the inner product as such."""
    return [[int(document.id), -distance if operator == "<#>" else distance] for document, distance in documents]


engine = PGEngine.from_connection_string(url("psycopg"))
engine.init_vectorstore_table(
    "documents", len(QUERY), id_column=Column("id", "TEXT"), metadata_columns=[Column("category", "TEXT")]
)
PGVectorStore.create_sync(engine, Known(), "documents", **TABLE).add_texts(list(TEXTS), CATEGORIES, ids=IDS)

nearest, filtered, valid = {"exact": {}, "hnsw": {}, "ivfflat": {}}, {}, []
for operator, strategy in STRATEGIES.items():
    for how in nearest:
        index, options = INDEXES.get(how, (None, None))
        store = PGVectorStore.create_sync(
            engine, Known(), "documents", distance_strategy=strategy, index_query_options=options, **TABLE
        )
        if index:
            store.apply_vector_index(index(name="documents_index", distance_strategy=strategy, **OPTIONS[how]))
            valid.append(store.is_valid_index("documents_index"))
        nearest[how][operator] = found(store.similarity_search_with_score("near", k=LIMIT), operator)
        if operator == "<->":
            one = {"category": {"$eq": CATEGORY}}
            filtered[how] = found(store.similarity_search_with_score("near", k=LIMIT, filter=one))
        if index:
            store.reindex("documents_index")
            store.drop_vector_index("documents_index")


async def asynchronous():
    engine = PGEngine.from_connection_string(url("asyncpg"))
    store = await PGVectorStore.create(
        engine, Known(), "documents", distance_strategy=STRATEGIES["<->"], index_query_options=INDEXES["hnsw"][1], **TABLE
    )
    index = HNSWIndex(name="documents_index", distance_strategy=STRATEGIES["<->"], **OPTIONS["hnsw"])
    await store.aapply_vector_index(index, concurrently=True)
    nearest["asyncpg"] = {"<->": found(await store.asimilarity_search_with_score("near", k=LIMIT))}
    await store.adelete(IDS[::2])
    rest = found(await store.asimilarity_search_with_score("near", k=LIMIT))
    await engine.close()
    return rest


rest = asyncio.run(asynchronous())

older = {"<->": "l2", "<#>": "inner", "<=>": "cosine"}
nearest["older"] = {}
for operator, strategy in older.items():
    store = PGVector(
        Known(),
        connection=url("psycopg"),
        embedding_length=len(QUERY),
        collection_name=strategy,
        distance_strategy=strategy,
    )
    store.add_texts(list(TEXTS), CATEGORIES, ids=[f"{strategy} {id}" for id in IDS])
    documents = store.similarity_search_with_score("near", k=LIMIT)
    nearest["older"][operator] = [[int(document.id.split()[1]), distance] for document, distance in documents]

answer(nearest=nearest, filtered=filtered, valid=valid, rest=rest)
