"""Models of sentence-transformers in this process, one question after another: each takes all cores."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Sequence

from tandem.threads import in_thread
from tandem.vocabulary import Passage


class InProcessReranker(ABC):
    """A `Reranker` whose model computes on a thread."""

    def __init__(self) -> None:
        self._free = asyncio.Lock()

    @abstractmethod
    def predict(self, question: str, texts: list[str]) -> list[float]:
        """A score for each text; blocking."""

    async def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """See `Reranker.scores`."""
        texts = [passage.chunk.text for passage in passages]
        await self._free.acquire()
        # A deadline cannot stop the thread: the next question waits until it has ended.
        work = asyncio.ensure_future(in_thread(self.predict, question, texts))
        work.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(work)

    async def close(self) -> None:
        """See `Reranker.close`. A question that ran into its deadline may still be computed: wait for it."""
        async with self._free:
            pass
