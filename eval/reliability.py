"""How well a score tells right from wrong, and how well a probability keeps its word.

Everything here takes `labels` (true where it was right) and `scores` of the same length, higher for surer.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Measure = Callable[[ArrayLike, ArrayLike], float]


@dataclass(frozen=True, slots=True)
class Bin:
    """The cases whose probability lies in one range: what was said of them, and what came true."""

    least: float
    most: float
    cases: int
    said: float
    """Mean probability."""
    came_true: float
    """Share of true labels."""


def auroc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Probability that a true case scores above a false one, ties counting half (Hanley and McNeil 1982).

    0.5 is chance. NaN where all labels are the same.
    """
    truth, values = _arrays(labels, scores)
    positives, negatives = values[truth], values[~truth]
    if not len(positives) or not len(negatives):
        return float("nan")
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, "left") + np.searchsorted(ordered, positives, "right")
    return float(below.mean() / (2 * len(negatives)))


def brier(labels: ArrayLike, probabilities: ArrayLike) -> float:
    """Mean squared distance of probability and outcome (Brier 1950); 0 is perfect."""
    truth, values = _arrays(labels, probabilities)
    return float(((values - truth) ** 2).mean())


def reliability_diagram(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> list[Bin]:
    """The cases in `bins` ranges of equal width, those without a case left out (DeGroot and Fienberg 1983)."""
    truth, values = _arrays(labels, probabilities)
    place = np.minimum((values * bins).astype(int), bins - 1)
    return [
        Bin(n / bins, (n + 1) / bins, int(held.sum()), float(values[held].mean()), float(truth[held].mean()))
        for n in range(bins)
        if (held := place == n).any()
    ]


def expected_calibration_error(labels: ArrayLike, probabilities: ArrayLike, bins: int = 10) -> float:
    """ECE: the mean distance of what was said and what came true, over the bins by their cases.

    Naeini, Cooper and Hauskrecht 2015 (AAAI); as in Guo et al. 2017, equation 3.
    """
    diagram = reliability_diagram(labels, probabilities, bins)
    cases = sum(each.cases for each in diagram)
    return sum(each.cases * abs(each.said - each.came_true) for each in diagram) / cases if cases else 0.0


def risk_coverage(labels: ArrayLike, scores: ArrayLike) -> tuple[Floats, Floats]:
    """For each number of cases answered, the surest first: coverage, and risk, the share answered wrongly.

    El-Yaniv and Wiener 2010. Cases of equal score share their errors evenly, so that no order among them
    decides.
    """
    truth, values = _arrays(labels, scores)
    order = np.argsort(-values, kind="stable")
    wrong, ordered = (~truth[order]).astype(float), values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    sizes = np.diff(np.r_[starts, len(ordered)])
    shared = np.repeat(np.add.reduceat(wrong, starts) / sizes, sizes)
    answered = np.arange(1, len(values) + 1)
    return answered / len(values), np.cumsum(shared) / answered


def aurc(labels: ArrayLike, scores: ArrayLike) -> float:
    """Area under the risk-coverage curve: the mean risk over all coverages (Geifman, Uziel and El-Yaniv 2019).

    0 is perfect; a score that knows nothing has the share of wrong cases.
    """
    return float(risk_coverage(labels, scores)[1].mean())


def bootstrap(
    measure: Measure, labels: ArrayLike, scores: ArrayLike, groups: Sequence[int], *, draws: int = 1_000
) -> tuple[float, float]:
    """The 95% interval of a measure by the percentile bootstrap (Efron 1979) over groups of cases.

    Cases of one group, such as one question with and without its document, are drawn together.
    """
    truth, values = _arrays(labels, scores)
    members = [np.flatnonzero(np.asarray(groups) == group) for group in sorted(set(groups))]
    rng = np.random.default_rng(0)
    measured = []
    for _ in range(draws):
        drawn = np.concatenate([members[n] for n in rng.integers(0, len(members), len(members))])
        measured.append(measure(truth[drawn], values[drawn]))
    low, high = np.nanpercentile(measured, [2.5, 97.5])
    return float(low), float(high)


def _arrays(labels: ArrayLike, scores: ArrayLike) -> tuple[NDArray[np.bool_], Floats]:
    truth, values = np.asarray(labels, bool), np.asarray(scores, float)
    if truth.shape != values.shape or truth.ndim != 1:
        raise ValueError(f"labels {truth.shape} and scores {values.shape} must be two rows of one length")
    return truth, values
