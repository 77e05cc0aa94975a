"""Counts in this process, for the package `limits`."""

import time
from collections import OrderedDict, deque
from dataclasses import dataclass, field

from limits.aio.storage import Storage
from limits.aio.storage.base import MovingWindowSupport, SlidingWindowCounterSupport


@dataclass(slots=True)
class _Kept:
    """What is known of one key."""

    over_at: float = 0.0
    """The moment from which on none of it counts."""
    moments: deque[float] = field(default_factory=deque)
    """Of a moving window, the oldest first."""
    window: int = 0
    before: int = 0
    now: int = 0
    """Of a sliding counter: the number of the window since the epoch, what was counted in the one before, and in it."""


class InProcess(Storage, MovingWindowSupport, SlidingWindowCounterSupport):
    """Of one event loop; nothing here waits.

    The package's own storage in memory hands its keys to threads after each request, to tidy them one by one, and keeps
    them locked meanwhile: the next question waits for that. Here each request drops what has run out itself.
    """

    STORAGE_SCHEME = None

    def __init__(self) -> None:
        super().__init__()
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """None: a dictionary does not fail."""
        return ()

    async def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """See `MovingWindowSupport`."""
        now = time.time()
        moments = self._moments(key, now - expiry)
        if len(moments) + amount > limit:
            return False
        kept = self._touched(key, now + expiry)
        kept.moments.extend([now] * amount)
        return True

    async def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """See `MovingWindowSupport`."""
        now = time.time()
        moments = self._moments(key, now - expiry)
        return (moments[0], len(moments)) if moments else (now, 0)

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """See `SlidingWindowCounterSupport`."""
        before, before_ends_in, now, _ = self._windows(key, expiry)
        if int(before * before_ends_in / expiry + now) + amount > limit:
            return False
        # Counted in this window and the next.
        kept = self._touched(key, time.time() + 2 * expiry)
        kept.window, kept.before, kept.now = int(time.time() / expiry), before, now + amount
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """See `SlidingWindowCounterSupport`."""
        return self._windows(key, expiry)

    async def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget a key."""
        self._kept.pop(key, None)

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in one window from the first count on; returns how much there is."""
        count = await self.get(key)
        kept = self._touched(key, self._kept[key].over_at if count else time.time() + expiry)
        kept.now = count + amount
        return kept.now

    async def get(self, key: str) -> int:
        """What `incr` has counted."""
        kept = self._kept.get(key)
        return kept.now if kept and kept.over_at > time.time() else 0

    async def get_expiry(self, key: str) -> float:
        """The moment at which nothing of the key counts any more."""
        kept = self._kept.get(key)
        return kept.over_at if kept else time.time()

    async def check(self) -> bool:
        """It always counts."""
        return True

    async def reset(self) -> int:
        """Forget all keys; returns how many there were."""
        count = len(self._kept)
        self._kept.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget a key."""
        self._kept.pop(key, None)

    def _moments(self, key: str, since: float) -> deque[float]:
        kept = self._kept.get(key)
        if kept is None:
            return deque()
        while kept.moments and kept.moments[0] < since:
            kept.moments.popleft()
        return kept.moments

    def _windows(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Counts of the window before and of this one, and in how many seconds each is over."""
        at = time.time()
        window, gone = int(at / expiry), at % expiry
        kept = self._kept.get(key)
        before = now = 0
        if kept is not None and kept.window == window:
            before, now = kept.before, kept.now
        elif kept is not None and kept.window == window - 1:
            before = kept.now
        return before, expiry - gone if before else 0.0, now, 2 * expiry - gone

    def _touched(self, key: str, over_at: float) -> _Kept:
        """The key, which is the newest now; the oldest goes where it is over."""
        kept = self._kept.setdefault(key, _Kept())
        kept.over_at = over_at
        self._kept.move_to_end(key)
        oldest = next(iter(self._kept))
        if self._kept[oldest].over_at <= time.time():
            del self._kept[oldest]
        return kept
