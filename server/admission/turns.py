"""Takes turns at what may be used by so many at a time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from server.admission.fair_queue import FairQueue
from server.admission.ticket import Ticket


@dataclass(slots=True, eq=False)
class Waiter:
    """A ticket that waits for its turn; `turn` is done when it has come, or when it never will."""

    ticket: Ticket
    turn: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    granted: bool = False


class Turns:
    """So many have a turn at a time; the others wait, fair between tenants.

    What nobody waits for comes after all others, and has half of the turns at most. Of one event loop.
    """

    def __init__(self, at_once: int, longest_wait_s: float, weight_of: Callable[[str], float]) -> None:
        self._at_once = at_once
        self._longest_wait_s = longest_wait_s
        self._free = at_once
        self._background = 0
        self.waiting: FairQueue[Waiter] = FairQueue(weight_of)
        self.behind: FairQueue[Waiter] = FairQueue(weight_of)
        """What nobody waits for."""

    @property
    def taken(self) -> int:
        """How many have a turn now."""
        return self._at_once - self._free

    @property
    def is_free(self) -> bool:
        """Whether there is a turn that nobody waits for."""
        return self._free > 0

    async def take(self, ticket: Ticket, tokens: int) -> None:
        """Wait for a turn, which must be given back. Raises `TimeoutError` after the longest wait, and with what it
        was pushed out."""
        waiter = Waiter(ticket)
        queue = self._queue_of(ticket)
        queue.push(ticket.tenant, tokens, waiter)
        self._call_next()
        if waiter.granted:
            return
        try:
            async with asyncio.timeout(self._longest_wait_s):
                await waiter.turn
        except (TimeoutError, asyncio.CancelledError):
            # Its turn may have come just now: then it is another's.
            if waiter.granted:
                self.give_back(ticket)
            else:
                queue.remove(ticket.tenant, waiter)
            raise

    def give_back(self, ticket: Ticket) -> None:
        """End a turn, and let the next one have it."""
        self._free += 1
        self._background -= ticket.background
        self._call_next()

    def push_out(self, tenant: str, waiter: Waiter, why: Exception) -> None:
        """Let one wait no longer; it gets `why`."""
        self._queue_of(waiter.ticket).remove(tenant, waiter)
        if not waiter.turn.done():  # else its task is cancelled just now
            waiter.turn.set_exception(why)

    def _queue_of(self, ticket: Ticket) -> FairQueue[Waiter]:
        return self.behind if ticket.background else self.waiting

    def _call_next(self) -> None:
        while self._free > 0:
            if len(self.waiting):
                waiter = self.waiting.pop()
            elif len(self.behind) and self._background < max(1, self._at_once // 2):
                waiter = self.behind.pop()
                self._background += 1
            else:
                return
            self._free -= 1
            waiter.granted = True
            if not waiter.turn.done():  # else its task is cancelled just now, and gives it back
                waiter.turn.set_result(None)
