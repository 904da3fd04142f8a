"""Pinecone's quickstart and a filtered query, with Pinecone's SDK as it is published. PINECONE_API_KEY and PINECONE_CONTROLLER_HOST
are all that tells it of Conifer."""

from pinecone import Pinecone, ServerlessSpec

pc = Pinecone()
name = "quickstart"
if not pc.has_index(name):
    pc.create_index(name=name, dimension=8, metric="euclidean", spec=ServerlessSpec(cloud="aws", region="us-east-1"))
print("index:", pc.describe_index(name).host)

index = pc.Index(name)
index.upsert(
    vectors=[
        {"id": "vec1", "values": [0.1] * 8, "metadata": {"genre": "drama", "year": 1931}},
        {"id": "vec2", "values": [0.2] * 8, "metadata": {"genre": "action", "year": 1994}},
        {"id": "vec3", "values": [0.3] * 8, "metadata": {"genre": "drama", "year": 2020}},
        {"id": "vec4", "values": [0.4] * 8, "metadata": {"genre": "action", "year": 2021}},
    ],
    namespace="films",
)
for title, wanted in (("nearest", None), ("nearest dramas after 2000", {"genre": "drama", "year": {"$gt": 2000}})):
    print(f"{title}:")
    for match in index.query(vector=[0.3] * 8, top_k=3, namespace="films", include_metadata=True, filter=wanted).matches:
        print(f"  {match.id}  {match.score:.4f}  {match.metadata}")
print("records:", index.describe_index_stats().namespaces["films"].vector_count)
