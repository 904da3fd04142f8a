"""LangChain's Pinecone store over the gateway, which is told of by HOST and KEY alone. At the end, `done` is printed."""

import os

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_pinecone import PineconeVectorStore
from pinecone import Pinecone, ServerlessSpec

NAME = os.environ["NAME"]


class Letters(Embeddings):
    """Counts of some letters."""

    def embed_documents(self, texts):
        return [self.embed_query(text) for text in texts]

    def embed_query(self, text):
        return [1.0 + text.count(letter) for letter in "aeiorst"]


pc = Pinecone(api_key=os.environ["KEY"], host=os.environ["HOST"])
pc.create_index(name=NAME, dimension=7, metric="cosine", spec=ServerlessSpec(cloud="aws", region="us-east-1"))
store = PineconeVectorStore(index=pc.Index(host=pc.describe_index(NAME).host), embedding=Letters(), namespace="texts")
texts = {"1": "a banana and an ananas", "2": "reset the terse tests", "3": "oil is in ionic soils"}
ids = store.add_documents([Document(text, metadata={"number": int(n)}) for n, text in texts.items()], ids=list(texts))
assert ids == ["1", "2", "3"]
(found,) = store.similarity_search("terse tests", k=1)
assert found.page_content == texts["2"] and found.metadata == {"number": 2}, found
((found, score),) = store.similarity_search_with_score(texts["3"], k=1)
assert found.page_content == texts["3"] and abs(score - 1) < 1e-5
found = store.similarity_search("anything", k=3, filter={"number": {"$lt": 3}})
assert {document.metadata["number"] for document in found} == {1, 2}
assert len(store.max_marginal_relevance_search("banana", k=2, fetch_k=3)) == 2
retriever = store.as_retriever(search_kwargs={"k": 1})
assert retriever.invoke("banana ananas")[0].page_content == texts["1"]
store.delete(ids=["1"])
assert len(store.similarity_search("banana", k=3)) == 2
store.delete(filter={"number": 2})
store.delete(delete_all=True)
assert store.similarity_search("banana", k=3) == []
pc.delete_index(NAME)
print("done")
