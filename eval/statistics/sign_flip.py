"""The paired permutation test: were the two arms the same, each difference could as well have the other sign."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray

from eval.statistics.mcnemar import mcnemar
from eval.statistics.units import Floats, units_of

_FLIPS = 9_999
_MOST_ENUMERATED = 14
"""Units whose signs are flipped in every way: 16,384 of them."""
_WIDEST = 20_000
"""Largest sum of whole differences whose distribution is counted out."""
_AT_ONCE = 1_000_000
"""Signs that are drawn at a time, so that memory is bounded."""


def sign_flip(
    differences: Sequence[float], groups: Sequence[Hashable] | None = None, *, seed: int = 0
) -> float:
    """Two-sided p-value, in (0, 1], of a mean difference as far from zero as this one, were there none.

    Fisher, The Design of Experiments (1935), section 21. With `groups`, one for each difference, the signs of a
    whole group are flipped together: its cases are not independent. Exact for differences that are whole numbers
    (for those of right and wrong, without groups, it is McNemar's exact test) and for up to 14 units; else of 9,999
    random flips, with the observed one counted among them: without it the test would be wrong too often (Phipson
    and Smyth, Permutation P-values Should Never Be Zero, 2010). Raises `ValueError` as `units_of`.
    """
    sums = units_of(differences, groups).sums
    sums = sums[sums != 0]
    if not len(sums):
        return 1.0
    whole = bool((sums == np.round(sums)).all())
    if whole and np.abs(sums).max() == 1:
        return mcnemar(int((sums > 0).sum()), int((sums < 0).sum()))
    if whole and np.abs(sums).sum() <= _WIDEST:
        return _counted(sums)
    if len(sums) <= _MOST_ENUMERATED:
        return float(_as_far(_every_flip(sums), sums).mean())
    return _drawn(sums, seed)


def _counted(sums: Floats) -> float:
    """Of whole sums: the chance of each total, added up sum by sum."""
    steps = np.abs(sums).astype(int)
    total, observed = int(steps.sum()), abs(int(sums.sum()))
    chances = np.zeros(2 * total + 1)  # of the totals -total ... total
    chances[total] = 1.0
    for step in steps:
        moved = np.zeros_like(chances)
        moved[step:] += chances[:-step] / 2
        moved[:-step] += chances[step:] / 2
        chances = moved
    tail = float(chances[total + observed :].sum())
    return min(1.0, 2 * tail if observed else 1.0)


def _every_flip(sums: Floats) -> Floats:
    totals = np.zeros(1)
    for one in sums:
        totals = np.concatenate([totals + one, totals - one])
    return totals


def _drawn(sums: Floats, seed: int) -> float:
    rng = np.random.default_rng(seed)
    # What is drawn must not depend on the order of the cases.
    ordered = np.sort(np.abs(sums))
    as_far, left = 0, _FLIPS
    while left:
        draws = min(left, max(1, _AT_ONCE // len(ordered)))
        signs = rng.integers(0, 2, (draws, len(ordered)), dtype=np.int8)
        as_far += int(_as_far(2 * (signs @ ordered) - ordered.sum(), sums).sum())
        left -= draws
    return (as_far + 1) / (_FLIPS + 1)


def _as_far(totals: Floats, sums: Floats) -> NDArray[np.bool_]:
    """Which totals are as far from zero as the observed one, but for the rounding of floats."""
    found: NDArray[np.bool_] = np.abs(totals) >= abs(sums.sum()) - 1e-9 * np.abs(sums).sum()
    return found
