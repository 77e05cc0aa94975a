"""Intervals by resampling: of a mean, of a difference over the same cases, of a ratio of sums."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    means = known[_draws(len(known), seed)].mean(axis=1)
    return _estimate(float(known.mean()), means)


def bootstrap_difference(ours: Sequence[float], theirs: Sequence[float], seed: int = 0) -> Estimate:
    """Mean of ours less mean of theirs, where both have a value for the same case at the same place.

    The cases are drawn, and with each both of its values (the paired bootstrap; for systems that answer the same
    questions see Koehn, Statistical Significance Tests for Machine Translation Evaluation, EMNLP 2004): what makes
    a question hard for both falls out. Raises `ValueError` for no values, or lists of different length.
    """
    return bootstrap_mean([one - other for one, other in zip(ours, theirs, strict=True)], seed)


def bootstrap_ratio(parts: Sequence[float], wholes: Sequence[float], seed: int = 0) -> Estimate:
    """Sum of `parts` over sum of `wholes`, one pair a case, such as right citations of an answer over given ones.

    The cases are drawn, not the single citations: those of one answer are right or wrong together. A draw without
    any whole is left out. Raises `ValueError` where the wholes sum to 0, or for lists of different length.
    """
    pairs = np.asarray(list(zip(parts, wholes, strict=True)), dtype=np.float64).reshape(-1, 2)
    part, whole = pairs.sum(axis=0)
    if not whole:
        raise ValueError("there is nothing to take a share of")
    sums = pairs[_draws(len(pairs), seed)].sum(axis=1)
    told = sums[sums[:, 1] > 0]
    return _estimate(float(part / whole), told[:, 0] / told[:, 1])


def _draws(cases: int, seed: int) -> NDArray[np.int64]:
    """Places of the cases that are drawn, shape (resamples, cases)."""
    return np.random.default_rng(seed).integers(0, cases, (_RESAMPLES, cases))


def _estimate(mean: float, resampled: NDArray[np.float64]) -> Estimate:
    low, high = np.quantile(resampled, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Estimate(mean, float(low), float(high))
