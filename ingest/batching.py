"""Gathers the chunks of several documents into batches, so that the embedder never waits for one of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tandem.live import Live
from tandem.threads import in_thread

if TYPE_CHECKING:
    from tandem.index import Vector

_MOST_TEXTS = 256
"""Texts embedded in one go: many enough to be sorted by length, few enough that a document need not wait long
for those that it shares a batch with; what is written of it then costs no time of its own."""

_AT_ONCE = 2
"""Batches under way: the second begins while the last pass of the first has only one core to do."""


@dataclass(frozen=True, slots=True)
class _Wanted:
    texts: Sequence[str]
    vectors: "asyncio.Future[Vector]"


class EmbeddingQueue:
    """Embeds what documents ask for, together. Documents are served in the order in which they ask."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._wanted: list[_Wanted] = []
        self._running: set[asyncio.Task[None]] = set()

    async def embed(self, texts: Sequence[str]) -> "Vector":
        """Vectors of shape `(len(texts), dimension)`. Raises what the embedder raises."""
        wanted = _Wanted(texts, asyncio.get_running_loop().create_future())
        self._wanted.append(wanted)
        # A task that has ended may be in the set for a moment yet, and must not be counted on.
        if sum(not task.done() for task in self._running) < _AT_ONCE:
            task = asyncio.create_task(self._run())
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await wanted.vectors

    async def _run(self) -> None:
        while batch := self._next():
            await self._serve(batch)

    async def _serve(self, batch: Sequence[_Wanted]) -> None:
        texts = [text for wanted in batch for text in wanted.texts]
        try:
            vectors = await in_thread(self._live.collection.embedder.embed_documents, texts)
        except Exception as error:  # noqa: BLE001 - raised again in each document that waits
            for wanted in batch:
                if not wanted.vectors.done():
                    wanted.vectors.set_exception(error)
            return
        start = 0
        for wanted in batch:
            end = start + len(wanted.texts)
            if not wanted.vectors.done():
                wanted.vectors.set_result(vectors[start:end])
            start = end

    def _next(self) -> list[_Wanted]:
        """Those that wait longest, as many as fit; who has given up is left out."""
        waiting = [wanted for wanted in self._wanted if not wanted.vectors.done()]
        size = count = 0
        for wanted in waiting:
            if count and size + len(wanted.texts) > _MOST_TEXTS:
                break
            size += len(wanted.texts)
            count += 1
        self._wanted = waiting[count:]
        return waiting[:count]
