"""A circuit breaker: a part that fails again and again is left alone for a while, and nobody waits for it."""

import time
from collections.abc import Callable
from enum import StrEnum


class BreakerState(StrEnum):
    """Whether the part is asked."""

    CLOSED = "closed"
    """It is asked."""
    HALF_OPEN = "half-open"
    """One call tries whether it is back."""
    OPEN = "open"
    """It is not asked."""


class Breaker:
    """Opens after `failures` in a row, and lets one call through every `retry_s` seconds until one succeeds.

    Of one event loop. Who calls the part asks `admits` first, and says afterwards how it went; a call that was
    given up says nothing.
    """

    def __init__(self, failures: int, retry_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.state = BreakerState.CLOSED
        self._limit = failures
        self._retry_s = retry_s
        self._clock = clock
        self._failures = 0
        self._since = 0.0
        """When it opened, or last let a call through."""

    @property
    def is_closed(self) -> bool:
        """Whether everybody may call."""
        return self.state is BreakerState.CLOSED

    @property
    def retry_after(self) -> int:
        """Whole seconds until the next call is let through, at least 1."""
        return max(1, round(self._since + self._retry_s - self._clock()))

    def admits(self) -> bool:
        """Whether this call may be made. One that is admitted while it is open is the try whether the part is back."""
        if self.is_closed:
            return True
        if self._clock() - self._since < self._retry_s:
            return False
        self.state, self._since = BreakerState.HALF_OPEN, self._clock()
        return True

    def begun(self) -> None:
        """A call goes well so far: that closes a half-open one. It opens again by the next failure, until a call has
        gone well to its end.
        """
        if self.state is BreakerState.HALF_OPEN:
            self.state, self._failures = BreakerState.CLOSED, self._limit - 1

    def succeeded(self) -> None:
        """A call went well to its end. One that began before it opened says nothing about now."""
        if self.state is not BreakerState.OPEN:
            self.state, self._failures = BreakerState.CLOSED, 0

    def failed(self) -> None:
        """A call failed by the part's fault."""
        if self.state is BreakerState.OPEN:
            return
        self._failures += 1
        if self.state is BreakerState.HALF_OPEN or self._failures >= self._limit:
            self.open()

    def open(self) -> None:
        """The part is known to be gone: no more failures are needed to tell."""
        self.state, self._since = BreakerState.OPEN, self._clock()
