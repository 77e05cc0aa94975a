"""Texts to vectors: prompts, batches by length, and questions that do not wait for an ingestion."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tandem.embedding.encoder import Encoder
from tandem.embedding.gate import ForwardGate

if TYPE_CHECKING:
    from tandem.index.protocol import Vector


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is put before a question and before a chunk; empty for models that want none."""

    query: str = ""
    document: str = ""


class Embedder:
    """A loaded model with its prompts. Thread-safe; `close` it at the end."""

    def __init__(self, encoder: Encoder, prompts: Prompts, fingerprint: str, batch_size: int) -> None:
        self._encoder = encoder
        self._prompts = prompts
        self._batch_size = batch_size
        self._gate = ForwardGate()
        self._questions = ThreadPoolExecutor(1, thread_name_prefix="embed-question")
        self.fingerprint = fingerprint
        self.dimension = encoder.dimension
        self.max_tokens = encoder.max_tokens - (
            encoder.count_tokens(prompts.document) if prompts.document else 0
        )
        """Longest chunk that is embedded whole, in the tokens of `count_tokens`."""

    def embed_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> "Vector":
        """Vectors of shape `(len(texts), dimension)`, float32, of length 1, in the order of `texts`.

        Blocks. Texts of like length share a batch, so little is spent on padding. `progress` is called
        after each batch with the number of texts done so far.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        # Longest first: a batch that does not fit in memory fails at once, not after an hour.
        order = sorted(range(len(texts)), key=lambda place: -len(texts[place]))
        for start in range(0, len(order), self._batch_size):
            places = order[start : start + self._batch_size]
            with self._gate.for_documents():
                encoded = self._encoder.encode([texts[place] for place in places], self._prompts.document)
            vectors[places] = _unit(encoded)
            if progress is not None:
                progress(start + len(places))
        return vectors

    async def embed_query(self, text: str) -> "Vector":
        """Vector of a question, of shape `(dimension,)`, float32, of length 1; off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._questions, self._embed_question, text)

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` by the embedder's tokenizer, without the marks around it."""
        return self._encoder.count_tokens(text)

    def token_starts(self, text: str) -> list[int]:
        """Where each of these tokens begins in `text`, in characters, in order."""
        return self._encoder.token_starts(text)

    def close(self) -> None:
        """End the thread of the questions; safe to call twice."""
        self._questions.shutdown(wait=True, cancel_futures=True)

    def _embed_question(self, text: str) -> "Vector":
        with self._gate.for_question():
            encoded = self._encoder.encode([text], self._prompts.query)
        vector: Vector = _unit(encoded)[0]
        return vector


def _unit(vectors: "Vector") -> "Vector":
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scaled: Vector = (vectors / lengths).astype(np.float32, copy=False)
    return scaled
