"""Counts by the package `limits`: in this process, or where all servers count together."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from math import ceil
from typing import TypeVar, cast

import structlog
from limits import RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.storage.base import MovingWindowSupport, SlidingWindowCounterSupport
from limits.aio.strategies import MovingWindowRateLimiter, SlidingWindowCounterRateLimiter
from limits.errors import ConfigurationError, StorageError
from limits.storage import storage_from_string

from server.limiting.in_process import InProcess
from tandem.errors import SettingsError
from tandem.extras import hint_for

log = structlog.get_logger(__name__)

T = TypeVar("T")

_MINUTE = 60
_LEAST_WAIT_S = 1.0
_PATIENCE_S = 0.5
_ASIDE_S = 5.0
"""So long a storage that failed is not asked again."""


@dataclass(frozen=True, slots=True)
class Level:
    """How a limit stands: how much is left, and in how many seconds something, or all that is wanted, is free."""

    limit: int
    left: int
    reset_s: float
    wait_s: float
    """Until the cost that was asked for fits; 0 where it does now."""


class Counting:
    """Requests in a moving window of a minute, which is exact; tokens by a sliding counter of two windows.

    The counter takes the same memory however many tokens there are, and takes those of the minute before to be spread
    evenly over it. Where a shared storage fails or is slow, this server counts for itself until it is back.
    """

    def __init__(self, shared: Storage | None = None) -> None:
        self._local = InProcess()
        self._shared = shared
        self._aside_until = 0.0

    async def requests(self, name: str, limit: int) -> Level:
        """How the requests of `name` stand before one more."""
        item = RateLimitItemPerMinute(limit, namespace="tandem-requests")
        key = item.key_for(name)

        async def look(storage: Storage) -> Level:
            window = cast("MovingWindowSupport", storage)
            start, count = await window.get_moving_window(key, limit, _MINUTE)
            reset = max(start + _MINUTE - time.time(), 0.0) if count else 0.0
            return Level(limit, max(limit - count, 0), reset, reset if count >= limit else 0.0)

        return await self._by(look)

    async def add_request(self, name: str, limit: int) -> bool:
        """Count one request, unless the limit is reached; whether it was counted."""
        item = RateLimitItemPerMinute(limit, namespace="tandem-requests")
        return await self._by(lambda storage: MovingWindowRateLimiter(storage).hit(item, name))

    async def tokens(self, name: str, limit: int, wanted: int) -> Level:
        """How the tokens of `name` stand before `wanted` more."""
        key = RateLimitItemPerMinute(limit, namespace="tandem-tokens").key_for(name)

        async def look(storage: Storage) -> Level:
            window = cast("SlidingWindowCounterSupport", storage)
            return _level(limit, wanted, *await window.get_sliding_window(key, _MINUTE))

        return await self._by(look)

    async def add_tokens(self, name: str, limit: int, tokens: int) -> None:
        """Count tokens that were spent; what goes over the limit is counted up to it."""
        item = RateLimitItemPerMinute(limit, namespace="tandem-tokens")

        async def add(storage: Storage) -> None:
            counter = SlidingWindowCounterRateLimiter(storage)
            if not await counter.hit(item, name, cost=tokens):
                left = (await counter.get_window_stats(item, name)).remaining
                if left > 0:
                    await counter.hit(item, name, cost=min(left, tokens))

        if tokens > 0:
            await self._by(add)

    async def _by(self, work: Callable[[Storage], Awaitable[T]]) -> T:
        if self._shared is not None and time.monotonic() >= self._aside_until:
            try:
                async with asyncio.timeout(_PATIENCE_S):
                    return await work(self._shared)
            except (StorageError, TimeoutError) as error:
                self._aside_until = time.monotonic() + _ASIDE_S
                log.warning("limits_counted_locally", error=str(error) or type(error).__name__)
        return await work(self._local)


def open_counting(storage: str) -> Counting:
    """Counts at `storage`, a setting. Raises `SettingsError` for one that is unknown or lacks its package."""
    if storage == "memory":
        return Counting()
    address = storage if storage.startswith("async+") else f"async+{storage}"
    try:
        # The Redis client that asks nothing of other packages; the default one holds some of ours back.
        redis = {"implementation": "redispy"} if address.startswith("async+redis") else {}
        shared = storage_from_string(address, wrap_exceptions=True, **redis)
    except (ConfigurationError, ValueError) as error:
        raise SettingsError(
            f"limits.storage: {error}",
            param="limits.storage",
            hint=f"Name `memory`, or an address such as redis://10.0.0.1:6379. {hint_for('redis')}",
        ) from error
    if not isinstance(shared, Storage) or not hasattr(shared, "get_moving_window"):
        raise SettingsError(
            "limits.storage: this storage cannot count in a moving window",
            param="limits.storage",
            hint="Name a Redis or Valkey, such as redis://10.0.0.1:6379.",
        )
    return Counting(shared)


def _level(
    limit: int, wanted: int, before: int, before_ends_in: float, now: int, now_ends_in: float
) -> Level:
    """From the counts of this minute and the one before; their ends are in seconds.

    The count is `before * before_ends_in / 60 + now`, as `limits` has it. It falls evenly with time, first by what
    was counted the minute before, and from the next minute on by what is counted in this one.
    """
    count = before * before_ends_in / _MINUTE + now
    turn = max(now_ends_in - _MINUTE, 0.0)  # seconds to the next minute: a count lives for two
    wait = 0.0
    if count + wanted > limit:
        room = limit - wanted
        if before and now <= room:
            wait = before_ends_in - (room - now) * _MINUTE / before
        elif now:
            wait = turn + _MINUTE * (1 - max(room, 0) / now)
        wait = max(wait, _LEAST_WAIT_S)  # what is set aside for other questions may be free at any time
    reset = turn + _MINUTE if now else before_ends_in if before else 0.0
    return Level(limit, max(limit - ceil(count), 0), max(reset, 0.0), wait)
