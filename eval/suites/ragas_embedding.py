"""Tandem's own embedder as Ragas wants one. Imports Ragas: import it late."""

from collections.abc import Sequence
from typing import Any

from ragas.embeddings.base import BaseRagasEmbedding
from ragas.metrics.collections import SemanticSimilarity

from eval.suites.embed import Embed


class KnownVectors(BaseRagasEmbedding):
    """Texts whose vectors were computed before, in batches. Raises `KeyError` for any other text."""

    def __init__(self, vectors: dict[str, list[float]]) -> None:
        super().__init__()
        self._vectors = vectors

    @classmethod
    def of(cls, texts: Sequence[str], embed: Embed) -> "KnownVectors":
        """Embed different texts, all in one call."""
        vectors = embed(list(texts)) if texts else ()
        return cls({text: [float(each) for each in one] for text, one in zip(texts, vectors, strict=True)})

    def embed_text(self, text: str, **kwargs: Any) -> list[float]:
        """The vector of a text."""
        return self._vectors[text]

    async def aembed_text(self, text: str, **kwargs: Any) -> list[float]:
        """The same; nothing is waited for."""
        return self._vectors[text]


def similarity(embedding: BaseRagasEmbedding) -> SemanticSimilarity:
    """Ragas's metric over these vectors."""
    return SemanticSimilarity(embeddings=embedding)
