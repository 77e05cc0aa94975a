"""Chunks that nobody wrote, shaped like real ones: vectors in clusters, words by Zipf's law, unequal tenants."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tandem.vocabulary import Chunk, Marks, chunk_id

DIMENSION = 384
_TOPICS = 2_000
_WORDS = 100_000
_WORDS_A_CHUNK = 100
_OF_THE_TOPIC = 20
_TOPIC_WORDS = 300
_CHUNKS_A_DOCUMENT = 50
_SPREAD = 0.8
"""Length of what sets a chunk apart from its topic, against the topic's own."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Chunks and their vectors, of length 1."""

    chunks: list[Chunk]
    vectors: NDArray[np.float32]


class Synthetic:
    """Makes any batch again from its number, so nothing is kept. `shares` are the tenants' parts of `chunks`.

    Tenants come one after another, as corpora do that are ingested.
    """

    def __init__(self, shares: dict[str, float], chunks: int, seed: int = 7) -> None:
        random = np.random.default_rng(seed)
        # Directions count unequally, as they do in an embedder's space.
        scale = np.arange(1, DIMENSION + 1) ** -0.5
        rotation, _ = np.linalg.qr(random.standard_normal((DIMENSION, DIMENSION)))
        self._shape = (rotation * (scale / np.linalg.norm(scale))).T.astype(np.float32)
        self._topics = self._noise(random, _TOPICS)
        letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
        self._words = np.array(
            ["".join(letters[random.integers(0, 26, random.integers(4, 10))]) for _ in range(_WORDS)]
        )
        self._zipf = np.cumsum(1 / (np.arange(_WORDS) + 2.7))
        self._zipf /= self._zipf[-1]
        self._tenants = list(shares)
        self._count = chunks
        self._ends = np.rint(np.cumsum(list(shares.values())) / sum(shares.values()) * chunks)

    def batches(self, size: int) -> Iterator[Batch]:
        """All chunks, in batches."""
        for start in range(0, self._count, size):
            yield self.batch(start, min(size, self._count - start))

    def batch(self, start: int, size: int) -> Batch:
        """The chunks from number `start` on."""
        random = np.random.default_rng((7, start))
        topics = random.integers(0, _TOPICS, size)
        vectors = self._topics[topics] + _SPREAD * self._noise(random, size)
        words = np.searchsorted(self._zipf, random.random((size, _WORDS_A_CHUNK)))
        own = np.searchsorted(self._zipf, random.random((size, _OF_THE_TOPIC)))
        words[:, :_OF_THE_TOPIC] = (topics[:, None] * 37 + own % _TOPIC_WORDS) % _WORDS
        tenants = np.searchsorted(self._ends, np.arange(start, start + size), side="right")
        chunks = [
            self._chunk(start + n, self._tenants[tenant], " ".join(self._words[words[n]]))
            for n, tenant in enumerate(tenants)
        ]
        return Batch(chunks, vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    def questions(self, tenant: str, wanted: int, size: int) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Eight words of a chunk of the tenant, and a vector near its own; `size` is that of the batches."""
        random = np.random.default_rng((11, len(tenant)))
        number = self._tenants.index(tenant)
        first, end = int(self._ends[number - 1]) if number else 0, int(self._ends[number])
        chosen = np.sort(random.choice(np.arange(first, end), min(wanted, end - first), replace=False))
        for start in np.unique(chosen // size) * size:
            batch = self.batch(int(start), min(size, self._count - int(start)))
            for place in chosen[(chosen >= start) & (chosen < start + size)] - start:
                text = " ".join(random.choice(batch.chunks[place].text.split(), 8, replace=False))
                near = batch.vectors[place] + 0.5 * self._noise(random, 1)[0]
                yield text, (near / np.linalg.norm(near)).astype(np.float32)

    def _noise(self, random: np.random.Generator, count: int) -> NDArray[np.float32]:
        return random.standard_normal((count, DIMENSION), dtype=np.float32) @ self._shape

    def _chunk(self, number: int, tenant: str, text: str) -> Chunk:
        ordinal = number % _CHUNKS_A_DOCUMENT
        document = f"document-{tenant}-{number // _CHUNKS_A_DOCUMENT}"
        return Chunk(
            id=chunk_id(document, "v1", ordinal),
            tenant=tenant,
            corpus=f"corpus-{number // _CHUNKS_A_DOCUMENT % 5}",
            document_id=document,
            version="v1",
            ordinal=ordinal,
            text=text,
            start=ordinal * 700,
            end=ordinal * 700 + len(text),
            title=f"Document {number // _CHUNKS_A_DOCUMENT}",
            uri=f"files/{document}.pdf",
            page=ordinal // 3 + 1,
            section="Part > Chapter",
            marks=Marks(("public",) if number % 3 else (), {"year": 2000 + number % 25}),
        )
