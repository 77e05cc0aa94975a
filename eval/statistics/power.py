"""What so many cases can show, and how many it takes to see a given difference.

Of the paired t-test: the paired permutation test has its power but for a per cent or two (Hoeffding, The
Large-Sample Power of Tests Based on Permutations, 1952). `spread` is the standard deviation of the paired
differences as `unit_spread` gives it, and a unit is a case, or a group of cases that hang together.
"""

from math import sqrt

from scipy.optimize import brentq
from scipy.stats import nct, t

LEVEL, POWER = 0.05, 0.8


def power_of(difference: float, spread: float, units: int, *, level: float = LEVEL) -> float:
    """Chance, in [0, 1], that a two-sided test at `level` shows a true difference of this size.

    Cohen, Statistical Power Analysis for the Behavioral Sciences (1988), chapter 2, by the noncentral t
    distribution. Raises `ValueError` for fewer than two units, or a negative spread.
    """
    if units < 2 or spread < 0:
        raise ValueError("power needs two units and a spread that is not negative")
    if spread == 0:
        return 1.0 if difference else level
    shift = abs(difference) / spread * sqrt(units)
    critical = float(t.ppf(1 - level / 2, units - 1))
    right = float(nct.sf(critical, units - 1, shift))
    # To be shown the wrong way round is rarer than one in a million from 5 on, where SciPy begins to answer NaN.
    return right + (float(nct.cdf(-critical, units - 1, shift)) if shift < 5 else 0.0)


def detectable_difference(spread: float, units: int, *, level: float = LEVEL, power: float = POWER) -> float:
    """The smallest true difference that is shown with this power; 0 without any spread. Raises as `power_of`."""
    if units < 2 or spread < 0:
        raise ValueError("power needs two units and a spread that is not negative")
    if spread == 0:
        return 0.0
    error = spread / sqrt(units)
    most = error * (float(t.ppf(1 - level / 2, units - 1)) + 30)
    return float(
        brentq(lambda size: power_of(size, spread, units, level=level) - power, 0.0, most, xtol=error * 1e-6)
    )


def cases_needed(
    difference: float, spread: float, *, level: float = LEVEL, power: float = POWER, most: int = 100_000_000
) -> int:
    """Fewest units that show a true difference of this size with this power.

    `most` where even those do not. Raises `ValueError` for a difference of zero, or a negative spread.
    """
    if not difference or spread < 0:
        raise ValueError("no number of cases shows a difference of zero")
    low, high = 2, 4
    while high < most and power_of(difference, spread, high, level=level) < power:
        low, high = high, high * 2
    high = min(high, most)
    while low < high:
        middle = (low + high) // 2
        if power_of(difference, spread, middle, level=level) < power:
            low = middle + 1
        else:
            high = middle
    return low
