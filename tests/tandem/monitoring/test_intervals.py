"""Intervals of live figures are those of the literature, and never claim more than there is."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tandem.monitoring.figures import Moments
from tandem.monitoring.intervals import Z_95, mean, mean_difference, share, share_difference


@given(st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_has_wilsons_interval(counted: tuple[int, int]) -> None:
    found = share(*counted)
    known = stats.binomtest(*counted).proportion_ci(0.95, "wilson")
    assert found is not None
    assert found.low == pytest.approx(known.low, abs=1e-6)
    assert found.high == pytest.approx(known.high, abs=1e-6)


def test_the_difference_of_shares_is_newcombes_published_example() -> None:
    # Newcombe 1998, table II: 56/70 and 48/80 by method 10 give 0.0524 to 0.3339.
    found = share_difference((56, 70), (48, 80), Z_95)
    assert found is not None and found.value == pytest.approx(0.2)
    assert (found.low, found.high) == (pytest.approx(0.0524, abs=1e-4), pytest.approx(0.3339, abs=1e-4))


def test_a_mean_has_the_interval_of_its_values() -> None:
    values = [0.2, 0.5, 0.9, 1.0]
    found = mean(Moments(4, sum(values), sum(value**2 for value in values)))
    assert found is not None and found.low is not None
    spread = stats.sem(values)
    assert found.value == pytest.approx(0.65)
    assert found.low == pytest.approx(0.65 - Z_95 * spread)


def test_nothing_has_no_interval() -> None:
    assert share(0, 0) is None
    assert mean(Moments()) is None
    assert share_difference((0, 0), (1, 2)) is None
    assert mean_difference(Moments(1, 1.0, 1.0), Moments(9, 9.0, 9.0)) is None


def test_two_constant_samples_of_few_values_leave_a_doubt() -> None:
    found = mean_difference(Moments(3, 0.0, 0.0), Moments(3, 3.0, 3.0))
    assert found is not None and found.low is not None and found.high is not None
    assert found.low < -1 < found.high
    assert not math.isnan(found.low)
