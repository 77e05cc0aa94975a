"""A cross-encoder reads question and passage together: better than any vector, and slower."""

import asyncio
from collections.abc import Sequence

from tandem.threads import in_thread
from tandem.vocabulary import Passage


class CrossEncoderReranker:
    """A `CrossEncoder` of sentence-transformers, in this process."""

    def __init__(self, model: str) -> None:
        """Load `model`, a folder or a name of a hub. Blocks."""
        from sentence_transformers import CrossEncoder

        self._model = CrossEncoder(model)
        self._free = asyncio.Lock()

    async def scores(self, question: str, passages: Sequence[Passage]) -> list[float]:
        """See `Reranker.scores`. One question after another, since each takes all cores."""
        texts = [passage.chunk.text for passage in passages]
        await self._free.acquire()
        # A deadline cannot stop the thread: the next question waits until it has ended.
        work = asyncio.ensure_future(in_thread(self._predict, question, texts))
        work.add_done_callback(lambda _: self._free.release())
        return await asyncio.shield(work)

    def _predict(self, question: str, texts: list[str]) -> list[float]:
        scores = self._model.predict([(question, text) for text in texts], show_progress_bar=False)
        return [float(score) for score in scores]

    async def close(self) -> None:
        """See `Reranker.close`."""
