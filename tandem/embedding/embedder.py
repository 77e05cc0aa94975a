"""The embedder in the process: prompts, passes side by side, and questions that do not wait."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tandem.embedding.encoder import Encoder, Pass
from tandem.embedding.gate import ForwardGate

if TYPE_CHECKING:
    from tandem.index.protocol import Vector


@dataclass(frozen=True, slots=True)
class Prompts:
    """What is put before a question and before a chunk; empty for models that want none."""

    query: str = ""
    document: str = ""


class LocalEmbedder:
    """An `Embedder`: a loaded model with its prompts."""

    def __init__(self, encoder: Encoder, prompts: Prompts, fingerprint: str, batch_size: int) -> None:
        self._encoder = encoder
        self._prompts = prompts
        self._batch_size = batch_size
        self._gate = ForwardGate(encoder.parallel)
        self._documents = ThreadPoolExecutor(encoder.parallel, thread_name_prefix="embed-documents")
        self._questions = ThreadPoolExecutor(1, thread_name_prefix="embed-question")
        self.fingerprint = fingerprint
        self.dimension = encoder.dimension
        self.max_tokens = encoder.max_tokens - (
            encoder.count_tokens(prompts.document) if prompts.document else 0
        )

    def embed_documents(
        self, texts: Sequence[str], progress: Callable[[int], None] | None = None
    ) -> "Vector":
        """See `Embedder`. Texts of like length share a pass, so little is spent on padding."""
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

    async def embed_query(self, text: str) -> "Vector":
        """See `Embedder`."""
        return await asyncio.get_running_loop().run_in_executor(self._questions, self._embed_question, text)

    def count_tokens(self, text: str) -> int:
        """See `Embedder`."""
        return self._encoder.count_tokens(text)

    def token_starts(self, text: str) -> list[int]:
        """See `Embedder`."""
        return self._encoder.token_starts(text)

    def close(self) -> None:
        """End the threads; safe to call twice."""
        self._documents.shutdown(wait=True, cancel_futures=True)
        self._questions.shutdown(wait=True, cancel_futures=True)

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

    def _embed_question(self, text: str) -> "Vector":
        with self._gate.for_question():
            (one,) = self._encoder.passes([text], self._prompts.query, 1)
            vector: Vector = unit(one.run())[0]
        return vector


def unit(vectors: "Vector") -> "Vector":
    """The same directions, of length 1."""
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    scaled: Vector = (vectors / lengths).astype(np.float32, copy=False)
    return scaled
