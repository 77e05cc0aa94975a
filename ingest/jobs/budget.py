"""Bounds the memory of what is under way, so that many small documents can be, and few large ones."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Budget:
    """So many bytes may be held at once; what is larger than all of them is held alone."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._freed = asyncio.Condition()

    @asynccontextmanager
    async def holding(self, size: int) -> AsyncIterator[None]:
        """Wait until `size` bytes fit, and hold them for as long as the block lasts."""
        size = min(size, self._size)
        async with self._freed:
            await self._freed.wait_for(lambda: self._held + size <= self._size)
            self._held += size
        try:
            yield
        finally:
            async with self._freed:
                self._held -= size
                self._freed.notify_all()
