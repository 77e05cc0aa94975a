"""Tests and intervals that may be looked at after every observation, and acted on at once.

A p-value of a test with a fixed end is small sooner or later for whoever looks often enough. These hold for every
moment together, however it was chosen: if there is no effect, the share of experiments in which the interval *ever*
leaves it out is at most `level`.

Two kinds are here.

- `difference` and `mean_interval`, for effects: a Gaussian mixture, the mSPRT of Johari, Koomen, Pekelis and Walsh,
  "Always Valid Inference" (2015; Operations Research 2022), which is the asymptotic confidence sequence of
  Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas, "Time-uniform central limit theory" (2021). For means of any kind,
  also where the arms get shares of any size. It leans on the central limit theorem, so it says nothing before there
  are `LEAST_UNITS` in each arm.
- `wealth_above`, for limits that must not be crossed: betting, of Waudby-Smith and Ramdas, "Estimating means of
  bounded random variables by betting" (2023). For means in [0, 1]; it holds for any number of values, and it is
  strongest for rare events, where the central limit theorem is weakest.

Values are of units (users, conversations), one each: two answers to one user are not independent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, inf, log, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

LEAST_UNITS = 20
"""In each arm, before anything is said of an effect."""
POWER = 0.8
"""Of how many experiments with the stated effect `units_needed` speaks."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """One arm in three figures: how many units, their mean, and their variance (of the units, not of the mean)."""

    units: int
    mean: float
    variance: float

    @classmethod
    def of(cls, values: Sequence[float] | Floats, *, share: bool = False) -> "Sample":
        """Of one value a unit. With `share`, values are in [0, 1], and the variance is never that of certainty.

        For shares one unit of each kind is added to the variance, not to the mean (after Agresti and Coull, 1998):
        twenty users who all liked an answer do not show that everybody always will.
        """
        given = np.asarray(values, dtype=np.float64)
        if given.size == 0:
            return cls(0, 0.0, inf)
        seen = np.concatenate([given, (0.0, 1.0)]) if share else given
        variance = float(seen.var(ddof=1)) if seen.size > 1 else inf
        return cls(int(given.size), float(given.mean()), variance)


@dataclass(frozen=True, slots=True)
class Effect:
    """A difference, or a mean, with the interval and the p-value that hold at any time."""

    estimate: float
    low: float
    high: float
    p: float

    @classmethod
    def unknown(cls, estimate: float = 0.0) -> "Effect":
        """Of too few units."""
        return cls(estimate, -inf, inf, 1.0)


def difference(one: Sample, other: Sample, smallest: float, level: float = 0.05) -> Effect:
    """How much greater the mean of `one` is than that of `other`.

    `smallest` is the effect that matters, above 0: the interval is made to be narrowest, for what it knows, when it
    is about as wide as that. Any value is valid; a good one decides sooner.
    """
    if min(one.units, other.units) < LEAST_UNITS:
        return Effect.unknown(one.mean - other.mean if one.units and other.units else 0.0)
    variance = one.variance / one.units + other.variance / other.units
    return _effect(one.mean - other.mean, variance, smallest, level)


def mean_interval(sample: Sample, smallest: float, level: float = 0.05) -> Effect:
    """The mean of a sample, such as of paired differences, and whether it is 0."""
    if sample.units < LEAST_UNITS:
        return Effect.unknown(sample.mean)
    return _effect(sample.mean, sample.variance / sample.units, smallest, level)


def mixing_variance(smallest: float, level: float = 0.05) -> float:
    """Variance of the mixture for which the interval's half-width comes down to `smallest` with the fewest units.

    The half-width's square is `V * f(V / tau2)` with `f(x) = (1 + x) * (log(1 + 1 / x) - 2 * log(level))`; at the
    least of `f` it is `smallest` squared where `V = smallest**2 / f(x)`, and `tau2 = V / x`.
    """
    place, least = _tightest(level)
    return smallest**2 / least / place


def half_width(variance: ArrayLike, smallest: float, level: float = 0.05) -> Floats:
    """Of the interval, for an estimate of this variance (or each of these).

    Robbins's mixture: `sqrt(2 V (V + tau2) / tau2 * log(sqrt((V + tau2) / V) / level))`.
    """
    spread = np.asarray(variance, dtype=np.float64)
    tau2 = mixing_variance(smallest, level)
    with np.errstate(divide="ignore", invalid="ignore"):
        inner = np.log1p(tau2 / spread) - 2 * log(level)
        width = np.sqrt(spread * (spread + tau2) / tau2 * inner)
    return np.where(spread > 0, width, 0.0)


def p_value(estimate: float, variance: float, smallest: float, level: float = 0.05) -> float:
    """`1 / Lambda`, at most 1, with the mixture's likelihood ratio
    `Lambda = sqrt(V / (V + tau2)) * exp(tau2 * estimate**2 / (2 * V * (V + tau2)))`.
    """
    if variance <= 0:
        return 1.0 if estimate == 0 else 0.0
    if variance == inf:
        return 1.0
    tau2 = mixing_variance(smallest, level)
    said = 0.5 * log(variance / (variance + tau2)) + tau2 * estimate**2 / (2 * variance * (variance + tau2))
    return min(1.0, exp(-said)) if said > 0 else 1.0


def units_needed(one: float, other: float, share: float, smallest: float, level: float = 0.05) -> int | None:
    """Units, of both arms together, after which an effect of `smallest` is found in 80 of 100 experiments.

    `one` and `other` are the arms' variances, `share` is that of the units which the first gets. `None` where a
    variance is not known. It is reckoned with a single look; the many looks find it a little sooner.
    """
    spread = one / share + other / (1 - share) if 0 < share < 1 else inf
    if spread in (0.0, inf):
        return None if spread else 2 * LEAST_UNITS
    beyond = NormalDist().inv_cdf(POWER)
    low, high = 1.0, 2.0

    def found(units: float) -> bool:
        variance = spread / units
        return float(half_width(variance, smallest, level)) + beyond * sqrt(variance) <= smallest

    while not found(high):
        low, high = high, 2 * high
    while high - low > 0.5:
        middle = (low + high) / 2
        low, high = (low, middle) if found(middle) else (middle, high)
    return max(round(high), 2 * LEAST_UNITS)


def wealth_above(values: ArrayLike, limit: float, level: float = 0.05) -> Floats:
    """What a bet of 1 against "the mean is at most `limit`" has come to after each value, along the last axis.

    At `1 / level` or more the limit is broken: if it held, that would happen in at most `level` of all cases, however
    many values come. Values are in [0, 1], `limit` below 1. Each bet is the variance-adaptive one of Waudby-Smith and
    Ramdas (2023, eq. 26) on what came before it, of which half the greatest safe one is the most.
    """
    given = np.asarray(values, dtype=np.float64)
    count = np.arange(1, given.shape[-1] + 1)
    centre = (0.5 + np.cumsum(given, axis=-1)) / (count + 1)
    spread = (0.25 + np.cumsum((given - centre) ** 2, axis=-1)) / (count + 1)
    before = np.concatenate([np.full((*given.shape[:-1], 1), 0.25), spread[..., :-1]], axis=-1)
    stake = np.sqrt(2 * log(1 / level) / (before * count * np.log(count + 1)))
    # A loss is at most `limit` times the stake: never all there is.
    stake = np.minimum(stake, 0.5 / limit if limit > 0 else np.inf)
    return np.asarray(np.exp(np.cumsum(np.log1p(stake * (given - limit)), axis=-1)))


def _effect(estimate: float, variance: float, smallest: float, level: float) -> Effect:
    if variance == inf:
        return Effect.unknown(estimate)
    reach = float(half_width(variance, smallest, level))
    return Effect(estimate, estimate - reach, estimate + reach, p_value(estimate, variance, smallest, level))


def _tightest(level: float) -> tuple[float, float]:
    """Where `f` of `mixing_variance` is least, and how small it is there."""
    low, high = -12.0, 3.0  # of the logarithm: `f` falls and then rises
    for _ in range(60):
        one, two = low + (high - low) * 0.382, low + (high - low) * 0.618
        low, high = (low, two) if _spread(exp(one), level) < _spread(exp(two), level) else (one, high)
    place = exp((low + high) / 2)
    return place, _spread(place, level)


def _spread(ratio: float, level: float) -> float:
    return (1 + ratio) * (log(1 + 1 / ratio) - 2 * log(level))
