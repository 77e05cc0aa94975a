"""What keeps the steps of one document in order."""

import asyncio
from collections.abc import Awaitable
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


async def to_its_end(step: Awaitable[T]) -> T:
    """Await a step that writes. A cancellation is passed on when the step has ended, not before.

    Else the sweep that follows could look before the step has written.
    """
    task = asyncio.ensure_future(step)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        with anyio.CancelScope(shield=True):
            await asyncio.wait([task])
        raise
