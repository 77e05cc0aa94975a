"""An index that stops at a chosen step, as a process does that is killed there."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from tandem.errors import UnavailableError
from tandem.index import Index, Query, Vector
from tandem.vocabulary import Chunk, Passage, Scope

T = TypeVar("T")


class FailingIndex:
    """Passes calls on to a real index until the step named `step`, `METHOD NUMBER`; then it is dead.

    `after` tells whether the step itself still reaches the real index. `watch` is called around every
    write.
    """

    def __init__(
        self, inner: Index, step: str = "", *, after: bool = False, watch: Callable[[], None] = lambda: None
    ) -> None:
        self._inner = inner
        self._step = step
        self._after = after
        self._watch = watch
        self._calls: dict[str, int] = {}
        self.dead = False

    async def upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        stops = self._stops("upsert")
        if not stops or self._after:
            await self._inner.upsert(chunks, vectors)
        self._end(stops)

    async def delete_version(self, tenant: str, document_id: str, version: str) -> int:
        stops = self._stops("delete_version")
        removed = 0
        if not stops or self._after:
            removed = await self._inner.delete_version(tenant, document_id, version)
        self._end(stops)
        return removed

    async def set_expiry(
        self, tenant: str, document_id: str, version: str, expires_at: datetime | None
    ) -> None:
        await self._inner.set_expiry(tenant, document_id, version, expires_at)

    async def delete(self, tenant: str, corpus: str | None = None) -> int:
        stops = self._stops("delete")
        removed = 0
        if not stops or self._after:
            removed = await self._inner.delete(tenant, corpus)
        self._end(stops)
        return removed

    async def set_groups(self, tenant: str, document_id: str, groups: tuple[str, ...]) -> None:
        await self._inner.set_groups(tenant, document_id, groups)

    def foreign_hits(self) -> int:
        return self._inner.foreign_hits()

    async def search(self, scope: Scope, query: Query) -> list[Passage]:
        return await self._inner.search(scope, query)

    async def search_with(
        self, scope: Scope, query: Query, look: Callable[[list[Passage]], T]
    ) -> tuple[list[Passage], T]:
        return await self._inner.search_with(scope, query, look)

    async def count(self, scope: Scope) -> int:
        return await self._inner.count(scope)

    def chunks(self) -> AsyncIterator[Chunk]:
        return self._inner.chunks()

    async def compact(self, *, at_once: bool = False) -> bool:
        return await self._inner.compact(at_once=at_once)

    async def close(self) -> None:
        await self._inner.close()

    def _stops(self, method: str) -> bool:
        self._watch()
        if self.dead:
            raise UnavailableError("dead")
        self._calls[method] = self._calls.get(method, 0) + 1
        return f"{method} {self._calls[method]}" == self._step

    def _end(self, stops: bool) -> None:
        self._watch()
        if stops:
            self.dead = True
            raise UnavailableError("killed here")
