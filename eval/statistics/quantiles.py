"""Percentiles, such as the time that 95 of 100 answers keep to, with what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binom


@dataclass(frozen=True, slots=True)
class Quantile:
    """A quantile with its 95% interval."""

    value: float
    low: float
    high: float
    bounded: bool
    """Whether so many values bound it on both sides; if not, the end that is missing is the outermost value."""


def quantile(values: Sequence[float], share: float) -> Quantile:
    """The value that `share`, in (0, 1), of the values do not exceed, between neighbours in proportion.

    The interval goes from one of the values to another, by their ranks alone: how the values are distributed does
    not matter (Conover, Practical Nonparametric Statistics, 1999, section 3.2). For the upper end of a 95th
    percentile it takes 72 values. They are taken as independent. Raises `ValueError` for no values, or a share outside (0, 1).
    """
    if not len(values) or not 0 < share < 1:
        raise ValueError("a quantile needs values and a share between 0 and 1")
    known = np.sort(np.asarray(values, dtype=np.float64))
    count = len(known)
    # P(at most r - 1 values lie below the quantile) <= 2.5% makes the r-th smallest a lower end; and so above.
    below = int(binom.ppf(0.025, count, share))
    above = int(binom.ppf(0.975, count, share)) + 1
    return Quantile(
        float(np.quantile(known, share)),
        float(known[max(below - 1, 0)]),
        float(known[min(above - 1, count - 1)]),
        bounded=below >= 1 and above <= count,
    )
