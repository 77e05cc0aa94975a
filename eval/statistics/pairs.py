"""Values of two arms, side by side over the cases that both have."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from eval.measure import Scores


@dataclass(frozen=True, slots=True)
class Pairs:
    """What two arms came to on the same cases. The order is that of the ids: it decides nothing."""

    cases: tuple[str, ...]
    one: tuple[float, ...]
    other: tuple[float, ...]
    groups: tuple[str, ...] | None
    """Group of each case, such as its document; `None` where cases are independent."""
    failed: Mapping[str, tuple[float | None, float | None]]
    """Cases that both arms should have a value for, and at least one has not: the values that are there."""
    failed_groups: Mapping[str, str]

    @property
    def differences(self) -> list[float]:
        """The first arm's value less the second's, of each case."""
        return [one - other for one, other in zip(self.one, self.other, strict=True)]

    @property
    def units(self) -> set[str]:
        """What is independent of each other: the groups, or else the cases."""
        return set(self.cases if self.groups is None else self.groups)

    @property
    def mean_of_other(self) -> float:
        """Of the second arm."""
        return sum(self.other) / len(self.other)

    def with_failed(self, *, against: float) -> tuple[list[float], list[str] | None]:
        """The differences and groups with the failed cases: each as far as it can be on the other side of `against`.

        For shares: a value that is missing lies in [0, 1].
        """
        worst = []
        for one, other in self.failed.values():
            if against > 0:
                worst.append((0.0 if one is None else one) - (1.0 if other is None else other))
            else:
                worst.append((1.0 if one is None else one) - (0.0 if other is None else other))
        groups = (
            None
            if self.groups is None
            else [*self.groups, *(self.failed_groups[case] for case in self.failed)]
        )
        return [*self.differences, *worst], groups


def paired(
    one: Scores,
    other: Scores,
    *,
    clusters: Mapping[str, str] | None = None,
    only: Collection[str] | None = None,
) -> Pairs:
    """The cases that both arms have a value for, and those that failed in one while the other does not pass them over.

    `clusters` names groups of cases; a case that it does not name is a group of its own. Raises `ValueError` where
    the two are not of the same measure.
    """
    if one.measure.name != other.measure.name:
        raise ValueError(f"{one.measure.name} and {other.measure.name} are different measures")
    known = {*one.values, *one.failed} & {*other.values, *other.failed}
    asked = sorted(known if only is None else known & set(only))
    cases = tuple(case for case in asked if case in one.values and case in other.values)
    failed = [case for case in asked if case not in one.values or case not in other.values]
    return Pairs(
        cases,
        tuple(one.values[case] for case in cases),
        tuple(other.values[case] for case in cases),
        _groups(cases, clusters),
        {case: (one.values.get(case), other.values.get(case)) for case in failed},
        {} if clusters is None else dict(zip(failed, _groups(failed, clusters) or (), strict=True)),
    )


def _groups(cases: Sequence[str], clusters: Mapping[str, str] | None) -> tuple[str, ...] | None:
    """Group of each case; of one that has none, a name that no group has."""
    return None if clusters is None else tuple(clusters.get(case, f"\0{case}") for case in cases)
