"""LlamaIndex's Pinecone store over the gateway, which is told of by HOST and KEY alone. At the end, `done` is printed."""

import os

from llama_index.core.schema import NodeRelationship, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import FilterOperator, MetadataFilter, MetadataFilters, VectorStoreQuery
from llama_index.vector_stores.pinecone import PineconeVectorStore
from pinecone import Pinecone, ServerlessSpec

NAME = os.environ["NAME"]

pc = Pinecone(api_key=os.environ["KEY"], host=os.environ["HOST"])
pc.create_index(name=NAME, dimension=3, metric="dotproduct", spec=ServerlessSpec(cloud="aws", region="us-east-1"))
store = PineconeVectorStore(pinecone_index=pc.Index(host=pc.describe_index(NAME).host), namespace="nodes")
nodes = [
    TextNode(
        id_=f"node-{n}", text=f"text {n}", embedding=[1.0, n, 0.0], metadata={"n": n, "kind": "odd" if n % 2 else "even"},
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=f"document-{n % 2}")},
    )
    for n in range(1, 7)
]
assert len(store.add(nodes)) == 6


def found(**options):
    return store.query(VectorStoreQuery(query_embedding=[0.0, 1.0, 0.0], similarity_top_k=3, **options))


answer = found()
assert [node.get_content() for node in answer.nodes] == ["text 6", "text 5", "text 4"] and answer.similarities[0] == 6
even = MetadataFilters(filters=[MetadataFilter(key="kind", value="even"), MetadataFilter(key="n", value=5, operator=FilterOperator.LT)])
assert [node.metadata["n"] for node in found(filters=even).nodes] == [4, 2]
assert [node.node_id for node in store.get_nodes(filters=even)] and len(store.get_nodes(filters=even)) == 2
store.delete_nodes(filters=MetadataFilters(filters=[MetadataFilter(key="n", value=6)]))
assert found().nodes[0].get_content() == "text 5"
store.delete("document-1")
assert {node.metadata["n"] for node in found().nodes} == {2, 4}
store.clear()
assert found().nodes == []
pc.delete_index(NAME)
print("done")
