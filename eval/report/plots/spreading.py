"""Labels that would lie over one another, moved apart."""

from collections.abc import Sequence


def spread_out(places: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The places in their order, moved as little as it takes to be `gap` apart and, where they fit, in [low, high].

    Groups that touch are set around the middle of what they wanted, as in the isotonic regression of Barlow and
    others (1972) by pooling neighbours.
    """
    order = sorted(range(len(places)), key=lambda n: places[n])
    groups: list[list[float]] = []
    for rank, n in enumerate(order):
        group = [places[n] - gap * rank]
        while groups and _mean(groups[-1]) > _mean(group):
            group = groups.pop() + group
        groups.append(group)
    wanted = [_mean(group) for group in groups for _ in group]
    highest = max(high - gap * (len(places) - 1), low)
    moved = [0.0] * len(places)
    for rank, n in enumerate(order):
        moved[n] = max(min(wanted[rank], highest), low) + gap * rank
    return moved


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
