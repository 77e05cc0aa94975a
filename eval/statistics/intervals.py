"""How far a difference is known: its interval, and how much it varies from unit to unit."""

from collections.abc import Hashable, Sequence
from math import sqrt

import numpy as np

from eval.statistics.units import units_of
from tandem.resampling import Estimate, bootstrap_mean, bootstrap_ratio


def paired_interval(
    differences: Sequence[float], groups: Sequence[Hashable] | None = None, *, seed: int = 0
) -> Estimate:
    """Mean difference of a case with its 95% interval, by resampling the cases; see `tandem.resampling`.

    With `groups`, one for each difference, whole groups are drawn (the cluster bootstrap; Davison and Hinkley,
    Bootstrap Methods and their Application, 1997, section 3.8). Raises `ValueError` as `units_of`.
    """
    units = units_of(differences, groups)
    if groups is None:
        return bootstrap_mean(list(differences), seed)
    return bootstrap_ratio(units.sums.tolist(), units.sizes.tolist(), seed)


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
