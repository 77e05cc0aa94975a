"""How many questions may be in the server, and which of them is next at the engine."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from itertools import pairwise
from math import ceil
from time import perf_counter

from server.admission.ticket import Ticket
from server.admission.turns import Turns
from server.monitoring import Metrics
from tandem.errors import OverloadedError
from tandem.settings import EngineSettings, LimitSettings

_VLLM_SEQUENCES = 256
_LONGEST_RETRY_S = 60
_SMOOTHING = 0.1
"""Weight of the newest answer in the mean time at the engine."""
_SEARCH_COST = 1_024
"""Every search counts as much as another; in tokens, so that a round has two."""
_EMBEDDED = 64
"""Questions that wait for their search and are embedded meanwhile: enough for a full pass of the model on each of a
few cores."""
_WRITERS = 2
"""Traces that are written at a time: many at once would only keep the event loop from Python's lock."""
_BUSY = "More questions wait for the engine than it can answer soon"
_HINT = "Ask again after the seconds that Retry-After names; limits.queue says how many may wait."


class Admission:
    """Places and turns. Of one event loop, and of one server: several servers each let in so many.

    A question takes a *place* when it comes, before any work is done for it: there are as many as may be at the
    engine and as may wait for it, so that whoever has one finds room in the queue later. It takes a *turn* for each
    call of the engine, and one for each search. Where places are full, a question of a tenant that has few takes that
    of the last one of the tenant who has most waiting; any other is refused at once.
    """

    def __init__(self, settings: LimitSettings, running: int, metrics: Metrics) -> None:
        """`running` is the most that may be at the engine at a time."""

        def weight_of(tenant: str) -> float:
            known = settings.tenants.get(tenant)
            return known.weight if known else 1.0

        self._running = running
        self._places = running + settings.queue
        self._metrics = metrics
        self._inside = 0
        self._inside_of: Counter[tuple[str, bool]] = Counter()
        self._engine = Turns(running, settings.longest_wait_s, weight_of)
        self._searches = Turns(settings.searching, settings.longest_wait_s, weight_of)
        self._embeddings = Turns(_EMBEDDED, settings.longest_wait_s, weight_of)
        self._mean_s = 1.0
        self.writing = asyncio.Semaphore(_WRITERS)
        """Whoever writes traces passes it."""
        metrics.watch_admission(
            running=lambda: self._engine.taken,
            queued=lambda: len(self._engine.waiting),
            queued_background=lambda: len(self._engine.behind),
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
            await self._taken(self._engine, ticket, tokens)
            self._metrics.admitted(perf_counter() - begun, background=ticket.background)
            begun = perf_counter()
            try:
                yield
            finally:
                self._engine.give_back(ticket)
                self._mean_s += _SMOOTHING * (perf_counter() - begun - self._mean_s)

    @asynccontextmanager
    async def search(self, ticket: Ticket) -> AsyncIterator[None]:
        """A turn at the index. More searches side by side would all end late, and keep others waiting meanwhile.

        Raises `OverloadedError` after the longest wait.
        """
        await self._taken(self._searches, ticket, _SEARCH_COST)
        try:
            yield
        finally:
            self._searches.give_back(ticket)

    @property
    def searches_wait(self) -> bool:
        """Whether a search that is wanted now has to wait for its turn."""
        return not self._searches.is_free

    @asynccontextmanager
    async def embedding(self, ticket: Ticket) -> AsyncIterator[None]:
        """A turn at the embedder, for a question that has to wait for its search. Raises as `search`."""
        await self._taken(self._embeddings, ticket, _SEARCH_COST)
        try:
            yield
        finally:
            self._embeddings.give_back(ticket)

    async def _taken(self, turns: Turns, ticket: Ticket, tokens: int) -> None:
        try:
            await turns.take(ticket, tokens)
        except TimeoutError:
            raise self._refusal("waited_too_long") from None

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
        queue = self._engine.behind if len(self._engine.behind) else self._engine.waiting
        if ticket.background or not len(queue):
            return False
        tenant, last = queue.longest()
        own = self._inside_of[ticket.tenant, False] + 1
        if queue is self._engine.waiting and self._inside_of[tenant, False] <= own:
            return False
        self._leave(last.ticket)
        self._engine.push_out(tenant, last, self._refusal("pushed_out"))
        return True

    def _refusal(self, reason: str) -> OverloadedError:
        self._metrics.refused(reason)
        waiting = len(self._engine.waiting) + 1
        seconds = ceil(waiting * self._mean_s / self._running)
        return OverloadedError(_BUSY, hint=_HINT, retry_after=min(max(seconds, 1), _LONGEST_RETRY_S))


def running_of(limits: LimitSettings, engine: EngineSettings) -> int:
    """How many questions the engine may have at a time: as set, or for each replica that the settings name as vLLM
    was told, or vLLM's own number.
    """
    replicas = max(1, len(engine.addresses))
    if limits.running is not None:
        return limits.running
    words = [word for argument in engine.extra_args for word in argument.split("=", 1)]
    for name, value in pairwise(words):
        if name in ("--max-num-seqs", "--max_num_seqs") and value.isdecimal() and int(value) > 0:
            return int(value) * replicas
    return _VLLM_SEQUENCES * replicas
