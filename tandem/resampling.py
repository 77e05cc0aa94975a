"""Intervals by resampling."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2_000
_LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean and its 95% interval."""

    mean: float
    low: float
    high: float


def bootstrap_mean(values: Sequence[float], seed: int = 0) -> Estimate:
    """The mean of one value a case, with the percentile interval of 2,000 resamples of the cases.

    Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13. Raises `ValueError` for no values.
    """
    if not values:
        raise ValueError("there is nothing to take the mean of")
    known = np.asarray(values, dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(known), (_RESAMPLES, len(known)))
    low, high = np.quantile(known[drawn].mean(axis=1), [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(float(known.mean()), float(low), float(high))
