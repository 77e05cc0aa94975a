"""A queue that is fair between tenants."""

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_QUANTUM = 2_048
"""Tokens that a tenant of weight 1 may have in a round: about one question."""


@dataclass(slots=True)
class _Line(Generic[T]):
    """The waiting of one tenant, the oldest first, each with what it costs."""

    waiting: deque[tuple[int, T]] = field(default_factory=deque)
    credit: float = 0.0
    begun: bool = False
    """Whether it has had its credit of this round."""


class FairQueue(Generic[T]):
    """Deficit round robin (Shreedhar and Varghese 1995) over tenants; within a tenant, first come, first served.

    A tenant with ten times as many questions, or with questions ten times as long, gets no more of the engine than
    another, as long as both wait. Taking one takes no time that grows with the number of questions.
    """

    def __init__(self, weight_of: Callable[[str], float] = lambda tenant: 1.0) -> None:
        self._weight_of = weight_of
        self._lines: OrderedDict[str, _Line[T]] = OrderedDict()
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def waiting(self, tenant: str) -> int:
        """How many of one tenant wait."""
        line = self._lines.get(tenant)
        return len(line.waiting) if line else 0

    def push(self, tenant: str, cost: int, item: T) -> None:
        """Let `item` wait; `cost` is in tokens."""
        self._lines.setdefault(tenant, _Line()).waiting.append((cost, item))
        self._size += 1

    def pop(self) -> T:
        """The next one. Raises `LookupError` where none waits."""
        while self._lines:
            tenant, line = next(iter(self._lines.items()))
            if not line.begun:
                line.begun, line.credit = True, line.credit + _QUANTUM * self._weight_of(tenant)
            cost, item = line.waiting[0]
            if cost <= line.credit:
                line.credit -= cost
                line.waiting.popleft()
                self._took_one(tenant)
                return item
            line.begun = False
            self._lines.move_to_end(tenant)
        raise LookupError("nobody waits")

    def remove(self, tenant: str, item: T) -> None:
        """Take one out that is to wait no longer, if it does."""
        line = self._lines.get(tenant)
        place = next((n for n, (_, one) in enumerate(line.waiting) if one is item), None) if line else None
        if line is not None and place is not None:
            del line.waiting[place]
            self._took_one(tenant)

    def longest(self) -> tuple[str, T]:
        """The tenant of whom most wait, and the one that came last of them. Raises `ValueError` where none waits."""
        tenant, line = max(self._lines.items(), key=lambda each: len(each[1].waiting))
        return tenant, line.waiting[-1][1]

    def _took_one(self, tenant: str) -> None:
        self._size -= 1
        if not self._lines[tenant].waiting:
            del self._lines[tenant]  # and with it what credit was left: none is saved up
