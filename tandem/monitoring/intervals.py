"""Intervals of shares and means, and of the difference of two, in closed form: a look must not take long."""

from dataclasses import dataclass
from math import sqrt

from tandem.monitoring.figures import Moments

Z_95 = 1.959964
"""Quantile of the normal distribution for an interval of 95%."""
Z_SURE = 3.290527
"""That of 99.9%: two windows are compared at every look, so one look must err rarely."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, the ends of its interval (`None` where there is none to give), and of how many answers it is."""

    value: float
    low: float | None
    high: float | None
    n: int


def share(successes: int, n: int, z: float = Z_95) -> Estimate | None:
    """A share with Wilson's score interval (1927); `None` of nothing."""
    if n == 0:
        return None
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return Estimate(p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half)), n)


def mean(moments: Moments, z: float = Z_95) -> Estimate | None:
    """A mean with the interval of the normal distribution; one of a single value has none."""
    if moments.n == 0:
        return None
    centre = moments.total / moments.n
    if moments.n == 1:
        return Estimate(centre, None, None, 1)
    half = z * sqrt(_variance(moments) / moments.n)
    return Estimate(centre, centre - half, centre + half, moments.n)


def share_difference(now: tuple[int, int], before: tuple[int, int], z: float = Z_SURE) -> Estimate | None:
    """The share now less that before, by Newcombe's hybrid score interval (1998, method 10).

    Each is (successes, of how many); `None` where one of them is of nothing.
    """
    one, other = share(*now, z), share(*before, z)
    if one is None or other is None:
        return None
    p, q = one.value, other.value
    low = p - q - sqrt((p - (one.low or 0.0)) ** 2 + ((other.high or 0.0) - q) ** 2)
    high = p - q + sqrt(((one.high or 0.0) - p) ** 2 + (q - (other.low or 0.0)) ** 2)
    return Estimate(p - q, low, high, one.n)


def mean_difference(now: Moments, before: Moments, z: float = Z_SURE) -> Estimate | None:
    """The mean now less that before, with unequal variances (Welch 1947); `None` below two values of each.

    A spread of nothing is not believed of so few values in [0, 1]: 1 / (4n) is added to each variance.
    """
    if now.n < 2 or before.n < 2:
        return None
    difference = now.total / now.n - before.total / before.n
    spread = sum((_variance(one) + 1 / (4 * one.n)) / one.n for one in (now, before))
    half = z * sqrt(spread)
    return Estimate(difference, difference - half, difference + half, now.n)


def _variance(moments: Moments) -> float:
    centre = moments.total / moments.n
    return max(0.0, (moments.squares - moments.n * centre * centre) / (moments.n - 1))
