"""Keeps the values of a label few: the names that come most often, and `other` for the rest."""

from collections.abc import Callable

OTHER = "other"
_KNOWN_PER_SHOWN = 8
_AGES_EVERY = 10_000
_LEAD = 2
"""So many times as often must a name come as the rarest that is shown, to take its place: none comes and goes."""


class Largest:
    """At most `n` names have a label of their own.

    Names are counted by Space-Saving (Metwally, Agrawal and El Abbadi 2005), so that a million of them take no more
    memory than `8 n`. Counts are halved now and then: what was large once need not be so now. Of one thread at a time.
    """

    def __init__(self, n: int, dropped: Callable[[str], None] = lambda name: None) -> None:
        """`dropped` is told of a name that loses its label, so that its series can be removed."""
        self._n = n
        self._dropped = dropped
        self._counts: dict[str, int] = {}
        self._inherited: dict[str, int] = {}
        """How much of a count may be of the name whose place it took: what comes once must not seem frequent."""
        self._shown: set[str] = set()
        self._seen = 0

    def label(self, name: str) -> str:
        """Count `name` once more; its label from now on is its own name, or `other`."""
        self._count(name)
        if name in self._shown:
            return name
        if len(self._shown) < self._n:
            self._shown.add(name)
            return name
        if not self._shown:
            return OTHER
        rarest = min(self._shown, key=lambda one: self._counts.get(one, 0))
        if self._counts[name] - self._inherited.get(name, 0) <= max(1, _LEAD * self._counts.get(rarest, 0)):
            return OTHER
        self._shown.remove(rarest)
        self._shown.add(name)
        self._dropped(rarest)
        return name

    def known(self, name: str) -> str:
        """The label of a name, without counting it."""
        return name if name in self._shown else OTHER

    def _count(self, name: str) -> None:
        self._seen += 1
        if self._seen % _AGES_EVERY == 0:
            self._counts = {one: count // 2 for one, count in self._counts.items() if count > 1}
            kept = self._inherited.items()
            self._inherited = {one: count // 2 for one, count in kept if one in self._counts}
        if name in self._counts or len(self._counts) < max(1, self._n * _KNOWN_PER_SHOWN):
            self._counts[name] = self._counts.get(name, 0) + 1
            return
        least = min((one for one in self._counts if one not in self._shown), key=self._counts.__getitem__)
        self._inherited.pop(least, None)
        self._inherited[name] = self._counts.pop(least)
        self._counts[name] = self._inherited[name] + 1
