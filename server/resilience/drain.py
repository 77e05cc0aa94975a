"""The stop of a server: it says first that it goes, lets answers finish, and cuts those that take too long."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final, TypeVar

from tandem.errors import ServerDrainingError

T = TypeVar("T")


class _End:
    """Comes after the last event."""


_END: Final = _End()


class Drain:
    """Knows whether the server is going to stop, and every answer that still runs. Of one event loop."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        """Set from the first signal on: balancers are to send nobody here any more."""
        self._over = False
        self._waits: set[asyncio.Timeout] = set()

    @property
    def is_draining(self) -> bool:
        """Whether the stop has begun."""
        return self.begun.is_set()

    def begin(self) -> None:
        """The server is going to stop. Questions that come are still answered."""
        self.begun.set()

    def cut(self) -> None:
        """End every answer that still runs: what it waits for is given up."""
        if self._over:
            return
        self.begin()
        self._over = True
        now = asyncio.get_running_loop().time()
        for wait in tuple(self._waits):
            wait.reschedule(now)

    async def until_cut(self, events: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
        """The events, which are closed with this generator. Raises `ServerDrainingError` once they are cut."""
        async with aclosing(events):
            while not isinstance(event := await self._next(events), _End):
                yield event

    async def _next(self, events: AsyncGenerator[T, None]) -> T | _End:
        if self._over:
            raise _too_late()
        wait = asyncio.timeout(None)
        try:
            async with wait:
                self._waits.add(wait)
                return await anext(events, _END)
        except TimeoutError:
            if wait.expired():
                raise _too_late() from None
            raise
        finally:
            self._waits.discard(wait)


def _too_late() -> ServerDrainingError:
    return ServerDrainingError(
        "The server stops, and the answer was not finished in time",
        hint="Ask again: another server answers, or this one when it is back.",
        retry_after=1,
    )
