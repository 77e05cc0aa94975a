"""LlamaIndex's and Haystack's retrievers over the same chunks and vectors, as their docs have a user write them.

haystack-ai and llama-index-retrievers-bm25 are no dependencies of Tandem. Install them into a folder and put it
on PYTHONPATH (`pip install --no-deps --target FOLDER haystack-ai lazy-imports more-itertools posthog
haystack-experimental backoff docstring-parser filetype llama-index-retrievers-bm25 bm25s PyStemmer`); what is absent is left out, and said.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np
from numpy.typing import NDArray

from tandem.index import Vector
from tandem.vocabulary import Chunk

Search = Callable[[str, Vector], list[str]]
"""From a question and its vector to chunk ids, best first."""


def peers(chunks: Sequence[Chunk], vectors: NDArray[np.float32], depth: int) -> dict[str, Search]:
    """Those that are installed, by name; for each that is not, a line on stderr."""
    found: dict[str, Search] = {}
    for make in (_llama_index, _haystack):
        try:
            found |= make(chunks, vectors, depth)
        except ImportError as error:
            print(f"left out, not installed: {error.name}", file=sys.stderr)
    return found


def versions() -> dict[str, str]:
    """Versions of the peers' packages that are here."""
    known = {}
    for name in ("llama-index-core", "llama-index-retrievers-bm25", "haystack-ai"):
        try:
            known[name] = version(name)
        except PackageNotFoundError:
            known[name] = "not installed"
    return known


def _llama_index(chunks: Sequence[Chunk], vectors: NDArray[np.float32], depth: int) -> dict[str, Search]:
    from llama_index.core import MockEmbedding, VectorStoreIndex
    from llama_index.core.llms import MockLLM
    from llama_index.core.retrievers import QueryFusionRetriever
    from llama_index.core.schema import QueryBundle, TextNode

    nodes = [
        TextNode(id_=chunk.id, text=chunk.text, embedding=vector.tolist())
        for chunk, vector in zip(chunks, vectors, strict=True)
    ]
    # Every vector is given, the questions' too: the embedding model is never asked.
    index = VectorStoreIndex(nodes, embed_model=MockEmbedding(embed_dim=vectors.shape[1]))
    default = index.as_retriever(similarity_top_k=depth)

    def dense(text: str, vector: Vector) -> list[str]:
        return [hit.node.node_id for hit in default.retrieve(QueryBundle(text, embedding=vector.tolist()))]

    found: dict[str, Search] = {"llama_index_default": dense}
    try:
        from llama_index.retrievers.bm25 import BM25Retriever
    except ImportError:
        print("left out, not installed: llama-index-retrievers-bm25", file=sys.stderr)
        return found
    fusion = QueryFusionRetriever(
        [default, BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=depth)],
        llm=MockLLM(),
        similarity_top_k=depth,
        num_queries=1,
        mode="reciprocal_rerank",
        use_async=False,
    )

    def hybrid(text: str, vector: Vector) -> list[str]:
        return [hit.node.node_id for hit in fusion.retrieve(QueryBundle(text, embedding=vector.tolist()))]

    return found | {"llama_index_hybrid": hybrid}


def _haystack(chunks: Sequence[Chunk], vectors: NDArray[np.float32], depth: int) -> dict[str, Search]:
    from haystack import Document, Pipeline
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    store = InMemoryDocumentStore()
    store.write_documents(
        [
            Document(id=chunk.id, content=chunk.text, embedding=vector.tolist())
            for chunk, vector in zip(chunks, vectors, strict=True)
        ]
    )
    pipeline = Pipeline()
    pipeline.add_component("dense", InMemoryEmbeddingRetriever(store, top_k=depth))
    pipeline.add_component("bm25", InMemoryBM25Retriever(store, top_k=depth))
    pipeline.add_component("join", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=depth))
    pipeline.connect("dense", "join")
    pipeline.connect("bm25", "join")

    def hybrid(text: str, vector: Vector) -> list[str]:
        wanted = {"dense": {"query_embedding": vector.tolist()}, "bm25": {"query": text}}
        return [document.id for document in pipeline.run(wanted)["join"]["documents"]]

    return {"haystack_hybrid": hybrid}
