"""What keeps the steps of one document in order, and what holds all of them back for a moment."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager, suppress
from typing import TypeVar
from weakref import WeakValueDictionary

import anyio

T = TypeVar("T")


class Locks:
    """A lock for each name; it lives as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: str) -> asyncio.Lock:
        """The lock of a name."""
        return self._locks.setdefault(name, asyncio.Lock())


class Barrier:
    """Many may be inside, until it is closed: who comes then waits, and who closes waits for those inside."""

    def __init__(self) -> None:
        self._changed = asyncio.Condition()
        self._inside = 0
        self._closed = False

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """A block inside. It must not be entered from inside again: whoever closes would wait forever."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1
            await self._tell()

    @asynccontextmanager
    async def closed(self) -> AsyncIterator[None]:
        """A block during which nobody is inside."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._closed)
            self._closed = True
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: not self._inside)
            yield
        finally:
            self._closed = False
            await self._tell()

    async def _tell(self) -> None:
        with anyio.CancelScope(shield=True):
            async with self._changed:
                self._changed.notify_all()


async def to_its_end(step: Awaitable[T]) -> T:
    """Await a step that writes. A cancellation is passed on when the step has ended, not before.

    Else the sweep that follows could look before the step has written.
    """
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            while not task.done():
                # A second cancellation, too: it breaks no step in two.
                with suppress(asyncio.CancelledError):
                    await asyncio.wait([task])
        raise
