"""The vector of a question: made once on its way, by the first step that needs it."""

import asyncio
from concurrent.futures import Future
from dataclasses import dataclass, field
from time import perf_counter

from tandem.embedding import Embedder
from tandem.index import Vector


@dataclass(slots=True)
class AskedVector:
    """Filled by `of`."""

    text: str = ""
    embedder: str = ""
    """The embedder's fingerprint."""
    vector: Vector | None = None
    """Of shape (dimension,)."""
    came_at: float = 0.0
    """When it was there, by `perf_counter`; whoever waits for it hears of it later."""
    _coming: "Future[Vector] | None" = field(default=None, repr=False)

    def begun(self, text: str, embedder: Embedder) -> "Vector | Future[Vector]":
        """The vector of `text`, which may be on its way still; another text, or another embedder's, takes its place."""
        if (self.text, self.embedder) != (text, embedder.fingerprint):
            self.text, self.embedder, self.vector, self._coming = text, embedder.fingerprint, None, None
        if self.vector is None and self._coming is None:
            self._coming = embedder.ask(text)
            self._coming.add_done_callback(self._note)
        return self._coming if self.vector is None and self._coming is not None else self._ready()

    async def of(self, text: str, embedder: Embedder) -> Vector:
        """The vector of `text`, which is kept. Raises as `Embedder.embed_query`; it can then be asked for again."""
        coming = self.begun(text, embedder)
        if isinstance(coming, Future):
            try:
                self.vector = await asyncio.wrap_future(coming)
            finally:
                self._coming = None
        return self._ready()

    def _note(self, coming: "Future[Vector]") -> None:
        self.came_at = perf_counter()

    def _ready(self) -> Vector:
        if self.vector is None:
            raise RuntimeError("the vector has not come")
        return self.vector
