"""Tests of whether two samples are of one distribution, and the correction for asking several at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import fisher_exact, ks_2samp

Floats = NDArray[np.float32]

_BATCH = 250
_ENOUGH = 40
"""Permutations at least as far apart as the samples, from which on more would not change the decision."""
_RESOLUTION = 3
_TAIL = 0.05
_SHORTEST = 1e-6


@dataclass(frozen=True, slots=True)
class Compared:
    """A statistic, and how probable one so large is where nothing has changed."""

    method: str
    statistic: float
    p_value: float


def kolmogorov_smirnov(before: Sequence[float], now: Sequence[float]) -> Compared:
    """Greatest difference of the two cumulative distributions, in [0, 1]; exact in small samples."""
    found = ks_2samp(before, now)
    return Compared("two-sample Kolmogorov-Smirnov", float(found.statistic), float(found.pvalue))


def fisher(before: Sequence[float], now: Sequence[float]) -> Compared:
    """Difference of two rates, of values 0 or 1; Fisher's exact test, two-sided."""
    yes, yes_now = sum(before), sum(now)
    table = [[yes, len(before) - yes], [yes_now, len(now) - yes_now]]
    p_value = float(fisher_exact(table).pvalue)
    return Compared("Fisher's exact test", abs(yes / len(before) - yes_now / len(now)), p_value)


def tail(usual: Floats, now: Floats) -> Compared:
    """Whether more of `now` than of `usual` are among the highest twentieth of both; one-sided.

    The place of the cut depends on the values, not on which sample they are of, so Fisher's test stays exact.
    """
    cut = float(np.quantile(np.concatenate([usual, now]), 1 - _TAIL))
    high, high_now = int((usual > cut).sum()), int((now > cut).sum())
    table = [[high_now, len(now) - high_now], [high, len(usual) - high]]
    p_value = float(fisher_exact(table, alternative="greater").pvalue)
    return Compared("Fisher's exact test of the furthest", high_now / len(now) - high / len(usual), p_value)


def mean_discrepancy(before: Floats, now: Floats, threshold: float, seed: int) -> Compared:
    """Maximum mean discrepancy (Gretton et al., A Kernel Two-Sample Test, JMLR 13, 2012), squared, of vectors of
    shape (any, dimension).

    The kernel is Gaussian, as wide as the median distance. The p-value is of permutations, which holds for samples
    of any size: (1 + as large) / (1 + all). It is precise enough to be compared with `threshold`; where it is far
    above, fewer are drawn (Besag and Clifford, Sequential Monte Carlo p-values, Biometrika 78, 1991).
    """
    kernel = _gaussian(np.concatenate([before, now]))
    sign = np.concatenate([np.full(len(before), 1 / len(before)), np.full(len(now), -1 / len(now))])
    sign = sign.astype(np.float32)
    observed = float(sign @ kernel @ sign)
    rng = np.random.default_rng(seed)
    most = int(np.ceil(_RESOLUTION / threshold))
    drawn = as_large = 0
    while drawn < most and as_large < _ENOUGH:
        batch = rng.permuted(np.tile(sign, (_BATCH, 1)), axis=1)
        values = np.einsum("ij,ij->i", batch @ kernel, batch)
        as_large += int((values >= observed - _SHORTEST * abs(observed)).sum())
        drawn += _BATCH
    return Compared("maximum mean discrepancy", max(observed, 0.0), (1 + as_large) / (1 + drawn))


def alarms(p_values: Mapping[str, float], level: float) -> dict[str, float]:
    """The threshold of each series by Holm's step-down method (Scandinavian Journal of Statistics 6, 1979).

    A series alarms where its p-value is at or below its threshold; that any does though none has changed has at
    most the probability `level`, however the series depend on each other.
    """
    ranked = sorted(p_values, key=p_values.__getitem__)
    thresholds: dict[str, float] = {}
    rejecting = True
    for place, name in enumerate(ranked):
        threshold = level / (len(ranked) - place)
        # Once one is not rejected, nor are those above it, whatever their own thresholds would be.
        rejecting = rejecting and p_values[name] <= threshold
        thresholds[name] = threshold if rejecting else min(threshold, level / len(ranked))
    return thresholds


def _gaussian(vectors: Floats) -> Floats:
    squares = np.einsum("ij,ij->i", vectors, vectors)
    distances = np.maximum(squares[:, None] + squares[None, :] - 2 * vectors @ vectors.T, 0)
    width = float(np.median(distances[np.triu_indices(len(vectors), 1)]))
    return np.asarray(np.exp(-distances / max(width, _SHORTEST)), dtype=np.float32)
