"""An index that stands still before a chosen step, so that another writer can be let in there."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from typing import TypeVar

from tandem.index import Index, Query, Vector
from tandem.vocabulary import Chunk, Passage, Scope

T = TypeVar("T")


class PausingIndex:
    """Passes calls on to a real index; the first call of `step` tells `reached` and waits for `go_on`."""

    def __init__(self, inner: Index, step: str) -> None:
        self._inner = inner
        self._step = step
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def _pause(self, step: str) -> None:
        if step == self._step and not self.reached.is_set():
            self.reached.set()
            await self.go_on.wait()

    async def upsert(self, chunks: Sequence[Chunk], vectors: Vector) -> None:
        await self._pause("upsert")
        await self._inner.upsert(chunks, vectors)

    async def delete_version(self, tenant: str, document_id: str, version: str) -> int:
        await self._pause("delete_version")
        return await self._inner.delete_version(tenant, document_id, version)

    async def delete(self, tenant: str, corpus: str | None = None) -> int:
        await self._pause("delete")
        return await self._inner.delete(tenant, corpus)

    async def set_expiry(
        self, tenant: str, document_id: str, version: str, expires_at: datetime | None
    ) -> None:
        await self._inner.set_expiry(tenant, document_id, version, expires_at)

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
