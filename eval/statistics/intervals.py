"""How far a difference is known: its interval, and how much it varies from unit to unit."""

from collections.abc import Hashable, Sequence
from math import copysign, sqrt

import numpy as np

from eval.statistics.units import units_of
from tandem.resampling import Estimate, bootstrap_ratio


def paired_interval(
    differences: Sequence[float],
    groups: Sequence[Hashable] | None = None,
    *,
    shares: bool = False,
    seed: int = 0,
) -> Estimate:
    """Mean difference of a case with its 95% interval, by resampling the cases; see `tandem.resampling`.

    With `groups`, one for each difference, whole groups are drawn (the cluster bootstrap; Davison and Hinkley,
    Bootstrap Methods and their Application, 1997, section 3.8). With `shares`, for differences in [-1, 1], two units
    are drawn from besides, as far above and below the mean as adds one case to the squares: where few cases differ,
    those that were not seen are missing from the plain interval, and at 50 questions of which 2% truly differ it
    holds the truth in 61 of 100 runs. BCa intervals (Efron 1987) hold it no more often; see
    `bench/results/interval_coverage.json`. Raises `ValueError` as `units_of`.
    """
    units = units_of(differences, groups)
    mean, sums, sizes = units.mean, units.sums, units.sizes
    if shares:
        size, apart = float(sizes.mean()), copysign(sqrt(0.5), units.mean)
        sums = np.append(sums, [size * mean + apart, size * mean - apart])
        sizes = np.append(sizes, [size, size])
    drawn = bootstrap_ratio(sums.tolist(), sizes.tolist(), seed)
    if not shares:
        return Estimate(mean, drawn.low, drawn.high)
    return Estimate(mean, max(drawn.low, -1.0), min(drawn.high, 1.0))


def unit_spread(
    differences: Sequence[float], groups: Sequence[Hashable] | None = None, *, shares: bool = False
) -> tuple[float, int]:
    """Standard deviation of the paired differences, and the number of units that it is of.

    The standard error of the mean difference is the first over the square root of the second. With `groups` a unit
    is a group, weighted by its cases (the ratio estimator of cluster sampling; Cochran, Sampling Techniques, 1977,
    section 11.8). With `shares` one case is reckoned in that one arm alone had right: where n cases differ in
    nothing, 3 in n may still do so (Hanley and Lippman-Hand, If Nothing Goes Wrong, Is Everything All Right?, JAMA
    1983), and a spread of zero would deny it. Raises `ValueError` for fewer than two units, and as `units_of`.
    """
    units = units_of(differences, groups)
    count = len(units.sums)
    if count < 2:
        raise ValueError("of one unit the spread is not known")
    size = float(units.sizes.mean())
    apart = (units.sums - units.sizes * units.mean) / size
    squares = float(np.square(apart).sum()) + (1 / size**2 if shares else 0.0)
    return sqrt(squares / (count - 1)), count
