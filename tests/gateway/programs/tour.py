"""Pinecone's SDK for Python, as its users use it: `tour.py sync|async|grpc`. The gateway is told of by HOST and KEY alone.

What is wrong fails an assertion; at the end, `done` is printed. Nothing here is of Conifer's.
"""

import asyncio
import inspect
import os
import sys

import pinecone
from pinecone import AsyncPinecone, ConflictError, ForbiddenError, NotFoundError, Pinecone, PineconeException, ServerlessSpec, UnauthorizedError

HOW = sys.argv[1]
HOST, KEY, READER = os.environ["HOST"], os.environ["KEY"], os.environ["READER"]
NAME = os.environ["NAME"]
IS_PLAIN = HOST.startswith("http://")


async def wait(value):
    """The value of a call, of the synchronous client or of the asynchronous one."""
    return await value if inspect.isawaitable(value) else value


async def every(items):
    """All items of an iterator of either kind."""
    if hasattr(items, "__aiter__"):
        return [item async for item in items]
    return list(await wait(items))


async def raises(kind, call):
    try:
        await wait(call())
    except kind as error:
        return str(error)
    raise AssertionError(f"no {kind.__name__}")


def connect(key):
    return (AsyncPinecone if HOW == "async" else Pinecone)(api_key=key, host=HOST)


async def data_client(client, host):
    if HOW == "grpc":
        if IS_PLAIN:
            return pinecone.GrpcIndex(host=host, api_key=client.config.api_key, secure=False)
        return client.index(host=host, grpc=True)
    return await wait(client.index(host=host))


async def main():
    pc = connect(KEY)
    # lifecycle
    if await wait(pc.indexes.exists(NAME)):
        await wait(pc.indexes.delete(NAME))
    made = await wait(pc.indexes.create(
        name=NAME, dimension=4, metric="cosine", spec=ServerlessSpec(cloud="aws", region="eu-west-1"),
        deletion_protection="enabled", tags={"team": "search"},
    ))
    assert made.status.ready and made.host.startswith(HOST.split(":")[0]), made
    seen = await wait(pc.indexes.describe(NAME))
    assert (seen.name, seen.dimension, seen.metric, seen.vector_type) == (NAME, 4, "cosine", "dense")
    assert seen.spec.serverless.region == "eu-west-1" and dict(seen.tags) == {"team": "search"}
    assert NAME in [index.name for index in await every(pc.indexes.list())]
    await raises(ConflictError, lambda: pc.indexes.create(name=NAME, dimension=4, metric="cosine", spec=ServerlessSpec(cloud="aws", region="x")))
    assert "protect" in (await raises(ForbiddenError, lambda: pc.indexes.delete(NAME))).lower()
    await wait(pc.indexes.configure(NAME, deletion_protection="disabled", tags={"team": "", "env": "test"}))
    seen = await wait(pc.indexes.describe(NAME))
    assert seen.deletion_protection == "disabled" and dict(seen.tags) == {"env": "test"}

    # records
    index = await data_client(pc, seen.host)
    records = [
        {"id": f"doc-{n}", "values": [1.0, n, 0.5, 0.0], "metadata": {"n": n, "even": n % 2 == 0, "name": f"nr. {n}", "tags": ["a", str(n)]}}
        for n in range(20)
    ]
    assert (await wait(index.upsert(vectors=records, namespace="films"))).upserted_count == 20
    assert (await wait(index.upsert(vectors=[("x", [1, 2, 3, 4])]))).upserted_count == 1
    found = await wait(index.query(vector=[1, 3, 0.5, 0], top_k=3, namespace="films", include_metadata=True, include_values=True))
    assert [match.id for match in found.matches][0] == "doc-3" and found.namespace == "films"
    assert abs(found.matches[0].score - 1) < 1e-6
    assert found.matches[0].metadata == records[3]["metadata"], found.matches[0].metadata
    assert list(found.matches[0].values) == records[3]["values"]
    assert found.matches[0].score >= found.matches[1].score >= found.matches[2].score
    assert found.usage.read_units >= 1
    plain = await wait(index.query(id="doc-3", top_k=1, namespace="films"))
    assert plain.matches[0].id == "doc-3" and not plain.matches[0].metadata and not list(plain.matches[0].values or [])
    assert (await wait(index.query(vector=[1, 3, 0.5, 0], top_k=3, namespace="nowhere"))).matches == []

    # filters
    for wanted, numbers in [
        ({"n": {"$gte": 18}}, {18, 19}),
        ({"n": 7}, {7}),
        ({"$and": [{"even": True}, {"n": {"$lt": 4}}]}, {0, 2}),
        ({"$or": [{"n": 1}, {"name": {"$in": ["nr. 2", "nr. 3"]}}]}, {1, 2, 3}),
        ({"tags": "5"}, {5}),
        ({"n": {"$nin": list(range(1, 20))}}, {0}),
        ({"missing": {"$exists": True}}, set()),
    ]:
        found = await wait(index.query(vector=[1, 3, 0.5, 0], top_k=20, namespace="films", filter=wanted))
        assert {int(match.id[4:]) for match in found.matches} == numbers, wanted

    # by id, by metadata, lists
    got = await wait(index.fetch(ids=["doc-1", "gone"], namespace="films"))
    assert list(got.vectors) == ["doc-1"] and list(got.vectors["doc-1"].values) == records[1]["values"]
    assert got.vectors["doc-1"].metadata == records[1]["metadata"]
    got = await wait(index.fetch_by_metadata(filter={"even": True}, namespace="films", limit=3))
    assert len(got.vectors) == 3 and got.pagination.next
    got = await wait(index.fetch_by_metadata(filter={"even": True}, namespace="films", limit=20, pagination_token=got.pagination.next))
    assert len(got.vectors) == 7 and not got.pagination
    pages = await every(index.list(prefix="doc-1", limit=4, namespace="films"))
    # of one client pages, of the other ids
    ids = [getattr(item, "id", item) for page in pages for item in (getattr(page, "vectors", None) or [page])]
    assert sorted(ids) == sorted(["doc-1", *(f"doc-{n}" for n in range(10, 20))]), ids

    # changes
    await wait(index.update(id="doc-1", set_metadata={"seen": True}, namespace="films"))
    await wait(index.update(id="doc-2", values=[0, 0, 0, 1], namespace="films"))
    got = await wait(index.fetch(ids=["doc-1", "doc-2"], namespace="films"))
    assert got.vectors["doc-1"].metadata == {**records[1]["metadata"], "seen": True}
    assert list(got.vectors["doc-2"].values) == [0, 0, 0, 1] and got.vectors["doc-2"].metadata == records[2]["metadata"]
    changed = await wait(index.update(filter={"n": {"$gte": 15}}, set_metadata={"late": True}, namespace="films", dry_run=True))
    assert changed.matched_records == 5
    changed = await wait(index.update(filter={"n": {"$gte": 15}}, set_metadata={"late": True}, namespace="films"))
    assert changed.matched_records == 5
    await wait(index.delete(ids=["doc-0", "gone"], namespace="films"))
    await wait(index.delete(filter={"late": True}, namespace="films"))
    stats = await wait(index.describe_index_stats())
    assert (stats.dimension, stats.total_vector_count, stats.namespaces["films"].vector_count) == (4, 15, 14)
    assert stats.namespaces["__default__"].vector_count == 1

    # namespaces
    await wait(index.create_namespace(name="drafts"))
    names = [namespace.name for page in await every(index.list_namespaces()) for namespace in getattr(page, "namespaces", [page])]
    assert names == ["__default__", "drafts", "films"], names
    assert (await wait(index.describe_namespace(name="films"))).record_count == 14
    await wait(index.delete_namespace(name="drafts"))
    await raises(NotFoundError, lambda: index.describe_namespace(name="drafts"))
    await wait(index.delete(delete_all=True, namespace="films"))
    await raises(NotFoundError, lambda: index.delete(delete_all=True, namespace="films"))
    if hasattr(index, "query_namespaces"):
        await wait(index.upsert(vectors=[("y", [1, 2, 3, 5])], namespace="second"))
        both = await wait(index.query_namespaces(vector=[1, 2, 3, 4], namespaces=["", "second"], metric="cosine", top_k=2))
        assert [match.id for match in both.matches] == ["x", "y"]

    # what is refused
    assert "dimension" in await raises(PineconeException, lambda: index.upsert(vectors=[("z", [1, 2])]))
    assert "$near" in await raises(PineconeException, lambda: index.query(vector=[1, 2, 3, 4], top_k=1, filter={"a": {"$near": 1}}))
    await raises(UnauthorizedError, lambda: connect(KEY[:-1] + "!").indexes.describe(NAME))
    reader = await data_client(connect(READER), seen.host)
    assert (await wait(reader.query(vector=[1, 2, 3, 4], top_k=1))).matches[0].id == "x"
    assert "ReadOnly" in await raises(ForbiddenError, lambda: reader.upsert(vectors=[("z", [1, 2, 3, 4])]))
    await raises(ForbiddenError, lambda: connect(READER).indexes.describe(NAME))

    await wait(pc.indexes.delete(NAME))
    await raises(NotFoundError, lambda: pc.indexes.describe(NAME))
    print("done", pinecone.__version__)


asyncio.run(main())
