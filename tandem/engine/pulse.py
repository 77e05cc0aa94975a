"""Whether an engine that keeps questions waiting for their first token is alive, or hangs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import structlog

from tandem.settings import EngineSettings

log = structlog.get_logger(__name__)

_TICK_S = 0.05
_LATE = 2
"""A tick that took more than so many times its length says that this process is late, and nothing of the engine."""


class Pulse:
    """Asks one engine for its health while questions wait for it, once for all of them. Of one event loop.

    Busy is not hung: an engine is alive if it answers either of two requests, the second over a connection of its
    own, or sends a token to anybody meanwhile. Whatever it answers will do. Moments do not count against it at which
    this process was late itself, or the engine's own was seen to compute or to wait for a processor.
    """

    def __init__(
        self, http: httpx.AsyncClient, health: httpx.URL, settings: EngineSettings, lost: Callable[[], None]
    ) -> None:
        """`http` serves nothing else, or a question's connections could keep these waiting. `lost` is called when the
        engine gives no sign of life, before those who wait are told.
        """
        self.heard = 0
        """Counts what the engine has sent; whoever reads a token adds to it."""
        self.is_busy: Callable[[], bool] = lambda: False
        """Whether the engine's process is seen to do something, for who has started it."""
        self._http = http
        self._health = health
        self._silence_s = settings.silence_s
        self._longest_s = settings.first_token_timeout_s
        self._ticks = max(2, round(settings.alive_timeout_s / _TICK_S))
        self._lost = lost
        self._waiting: set[asyncio.Timeout] = set()
        self._asking: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """A wait for a first token. Raises `TimeoutError` once the engine hangs, or is silent for too long."""
        clock = asyncio.get_running_loop()
        async with asyncio.timeout(self._longest_s) as limit:
            self._waiting.add(limit)
            patience = clock.call_later(self._silence_s, self._ask_on)
            try:
                yield
            finally:
                patience.cancel()
                self._waiting.discard(limit)

    async def close(self) -> None:
        """Ask no more; safe to call twice."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait((self._asking,))
        await self._http.aclose()

    def _ask_on(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._ask_while_waited(), name="engine pulse")

    async def _ask_while_waited(self) -> None:
        while self._waiting:
            if await self._lives():
                # A question that comes now has to wait no longer for a verdict than the first one had.
                await asyncio.sleep(self._silence_s)
                continue
            # Also those who have just come: it has answered nobody since before they did.
            log.warning("the engine hangs", address=str(self._health), waiting=len(self._waiting))
            self._lost()
            now = asyncio.get_running_loop().time()
            for limit in self._waiting:
                if not limit.expired():
                    limit.reschedule(now)
            self._waiting.clear()

    async def _lives(self) -> bool:
        clock = asyncio.get_running_loop().time
        heard, answered = self.heard, asyncio.Event()
        asked = [asyncio.create_task(self._ask(answered))]
        ticks = 0
        try:
            while ticks < self._ticks:
                begun = clock()
                with suppress(TimeoutError):
                    async with asyncio.timeout(_TICK_S):
                        await answered.wait()
                if answered.is_set() or self.heard != heard:
                    return True
                ticks += clock() - begun <= _LATE * _TICK_S and not self.is_busy()
                if len(asked) == 1 and ticks >= self._ticks // 2:
                    asked.append(asyncio.create_task(self._ask(answered)))
            return False
        finally:
            for one in asked:
                one.cancel()
            await asyncio.wait(asked)

    async def _ask(self, answered: asyncio.Event) -> None:
        with suppress(httpx.HTTPError):
            async with self._http.stream("GET", self._health):
                pass
            # Not before it is closed: whoever hears of it cancels this task, and its connection would be lost.
            answered.set()
