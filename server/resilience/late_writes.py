"""Writes beside the answers: one that the store does not take at once holds no answer back."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from tandem.errors import TandemError
from tandem.threads import in_thread

log = structlog.get_logger(__name__)

_AT_ONCE = 4
"""Threads that may wait for the store; all the others are for answering."""


class LateWrites:
    """Makes blocking writes in the background, a few at a time. Of one event loop."""

    def __init__(self, *, wait_s: float = 0.25, most: int = 1_000) -> None:
        """An answer waits `wait_s` seconds at most; over `most` waiting writes, further ones are lost."""
        self._wait_s = wait_s
        self._most = most
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._running: set[asyncio.Task[None]] = set()

    async def write(self, work: Callable[[], None], lost: Callable[[], None], *, wait: bool = True) -> None:
        """Make the write; returns when it is made, or without `wait`, or after a while, before. Never raises by its
        fault: `lost` is called where it fails.
        """
        if len(self._running) >= self._most:
            lost()
            return
        task = asyncio.create_task(self._made(work, lost))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        if wait:
            await asyncio.wait((task,), timeout=self._wait_s)

    async def close(self, within_s: float = 2.0) -> None:
        """Wait for those that are under way; the rest is lost."""
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)
        for task in self._running:
            task.cancel()

    async def _made(self, work: Callable[[], None], lost: Callable[[], None]) -> None:
        try:
            async with self._free:
                await in_thread(work)
        except asyncio.CancelledError:
            lost()
            raise
        except TandemError as error:
            lost()
            with suppress(OSError):  # the log may be on the disk that is full; the counter has it
                log.warning("trace_lost", error=error.message, hint=error.hint)
        except Exception:  # a fault of ours, too, must cost nobody an answer
            lost()
            log.exception("trace_lost")
