"""Loads, each made once however many wait for it, and what came of those that failed."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from server.monitoring import Metrics
from tandem.errors import InvalidRequestError, NotFoundError, StorageError, TandemError

log = structlog.get_logger(__name__)

_AGAIN_S = 5.0
"""So long a failed load is not tried again: its error is the next request's too."""


@dataclass(frozen=True, slots=True)
class _Failure:
    error: TandemError
    until: float


class Loads:
    """Makes adapters loaded by `load`, which gets a name and raises what keeps it from it."""

    def __init__(self, load: Callable[[str], Awaitable[None]], metrics: Metrics) -> None:
        self._load = load
        self._metrics = metrics
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, _Failure] = {}

    async def once(self, ref: str) -> None:
        """Return when the load that is going on, or a new one, is done; raises its error, also one just past."""
        if self.has_failed(ref):
            raise self._failures[ref].error
        task = self._running.get(ref)
        if task is None:
            task = asyncio.create_task(self._run(ref), name=f"load {ref}")
            self._running[ref] = task
            task.add_done_callback(lambda done: self._ended(ref, done))
        # Whoever waits may leave; the load goes on, or nobody would know how it ended.
        await asyncio.shield(task)

    def failed(self) -> dict[str, TandemError]:
        """The errors of those whose last load failed, by name."""
        return {ref: failure.error for ref, failure in self._failures.items()}

    def has_failed(self, ref: str) -> bool:
        """Whether its last load failed so short a time ago that none is tried now."""
        failure = self._failures.get(ref)
        return failure is not None and time.monotonic() < failure.until

    def forgive(self, ref: str) -> None:
        """Let the next wish for it be tried at once."""
        self._failures.pop(ref, None)

    async def close(self) -> None:
        """End the loads that are going on; what is loaded stays so."""
        running = list(self._running.values())
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    def _ended(self, ref: str, done: asyncio.Task[None]) -> None:
        del self._running[ref]
        if not done.cancelled():
            done.exception()  # `_run` has told it, should nobody wait any more

    async def _run(self, ref: str) -> None:
        begun = time.monotonic()
        try:
            await self._load(ref)
        except TandemError as error:
            own_fault = isinstance(error, InvalidRequestError | NotFoundError | StorageError)
            self._metrics.adapter_loading("refused" if own_fault else "failed", 0.0)
            known = self._failures.get(ref)
            if known is None or known.error.message != error.message:
                log.warning("adapter_not_loaded", adapter=ref, error=error.message, hint=error.hint)
            self._failures[ref] = _Failure(error, time.monotonic() + _AGAIN_S)
            raise
        seconds = time.monotonic() - begun
        self._failures.pop(ref, None)
        self._metrics.adapter_loading("loaded", seconds)
        log.info("adapter_loaded", adapter=ref, seconds=round(seconds, 3))
