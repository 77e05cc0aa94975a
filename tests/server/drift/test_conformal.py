"""The threshold holds its rate for any distribution."""

from math import inf

import numpy as np
import pytest

from server.drift.conformal import conformal_threshold, fewest, rate_interval


def test_the_threshold_is_the_place_that_the_rate_asks_for() -> None:
    assert conformal_threshold([float(value) for value in range(1, 20)], 0.05) == 19
    assert conformal_threshold([float(value) for value in range(1, 100)], 0.05) == 95


def test_too_few_distances_call_nothing_outside() -> None:
    assert fewest(0.05) == 19
    assert conformal_threshold([1.0] * 18, 0.05) == inf


@pytest.mark.parametrize("draw", ["normal", "exponential", "standard_cauchy"])
def test_new_values_are_above_it_as_often_as_promised(draw: str) -> None:
    rng = np.random.default_rng(7)
    above = []
    for _ in range(3_000):
        values = getattr(rng, draw)(size=40)
        above.append(values[-1] > conformal_threshold(values[:-1].tolist(), 0.1))
    assert np.mean(above) == pytest.approx(0.1, abs=0.02)


def test_the_interval_says_how_sure_one_calibration_is() -> None:
    low, high = rate_interval(250, 0.05)
    assert 0.02 < low < 0.05 < high < 0.08
    assert rate_interval(10, 0.05) == (0.0, 0.0)
