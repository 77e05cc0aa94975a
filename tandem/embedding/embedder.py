"""Texts to vectors: prompts, passes side by side, and questions that do not wait for an ingestion."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tandem.embedding.encoder import Encoder, Pass
from tandem.embedding.gate import ForwardGate
from tandem.embedding.questions import QuestionBatches

if TYPE_CHECKING:
    from tandem.index.protocol import Vector


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is put before a question and before a chunk; empty for models that want none."""

    query: str = ""
    document: str = ""


class Embedder:
    """A model with its prompts, in the process or behind an address. Thread-safe; `close` it at the end."""

    def __init__(self, encoder: Encoder, prompts: Prompts, fingerprint: str, batch_size: int) -> None:
        self._encoder = encoder
        self._prompts = prompts
        self._batch_size = batch_size
        self._gate = ForwardGate(encoder.parallel + encoder.spare)
        self._documents = ThreadPoolExecutor(encoder.parallel, thread_name_prefix="embed-documents")
        self._questions = QuestionBatches(self._embed_questions, self._gate, encoder.parallel, batch_size)
        self.fingerprint = fingerprint
        """Equal for embedders whose vectors may stand in one collection."""
        self.dimension = encoder.dimension
        self.max_tokens = encoder.max_tokens - (
            encoder.count_tokens(prompts.document) if prompts.document else 0
        )
        """Longest chunk that is embedded whole, in the tokens of `count_tokens`."""

    def embed_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> "Vector":
        """Vectors of shape `(len(texts), dimension)`, float32, of length 1, in the order of `texts`.

        Blocks. Texts of like length share a pass, so little is spent on padding. `progress` is called
        after each pass with the number of texts done so far. Of a model behind an address it raises
        `UnavailableError`, once tries are used up, and what else `RemoteEncoder` names.
        """
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        done = 0
        for places, encoded in self._side_by_side(
            self._encoder.passes(texts, self._prompts.document, self._batch_size)
        ):
            vectors[places] = encoded
            done += len(places)
            if progress is not None:
                progress(done)
        return vectors

    def ask(self, text: str) -> "Future[Vector]":
        """The vector of a question, to come: of shape `(dimension,)`, float32, of length 1.

        Questions that wait at the same time share a pass. It raises as `embed_documents` does.
        """
        return self._questions.ask(text)

    async def embed_query(self, text: str) -> "Vector":
        """What `ask` gives, once it is there; off the event loop."""
        return await asyncio.wrap_future(self.ask(text))

    def count_tokens(self, text: str) -> int:
        """Tokens of `text` by the embedder's tokenizer, without the marks around it."""
        return self._encoder.count_tokens(text)

    def token_starts(self, text: str) -> list[int]:
        """Where each of these tokens begins in `text`, in characters, in order."""
        return self._encoder.token_starts(text)

    def close(self) -> None:
        """End threads and connections; safe to call twice."""
        self._documents.shutdown(wait=True, cancel_futures=True)
        self._questions.close()
        self._encoder.close()

    def _side_by_side(self, passes: Iterator[Pass]) -> Iterator[tuple[Sequence[int], "Vector"]]:
        """Each pass's places and vectors, in order, with as many passes running as the encoder likes."""
        running: deque[tuple[Sequence[int], Future[Vector]]] = deque()
        try:
            for one in passes:
                running.append((one.places, self._documents.submit(self._through_gate, one)))
                # One more than can run, so that none waits for this thread.
                if len(running) > self._encoder.parallel:
                    places, future = running.popleft()
                    yield places, future.result()
            while running:
                places, future = running.popleft()
                yield places, future.result()
        finally:
            for _, future in running:
                future.cancel()

    def _through_gate(self, one: Pass) -> "Vector":
        with self._gate.for_documents():
            return unit(one.run())

    def _embed_questions(self, texts: Sequence[str]) -> "Vector":
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        for one in self._encoder.passes(texts, self._prompts.query, self._batch_size):
            vectors[one.places] = unit(one.run())
        return vectors


def unit(vectors: "Vector") -> "Vector":
    """The same directions, of length 1."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scaled: Vector = (vectors / lengths).astype(np.float32, copy=False)
    return scaled
