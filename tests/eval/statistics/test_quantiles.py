"""Percentiles with their intervals."""

import numpy as np
import pytest
from scipy.stats import quantile_test

from eval.statistics import quantile


def test_it_lies_between_neighbours_and_the_ends_are_those_of_scipy() -> None:
    values = np.random.default_rng(3).lognormal(0, 1, 300)
    for share in (0.5, 0.95):
        found = quantile(values.tolist(), share)
        low = quantile_test(values, p=share, alternative="two-sided").confidence_interval(0.95)
        assert found.value == pytest.approx(np.quantile(values, share))
        assert (found.low, found.high) == pytest.approx((low.low, low.high))
        assert found.bounded


def test_too_few_values_do_not_bound_a_95th_percentile() -> None:
    assert quantile([float(n) for n in range(73)], 0.95).bounded
    few = quantile([float(n) for n in range(71)], 0.95)
    assert not few.bounded
    assert few.high == 70.0
    assert quantile([2.0], 0.5).value == 2.0
    with pytest.raises(ValueError, match="needs values"):
        quantile([], 0.5)


def test_it_holds_the_true_percentile_at_least_as_often_as_it_says() -> None:
    rng = np.random.default_rng(9)
    true = float(np.quantile(rng.lognormal(0, 1, 400_000), 0.95))
    found = [quantile(rng.lognormal(0, 1, 120).tolist(), 0.95) for _ in range(400)]
    assert np.mean([one.low <= true <= one.high for one in found]) >= 0.94
