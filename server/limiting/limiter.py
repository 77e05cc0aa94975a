"""What a key and its tenant may still ask for."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from math import ceil

from server.admission import Ticket
from server.limiting.counting import Counting
from server.limiting.headers import headers_of
from server.monitoring import Metrics
from tandem.errors import RateLimitedError
from tandem.settings import LimitSettings
from tandem.settings.limits import TenantLimits
from tandem.vocabulary import Caller

_CONCURRENT_RETRY_S = 1


@dataclass(frozen=True, slots=True)
class _Limits:
    """Of one who asks: a key or a tenant."""

    name: str
    kind: str
    """`key` or `tenant`."""
    requests: int
    tokens: int
    concurrent: int


class Limiter:
    """Counts requests and tokens of a minute, and questions at a time. Of one event loop.

    A question that is refused counts for nothing. Questions at a time, and tokens that are set aside for those that
    are being answered, are counted by each server for itself.
    """

    def __init__(self, settings: LimitSettings, counting: Counting, metrics: Metrics) -> None:
        self._settings = settings
        self._counting = counting
        self._metrics = metrics
        self._at_once: Counter[str] = Counter()
        self._aside: Counter[str] = Counter()

    async def request(self, caller: Caller) -> dict[str, str]:
        """Count one request that asks no engine; returns how the limits stand, as headers.

        Raises `RateLimitedError`.
        """
        return await self._count(self._limits_of(caller), question=False)

    @asynccontextmanager
    async def question(self, caller: Caller, ticket: Ticket, tokens: int) -> AsyncIterator[dict[str, str]]:
        """Count a question that takes `tokens` at most, until the block's end; then what the ticket has spent counts.

        Gives how the limits stand, as headers. Raises `RateLimitedError`, whose `retry_after` says when as much is
        free.
        """
        limits = self._limits_of(caller)
        for one in limits:
            if self._at_once[one.name] >= one.concurrent:
                raise self._refusal(
                    one, "concurrent", f"{one.concurrent} questions at a time", _CONCURRENT_RETRY_S, {}
                )
        # One that is larger than its limit passes alone, or it could never be asked.
        asides = [min(tokens, one.tokens) for one in limits]
        for one, aside in zip(limits, asides, strict=True):
            self._at_once[one.name] += 1
            self._aside[one.name] += aside
        try:
            yield await self._count(limits, question=True)
        finally:
            for one, aside in zip(limits, asides, strict=True):
                _take(self._at_once, one.name, 1)
                _take(self._aside, one.name, aside)
            for one in limits:
                await self._counting.add_tokens(one.name, one.tokens, ticket.spent)

    async def _count(self, limits: tuple[_Limits, ...], *, question: bool) -> dict[str, str]:
        """See that a request fits, then count it. A question's own tokens are among those set aside."""
        requests, left = [], []
        asides = [self._aside[one.name] for one in limits]
        for one, aside in zip(limits, asides, strict=True):
            requests.append(await self._counting.requests(one.name, one.requests))
            left.append(await self._counting.tokens(one.name, one.tokens, aside))
        headers = headers_of(requests, left, asides)
        for one, minute, spent in zip(limits, requests, left, strict=True):
            if minute.wait_s > 0:
                raise self._refusal(one, "requests", f"{one.requests:,} requests", minute.wait_s, headers)
            if question and spent.wait_s > 0:
                raise self._refusal(one, "tokens", f"{one.tokens:,} tokens", spent.wait_s, headers)
        for one, minute in zip(limits, requests, strict=True):
            if not await self._counting.add_request(one.name, one.requests):
                raise self._refusal(one, "requests", f"{one.requests:,} requests", minute.reset_s, headers)
        return headers

    def _limits_of(self, caller: Caller) -> tuple[_Limits, ...]:
        every, own = self._settings, self._settings.tenants.get(caller.tenant, TenantLimits())
        return (
            _Limits(
                _name(caller.tenant, caller.subject),
                "key",
                every.requests_per_minute,
                every.tokens_per_minute,
                every.concurrent,
            ),
            _Limits(
                _name(caller.tenant),
                "tenant",
                own.requests_per_minute or every.tenant_requests_per_minute,
                own.tokens_per_minute or every.tenant_tokens_per_minute,
                own.concurrent or every.tenant_concurrent,
            ),
        )

    def _refusal(
        self, one: _Limits, what: str, limit: str, wait_s: float, headers: dict[str, str]
    ) -> RateLimitedError:
        self._metrics.refused(f"{one.kind}_{what}")
        per = "" if what == "concurrent" else " a minute"
        whose = "This key" if one.kind == "key" else "The tenant"
        error = RateLimitedError(
            f"{whose} may ask for {limit}{per}",
            hint="Ask again after the seconds that Retry-After names.",
            retry_after=max(ceil(round(wait_s, 3)), 1),
        )
        error.headers = headers
        return error


def _name(*parts: str) -> str:
    """What is counted where others may read it names nobody."""
    return sha256("\x00".join(parts).encode(errors="replace")).hexdigest()[:32]


def _take(counts: Counter[str], name: str, amount: int) -> None:
    counts[name] -= amount
    if counts[name] <= 0:
        del counts[name]
