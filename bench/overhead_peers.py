"""How long LlamaIndex or Haystack takes from a question to its call of the model, as a user would write it.

    python -m bench.overhead_peers llama_index|haystack [--chunks 100000] [--requests 20]

Each in its default, in-memory store, in one process, without HTTP. Vectors and words are random, and the
question's vector costs nothing, so what is measured is search and prompt alone. It prints one JSON object.
It imports nothing of Tandem, so that the environment of the peer is enough.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np

_DIMENSION = 384
_WARM_UP = 2
_PASSAGES = 4


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("peer", choices=("llama_index", "haystack"))
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--requests", type=int, default=20)
    arguments = parser.parse_args()
    made = _llama_index if arguments.peer == "llama_index" else _haystack
    ask, package = made(arguments.chunks)
    for _ in range(_WARM_UP):
        ask(_words(10))
    spent = sorted(ask(_words(10)) for _ in range(arguments.requests))
    print(
        json.dumps(
            {
                "package": f"{package} {version(package)}",
                "requests": arguments.requests,
                "median": round(statistics.median(spent), 2),
                "p99": round(spent[int(0.99 * len(spent))], 2),
            }
        )
    )


_random = random.Random(0)
_rng = np.random.default_rng(0)
_VOCABULARY = [f"{a}{b}{c}" for a in "bdklmn" for b in ("ar", "el", "ir", "on") for c in "aeou"]


def _words(count: int) -> str:
    return " ".join(_random.choices(_VOCABULARY, k=count))


def _vector() -> list[float]:
    vector = _rng.standard_normal(_DIMENSION)
    unit: list[float] = (vector / np.linalg.norm(vector)).tolist()
    return unit


def _llama_index(chunks: int) -> tuple[Callable[[str], float], str]:
    from llama_index.core import VectorStoreIndex
    from llama_index.core.embeddings import MockEmbedding
    from llama_index.core.llms import CompletionResponse, MockLLM
    from llama_index.core.schema import TextNode

    called: list[float] = []

    class NotingLlm(MockLLM):  # type: ignore[misc]
        def complete(self, *arguments: Any, **options: Any) -> CompletionResponse:
            called.append(time.perf_counter())
            return CompletionResponse(text="x")

    class RandomEmbedding(MockEmbedding):  # type: ignore[misc]
        def _get_query_embedding(self, query: str) -> list[float]:
            return _vector()

    nodes = [TextNode(text=_words(110), embedding=_vector()) for _ in range(chunks)]
    index = VectorStoreIndex(nodes, embed_model=RandomEmbedding(embed_dim=_DIMENSION))
    engine = index.as_query_engine(llm=NotingLlm(), similarity_top_k=_PASSAGES)

    def ask(question: str) -> float:
        begun = time.perf_counter()
        engine.query(question)
        return 1000 * (called[-1] - begun)

    return ask, "llama-index-core"


def _haystack(chunks: int) -> tuple[Callable[[str], float], str]:
    from haystack import Document, Pipeline, component
    from haystack.components.builders import PromptBuilder
    from haystack.components.retrievers.in_memory import InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore

    called: list[float] = []

    @component
    class NotingGenerator:
        @component.output_types(replies=list[str])  # type: ignore[untyped-decorator]
        def run(self, prompt: str) -> dict[str, Any]:
            called.append(time.perf_counter())
            return {"replies": ["x"]}

    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    store.write_documents([Document(content=_words(110), embedding=_vector()) for _ in range(chunks)])
    pipeline = Pipeline()
    pipeline.add_component("retriever", InMemoryEmbeddingRetriever(store, top_k=_PASSAGES))
    template = "{% for document in documents %}{{ document.content }}\n{% endfor %}Question: {{ question }}"
    pipeline.add_component("prompt", PromptBuilder(template, required_variables=["documents", "question"]))
    pipeline.add_component("generator", NotingGenerator())
    pipeline.connect("retriever", "prompt.documents")
    pipeline.connect("prompt", "generator")

    def ask(question: str) -> float:
        begun = time.perf_counter()
        pipeline.run({"retriever": {"query_embedding": _vector()}, "prompt": {"question": question}})
        return 1000 * (called[-1] - begun)

    return ask, "haystack-ai"


if __name__ == "__main__":
    main()
