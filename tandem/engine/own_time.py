"""A limit to a wait for somebody else, in which it does not count how late this process is itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

_TICK_S = 0.05


@asynccontextmanager
async def punctual_timeout(seconds: float) -> AsyncIterator[None]:
    """As `asyncio.timeout`; but time counts only in pieces at whose end the event loop was punctual.

    With a busy loop what was waited for may long be there and not have been looked at. Such a moment tells nothing
    of the other side. Raises `TimeoutError`.
    """
    async with asyncio.timeout(None) as limit:
        ticking = _Ticking(limit, max(1, round(seconds / _TICK_S)))
        try:
            yield
        finally:
            ticking.stop()


class _Ticking:
    """Ends a wait after so many ticks that came in time."""

    def __init__(self, limit: asyncio.Timeout, ticks: int) -> None:
        self._limit = limit
        self._left = ticks
        self._loop = asyncio.get_running_loop()
        self._next = self._after(self._loop.time())

    def stop(self) -> None:
        self._next.cancel()

    def _after(self, now: float) -> asyncio.TimerHandle:
        return self._loop.call_at(now + _TICK_S, self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        self._left -= now - self._next.when() <= _TICK_S
        if self._left:
            self._next = self._after(now)
        else:
            self._limit.reschedule(now)
