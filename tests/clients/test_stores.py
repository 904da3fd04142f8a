"""Vector stores that keep their documents in pgvector: LangChain's and LlamaIndex's."""

import numpy as np
import pytest

from tests.clients.driver import clients, used_indexes
from tests.clients.task import HNSW, IVFFLAT, NEAREST, ONE, ROWS, STORED, about, nearest

HNSW, IVFFLAT = tuple(sorted(HNSW.items())), tuple(sorted(IVFFLAT.items()))
STRATEGIES = ["<->", "<#>", "<=>"]


@clients(langchain=("stores", "with_langchain"))
class TestLangChain:
    @pytest.mark.parametrize("how", ["exact", "hnsw", "ivfflat", "older"])
    def test_nearest_documents(self, done, how):
        assert done.answers["nearest"][how] == about({operator: NEAREST[f"embedding {operator}"] for operator in STRATEGIES})

    def test_nearest_documents_asynchronously(self, done):
        assert done.answers["nearest"]["asyncpg"] == about({"<->": NEAREST["embedding <->"]})

    @pytest.mark.parametrize("how", ["exact", "hnsw", "ivfflat"])
    def test_filter(self, done, how):
        assert done.answers["filtered"][how] == about(nearest("embedding", "<->", ONE))

    def test_deleted_documents_are_gone(self, done):
        kept = np.arange(1, ROWS + 1) % 2 == 0
        assert done.answers["rest"] == about(nearest("embedding", "<->", kept))

    def test_indexes(self, done):
        """It found each of those it made, and used the one it left."""
        assert done.answers["valid"] == [True] * 6
        assert used_indexes(done.db) == [("documents", "embedding", "hnsw", "vector_l2_ops", HNSW)]


@clients(llamaindex=("stores", "with_llamaindex"))
class TestLlamaIndex:
    @pytest.mark.parametrize("query", ["embedding", "embedding asynchronous", "half", "half asynchronous", "coarse"])
    def test_nearest_nodes(self, done, query):
        assert done.answers["nearest"][query] == about(NEAREST[f"{query.split()[0]} <=>"])

    @pytest.mark.parametrize("column", ["embedding", "half"])
    def test_filter(self, done, column):
        assert done.answers["filtered"][column] == about(nearest(column, "<=>", ONE))

    def test_nodes_come_back_as_they_went(self, done):
        assert done.answers["stored"] == {name: STORED[4][name] for name in ("id", "category", "embedding")}

    def test_deleted_nodes_are_gone(self, done):
        gone = [id for id, _ in NEAREST["coarse <=>"]]
        assert done.answers["rest"] == about(nearest("coarse", "<=>", ~np.isin(np.arange(1, ROWS + 1), gone)))

    def test_indexes(self, done):
        assert used_indexes(done.db) == [
            ("data_embedding", "embedding", "hnsw", "vector_cosine_ops", HNSW),
            ("data_half", "embedding", "hnsw", "halfvec_cosine_ops", HNSW),
            ("data_coarse", "embedding", "ivfflat", "vector_cosine_ops", IVFFLAT),
        ]
