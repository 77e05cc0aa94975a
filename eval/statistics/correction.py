"""Many comparisons at once: of twenty where nothing differs, one looks as if it did."""

from collections.abc import Sequence

import numpy as np


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values, in the order given, such that below 5% at most one family in twenty holds a false one.

    Holm, A Simple Sequentially Rejective Multiple Test Procedure (1979). It supposes nothing of how the comparisons
    hang together. Raises `ValueError` for what is not in [0, 1].
    """
    known, order = _ordered(p_values)
    count = len(known)
    steps = np.maximum.accumulate(known[order] * (count - np.arange(count)))
    return _back(steps, order)


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """P-values, in the order given, such that of those below 5% on average one in twenty is false.

    For looking around in many measures, not for deciding. Benjamini and Hochberg, Controlling the False Discovery
    Rate (1995); for comparisons that are independent or hang together positively. Raises as `holm`.
    """
    known, order = _ordered(p_values)
    count = len(known)
    steps = np.minimum.accumulate((known[order] * count / np.arange(1, count + 1))[::-1])[::-1]
    return _back(steps, order)


def _ordered(p_values: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    known = np.asarray(p_values, dtype=np.float64)
    if not ((known >= 0) & (known <= 1)).all():
        raise ValueError("a p-value lies in [0, 1]")
    return known, np.argsort(known, kind="stable")


def _back(steps: np.ndarray, order: np.ndarray) -> list[float]:
    adjusted = np.empty_like(steps)
    adjusted[order] = np.minimum(steps, 1.0)
    return [float(one) for one in adjusted]
