"""How many questions may be in the server, and which of them is next at the engine."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from math import ceil
from time import perf_counter

from server.admission.fair_queue import FairQueue
from server.admission.ticket import Ticket
from server.monitoring import Metrics
from tandem.errors import OverloadedError
from tandem.settings import EngineSettings, LimitSettings

_VLLM_SEQUENCES = 256
_LONGEST_RETRY_S = 60
_SMOOTHING = 0.1
"""Weight of the newest answer in the mean time at the engine."""
_BUSY = "More questions wait for the engine than it can answer soon"
_HINT = "Ask again after the seconds that Retry-After names; limits.queue says how many may wait."


@dataclass(slots=True, eq=False)
class _Waiter:
    ticket: Ticket
    turn: "asyncio.Future[None]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    granted: bool = False


class Admission:
    """Places and turns. Of one event loop, and of one server: several servers each let in so many.

    A question takes a *place* when it comes, before any work is done for it: there are as many as may be at the
    engine and as may wait for it, so that whoever has one finds room in the queue later. It takes a *turn* for each
    call of the engine. Where places are full, a question of a tenant that has few takes that of the last one of
    the tenant who has most waiting; any other is refused at once.
    """

    def __init__(self, settings: LimitSettings, running: int, metrics: Metrics) -> None:
        """`running` is the most that may be at the engine at a time."""

        def weight_of(tenant: str) -> float:
            known = settings.tenants.get(tenant)
            return known.weight if known else 1.0

        self._running = running
        self._places = running + settings.queue
        self._longest_wait_s = settings.longest_wait_s
        self._metrics = metrics
        self._free = running
        self._background = 0
        self._inside = 0
        self._inside_of: Counter[tuple[str, bool]] = Counter()
        self._queue: FairQueue[_Waiter] = FairQueue(weight_of)
        self._behind: FairQueue[_Waiter] = FairQueue(weight_of)
        self._mean_s = 1.0
        metrics.watch_admission(
            running=lambda: self._running - self._free,
            queued=lambda: len(self._queue),
            queued_background=lambda: len(self._behind),
        )

    @contextmanager
    def place(self, ticket: Ticket) -> Iterator[None]:
        """A place for a question for as long as the block lasts. Raises `OverloadedError` where there is none."""
        if self._is_full(ticket) and not self._push_out_for(ticket):
            raise self._refusal("queue_full")
        ticket.inside = True
        self._inside += 1
        self._inside_of[ticket.tenant, ticket.background] += 1
        try:
            yield
        finally:
            self._leave(ticket)

    @asynccontextmanager
    async def turn(self, ticket: Ticket, tokens: int) -> AsyncIterator[None]:
        """A turn at the engine, for a call that takes `tokens` at most; it ends with the block.

        A ticket without a place takes one for so long. Raises `OverloadedError` where there is none, after the
        longest wait, and where the place is given to another tenant.
        """
        with nullcontext() if ticket.inside else self.place(ticket):
            begun = perf_counter()
            await self._wait(_Waiter(ticket), tokens)
            self._metrics.admitted(perf_counter() - begun, background=ticket.background)
            begun = perf_counter()
            try:
                yield
            finally:
                self._give_back(ticket)
                self._mean_s += _SMOOTHING * (perf_counter() - begun - self._mean_s)

    def _is_full(self, ticket: Ticket) -> bool:
        if self._inside >= self._places:
            return True
        if not ticket.background:
            return False
        # Half of the places are kept for those for whom somebody waits.
        inside = sum(count for (_, background), count in self._inside_of.items() if background)
        return inside >= max(1, self._places // 2)

    def _leave(self, ticket: Ticket) -> None:
        if not ticket.inside:
            return
        ticket.inside = False
        self._inside -= 1
        key = ticket.tenant, ticket.background
        self._inside_of[key] -= 1
        if not self._inside_of[key]:
            del self._inside_of[key]

    def _push_out_for(self, ticket: Ticket) -> bool:
        """Give this one the place of another that only waits, if that is fairer; whether one was found."""
        if ticket.background:
            return False
        queue = self._behind if len(self._behind) else self._queue
        if not len(queue):
            return False
        tenant, last = queue.longest()
        own = self._inside_of[ticket.tenant, False] + 1
        if queue is self._queue and self._inside_of[tenant, False] <= own:
            return False
        queue.remove(tenant, last)
        self._leave(last.ticket)
        if not last.turn.done():  # else its task is cancelled just now
            last.turn.set_exception(self._refusal("pushed_out"))
        return True

    async def _wait(self, waiter: _Waiter, tokens: int) -> None:
        ticket = waiter.ticket
        queue = self._behind if ticket.background else self._queue
        queue.push(ticket.tenant, tokens, waiter)
        self._call_next()
        if waiter.granted:
            return
        try:
            async with asyncio.timeout(self._longest_wait_s):
                await waiter.turn
        except TimeoutError:
            self._forget(waiter)
            raise self._refusal("waited_too_long") from None
        except asyncio.CancelledError:
            self._forget(waiter)
            raise

    def _forget(self, waiter: _Waiter) -> None:
        """It waits no longer; its turn, should it just have come, is another's."""
        if waiter.granted:
            self._give_back(waiter.ticket)
        else:
            queue = self._behind if waiter.ticket.background else self._queue
            queue.remove(waiter.ticket.tenant, waiter)

    def _give_back(self, ticket: Ticket) -> None:
        self._free += 1
        self._background -= ticket.background
        self._call_next()

    def _call_next(self) -> None:
        """Give free turns to those that wait: first to those for whom somebody waits."""
        while self._free > 0:
            if len(self._queue):
                waiter = self._queue.pop()
            elif len(self._behind) and self._background < max(1, self._running // 2):
                waiter = self._behind.pop()
                self._background += 1
            else:
                return
            self._free -= 1
            waiter.granted = True
            if not waiter.turn.done():  # else its task is cancelled just now, and gives it back
                waiter.turn.set_result(None)

    def _refusal(self, reason: str) -> OverloadedError:
        self._metrics.refused(reason)
        waiting = len(self._queue) + 1
        seconds = ceil(waiting * self._mean_s / self._running)
        return OverloadedError(_BUSY, hint=_HINT, retry_after=min(max(seconds, 1), _LONGEST_RETRY_S))


def running_of(limits: LimitSettings, engine: EngineSettings) -> int:
    """How many questions the engine may have at a time: as set, as vLLM was told, or vLLM's own number."""
    if limits.running is not None:
        return limits.running
    words = [word for argument in engine.extra_args for word in argument.split("=", 1)]
    for name, value in pairwise(words):
        if name in ("--max-num-seqs", "--max_num_seqs") and value.isdecimal() and int(value) > 0:
            return int(value)
    return _VLLM_SEQUENCES
