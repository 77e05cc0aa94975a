"""Intervals of a difference, by resampling cases or documents."""

from math import sqrt

import numpy as np
import pytest
from scipy.stats import bootstrap

from eval.statistics import paired_interval, unit_spread
from tandem.resampling import bootstrap_mean


def zero_inflated(rng: np.random.Generator, cases: int) -> np.ndarray:
    """F1 of two arms that mostly find nothing, one less the other; truly alike."""
    found = rng.random((2, cases)) < 0.4
    one, other = np.where(found, rng.beta(0.8, 1.2, (2, cases)), 0.0)
    return one - other


def right_or_wrong(rng: np.random.Generator, cases: int, only_one: float) -> np.ndarray:
    return (rng.random(cases) < only_one).astype(float)


def test_it_is_the_percentile_bootstrap_of_scipy_but_for_the_draws() -> None:
    values = zero_inflated(np.random.default_rng(2), 120)
    found = paired_interval(values.tolist())
    theirs = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1)
    assert found.mean == pytest.approx(values.mean())
    assert found.low == pytest.approx(theirs.confidence_interval.low, abs=0.004)
    assert found.high == pytest.approx(theirs.confidence_interval.high, abs=0.004)
    ours = bootstrap_mean(values.tolist())
    assert (found.low, found.high) == pytest.approx((ours.low, ours.high))


def test_shares_are_a_little_wider_and_never_without_doubt() -> None:
    values = zero_inflated(np.random.default_rng(2), 120).tolist()
    plain, careful = paired_interval(values), paired_interval(values, shares=True)
    assert 1 < (careful.high - careful.low) / (plain.high - plain.low) < 1.06
    alike = paired_interval([0.0] * 100, shares=True)
    assert alike.mean == 0
    assert 0.01 < alike.high < 0.03  # three in a hundred may differ though none of these did
    best = paired_interval([1.0] * 8, shares=True)
    assert (best.mean, best.high) == (1.0, 1.0)


def test_both_sides_see_the_same_interval() -> None:
    values = zero_inflated(np.random.default_rng(3), 40).tolist()
    ours = paired_interval(values, shares=True)
    theirs = paired_interval([-one for one in values], shares=True)
    assert (ours.low, ours.high) == pytest.approx((-theirs.high, -theirs.low))


def test_cases_of_one_document_count_as_less_than_as_many_of_several() -> None:
    rng = np.random.default_rng(4)
    values = np.repeat(rng.normal(0, 0.3, 30), 6).tolist()  # six questions a document, all alike
    documents = np.repeat(np.arange(30), 6).tolist()
    one_by_one, together = paired_interval(values), paired_interval(values, documents)
    assert together.mean == pytest.approx(one_by_one.mean)
    ratio = (together.high - together.low) / (one_by_one.high - one_by_one.low)
    assert ratio == pytest.approx(sqrt(6), rel=0.1)
    assert unit_spread(values, documents)[1] == 30


def test_the_spread_is_the_standard_deviation_with_one_case_more_for_shares() -> None:
    values = [0.5, 0.0, -0.5, 1.0]
    assert unit_spread(values) == (pytest.approx(np.std(values, ddof=1)), 4)
    assert unit_spread([0.0] * 101, shares=True) == (pytest.approx(0.1), 101)
    # By hand, groups of 1 and 3 cases: mean 0.5, sums less size times mean 0.5 and -0.5, over the mean size 2.
    assert unit_spread([1.0, 1.0, 0.0, 0.0], ["a", "b", "b", "b"])[0] == pytest.approx(sqrt(2 * 0.25**2))
    with pytest.raises(ValueError, match="one unit"):
        unit_spread([1.0, 0.0], ["a", "a"])


@pytest.mark.parametrize(
    ("kind", "truth", "cases"),
    [
        (zero_inflated, 0.0, 50),
        (lambda rng, cases: right_or_wrong(rng, cases, 0.02), 0.02, 50),
        (lambda rng, cases: right_or_wrong(rng, cases, 0.1), 0.1, 50),
    ],
)
def test_it_holds_the_truth_about_as_often_as_it_says(kind, truth: float, cases: int) -> None:
    rng = np.random.default_rng(6)
    runs = 150
    intervals = [paired_interval(kind(rng, cases).tolist(), shares=True) for _ in range(runs)]
    held = sum(one.low <= truth <= one.high for one in intervals)
    assert held / runs >= 0.91
